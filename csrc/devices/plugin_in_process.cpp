#include <dlfcn.h>

#include <memory>

#include "base/error.hpp"
#include "devices/plugin.hpp"
#include "devices/plugin_table.hpp"

namespace accel::devices {

PluginName split_plugin_name(std::string_view rest) {
  const size_t comma = std::min(rest.find(','), rest.size());
  const size_t after = std::min(comma + 1, rest.size());
  PluginName name = {std::string(rest.substr(0, comma)), std::string(rest.substr(after))};
  if (name.path.empty() || name.path.find('\0') != std::string::npos) {
    throw Error(ACCEL_BAD_DEVICE, "device: expected plugin:PATH.so or plugin:PATH.so,OPTIONS, got no path");
  }
  // Without a slash the loader would look through its own directories and not here.
  if (name.path.find('/') == std::string::npos) name.path.insert(0, "./");
  return name;
}

Found find_plugin_in_process(std::string_view rest) {
  PluginName name = split_plugin_name(rest);
  void* const library = dlopen(name.path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw Error(ACCEL_BAD_DEVICE, std::string("device: ") + dlerror());
  std::shared_ptr<void> keep(library, dlclose);
  const auto entry = reinterpret_cast<accel_driver_entry_function>(dlsym(library, ACCEL_DRIVER_ENTRY_NAME));
  if (entry == nullptr) {
    throw Error(ACCEL_BAD_DEVICE,
                "device: " + name.path + ": expected a driver, got a library without " + ACCEL_DRIVER_ENTRY_NAME);
  }
  const accel_driver* const driver = entry(ACCEL_DRIVER_ABI_VERSION);
  require_table(driver, "device: " + name.path);
  return {driver, std::move(name.options), std::move(keep)};
}

}  // namespace accel::devices
