// accel.h: devices.
#include <pthread.h>

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "capi/devices.hpp"
#include "capi/guard.hpp"
#include "devices/registry.hpp"
#include "runtime/log.hpp"

struct accel_device {
  // The caller's key to the table of handles below; nothing is behind it.
};

namespace accel::capi {
namespace {

using runtime::Device;
using runtime::DeviceOptions;

constexpr uint32_t kMaxRate = uint32_t{1} << 20, kMaxDepth = uint32_t{1} << 20;

// All handles of this process, and the device of ACCEL_DEVICE. In a child after fork() it is made anew, in place: the
// threads of the parent's devices are not there, and nothing of theirs is touched.
class Handles {
 public:
  accel_device* add(std::shared_ptr<Device> device) {
    auto handle = std::make_unique<accel_device>();
    const std::unique_lock lock(mutex_);
    devices_.emplace(handle.get(), std::move(device));
    return handle.release();
  }

  std::shared_ptr<Device> remove(accel_device* handle) {
    const std::unique_lock lock(mutex_);
    const auto found = devices_.find(handle);
    if (found == devices_.end()) return nullptr;
    std::shared_ptr<Device> device = std::move(found->second);
    devices_.erase(found);
    delete handle;
    return device;
  }

  std::shared_ptr<Device> find(const accel_device* handle) const {
    const std::shared_lock lock(mutex_);
    const auto found = devices_.find(handle);
    if (found != devices_.end()) return found->second;
    throw Error(ACCEL_BAD_DEVICE,
                "device: expected NULL or a handle that accel_device_open has given out in this process");
  }

  // Of ACCEL_DEVICE, opened at first use; or of the CPU. They are never closed.
  std::shared_ptr<Device> from_environment(const char* name) { return open_once(from_environment_, name, true); }
  std::shared_ptr<Device> cpu() { return open_once(cpu_, "cpu", false); }

 private:
  std::shared_ptr<Device> open_once(std::shared_ptr<Device>& device, const char* name, bool environment) {
    const std::lock_guard lock(open_mutex_);
    if (device == nullptr) {
      try {
        device = Device::open(name, {});
      } catch (const Error& error) {
        if (!environment) throw;
        std::string sentence = error.what();  // "device: expected ..."
        if (sentence.starts_with("device")) sentence.erase(0, sizeof "device" - 1);
        throw Error(error.status(), "ACCEL_DEVICE" + sentence);
      }
    }
    return device;
  }

  mutable std::shared_mutex mutex_;
  std::unordered_map<const accel_device*, std::shared_ptr<Device>> devices_;
  std::mutex open_mutex_;
  std::shared_ptr<Device> from_environment_, cpu_;
};

// Never destroyed: devices that nobody has freed work until the process is gone.
alignas(Handles) unsigned char handles_storage[sizeof(Handles)];
Handles& handles() {
  static Handles* const instance = [] {
    Handles* const made = new (handles_storage) Handles;
    pthread_atfork(nullptr, nullptr, [] { new (handles_storage) Handles; });
    return made;
  }();
  return *instance;
}

// Empty: the CPU. Read once.
const std::string& name_from_environment() {
  static const std::string name = [] {
    const char* const text = std::getenv("ACCEL_DEVICE");
    return std::string(text == nullptr || std::strcmp(text, "cpu") == 0 ? "" : text);
  }();
  return name;
}

uint32_t in_range(uint32_t value, uint32_t most, uint32_t otherwise, const char* field) {
  if (value <= most) return value == 0 ? otherwise : value;
  throw Error(ACCEL_BAD_ARGUMENT, std::string("options: ") + field + ": expected at most " + std::to_string(most) +
                                      ", got " + std::to_string(value));
}

DeviceOptions options_of(const accel_device_options* options) {
  DeviceOptions result;
  if (options == nullptr) return result;
  if (options->struct_size != sizeof(accel_device_options)) {
    throw Error(ACCEL_BAD_ARGUMENT, "options: struct_size: expected " + std::to_string(sizeof(accel_device_options)) +
                                        ", got " + std::to_string(options->struct_size));
  }
  switch (in_range(options->audit, ACCEL_AUDIT_FULL, ACCEL_AUDIT_SAMPLE, "audit")) {
    case ACCEL_AUDIT_SAMPLE:
      result.trust.audit = runtime::Audit::kSample;
      break;
    case ACCEL_AUDIT_HOLD:
      result.trust.audit = runtime::Audit::kHold;
      break;
    default:
      result.trust.audit = runtime::Audit::kFull;
  }
  result.trust.sample_rate = in_range(options->sample_rate, kMaxRate, result.trust.sample_rate, "sample_rate");
  result.trust.hold_window = in_range(options->hold_window, UINT32_MAX, 16384, "hold_window");
  result.queue_depth = in_range(options->queue_depth, kMaxDepth, 1024, "queue_depth");
  result.fallback = in_range(options->no_fallback, 1, 0, "no_fallback") == 0;
  if (options->command_timeout_ns != 0) result.trust.command_timeout_ns = options->command_timeout_ns;
  return result;
}

}  // namespace

std::shared_ptr<Device> device_of(const accel_device* handle) {
  if (handle != nullptr) return handles().find(handle);
  const std::string& name = name_from_environment();
  return name.empty() ? nullptr : handles().from_environment(name.c_str());
}

std::shared_ptr<Device> runtime_device_of(const accel_device* handle) {
  std::shared_ptr<Device> device = device_of(handle);
  return device != nullptr ? device : handles().cpu();
}

}  // namespace accel::capi

using accel::Error;
using accel::capi::guard;
using accel::capi::handles;
using accel::capi::require;
using accel::capi::require_array;
using accel::capi::runtime_device_of;

accel_status accel_device_names(const char** names_out) {
  return guard([&] {
    require(names_out, "names_out");
    static thread_local std::string text;
    text.clear();
    for (const std::string& name : accel::devices::names()) text += (text.empty() ? "" : ",") + name;
    *names_out = text.c_str();
  });
}

accel_status accel_device_open(accel_device** device_out, const char* name, const accel_device_options* options) {
  return guard([&] {
    require(device_out, "device_out");
    *device_out = nullptr;
    require(name, "name");
    *device_out = handles().add(accel::runtime::Device::open(name, accel::capi::options_of(options)));
  });
}

void accel_device_free(accel_device* device) {
  if (device == nullptr) return;
  if (const auto closing = handles().remove(device)) closing->close();
}

accel_status accel_device_count(accel_device* device, uint64_t* count_out) {
  return guard([&] {
    require(count_out, "count_out");
    *count_out = runtime_device_of(device)->workers().size();
  });
}

accel_status accel_device_get_info(accel_device* device, uint64_t index, accel_device_info* info_out) {
  return guard([&] {
    require(info_out, "info_out");
    if (info_out->struct_size != sizeof(accel_device_info)) {
      throw Error(ACCEL_BAD_ARGUMENT, "info_out: struct_size: expected " + std::to_string(sizeof(accel_device_info)) +
                                          ", got " + std::to_string(info_out->struct_size));
    }
    const auto found = runtime_device_of(device);
    if (index >= found->workers().size()) {
      throw Error(ACCEL_BAD_ARGUMENT, "index: expected below " + std::to_string(found->workers().size()) + ", got " +
                                          std::to_string(index));
    }
    const accel::runtime::Worker& worker = *found->workers()[index];
    info_out->time_kind = worker.caps().time_kind;
    info_out->quarantined = worker.quarantined() ? 1 : 0;
    info_out->reserved = 0;
    info_out->opcodes = worker.caps().opcodes;
    info_out->name = worker.name().c_str();
    info_out->product = worker.caps().name;
    info_out->version = worker.caps().version;
  });
}

accel_status accel_device_stats(accel_device* device, accel_device_stat* stats_out, uint64_t capacity,
                                uint64_t* count_out) {
  return guard([&] {
    require_array(stats_out, capacity, "stats_out");
    require(count_out, "count_out");
    static thread_local std::vector<accel::runtime::DeviceStat> stats;  // what the strings given out point into
    stats = runtime_device_of(device)->stats();
    *count_out = stats.size();
    if (capacity < stats.size()) {
      throw Error(ACCEL_BAD_ARGUMENT,
                  "capacity: expected at least " + std::to_string(stats.size()) + ", got " + std::to_string(capacity));
    }
    for (size_t i = 0; i < stats.size(); ++i) {
      stats_out[i] = {stats[i].device.c_str(), stats[i].name.c_str(), stats[i].unit.c_str(),
                      stats[i].description.c_str(), stats[i].value};
    }
  });
}

accel_status accel_set_log(accel_log_function function, void* context) {
  return guard([&] { accel::runtime::set_log(function, context); });
}
