/* The library's face for numbers: constants, arithmetic modulo p and n, Montgomery products. */
#include <stddef.h>

#include "accel/golden.h"
#include "curve.h"
#include "modular.h"

uint32_t accel_golden_abi_version(void) { return ACCEL_GOLDEN_ABI_VERSION; }

const char* accel_golden_status_name(int32_t status) {
  switch (status) {
    case ACCEL_GOLDEN_NOT_CHECKED:
      return "NOT_CHECKED";
    case ACCEL_GOLDEN_OK:
      return "OK";
    case ACCEL_GOLDEN_BAD_SIGNATURE:
      return "BAD_SIGNATURE";
    case ACCEL_GOLDEN_BAD_KEY:
      return "BAD_KEY";
    case ACCEL_GOLDEN_BAD_RANGE:
      return "BAD_RANGE";
    case ACCEL_GOLDEN_BAD_PROOF:
      return "BAD_PROOF";
    case ACCEL_GOLDEN_BAD_ARGUMENT:
      return "BAD_ARGUMENT";
    default:
      return "UNKNOWN";
  }
}

int32_t accel_golden_number_from_bytes(uint32_t number_out[8], const uint8_t bytes[32]) {
  if (number_out == NULL || bytes == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  number a = kZero;
  for (int i = 0; i < 32; i++) a.word[7 - i / 4] |= (uint32_t)bytes[i] << (24 - 8 * (i % 4));
  store(number_out, a);
  return ACCEL_GOLDEN_OK;
}

int32_t accel_golden_number_to_bytes(uint8_t bytes_out[32], const uint32_t number_in[8]) {
  if (bytes_out == NULL || number_in == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  const number a = load(number_in);
  for (int i = 0; i < 32; i++) bytes_out[i] = (uint8_t)(a.word[7 - i / 4] >> (24 - 8 * (i % 4)));
  return ACCEL_GOLDEN_OK;
}

static const modulus* find_modulus(uint32_t name) {
  return name == ACCEL_GOLDEN_P ? &kP : name == ACCEL_GOLDEN_N ? &kN : NULL;
}

/* The low half of a * b: the product modulo R = 2^256. */
static number multiply_low(number a, number b) { return load(multiply(a, b).word); }

/* -m^-1 mod R for an odd m, by Newton's iteration: if m x = 1 modulo 2^k, then m x (2 - m x) = 1 modulo 2^2k. x = 1 is
 * right modulo 2. */
static number minus_inverse(number m) {
  const number two = {{2}};
  number x = kOne;
  uint32_t borrow;
  for (int bits = 1; bits < 256; bits *= 2) x = multiply_low(x, subtract(two, multiply_low(m, x), &borrow));
  return subtract(kZero, x, &borrow);
}

int32_t accel_golden_constant(uint32_t number_out[8], uint32_t name) {
  if (number_out == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  number value;
  switch (name) {
    case ACCEL_GOLDEN_P:
      value = kP.m;
      break;
    case ACCEL_GOLDEN_N:
      value = kN.m;
      break;
    case ACCEL_GOLDEN_A:
      value = kA;
      break;
    case ACCEL_GOLDEN_B:
      value = kB;
      break;
    case ACCEL_GOLDEN_GX:
      value = load(kG);
      break;
    case ACCEL_GOLDEN_GY:
      value = load(kG + 8);
      break;
    case ACCEL_GOLDEN_R_MOD_P:
      value = kP.fold;
      break;
    case ACCEL_GOLDEN_R_MOD_N:
      value = kN.fold;
      break;
    case ACCEL_GOLDEN_R2_MOD_P:
      value = mod_mul(&kP, kP.fold, kP.fold);
      break;
    case ACCEL_GOLDEN_R2_MOD_N:
      value = mod_mul(&kN, kN.fold, kN.fold);
      break;
    case ACCEL_GOLDEN_MINUS_INV_P:
      value = minus_inverse(kP.m);
      break;
    case ACCEL_GOLDEN_MINUS_INV_N:
      value = minus_inverse(kN.m);
      break;
    default:
      return ACCEL_GOLDEN_BAD_ARGUMENT;
  }
  store(number_out, value);
  return ACCEL_GOLDEN_OK;
}

int32_t accel_golden_product(uint32_t product_out[16], const uint32_t a[8], const uint32_t b[8]) {
  if (product_out == NULL || a == NULL || b == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  const product t = multiply(load(a), load(b));
  memcpy(product_out, t.word, sizeof(t.word));
  return ACCEL_GOLDEN_OK;
}

/* ------------------------------------------------------------------------------------- modulo p or n */

typedef number operation(const modulus* m, number a, number b);

static int32_t apply(operation* f, uint32_t result_out[8], uint32_t name, const uint32_t a[8], const uint32_t b[8]) {
  const modulus* m = find_modulus(name);
  if (m == NULL || result_out == NULL || a == NULL || b == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  store(result_out, f(m, load(a), load(b)));
  return ACCEL_GOLDEN_OK;
}

int32_t accel_golden_mod_add(uint32_t result_out[8], uint32_t name, const uint32_t a[8], const uint32_t b[8]) {
  return apply(mod_add, result_out, name, a, b);
}

int32_t accel_golden_mod_sub(uint32_t result_out[8], uint32_t name, const uint32_t a[8], const uint32_t b[8]) {
  return apply(mod_sub, result_out, name, a, b);
}

int32_t accel_golden_mod_mul(uint32_t result_out[8], uint32_t name, const uint32_t a[8], const uint32_t b[8]) {
  return apply(mod_mul, result_out, name, a, b);
}

int32_t accel_golden_mod_inv(uint32_t result_out[8], uint32_t name, const uint32_t a[8]) {
  const modulus* m = find_modulus(name);
  if (m == NULL || result_out == NULL || a == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  const number inverse = mod_inv(m, load(a));
  store(result_out, inverse);
  return is_zero(inverse) ? ACCEL_GOLDEN_BAD_RANGE : ACCEL_GOLDEN_OK;
}

/* ------------------------------------------------------------------------------ Montgomery's domain */

int32_t accel_golden_mont_mul_trace(accel_golden_montgomery* trace_out, uint32_t name, const uint32_t a[8],
                                    const uint32_t b[8]) {
  const modulus* m = find_modulus(name);
  if (m == NULL || trace_out == NULL || a == NULL || b == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  if (trace_out->struct_size < sizeof(*trace_out)) return ACCEL_GOLDEN_BAD_ARGUMENT;
  const product t = multiply(load(a), load(b));
  const number q = multiply_low(load(t.word), minus_inverse(m->m));
  const product qm = multiply(q, m->m);
  memcpy(trace_out->product, t.word, sizeof(t.word));
  store(trace_out->quotient, q);

  /* T + q m is a multiple of R by the choice of q: the low half of the sum is zero and falls away. */
  uint64_t carry = 0;
  for (int i = 0; i < 16; i++) {
    carry += (uint64_t)t.word[i] + qm.word[i];
    if (i >= 8) trace_out->sum[i - 8] = (uint32_t)carry;
    carry >>= 32;
  }
  trace_out->sum[8] = (uint32_t)carry;

  number result = load(trace_out->sum);
  uint32_t top = trace_out->sum[8];
  trace_out->subtractions = 0;
  while (top != 0 || compare(result, m->m) >= 0) {
    uint32_t borrow;
    result = subtract(result, m->m, &borrow);
    top -= borrow;
    trace_out->subtractions++;
  }
  store(trace_out->result, result);
  return ACCEL_GOLDEN_OK;
}

int32_t accel_golden_mont_mul(uint32_t result_out[8], uint32_t name, const uint32_t a[8], const uint32_t b[8]) {
  accel_golden_montgomery trace = {.struct_size = sizeof(trace)};
  if (result_out == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  const int32_t status = accel_golden_mont_mul_trace(&trace, name, a, b);
  if (status == ACCEL_GOLDEN_OK) memcpy(result_out, trace.result, sizeof(trace.result));
  return status;
}

/* a * R by the definition, not by a Montgomery product. */
int32_t accel_golden_to_mont(uint32_t result_out[8], uint32_t name, const uint32_t a[8]) {
  const modulus* m = find_modulus(name);
  return m == NULL ? ACCEL_GOLDEN_BAD_ARGUMENT : apply(mod_mul, result_out, name, a, m->fold.word);
}

/* a * R^-1, by the definition too. */
int32_t accel_golden_from_mont(uint32_t result_out[8], uint32_t name, const uint32_t a[8]) {
  const modulus* m = find_modulus(name);
  if (m == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  const number inverse_of_r = mod_inv(m, m->fold);
  return apply(mod_mul, result_out, name, a, inverse_of_r.word);
}
