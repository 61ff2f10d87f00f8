// Integers mod the group's order n, for signing, and the signed recodings of scalars. Constant-time unless the name
// ends in _var.
#pragma once

#include "sm2/field_u256.hpp"

namespace accel::sm2 {
namespace {

// An odd modulus m > 1 with what Montgomery's multiplication needs, R = 2^256.
struct Modulus {
  U256 m;
  uint64_t negative_inverse;  // -1 / m mod 2^64
  U256 r_squared;             // R^2 mod m
};

// n of SM2's recommended curve (GB/T 32918.5).
inline constexpr Modulus kOrder = {{{0x53bbf40939d54123, 0x7203df6b21c6052b, 0xffffffffffffffff, 0xfffffffeffffffff}},
                                   0x327f9e8872350975,
                                   {{0x901192af7c114f20, 0x3464504ade6fa2fa, 0x620fc84c3affe0d4, 0x1eb5e412a22b3d3b}}};

inline constexpr U256 kU256One = {{1, 0, 0, 0}};

// a b / R mod m, for any a < 2^256 and b < m.
inline U256 montgomery_mul(const U256& a, const U256& b, const Modulus& modulus) {
  ACCEL_INVARIANT(less_mask(b, modulus.m) != 0);
  uint64_t t[6] = {};
  for (int i = 0; i < 4; ++i) {
    // t = (t + a_i b + q m) / 2^64; t < 2m before (a_i b + q m) <= (2^64 - 1) 2m, so t < 2m after.
    uint64_t carry = 0;
    for (int j = 0; j < 4; ++j) {
      const u128 sum = static_cast<u128>(a.v[i]) * b.v[j] + t[j] + carry;
      t[j] = static_cast<uint64_t>(sum);
      carry = static_cast<uint64_t>(sum >> 64);
    }
    uint64_t top_carry = 0;
    t[4] = add_carry(t[4], carry, top_carry);
    t[5] = top_carry;
    const uint64_t q = t[0] * modulus.negative_inverse;
    carry = static_cast<uint64_t>((static_cast<u128>(q) * modulus.m.v[0] + t[0]) >> 64);
    for (int j = 1; j < 4; ++j) {
      const u128 sum = static_cast<u128>(q) * modulus.m.v[j] + t[j] + carry;
      t[j - 1] = static_cast<uint64_t>(sum);
      carry = static_cast<uint64_t>(sum >> 64);
    }
    top_carry = 0;
    t[3] = add_carry(t[4], carry, top_carry);
    t[4] = t[5] + top_carry;
  }
  const U256 r = reduce_once(t[4], U256{{t[0], t[1], t[2], t[3]}}, modulus.m);
  ACCEL_INVARIANT(less_mask(r, modulus.m) != 0);
  return r;
}

// a b mod m, for any a < 2^256 and b < m.
inline U256 mul_mod(const U256& a, const U256& b, const Modulus& modulus) {
  return montgomery_mul(montgomery_mul(a, modulus.r_squared, modulus), b, modulus);
}

// a mod m for any a < 2^256, for every modulus: a R^2 / R / R.
inline U256 reduce(const U256& a, const Modulus& modulus) {
  return montgomery_mul(montgomery_mul(a, modulus.r_squared, modulus), kU256One, modulus);
}

// high 2^256 + low mod m
inline U256 reduce_wide(const U256& high, const U256& low, const Modulus& modulus) {
  return add_mod(montgomery_mul(high, modulus.r_squared, modulus), reduce(low, modulus), modulus.m);
}

// a^(m - 2): the inverse of a when m is a prime. The exponent is public.
inline U256 inverse_mod(const U256& a, const Modulus& modulus) {
  U256 exponent{};
  sub(exponent, modulus.m, U256{{2, 0, 0, 0}});
  const U256 a_r = montgomery_mul(a, modulus.r_squared, modulus);
  U256 r = montgomery_mul(modulus.r_squared, kU256One, modulus);  // 1 in Montgomery form
  for (int i = 255; i >= 0; --i) {
    r = montgomery_mul(r, r, modulus);
    if (exponent.v[i / 64] >> (i % 64) & 1) r = montgomery_mul(r, a_r, modulus);
  }
  return montgomery_mul(r, kU256One, modulus);
}

// Odd signed recoding. An odd k < 2^(width windows) is the sum of d_i 2^(width i) with every d_i odd and
// |d_i| < 2^width: with b_i the windows of (k + 2^(width windows) - 1) / 2, which is k >> 1 with one more bit on top,
// d_i = 2 b_i - (2^width - 1). No digit is zero, so a table holds 2^(width - 1) odd multiples per window and infinity
// never appears as an operand.
//
// A digit as the table sees it: which odd multiple, and whether its point is negated.
struct Digit {
  uint32_t index;     // of (2 index + 1) times the window's base
  uint32_t negative;  // 0 or 1
};

template <int kWidth>
struct OddRecoding {
  static_assert(kWidth >= 2 && kWidth <= 16);
  static constexpr int kWindows = (256 + kWidth - 1) / kWidth;
  static constexpr int kEntries = 1 << (kWidth - 1);

  // The digits of k mod the odd order, k in [1, 2^256): an even k < order is replaced by order - k and the sign of
  // every digit changed. An even k above the order is not allowed.
  OddRecoding(const U256& k, const U256& order) {
    flip_ = static_cast<uint32_t>(~k.v[0] & 1);
    U256 negated{};
    const uint64_t borrow = sub(negated, order, k);
    ACCEL_INVARIANT(flip_ == 0 || borrow == 0);
    static_cast<void>(borrow);
    const U256 odd = select(0 - static_cast<uint64_t>(flip_), negated, k);
    for (int i = 0; i < 3; ++i) half_.v[i] = odd.v[i] >> 1 | odd.v[i + 1] << 63;
    half_.v[3] = odd.v[3] >> 1;
  }

  Digit operator[](int window) const {
    constexpr uint64_t kDigitMask = (uint64_t{1} << kWidth) - 1;
    const int bit = window * kWidth, limb = bit / 64, shift = bit % 64;
    uint64_t b = half_.v[limb] >> shift;
    if (shift + kWidth > 64 && limb < 3) b |= half_.v[limb + 1] << (64 - shift);
    b &= kDigitMask;
    if (window == kWindows - 1) b |= uint64_t{1} << (kWidth - 1);
    const uint64_t negative = (b >> (kWidth - 1)) ^ 1;
    const uint64_t index = (b ^ (0 - negative)) & (kDigitMask >> 1);
    return {static_cast<uint32_t>(index), static_cast<uint32_t>(negative) ^ flip_};
  }

 private:
  U256 half_;  // k >> 1 for the odd k in use
  uint32_t flip_;
};

// Width-5 non-adjacent form of k < 2^256: digits[i] is 0 or odd in [-15, 15], k is the sum of digits[i] 2^i, at most
// one of five digits in a row is not zero. Returns how many digits are in use (at most 257).
inline constexpr int kNafWidth = 5;
inline constexpr int kNafEntries = 1 << (kNafWidth - 2);  // odd multiples 1, 3, ..., 15
inline constexpr int kNafDigits = 257;
inline int recode_naf_var(int8_t digits[kNafDigits], const U256& k) {
  std::memset(digits, 0, kNafDigits);
  int used = 0;
  uint64_t carry = 0;
  for (int bit = 0; bit < kNafDigits;) {
    const int limb = bit / 64, shift = bit % 64;
    uint64_t window = limb < 4 ? k.v[limb] >> shift : 0;
    if (shift + kNafWidth > 64 && limb < 3) window |= k.v[limb + 1] << (64 - shift);
    if ((window & 1) == carry) {
      ++bit;
      continue;
    }
    const int64_t digit = static_cast<int64_t>((window & 31) + carry);
    carry = static_cast<uint64_t>(digit >> (kNafWidth - 1)) & 1;
    digits[bit] = static_cast<int8_t>(digit - static_cast<int64_t>(carry << kNafWidth));
    used = bit + 1;
    bit += kNafWidth;
  }
  return used;
}

}  // namespace
}  // namespace accel::sm2
