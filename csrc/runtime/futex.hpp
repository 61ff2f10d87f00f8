// Sleeping until a 32-bit word changes (futex(2)), within one process. One call wakes all who sleep on a word, which a
// condition variable does one by one, each of them taking its mutex.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace accel::runtime {

// Nanoseconds of CLOCK_MONOTONIC.
using Nanoseconds = uint64_t;
inline constexpr Nanoseconds kNever = UINT64_MAX;

inline Nanoseconds now_ns() {
  return static_cast<Nanoseconds>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
          .count());
}

// The moment `timeout` from now; kNever stays that.
inline Nanoseconds deadline_after(Nanoseconds timeout) {
  const Nanoseconds now = now_ns();
  return timeout >= kNever - now ? kNever : now + timeout;
}

// Sleeps while `word` is `value`. Returns also for no reason; false once `deadline` has passed.
bool futex_wait(const std::atomic<uint32_t>& word, uint32_t value, Nanoseconds deadline);
// Wakes at most `count` sleepers.
void futex_wake(const std::atomic<uint32_t>& word, size_t count);

}  // namespace accel::runtime
