// Memory for large buffers, and those that trees have freed, for the next trees: a node builds a tree for every block,
// and fresh pages cost as much as hashing. For public data only: a buffer is handed on as it is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace accel::merkle {

// Buffers begin at a page. Any number of threads may call anything at once; none ever waits for another, also not in a
// child after fork(): a recycler that is busy keeps nothing and has nothing to give.
class Recycler {
 public:
  static constexpr size_t kSmallest = size_t{256} << 10;   // bytes; smaller buffers are the allocator's
  static constexpr size_t kMostBytes = size_t{256} << 20;  // kept in all: the levels of a tree over 2^22 leaves
  static constexpr size_t kMostBuffers = 32;

  // The library's own.
  static Recycler& global();

  Recycler() = default;
  ~Recycler();
  Recycler(const Recycler&) = delete;
  Recycler& operator=(const Recycler&) = delete;

  // A buffer of at least *size bytes, and its size: the smallest one kept that is not larger than four times that, or a
  // new one. What stands in it is undefined. Throws std::bad_alloc.
  uint8_t* take(size_t* size);
  // The buffer with more room, perhaps at another place; what is in it stays. Throws std::bad_alloc and then nothing
  // has changed.
  static uint8_t* grow(uint8_t* data, size_t old_size, size_t* size);
  // Keeps the buffer or frees it; frees older ones to make room. The system may take the pages of a kept buffer back
  // when memory is short.
  void put(uint8_t* data, size_t size);

  size_t kept_bytes() const;
  size_t kept_buffers() const;

 private:
  struct Buffer {
    uint8_t* data;
    size_t size;
  };

  uint8_t* take_kept(size_t* size);
  void forget(size_t index);

  mutable std::mutex mutex_;
  std::array<Buffer, kMostBuffers> buffers_;  // oldest first
  size_t count_ = 0, bytes_ = 0;
};

}  // namespace accel::merkle
