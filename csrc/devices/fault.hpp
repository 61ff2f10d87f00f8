// Devices with a fault: any device behind a driver that breaks one thing. Deterministic: the same calls, the same lies.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "accel/driver.h"
#include "devices/registry.hpp"

namespace accel::devices {

// "FAULT:DEVICE". `none` gives the device itself. Throws Error(ACCEL_BAD_DEVICE), with a list, for another fault.
Found find_fault(std::string_view rest);

// What one queue has seen; calls of one queue come from one thread at a time.
struct FaultQueue {
  uint64_t commands = 0;                                 // taken
  uint64_t completions = 0;                              // given
  uint64_t items = 0;                                    // verified
  std::map<uint64_t, accel_command> in_flight;           // by tag
  std::map<uint16_t, std::vector<uint8_t>> last_output;  // by opcode
  std::deque<accel_completion> ready;
  std::deque<std::pair<accel_completion, accel_command>> held;
};

struct Fault {
  const char* name;
  // Any of these may be null.
  // Changes what is computed.
  void (*before)(accel_command& command);
  // Changes what a command with status DONE has computed.
  void (*outputs)(const accel_command& command, FaultQueue& queue);
  // Changes what has come, which stands at the end of queue.ready. `command` as it was taken.
  void (*completion)(const accel_command& command, FaultQueue& queue);
  // True: the command is taken and never reaches the device.
  bool (*swallow)(const accel_command& command, uint32_t queue_index, FaultQueue& queue);
};

// fault_outputs.cpp, fault_edges.cpp: wrong results. fault_traffic.cpp: right ones, wrongly delivered.
extern const std::vector<Fault> kOutputFaults, kEdgeFaults, kTrafficFaults;

// Faults of a device's other functions, which fault.cpp knows by name.
inline constexpr std::string_view kOpenFails = "fault-at-open", kCrash = "crash", kLateWrite = "late-write",
                                  kLateCompletion = "late-completion", kCancelLies = "cancel-lies",
                                  kDropWhenFull = "drop-when-full", kFrozenCounters = "frozen-counters",
                                  kRotatedHandles = "rotated-handles", kWriteBeyond = "write-beyond-end";

// All names, in a fixed order and without "none".
const std::vector<const char*>& fault_names();

// Bytes of a command's results: statuses, digests or nodes.
uint64_t output_bytes(const accel_command& command);

}  // namespace accel::devices
