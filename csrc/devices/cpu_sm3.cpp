#include "devices/cpu_sm3.hpp"

#include <algorithm>

#include "base/pool.hpp"
#include "sm3/sm3.hpp"

namespace accel::cpu {
namespace {

// Blocks in one chunk. The least is some 17 us of the fastest kernel and 170 us of the slowest: enough to be worth
// handing to another thread. The most keeps the threads' ends close together.
constexpr uint64_t kMinChunkBlocks = 1024;
constexpr uint64_t kMaxChunkBlocks = 16384;
constexpr uint64_t kChunksPerThread = 16;
constexpr size_t kLanes = 32;  // items that the widest kernel takes at once

size_t chunk_items(const Messages& messages) {
  const uint64_t count = messages.count();
  const uint64_t blocks = messages.total_size() / sm3::kBlockSize + count;  // every message has a block of padding
  const uint64_t wanted = std::clamp(blocks / (kChunksPerThread * num_threads()), kMinChunkBlocks, kMaxChunkBlocks);
  if (blocks <= 2 * kMinChunkBlocks) return count;
  const uint64_t items = std::max<uint64_t>(1, wanted * count / blocks);
  return items < kLanes ? items : items / kLanes * kLanes;
}

}  // namespace

void sm3_hash(uint8_t* digests, const Messages& messages) {
  if (messages.count() == 0) return;
  parallel_for(messages.count(), chunk_items(messages), [&](size_t begin, size_t end) {
    sm3::hash_range(digests + begin * sm3::kDigestSize, sm3::kInitial, sm3::Prefix{}, messages, begin, end);
  });
}

}  // namespace accel::cpu
