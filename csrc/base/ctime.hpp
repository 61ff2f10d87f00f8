// Constant time as a test: with ACCEL_CTIME, valgrind's memcheck takes secrets for uninitialised memory and reports
// every branch and every address that depends on one. Without it, nothing happens here.
#pragma once

#include <cstddef>

#if defined(ACCEL_CTIME)
#include <valgrind/memcheck.h>
#endif

namespace accel {

// From here these bytes are secret.
static inline void poison([[maybe_unused]] const void* data, [[maybe_unused]] size_t size) {
#if defined(ACCEL_CTIME)
  (void)VALGRIND_MAKE_MEM_UNDEFINED(data, size);
#endif
}

// From here these bytes are public. Every call of it states why at the call.
static inline void declassify([[maybe_unused]] const void* data, [[maybe_unused]] size_t size) {
#if defined(ACCEL_CTIME)
  (void)VALGRIND_MAKE_MEM_DEFINED(data, size);
#endif
}

}  // namespace accel
