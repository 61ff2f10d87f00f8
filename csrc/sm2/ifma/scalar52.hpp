// Scalars in eight lanes, five limbs of 52 bits: ranges, sums and differences mod the group's order, odd signed
// recoding. Plain integers, no Montgomery form. Variable time where the name ends in _var, and constant-time otherwise.
#pragma once

#include "sm2/ifma/field52.hpp"
#include "sm2/scalar.hpp"

namespace accel::sm2 {
namespace {

template <class V>
struct Scalar52 {
  using F = Field52<V>;
  using Fe = typename F::Fe;
  using Sum = typename F::Sum;
  using Mask = typename V::Mask;

  // Limbs in [0, 2^52) but for the top one, which has the sign.
  static ACCEL_INLINE Fe carry(const Sum& a) {
    const V mask = V::broadcast(kLimbMask);
    Fe r;
    V carried = V::zero();
    for (int i = 0; i < kLimbs; ++i) {
      const V limb = a.l[i] + carried;
      r.l[i] = i + 1 < kLimbs ? limb & mask : limb;
      carried = limb.template sar<kLimbBits>();
    }
    return r;
  }
  static ACCEL_INLINE Mask negative(const Fe& a) { return V::less(V::broadcast(UINT64_MAX >> 1), a.l[kLimbs - 1]); }
  static ACCEL_INLINE Mask zero_mask(const Fe& a) {
    return V::equal(a.l[0] | a.l[1] | a.l[2] | a.l[3] | a.l[4], V::zero());
  }

  static ACCEL_INLINE Mask less(const Fe& a, const U256& b) { return negative(carry(F::minus(a, F::broadcast(b)))); }
  // a mod m for a in [0, 2m).
  static ACCEL_INLINE Fe reduce_once(const Sum& a, const U256& m) {
    const Fe plain = carry(a);
    const Fe reduced = carry(F::minus(a, F::broadcast(m)));
    return F::select(negative(reduced), plain, reduced);
  }
  static ACCEL_INLINE Fe add_mod(const Fe& a, const Fe& b, const U256& m) { return reduce_once(F::plus(a, b), m); }
  static ACCEL_INLINE Fe sub_mod(const Fe& a, const Fe& b, const U256& m) {
    const Fe d = carry(F::minus(a, b));
    return F::select(negative(d), carry(F::plus(d, F::broadcast(m))), d);
  }
};

// A digit of each lane: which odd multiple, and the lanes where its point is negated.
template <class V>
struct DigitVec {
  V index;
  typename V::Mask negative;
};

// OddRecoding in eight lanes.
template <class V, int kWidth>
struct OddRecoding52 {
  static_assert(kWidth >= 2 && kWidth <= 16);
  using F = Field52<V>;
  using Mask = typename V::Mask;
  static constexpr int kWindows = OddRecoding<kWidth>::kWindows;
  static constexpr uint64_t kDigitMask = (uint64_t{1} << kWidth) - 1;

  // An even k above the order is not allowed.
  ACCEL_INLINE OddRecoding52(const typename F::Fe& k, const U256& order) {
    const V one = V::broadcast(1);
    flip_ = V::equal(k.l[0] & one, V::zero());
    odd_ = F::select(flip_, Scalar52<V>::carry(F::minus(F::broadcast(order), k)), k);
    F::check(odd_);
  }

  // Window by window: kWidth bits of odd_ / 2, from bit kWidth window + 1 of odd_ on.
  template <int kWindow>
  ACCEL_INLINE DigitVec<V> digit() const {
    constexpr int kBit = kWidth * kWindow + 1, kLimb = kBit / kLimbBits, kShift = kBit % kLimbBits;
    V bits = V::zero();
    if constexpr (kLimb < kLimbs) {
      bits = odd_.l[kLimb].template shr<kShift>();
      if constexpr (kShift + kWidth > kLimbBits && kLimb + 1 < kLimbs) {
        bits = bits | odd_.l[kLimb + 1].template shl<kLimbBits - kShift>();
      }
    }
    bits = bits & V::broadcast(kDigitMask);
    if constexpr (kWindow == kWindows - 1) bits = bits | V::broadcast((kDigitMask >> 1) + 1);
    const Mask minus = V::less(bits, V::broadcast((kDigitMask >> 1) + 1));
    const V index = V::select(minus, bits ^ V::broadcast(kDigitMask), bits) & V::broadcast(kDigitMask >> 1);
    return {index, static_cast<Mask>(minus ^ flip_)};
  }

 private:
  typename F::Fe odd_;
  Mask flip_;
};

}  // namespace
}  // namespace accel::sm2
