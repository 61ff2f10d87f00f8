// One command of accel/driver.h on the kernels.
#pragma once

#include <atomic>

#include "accel/driver.h"
#include "devices/cpu_keys.hpp"

namespace accel::cpu {

// Runs a command that check() has passed, on the pool, piece by piece: none takes more than some hundred milliseconds,
// and between them `stop` is looked at (then ACCEL_COMPLETION_CANCELLED). ACCEL_COMPLETION_BAD_COMMAND: a handle that
// is not loaded, and nothing is computed. Throws what the kernels throw.
accel_completion_status execute(const accel_command& command, const LoadedKeys& keys, const std::atomic<bool>& stop);

}  // namespace accel::cpu
