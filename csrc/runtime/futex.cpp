#include "runtime/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>

namespace accel::runtime {
namespace {

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t) && std::atomic<uint32_t>::is_always_lock_free);

long futex(const std::atomic<uint32_t>& word, int operation, uint32_t value, const timespec* deadline) {
  // WAIT_BITSET, unlike WAIT, takes a moment of CLOCK_MONOTONIC and no span.
  return syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, deadline, nullptr, FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

bool futex_wait(const std::atomic<uint32_t>& word, uint32_t value, Nanoseconds deadline) {
  timespec moment = {};
  moment.tv_sec = static_cast<time_t>(deadline / 1'000'000'000);
  moment.tv_nsec = static_cast<long>(deadline % 1'000'000'000);
  const long result = futex(word, FUTEX_WAIT_BITSET, value, deadline == kNever ? nullptr : &moment);
  return result == 0 || errno != ETIMEDOUT;
}

void futex_wake(const std::atomic<uint32_t>& word, size_t count) {
  futex(word, FUTEX_WAKE, static_cast<uint32_t>(std::min(count, size_t{INT_MAX})), nullptr);
}

}  // namespace accel::runtime
