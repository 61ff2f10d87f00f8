// A range of messages over the lanes of a vector unit: which block stands in which lane. Templated like
// lanes_rounds.hpp, and for the same reason in an anonymous namespace, without templates of the standard library.
//
// Messages are taken in windows. A window of equal lengths, if they are below kLongest, goes in lockstep, kLanes
// messages at a time; its last block, if padding alone, is expanded once. In any other window the messages wait longest
// first, and a lane takes the next one as soon as its message has ended, also across windows.
#pragma once

#include <string.h>

#include "sm3/lanes_rounds.hpp"
#include "sm3/select.hpp"

namespace accel::sm3 {
namespace {

constexpr size_t kWindow = 512;    // messages
constexpr size_t kLongest = 4096;  // in lockstep, bytes

// After 64 bytes: the second block of a pair of hashes.
constexpr PaddingSchedule make_padding(uint64_t total) {
  PaddingSchedule schedule;
  expand_padding(&schedule, total);
  return schedule;
}
constexpr PaddingSchedule kPairPadding = make_padding(kBlockSize);

// The order of a window's messages, longest first, by counting sort. Exact up to 31 blocks; above that lengths count as
// equal that agree in their first five binary digits, or are beyond 2^21 blocks.
class LongestFirst {
 public:
  void sort(const Bytes* messages, size_t count) {
    uint16_t place[kClasses] = {};
    for (size_t i = 0; i < count; i++) place[class_of(messages[i].size)]++;
    uint16_t before = 0;
    for (size_t c = kClasses; c-- > 0;) {
      const uint16_t here = place[c];
      place[c] = before;
      before = static_cast<uint16_t>(before + here);
    }
    for (size_t i = 0; i < count; i++) order_[place[class_of(messages[i].size)]++] = static_cast<uint16_t>(i);
  }
  size_t operator[](size_t i) const { return order_[i]; }

 private:
  static constexpr unsigned kExact = 32, kMostBits = 21;
  static constexpr size_t kClasses = kExact + (kMostBits - 5) * 16 + 1;

  static size_t class_of(uint64_t size) {
    const uint64_t blocks = (size + 8) / kBlockSize + 1;
    if (blocks < kExact) return blocks;
    const unsigned bits = 64 - static_cast<unsigned>(__builtin_clzll(blocks));  // at least 6
    if (bits > kMostBits) return kClasses - 1;
    return kExact + (bits - 6) * 16 + ((blocks >> (bits - 5)) & 15);
  }

  uint16_t order_[kWindow];
};

template <typename Isa>
class Lanes {
 public:
  static constexpr unsigned kLanes = Isa::kWidth * Isa::kGroups;

  Lanes(const Midstate& initial, size_t prefix_size) : common_bytes_(initial.bytes), prefix_size_(prefix_size) {
    for (unsigned i = 0; i < 8; i++) initial_[i] = Isa::broadcast(initial.h + i);
    for (unsigned lane = 0; lane < kLanes; lane++) at_[lane] = staging_[lane];
    memset(staging_, 0, sizeof(staging_));
  }
  // Messages and chaining values may be secret.
  ~Lanes() { explicit_bzero(this, sizeof(*this)); }
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;

  // `count` messages of one length; behind them stand `following` more that come next. Only if idle().
  void hash_equal(uint8_t* digests, Prefix prefix, const Bytes* messages, size_t count, size_t following) {
    const Bytes* const end = messages + count + following;
    for (; count > kLanes; count -= kLanes, messages += kLanes, digests += kLanes * kDigestSize) {
      prefetch_group(messages + kLanes, end);
      hash_group(digests, prefix, messages, kLanes);
      prefix.data += kLanes * prefix.stride;
    }
    prefetch_group(messages + count, end);
    hash_group(digests, prefix, messages, count);
  }

  // Messages of any lengths. The last ones stay in their lanes: see finish().
  void hash_ragged(uint8_t* digests, const Prefix& prefix, const Bytes* messages, size_t count) {
    LongestFirst order;
    order.sort(messages, count);
    for (size_t next = 0;;) {
      unsigned starting = 0;
      for (uint32_t free = ~active_ & kAllLanes; free != 0 && next < count; free &= free - 1, next++) {
        const size_t i = order[next];
        if (messages[i].size >= kLongest && ++starting > kWays) break;
        if (next + kLanes < count) prefetch_start(messages[order[next + kLanes]]);
        start(lowest(free), digests + i * kDigestSize, prefix.data + i * prefix.stride, messages[i]);
      }
      if (next == count) return;
      step();
    }
  }

  bool idle() const { return active_ == 0; }

  // What is still in the lanes.
  void finish() {
    while (active_ != 0) {
      if (__builtin_popcount(active_) <= static_cast<int>(kFewLanes)) return finish_alone();
      if (Isa::kGroups == 2 && __builtin_popcount(active_) <= static_cast<int>(Isa::kWidth)) gather();
      step();
    }
  }

 private:
  using Word = typename Isa::Word;
  using Part = typename Isa::Part;
  using Compress = Compressor<Isa>;
  static constexpr uint32_t kAllLanes = kLanes == 32 ? ~uint32_t{0} : (uint32_t{1} << (kLanes % 32)) - 1;
  static constexpr uint32_t kGroupLanes = (uint32_t{1} << Isa::kWidth) - 1;
  // Long messages often lie a multiple of a page apart. Blocks at one place in their pages share one set of a
  // first-level cache, which holds so many of them: more must not keep step.
  static constexpr unsigned kWays = 8;
  static constexpr size_t kPaddingBytes = 9;  // at least: the mark and the length
  static constexpr unsigned kFewLanes = 1;    // as many messages take the portable kernel less time than one group

  static unsigned lowest(uint32_t lanes) { return static_cast<unsigned>(__builtin_ctz(lanes)); }
  uint64_t bits(uint64_t message_size) const { return (common_bytes_ + prefix_size_ + message_size) << 3; }

  // --- lockstep ---

  void hash_group(uint8_t* digests, const Prefix& prefix, const Bytes* messages, size_t count) {
    if (Isa::kGroups == 2 && count > Isa::kWidth) {
      hash_group<Isa::kGroups>(digests, prefix, messages, count);
    } else {
      hash_group<1>(digests, prefix, messages, count);
    }
  }

  template <unsigned groups>
  void hash_group(uint8_t* digests, const Prefix& prefix, const Bytes* messages, size_t count) {
    constexpr unsigned kWide = groups * Isa::kWidth;
    const size_t size = messages[0].size;
    for (unsigned g = 0; g < groups; g++) reset(g);
    for (unsigned lane = 0; lane < kWide; lane++) at_[lane] = messages[lane < count ? lane : 0].data;
    size_t done = 0;
    if (prefix_size_ != 0) {
      done = kBlockSize - prefix_size_ < size ? kBlockSize - prefix_size_ : size;
      compress_part<groups>(part_of(prefix_size_, done, size), prefix, count);
      if (prefix_size_ + done < kBlockSize) return finish_group<groups>(digests, count, prefix_size_ + done, size);
      for (unsigned lane = 0; lane < kWide; lane++) at_[lane] = messages[lane < count ? lane : 0].data + done;
    }
    for (; size - done >= kBlockSize; done += kBlockSize) {
      compress<groups>();
      for (unsigned lane = 0; lane < kWide; lane++) at_[lane] += kBlockSize;
    }
    if (size == done) {
      Compress::template compress_padding<groups>(state_, padding(size));
      return store_group<groups>(digests, count);
    }
    compress_part<groups>(part_of(0, size - done, size), Prefix{}, count);
    finish_group<groups>(digests, count, size - done, size);
  }

  // One block of each lane that is put together; its part of the message begins at at_.
  template <unsigned groups>
  void compress_part(const Part& part, const Prefix& prefix, size_t count) {
    constexpr unsigned kWide = groups * Isa::kWidth;
    if constexpr (Isa::kMaskedLoads) {
      if (prefix.stride == 0) {
        for (unsigned g = 0; g < groups; g++) {
          Isa::load_parts(ring_[g], part, prefix.data, at_ + g * Isa::kWidth);
        }
        return Compress::template compress<groups>(state_, ring_);
      }
    }
    for (unsigned lane = 0; lane < kWide; lane++) {
      part.stage(staging_[lane], prefix.data + (lane < count ? lane : 0) * prefix.stride, at_[lane]);
      at_[lane] = staging_[lane];
    }
    compress<groups>();
  }

  // After a block that ended the message with `used` bytes before the padding: the length may want a block of its own.
  template <unsigned groups>
  void finish_group(uint8_t* digests, size_t count, size_t used, size_t size) {
    if (used + kPaddingBytes > kBlockSize) compress_part<groups>(Part(0, 0, false, bits(size)), Prefix{}, count);
    store_group<groups>(digests, count);
  }

  const PaddingSchedule& padding(size_t size) {
    const uint64_t total = bits(size) >> 3;
    if (total == kPairPadding.total) return kPairPadding;
    if (padding_.total != total) expand_padding(&padding_, total);
    return padding_;
  }

  template <unsigned groups>
  void store_group(uint8_t* digests, size_t count) {
    for (unsigned g = 0; g < groups; g++) {
      const size_t left = count - g * Isa::kWidth;
      uint8_t* const out = digests + g * Isa::kWidth * kDigestSize;
      if (left >= Isa::kWidth) {
        Isa::store_digests(out, state_[g]);
      } else {
        Isa::store_digests(digests_, state_[g]);
        memcpy(out, digests_, left * kDigestSize);
      }
    }
  }

  // --- lanes of their own lengths ---

  void start(unsigned lane, uint8_t* digest, const uint8_t* prefix, const Bytes& message) {
    const uint32_t bit = uint32_t{1} << lane;
    active_ |= bit;
    if (prefix_size_ != 0) first_ |= bit;
    prefix_[lane] = prefix;
    next_[lane] = message.data;
    blocks_[lane] = prefix_size_ != 0 ? 0 : message.size / kBlockSize;
    rest_[lane] = message.size % kBlockSize;
    size_[lane] = message.size;
    digest_[lane] = digest;
    fresh_ |= bit;
  }

  // One block for every lane.
  void step() {
    reset_fresh();
    uint32_t special = 0;  // lanes whose block does not stand in their message as it is, or that have none
    for (unsigned lane = 0; lane < kLanes; lane += Isa::kWidth) {
      special |= Isa::advance(at_ + lane, next_ + lane, blocks_ + lane) << lane;
    }
    uint32_t ending = 0;
    for (uint32_t lanes = special; lanes != 0; lanes &= lanes - 1) {
      const unsigned lane = lowest(lanes);
      at_[lane] = staging_[lane];
      if ((active_ & lanes & -lanes) != 0 && stage_next(lane)) ending |= lanes & -lanes;
    }
    if (Isa::kGroups == 2 && (active_ >> (kLanes / 2)) != 0) {
      compress<Isa::kGroups>();
    } else {
      compress<1>();
    }
    if (ending != 0) store_ended(ending);
  }

  // Puts a lane's next block together; true if it is its message's last one.
  bool stage_next(unsigned lane) {
    const uint32_t bit = uint32_t{1} << lane;
    if (((first_ | closing_) & bit) == 0) {  // the usual case: what is left, and the padding
      const bool whole = rest_[lane] + kPaddingBytes <= kBlockSize;
      Part(0, rest_[lane], true, whole ? bits(size_[lane]) : 0).stage(staging_[lane], nullptr, next_[lane]);
      if (!whole) closing_ |= bit;
      return whole;
    }
    if ((closing_ & bit) != 0) {
      closing_ &= ~bit;
      Part(0, 0, false, bits(size_[lane])).stage(staging_[lane], nullptr, nullptr);
      return true;
    }
    first_ &= ~bit;
    const size_t room = kBlockSize - prefix_size_, size = size_[lane], taken = room < size ? room : size;
    part_of(prefix_size_, taken, size).stage(staging_[lane], prefix_[lane], next_[lane]);
    if (taken < room) {
      if (prefix_size_ + taken + kPaddingBytes <= kBlockSize) return true;
      closing_ |= bit;
      return false;
    }
    next_[lane] += taken;
    blocks_[lane] = (size - taken) / kBlockSize;
    rest_[lane] = static_cast<uint8_t>((size - taken) % kBlockSize);
    return false;
  }

  void store_ended(uint32_t ending) {
    active_ &= ~ending;
    for (unsigned g = 0; g < Isa::kGroups; g++) {
      uint32_t lanes = (ending >> (g * Isa::kWidth)) & kGroupLanes;
      if (lanes == 0) continue;
      Isa::store_digests(digests_, state_[g]);
      for (; lanes != 0; lanes &= lanes - 1) {
        const unsigned lane = lowest(lanes);
        memcpy(digest_[g * Isa::kWidth + lane], digests_ + lane * kDigestSize, kDigestSize);
      }
    }
  }

  void reset_fresh() {
    if (fresh_ == 0) return;
    for (unsigned g = 0; g < Isa::kGroups; g++) {
      const uint32_t lanes = (fresh_ >> (g * Isa::kWidth)) & kGroupLanes;
      for (unsigned i = 0; i < 8; i++) state_[g][i] = Isa::select(lanes, initial_[i], state_[g][i]);
    }
    fresh_ = 0;
  }

  // Moves the lanes of the second group to places in the first, which has enough.
  void gather() {
    reset_fresh();
    uint32_t free = ~active_ & kGroupLanes;
    for (uint32_t lanes = active_ & ~kGroupLanes; lanes != 0; lanes &= lanes - 1, free &= free - 1) {
      const unsigned from = lowest(lanes), to = lowest(free);
      const uint32_t from_bit = uint32_t{1} << from, to_bit = uint32_t{1} << to;
      prefix_[to] = prefix_[from];
      next_[to] = next_[from];
      blocks_[to] = blocks_[from];
      blocks_[from] = 0;
      rest_[to] = rest_[from];
      size_[to] = size_[from];
      digest_[to] = digest_[from];
      move_bit(&active_, from_bit, to_bit);
      move_bit(&first_, from_bit, to_bit);
      move_bit(&closing_, from_bit, to_bit);
      for (unsigned i = 0; i < 8; i++) memcpy(state_word(to, i), state_word(from, i), 4);
    }
  }

  // The 4 bytes of word i of a lane's state.
  uint8_t* state_word(unsigned lane, unsigned i) {
    return reinterpret_cast<uint8_t*>(&state_[lane / Isa::kWidth][i]) + 4 * (lane % Isa::kWidth);
  }

  static void move_bit(uint32_t* flags, uint32_t from, uint32_t to) {
    *flags = (*flags & from) != 0 ? (*flags | to) & ~from : *flags & ~to;
  }

  // The last messages, too few to be worth a vector.
  void finish_alone() {
    reset_fresh();
    for (; active_ != 0; active_ &= active_ - 1) {
      const unsigned lane = lowest(active_);
      uint32_t state[8];
      for (unsigned i = 0; i < 8; i++) memcpy(&state[i], state_word(lane, i), 4);
      for (bool last = false; !last;) {
        kPortable.compress(state, next_[lane], blocks_[lane]);
        next_[lane] += blocks_[lane] * kBlockSize;
        blocks_[lane] = 0;
        last = stage_next(lane);
        kPortable.compress(state, staging_[lane], 1);
      }
      for (unsigned i = 0; i < 8; i++) store_be(digest_[lane] + 4 * i, state[i]);
    }
  }

  // --- blocks ---

  // `head` bytes of the prefix and `body` of a message of `size` bytes: if they do not fill the block, it ends there.
  Part part_of(size_t head, size_t body, size_t size) const {
    const size_t used = head + body;
    return Part(head, body, used < kBlockSize, used + kPaddingBytes <= kBlockSize ? bits(size) : 0);
  }

  static void prefetch_start(const Bytes& message) {
    prefetch(message.data, 0);
    prefetch(message.data, kBlockSize - 1);
  }

  static void prefetch_group(const Bytes* messages, const Bytes* end) {
    for (unsigned i = 0; i < kLanes && messages + i != end; i++) prefetch_start(messages[i]);
  }

  // As an integer: the byte may be outside any object. Prefetching it then does nothing.
  static void prefetch(const uint8_t* bytes, size_t offset) {
    __builtin_prefetch(reinterpret_cast<const void*>(reinterpret_cast<uintptr_t>(bytes) + offset));
  }

  void reset(unsigned group) {
    for (unsigned i = 0; i < 8; i++) state_[group][i] = initial_[i];
  }

  template <unsigned groups>
  void compress() {
    for (unsigned g = 0; g < groups; g++) Isa::load_blocks(ring_[g], at_ + g * Isa::kWidth);
    // So many streams are more than the processor follows by itself. The next block ends in the line of this byte, and
    // what of it stands in the line before has just been loaded.
    for (unsigned lane = 0; lane < groups * Isa::kWidth; lane++) prefetch(at_[lane], 2 * kBlockSize - 1);
    Compress::template compress<groups>(state_, ring_);
  }

  Word state_[Isa::kGroups][8], ring_[Isa::kGroups][16], initial_[8];
  alignas(64) uint8_t staging_[kLanes][kBlockSize];
  alignas(64) uint8_t digests_[Isa::kWidth * kDigestSize];
  const uint8_t* at_[kLanes];  // each lane's block
  const uint64_t common_bytes_;
  const size_t prefix_size_;
  PaddingSchedule padding_;

  // Of lanes of their own lengths. Bit l of a mask is lane l's.
  uint32_t active_ = 0;   // has a message
  uint32_t fresh_ = 0;    // its state is not set yet
  uint32_t first_ = 0;    // its next block begins with the prefix
  uint32_t closing_ = 0;  // its next block is the one that holds the length alone
  const uint8_t* prefix_[kLanes];
  const uint8_t* next_[kLanes] = {};  // what is not yet in a block of the message
  uint64_t blocks_[kLanes] = {};      // whole ones from there on; 0 before the prefix's block and without a message
  uint8_t rest_[kLanes];              // bytes behind them
  size_t size_[kLanes];               // of the message
  uint8_t* digest_[kLanes];
};

void compress_portable(uint32_t state[8], const uint8_t* blocks, size_t count) {
  kPortable.compress(state, blocks, count);
}

bool equal_lengths(const Bytes* messages, size_t count) {
  size_t differences = 0;
  for (size_t i = 1; i < count; i++) differences |= messages[i].size ^ messages[0].size;
  return differences == 0;
}

template <typename Isa>
void hash_items(uint8_t* digests, const Midstate& initial, const Prefix& prefix, const Messages& messages, size_t begin,
                size_t end) {
  if (end - begin <= 1) return kPortable.hash_range(digests, initial, prefix, messages, begin, end);
  Lanes<Isa> lanes(initial, prefix.size);
  Bytes window[kWindow + Lanes<Isa>::kLanes];
  Prefix here = prefix;
  for (size_t count; begin != end; begin += count) {
    const size_t left = end - begin;
    count = left < kWindow ? left : kWindow;
    const size_t following = left - count < Lanes<Isa>::kLanes ? left - count : Lanes<Isa>::kLanes;
    messages.items(begin, count + following, window);
    if (lanes.idle() && window[0].size < kLongest && equal_lengths(window, count)) {
      lanes.hash_equal(digests, here, window, count, following);
    } else {
      lanes.hash_ragged(digests, here, window, count);
    }
    digests += count * kDigestSize;
    here.data += count * prefix.stride;
  }
  lanes.finish();
}

}  // namespace
}  // namespace accel::sm3
