// The wall between exceptions inside and statuses outside.
#pragma once

#include <type_traits>

#include "accel/accel.h"
#include "base/error.hpp"

namespace accel::capi {

void clear_last_error() noexcept;
// In a handler: the status of the exception in flight; its sentence becomes this thread's last error. Allocates
// nothing.
accel_status report_exception() noexcept;

// Runs `body`. What it throws becomes a status and this thread's last error. A body may return a status itself, for
// verdicts that are no errors of the call; otherwise returning is ACCEL_OK.
template <typename Body>
accel_status guard(Body&& body) noexcept {
  clear_last_error();
  try {
    if constexpr (std::is_void_v<std::invoke_result_t<Body&>>) {
      body();
      return ACCEL_OK;
    } else {
      return body();
    }
  } catch (...) {
    return report_exception();
  }
}

// Throws Error(ACCEL_BAD_ARGUMENT) naming `argument` when it is NULL.
inline void require(const void* pointer, const char* argument) {
  if (pointer == nullptr) throw Error(ACCEL_BAD_ARGUMENT, std::string(argument) + ": is NULL");
}

// The same for an array of `count` items, which may be NULL when there are none.
inline void require_array(const void* pointer, uint64_t count, const char* argument) {
  if (count != 0) require(pointer, argument);
}

}  // namespace accel::capi
