// Jacobian formulas in eight lanes. Public values.
//
// What limits them is not only the multiplier: an operation that is not a multiplication takes half a cycle. So y is
// kept doubled, terms that would have to be subtracted from a product stand in its accumulators before it begins, and
// results come out negated where that spares a subtraction.
#pragma once

#include "sm2/ifma/batch52.hpp"

namespace accel::sm2 {
namespace {

// (x / z^2, y / 2 z^3), and zz = z^2. Invariant: x < (1 + 2^-26) p, y < 4.5 p, z < 3.2 p, zz < 1.7 p. Infinity, and
// with it the result of an addition of equal or opposite points, has z = 0 mod p, and keeps it through all that
// follows: one test at the end finds what met an exceptional case anywhere.
template <class V>
struct JacobianVec {
  typename Field52<V>::Fe x, y, z, zz;
};

template <class V>
struct Jacobian52 {
  using F = Field52<V>;
  using Fe = typename F::Fe;
  using Sum = typename F::Sum;
  using Wide = typename F::Wide;
  using Point = JacobianVec<V>;

  // p = -2 p (4M + 4S). With W = 2 Y, delta = Z^2, gamma = W^2, alpha = 3 (X - delta) (X + delta), beta = X gamma:
  // X' = alpha^2 - 2 beta, Z' = W Z, -W' = gamma^2 + 2 alpha (X' - beta).
  static ACCEL_INLINE void double_and_negate(Point& p) {
    const Fe difference = F::template sub<2>(p.x, p.zz);
    const Sum sum = F::plus(p.x, p.zz);
    // < (1 + 3.1 8.2 / 16) p < 2.6 p
    const Fe alpha = F::mul(difference, F::template tighten<0>(F::plus(F::plus(sum, sum), sum)));
    const Fe gamma = F::sqr(p.y);        // < 2.3 p
    const Fe beta = F::mul(p.x, gamma);  // < 1.2 p
    p.x = F::reduce(sqr_minus_twice(alpha, beta));
    const Fe rest = F::template sub<2>(p.x, beta);
    Wide t = F::wide(F::zero_sum());
    F::add_cross_products(t, gamma);
    F::add_product(t, alpha, rest);
    F::double_wide(t);
    F::add_squares(t, gamma);
    const Fe w = p.y;
    p.y = F::template tighten<0>(F::divide_by_r(t));  // < (1 + (2.3^2 + 2 2.6 3.1) / 16) p < 2.4 p
    p.z = F::mul(w, p.z);                             // < 1.9 p
    p.zz = F::sqr(p.z);
  }

  // p = -(p + q) (8M + 3S), where p.y < 3 p and p.z < 2.8 p, and q has x < (1 + 2^-26) p and 2 y < 2.1 p; z = 0 where p
  // = q, p = -q or p is infinity. With H = x2 Z^2 - X, R = 2 y2 Z^3 - W, I = 4 H^2, V = X I and J = H I: X' = R^2 - J -
  // 2 V, Z' = 2 Z H, -W' = 2 (R (X' - V) + W J).
  static ACCEL_INLINE void add_and_negate(Point& p, const PointVec<V>& q) {
    const Fe t = F::mul(q.y, p.z);                                                   // < 1.4 p
    const Fe h = mul_minus<2>(q.x, p.zz, p.x);                                       // < 3.1 p
    const Fe r = mul_minus<3>(t, p.zz, p.y);                                         // < 4.2 p
    const Fe i = F::template tighten<0>(F::template times_power<2>(F::sqr_sum(h)));  // < 6.5 p
    p.z = F::template tighten<0>(F::template times_power<1>(F::mul_sum(p.z, h)));    // < 3.2 p
    const Fe v = F::mul(p.x, i);                                                     // < 1.5 p
    const Fe j = F::mul(h, i);                                                       // < 2.3 p
    p.x = F::reduce(F::minus(sqr_minus_twice(r, v), j));
    p.zz = F::sqr(p.z);  // < 1.7 p
    Wide wide = F::wide(F::zero_sum());
    F::add_product(wide, r, F::template sub<2>(p.x, v));
    F::add_product(wide, p.y, j);
    // < 2 (1 + (4.2 3.1 + 3 2.3) / 16) p < 4.5 p
    p.y = F::template tighten<0>(F::template times_power<1>(F::divide_by_r(wide)));
  }

 private:
  // a^2 / R - 2 b
  static ACCEL_INLINE Sum sqr_minus_twice(const Fe& a, const Fe& b) {
    Wide t = F::wide(F::minus(F::zero_sum(), b));
    F::add_cross_products(t, a);
    F::double_wide(t);
    F::add_squares(t, a);
    return F::divide_by_r(t);
  }
  // a b - c + kMultiple p, for c < kMultiple p
  template <int kMultiple>
  static ACCEL_INLINE Fe mul_minus(const Fe& a, const Fe& b, const Fe& c) {
    F::template check_below<kMultiple>(c);
    return F::template tighten<0>(F::mul_add(a, b, F::template plus_multiple<kMultiple>(F::minus(F::zero_sum(), c))));
  }
};

}  // namespace
}  // namespace accel::sm2
