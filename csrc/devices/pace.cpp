#include "devices/pace.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

#include "devices/command.hpp"

namespace accel::devices {
namespace {

// More items than this are not looked at: no kernel has them done soon.
constexpr uint64_t kMostItems = 65536;
// A vector of the widest kernel costs the same however few of its lanes are filled.
constexpr uint64_t kLanes = 16;
// The unit is a block of SM3. A signature costs 200 of them on the fastest kernels and 600 on the slowest: whatever the
// messages of the command that was measured, the guess for another one is wrong by a factor below 2.
constexpr double kBlocksOfSignature = 350;
constexpr double kBlock = 64;
// Times fall into the mean slowly and rise at once: rather a thread too many than a call that takes too long.
constexpr double kWeight = 0.125;

size_t kind_of(const accel_command& command) {
  static_assert(ACCEL_COMMAND_HANDLES == 2 && ACCEL_COMMAND_POINTS == 4);
  return 4 * size_t{command.opcode} + (command.flags >> 1 & 3);
}

double message_bytes(const accel_command& command) {
  if ((command.flags & ACCEL_COMMAND_RAGGED) == 0) {
    return static_cast<double>(command.message_length) * static_cast<double>(command.count);
  }
  uint64_t first, last;
  std::memcpy(&first, command.offsets, 8);
  std::memcpy(&last, reinterpret_cast<const uint8_t*>(command.offsets) + 8 * command.count, 8);
  return first <= last ? static_cast<double>(last - first) : 0;
}

// Nothing: not to be told.
std::optional<double> units_of(const accel_command& command) {
  if (command.opcode > ACCEL_OP_MERKLE_ROOT || command.count > kMostItems) return std::nullopt;
  const bool ragged = (command.flags & ACCEL_COMMAND_RAGGED) != 0;
  if (is_merkle(command.opcode)) return static_cast<double>(command.count + kLanes);
  const uint64_t lanes = (command.count + kLanes - 1) / kLanes * kLanes;
  const double signatures = is_verify(command.opcode) ? kBlocksOfSignature * static_cast<double>(lanes) : 0;
  if (command.opcode == ACCEL_OP_SM2_VERIFY_DIGEST) return signatures;
  if (ragged && command.offsets == nullptr) return std::nullopt;
  return signatures + static_cast<double>(lanes) + message_bytes(command) / kBlock;
}

}  // namespace

bool Pace::fits(const accel_command& command, uint64_t nanoseconds) const {
  const std::optional<double> units = units_of(command);
  if (!units) return false;
  const double pace = pace_[kind_of(command)];
  return pace != 0 && pace * *units <= static_cast<double>(nanoseconds);
}

void Pace::note(const accel_command& command, uint64_t nanoseconds) {
  const std::optional<double> units = units_of(command);
  if (!units || *units == 0) return;
  double& pace = pace_[kind_of(command)];
  const double now = static_cast<double>(std::max<uint64_t>(nanoseconds, 1)) / *units;
  pace = std::max(now, pace + kWeight * (now - pace));
}

}  // namespace accel::devices
