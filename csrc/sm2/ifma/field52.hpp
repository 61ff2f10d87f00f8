// The field of SM2's recommended curve in eight lanes: integers mod p = 2^256 - 2^224 - 2^96 + 2^64 - 1 in five limbs
// of 52 bits, Montgomery form with R = 2^260.
//
// Elements are not fully reduced: 260 bits hold values below 16 p, and the four bits to spare are what additions and
// subtractions use up instead of reducing. Two forms, told apart by type:
//
//   Fe    limbs in [0, 2^52): what multiplication takes. Its value is below B p for a B that follows from how it came.
//   Sum   limb-wise signed sums of a few Fe, before carries.
//
// Bounds: mul(a, b) for a < A p and b < B p is below (1 + A B / 16) p, so below 2 p wherever A B <= 16, which all code
// here keeps to. reduce() gives values below (1 + 2^-26) p, sub<K>(a, b) values below (A + K) p. Constant-time unless
// the name ends in _var.
#pragma once

#include "sm2/field.hpp"
#include "sm2/field_inverse.hpp"

namespace accel::sm2 {
namespace {

inline constexpr int kLimbs = 5, kLimbBits = 52;
inline constexpr uint64_t kLimbMask = (uint64_t{1} << kLimbBits) - 1;

struct Limbs52 {
  uint64_t l[kLimbs];
};

constexpr Limbs52 to_limbs52(const U256& a) {
  return {{a.v[0] & kLimbMask, (a.v[0] >> 52 | a.v[1] << 12) & kLimbMask, (a.v[1] >> 40 | a.v[2] << 24) & kLimbMask,
           (a.v[2] >> 28 | a.v[3] << 36) & kLimbMask, a.v[3] >> 16}};
}
constexpr U256 from_limbs52(const Limbs52& a) {
  return {
      {a.l[0] | a.l[1] << 52, a.l[1] >> 12 | a.l[2] << 40, a.l[2] >> 24 | a.l[3] << 28, a.l[3] >> 36 | a.l[4] << 16}};
}

// factor p, for a factor of at most 15.
constexpr Limbs52 multiple_of_p(uint64_t factor) {
  const Limbs52 p = to_limbs52(kP);
  Limbs52 r{};
  uint64_t carry = 0;
  for (int i = 0; i < kLimbs; ++i) {
    const u128 sum = static_cast<u128>(p.l[i]) * factor + carry;
    r.l[i] = static_cast<uint64_t>(sum) & kLimbMask;
    carry = static_cast<uint64_t>(sum >> kLimbBits);
  }
  return r;
}

// The same in signed limbs, three of which are not 0: k (2^256 - 2^224 - 2^96 + 2^64 - 1).
constexpr uint64_t sparse_multiple(uint64_t k, int limb) {
  const uint64_t limbs[kLimbs] = {0 - k, (k << 12) - (k << 44), 0, 0, (k << 48) - (k << 16)};
  return limbs[limb];
}

// R mod p, R^2 mod p and R^3 mod p for R = 2^260.
inline constexpr U256 kR260 = {{0x0000000000000010, 0x0000000ffffffff0, 0x0000000000000000, 0x0000001000000000}};
inline constexpr U256 kR260Squared = {{0x0000020000000300, 0x000002ffffffff00, 0x0000010000000100, 0x0000040000000200}};
inline constexpr U256 kR260Cubed = {{0x0001200000016000, 0x0000efffffff8000, 0x0000a0000000c000, 0x0001b00000009000}};

// A lane's element: a R mod p with R = 2^260, below p, in four limbs of 64 bits, which is how tables hold it.
struct Fe260 {
  uint64_t v[4];
};

template <class V>
struct Field52 {
  using Mask = typename V::Mask;
  static constexpr size_t kLanes = V::kLanes;

  struct Fe {
    V l[kLimbs];
  };
  // |limb| below 2^63, in two's complement.
  struct Sum {
    V l[kLimbs];
  };

  static ACCEL_INLINE Fe broadcast(const U256& a) {
    const Limbs52 limbs = to_limbs52(a);
    Fe r;
    for (int i = 0; i < kLimbs; ++i) r.l[i] = V::broadcast(limbs.l[i]);
    return r;
  }
  static ACCEL_INLINE Fe one() { return broadcast(kR260); }

  static ACCEL_INLINE Sum zero_sum() {
    Sum r;
    for (V& limb : r.l) limb = V::zero();
    return r;
  }
  template <class A>
  static ACCEL_INLINE Sum sum(const A& a) {
    Sum r;
    for (int i = 0; i < kLimbs; ++i) r.l[i] = a.l[i];
    return r;
  }
  template <class A, class B>
  static ACCEL_INLINE Sum plus(const A& a, const B& b) {
    Sum r;
    for (int i = 0; i < kLimbs; ++i) r.l[i] = a.l[i] + b.l[i];
    return r;
  }
  template <class A, class B>
  static ACCEL_INLINE Sum minus(const A& a, const B& b) {
    Sum r;
    for (int i = 0; i < kLimbs; ++i) r.l[i] = a.l[i] - b.l[i];
    return r;
  }
  template <int kBits, class A>
  static ACCEL_INLINE Sum times_power(const A& a) {
    Sum r;
    for (int i = 0; i < kLimbs; ++i) r.l[i] = a.l[i].template shl<kBits>();
    return r;
  }

  // a + kMultiple p before carries.
  template <int kMultiple, class A>
  static ACCEL_INLINE Sum plus_multiple(const A& a) {
    Sum r = sum(a);
    for (int i = 0; i < kLimbs; ++i) {
      if (sparse_multiple(kMultiple, i) != 0) r.l[i] = r.l[i] + V::broadcast(sparse_multiple(kMultiple, i));
    }
    return r;
  }

  // Carries, one limb after another: step(0) to step(4), so that they can be done between the rows of a multiplication.
  // limb(i) is limb i of a Sum, |limb| < 2^57.
  //
  // The sum + kMultiple p, which must be in [0, 2^260).
  template <int kMultiple, class Limb>
  struct Tighten {
    static_assert(0 <= kMultiple && kMultiple < 16);
    Fe& out;
    Limb limb;
    V carry;

    ACCEL_INLINE void step(int i) {
      V sum = limb(i);
      if (sparse_multiple(kMultiple, i) != 0) sum = sum + V::broadcast(sparse_multiple(kMultiple, i));
      if (i > 0) sum = sum + carry;
      take_carry(out, carry, sum, i);
    }
  };
  template <int kMultiple, class Limb>
  static ACCEL_INLINE Tighten<kMultiple, Limb> tighten_steps(Fe& out, Limb limb) {
    return {out, limb, V::zero()};
  }
  // The sum, in [-16 p, 16 p], less the multiple of p that leaves it in [0, (1 + 2^-26) p).
  template <class Limb>
  struct Reduce {
    Fe& out;
    Limb limb;
    V top, q, carry;

    ACCEL_INLINE void step(int i) {
      V sum = i + 1 == kLimbs ? top : limb(i);
      // q p is taken away as q (2^256 - 2^224 - 2^96 + 2^64 - 1), with q the top limb's part above 2^256. A negative q
      // takes up to 16 2^16 from the top limb by its second term, and carries from below up to 2^6: it keeps 2^21 or
      // more before that. What a positive q gives back is below 16 2^16.
      if (i == 0) sum = sum + q;
      if (i == 1) sum = sum + (q.template shl<44>() - q.template shl<12>());
      if (i == 4) sum = sum + (q.template shl<16>() - q.template shl<48>());
      if (i > 0) sum = sum + carry;
      take_carry(out, carry, sum, i);
    }
  };
  template <class Limb>
  static ACCEL_INLINE Reduce<Limb> reduce_steps(Fe& out, Limb limb) {
    const V top = limb(kLimbs - 1);
    return {out, limb, top, (top - V::broadcast(uint64_t{1} << 21)).template sar<48>(), V::zero()};
  }
  template <class Steps>
  static ACCEL_INLINE void run_steps(Steps&& steps) {
#pragma GCC unroll 5
    for (int i = 0; i < kLimbs; ++i) steps.step(i);
  }

  // The same at once.
  template <int kMultiple, class A>
  static ACCEL_INLINE Fe tighten(const A& a) {
    Fe r;
    run_steps(tighten_steps<kMultiple>(r, [&a](int i) { return a.l[i]; }));
    return r;
  }
  static ACCEL_INLINE Fe reduce(const Sum& a) {
    Fe r;
    run_steps(reduce_steps(r, [&a](int i) { return a.l[i]; }));
    return r;
  }
  // a - b + kMultiple p, for b <= kMultiple p.
  template <int kMultiple>
  static ACCEL_INLINE Fe sub(const Fe& a, const Fe& b) {
    check_below<kMultiple>(b);
    return tighten<kMultiple>(minus(a, b));
  }
  static ACCEL_INLINE Fe add(const Fe& a, const Fe& b) { return tighten<0>(plus(a, b)); }

  // a b / R
  static ACCEL_INLINE Fe mul(const Fe& a, const Fe& b) { return tighten<0>(mul_sum(a, b)); }
  // a^2 / R
  static ACCEL_INLINE Fe sqr(const Fe& a) { return tighten<0>(sqr_sum(a)); }

  // The same before carries, for what adds to it: |limb| below 2^57. Steps of other carries can be done between the
  // rows: these leave half of the CPU's vector units idle, and it does not look far enough ahead to find other work.
  template <class... Steps>
  static ACCEL_INLINE Sum mul_sum(const Fe& a, const Fe& b, Steps&&... steps) {
    return mul_add(a, b, zero_sum(), steps...);
  }
  template <class... Steps>
  static ACCEL_INLINE Sum sqr_sum(const Fe& a, Steps&&... steps) {
    Wide t = wide(zero_sum());
    add_cross_products(t, a);
    double_wide(t);
    add_squares(t, a);
    return divide_by_r(t, steps...);
  }
  // a b / R + c, for |c| < 16 p
  template <class... Steps>
  static ACCEL_INLINE Sum mul_add(const Fe& a, const Fe& b, const Sum& c, Steps&&... steps) {
    check(a);
    check(b);
    Wide t = wide(c);
#pragma GCC unroll 5
    for (int i = 0; i < kLimbs; ++i) {
      add_row(t.l + i, a.l[i], b);
      reduce_limb(t.l + i);
      (steps.step(i), ...);
    }
    return upper_half(t);
  }

  // Products before their division by R, for sums of them that are divided once. |limb| below 2^57.
  struct Wide {
    V l[2 * kLimbs];
  };
  // a R
  static ACCEL_INLINE Wide wide(const Sum& a) {
    Wide t;
    for (int i = 0; i < kLimbs; ++i) t.l[i] = V::zero(), t.l[kLimbs + i] = a.l[i];
    return t;
  }
  static ACCEL_INLINE void add_product(Wide& t, const Fe& a, const Fe& b) {
    check(a);
    check(b);
#pragma GCC unroll 5
    for (int i = 0; i < kLimbs; ++i) add_row(t.l + i, a.l[i], b);
  }
  // a^2 is twice the products of different limbs, each pair once, and the squares of limbs.
  static ACCEL_INLINE void add_cross_products(Wide& t, const Fe& a) {
    check(a);
#pragma GCC unroll 5
    for (int i = 0; i < kLimbs; ++i) {
#pragma GCC unroll 5
      for (int j = i + 1; j < kLimbs; ++j) {
        t.l[i + j] = V::madd_low(t.l[i + j], a.l[i], a.l[j]);
        t.l[i + j + 1] = V::madd_high(t.l[i + j + 1], a.l[i], a.l[j]);
      }
    }
  }
  static ACCEL_INLINE void add_squares(Wide& t, const Fe& a) {
#pragma GCC unroll 5
    for (int i = 0; i < kLimbs; ++i) {
      t.l[2 * i] = V::madd_low(t.l[2 * i], a.l[i], a.l[i]);
      t.l[2 * i + 1] = V::madd_high(t.l[2 * i + 1], a.l[i], a.l[i]);
    }
  }
  static ACCEL_INLINE void double_wide(Wide& t) {
    for (V& limb : t.l) limb = limb + limb;
  }
  // For |a| below 16 p R and |limb| below 2^61: a / R mod p, between a / R and a / R + p.
  template <class... Steps>
  static ACCEL_INLINE Sum divide_by_r(const Wide& a, Steps&&... steps) {
    Wide t = a;
#pragma GCC unroll 5
    for (int i = 0; i < kLimbs; ++i) {
      reduce_limb(t.l + i);
      (steps.step(i), ...);
    }
    return upper_half(t);
  }

  // The value below p, for a below 2 p.
  static ACCEL_INLINE Fe canonical(const Fe& a) {
    constexpr Limbs52 kModulus = multiple_of_p(1);
    const V mask = V::broadcast(kLimbMask);
    Fe d;
    V borrow = V::zero();  // 0 or -1
    for (int i = 0; i < kLimbs; ++i) {
      const V limb = a.l[i] - V::broadcast(kModulus.l[i]) + borrow;
      d.l[i] = i + 1 < kLimbs ? limb & mask : limb;
      borrow = limb.template sar<kLimbBits>();
    }
    const V keep = borrow.template sar<63 - kLimbBits>();  // all ones where a < p
    Fe r;
    for (int i = 0; i < kLimbs; ++i) r.l[i] = d.l[i] ^ ((a.l[i] ^ d.l[i]) & keep);
    check(r);
    return r;
  }

  // Lanes where a is a multiple of p, for any a.
  static ACCEL_INLINE Mask zero_mask(const Fe& a) {
    // a / R is below 1.0001 p: 0 or p. As 0 has no limb set, p has them all; it is told apart by canonical().
    Fe raw_one = broadcast(U256{{1, 0, 0, 0}});
    const Fe r = canonical(mul(a, raw_one));
    return V::equal(r.l[0] | r.l[1] | r.l[2] | r.l[3] | r.l[4], V::zero());
  }

  static ACCEL_INLINE Fe select(Mask mask, const Fe& a, const Fe& b) {
    Fe r;
    for (int i = 0; i < kLimbs; ++i) r.l[i] = V::select(mask, a.l[i], b.l[i]);
    return r;
  }
  // Lane i of the result is lane indices[i] of a.
  static ACCEL_INLINE Fe permute(const V& indices, const Fe& a) {
    Fe r;
    for (int i = 0; i < kLimbs; ++i) r.l[i] = V::permute(indices, a.l[i]);
    return r;
  }

  // Four limbs of 64 bits a lane, as Fe260 and U256 have them, to five of 52 and back; below 2^256.
  static ACCEL_INLINE V unpack_limb(const V (&w)[4], int i) {
    const V mask = V::broadcast(kLimbMask);
    if (i == 0) return w[0] & mask;
    if (i == 1) return (w[0].template shr<52>() | w[1].template shl<12>()) & mask;
    if (i == 2) return (w[1].template shr<40>() | w[2].template shl<24>()) & mask;
    if (i == 3) return (w[2].template shr<28>() | w[3].template shl<36>()) & mask;
    return w[3].template shr<16>();
  }
  static ACCEL_INLINE Fe unpack(const V& w0, const V& w1, const V& w2, const V& w3) {
    const V w[4] = {w0, w1, w2, w3};
    Fe r;
#pragma GCC unroll 5
    for (int i = 0; i < kLimbs; ++i) r.l[i] = unpack_limb(w, i);
    return r;
  }
  static ACCEL_INLINE void pack(V (&w)[4], const Fe& a) {
    w[0] = a.l[0] | a.l[1].template shl<52>();
    w[1] = a.l[1].template shr<12>() | a.l[2].template shl<40>();
    w[2] = a.l[2].template shr<24>() | a.l[3].template shl<28>();
    w[3] = a.l[3].template shr<36>() | a.l[4].template shl<16>();
  }
  // Lane i of a below 2^256.
  static inline U256 lane(const Fe& a, size_t i) {
    U256 r{};
    V words[4];
    pack(words, a);
    for (int k = 0; k < 4; ++k) {
      uint64_t lanes[kLanes];
      words[k].store(lanes);
      r.v[k] = lanes[i];
    }
    return r;
  }

  // Into and out of Montgomery form: a below 2^256; integers below p.
  static ACCEL_INLINE Fe from_integer(const Fe& a) { return mul(a, broadcast(kR260Squared)); }
  static ACCEL_INLINE Fe to_integer(const Fe& a) { return canonical(mul(a, broadcast(U256{{1, 0, 0, 0}}))); }

  // The lanes' inverses by one inversion; every lane 0 if one is.
  static inline Fe inverse(const Fe& a) { return merge_inversions(a, inverse_mod_p); }
  // The same for public values, faster.
  static inline Fe inverse_var(const Fe& a) { return merge_inversions(a, inverse_mod_p_var); }

  // a < kBound p (and a little more, which the top limb does not show).
  template <int kBound>
  static ACCEL_INLINE void check_below([[maybe_unused]] const Fe& a) {
#if defined(ACCEL_CHECKED)
    ACCEL_INVARIANT(V::less(a.l[4], V::broadcast(uint64_t{kBound} << 48)) == 0xff);
#endif
  }
  // Limbs in range: what mul takes.
  static ACCEL_INLINE void check([[maybe_unused]] const Fe& a) {
#if defined(ACCEL_CHECKED)
    for (int i = 0; i < kLimbs; ++i) {
      ACCEL_INVARIANT(V::less(a.l[i], V::broadcast(uint64_t{1} << kLimbBits)) == 0xff);
    }
#endif
  }

 private:
  static ACCEL_INLINE void take_carry(Fe& out, V& carry, const V& sum, int i) {
    if (i + 1 == kLimbs) {
      out.l[i] = sum;
      check(out);
    } else {
      out.l[i] = sum & V::broadcast(kLimbMask);
      carry = sum.template sar<kLimbBits>();
    }
  }

  // One step of the reduction: t[0] is made a multiple of 2^52 and goes up. -1/p = 1 mod 2^52, so the multiple of p to
  // add is q = t[0] mod 2^52 itself, and with
  //   p = -1 + 2^52 (2^52 - 2^44 + 2^12) - 2^104 + 2^208 (2^48 - 2^16)
  // it takes two products. Limbs may become negative by less than 2^52 on the way.
  static ACCEL_INLINE void reduce_limb(V* t) {
    constexpr uint64_t kLow = (uint64_t{1} << 52) - (uint64_t{1} << 44) + (uint64_t{1} << 12);
    constexpr uint64_t kHigh = (uint64_t{1} << 48) - (uint64_t{1} << 16);
    const V q = t[0] & V::broadcast(kLimbMask);
    t[1] = t[1] + t[0].template sar<kLimbBits>();
    t[1] = V::madd_low(t[1], q, V::broadcast(kLow));
    t[2] = V::madd_high(t[2] - q, q, V::broadcast(kLow));
    t[4] = V::madd_low(t[4], q, V::broadcast(kHigh));
    t[5] = V::madd_high(t[5], q, V::broadcast(kHigh));
  }
  static ACCEL_INLINE Sum upper_half(const Wide& t) {
    Sum r;
    for (int i = 0; i < kLimbs; ++i) r.l[i] = t.l[kLimbs + i];
    return r;
  }
  // t[0] .. t[5] += a b
  static ACCEL_INLINE void add_row(V* t, const V& a, const Fe& b) {
#pragma GCC unroll 5
    for (int j = 0; j < kLimbs; ++j) t[j] = V::madd_low(t[j], a, b.l[j]);
#pragma GCC unroll 5
    for (int j = 0; j < kLimbs; ++j) t[j + 1] = V::madd_high(t[j + 1], a, b.l[j]);
  }

  // The inverse of a lane from that of all lanes' product: the product of the other lanes, by halves, quarters,
  // eighths.
  static inline Fe merge_inversions(const Fe& a, U256 (*invert)(const U256&)) {
    static constexpr uint64_t kHalf[8] = {4, 5, 6, 7, 0, 1, 2, 3}, kQuarter[8] = {2, 3, 0, 1, 6, 7, 4, 5},
                              kEighth[8] = {1, 0, 3, 2, 5, 4, 7, 6};
    const Fe other1 = permute(V::load(kHalf), a);
    const Fe product2 = mul(a, other1);
    const Fe other2 = permute(V::load(kQuarter), product2);
    const Fe product4 = mul(product2, other2);
    const Fe other4 = permute(V::load(kEighth), product4);
    // (a R)^-1 R^3 / R = a^-1 R
    const U256 product = lane(canonical(mul(product4, other4)), 0);
    const Fe inverse = mul(broadcast(invert(product)), broadcast(kR260Cubed));
    return mul(mul(inverse, other1), mul(other2, other4));
  }
};

}  // namespace
}  // namespace accel::sm2
