// The compression function over lanes: word i of a vector belongs to message i. Templated over the vector unit:
//
//   Isa::Word          a vector of 32-bit words, one for each lane
//   Isa::kWidth        lanes in a Word
//   Isa::kGroups       Words that are computed side by side, to have work while results are under way
//   add, exclusive_or, exclusive_or3, majority, choose, rotate<n>, broadcast, select
//   load_blocks        a block of each lane, transposed into 16 Words
//   store_digests      8 Words of state, transposed into a digest of each lane
//   Part               a block put together from parts of a message; load_parts if kMaskedLoads
//   advance            the step of lanes whose next block stands in their message as it is
//
// Everything is in an anonymous namespace: each kernel's file has its own copy, with its own instructions.
#pragma once

#include <utility>

#include "sm3/words.hpp"

namespace accel::sm3 {
namespace {

#define ACCEL_SM3_INLINE [[gnu::always_inline]] static inline
#define ACCEL_SM3_MEMBER [[gnu::always_inline]] inline

struct RoundConstants {
  uint32_t t[kRounds];
};
constexpr RoundConstants make_round_constants() {
  RoundConstants constants{};
  for (unsigned j = 0; j < kRounds; j++) constants.t[j] = round_constant(j);
  return constants;
}
constexpr RoundConstants kRoundConstants = make_round_constants();

template <typename Isa>
struct Compressor {
  using Word = typename Isa::Word;

  // P_1(w16 ^ w9 ^ (w3 <<< 15)) ^ (w13 <<< 7) ^ w6 (GB/T 32905, 5.3.2).
  ACCEL_SM3_INLINE Word expand(Word w16, Word w9, Word w3, Word w13, Word w6) {
    const Word x = Isa::exclusive_or3(w16, w9, Isa::template rotate<15>(w3));
    return Isa::exclusive_or3(Isa::p1(x), Isa::template rotate<7>(w13), w6);
  }

  // One round, registers named anew instead of moved: d becomes the next A, h the next E. `ww` is W'_j. The order of
  // the statements is the order in which the processor gets them: what the next round waits for comes first.
  template <bool early>
  ACCEL_SM3_INLINE void round(Word a, Word& b, Word c, Word& d, Word e, Word& f, Word g, Word& h, Word t, Word w,
                              Word ww) {
    const Word a12 = Isa::template rotate<12>(a);
    const Word ss1 = Isa::template rotate<7>(Isa::add(Isa::add(a12, t), e));
    const Word ss2 = Isa::exclusive_or(ss1, a12);
    d = Isa::add(d, ww);
    h = Isa::add(h, w);
    d = Isa::add(d, early ? Isa::exclusive_or3(a, b, c) : Isa::majority(a, b, c));
    h = Isa::add(h, early ? Isa::exclusive_or3(e, f, g) : Isa::choose(e, f, g));
    h = Isa::add(h, ss1);
    d = Isa::add(d, ss2);
    h = Isa::p0(h);
    b = Isa::template rotate<9>(b);
    f = Isa::template rotate<19>(f);
  }

  // Round j of 4 that bring the registers back to their names.
  template <bool early, unsigned j>
  ACCEL_SM3_INLINE void round_at(Word v[8], Word t, Word w, Word ww) {
    constexpr unsigned a = (4 - j % 4) % 4, b = (a + 1) % 4, c = (a + 2) % 4, d = (a + 3) % 4;
    round<early>(v[a], v[b], v[c], v[d], v[4 + a], v[4 + b], v[4 + c], v[4 + d], t, w, ww);
  }

  // Round j of a group. `ring` holds W_{j-12} .. W_{j+3}, W_i at ring[i % 16]; from the twelfth round on it gets
  // W_{j+4}.
  template <bool first, unsigned j>
  ACCEL_SM3_INLINE void ring_round(Word v[8], Word ring[16], const uint32_t* constants) {
    constexpr unsigned k = j + 4;
    if constexpr (!first || k >= 16) {
      ring[k % 16] =
          expand(ring[k % 16], ring[(k + 7) % 16], ring[(k + 13) % 16], ring[(k + 3) % 16], ring[(k + 10) % 16]);
    }
    const Word w = ring[j];
    round_at<first, j>(v, Isa::broadcast(constants + j), w, Isa::exclusive_or(w, ring[k % 16]));
  }

  template <bool first, unsigned groups, unsigned j>
  ACCEL_SM3_INLINE void ring_rounds(Word v[][8], Word ring[][16], const uint32_t* constants) {
    ring_round<first, j>(v[0], ring[0], constants);
    if constexpr (groups == 2) ring_round<first, j>(v[1], ring[1], constants);
  }

  template <bool first, unsigned groups, unsigned... j>
  ACCEL_SM3_INLINE void ring_rounds16(std::integer_sequence<unsigned, j...>, Word v[][8], Word ring[][16],
                                      const uint32_t* constants) {
    (ring_rounds<first, groups, j>(v, ring, constants), ...);
  }

  template <bool early, unsigned groups, unsigned... j>
  ACCEL_SM3_INLINE void known_rounds(std::integer_sequence<unsigned, j...>, Word v[][8], const uint32_t* constants,
                                     const uint32_t* w, const uint32_t* ww) {
    const auto one = [&]<unsigned i>() __attribute__((always_inline)) {
      round_at<early, i>(v[0], Isa::broadcast(constants + i), Isa::broadcast(w + i), Isa::broadcast(ww + i));
      if constexpr (groups == 2) {
        round_at<early, i>(v[1], Isa::broadcast(constants + i), Isa::broadcast(w + i), Isa::broadcast(ww + i));
      }
    };
    (one.template operator()<j>(), ...);
  }

  template <unsigned groups>
  ACCEL_SM3_INLINE void copy(Word v[][8], const Word state[][8]) {
#pragma GCC unroll 8
    for (unsigned i = 0; i < 8; i++) {
      v[0][i] = state[0][i];
      if constexpr (groups == 2) v[1][i] = state[1][i];
    }
  }

  template <unsigned groups>
  ACCEL_SM3_INLINE void add_in(Word state[][8], const Word v[][8]) {
#pragma GCC unroll 8
    for (unsigned i = 0; i < 8; i++) {
      state[0][i] = Isa::exclusive_or(state[0][i], v[0][i]);
      if constexpr (groups == 2) state[1][i] = Isa::exclusive_or(state[1][i], v[1][i]);
    }
  }

  // One block for every lane of `groups` groups (1 or 2), its words in ring, which is overwritten.
  template <unsigned groups>
  ACCEL_SM3_INLINE void compress_inline(Word state[][8], Word ring[][16]) {
    constexpr auto sixteen = std::make_integer_sequence<unsigned, 16>();
    Word v[groups][8];
    copy<groups>(v, state);
    ring_rounds16<true, groups>(sixteen, v, ring, kRoundConstants.t);
#pragma GCC unroll 1
    for (unsigned j = 16; j < kRounds; j += 16) ring_rounds16<false, groups>(sixteen, v, ring, kRoundConstants.t + j);
    add_in<groups>(state, v);
  }

  // The same for a block that all lanes share.
  template <unsigned groups>
  ACCEL_SM3_INLINE void compress_padding_inline(Word state[][8], const PaddingSchedule& schedule) {
    constexpr auto eight = std::make_integer_sequence<unsigned, 8>();
    Word v[groups][8];
    copy<groups>(v, state);
    unsigned j = 0;
#pragma GCC unroll 1
    for (; j < 16; j += 8) known_rounds<true, groups>(eight, v, kRoundConstants.t + j, schedule.w + j, schedule.ww + j);
#pragma GCC unroll 1
    for (; j < kRounds; j += 8) {
      known_rounds<false, groups>(eight, v, kRoundConstants.t + j, schedule.w + j, schedule.ww + j);
    }
    add_in<groups>(state, v);
  }

  template <unsigned groups>
  [[gnu::noinline]] static void compress(Word state[][8], Word ring[][16]) {
    compress_inline<groups>(state, ring);
  }
  template <unsigned groups>
  [[gnu::noinline]] static void compress_padding(Word state[][8], const PaddingSchedule& schedule) {
    compress_padding_inline<groups>(state, schedule);
  }
};

}  // namespace
}  // namespace accel::sm3
