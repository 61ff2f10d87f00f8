// The modelled accelerator behind the contract that all devices have: answers from the kernels, time from csrc/model.
#pragma once

#include "accel/driver.h"

namespace accel::devices {

// Opened with "" for sim96, or with the path of a TOML file that says how the chip differs from it.
extern const accel_driver kSim96Driver;

}  // namespace accel::devices
