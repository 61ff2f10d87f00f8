// Devices that batches can run on.
#pragma once

#include "accel/accel.h"

namespace accel {

// Throws Error(ACCEL_BAD_DEVICE) unless `device`, or ACCEL_DEVICE in its absence, names the CPU.
void require_cpu(const accel_device* device);

}  // namespace accel
