// Time as the runtime counts it: nanoseconds of a clock that never goes back.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace accel::runtime {

inline uint64_t now_ns() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

// `now` + `timeout`, or the end of time.
inline uint64_t after_ns(uint64_t now, uint64_t timeout) {
  return timeout > UINT64_MAX - now ? UINT64_MAX : now + timeout;
}

// What condition variables can add to their clock without overflow: a week at most, after which they are asked again.
inline std::chrono::nanoseconds sleep_ns(uint64_t timeout) {
  constexpr uint64_t kWeek = UINT64_C(7) * 24 * 3600 * 1'000'000'000;
  return std::chrono::nanoseconds(std::min(timeout, kWeek));
}

}  // namespace accel::runtime
