// The CPU behind the contract that all devices have.
#pragma once

#include "accel/driver.h"

namespace accel::devices {

extern const accel_driver kCpuDriver;

}  // namespace accel::devices
