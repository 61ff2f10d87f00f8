// How batches of SM2 are cut into chunks, and copied.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/messages.hpp"
#include "base/pool.hpp"
#include "sm2/kernel.hpp"

namespace accel::cpu {

// Lanes of the widest kernel: a chunk that is no multiple of it wastes some.
inline constexpr size_t kLanes = 16;
// Messages so long that hashing them outweighs their signature: more than this, and chunks are small, so that the
// threads finish together.
inline constexpr uint64_t kLongMessage = 16384;

// Chunk of `count` items (not 0): the same number of nearly equal chunks for every thread, none above `most`.
inline size_t chunk_size(size_t count, size_t most) {
  const size_t threads = num_threads();
  const size_t rounds = (count + threads * most - 1) / (threads * most);
  const size_t even = (count + threads * rounds - 1) / (threads * rounds);
  return std::clamp((even + kLanes - 1) / kLanes * kLanes, kLanes, most);
}

inline size_t chunk_size(const Messages& messages, size_t most) {
  const bool is_long = messages.total_size() / messages.count() > kLongMessage;
  return chunk_size(messages.count(), is_long ? kLanes : most);
}

// Items [begin, end) to rows.
template <size_t N>
void gather(uint8_t (*rows)[N], sm2::Strided from, size_t begin, size_t end) {
  if (from.stride == N) {
    std::memcpy(rows, from[begin], N * (end - begin));
  } else {
    for (size_t i = begin; i < end; ++i) std::memcpy(rows[i - begin], from[i], N);
  }
}

}  // namespace accel::cpu
