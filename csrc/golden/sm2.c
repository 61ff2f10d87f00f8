/* SM2 signatures, step by step (GB/T 32918.2-2016). */
#include <stddef.h>
#include <string.h>

#include "accel/golden.h"
#include "curve.h"
#include "modular.h"

/* ------------------------------------------------------------------------ section 5.5: ZA, and e of section 6.1 */

static void put_number(uint8_t** at, number a) {
  accel_golden_number_to_bytes(*at, a.word);
  *at += 32;
}

int32_t accel_golden_sm2_za_input(uint8_t* input_out, uint64_t capacity, uint64_t* length_out, const uint8_t* id,
                                  uint64_t id_length, const uint32_t key[16]) {
  if (length_out == NULL || key == NULL || (id == NULL && id_length != 0)) return ACCEL_GOLDEN_BAD_ARGUMENT;
  if (id_length > ACCEL_GOLDEN_MAX_ID_LENGTH) return ACCEL_GOLDEN_BAD_ARGUMENT;
  *length_out = 2 + id_length + 6 * 32;
  if (input_out == NULL || capacity < *length_out) return ACCEL_GOLDEN_BAD_ARGUMENT;
  uint8_t* at = input_out;
  const uint64_t entl = 8 * id_length; /* the ID's length in bits, in two bytes */
  *at++ = (uint8_t)(entl >> 8);
  *at++ = (uint8_t)entl;
  if (id_length != 0) memcpy(at, id, id_length);
  at += id_length;
  put_number(&at, kA);
  put_number(&at, kB);
  put_number(&at, load(kG));
  put_number(&at, load(kG + 8));
  put_number(&at, load(key));
  put_number(&at, load(key + 8));
  return ACCEL_GOLDEN_OK;
}

int32_t accel_golden_sm2_za(uint8_t za_out[32], const uint8_t* id, uint64_t id_length, const uint32_t key[16]) {
  uint8_t input[ACCEL_GOLDEN_MAX_ZA_INPUT];
  uint64_t length;
  const int32_t status = accel_golden_sm2_za_input(input, sizeof(input), &length, id, id_length, key);
  return status == ACCEL_GOLDEN_OK ? accel_golden_sm3_hash(za_out, input, length) : status;
}

int32_t accel_golden_sm2_e(uint32_t e_out[8], const uint8_t* id, uint64_t id_length, const uint32_t key[16],
                           const uint8_t* message, uint64_t message_length) {
  uint8_t za[32], digest[32];
  const int with_za = id_length != ACCEL_GOLDEN_NO_ZA;
  int32_t status = with_za ? accel_golden_sm2_za(za, id, id_length, key) : ACCEL_GOLDEN_OK;
  if (status != ACCEL_GOLDEN_OK) return status;
  status = accel_golden_sm3_hash_prefixed(digest, za, with_za ? sizeof(za) : 0, message, message_length);
  return status == ACCEL_GOLDEN_OK ? accel_golden_number_from_bytes(e_out, digest) : status;
}

/* ------------------------------------------------------------------------------------------------------ keys */

/* 1 <= a <= last */
static int in_range(number a, number last) { return !is_zero(a) && compare(a, last) <= 0; }

static number n_minus(uint32_t small) {
  const number subtrahend = {{small}};
  uint32_t borrow;
  return subtract(kN.m, subtrahend, &borrow);
}

int32_t accel_golden_sm2_public_key(uint32_t key_out[16], const uint32_t private_key[8]) {
  if (key_out == NULL || private_key == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  if (in_range(load(private_key), n_minus(2))) return accel_golden_point_multiply(key_out, private_key, kG);
  memset(key_out, 0, 16 * sizeof(*key_out));
  return ACCEL_GOLDEN_BAD_KEY;
}

/* ------------------------------------------------------------------------------------- section 7: verification */

/* [s]G + [t]P, with both halves; what the addition meets comes from their Jacobian coordinates. */
static void add_products(accel_golden_verification* v, const uint32_t s[8], const uint32_t key[16]) {
  uint32_t first[24], sum[24];
  accel_golden_point_multiply(v->sg, s, kG);
  accel_golden_point_multiply(v->tp, v->t, key);
  accel_golden_jacobian_from_affine(first, v->sg);
  accel_golden_jacobian_add_affine(sum, &v->addition, first, v->tp);
  accel_golden_point_add(v->sum, v->sg, v->tp);
  v->infinity = v->addition == ACCEL_GOLDEN_ADD_OPPOSITE;
}

static uint32_t verify(accel_golden_verification* v, const uint32_t key[16], const uint32_t r[8], const uint32_t s[8],
                       const uint32_t e[8]) {
  if (accel_golden_point_check(key) != ACCEL_GOLDEN_OK) return ACCEL_GOLDEN_BAD_KEY;
  const number t = mod_add(&kN, load(r), load(s)); /* B5 */
  store(v->t, t);
  const int r_and_s = in_range(load(r), n_minus(1)) && in_range(load(s), n_minus(1)); /* B1, B2 */
  if (!r_and_s || is_zero(t)) return ACCEL_GOLDEN_BAD_RANGE;
  add_products(v, s, key); /* B6 */
  if (v->infinity) return ACCEL_GOLDEN_BAD_SIGNATURE;
  const number x1 = reduce_once(&kN, load(v->sum)), computed = mod_add(&kN, load(e), x1); /* B7 */
  store(v->x1_mod_n, x1);
  store(v->r, computed);
  return compare(computed, load(r)) == 0 ? ACCEL_GOLDEN_OK : ACCEL_GOLDEN_BAD_SIGNATURE;
}

int32_t accel_golden_sm2_verify(accel_golden_verification* trace_out, const uint32_t key[16], const uint32_t r[8],
                                const uint32_t s[8], const uint32_t e[8]) {
  if (key == NULL || r == NULL || s == NULL || e == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  accel_golden_verification v = {.struct_size = sizeof(v)};
  if (trace_out != NULL && trace_out->struct_size < sizeof(v)) return ACCEL_GOLDEN_BAD_ARGUMENT;
  v.status = verify(&v, key, r, s, e);
  if (trace_out != NULL) {
    v.struct_size = trace_out->struct_size;
    *trace_out = v;
  }
  return (int32_t)v.status;
}

int32_t accel_golden_sm2_verify_bytes(accel_golden_verification* trace_out, const uint8_t key[64],
                                      const uint8_t signature[64], const uint8_t digest[32]) {
  if (key == NULL || signature == NULL || digest == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  uint32_t point[16], r[8], s[8], e[8];
  accel_golden_number_from_bytes(point, key);
  accel_golden_number_from_bytes(point + 8, key + 32);
  accel_golden_number_from_bytes(r, signature);
  accel_golden_number_from_bytes(s, signature + 32);
  accel_golden_number_from_bytes(e, digest);
  return accel_golden_sm2_verify(trace_out, point, r, s, e);
}

/* ------------------------------------------------------------------------------------------ section 6: signing */

static uint32_t sign(accel_golden_signing* v, number d, number e, number k) {
  if (!in_range(d, n_minus(2))) return ACCEL_GOLDEN_BAD_KEY;
  if (!in_range(k, n_minus(1))) return ACCEL_GOLDEN_BAD_RANGE;
  accel_golden_point_multiply(v->point, k.word, kG);          /* A4 */
  const number r = mod_add(&kN, e, load(v->point));           /* A5 */
  const number inverse = mod_inv(&kN, mod_add(&kN, kOne, d)); /* A6 */
  const number s = mod_mul(&kN, inverse, mod_sub(&kN, k, mod_mul(&kN, r, d)));
  store(v->r, r);
  store(v->inverse, inverse);
  store(v->s, s);
  const int again = is_zero(r) || is_zero(mod_add(&kN, r, k)) || is_zero(s);
  return again ? ACCEL_GOLDEN_BAD_SIGNATURE : ACCEL_GOLDEN_OK;
}

int32_t accel_golden_sm2_sign(accel_golden_signing* trace_out, const uint32_t private_key[8], const uint32_t e[8],
                              const uint32_t nonce[8]) {
  if (trace_out == NULL || private_key == NULL || e == NULL || nonce == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  accel_golden_signing v = {.struct_size = trace_out->struct_size};
  if (v.struct_size < sizeof(v)) return ACCEL_GOLDEN_BAD_ARGUMENT;
  v.status = sign(&v, load(private_key), load(e), load(nonce));
  *trace_out = v;
  return (int32_t)v.status;
}
