// SM3 (GB/T 32905-2016) over batches: what the layers above see, and what a kernel implements.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu.hpp"
#include "base/messages.hpp"

namespace accel::sm3 {

constexpr size_t kDigestSize = 32;
constexpr size_t kBlockSize = 64;

// Chaining value after `bytes` bytes (a multiple of 64) of some common beginning, such as an HMAC pad or the constant
// part of ZA.
struct Midstate {
  uint32_t h[8];
  uint64_t bytes;
};
constexpr Midstate kInitial = {
    {0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e}, 0};

// `size` bytes (at most 64) before each message: those of the first item of the range stand at data, the next item's
// `stride` bytes further on. ZA, or a domain's prefix byte (stride 0).
struct Prefix {
  const uint8_t* data = nullptr;
  size_t stride = 0;
  size_t size = 0;
};

// Digests two by two, `count` times 64 bytes one behind the other, as the levels of a Merkle tree hold them. They are
// public: a kernel need not wipe what it leaves of them in memory.
struct Pairs {
  const uint8_t* data;
  size_t count;
  const uint8_t* prefix = nullptr;  // one byte before each pair, or nullptr for none
  // Where the pairs are copied to, or nullptr; the digests are then those of the copy. Overlaps nothing else.
  uint8_t* copy = nullptr;
};

struct Kernel {
  const char* name;
  bool (*supported)(const CpuFeatures&);
  void (*compress)(uint32_t state[8], const uint8_t* blocks, size_t count);
  // digests[i - begin] = SM3(initial, prefix[i - begin] || message_i) for i in [begin, end). No allocation.
  void (*hash_range)(uint8_t* digests, const Midstate& initial, const Prefix& prefix, const Messages& messages,
                     size_t begin, size_t end);
  // digests[i] = SM3(prefix || pair i). No allocation, no exception.
  void (*hash_pairs)(uint8_t* digests, const Pairs& pairs);
};

// The kernel in force; self-tested. Throws Error(ACCEL_BAD_KERNEL) or Error(ACCEL_SELFTEST_FAILED).
const Kernel& active_kernel();

// One thread, active kernel: digests of messages [begin, end), counted for accel_kernel_items. Digests and prefixes
// count from `begin`. This is what merkle/ and sm2/ call inside their own parallel_for.
void hash_range(uint8_t* digests, const Midstate& initial, const Prefix& prefix, const Messages& messages, size_t begin,
                size_t end);

// The same for pairs.
void hash_pairs(uint8_t* digests, const Pairs& pairs);

// A stream. The destructor wipes it.
class Stream {
 public:
  Stream();
  explicit Stream(const Midstate& initial);
  ~Stream();
  Stream(const Stream&) = default;
  Stream& operator=(const Stream&) = default;
  void update(const uint8_t* data, size_t size);
  void digest(uint8_t out[kDigestSize]) const;  // the stream may go on

 private:
  Midstate state_;
  uint8_t buffer_[kBlockSize];
  size_t buffered_ = 0;
};

}  // namespace accel::sm3
