#include "devices/kernel_device.hpp"

#include <algorithm>
#include <cstdio>

#include "base/error.hpp"
#include "devices/command.hpp"
#include "devices/cpu_execute.hpp"

namespace accel::devices {
namespace {

constexpr uint32_t kDepth = 256;

}  // namespace

KernelDevice::KernelDevice(const accel_driver_host* host, Options options)
    : host_(host), options_(std::move(options)), keys_(std::make_shared<const cpu::LoadedKeys>()) {
  for (uint32_t i = 0; i < options_.caps.queues; ++i) {
    const auto execute = [this, i](const accel_command& command, const std::atomic<bool>& stop) {
      return run(i, command, stop);
    };
    queues_.push_back(std::make_unique<WorkerQueue>(options_.caps.queue_depth, execute, options_.queue));
  }
}

int32_t KernelDevice::load_keys(const uint8_t* keys, uint64_t stride, uint64_t count, uint32_t* handles_out) {
  auto changed = std::make_shared<cpu::LoadedKeys>(*keys_now());
  if (!changed->load({keys, stride}, count, handles_out)) return ACCEL_DRIVER_NO_MEMORY;
  publish(std::move(changed));
  return ACCEL_DRIVER_OK;
}

int32_t KernelDevice::unload_keys(const uint32_t* handles, uint64_t count) {
  auto changed = std::make_shared<cpu::LoadedKeys>(*keys_now());
  if (!changed->unload(handles, count)) return ACCEL_DRIVER_BAD_ARGUMENT;
  publish(std::move(changed));
  return ACCEL_DRIVER_OK;
}

int32_t KernelDevice::stats(accel_driver_stat* out, uint32_t count) const {
  const auto first = static_cast<uint32_t>(counters_.stats(out, count));
  if (!options_.further) return static_cast<int32_t>(first);
  const uint32_t filled = std::min(first, count);
  return static_cast<int32_t>(first + options_.further(count > first ? out + filled : nullptr, count - filled));
}

int32_t KernelDevice::reset() {
  for (auto& queue : queues_) queue->clear();
  publish(std::make_shared<const cpu::LoadedKeys>());
  counters_.resets.fetch_add(1);
  return ACCEL_DRIVER_OK;
}

accel_completion_status KernelDevice::run(uint32_t queue, const accel_command& command,
                                          const std::atomic<bool>& stop) noexcept {
  try {
    accel_completion_status status = check(command, options_.caps);
    if (status == ACCEL_COMPLETION_DONE) status = cpu::execute(command, *keys_now(), stop);
    if (status == ACCEL_COMPLETION_DONE) {
      counters_.count(command);
      if (options_.ran) options_.ran(command, !queues_[queue]->has_more(), stop);
    }
    return status;
  } catch (const Error& error) {
    log(error.what());
    return error.status() == ACCEL_BAD_ARGUMENT ? ACCEL_COMPLETION_BAD_COMMAND : ACCEL_COMPLETION_FAULT;
  } catch (const std::exception& error) {
    log(error.what());
    return ACCEL_COMPLETION_FAULT;
  }
}

void KernelDevice::log(const char* message) const {
  if (host_ != nullptr && host_->log != nullptr) host_->log(host_->context, ACCEL_LOG_ERROR, message);
}

std::shared_ptr<const cpu::LoadedKeys> KernelDevice::keys_now() const {
  const std::lock_guard lock(keys_mutex_);
  return keys_;
}

void KernelDevice::publish(std::shared_ptr<const cpu::LoadedKeys> keys) {
  const std::lock_guard lock(keys_mutex_);
  keys_.swap(keys);
}

accel_device_caps kernel_caps(const char* name, uint32_t queues, accel_time_kind time_kind) {
  accel_device_caps caps = {};
  caps.struct_size = sizeof caps;
  caps.queues = queues;
  caps.queue_depth = kDepth;
  caps.time_kind = time_kind;
  for (const int opcode :
       {ACCEL_OP_SM3, ACCEL_OP_SM2_VERIFY_DIGEST, ACCEL_OP_SM2_VERIFY, ACCEL_OP_MERKLE_LEVELS, ACCEL_OP_MERKLE_ROOT}) {
    caps.opcodes |= UINT64_C(1) << opcode;
  }
  caps.flags = ACCEL_COMMAND_RAGGED | ACCEL_COMMAND_HANDLES | ACCEL_COMMAND_POINTS;
  caps.features = ACCEL_DEVICE_HOST_MEMORY;
  caps.max_items = UINT64_C(1) << 26;
  caps.max_message = UINT64_C(1) << 30;  // hashed within the time that a reset may take
  caps.max_bytes = UINT64_C(1) << 40;
  caps.max_keys = cpu::kMaxLoadedKeys;
  caps.max_buffers = UINT64_C(1) << 20;
  std::snprintf(caps.name, sizeof caps.name, "%s", name);
  std::snprintf(caps.version, sizeof caps.version, "%s", ACCEL_VERSION);
  return caps;
}

}  // namespace accel::devices
