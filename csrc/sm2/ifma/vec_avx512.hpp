// Eight lanes of 64 bits in a register: AVX-512 F, DQ, VL and IFMA.
#pragma once

#include <immintrin.h>

#include "sm2/field_u256.hpp"

namespace accel::sm2 {
namespace {

struct VecAvx512 {
  using Mask = uint8_t;  // bit i: lane i
  static constexpr size_t kLanes = 8;

  __m512i v;

  static ACCEL_INLINE VecAvx512 zero() { return {_mm512_setzero_si512()}; }
  static ACCEL_INLINE VecAvx512 broadcast(uint64_t a) { return {_mm512_set1_epi64(static_cast<long long>(a))}; }
  // 64 bytes, anywhere.
  static ACCEL_INLINE VecAvx512 load(const void* memory) { return {_mm512_loadu_si512(memory)}; }
  ACCEL_INLINE void store(void* memory) const { _mm512_storeu_si512(memory, v); }

  friend ACCEL_INLINE VecAvx512 operator+(VecAvx512 a, VecAvx512 b) { return {_mm512_add_epi64(a.v, b.v)}; }
  friend ACCEL_INLINE VecAvx512 operator-(VecAvx512 a, VecAvx512 b) { return {_mm512_sub_epi64(a.v, b.v)}; }
  friend ACCEL_INLINE VecAvx512 operator&(VecAvx512 a, VecAvx512 b) { return {_mm512_and_si512(a.v, b.v)}; }
  friend ACCEL_INLINE VecAvx512 operator|(VecAvx512 a, VecAvx512 b) { return {_mm512_or_si512(a.v, b.v)}; }
  friend ACCEL_INLINE VecAvx512 operator^(VecAvx512 a, VecAvx512 b) { return {_mm512_xor_si512(a.v, b.v)}; }
  template <int kBits>
  ACCEL_INLINE VecAvx512 shl() const {
    return {_mm512_slli_epi64(v, kBits)};
  }
  template <int kBits>
  ACCEL_INLINE VecAvx512 shr() const {
    return {_mm512_srli_epi64(v, kBits)};
  }
  // Arithmetic: copies of the sign come in.
  template <int kBits>
  ACCEL_INLINE VecAvx512 sar() const {
    return {_mm512_srai_epi64(v, kBits)};
  }

  // sum + the low, the high 52 bits of a 104-bit product; only the low 52 bits of a and b count.
  static ACCEL_INLINE VecAvx512 madd_low(VecAvx512 sum, VecAvx512 a, VecAvx512 b) {
    return {_mm512_madd52lo_epu64(sum.v, a.v, b.v)};
  }
  static ACCEL_INLINE VecAvx512 madd_high(VecAvx512 sum, VecAvx512 a, VecAvx512 b) {
    return {_mm512_madd52hi_epu64(sum.v, a.v, b.v)};
  }

  static ACCEL_INLINE Mask equal(VecAvx512 a, VecAvx512 b) { return _mm512_cmpeq_epi64_mask(a.v, b.v); }
  // Unsigned.
  static ACCEL_INLINE Mask less(VecAvx512 a, VecAvx512 b) { return _mm512_cmplt_epu64_mask(a.v, b.v); }
  // Lane by lane: mask ? a : b.
  static ACCEL_INLINE VecAvx512 select(Mask mask, VecAvx512 a, VecAvx512 b) {
    return {_mm512_mask_blend_epi64(mask, b.v, a.v)};
  }
  // Lane i of the result is lane indices[i] mod 8 of a, or lane indices[i] mod 16 of the sixteen of low and high. No
  // address depends on the indices.
  static ACCEL_INLINE VecAvx512 permute(VecAvx512 indices, VecAvx512 a) {
    return {_mm512_permutexvar_epi64(indices.v, a.v)};
  }
  static ACCEL_INLINE VecAvx512 permute2(VecAvx512 indices, VecAvx512 low, VecAvx512 high) {
    return {_mm512_permutex2var_epi64(low.v, indices.v, high.v)};
  }
  // Lane i of words[j] is word j of the 32 bytes at addresses[i].
  static ACCEL_INLINE void load_quads(VecAvx512 (&words)[4], const void* const (&addresses)[8]) {
    __m512i pairs[4];
    for (int i = 0; i < 4; ++i) {
      const int item = (i & 1) | (i & 2) << 1;  // 0, 1, 4, 5, each with the item two further
      pairs[i] =
          _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256(static_cast<const __m256i*>(addresses[item]))),
                             _mm256_loadu_si256(static_cast<const __m256i*>(addresses[item + 2])), 1);
    }
    for (int odd = 0; odd < 2; ++odd) {
      const __m512i low = odd ? _mm512_unpackhi_epi64(pairs[0], pairs[1]) : _mm512_unpacklo_epi64(pairs[0], pairs[1]);
      const __m512i high = odd ? _mm512_unpackhi_epi64(pairs[2], pairs[3]) : _mm512_unpacklo_epi64(pairs[2], pairs[3]);
      words[odd].v = _mm512_shuffle_i64x2(low, high, 0x88);
      words[odd + 2].v = _mm512_shuffle_i64x2(low, high, 0xdd);
    }
  }
  // The other way round: to rows `stride` bytes apart.
  static ACCEL_INLINE void store_quads(const VecAvx512 (&words)[4], uint8_t* rows, size_t stride) {
    const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
    const __m512i second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    const __m512i low0 = _mm512_unpacklo_epi64(words[0].v, words[1].v);
    const __m512i high0 = _mm512_unpackhi_epi64(words[0].v, words[1].v);
    const __m512i low1 = _mm512_unpacklo_epi64(words[2].v, words[3].v);
    const __m512i high1 = _mm512_unpackhi_epi64(words[2].v, words[3].v);
    store_halves(rows, rows + 2 * stride, _mm512_permutex2var_epi64(low0, first, low1));
    store_halves(rows + stride, rows + 3 * stride, _mm512_permutex2var_epi64(high0, first, high1));
    store_halves(rows + 4 * stride, rows + 6 * stride, _mm512_permutex2var_epi64(low0, second, low1));
    store_halves(rows + 5 * stride, rows + 7 * stride, _mm512_permutex2var_epi64(high0, second, high1));
  }
  // The lane j of rows[i] becomes lane i of rows[j].
  static ACCEL_INLINE void transpose(VecAvx512 (&rows)[8]) {
    __m512i pairs[8], quads[8];
    for (int i = 0; i < 8; i += 2) {
      pairs[i] = _mm512_unpacklo_epi64(rows[i].v, rows[i + 1].v);
      pairs[i + 1] = _mm512_unpackhi_epi64(rows[i].v, rows[i + 1].v);
    }
    for (int i = 0; i < 8; i += 4) {
      for (int j = 0; j < 2; ++j) {
        quads[i + j] = _mm512_shuffle_i64x2(pairs[i + j], pairs[i + j + 2], 0x88);
        quads[i + j + 2] = _mm512_shuffle_i64x2(pairs[i + j], pairs[i + j + 2], 0xdd);
      }
    }
    for (int j = 0; j < 4; ++j) {
      rows[j].v = _mm512_shuffle_i64x2(quads[j], quads[j + 4], 0x88);
      rows[j + 4].v = _mm512_shuffle_i64x2(quads[j], quads[j + 4], 0xdd);
    }
  }

 private:
  static ACCEL_INLINE void store_halves(uint8_t* low, uint8_t* high, __m512i a) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(low), _mm512_castsi512_si256(a));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(high), _mm512_extracti64x4_epi64(a, 1));
  }
};

}  // namespace
}  // namespace accel::sm2
