#include "devices/registry.hpp"

#include <algorithm>
#include <map>
#include <mutex>

#include "base/error.hpp"
#include "devices/cpu_driver.hpp"
#include "devices/fault.hpp"
#include "devices/plugin.hpp"
#include "devices/plugin_table.hpp"
#include "devices/sim96_driver.hpp"

namespace accel::devices {
namespace {

// Devices that this library brings along: by their whole name, or by what stands before the first ':'.
struct BuiltIn {
  std::string_view name;  // ends in ':' when more follows
  const char* shown;      // in lists
  Found (*find)(std::string_view rest);
};

Found find_cpu(std::string_view) { return {.driver = &kCpuDriver, .options = "", .keep = nullptr, .is_own = true}; }
Found find_sim96(std::string_view) { return {&kSim96Driver, "", nullptr}; }
Found find_sim(std::string_view path) {
  if (path.empty()) throw Error(ACCEL_BAD_DEVICE, "device: expected a TOML file after \"sim:\", got \"sim:\"");
  return {&kSim96Driver, std::string(path), nullptr};
}

constexpr BuiltIn kBuiltIn[] = {
    {"cpu", "cpu", find_cpu},
    {"plugin:", "plugin:PATH.so", find_plugin},
    {"plugin-inproc:", "plugin-inproc:PATH.so", find_plugin_in_process},
    {"fault:", "fault:FAULT:DEVICE", find_fault},
    {"sim96", "sim96", find_sim96},
    {"sim:", "sim:CONFIG.toml", find_sim},
};

// Names that the documentation promises, of devices that come with the register-transfer level (RTL) design.
constexpr std::string_view kComeWithRtl[] = {"rtl-sim", "rtl-sim:", "serial:", "udp:", "xdma:"};

struct Added {
  const accel_driver* driver;
  std::shared_ptr<void> keep;
};

struct Additions {
  std::mutex mutex;
  std::map<std::string, Added, std::less<>> drivers;
};

// Never destroyed: devices may be looked for while the process ends.
Additions& additions() {
  static auto* const instance = new Additions;
  return *instance;
}

bool matches(std::string_view pattern, std::string_view name) {
  return pattern.back() == ':' ? name.starts_with(pattern) : name == pattern;
}

std::string quoted(std::string_view name) { return "\"" + std::string(name.substr(0, 200)) + "\""; }

std::string list_names() {
  std::string list;
  for (const std::string& name : names()) list += (list.empty() ? "" : ", ") + name;
  return list;
}

[[noreturn]] void unknown(std::string_view name) {
  for (const std::string_view pattern : kComeWithRtl) {
    if (!matches(pattern, name)) continue;
    throw Error(ACCEL_BAD_DEVICE, "device: " + quoted(name) +
                                      " is not built in: rtl-sim, serial:, udp: and xdma: come with the RTL design");
  }
  throw Error(ACCEL_BAD_DEVICE, "device: expected one of " + list_names() + ", got " + quoted(name));
}

bool is_built_in(std::string_view name) {
  return std::any_of(std::begin(kBuiltIn), std::end(kBuiltIn),
                     [name](const BuiltIn& device) { return matches(device.name, name); }) ||
         std::any_of(std::begin(kComeWithRtl), std::end(kComeWithRtl),
                     [name](std::string_view pattern) { return matches(pattern, name); });
}

}  // namespace

Found find(std::string_view name) {
  for (const BuiltIn& device : kBuiltIn) {
    if (matches(device.name, name)) return device.find(name.substr(device.name.size()));
  }
  const size_t comma = std::min(name.find(','), name.size());
  {
    Additions& all = additions();
    const std::lock_guard lock(all.mutex);
    const auto found = all.drivers.find(name.substr(0, comma));
    if (found != all.drivers.end()) {
      return {found->second.driver, std::string(name.substr(std::min(comma + 1, name.size()))), found->second.keep};
    }
  }
  unknown(name);
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const BuiltIn& device : kBuiltIn) all.emplace_back(device.shown);
  Additions& added = additions();
  const std::lock_guard lock(added.mutex);
  for (const auto& [name, driver] : added.drivers) all.push_back(name);
  return all;
}

void add(std::string_view name, const accel_driver* driver, std::shared_ptr<void> keep) {
  if (name.empty() || name.find(',') != std::string_view::npos || is_built_in(name)) {
    throw Error(ACCEL_BAD_ARGUMENT, "name: expected a name without ',' that no device has, got " + quoted(name));
  }
  require_table(driver, "driver");
  Additions& all = additions();
  const std::lock_guard lock(all.mutex);
  if (!all.drivers.emplace(name, Added{driver, std::move(keep)}).second) {
    throw Error(ACCEL_BAD_ARGUMENT, "name: " + quoted(name) + " is taken by another driver");
  }
}

void remove(std::string_view name) {
  Additions& all = additions();
  std::shared_ptr<void> last;  // let go of after the lock
  const std::lock_guard lock(all.mutex);
  const auto found = all.drivers.find(name);
  if (found == all.drivers.end()) throw Error(ACCEL_BAD_ARGUMENT, "name: no driver was added as " + quoted(name));
  last = std::move(found->second.keep);
  all.drivers.erase(found);
}

void require_table(const accel_driver* driver, const std::string& where) {
  const std::string problem = table_problem(driver);
  if (!problem.empty()) throw Error(ACCEL_BAD_DEVICE, where + ": " + problem);
}

}  // namespace accel::devices
