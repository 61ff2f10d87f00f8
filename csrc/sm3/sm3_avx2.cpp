// SM3 with AVX2: 8 lanes. Method and figures: README.md.
#include <immintrin.h>

#include "sm3/lanes.hpp"
#include "sm3/pairs.hpp"
#include "sm3/select.hpp"

namespace accel::sm3 {
namespace {

struct Avx2 {
  using Word = __m256i;
  static constexpr unsigned kWidth = 8, kGroups = 1;
  static constexpr bool kMaskedLoads = false;

  ACCEL_SM3_INLINE Word add(Word a, Word b) { return _mm256_add_epi32(a, b); }
  ACCEL_SM3_INLINE Word exclusive_or(Word a, Word b) { return _mm256_xor_si256(a, b); }
  ACCEL_SM3_INLINE Word exclusive_or3(Word a, Word b, Word c) { return exclusive_or(exclusive_or(b, c), a); }
  ACCEL_SM3_INLINE Word majority(Word a, Word b, Word c) {
    return _mm256_or_si256(_mm256_and_si256(b, c), _mm256_and_si256(a, _mm256_or_si256(b, c)));
  }
  ACCEL_SM3_INLINE Word choose(Word a, Word b, Word c) {
    return exclusive_or(_mm256_and_si256(exclusive_or(b, c), a), c);
  }
  template <int n>
  ACCEL_SM3_INLINE Word rotate(Word a) {
    return _mm256_or_si256(_mm256_slli_epi32(a, n), _mm256_srli_epi32(a, 32 - n));
  }
  // One instruction, where another rotation takes three.
  ACCEL_SM3_INLINE Word rotate8(Word a) {
    return _mm256_shuffle_epi8(
        a, _mm256_broadcastsi128_si256(_mm_setr_epi8(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14)));
  }
  ACCEL_SM3_INLINE Word p0(Word a) { return exclusive_or(a, rotate<9>(exclusive_or(a, rotate8(a)))); }
  ACCEL_SM3_INLINE Word p1(Word a) { return exclusive_or(a, rotate<15>(exclusive_or(a, rotate8(a)))); }
  ACCEL_SM3_INLINE Word broadcast(const uint32_t* word) { return _mm256_set1_epi32(static_cast<int>(*word)); }
  // a where the lane's bit is set, else b.
  ACCEL_SM3_INLINE Word select(uint32_t lanes, Word a, Word b) {
    const Word bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const Word set = _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(static_cast<int>(lanes)), bit), bit);
    return _mm256_blendv_epi8(b, a, set);
  }

  ACCEL_SM3_INLINE Word swap_bytes(Word a) {
    return _mm256_shuffle_epi8(
        a, _mm256_broadcastsi128_si256(_mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)));
  }

  // Columns become rows.
  ACCEL_SM3_INLINE void transpose(Word out[8], const Word r[8]) {
    Word s[8];
#pragma GCC unroll 2
    for (unsigned i = 0; i < 8; i += 4) {
      const Word a = _mm256_unpacklo_epi32(r[i], r[i + 1]), b = _mm256_unpackhi_epi32(r[i], r[i + 1]);
      const Word c = _mm256_unpacklo_epi32(r[i + 2], r[i + 3]), d = _mm256_unpackhi_epi32(r[i + 2], r[i + 3]);
      s[i] = _mm256_unpacklo_epi64(a, c);
      s[i + 1] = _mm256_unpackhi_epi64(a, c);
      s[i + 2] = _mm256_unpacklo_epi64(b, d);
      s[i + 3] = _mm256_unpackhi_epi64(b, d);
    }
#pragma GCC unroll 4
    for (unsigned c = 0; c < 4; c++) {
      out[c] = _mm256_permute2x128_si256(s[c], s[4 + c], 0x20);
      out[4 + c] = _mm256_permute2x128_si256(s[c], s[4 + c], 0x31);
    }
  }

  // words[i], lane l: big-endian word i of blocks[l].
  ACCEL_SM3_INLINE void load_blocks(Word words[16], const uint8_t* const blocks[kWidth]) {
#pragma GCC unroll 2
    for (unsigned half = 0; half < 2; half++) {
      Word r[8];
#pragma GCC unroll 8
      for (unsigned i = 0; i < 8; i++) r[i] = swap_bytes(load(blocks[i] + 32 * half));
      transpose(words + 8 * half, r);
    }
  }

  // Lane l's 8 words become the 32 bytes at digests + 32 l.
  ACCEL_SM3_INLINE void store_digests(uint8_t* digests, const Word state[8]) {
    Word r[8];
#pragma GCC unroll 8
    for (unsigned i = 0; i < 8; i++) r[i] = swap_bytes(state[i]);
    transpose(r, r);
#pragma GCC unroll 8
    for (unsigned i = 0; i < 8; i++) store(digests + 32 * i, r[i]);
  }

  // A block put together: `head` bytes from one place, `body` bytes from another, the padding's first byte if `mark`,
  // zeroes, and `bits` in the last 8 bytes.
  struct Part {
    size_t head_size, body_size;
    bool mark;
    uint64_t bits;

    ACCEL_SM3_MEMBER Part(size_t head, size_t body, bool with_mark, uint64_t with_bits)
        : head_size(head), body_size(body), mark(with_mark), bits(with_bits) {}
    ACCEL_SM3_MEMBER void stage(uint8_t* block, const uint8_t* head, const uint8_t* body) const {
      store(block, _mm256_setzero_si256());
      store(block + 32, _mm256_setzero_si256());
      if (head_size != 0) memcpy(block, head, head_size);
      if (body_size != 0) memcpy(block + head_size, body, body_size);
      if (mark) block[head_size + body_size] = 0x80;
      if (bits != 0) {
        store_be(block + 56, static_cast<uint32_t>(bits >> 32));
        store_be(block + 60, static_cast<uint32_t>(bits));
      }
    }
  };

  // For each lane at[l] = next[l]; where it has blocks left, next[l] goes on by one. The lanes that had none.
  ACCEL_SM3_INLINE uint32_t advance(const uint8_t** at, const uint8_t** next, uint64_t* blocks) {
    uint32_t none = 0;
    for (unsigned lane = 0; lane < kWidth; lane++) {
      const bool some = blocks[lane] != 0;
      none |= uint32_t{!some} << lane;
      at[lane] = next[lane];
      next[lane] += some ? kBlockSize : 0;
      blocks[lane] -= some;
    }
    return none;
  }

 private:
  ACCEL_SM3_INLINE Word load(const uint8_t* bytes) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes));
  }
  ACCEL_SM3_INLINE void store(uint8_t* bytes, Word a) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(bytes), a); }
};

bool supported(const CpuFeatures& features) { return features.avx2; }

}  // namespace

constinit const Kernel kAvx2 = {"avx2", supported, compress_portable, hash_items<Avx2>,
                                hash_pairs_as_messages<hash_items<Avx2>>};

}  // namespace accel::sm3
