// What every driver of this library asks about a command of accel/driver.h: is it well formed, and which memory does it
// name?
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "accel/driver.h"

namespace accel::devices {

// Command i of an array that enqueue_burst got: its items are as far apart as their struct_size says. Fields that the
// other side does not know are 0. struct_size 0 in the result: it is too small to be a command.
accel_command command_at(const accel_command* commands, uint32_t i);

bool is_verify(uint16_t opcode);
bool is_merkle(uint16_t opcode);

// ACCEL_COMPLETION_DONE: the command may run. Otherwise the status to complete it with. Reads the offsets of a ragged
// batch; handles are the driver's to check.
accel_completion_status check(const accel_command& command, const accel_device_caps& caps);

// One array of a command: bytes [begin, end) behind its pointer. Not used: begin = end = 0.
struct Field {
  const void* pointer = nullptr;
  uint64_t begin = 0, end = 0;
  bool output = false;
  bool used() const { return end != 0; }
};

enum FieldName : size_t {
  kMessages,
  kOffsets,
  kKeys,
  kHandles,
  kSignatures,
  kDigests,
  kId,
  kOutput,
  kStatus,
  kPoints,
  kFieldCount
};
using Fields = std::array<Field, kFieldCount>;

// False when an array does not fit into the address space. Offsets may be in any order: the range of all is given.
// Works for any count and for opcodes that nobody knows, which use nothing.
bool fields_of(const accel_command& command, Fields* fields);

// Nodes above `leaves` (1 or more) leaf hashes.
uint64_t nodes_above(uint64_t leaves);

}  // namespace accel::devices
