// Arrays of accel.h, checked as far as a pointer can be.
#pragma once

#include <cstdint>
#include <string>

#include "capi/guard.hpp"
#include "sm2/kernel.hpp"

namespace accel::capi {

// No array of this many items exists: a larger count is a mistake, and is said to be one before memory is touched.
constexpr uint64_t kMaxCount = UINT64_C(1) << 40;

inline void require_count(uint64_t count) {
  if (count > kMaxCount) {
    throw Error(ACCEL_BAD_ARGUMENT, "count: expected at most 2^40 items, got " + std::to_string(count));
  }
}

// `count` items of `size` bytes, `stride` apart. Throws Error(ACCEL_BAD_ARGUMENT) for NULL, or if they do not fit into
// the address space.
inline sm2::Strided strided(const uint8_t* data, uint64_t stride, uint64_t size, uint64_t count, const char* argument) {
  require_count(count);
  require_array(data, count, argument);
  uint64_t end = 0;
  if (count != 0 && (__builtin_mul_overflow(stride, count - 1, &end) || __builtin_add_overflow(end, size, &end) ||
                     __builtin_add_overflow(end, reinterpret_cast<uintptr_t>(data), &end))) {
    throw Error(ACCEL_BAD_ARGUMENT, std::string(argument) + ": " + std::to_string(count) + " items with stride " +
                                        std::to_string(stride) + " do not fit into the address space");
  }
  return {data, stride};
}

}  // namespace accel::capi
