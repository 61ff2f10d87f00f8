// Points of y^2 = x^3 - 3x + b in three systems of coordinates.
//
// Jacobian and affine formulas never use b, so they hold in every group of a curve with a = -3: the tests run them in
// groups of 7 to 239 points. Group says which curve and which generator is meant.
#pragma once

#include "sm2/field.hpp"
#include "sm2/scalar.hpp"

namespace accel::sm2 {
namespace {

// Never infinity, except in the tables of a small group: there (0, 0) stands for it, which is on no curve with b != 0.
struct alignas(64) Affine {
  Fe x, y;
};

// x = X / Z^2, y = Y / Z^3; infinity has Z = 0.
struct Jacobian {
  Fe x, y, z;
};

// x = X / Z, y = Y / Z; infinity is (0 : 1 : 0).
struct Projective {
  Fe x, y, z;
};

// The group of GB/T 32918.5. kSmall: tables may hold infinity, because the order is below the tables' multiples.
struct Sm2Group {
  static constexpr bool kSmall = false;
  static constexpr Modulus kModulus = kOrder;
  static constexpr Fe kB = {{0x90d230632bc0dd42, 0x71cf379ae9b537ab, 0x527981505ea51c3c, 0x240fe188ba20e2c8}};
  static constexpr Affine kGenerator = {
      {{0x61328990f418029e, 0x3e7981eddca6c050, 0xd6a1ed99ac24c3c3, 0x91167a5ee1c13b05}},
      {{0xc1354e593c2d0ddd, 0xc1f5e5788d3295fa, 0x8d4cfb066e2a48f8, 0x63cd65d481d735bd}}};
};

ACCEL_INLINE bool is_infinity_var(const Affine& p) { return is_zero_var(p.x) && is_zero_var(p.y); }
ACCEL_INLINE bool is_infinity_var(const Jacobian& p) { return is_zero_var(p.z); }

template <class F, class Group>
inline bool is_on_curve_var(const Affine& p) {
  const Fe right = F::add(F::sub(F::mul(F::sqr(p.x), p.x), F::thrice(p.x)), Group::kB);
  return equal_var(F::sqr(p.y), right);
}

// 2p, for every p (4M + 4S): with Y' = 2Y, x = alpha^2 - 2 beta, y = alpha (beta - x) - Y'^4 / 2, z = Y' Z. A squaring
// saves less than the additions that would replace the product in z. Independent multiplications stand next to each
// other, here and below: one alone waits for itself.
template <class F>
ACCEL_INLINE Jacobian double_jacobian(const Jacobian& p) {
  const Fe delta = F::sqr(p.z);
  const Fe y2 = F::twice(p.y);
  const Fe gamma = F::sqr(y2);
  const Fe alpha = F::mul(F::sub(p.x, delta), F::thrice(F::add(p.x, delta)));
  Jacobian r;
  r.z = F::mul(y2, p.z);
  const Fe beta = F::mul(p.x, gamma);
  const Fe alpha_squared = F::sqr(alpha);
  const Fe gamma_squared = F::sqr(gamma);
  r.x = F::sub(F::sub(alpha_squared, beta), beta);
  r.y = F::sub(F::mul(alpha, F::sub(beta, r.x)), F::half(gamma_squared));
  return r;
}

// p + q for every p and every q, infinity in either place, q = p and q = -p included (8M + 3S).
template <class F>
ACCEL_INLINE Jacobian add_mixed_var(const Jacobian& p, const Affine& q) {
  if (is_infinity_var(q)) return p;
  if (is_infinity_var(p)) return {q.x, q.y, kFeOne};
  const Fe zz = F::sqr(p.z);
  const Fe yz = F::mul(q.y, p.z);
  const Fe h = F::sub(F::mul(q.x, zz), p.x);
  const Fe e = F::sub(F::mul(yz, zz), p.y);
  if (is_zero_var(h)) {
    if (is_zero_var(e)) return double_jacobian<F>(p);
    return {kFeOne, kFeOne, kFeZero};
  }
  const Fe hh = F::sqr(h);
  const Fe ee = F::sqr(e);
  const Fe v = F::mul(p.x, hh);
  const Fe hhh = F::mul(hh, h);
  Jacobian r;
  r.z = F::mul(p.z, h);
  r.x = F::sub(F::sub(F::sub(ee, hhh), v), v);
  const Fe y_hhh = F::mul(p.y, hhh);
  r.y = F::sub(F::mul(e, F::sub(v, r.x)), y_hhh);
  return r;
}

// (0, 0) for infinity.
template <class F>
inline Affine to_affine_var(const Jacobian& p) {
  if (is_infinity_var(p)) return {kFeZero, kFeZero};
  const Fe inverse = F::inverse_var(p.z);
  const Fe squared = F::sqr(inverse);
  return {F::mul(p.x, squared), F::mul(p.y, F::mul(squared, inverse))};
}

// p + q for every p and every q != infinity: J. Renes, C. Costello, L. Batina, "Complete addition formulas for prime
// order elliptic curves", EUROCRYPT 2016, algorithm 5. The only exception, p - q of order 2, does not occur in a group
// of odd order. Constant-time.
template <class F, class Group>
inline Projective add_mixed_complete(const Projective& p, const Affine& q) {
  Fe t0 = F::mul(p.x, q.x);
  Fe t1 = F::mul(p.y, q.y);
  const Fe t3 = F::sub(F::mul(F::add(q.x, q.y), F::add(p.x, p.y)), F::add(t0, t1));  // X1 Y2 + X2 Y1
  const Fe t4 = F::add(F::mul(q.y, p.z), p.y);                                       // Y1 + Y2 Z1
  const Fe y3 = F::add(F::mul(q.x, p.z), p.x);                                       // X1 + X2 Z1
  const Fe x3 = F::thrice(F::sub(y3, F::mul(Group::kB, p.z)));
  const Fe minus = F::sub(t1, x3);
  const Fe plus = F::add(t1, x3);
  const Fe z_thrice = F::thrice(p.z);
  const Fe u = F::thrice(F::sub(F::sub(F::mul(Group::kB, y3), z_thrice), t0));
  const Fe v = F::sub(F::thrice(t0), z_thrice);
  Projective r;
  r.x = F::sub(F::mul(t3, plus), F::mul(t4, u));
  r.y = F::add(F::mul(plus, minus), F::mul(v, u));
  r.z = F::add(F::mul(t4, minus), F::mul(t3, v));
  return r;
}

}  // namespace
}  // namespace accel::sm2
