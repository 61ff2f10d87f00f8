// Integers mod the group's order n in eight lanes of 5 x 52 bits, for signing. Constant-time.
//
// n has no form that a reduction could use, but for being just below 2^256: a number below 2^256 is below 1.01 n.
#pragma once

#include "sm2/ifma/field52.hpp"
#include "sm2/scalar.hpp"

namespace accel::sm2 {
namespace {

template <class V>
struct Order52 {
  using F = Field52<V>;
  using Fe = typename F::Fe;
  using Sum = typename F::Sum;
  using Mask = typename V::Mask;

  // 2^516 and 2^520 mod n: what mul() takes to multiply by 2^256, and into Montgomery's form with R = 2^260.
  static constexpr U256 kTwo516 = {{0xad5d36ee873fb0dd, 0xd4412542c5342a7d, 0x20fc84c3affe0d43, 0xeb5e412b22b3d3b6}};
  static constexpr U256 kTwo520 = {{0x418c16674a517de6, 0x07dc1c507a6e5f7c, 0x0fc84c3affe0d445, 0xb5e412c02b3d3b62}};

  // a b / 2^260: below (1 + A B / 16) n for a < A n and b < B n, A B <= 16.
  static ACCEL_INLINE Fe mul(const Fe& a, const Fe& b) {
    constexpr Limbs52 kModulus = to_limbs52(kOrder.m);
    const V inverse = V::broadcast(kOrder.negative_inverse & kLimbMask);
    V t[kLimbs + 1];
    for (V& limb : t) limb = V::zero();
#pragma GCC unroll 5
    for (int i = 0; i < kLimbs; ++i) {
      for (int j = 0; j < kLimbs; ++j) t[j] = V::madd_low(t[j], a.l[i], b.l[j]);
      // The quotient digit that makes the lowest limb a multiple of 2^52; madd looks at the low 52 bits alone.
      const V q = V::madd_low(V::zero(), t[0], inverse);
      for (int j = 0; j < kLimbs; ++j) t[j] = V::madd_low(t[j], q, V::broadcast(kModulus.l[j]));
      t[0] = t[1] + t[0].template shr<kLimbBits>();
      for (int j = 1; j < kLimbs; ++j) t[j] = t[j + 1];
      t[kLimbs] = V::zero();
      for (int j = 0; j < kLimbs; ++j) {
        t[j] = V::madd_high(t[j], a.l[i], b.l[j]);
        t[j] = V::madd_high(t[j], q, V::broadcast(kModulus.l[j]));
      }
    }
    Sum r;
    for (int i = 0; i < kLimbs; ++i) r.l[i] = t[i];
    return F::template tighten<0>(r);
  }

  // a or a - n, whichever is in [0, n), for a < 2 n; in general a - n for a >= n.
  static ACCEL_INLINE Fe reduce_once(const Fe& a) {
    constexpr Limbs52 kModulus = to_limbs52(kOrder.m);
    const V mask = V::broadcast(kLimbMask);
    Fe d;
    V borrow = V::zero();  // 0 or -1
    for (int i = 0; i < kLimbs; ++i) {
      const V limb = a.l[i] - V::broadcast(kModulus.l[i]) + borrow;
      d.l[i] = i + 1 < kLimbs ? limb & mask : limb;
      borrow = limb.template sar<kLimbBits>();
    }
    const V keep = borrow.template sar<63 - kLimbBits>();  // all ones where a < n
    Fe r;
    for (int i = 0; i < kLimbs; ++i) r.l[i] = d.l[i] ^ ((a.l[i] ^ d.l[i]) & keep);
    return r;
  }
  // The value below n, for a below 3 n.
  template <class A>
  static ACCEL_INLINE Fe reduce_twice(const A& a) {
    return reduce_once(reduce_once(F::template tighten<0>(a)));
  }

  // Lanes where a < n is 0.
  static ACCEL_INLINE Mask zero_mask(const Fe& a) {
    return V::equal(a.l[0] | a.l[1] | a.l[2] | a.l[3] | a.l[4], V::zero());
  }

  // n - a for a in [0, n].
  static ACCEL_INLINE Fe negate(const Fe& a) { return F::template tighten<0>(F::minus(F::broadcast(kOrder.m), a)); }

  // high 2^256 + low mod n
  static ACCEL_INLINE Fe reduce_wide(const Fe& high, const Fe& low) {
    return reduce_twice(F::plus(mul(high, F::broadcast(kTwo516)), low));
  }
  // a + b mod n, for a and b below 2^256 or p
  static ACCEL_INLINE Fe add(const Fe& a, const Fe& b) { return reduce_twice(F::plus(a, b)); }
  // a b - c mod n, for a < 2^256 and b, c < n
  static ACCEL_INLINE Fe mul_sub(const Fe& a, const Fe& b, const Fe& c) {
    const Fe product = mul(mul(a, F::broadcast(kTwo520)), b);
    return reduce_twice(F::plus(product, F::minus(F::broadcast(kOrder.m), c)));
  }
};

}  // namespace
}  // namespace accel::sm2
