// The field of SM2's recommended curve (GB/T 32918.5): integers mod p = 2^256 - 2^224 - 2^96 + 2^64 - 1.
//
// An element a stands as a R mod p with R = 2^256 (Montgomery form), in four limbs, always fully reduced: equality of
// elements is equality of limbs. Kernels differ in the Core that multiplies, adds and subtracts; everything here
// follows from that. Constant-time unless the name ends in _var.
#pragma once

#include "sm2/field_inverse.hpp"
#include "sm2/field_u256.hpp"

namespace accel::sm2 {
namespace {

// Montgomery form, v < p.
struct Fe {
  uint64_t v[4];
};

inline constexpr U256 kP = {{0xffffffffffffffff, 0xffffffff00000000, 0xffffffffffffffff, 0xfffffffeffffffff}};
inline constexpr Fe kFeZero = {{0, 0, 0, 0}};
inline constexpr Fe kFeOne = {{0x0000000000000001, 0x00000000ffffffff, 0x0000000000000000, 0x0000000100000000}};  // R
inline constexpr Fe kRSquared = {{0x0000000200000003, 0x00000002ffffffff, 0x0000000100000001, 0x0000000400000002}};

constexpr ACCEL_INLINE bool is_reduced(const Fe& a) {
  return less_mask(U256{{a.v[0], a.v[1], a.v[2], a.v[3]}}, kP) != 0;
}

constexpr ACCEL_INLINE uint64_t zero_mask(const Fe& a) { return zero_mask(U256{{a.v[0], a.v[1], a.v[2], a.v[3]}}); }
constexpr ACCEL_INLINE bool is_zero_var(const Fe& a) { return (a.v[0] | a.v[1] | a.v[2] | a.v[3]) == 0; }
constexpr ACCEL_INLINE bool equal_var(const Fe& a, const Fe& b) {
  return ((a.v[0] ^ b.v[0]) | (a.v[1] ^ b.v[1]) | (a.v[2] ^ b.v[2]) | (a.v[3] ^ b.v[3])) == 0;
}

// mask ? a : b, for a mask of all ones or all zeros.
ACCEL_INLINE Fe select(uint64_t mask, const Fe& a, const Fe& b) {
  mask = opaque(mask);
  Fe r;
  for (int i = 0; i < 4; ++i) r.v[i] = b.v[i] ^ ((a.v[i] ^ b.v[i]) & mask);
  return r;
}

template <class Core>
struct Field {
  static ACCEL_INLINE Fe mul(const Fe& a, const Fe& b) {
    ACCEL_INVARIANT(is_reduced(a) && is_reduced(b));
    const Fe r = Core::mul(a, b);
    ACCEL_INVARIANT(is_reduced(r));
    return r;
  }
  static ACCEL_INLINE Fe sqr(const Fe& a) {
    ACCEL_INVARIANT(is_reduced(a));
    const Fe r = Core::sqr(a);
    ACCEL_INVARIANT(is_reduced(r));
    return r;
  }
  static ACCEL_INLINE Fe add(const Fe& a, const Fe& b) {
    ACCEL_INVARIANT(is_reduced(a) && is_reduced(b));
    const Fe r = Core::add(a, b);
    ACCEL_INVARIANT(is_reduced(r));
    return r;
  }
  static ACCEL_INLINE Fe sub(const Fe& a, const Fe& b) {
    ACCEL_INVARIANT(is_reduced(a) && is_reduced(b));
    const Fe r = Core::sub(a, b);
    ACCEL_INVARIANT(is_reduced(r));
    return r;
  }
  static ACCEL_INLINE Fe twice(const Fe& a) { return add(a, a); }
  static ACCEL_INLINE Fe thrice(const Fe& a) { return add(add(a, a), a); }
  // a / 2: (a + p) / 2 for an odd a, where p / 2 rounded up is 2^255 - 2^223 - 2^95 + 2^63.
  static ACCEL_INLINE Fe half(const Fe& a) {
    ACCEL_INVARIANT(is_reduced(a));
    const uint64_t odd = opaque(0 - (a.v[0] & 1));
    Fe r;
    uint64_t carry = 0;
    r.v[0] = add_carry(a.v[0] >> 1 | a.v[1] << 63, odd & 0x8000000000000000, carry);
    r.v[1] = add_carry(a.v[1] >> 1 | a.v[2] << 63, odd & 0xffffffff80000000, carry);
    r.v[2] = add_carry(a.v[2] >> 1 | a.v[3] << 63, odd & 0xffffffffffffffff, carry);
    r.v[3] = add_carry(a.v[3] >> 1, odd & 0x7fffffff7fffffff, carry);
    ACCEL_INVARIANT(is_reduced(r));
    return r;
  }
  static ACCEL_INLINE Fe neg(const Fe& a) { return sub(kFeZero, a); }

  // mask ? -a : a for a != 0: p - a is ~a + (p + 1) mod 2^256.
  static ACCEL_INLINE Fe negate_nonzero_if(uint64_t mask, const Fe& a) {
    ACCEL_INVARIANT(is_reduced(a) && !is_zero_var(a));
    uint64_t carry = 0;
    Fe r;
    r.v[0] = a.v[0] ^ mask;
    r.v[1] = add_carry(a.v[1] ^ mask, mask & kP.v[1], carry);
    r.v[2] = add_carry(a.v[2] ^ mask, mask, carry);
    r.v[3] = add_carry(a.v[3] ^ mask, mask & kP.v[3], carry);
    // The lowest limb of p + 1 is 0 with a carry of 1 into the next.
    carry = mask & 1;
    r.v[1] = add_carry(r.v[1], 0, carry);
    r.v[2] = add_carry(r.v[2], 0, carry);
    r.v[3] += carry;
    ACCEL_INVARIANT(is_reduced(r));
    return r;
  }

  // An integer below 2^256 (p included and above: reduced).
  static inline Fe from_integer(const U256& a) { return Core::mul(Fe{{a.v[0], a.v[1], a.v[2], a.v[3]}}, kRSquared); }
  static inline U256 to_integer(const Fe& a) {
    const Fe r = mul(a, Fe{{1, 0, 0, 0}});
    return U256{{r.v[0], r.v[1], r.v[2], r.v[3]}};
  }

  // a^(2^count)
  static inline Fe sqr_times(Fe a, int count) {
    for (int i = 0; i < count; ++i) a = sqr(a);
    return a;
  }

  // The inverse, and 0 for 0. a R in, a^-1 R out: (a R)^-1 R^3 / R.
  static inline Fe inverse(const Fe& a) { return times_r_cubed(inverse_mod_p(U256{{a.v[0], a.v[1], a.v[2], a.v[3]}})); }
  // The same for public values, faster.
  static inline Fe inverse_var(const Fe& a) {
    ACCEL_INVARIANT(is_reduced(a));
    return times_r_cubed(inverse_mod_p_var(U256{{a.v[0], a.v[1], a.v[2], a.v[3]}}));
  }

  // r = a^((p + 1) / 4), a square root of a if there is one (p = 3 mod 4). Returns whether there is.
  static inline bool sqrt_var(Fe& r, const Fe& a) {
    // (p + 1) / 4 = 2^254 - 2^222 - 2^94 + 2^62 has the bits 1^31 0 1^128 0^31 1 0^62.
    const Fe a2 = mul(sqr(a), a);
    const Fe a4 = mul(sqr_times(a2, 2), a2);
    const Fe a8 = mul(sqr_times(a4, 4), a4);
    const Fe a16 = mul(sqr_times(a8, 8), a8);
    const Fe a24 = mul(sqr_times(a16, 8), a8);
    const Fe a28 = mul(sqr_times(a24, 4), a4);
    const Fe a30 = mul(sqr_times(a28, 2), a2);
    const Fe a31 = mul(sqr(a30), a);
    const Fe a32 = mul(sqr(a31), a);
    Fe x = mul(sqr_times(a31, 33), a32);
    x = mul(sqr_times(x, 32), a32);
    x = mul(sqr_times(x, 32), a32);
    x = mul(sqr_times(x, 32), a32);
    x = mul(sqr_times(x, 32), a);
    r = sqr_times(x, 62);
    return equal_var(sqr(r), a);
  }

 private:
  static ACCEL_INLINE Fe times_r_cubed(const U256& a) {
    return mul(Fe{{a.v[0], a.v[1], a.v[2], a.v[3]}}, mul(kRSquared, kRSquared));
  }
};

}  // namespace
}  // namespace accel::sm2
