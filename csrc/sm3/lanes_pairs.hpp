// Pairs of digests over lanes, as the levels of a Merkle tree hold them: 64 bytes each, one behind the other, with one
// byte before them or none. Templated like lanes_rounds.hpp, and for the same reason in an anonymous namespace. The
// unit has besides:
//
//   load_pairs         a pair of each lane, transposed into 16 Words
//   load_pairs_behind  the same one byte later: the first byte of each lane is undefined, its last one is left out
//   shift_lanes        of the first Words of pairs loaded so, each one's left out byte, as the upper byte of a Word
//   with_upper_byte    a Word with its upper byte replaced
//   look_up            for each lane one of 16 words, by the lower 4 bits of an index
//   shift_right<n>
//
// A group of lanes goes from its pairs to its digests in one function, whose code is one stretch: pieces at places that
// the linker chooses can meet in the same sets of the processor's cache of decoded instructions (README.md).
#pragma once

#include <string.h>

#include "sm3/lanes.hpp"
#include "sm3/lanes_rounds.hpp"
#include "sm3/select.hpp"

namespace accel::sm3 {
namespace {

// The schedule of a block that holds the last byte of 65 and the padding. Each W_j is linear over GF(2) in the bits of
// the block, so that of byte b is that of byte 0, changed by what the lower half of b brings about, and the upper half.
struct ByteSchedule {
  struct Tables {
    uint32_t low[16];   // W_j where the upper half of b is 0
    uint32_t high[16];  // what is to be added (exclusive or) for the upper half
  };
  alignas(64) Tables w[kRounds + 4];
  uint32_t ww[kRounds];  // W'_j where it does not depend on b
};

constexpr void expand_byte(uint32_t w[kRounds + 4], uint32_t byte) {
  for (size_t i = 1; i < 15; i++) w[i] = 0;
  w[0] = byte << 24 | 0x800000u;
  w[15] = (kBlockSize + 1) << 3;
  for (size_t i = 16; i < kRounds + 4; i++) w[i] = expand(w[i - 16], w[i - 9], w[i - 3], w[i - 13], w[i - 6]);
}

constexpr ByteSchedule make_byte_schedule() {
  ByteSchedule schedule{};
  uint32_t zero[kRounds + 4]{}, w[kRounds + 4]{};
  expand_byte(zero, 0);
  for (uint32_t half = 0; half < 16; half++) {
    expand_byte(w, half);
    for (size_t j = 0; j < kRounds + 4; j++) schedule.w[j].low[half] = w[j];
    expand_byte(w, half << 4);
    for (size_t j = 0; j < kRounds + 4; j++) schedule.w[j].high[half] = w[j] ^ zero[j];
  }
  for (size_t j = 0; j < kRounds; j++) schedule.ww[j] = zero[j] ^ zero[j + 4];
  return schedule;
}
constexpr ByteSchedule kByteSchedule = make_byte_schedule();

// Whether W_j depends on b.
constexpr bool varies(unsigned j) {
  for (unsigned bit = 1; bit < 16; bit *= 2) {
    const ByteSchedule::Tables& tables = kByteSchedule.w[j];
    if (tables.low[bit] != tables.low[0] || tables.high[bit] != 0) return true;
  }
  return false;
}

// From here on every word does, so that rounds can be a loop.
constexpr unsigned kAllVary = 40;
constexpr bool all_vary_from(unsigned j) { return j == kRounds + 4 || (varies(j) && all_vary_from(j + 1)); }
static_assert(all_vary_from(kAllVary));

template <typename Isa>
class PairHasher {
 public:
  static void hash(uint8_t* digests, const Pairs& pairs) {
    if (pairs.prefix != nullptr) {
      hash_all<true>(digests, pairs);
    } else {
      hash_all<false>(digests, pairs);
    }
  }

 private:
  using Word = typename Isa::Word;
  using Compress = Compressor<Isa>;
  static constexpr size_t kLanes = Isa::kWidth * Isa::kGroups;
  static constexpr size_t kAhead = 8192;  // bytes: how far before it is copied a pair is fetched

  template <bool prefixed>
  static void hash_all(uint8_t* digests, const Pairs& pairs) {
    const size_t whole = pairs.count / kLanes, done = whole * kLanes, left = pairs.count - done;
    if (whole != 0) hash_whole<Isa::kGroups, prefixed>(digests, pairs, whole);
    if (left == 0) return;
    alignas(64) uint8_t staging[kLanes * kBlockSize] = {}, last[kLanes * kDigestSize];
    memcpy(staging, pairs.data + done * kBlockSize, left * kBlockSize);
    if (pairs.copy != nullptr) memcpy(pairs.copy + done * kBlockSize, staging, left * kBlockSize);
    const Pairs rest{staging, left, pairs.prefix, nullptr};
    if (left <= Isa::kWidth) {
      hash_whole<1, prefixed>(last, rest, 1);
    } else {
      hash_whole<Isa::kGroups, prefixed>(last, rest, 1);
    }
    memcpy(digests + done * kDigestSize, last, left * kDigestSize);
  }

  // `steps` times as many pairs as `groups` groups have lanes. What is copied is hashed from the copy, one step later:
  // it is then near, and the digests are those of what has been copied, whatever happens to the source meanwhile.
  template <unsigned groups, bool prefixed>
  [[gnu::noinline, gnu::aligned(64)]] static void hash_whole(uint8_t* digests, const Pairs& pairs, size_t steps) {
    constexpr size_t kWide = groups * Isa::kWidth, kStep = kWide * kBlockSize;
    const uint8_t* at = pairs.data;
    if (pairs.copy != nullptr) {
      at = pairs.copy;
      copy<kWide>(pairs.copy, pairs.data);
    }
    for (size_t step = 0; step < steps; step++, at += kStep, digests += kWide * kDigestSize) {
      if (pairs.copy != nullptr && step + 1 < steps) {
        copy<kWide>(pairs.copy + (step + 1) * kStep, pairs.data + (step + 1) * kStep);
      }
      Word state[groups][8];
      hash_step<groups, prefixed>(state, at, pairs.prefix);
      for (unsigned g = 0; g < groups; g++) Isa::store_digests(digests + g * Isa::kWidth * kDigestSize, state[g]);
    }
  }

  template <unsigned groups, bool prefixed>
  ACCEL_SM3_INLINE void hash_step(Word state[][8], const uint8_t* pairs, const uint8_t* prefix) {
    Word ring[groups][16], last[groups];
    for (unsigned g = 0; g < groups; g++) {
      const uint8_t* const here = pairs + g * Isa::kWidth * kBlockSize;
      for (unsigned i = 0; i < 8; i++) state[g][i] = Isa::broadcast(kInitial.h + i);
      if constexpr (prefixed) {
        Isa::load_pairs_behind(ring[g], here);
        last[g] = Isa::shift_lanes(ring[g][0], here);
        ring[g][0] = Isa::with_upper_byte(ring[g][0], *prefix);
      } else {
        Isa::load_pairs(ring[g], here);
      }
    }
    Compress::template compress_inline<groups>(state, ring);
    if constexpr (prefixed) {
      compress_byte<groups>(state, last);
    } else {
      Compress::template compress_padding_inline<groups>(state, kPairPadding);
    }
  }

  template <size_t pairs>
  ACCEL_SM3_INLINE void copy(uint8_t* to, const uint8_t* from) {
#pragma GCC unroll 1
    for (size_t i = 0; i < pairs * kBlockSize; i += kBlockSize) {
      // As an integer: the byte may be outside any object. Prefetching it then does nothing.
      __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(from) + i + kAhead));
      memcpy(to + i, from + i, kBlockSize);
    }
  }

  // --- the block of the last byte ---

  // The halves of each lane's byte, in the lower 4 bits.
  struct Halves {
    Word low, high;
  };

  // Of round j the tables stand at w[j].
  template <unsigned j>
  ACCEL_SM3_INLINE Word word(const ByteSchedule::Tables* w, const Halves& halves) {
    if constexpr (varies(j)) {
      return Isa::exclusive_or(Isa::look_up(w[j].low, halves.low), Isa::look_up(w[j].high, halves.high));
    } else {
      return Isa::broadcast(w[j].low);
    }
  }

  // `words` holds W_j .. W_{j+3}, W_i at words[i % 4].
  template <unsigned j>
  ACCEL_SM3_INLINE void round(Word v[8], Word words[4], const Halves& halves, const ByteSchedule::Tables* w,
                              const uint32_t* ww, const uint32_t* constants) {
    const Word now = words[j % 4], later = word<j + 4>(w, halves);
    words[j % 4] = later;
    if constexpr (varies(j) || varies(j + 4)) {
      Compress::template round_at<(j < 16), j>(v, Isa::broadcast(constants + j), now, Isa::exclusive_or(now, later));
    } else {
      Compress::template round_at<(j < 16), j>(v, Isa::broadcast(constants + j), now, Isa::broadcast(ww + j));
    }
  }

  template <unsigned groups, unsigned first, unsigned... j>
  ACCEL_SM3_INLINE void rounds(std::integer_sequence<unsigned, j...>, Word v[][8], Word words[][4],
                               const Halves* halves, const ByteSchedule::Tables* w, const uint32_t* ww,
                               const uint32_t* constants) {
    const auto one = [&]<unsigned i>() __attribute__((always_inline)) {
      round<i>(v[0], words[0], halves[0], w, ww, constants);
      if constexpr (groups == 2) round<i>(v[1], words[1], halves[1], w, ww, constants);
    };
    (one.template operator()<first + j>(), ...);
  }

  // `last`: each lane's byte, as the upper one of a Word.
  template <unsigned groups>
  ACCEL_SM3_INLINE void compress_byte(Word state[][8], const Word* last) {
    const ByteSchedule::Tables* w = kByteSchedule.w;
    const uint32_t *ww = kByteSchedule.ww, *constants = kRoundConstants.t;
    // Words in memory serve as operands. Known to the compiler they would each be loaded into a register first.
    __asm__("" : "+r"(w), "+r"(ww), "+r"(constants));
    Word v[groups][8], words[groups][4];
    Halves halves[groups];
    for (unsigned g = 0; g < groups; g++) {
      halves[g] = {Isa::template shift_right<24>(last[g]), Isa::template shift_right<28>(last[g])};
      words[g][0] = word<0>(w, halves[g]);
      words[g][1] = word<1>(w, halves[g]);
      words[g][2] = word<2>(w, halves[g]);
      words[g][3] = word<3>(w, halves[g]);
    }
    Compress::template copy<groups>(v, state);
    rounds<groups, 0>(std::make_integer_sequence<unsigned, kAllVary>(), v, words, halves, w, ww, constants);
#pragma GCC unroll 1
    for (unsigned j = kAllVary; j < kRounds; j += 8, w += 8, constants += 8) {
      rounds<groups, kAllVary>(std::make_integer_sequence<unsigned, 8>(), v, words, halves, w, ww, constants);
    }
    Compress::template add_in<groups>(state, v);
  }
};

template <typename Isa>
void hash_pairs_in_lanes(uint8_t* digests, const Pairs& pairs) {
  if (pairs.count == 1) return kPortable.hash_pairs(digests, pairs);
  PairHasher<Isa>::hash(digests, pairs);
}

}  // namespace
}  // namespace accel::sm3
