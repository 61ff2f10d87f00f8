// A batch of messages where the caller has them: the inside of accel_messages.
#pragma once

#include <cstddef>
#include <cstdint>

#include "accel/accel.h"

namespace accel {

// No array of this many items exists: a larger count is a mistake, and is said to be one before memory is touched. It
// also keeps count * 64 (the widest item anywhere) and every sum of a few such terms far from 2^64.
inline constexpr uint64_t kMaxCount = uint64_t{1} << 40;

// Throws Error(ACCEL_BAD_ARGUMENT) naming `argument` for more items than that.
void require_count(uint64_t count, const char* argument = "count");

struct Bytes {
  const uint8_t* data;
  size_t size;
};

// Validated once as a whole (constructor), and again item by item: offsets are read once into locals and checked
// there, because the caller's memory may change between the two.
class Messages {
 public:
  // Throws Error(ACCEL_BAD_ARGUMENT) naming `argument`.
  Messages(const accel_messages* view, uint64_t count, const char* argument);
  // `count` messages of `length` bytes, `stride` bytes apart.
  Messages(const uint8_t* data, size_t stride, size_t length, size_t count);

  size_t count() const { return count_; }
  // Throws Error(ACCEL_BAD_ARGUMENT) when the offsets have changed since validation and no longer hold.
  Bytes item(size_t i) const;
  // out[k] = item(begin + k) for k in [0, count), at a few cycles each: what a kernel with lanes to fill calls.
  void items(size_t begin, size_t count, Bytes* out) const;
  // Is item i at item(0).data + stride() * i, and as long as that one?
  bool is_strided() const { return count_ != 0 && view_.layout == ACCEL_LAYOUT_STRIDED; }
  size_t stride() const { return view_.stride; }
  // Bytes in all: what a scheduler balances by.
  uint64_t total_size() const { return total_size_; }

 private:
  accel_messages view_;
  size_t count_;
  uint64_t total_size_;
  const char* argument_;
};

}  // namespace accel
