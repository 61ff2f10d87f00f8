// SM3 in portable C++, one message at a time. Method and figures: README.md.
#include <algorithm>
#include <cstring>
#include <utility>

#include "sm3/pairs.hpp"
#include "sm3/select.hpp"
#include "sm3/words.hpp"

namespace accel::sm3 {
namespace {

// GB/T 32905, 5.3.3, one round. Where the standard shifts the registers along (D = C, C = B <<< 9, ...), the caller
// names them anew, so d becomes the next A and h the next E. `ww` is W'_j = W_j ^ W_{j+4}. The two products of the
// majority and of the choice never share a bit, so adding them is or-ing them, and leaves the compiler free to place
// the terms of the sums.
template <unsigned j>
[[gnu::always_inline]] inline void round(uint32_t a, uint32_t& b, uint32_t c, uint32_t& d, uint32_t e, uint32_t& f,
                                         uint32_t g, uint32_t& h, uint32_t w, uint32_t ww) {
  constexpr uint32_t t = round_constant(j);
  const uint32_t a12 = rotl(a, 12);
  const uint32_t ss1 = rotl((a12 + t) + e, 7);
  const uint32_t ss2 = ss1 ^ a12;
  d += ww;
  h += w;
  if constexpr (j < 16) {
    d += a ^ b ^ c;
    h += e ^ f ^ g;
  } else {
    d += b & c;
    d += a & (b ^ c);
    h += g ^ (e & (f ^ g));
  }
  d += ss2;
  h += ss1;
  h = p0(h);
  b = rotl(b, 9);
  f = rotl(f, 19);
}

// Four rounds; after them the registers are back at their names.
template <unsigned j>
[[gnu::always_inline]] inline void rounds4(uint32_t v[8], uint32_t w0, uint32_t w1, uint32_t w2, uint32_t w3,
                                           uint32_t ww0, uint32_t ww1, uint32_t ww2, uint32_t ww3) {
  round<j>(v[0], v[1], v[2], v[3], v[4], v[5], v[6], v[7], w0, ww0);
  round<j + 1>(v[3], v[0], v[1], v[2], v[7], v[4], v[5], v[6], w1, ww1);
  round<j + 2>(v[2], v[3], v[0], v[1], v[6], v[7], v[4], v[5], w2, ww2);
  round<j + 3>(v[1], v[2], v[3], v[0], v[5], v[6], v[7], v[4], w3, ww3);
}

template <unsigned k>
[[gnu::always_inline]] inline uint32_t next_word(uint32_t w[16]) {
  if constexpr (k >= 16) {
    w[k % 16] = expand(w[k % 16], w[(k - 9) % 16], w[(k - 3) % 16], w[(k - 13) % 16], w[(k - 6) % 16]);
  }
  return w[k % 16];
}

// Rounds j .. j+3 with the schedule made as it is used: w holds W_{j-12} .. W_{j+3} in a ring, W_i at w[i % 16], and
// gets W_{j+4} .. W_{j+7}.
template <unsigned j>
[[gnu::always_inline]] inline void rounds4_expanding(uint32_t v[8], uint32_t w[16]) {
  const uint32_t w0 = w[j % 16], w1 = w[(j + 1) % 16], w2 = w[(j + 2) % 16], w3 = w[(j + 3) % 16];
  const uint32_t ww0 = w0 ^ next_word<j + 4>(w);
  const uint32_t ww1 = w1 ^ next_word<j + 5>(w);
  const uint32_t ww2 = w2 ^ next_word<j + 6>(w);
  const uint32_t ww3 = w3 ^ next_word<j + 7>(w);
  rounds4<j>(v, w0, w1, w2, w3, ww0, ww1, ww2, ww3);
}

template <unsigned... quarter>
[[gnu::always_inline]] inline void all_rounds_expanding(std::integer_sequence<unsigned, quarter...>, uint32_t v[8],
                                                        uint32_t w[16]) {
  (rounds4_expanding<4 * quarter>(v, w), ...);
}

void compress(uint32_t state[8], const uint8_t* blocks, size_t count) {
  for (; count != 0; count--, blocks += kBlockSize) {
    uint32_t v[8], w[16];
    std::memcpy(v, state, sizeof(v));
    for (unsigned i = 0; i < 16; i++) w[i] = load_be(blocks + 4 * i);
    all_rounds_expanding(std::make_integer_sequence<unsigned, kRounds / 4>(), v, w);
    for (unsigned i = 0; i < 8; i++) state[i] ^= v[i];
  }
}

template <unsigned... quarter>
[[gnu::always_inline]] inline void all_rounds(std::integer_sequence<unsigned, quarter...>, uint32_t v[8],
                                              const PaddingSchedule& schedule) {
  (rounds4<4 * quarter>(v, schedule.w[4 * quarter], schedule.w[4 * quarter + 1], schedule.w[4 * quarter + 2],
                        schedule.w[4 * quarter + 3], schedule.ww[4 * quarter], schedule.ww[4 * quarter + 1],
                        schedule.ww[4 * quarter + 2], schedule.ww[4 * quarter + 3]),
   ...);
}

void compress_padding(uint32_t state[8], const PaddingSchedule& schedule) {
  uint32_t v[8];
  std::memcpy(v, state, sizeof(v));
  all_rounds(std::make_integer_sequence<unsigned, kRounds / 4>(), v, schedule);
  for (unsigned i = 0; i < 8; i++) state[i] ^= v[i];
}

// The end of a message of `total` bytes: its last `size` bytes (less than 64) and the padding (GB/T 32905, 5.2).
void finish_partial(uint32_t state[8], const uint8_t* tail, size_t size, uint64_t total) {
  uint8_t last[2 * kBlockSize] = {};
  if (size != 0) std::memcpy(last, tail, size);
  last[size] = 0x80;
  const size_t blocks = size + 9 <= kBlockSize ? 1 : 2;
  uint8_t* const length = last + blocks * kBlockSize - 8;
  store_be(length, static_cast<uint32_t>(total >> 29));
  store_be(length + 4, static_cast<uint32_t>(total << 3));
  compress(state, last, blocks);
}

// Takes prefix || message. `schedule` serves runs of equal lengths: it is made when a length comes the second time.
class Hasher {
 public:
  explicit Hasher(const Midstate& initial) : initial_(initial) {}

  void hash(uint8_t digest[kDigestSize], const uint8_t* prefix, size_t prefix_size, Bytes message) {
    uint32_t state[8];
    std::memcpy(state, initial_.h, sizeof(state));
    const uint64_t total = initial_.bytes + prefix_size + message.size;
    uint8_t joint[kBlockSize];  // the block that the prefix begins
    if (prefix_size != 0) {
      const size_t taken = std::min(kBlockSize - prefix_size, message.size);
      std::memcpy(joint, prefix, prefix_size);
      if (taken != 0) std::memcpy(joint + prefix_size, message.data, taken);
      message = {message.data + taken, message.size - taken};
      if (prefix_size + taken < kBlockSize) {
        message = {joint, prefix_size + taken};
      } else {
        compress(state, joint, 1);
      }
    }
    const size_t blocks = message.size / kBlockSize;
    compress(state, message.data, blocks);
    const size_t rest = message.size % kBlockSize;
    if (rest != 0 || !finish_whole(state, total)) {
      finish_partial(state, message.data + blocks * kBlockSize, rest, total);
    }
    for (unsigned i = 0; i < 8; i++) store_be(digest + 4 * i, state[i]);
  }

 private:
  // False when there is no schedule for this length yet.
  bool finish_whole(uint32_t state[8], uint64_t total) {
    if (schedule_.total != total) {
      if (previous_total_ != total) {
        previous_total_ = total;
        return false;
      }
      expand_padding(&schedule_, total);
    }
    compress_padding(state, schedule_);
    return true;
  }

  const Midstate& initial_;
  uint64_t previous_total_ = 1;
  PaddingSchedule schedule_;
};

void hash_items(uint8_t* digests, const Midstate& initial, const Prefix& prefix, const Messages& messages, size_t begin,
                size_t end) {
  Hasher hasher(initial);
  for (size_t i = begin; i < end; i++) {
    const uint8_t* const item_prefix = prefix.size != 0 ? prefix.data + (i - begin) * prefix.stride : nullptr;
    hasher.hash(digests + (i - begin) * kDigestSize, item_prefix, prefix.size, messages.item(i));
  }
}

}  // namespace

constinit const Kernel kPortable = {"portable", [](const CpuFeatures&) { return true; }, compress, hash_items,
                                    hash_pairs_as_messages<hash_items>};

}  // namespace accel::sm3
