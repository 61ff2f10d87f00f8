// Verification with hints: blocks of thousands of items, each checked as a whole.
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/ctime.hpp"
#include "devices/chunks.hpp"
#include "devices/cpu_sm2.hpp"
#include "sm2/random.hpp"
#include "sm2/select.hpp"

namespace accel::cpu {
namespace {

constexpr size_t kMostHinted = 4096, kHintChunk = 256;

// One block's items, private to the thread that works on it: nobody changes them once the coefficients are drawn.
struct Block {
  uint8_t keys[kMostHinted][64];
  uint8_t signatures[kMostHinted][64];
  uint8_t za[kMostHinted][sm2::kZaSize];
  uint8_t digests[kMostHinted][32];
  uint8_t coefficients[kMostHinted][16];
  uint8_t hints[kMostHinted];
};

// A thread's memory for blocks, some 3 MB: allocated for its first block, kept for the next, freed when it ends.
class BlockMemory {
 public:
  BlockMemory() = default;
  BlockMemory(const BlockMemory&) = delete;
  BlockMemory& operator=(const BlockMemory&) = delete;
  ~BlockMemory() { std::free(memory_); }

  // A block and, behind it, the kernel's scratch. Throws std::bad_alloc.
  Block& block(const sm2::Kernel& kernel) {
    const size_t bytes = kScratchAt + (kernel.hinted.scratch_bytes() + 63) / 64 * 64;
    if (bytes > bytes_) {
      std::free(memory_);
      bytes_ = 0;
      memory_ = std::aligned_alloc(64, bytes);
      if (memory_ == nullptr) throw std::bad_alloc();
      bytes_ = bytes;
    }
    return *static_cast<Block*>(memory_);
  }
  void* scratch() const { return static_cast<uint8_t*>(memory_) + kScratchAt; }

 private:
  static constexpr size_t kScratchAt = (sizeof(Block) + 63) / 64 * 64;
  void* memory_ = nullptr;
  size_t bytes_ = 0;
};

BlockMemory& block_memory() {
  thread_local BlockMemory memory;
  return memory;
}

size_t block_size(const sm2::Kernel& kernel) {
  return kernel.hinted.most < kMostHinted ? kernel.hinted.most : kMostHinted;
}

void gather_block(Block& block, Strided keys, Strided signatures, const uint8_t* hints, size_t begin, size_t end) {
  gather(block.keys, keys, begin, end);
  gather(block.signatures, signatures, begin, end);
  std::memcpy(block.hints, hints + begin, end - begin);
}

void verify_block(uint8_t* status, const sm2::Kernel& kernel, Block& block, void* scratch, size_t count) {
  const Strided keys = {block.keys[0], 64}, signatures = {block.signatures[0], 64}, digests = {block.digests[0], 32};
  if (count < kernel.hinted.least) {
    kernel.verify(status, keys, signatures, digests, count);
  } else {
    sm2::system_random(block.coefficients[0], 16 * count);
    declassify(block.coefficients, 16 * count);  // whoever learns them now cannot change the items any more
    kernel.hinted.verify(status, keys, signatures, digests, block.hints, block.coefficients[0], count, scratch);
  }
  sm2::count_verified(kernel, count);
}

}  // namespace

void sm2_verify_hinted_digests(uint8_t* status, Strided keys, Strided signatures, Strided digests, const uint8_t* hints,
                               size_t count) {
  const sm2::Kernel& kernel = sm2::active_kernel();
  if (count < kernel.hinted.least || kernel.hinted.most == 0) {
    sm2_verify_digests(status, keys, signatures, digests, count);
    return;
  }
  std::memset(status, ACCEL_NOT_CHECKED, count);
  parallel_for(count, chunk_size(count, block_size(kernel)), [&](size_t begin, size_t end) {
    BlockMemory& memory = block_memory();
    Block& block = memory.block(kernel);
    gather_block(block, keys, signatures, hints, begin, end);
    gather(block.digests, digests, begin, end);
    verify_block(status + begin, kernel, block, memory.scratch(), end - begin);
  });
}

void sm2_verify_hinted(uint8_t* status, Strided keys, Strided signatures, const Messages& messages,
                       const sm2::Identity& identity, const uint8_t* hints) {
  const sm2::Kernel& kernel = sm2::active_kernel();
  if (messages.count() < kernel.hinted.least || kernel.hinted.most == 0) {
    sm2_verify(status, keys, signatures, messages, identity);
    return;
  }
  std::memset(status, ACCEL_NOT_CHECKED, messages.count());
  parallel_for(messages.count(), chunk_size(messages, block_size(kernel)), [&](size_t begin, size_t end) {
    BlockMemory& memory = block_memory();
    Block& block = memory.block(kernel);
    gather_block(block, keys, signatures, hints, begin, end);
    if (identity.has_za()) identity.za_range(block.za[0], block.keys[0], end - begin);
    sm2::digest_range(block.digests[0], identity.has_za() ? block.za[0] : nullptr, messages, begin, end);
    verify_block(status + begin, kernel, block, memory.scratch(), end - begin);
  });
}

void sm2_recovery_hints(uint8_t* hints, uint8_t* status, Strided keys, Strided signatures, Strided digests,
                        size_t count) {
  if (count == 0) return;
  std::memset(hints, 0, count);
  std::memset(status, ACCEL_NOT_CHECKED, count);
  const sm2::Kernel& kernel = sm2::active_kernel();
  parallel_for(count, chunk_size(count, kHintChunk), [&](size_t begin, size_t end) {
    kernel.recovery_hints(hints + begin, status + begin, {keys[begin], keys.stride},
                          {signatures[begin], signatures.stride}, {digests[begin], digests.stride}, end - begin);
    sm2::count_verified(kernel, end - begin);
  });
}

}  // namespace accel::cpu
