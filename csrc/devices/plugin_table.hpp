// Is this a driver's table that this runtime can use? Shared with the program that hosts drivers.
#pragma once

#include <string>

#include "accel/driver.h"

namespace accel::devices {

// "": yes. Otherwise the end of a sentence.
inline std::string table_problem(const accel_driver* driver) {
  if (driver == nullptr) return "gives no table for driver ABI " + std::to_string(ACCEL_DRIVER_ABI_VERSION);
  if (driver->abi_version != ACCEL_DRIVER_ABI_VERSION) {
    return "expected driver ABI " + std::to_string(ACCEL_DRIVER_ABI_VERSION) + ", got " +
           std::to_string(driver->abi_version);
  }
  if (driver->struct_size < sizeof(accel_driver)) {
    return "expected a table of " + std::to_string(sizeof(accel_driver)) + " bytes or more, got struct_size " +
           std::to_string(driver->struct_size);
  }
  const bool complete = driver->name != nullptr && driver->open != nullptr && driver->caps != nullptr &&
                        driver->register_buffer != nullptr && driver->unregister_buffer != nullptr &&
                        driver->enqueue_burst != nullptr && driver->dequeue_burst != nullptr &&
                        driver->wait != nullptr && driver->stats != nullptr && driver->reset != nullptr &&
                        driver->close != nullptr;
  return complete ? "" : "the table lacks a function that every driver has";
}

}  // namespace accel::devices
