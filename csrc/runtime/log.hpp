// Structured events about devices, for whoever has asked for them with accel_set_log.
#pragma once

#include <string>

#include "accel/accel.h"

namespace accel::runtime {

// From now on every event goes to `function`; null: to nobody. Returns when no call of the one before is running any
// more, so it must not be called from inside one.
void set_log(accel_log_function function, void* context);

// Never throws: an event that cannot be delivered is dropped.
void log(accel_log_level level, const char* event, const std::string& device, const std::string& message) noexcept;

}  // namespace accel::runtime
