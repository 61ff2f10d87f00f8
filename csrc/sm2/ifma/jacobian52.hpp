// Jacobian formulas in eight lanes, on kAbreast groups side by side. Public values.
//
// What limits them is not only the multiplier: an operation that is not a multiplication takes half a cycle. So y is
// kept doubled, terms that would have to be subtracted from a product stand in its accumulators before it begins, and
// results come out negated where that spares a subtraction.
#pragma once

#include "sm2/ifma/batch52.hpp"

namespace accel::sm2 {
namespace {

// (x / z^2, y / 2 z^3). Invariant: x < (1 + 2^-26) p, y < 4.5 p, z < 2.7 p. Infinity, and with it the result of an
// addition of equal or opposite points, has z = 0 mod p, and keeps it through all that follows: one test at the end
// finds what met an exceptional case anywhere.
template <class V>
struct JacobianVec {
  typename Field52<V>::Fe x, y, z;
};

template <class V, size_t kAbreast>
struct Jacobian52 {
  using F = Field52<V>;
  using Fe = typename F::Fe;
  using Sum = typename F::Sum;
  using Wide = typename F::Wide;
  using Point = JacobianVec<V>;

  template <class Step>
  static ACCEL_INLINE void each(const Step& step) {
#pragma GCC unroll 4
    for (size_t k = 0; k < kAbreast; ++k) step(k);
  }

  // p = -2 p (4M + 4S). With W = 2 Y, delta = Z^2, gamma = W^2, alpha = 3 (X - delta) (X + delta), beta = X gamma:
  // X' = alpha^2 - 2 beta, Z' = W Z, -W' = gamma^2 + 2 alpha (X' - beta).
  static ACCEL_INLINE void double_and_negate(Point* p) {
    Fe delta[kAbreast], gamma[kAbreast], alpha[kAbreast], beta[kAbreast];
    each([&](size_t k) ACCEL_INLINE_LAMBDA { delta[k] = F::sqr(p[k].z); });  // < 1.5 p
    each([&](size_t k) ACCEL_INLINE_LAMBDA { gamma[k] = F::sqr(p[k].y); });  // < 2.3 p
    each([&](size_t k) ACCEL_INLINE_LAMBDA {                                 // < (1 + 3.1 7.6 / 16) p < 2.5 p
      const Fe difference = F::template sub<2>(p[k].x, delta[k]);
      const Sum sum = F::plus(p[k].x, delta[k]);
      alpha[k] = F::mul(difference, F::template tighten<0>(F::plus(F::plus(sum, sum), sum)));
    });
    each([&](size_t k) ACCEL_INLINE_LAMBDA { p[k].z = F::mul(p[k].y, p[k].z); });     // < 1.8 p
    each([&](size_t k) ACCEL_INLINE_LAMBDA { beta[k] = F::mul(p[k].x, gamma[k]); });  // < 1.2 p
    each([&](size_t k) ACCEL_INLINE_LAMBDA {
      Wide t = F::wide(F::minus(F::zero_sum(), beta[k]));
      F::add_cross_products(t, alpha[k]);
      F::double_wide(t);
      F::add_squares(t, alpha[k]);
      p[k].x = F::reduce(F::divide_by_r(t));
    });
    each([&](size_t k) ACCEL_INLINE_LAMBDA {  // < (1 + (2.3^2 + 2 2.5 3.1) / 16) p < 2.4 p
      const Fe difference = F::template sub<2>(p[k].x, beta[k]);
      Wide t = F::wide(F::zero_sum());
      F::add_cross_products(t, gamma[k]);
      F::add_product(t, alpha[k], difference);
      F::double_wide(t);
      F::add_squares(t, gamma[k]);
      p[k].y = F::template tighten<0>(F::divide_by_r(t));
    });
  }

  // p = -(p + q) (8M + 3S), where q has coordinates x < (1 + 2^-26) p and 2 y < 2 p; z = 0 where p = q, p = -q or p is
  // infinity. With H = x2 Z^2 - X, R = 2 y2 Z^3 - W, I = 4 H^2, V = X I and J = H I: X' = R^2 - J - 2 V, Z' = 2 Z H,
  // -W' = 2 (R (X' - V) + W J).
  static ACCEL_INLINE void add_and_negate(Point* p, const PointVec<V>* q) {
    Fe zz[kAbreast], t[kAbreast], h[kAbreast], r[kAbreast], i[kAbreast], v[kAbreast], j[kAbreast];
    each([&](size_t k) ACCEL_INLINE_LAMBDA { zz[k] = F::sqr(p[k].z); });         // < 1.5 p
    each([&](size_t k) ACCEL_INLINE_LAMBDA { t[k] = F::mul(q[k].y, p[k].z); });  // < 1.4 p
    each([&](size_t k) ACCEL_INLINE_LAMBDA { h[k] = mul_minus<2>(q[k].x, zz[k], p[k].x); });  // < 3.1 p
    each([&](size_t k) ACCEL_INLINE_LAMBDA { r[k] = mul_minus<3>(t[k], zz[k], p[k].y); });    // < 4.2 p
    each([&](size_t k) ACCEL_INLINE_LAMBDA {                                                  // < 6.5 p
      i[k] = F::template tighten<0>(F::template times_power<2>(F::sqr_sum(h[k])));
    });
    each([&](size_t k) ACCEL_INLINE_LAMBDA {  // < 2.7 p
      p[k].z = F::template tighten<0>(F::template times_power<1>(F::mul_sum(p[k].z, h[k])));
    });
    each([&](size_t k) ACCEL_INLINE_LAMBDA { v[k] = F::mul(p[k].x, i[k]); });  // < 1.5 p
    each([&](size_t k) ACCEL_INLINE_LAMBDA { j[k] = F::mul(h[k], i[k]); });    // < 2.3 p
    each([&](size_t k) ACCEL_INLINE_LAMBDA {
      Wide wide = F::wide(F::minus(F::zero_sum(), v[k]));
      F::add_cross_products(wide, r[k]);
      F::double_wide(wide);
      F::add_squares(wide, r[k]);
      p[k].x = F::reduce(F::minus(F::divide_by_r(wide), j[k]));
    });
    each([&](size_t k) ACCEL_INLINE_LAMBDA {  // < 2 (1 + (4.2 3.1 + 3 2.3) / 16) p < 4.5 p
      Wide wide = F::wide(F::zero_sum());
      F::add_product(wide, r[k], F::template sub<2>(p[k].x, v[k]));
      F::add_product(wide, p[k].y, j[k]);
      p[k].y = F::template tighten<0>(F::template times_power<1>(F::divide_by_r(wide)));
    });
  }

 private:
  // a b - c + kMultiple p, for c < kMultiple p
  template <int kMultiple>
  static ACCEL_INLINE Fe mul_minus(const Fe& a, const Fe& b, const Fe& c) {
    F::template check_below<kMultiple>(c);
    return F::template tighten<0>(F::mul_add(a, b, F::template plus_multiple<kMultiple>(F::minus(F::zero_sum(), c))));
  }
};

}  // namespace
}  // namespace accel::sm2
