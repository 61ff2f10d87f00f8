// How long a command is likely to take, by those that ran before it.
#pragma once

#include <array>
#include <cstdint>

#include "accel/driver.h"

namespace accel::devices {

class Pace {
 public:
  // Is it likely to be over within so many nanoseconds? False for what cannot be told: a kind of command of which none
  // ran yet, and what may be malformed. Reads the ends of the offsets of a ragged batch.
  bool fits(const accel_command& command, uint64_t nanoseconds) const;
  // It took so long.
  void note(const accel_command& command, uint64_t nanoseconds);

 private:
  // Opcodes, each with keys by value or by handle, and with points or without.
  static constexpr size_t kKinds = 4 * (ACCEL_OP_MERKLE_ROOT + 1);
  std::array<double, kKinds> pace_{};  // nanoseconds for each unit of work; 0: not known
};

}  // namespace accel::devices
