// Arrays of accel.h, checked as far as a pointer can be.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include "base/messages.hpp"
#include "capi/guard.hpp"
#include "sm2/kernel.hpp"

namespace accel::capi {

// A status array is filled before anything else is looked at: in a call that fails, nothing in it reads as valid.
inline void begin_status(uint8_t* status_out, uint64_t count) {
  require_count(count);
  require_array(status_out, count, "status_out");
  if (count != 0) std::memset(status_out, ACCEL_NOT_CHECKED, count);
}

// `length` bytes.
inline void require_bytes(const void* data, uint64_t length, const char* argument) {
  require_array(data, length, argument);
  if (length > ACCEL_MAX_MESSAGE) {
    throw Error(ACCEL_BAD_ARGUMENT,
                std::string(argument) + ": expected at most 2^60 bytes, got " + std::to_string(length));
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
