#include "devices/cpu_driver.hpp"

#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "base/error.hpp"
#include "devices/command.hpp"
#include "devices/counters.hpp"
#include "devices/cpu_execute.hpp"
#include "devices/cpu_keys.hpp"
#include "devices/worker_queue.hpp"
#include "sm2/select.hpp"

namespace accel::devices {
namespace {

constexpr uint32_t kQueues = 4, kDepth = 256;

accel_device_caps cpu_caps() {
  accel_device_caps caps = {};
  caps.struct_size = sizeof caps;
  caps.queues = kQueues;
  caps.queue_depth = kDepth;
  caps.time_kind = ACCEL_TIME_MEASURED;
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
  std::snprintf(caps.name, sizeof caps.name, "cpu");
  std::snprintf(caps.version, sizeof caps.version, "%s", ACCEL_VERSION);
  return caps;
}

class CpuDevice {
 public:
  explicit CpuDevice(const accel_driver_host* host) : host_(host), keys_(std::make_shared<const cpu::LoadedKeys>()) {
    for (auto& queue : queues_) {
      queue = std::make_unique<WorkerQueue>(
          kDepth, [this](const accel_command& command, const std::atomic<bool>& stop) { return run(command, stop); });
    }
  }

  WorkerQueue* queue(uint32_t i) { return i < kQueues ? queues_[i].get() : nullptr; }
  const Counters& counters() const { return counters_; }

  int32_t load(sm2::Strided keys, uint64_t count, uint32_t* handles_out) {
    auto changed = std::make_shared<cpu::LoadedKeys>(*keys_now());
    if (!changed->load(keys, count, handles_out)) return ACCEL_DRIVER_NO_MEMORY;
    publish(std::move(changed));
    return ACCEL_DRIVER_OK;
  }

  int32_t unload(const uint32_t* handles, uint64_t count) {
    auto changed = std::make_shared<cpu::LoadedKeys>(*keys_now());
    if (!changed->unload(handles, count)) return ACCEL_DRIVER_BAD_ARGUMENT;
    publish(std::move(changed));
    return ACCEL_DRIVER_OK;
  }

  void reset() {
    for (auto& queue : queues_) queue->clear();
    publish(std::make_shared<const cpu::LoadedKeys>());
    counters_.resets.fetch_add(1);
  }

 private:
  accel_completion_status run(const accel_command& command, const std::atomic<bool>& stop) noexcept {
    static const accel_device_caps caps = cpu_caps();
    try {
      accel_completion_status status = check(command, caps);
      if (status == ACCEL_COMPLETION_DONE) status = cpu::execute(command, *keys_now(), stop);
      if (status == ACCEL_COMPLETION_DONE) counters_.count(command);
      return status;
    } catch (const Error& error) {
      log(error.what());
      return error.status() == ACCEL_BAD_ARGUMENT ? ACCEL_COMPLETION_BAD_COMMAND : ACCEL_COMPLETION_FAULT;
    } catch (const std::exception& error) {
      log(error.what());
      return ACCEL_COMPLETION_FAULT;
    }
  }

  void log(const char* message) const {
    if (host_ != nullptr && host_->log != nullptr) host_->log(host_->context, ACCEL_LOG_ERROR, message);
  }

  std::shared_ptr<const cpu::LoadedKeys> keys_now() const {
    const std::lock_guard lock(keys_mutex_);
    return keys_;
  }
  void publish(std::shared_ptr<const cpu::LoadedKeys> keys) {
    const std::lock_guard lock(keys_mutex_);
    keys_.swap(keys);
  }

  const accel_driver_host* const host_;
  Counters counters_;
  mutable std::mutex keys_mutex_;
  std::shared_ptr<const cpu::LoadedKeys> keys_;
  std::unique_ptr<WorkerQueue> queues_[kQueues];  // last: their threads use what stands above
};

CpuDevice& as_cpu(accel_driver_device* device) { return *reinterpret_cast<CpuDevice*>(device); }

int32_t no_exceptions(const auto& body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return ACCEL_DRIVER_NO_MEMORY;
  } catch (...) {
    return ACCEL_DRIVER_FAULT;
  }
}

int32_t probe_cpu(const char* name) { return *name == '\0' ? ACCEL_DRIVER_OK : ACCEL_DRIVER_NO_DEVICE; }

int32_t open_cpu(const char* name, const accel_driver_host* host, accel_driver_device** device_out) {
  return no_exceptions([&]() -> int32_t {
    if (*name != '\0') return ACCEL_DRIVER_NO_DEVICE;
    try {
      sm2::active_kernel();
    } catch (const Error& error) {
      if (host != nullptr && host->log != nullptr) host->log(host->context, ACCEL_LOG_ERROR, error.what());
      return ACCEL_DRIVER_FAULT;
    }
    *device_out = reinterpret_cast<accel_driver_device*>(new CpuDevice(host));
    return ACCEL_DRIVER_OK;
  });
}

int32_t caps_of_cpu(accel_driver_device*, accel_device_caps* caps) {
  if (caps->struct_size < sizeof(uint32_t)) return ACCEL_DRIVER_BAD_ARGUMENT;
  const uint32_t size = caps->struct_size;
  const accel_device_caps all = cpu_caps();
  std::memset(caps, 0, size);
  std::memcpy(caps, &all, std::min<size_t>(size, sizeof all));
  caps->struct_size = size;
  return ACCEL_DRIVER_OK;
}

// All memory of the process can be reached as it is.
int32_t register_with_cpu(accel_driver_device*, void*, uint64_t) { return ACCEL_DRIVER_OK; }
int32_t unregister_with_cpu(accel_driver_device*, void*) { return ACCEL_DRIVER_OK; }

int32_t load_keys(accel_driver_device* device, const uint8_t* keys, uint64_t stride, uint64_t count,
                  uint32_t* handles_out) {
  return no_exceptions([&] { return as_cpu(device).load({keys, stride}, count, handles_out); });
}

int32_t unload_keys(accel_driver_device* device, const uint32_t* handles, uint64_t count) {
  return no_exceptions([&] { return as_cpu(device).unload(handles, count); });
}

template <typename Call>
int32_t with_queue(accel_driver_device* device, uint32_t queue, const Call& call) {
  WorkerQueue* const found = as_cpu(device).queue(queue);
  if (found == nullptr) return ACCEL_DRIVER_BAD_ARGUMENT;
  return no_exceptions([&] { return call(*found); });
}

int32_t enqueue_burst(accel_driver_device* device, uint32_t queue, const accel_command* commands, uint32_t count) {
  return with_queue(device, queue, [&](WorkerQueue& q) { return q.enqueue(commands, count); });
}
int32_t dequeue_burst(accel_driver_device* device, uint32_t queue, accel_completion* completions, uint32_t count) {
  return with_queue(device, queue, [&](WorkerQueue& q) { return q.dequeue(completions, count); });
}
int32_t wait(accel_driver_device* device, uint32_t queue, uint64_t timeout_ns) {
  return with_queue(device, queue, [&](WorkerQueue& q) { return q.wait(timeout_ns); });
}
int32_t descriptor(accel_driver_device* device, uint32_t queue) {
  return with_queue(device, queue, [&](WorkerQueue& q) { return q.descriptor(); });
}
int32_t cancel(accel_driver_device* device, uint32_t queue, uint64_t tag) {
  return with_queue(device, queue, [&](WorkerQueue& q) { return q.cancel(tag); });
}

int32_t stats(accel_driver_device* device, accel_driver_stat* out, uint32_t count) {
  return as_cpu(device).counters().stats(out, count);
}

int32_t reset(accel_driver_device* device) {
  return no_exceptions([&] {
    as_cpu(device).reset();
    return ACCEL_DRIVER_OK;
  });
}

void close_cpu(accel_driver_device* device) { delete &as_cpu(device); }

}  // namespace

const accel_driver kCpuDriver = {
    .abi_version = ACCEL_DRIVER_ABI_VERSION,
    .struct_size = sizeof(accel_driver),
    .name = "cpu",
    .probe = probe_cpu,
    .open = open_cpu,
    .caps = caps_of_cpu,
    .register_buffer = register_with_cpu,
    .unregister_buffer = unregister_with_cpu,
    .load_keys = load_keys,
    .unload_keys = unload_keys,
    .enqueue_burst = enqueue_burst,
    .dequeue_burst = dequeue_burst,
    .wait = wait,
    .descriptor = descriptor,
    .cancel = cancel,
    .stats = stats,
    .reset = reset,
    .close = close_cpu,
};

}  // namespace accel::devices
