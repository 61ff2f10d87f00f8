/* The group of points, affine and in Jacobian coordinates (GB/T 32918.1-2016, sections 3.2.3 and A.1.2.3). */
#include "curve.h"

#include <stddef.h>

#include "accel/golden.h"

typedef struct affine {
  number x, y;
} affine;

typedef struct jacobian {
  number x, y, z;
} jacobian;

static const affine kAffineInfinity = {{{0}}, {{0}}};
static const jacobian kJacobianInfinity = {{{1}}, {{1}}, {{0}}};

/* ---------------------------------------------------------------------------------------- the field */

static number plus(number a, number b) { return mod_add(&kP, a, b); }
static number minus(number a, number b) { return mod_sub(&kP, a, b); }
static number mul(number a, number b) { return mod_mul(&kP, a, b); }
static number sqr(number a) { return mul(a, a); }
static number times(uint32_t factor, number a) {
  const number small = {{factor}};
  return mul(small, a);
}

/* x^3 + a x + b */
static number right_side(number x) { return plus(plus(mul(sqr(x), x), mul(kA, x)), kB); }

/* ----------------------------------------------------------------------------- words to points and back */

static affine load_affine(const uint32_t words[16]) {
  const affine point = {load(words), load(words + 8)};
  return point;
}

static void store_affine(uint32_t words[16], affine point) {
  store(words, point.x);
  store(words + 8, point.y);
}

static jacobian load_jacobian(const uint32_t words[24]) {
  const jacobian point = {reduce_once(&kP, load(words)), reduce_once(&kP, load(words + 8)),
                          reduce_once(&kP, load(words + 16))};
  return point;
}

static void store_jacobian(uint32_t words[24], jacobian point) {
  store(words, point.x);
  store(words + 8, point.y);
  store(words + 16, point.z);
}

static int is_infinity(affine point) { return is_zero(point.x) && is_zero(point.y); }

/* On the curve, with coordinates in [0, p - 1]. Not infinity: (0, 0) is not on the curve, since b is not 0. */
static int is_point(affine point) {
  if (compare(point.x, kP.m) >= 0 || compare(point.y, kP.m) >= 0) return 0;
  return compare(sqr(point.y), right_side(point.x)) == 0;
}

static int is_group_element(affine point) { return is_infinity(point) || is_point(point); }

/* ----------------------------------------------------------------------------------- affine coordinates */

static affine negate(affine point) {
  point.y = minus(kZero, point.y);
  return point;
}

/* The third point on the line through (x1, y1) with this slope, and through a point with x2, mirrored. */
static affine from_slope(number slope, affine first, number x2) {
  affine sum;
  sum.x = minus(minus(sqr(slope), first.x), x2);
  sum.y = minus(mul(slope, minus(first.x, sum.x)), first.y);
  return sum;
}

/* The group has odd order, so no point but infinity is its own negative: y is not 0. */
static affine affine_double(affine point) {
  if (is_infinity(point)) return point;
  const number slope = mul(plus(times(3, sqr(point.x)), kA), mod_inv(&kP, times(2, point.y)));
  return from_slope(slope, point, point.x);
}

static affine affine_add(affine first, affine second) {
  if (is_infinity(first)) return second;
  if (is_infinity(second)) return first;
  if (compare(first.x, second.x) == 0) {
    return compare(first.y, second.y) == 0 ? affine_double(first) : kAffineInfinity;
  }
  const number slope = mul(minus(second.y, first.y), mod_inv(&kP, minus(second.x, first.x)));
  return from_slope(slope, first, second.x);
}

/* -------------------------------------------------------------------------------- Jacobian coordinates */

static jacobian to_jacobian(affine point) {
  const jacobian converted = {point.x, point.y, kOne};
  return is_infinity(point) ? kJacobianInfinity : converted;
}

static affine to_affine(jacobian point) {
  const number inverse = mod_inv(&kP, point.z); /* 0 for infinity, which gives (0, 0) */
  const number square = sqr(inverse);
  const affine converted = {mul(point.x, square), mul(point.y, mul(square, inverse))};
  return converted;
}

static jacobian jacobian_double(jacobian point) {
  if (is_zero(point.z)) return kJacobianInfinity;
  const number y2 = sqr(point.y);
  const number s = times(4, mul(point.x, y2));
  const number m = plus(times(3, sqr(point.x)), mul(kA, sqr(sqr(point.z))));
  jacobian twice;
  twice.x = minus(sqr(m), times(2, s));
  twice.y = minus(mul(m, minus(s, twice.x)), times(8, sqr(y2)));
  twice.z = times(2, mul(point.y, point.z));
  return is_zero(twice.z) ? kJacobianInfinity : twice;
}

/* With Z = 1 in `second` these are the values of the mixed addition. */
static jacobian jacobian_add(uint32_t* addition, jacobian first, jacobian second) {
  if (is_zero(first.z) || is_zero(second.z)) {
    const int first_is_infinite = is_zero(first.z);
    *addition = first_is_infinite ? ACCEL_GOLDEN_ADD_FIRST_INFINITE : ACCEL_GOLDEN_ADD_SECOND_INFINITE;
    const jacobian other = first_is_infinite ? second : first;
    return is_zero(other.z) ? kJacobianInfinity : other;
  }
  const number z1z1 = sqr(first.z), z2z2 = sqr(second.z);
  const number u1 = mul(first.x, z2z2), u2 = mul(second.x, z1z1);
  const number s1 = mul(first.y, mul(z2z2, second.z)), s2 = mul(second.y, mul(z1z1, first.z));
  const number h = minus(u2, u1), r = minus(s2, s1);
  if (is_zero(h)) {
    *addition = is_zero(r) ? ACCEL_GOLDEN_ADD_EQUAL : ACCEL_GOLDEN_ADD_OPPOSITE;
    return is_zero(r) ? jacobian_double(first) : kJacobianInfinity;
  }
  *addition = ACCEL_GOLDEN_ADD_GENERIC;
  const number h2 = sqr(h), h3 = mul(h2, h), u1h2 = mul(u1, h2);
  jacobian sum;
  sum.x = minus(minus(sqr(r), h3), times(2, u1h2));
  sum.y = minus(mul(r, minus(u1h2, sum.x)), mul(s1, h3));
  sum.z = mul(mul(first.z, second.z), h);
  return sum;
}

/* Where steps go; those beyond the capacity are only counted. */
typedef struct recorder {
  accel_golden_step* steps;
  uint64_t capacity, count;
} recorder;

static void record(recorder* out, int bit_index, uint32_t operation, uint32_t addition, jacobian accumulator) {
  if (out->count < out->capacity) {
    accel_golden_step* step = &out->steps[out->count];
    step->bit = (uint32_t)bit_index;
    step->operation = operation;
    step->addition = addition;
    store_jacobian(step->jacobian, accumulator);
  }
  out->count++;
}

/* [k]P by the binary method, from the highest set bit down. */
static jacobian multiply_steps(recorder* out, number k, jacobian point) {
  jacobian q = kJacobianInfinity;
  int i = 255;
  while (i >= 0 && !bit(k, i)) i--;
  for (; i >= 0; i--) {
    q = jacobian_double(q);
    record(out, i, ACCEL_GOLDEN_DOUBLE, 0, q);
    if (bit(k, i)) {
      uint32_t addition;
      q = jacobian_add(&addition, q, point);
      record(out, i, ACCEL_GOLDEN_ADD, addition, q);
    }
  }
  return q;
}

/* ------------------------------------------------------------------------------- the library's face, affine */

int32_t accel_golden_point_check(const uint32_t point[16]) {
  if (point == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  return is_point(load_affine(point)) ? ACCEL_GOLDEN_OK : ACCEL_GOLDEN_BAD_KEY;
}

/* p = 3 mod 4, so a^((p + 1) / 4) is a square root of a, if a has one (GB/T 32918.1-2016, section B.1.4). */
static number square_root(number a) {
  number exponent = kP.m;
  for (int i = 0; i < 8; i++) { /* (p + 1) / 4 = (p - 3) / 4 + 1 */
    exponent.word[i] = exponent.word[i] >> 2 | (i < 7 ? exponent.word[i + 1] << 30 : 0);
  }
  uint32_t carry;
  return mod_pow(&kP, a, add(exponent, kOne, &carry));
}

int32_t accel_golden_point_decompress(uint32_t point_out[16], const uint32_t x[8], uint32_t odd) {
  if (point_out == NULL || x == NULL || odd > 1) return ACCEL_GOLDEN_BAD_ARGUMENT;
  affine point = {load(x), square_root(right_side(load(x)))};
  if (bit(point.y, 0) != odd) point = negate(point);
  const int found = is_point(point); /* x is below p, and the root is one */
  store_affine(point_out, found ? point : kAffineInfinity);
  return found ? ACCEL_GOLDEN_OK : ACCEL_GOLDEN_BAD_KEY;
}

int32_t accel_golden_point_negate(uint32_t point_out[16], const uint32_t point[16]) {
  if (point_out == NULL || point == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  const affine p = load_affine(point);
  const int valid = is_group_element(p);
  store_affine(point_out, valid ? negate(p) : kAffineInfinity);
  return valid ? ACCEL_GOLDEN_OK : ACCEL_GOLDEN_BAD_KEY;
}

int32_t accel_golden_point_double(uint32_t point_out[16], const uint32_t point[16]) {
  return accel_golden_point_add(point_out, point, point);
}

int32_t accel_golden_point_add(uint32_t point_out[16], const uint32_t first[16], const uint32_t second[16]) {
  if (point_out == NULL || first == NULL || second == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  const affine p = load_affine(first), q = load_affine(second);
  const int valid = is_group_element(p) && is_group_element(q);
  store_affine(point_out, valid ? affine_add(p, q) : kAffineInfinity);
  return valid ? ACCEL_GOLDEN_OK : ACCEL_GOLDEN_BAD_KEY;
}

int32_t accel_golden_point_multiply(uint32_t point_out[16], const uint32_t k[8], const uint32_t point[16]) {
  if (point_out == NULL || k == NULL || point == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  const affine p = load_affine(point);
  const int valid = is_group_element(p);
  recorder nowhere = {NULL, 0, 0};
  const jacobian result = valid ? multiply_steps(&nowhere, load(k), to_jacobian(p)) : kJacobianInfinity;
  store_affine(point_out, to_affine(result));
  return valid ? ACCEL_GOLDEN_OK : ACCEL_GOLDEN_BAD_KEY;
}

/* ----------------------------------------------------------------------------- the library's face, Jacobian */

int32_t accel_golden_jacobian_from_affine(uint32_t jacobian_out[24], const uint32_t point[16]) {
  if (jacobian_out == NULL || point == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  const affine p = {reduce_once(&kP, load(point)), reduce_once(&kP, load(point + 8))};
  store_jacobian(jacobian_out, to_jacobian(p));
  return ACCEL_GOLDEN_OK;
}

int32_t accel_golden_jacobian_to_affine(uint32_t point_out[16], const uint32_t words[24]) {
  if (point_out == NULL || words == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  store_affine(point_out, to_affine(load_jacobian(words)));
  return ACCEL_GOLDEN_OK;
}

int32_t accel_golden_jacobian_double(uint32_t jacobian_out[24], const uint32_t words[24]) {
  if (jacobian_out == NULL || words == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  store_jacobian(jacobian_out, jacobian_double(load_jacobian(words)));
  return ACCEL_GOLDEN_OK;
}

int32_t accel_golden_jacobian_add(uint32_t jacobian_out[24], uint32_t* addition_out, const uint32_t first[24],
                                  const uint32_t second[24]) {
  if (jacobian_out == NULL || first == NULL || second == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  uint32_t addition;
  store_jacobian(jacobian_out, jacobian_add(&addition, load_jacobian(first), load_jacobian(second)));
  if (addition_out != NULL) *addition_out = addition;
  return ACCEL_GOLDEN_OK;
}

int32_t accel_golden_jacobian_add_affine(uint32_t jacobian_out[24], uint32_t* addition_out, const uint32_t first[24],
                                         const uint32_t second[16]) {
  uint32_t converted[24];
  const int32_t status = accel_golden_jacobian_from_affine(converted, second);
  return status == ACCEL_GOLDEN_OK ? accel_golden_jacobian_add(jacobian_out, addition_out, first, converted) : status;
}

int32_t accel_golden_point_multiply_trace(accel_golden_step* steps_out, uint64_t capacity, uint64_t* count_out,
                                          const uint32_t k[8], const uint32_t point[16]) {
  if (count_out == NULL || k == NULL || point == NULL || (steps_out == NULL && capacity != 0)) {
    return ACCEL_GOLDEN_BAD_ARGUMENT;
  }
  *count_out = 0;
  const affine p = load_affine(point);
  if (!is_group_element(p)) return ACCEL_GOLDEN_BAD_KEY;
  recorder out = {steps_out, capacity, 0};
  multiply_steps(&out, load(k), to_jacobian(p));
  *count_out = out.count;
  return out.count <= capacity ? ACCEL_GOLDEN_OK : ACCEL_GOLDEN_BAD_ARGUMENT;
}
