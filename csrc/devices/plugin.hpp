// Drivers in shared libraries: in a host process of their own, or in this one.
#pragma once

#include <string>
#include <string_view>

#include "devices/registry.hpp"

namespace accel::devices {

// "PATH.so" or "PATH.so,OPTIONS". Throw Error(ACCEL_BAD_DEVICE).
//
// The driver runs in a process of its own (csrc/driverhost). What it does there, a crash, a hang, nonsense in the
// memory that both share, is ACCEL_DRIVER_FAULT here; a reset ends that process and starts another.
Found find_plugin(std::string_view rest);
// The driver runs in this process, and takes it down when it crashes.
Found find_plugin_in_process(std::string_view rest);

struct PluginName {
  std::string path, options;
};
PluginName split_plugin_name(std::string_view rest);

}  // namespace accel::devices
