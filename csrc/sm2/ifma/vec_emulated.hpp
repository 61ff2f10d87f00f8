// The same eight lanes as VecAvx512 in plain C++: for memcheck, which knows no AVX-512, and for testing the vector
// formulas on any CPU.
#pragma once

#include "sm2/field_u256.hpp"

namespace accel::sm2 {
namespace {

struct VecEmulated {
  using Mask = uint8_t;
  static constexpr size_t kLanes = 8;

  uint64_t v[kLanes];

  template <class Lane>
  static ACCEL_INLINE VecEmulated each(Lane lane) {
    VecEmulated r;
    for (size_t i = 0; i < kLanes; ++i) r.v[i] = lane(i);
    return r;
  }

  static ACCEL_INLINE VecEmulated zero() { return broadcast(0); }
  static ACCEL_INLINE VecEmulated broadcast(uint64_t a) {
    return each([&](size_t) { return a; });
  }
  static ACCEL_INLINE VecEmulated load(const void* memory) {
    VecEmulated r;
    std::memcpy(r.v, memory, sizeof(r.v));
    return r;
  }
  ACCEL_INLINE void store(void* memory) const { std::memcpy(memory, v, sizeof(v)); }

  friend ACCEL_INLINE VecEmulated operator+(const VecEmulated& a, const VecEmulated& b) {
    return each([&](size_t i) { return a.v[i] + b.v[i]; });
  }
  friend ACCEL_INLINE VecEmulated operator-(const VecEmulated& a, const VecEmulated& b) {
    return each([&](size_t i) { return a.v[i] - b.v[i]; });
  }
  friend ACCEL_INLINE VecEmulated operator&(const VecEmulated& a, const VecEmulated& b) {
    return each([&](size_t i) { return a.v[i] & b.v[i]; });
  }
  friend ACCEL_INLINE VecEmulated operator|(const VecEmulated& a, const VecEmulated& b) {
    return each([&](size_t i) { return a.v[i] | b.v[i]; });
  }
  friend ACCEL_INLINE VecEmulated operator^(const VecEmulated& a, const VecEmulated& b) {
    return each([&](size_t i) { return a.v[i] ^ b.v[i]; });
  }
  template <int kBits>
  ACCEL_INLINE VecEmulated shl() const {
    return each([&](size_t i) { return v[i] << kBits; });
  }
  template <int kBits>
  ACCEL_INLINE VecEmulated shr() const {
    return each([&](size_t i) { return v[i] >> kBits; });
  }
  template <int kBits>
  ACCEL_INLINE VecEmulated sar() const {
    return each([&](size_t i) { return static_cast<uint64_t>(static_cast<int64_t>(v[i]) >> kBits); });
  }

  static constexpr uint64_t kLow52 = (uint64_t{1} << 52) - 1;
  static ACCEL_INLINE u128 product(uint64_t a, uint64_t b) { return static_cast<u128>(a & kLow52) * (b & kLow52); }
  static ACCEL_INLINE VecEmulated madd_low(const VecEmulated& sum, const VecEmulated& a, const VecEmulated& b) {
    return each([&](size_t i) { return sum.v[i] + (static_cast<uint64_t>(product(a.v[i], b.v[i])) & kLow52); });
  }
  static ACCEL_INLINE VecEmulated madd_high(const VecEmulated& sum, const VecEmulated& a, const VecEmulated& b) {
    return each([&](size_t i) { return sum.v[i] + static_cast<uint64_t>(product(a.v[i], b.v[i]) >> 52); });
  }

  // The masks are made of carries and sign bits, so that no branch comes of a secret.
  static ACCEL_INLINE Mask equal(const VecEmulated& a, const VecEmulated& b) {
    Mask mask = 0;
    for (size_t i = 0; i < kLanes; ++i) {
      const uint64_t d = opaque(a.v[i] ^ b.v[i]);
      mask = static_cast<Mask>(mask | (((d | (0 - d)) >> 63) ^ 1) << i);
    }
    return mask;
  }
  static ACCEL_INLINE Mask less(const VecEmulated& a, const VecEmulated& b) {
    Mask mask = 0;
    for (size_t i = 0; i < kLanes; ++i) {
      uint64_t borrow = 0;
      sub_borrow(a.v[i], b.v[i], borrow);
      mask = static_cast<Mask>(mask | opaque(borrow) << i);
    }
    return mask;
  }
  static ACCEL_INLINE VecEmulated select(Mask mask, const VecEmulated& a, const VecEmulated& b) {
    return each([&](size_t i) {
      const uint64_t bits = opaque(0 - static_cast<uint64_t>(mask >> i & 1));
      return b.v[i] ^ ((a.v[i] ^ b.v[i]) & bits);
    });
  }
  // The element of `count` that index names, all of them read.
  static ACCEL_INLINE uint64_t pick(const VecEmulated* from, size_t count, uint64_t index) {
    uint64_t r = 0;
    for (size_t k = 0; k < count; ++k) {
      const uint64_t d = opaque((index & (count - 1)) ^ k);
      r |= from[k / kLanes].v[k % kLanes] & (((d | (0 - d)) >> 63) - 1);
    }
    return r;
  }
  static ACCEL_INLINE VecEmulated permute(const VecEmulated& indices, const VecEmulated& a) {
    return each([&](size_t i) { return pick(&a, 8, indices.v[i]); });
  }
  static ACCEL_INLINE VecEmulated permute2(const VecEmulated& indices, const VecEmulated& low,
                                           const VecEmulated& high) {
    const VecEmulated both[2] = {low, high};
    return each([&](size_t i) { return pick(both, 16, indices.v[i]); });
  }
  static ACCEL_INLINE void load_quads(VecEmulated (&words)[4], const void* const (&addresses)[8]) {
    for (size_t i = 0; i < 8; ++i) {
      uint64_t quad[4];
      std::memcpy(quad, addresses[i], sizeof(quad));
      for (int j = 0; j < 4; ++j) words[j].v[i] = quad[j];
    }
  }
  static ACCEL_INLINE void store_quads(const VecEmulated (&words)[4], uint8_t* rows, size_t stride) {
    for (size_t i = 0; i < 8; ++i) {
      for (size_t j = 0; j < 4; ++j) std::memcpy(rows + i * stride + 8 * j, words[j].v + i, 8);
    }
  }
  static ACCEL_INLINE void transpose(VecEmulated (&rows)[8]) {
    for (size_t i = 0; i < 8; ++i) {
      for (size_t j = 0; j < i; ++j) {
        const uint64_t t = rows[i].v[j];
        rows[i].v[j] = rows[j].v[i];
        rows[j].v[i] = t;
      }
    }
  }
};

}  // namespace
}  // namespace accel::sm2
