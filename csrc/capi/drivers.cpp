// accel.h: drivers.
#include <cstring>
#include <string>

#include "accel/driver.h"
#include "capi/guard.hpp"
#include "devices/fault.hpp"
#include "devices/registry.hpp"

using accel::Error;
using accel::capi::guard;
using accel::capi::require;
using accel::capi::require_array;

struct accel_driver_handle {
  accel::devices::Found found;
};

namespace {

std::string joined(const auto& names) {
  std::string text;
  for (const auto& name : names) text.append(text.empty() ? "" : ",").append(name);
  return text;
}

}  // namespace

accel_status accel_driver_find(accel_driver_handle** handle_out, const accel_driver** driver_out,
                               const char** options_out, const char* device) {
  return guard([&] {
    require(handle_out, "handle_out");
    *handle_out = nullptr;
    require(driver_out, "driver_out");
    require(options_out, "options_out");
    require(device, "device");
    *handle_out = new accel_driver_handle{accel::devices::find(device)};
    *driver_out = (*handle_out)->found.driver;
    *options_out = (*handle_out)->found.options.c_str();
  });
}

void accel_driver_free(accel_driver_handle* handle) { delete handle; }

accel_status accel_driver_add(const char* name, const accel_driver* driver) {
  return guard([&] {
    require(name, "name");
    require(driver, "driver");
    accel::devices::add(name, driver);
  });
}

accel_status accel_driver_remove(const char* name) {
  return guard([&] {
    require(name, "name");
    accel::devices::remove(name);
  });
}

accel_status accel_driver_names(char* names_out, uint64_t capacity, uint64_t* length_out) {
  return guard([&] {
    require_array(names_out, capacity, "names_out");
    require(length_out, "length_out");
    const std::string text = joined(accel::devices::names());
    *length_out = text.size();
    if (capacity <= text.size()) {
      throw Error(ACCEL_BAD_ARGUMENT, "capacity: expected more than " + std::to_string(text.size()) + " bytes, got " +
                                          std::to_string(capacity));
    }
    std::memcpy(names_out, text.c_str(), text.size() + 1);
  });
}

const char* accel_driver_faults(void) {
  static std::string text;
  const accel_status status = guard([] {
    [[maybe_unused]] static const bool written = [] {
      text = joined(accel::devices::fault_names());
      return true;
    }();
  });
  return status == ACCEL_OK ? text.c_str() : "";
}
