// What a device has done, and what was found out about it.
#pragma once

#include <atomic>
#include <cstdint>

namespace accel::runtime {

struct Counter {
  const char* name;
  const char* unit;
  const char* description;
};

// One of the fields of Counters.
enum Count : uint8_t {
  kCommands,
  kHashed,
  kVerified,
  kMerkleLeaves,
  kChecked,
  kWrong,
  kReplayed,
  kRefused,
  kTimeouts,
  kBadTags,
  kCorrupt,
  kDeviceFaults,
  kDriverErrors,
  kSelftestsFailed,
  kStuck,
  kResets,
  kQuarantined,
  kCounts
};

inline constexpr Counter kCounters[kCounts] = {
    {"commands", "commands", "Commands whose answers were delivered."},
    {"items.sm3", "items", "Digests delivered."},
    {"items.sm2_verify", "items", "Verdicts delivered."},
    {"items.merkle", "items", "Leaves of Merkle trees whose levels were delivered."},
    {"audit.checked", "items", "Answers computed again on the CPU."},
    {"audit.wrong", "items", "Of these, answers that were wrong."},
    {"replayed", "items", "Items taken back from the device and given to another."},
    {"refused", "commands", "Commands that the device called unsupported or malformed."},
    {"faults.timeout", "faults", "Commands that were not completed in time."},
    {"faults.bad_tag", "faults", "Completions of commands that were not in flight."},
    {"faults.corrupt", "faults", "Completions that do not fit their command, or left items without an answer."},
    {"faults.device", "faults", "Commands that the device gave up as faulty."},
    {"faults.driver", "faults", "Calls of the driver that failed or broke its contract."},
    {"faults.selftest", "faults", "Known-answer tests that failed."},
    {"faults.stuck", "faults", "Calls of the driver that did not return."},
    {"resets", "resets", "Resets after which the device has passed its known-answer tests again."},
    {"quarantined", "devices", "1 once the device is not used any more."},
};

class Counters {
 public:
  void add(Count count, uint64_t n = 1) { values_[count].fetch_add(n, std::memory_order_relaxed); }
  uint64_t get(Count count) const { return values_[count].load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> values_[kCounts] = {};
};

}  // namespace accel::runtime
