// 256-bit integers: bytes, comparisons and constant-time selection. Everything in this room below kernel.hpp stands in
// an anonymous namespace, because each kernel's translation unit compiles it with instruction-set flags of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#if defined(__x86_64__)
#pragma GCC diagnostic push
#if defined(__GNUC__) && !defined(__clang__)
// gcc 12 warns of the undefined vectors in its own header (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

#include "sm2/kernel.hpp"

// Invariants of a representation. Checked builds stop at the first operation that breaks one.
#if defined(ACCEL_CHECKED)
#define ACCEL_INVARIANT(condition)                                                           \
  do {                                                                                       \
    if (!__builtin_is_constant_evaluated() && !(condition)) {                                \
      std::fprintf(stderr, "%s:%d: invariant broken: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
#else
#define ACCEL_INVARIANT(condition) static_cast<void>(0)
#endif

// Builds that watch what the code does leave inlining to the compiler: with every operation several times as long,
// forcing it makes a translation unit take minutes. So do tests that compile the templates themselves
// (ACCEL_PLAIN_INLINE), for emulated vectors above all.
#if defined(ACCEL_CHECKED) || defined(ACCEL_SANITIZE_THREAD) || defined(ACCEL_PLAIN_INLINE)
#define ACCEL_INLINE inline
#else
#define ACCEL_INLINE inline __attribute__((always_inline))
#endif
#define ACCEL_NOINLINE __attribute__((noinline))

namespace accel::sm2 {
namespace {

using u128 = unsigned __int128;

// v[0] is the least significant limb.
struct U256 {
  uint64_t v[4];
};

// Hides from the compiler that a mask is all zeros or all ones, so that it does not turn a selection into a branch.
constexpr ACCEL_INLINE uint64_t opaque(uint64_t mask) {
  if (!__builtin_is_constant_evaluated()) __asm__("" : "+r"(mask));
  return mask;
}

// a + b + carry; carry is 0 or 1 before and after.
constexpr ACCEL_INLINE uint64_t add_carry(uint64_t a, uint64_t b, uint64_t& carry) {
#if defined(__x86_64__)
  if (!__builtin_is_constant_evaluated()) {
    unsigned long long sum;
    carry = _addcarry_u64(static_cast<uint8_t>(carry), a, b, &sum);
    return sum;
  }
#endif
  const u128 sum = static_cast<u128>(a) + b + carry;
  carry = static_cast<uint64_t>(sum >> 64);
  return static_cast<uint64_t>(sum);
}

// a - b - borrow; borrow is 0 or 1 before and after.
constexpr ACCEL_INLINE uint64_t sub_borrow(uint64_t a, uint64_t b, uint64_t& borrow) {
#if defined(__x86_64__)
  if (!__builtin_is_constant_evaluated()) {
    unsigned long long difference;
    borrow = _subborrow_u64(static_cast<uint8_t>(borrow), a, b, &difference);
    return difference;
  }
#endif
  const u128 difference = static_cast<u128>(a) - b - borrow;
  borrow = static_cast<uint64_t>(difference >> 64) & 1;
  return static_cast<uint64_t>(difference);
}

// r = a + b mod 2^256; returns the carry.
constexpr ACCEL_INLINE uint64_t add(U256& r, const U256& a, const U256& b) {
  uint64_t carry = 0;
  for (int i = 0; i < 4; ++i) r.v[i] = add_carry(a.v[i], b.v[i], carry);
  return carry;
}

// r = a - b mod 2^256; returns the borrow.
constexpr ACCEL_INLINE uint64_t sub(U256& r, const U256& a, const U256& b) {
  uint64_t borrow = 0;
  for (int i = 0; i < 4; ++i) r.v[i] = sub_borrow(a.v[i], b.v[i], borrow);
  return borrow;
}

// All ones if a < b.
constexpr ACCEL_INLINE uint64_t less_mask(const U256& a, const U256& b) {
  U256 scratch{};
  return 0 - sub(scratch, a, b);
}

constexpr ACCEL_INLINE uint64_t zero_mask(const U256& a) {
  const uint64_t any = a.v[0] | a.v[1] | a.v[2] | a.v[3];
  return ((any | (0 - any)) >> 63) - 1;
}

constexpr ACCEL_INLINE uint64_t equal_mask(const U256& a, const U256& b) {
  return zero_mask(U256{{a.v[0] ^ b.v[0], a.v[1] ^ b.v[1], a.v[2] ^ b.v[2], a.v[3] ^ b.v[3]}});
}

// mask ? a : b, for a mask of all ones or all zeros.
constexpr ACCEL_INLINE U256 select(uint64_t mask, const U256& a, const U256& b) {
  mask = opaque(mask);
  U256 r{};
  for (int i = 0; i < 4; ++i) r.v[i] = (a.v[i] & mask) | (b.v[i] & ~mask);
  return r;
}

// (carry 2^256 + a) mod m, for a value below 2 m.
constexpr ACCEL_INLINE U256 reduce_once(uint64_t carry, const U256& a, const U256& m) {
  U256 reduced{};
  const uint64_t borrow = sub(reduced, a, m);
  return select(0 - (borrow & (carry ^ 1)), a, reduced);
}

// a + b and a - b mod m, for a, b < m.
constexpr ACCEL_INLINE U256 add_mod(const U256& a, const U256& b, const U256& m) {
  U256 sum{};
  const uint64_t carry = add(sum, a, b);
  return reduce_once(carry, sum, m);
}
constexpr ACCEL_INLINE U256 sub_mod(const U256& a, const U256& b, const U256& m) {
  U256 difference{}, back{};
  const uint64_t borrow = sub(difference, a, b);
  add(back, difference, m);
  return select(0 - borrow, back, difference);
}

inline U256 load_be(const uint8_t bytes[32]) {
  U256 r;
  for (int i = 0; i < 4; ++i) {
    uint64_t limb;
    std::memcpy(&limb, bytes + 8 * (3 - i), 8);
    r.v[i] = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap64(limb) : limb;
  }
  return r;
}

inline void store_be(uint8_t bytes[32], const U256& a) {
  for (int i = 0; i < 4; ++i) {
    const uint64_t limb = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap64(a.v[i]) : a.v[i];
    std::memcpy(bytes + 8 * (3 - i), &limb, 8);
  }
}

// Item i of a caller's array. (Strided's own operator would be an inline function shared between translation units.)
ACCEL_INLINE const uint8_t* at(const Strided& items, size_t i) { return items.data + i * items.stride; }

}  // namespace
}  // namespace accel::sm2
