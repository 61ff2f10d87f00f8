// SM3 with AVX-512 (F, BW, DQ, VL): two interleaved groups of 16 lanes, or one group. Method and figures: README.md.
// gcc 12 takes the undefined operands inside its own intrinsics for mistakes.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop

#include "sm3/lanes.hpp"
#include "sm3/lanes_pairs.hpp"
#include "sm3/select.hpp"

namespace accel::sm3 {
namespace {

// Zeroes, and the bit that begins the padding at byte 64: read from byte 64 - n on, it stands behind n bytes.
alignas(64) constexpr uint8_t kMark[2 * kBlockSize] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,   0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80};

struct Avx512 {
  using Word = __m512i;
  static constexpr unsigned kWidth = 16, kGroups = 2;
  static constexpr bool kMaskedLoads = true;

  ACCEL_SM3_INLINE Word add(Word a, Word b) { return _mm512_add_epi32(a, b); }
  ACCEL_SM3_INLINE Word exclusive_or(Word a, Word b) { return _mm512_xor_si512(a, b); }
  // The constant of vpternlog is the column of results in the table of a, b, c.
  ACCEL_SM3_INLINE Word exclusive_or3(Word a, Word b, Word c) { return _mm512_ternarylogic_epi32(a, b, c, 0x96); }
  ACCEL_SM3_INLINE Word majority(Word a, Word b, Word c) { return _mm512_ternarylogic_epi32(a, b, c, 0xe8); }
  ACCEL_SM3_INLINE Word choose(Word a, Word b, Word c) { return _mm512_ternarylogic_epi32(a, b, c, 0xca); }
  template <int n>
  ACCEL_SM3_INLINE Word rotate(Word a) {
    return _mm512_rol_epi32(a, n);
  }
  ACCEL_SM3_INLINE Word p0(Word a) { return exclusive_or3(a, rotate<9>(a), rotate<17>(a)); }
  ACCEL_SM3_INLINE Word p1(Word a) { return exclusive_or3(a, rotate<15>(a), rotate<23>(a)); }
  ACCEL_SM3_INLINE Word broadcast(const uint32_t* word) { return _mm512_set1_epi32(static_cast<int>(*word)); }
  // a where the lane's bit is set, else b.
  ACCEL_SM3_INLINE Word select(uint32_t lanes, Word a, Word b) {
    return _mm512_mask_mov_epi32(b, static_cast<__mmask16>(lanes), a);
  }

  ACCEL_SM3_INLINE Word swap_bytes(Word a) {
    return _mm512_shuffle_epi8(
        a, _mm512_broadcast_i32x4(_mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12)));
  }

  // Rows 4k .. 4k+3 of 16 words each: within each quarter of 128 bits, columns become rows.
  ACCEL_SM3_INLINE void transpose_quarters(Word r[4]) {
    const Word a = _mm512_unpacklo_epi32(r[0], r[1]), b = _mm512_unpackhi_epi32(r[0], r[1]);
    const Word c = _mm512_unpacklo_epi32(r[2], r[3]), d = _mm512_unpackhi_epi32(r[2], r[3]);
    r[0] = _mm512_unpacklo_epi64(a, c);
    r[1] = _mm512_unpackhi_epi64(a, c);
    r[2] = _mm512_unpacklo_epi64(b, d);
    r[3] = _mm512_unpackhi_epi64(b, d);
  }

  // Rows of 16 words become columns.
  ACCEL_SM3_INLINE void transpose(Word words[16], Word r[16]) {
#pragma GCC unroll 4
    for (unsigned i = 0; i < 16; i += 4) transpose_quarters(r + i);
    // Quarter q of r[4k + c] holds column 4q + c of rows 4k .. 4k+3; now the quarters of each c are transposed.
#pragma GCC unroll 4
    for (unsigned c = 0; c < 4; c++) {
      const Word a = _mm512_shuffle_i32x4(r[c], r[4 + c], 0x44), b = _mm512_shuffle_i32x4(r[c], r[4 + c], 0xee);
      const Word d = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0x44);
      const Word e = _mm512_shuffle_i32x4(r[8 + c], r[12 + c], 0xee);
      words[c] = _mm512_shuffle_i32x4(a, d, 0x88);
      words[4 + c] = _mm512_shuffle_i32x4(a, d, 0xdd);
      words[8 + c] = _mm512_shuffle_i32x4(b, e, 0x88);
      words[12 + c] = _mm512_shuffle_i32x4(b, e, 0xdd);
    }
  }

  // words[i], lane l: big-endian word i of blocks[l].
  ACCEL_SM3_INLINE void load_blocks(Word words[16], const uint8_t* const blocks[kWidth]) {
    Word r[16];
#pragma GCC unroll 16
    for (unsigned i = 0; i < 16; i++) r[i] = swap_bytes(_mm512_loadu_si512(blocks[i]));
    transpose(words, r);
  }

  // Lane l's 8 words become the 32 bytes at digests + 32 l.
  ACCEL_SM3_INLINE void store_digests(uint8_t* digests, const Word state[8]) {
    Word r[8];
#pragma GCC unroll 8
    for (unsigned i = 0; i < 8; i++) r[i] = swap_bytes(state[i]);
    transpose_quarters(r);
    transpose_quarters(r + 4);
    // Quarter q of r[c] holds words 0 .. 3 of lane 4q + c, that of r[4 + c] its words 4 .. 7.
#pragma GCC unroll 4
    for (unsigned c = 0; c < 4; c += 2) {
      const Word a = _mm512_shuffle_i32x4(r[c], r[4 + c], 0x44), b = _mm512_shuffle_i32x4(r[c], r[4 + c], 0xee);
      const Word d = _mm512_shuffle_i32x4(r[c + 1], r[5 + c], 0x44);
      const Word e = _mm512_shuffle_i32x4(r[c + 1], r[5 + c], 0xee);
      _mm512_storeu_si512(digests + 32 * c, _mm512_shuffle_i32x4(a, d, 0x88));
      _mm512_storeu_si512(digests + 32 * (4 + c), _mm512_shuffle_i32x4(a, d, 0xdd));
      _mm512_storeu_si512(digests + 32 * (8 + c), _mm512_shuffle_i32x4(b, e, 0x88));
      _mm512_storeu_si512(digests + 32 * (12 + c), _mm512_shuffle_i32x4(b, e, 0xdd));
    }
  }

  // A block put together: `head` bytes from one place, `body` bytes from another, the padding's first byte if `mark`,
  // zeroes, and `bits` in the last 8 bytes. What is masked off is not read, wherever it would be.
  class Part {
   public:
    ACCEL_SM3_MEMBER Part(size_t head, size_t body, bool mark, uint64_t bits)
        : head_size_(head), head_(first(head)), body_(first(head + body) & ~head_) {
      const auto swapped = static_cast<long long>(__builtin_bswap64(bits));
      padding_ = _mm512_maskz_set1_epi64(0x80, swapped);
      if (mark) padding_ = _mm512_or_si512(padding_, _mm512_loadu_si512(kMark + kBlockSize - (head + body)));
    }
    ACCEL_SM3_MEMBER Word with_head(const uint8_t* head) const {
      return head_ == 0 ? padding_ : _mm512_or_si512(padding_, _mm512_maskz_loadu_epi8(head_, head));
    }
    ACCEL_SM3_MEMBER Word with_body(Word head, const uint8_t* body) const {
      const auto* const first_byte = reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(body) - head_size_);
      return _mm512_or_si512(head, _mm512_maskz_loadu_epi8(body_, first_byte));
    }
    ACCEL_SM3_MEMBER void stage(uint8_t* block, const uint8_t* head, const uint8_t* body) const {
      _mm512_store_si512(block, with_body(with_head(head), body));
    }

   private:
    ACCEL_SM3_INLINE uint64_t first(size_t bytes) { return bytes < 64 ? (uint64_t{1} << bytes) - 1 : ~uint64_t{0}; }

    size_t head_size_;
    __mmask64 head_, body_;
    Word padding_;
  };

  // The same of 16 lanes that share the head, as load_blocks would leave it.
  ACCEL_SM3_INLINE void load_parts(Word words[16], const Part& part, const uint8_t* head,
                                   const uint8_t* const bodies[kWidth]) {
    const Word common = part.with_head(head);
    Word r[16];
#pragma GCC unroll 16
    for (unsigned i = 0; i < 16; i++) r[i] = swap_bytes(part.with_body(common, bodies[i]));
    transpose(words, r);
  }

  // --- pairs of digests (lanes_pairs.hpp) ---

  ACCEL_SM3_INLINE void load_pairs(Word words[16], const uint8_t* pairs) {
    Word r[16];
#pragma GCC unroll 16
    for (unsigned i = 0; i < 16; i++) r[i] = swap_bytes(_mm512_loadu_si512(pairs + i * kBlockSize));
    transpose(words, r);
  }
  // Reads each pair from the byte before it on, which belongs to the pair before; of the first one that byte is not
  // read.
  ACCEL_SM3_INLINE void load_pairs_behind(Word words[16], const uint8_t* pairs) {
    const auto* const before = reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(pairs) - 1);
    Word r[16];
    r[0] = swap_bytes(_mm512_maskz_loadu_epi8(~__mmask64{1}, before));
#pragma GCC unroll 16
    for (unsigned i = 1; i < 16; i++) r[i] = swap_bytes(_mm512_loadu_si512(pairs + i * kBlockSize - 1));
    transpose(words, r);
  }
  // The byte that a lane leaves out is the first one of the next lane; that of the last lane comes out of memory.
  ACCEL_SM3_INLINE Word shift_lanes(Word first, const uint8_t* pairs) {
    int last;
    memcpy(&last, pairs + kWidth * kBlockSize - 4, 4);
    return _mm512_alignr_epi32(_mm512_castsi128_si512(_mm_cvtsi32_si128(last)), first, 1);
  }
  ACCEL_SM3_INLINE Word with_upper_byte(Word a, uint8_t byte) {
    const Word upper = _mm512_set1_epi32(static_cast<int>(uint32_t{byte} << 24));
    return _mm512_ternarylogic_epi32(a, upper, _mm512_set1_epi32(0xffffff), 0xe4);  // where c is set a, else b
  }
  ACCEL_SM3_INLINE Word look_up(const uint32_t table[16], Word index) {
    return _mm512_permutexvar_epi32(index, _mm512_load_si512(table));
  }
  template <int n>
  ACCEL_SM3_INLINE Word shift_right(Word a) {
    return _mm512_srli_epi32(a, n);
  }

  // For each lane at[l] = next[l]; where it has blocks left, next[l] goes on by one. The lanes that had none.
  ACCEL_SM3_INLINE uint32_t advance(const uint8_t** at, const uint8_t** next, uint64_t* blocks) {
    uint32_t none = 0;
#pragma GCC unroll 2
    for (unsigned half = 0; half < 2; half++, at += 8, next += 8, blocks += 8) {
      const Word left = _mm512_loadu_si512(blocks), from = _mm512_loadu_si512(next);
      const __mmask8 some = _mm512_test_epi64_mask(left, left);
      _mm512_storeu_si512(at, from);
      _mm512_storeu_si512(next, _mm512_mask_add_epi64(from, some, from, _mm512_set1_epi64(kBlockSize)));
      _mm512_storeu_si512(blocks, _mm512_mask_sub_epi64(left, some, left, _mm512_set1_epi64(1)));
      none |= (~uint32_t{some} & 0xff) << (8 * half);
    }
    return none;
  }
};

// One group keeps state and schedule in registers; its results must come fast enough for it not to wait for them. A
// rotation takes one cycle on Intel's processors and two on AMD's.
struct Avx512x16 : Avx512 {
  static constexpr unsigned kGroups = 1;
};

bool supported(const CpuFeatures& features) { return features.avx512; }
bool supported_x16(const CpuFeatures& features) { return features.avx512 && features.intel; }

}  // namespace

constinit const Kernel kAvx512 = {"avx512", supported, compress_portable, hash_items<Avx512>,
                                  hash_pairs_in_lanes<Avx512>};
constinit const Kernel kAvx512x16 = {"avx512x16", supported_x16, compress_portable, hash_items<Avx512x16>,
                                     hash_pairs_in_lanes<Avx512x16>};

}  // namespace accel::sm3
