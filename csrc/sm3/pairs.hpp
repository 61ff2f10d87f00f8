// Pairs of digests for kernels that hash them like any other messages. In an anonymous namespace, like everything that
// a file compiled for more than the baseline includes.
#pragma once

#include <string.h>

#include "sm3/sm3.hpp"

namespace accel::sm3 {
namespace {

// Copied so many at a time, and hashed from the copy while it is in the first-level cache: 8 KiB.
constexpr size_t kPairsAtOnce = 128;

template <void (*hash_range)(uint8_t*, const Midstate&, const Prefix&, const Messages&, size_t, size_t)>
void hash_pairs_as_messages(uint8_t* digests, const Pairs& pairs) {
  const Prefix prefix{pairs.prefix, 0, pairs.prefix != nullptr ? size_t{1} : 0};
  if (pairs.copy == nullptr) {
    const Messages messages(pairs.data, kBlockSize, kBlockSize, pairs.count);
    return hash_range(digests, kInitial, prefix, messages, 0, pairs.count);
  }
  const Messages messages(pairs.copy, kBlockSize, kBlockSize, pairs.count);
  for (size_t begin = 0, end; begin != pairs.count; begin = end) {
    end = pairs.count - begin < kPairsAtOnce ? pairs.count : begin + kPairsAtOnce;
    memcpy(pairs.copy + begin * kBlockSize, pairs.data + begin * kBlockSize, (end - begin) * kBlockSize);
    hash_range(digests + begin * kDigestSize, kInitial, prefix, messages, begin, end);
  }
}

}  // namespace
}  // namespace accel::sm3
