// A device whose answers come from this package's kernels: the CPU itself, and what only takes its time elsewhere.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "accel/driver.h"
#include "devices/counters.hpp"
#include "devices/cpu_keys.hpp"
#include "devices/worker_queue.hpp"
#include "sm2/kernel.hpp"

namespace accel::devices {

class KernelDevice {
 public:
  struct Options {
    accel_device_caps caps;
    // The completions' device_ns is what the kernels took; else 0.
    bool timed = true;
    // After a command, before its completion: it has run, and its memory may still be read. `last`: no other one waits
    // in its queue. `stop` becomes true when nobody waits any longer. May be empty. Throws like a command's execution.
    std::function<void(const accel_command& command, bool last, const std::atomic<bool>& stop)> ran;
    // Further entries for stats, after the counters that every device has: fills up to `count`, and says how many there
    // are. From any thread. May be empty.
    std::function<uint32_t(accel_driver_stat* out, uint32_t count)> further;
  };

  KernelDevice(const accel_driver_host* host, Options options);

  WorkerQueue* queue(uint32_t i) { return i < queues_.size() ? queues_[i].get() : nullptr; }
  const accel_device_caps& caps() const { return options_.caps; }
  int32_t load(sm2::Strided keys, uint64_t count, uint32_t* handles_out);
  int32_t unload(const uint32_t* handles, uint64_t count);
  int32_t stats(accel_driver_stat* out, uint32_t count) const;
  void reset();

 private:
  accel_completion_status run(uint32_t queue, const accel_command& command, const std::atomic<bool>& stop) noexcept;
  void log(const char* message) const;
  std::shared_ptr<const cpu::LoadedKeys> keys_now() const;
  void publish(std::shared_ptr<const cpu::LoadedKeys> keys);

  const accel_driver_host* const host_;
  const Options options_;
  Counters counters_;
  mutable std::mutex keys_mutex_;
  std::shared_ptr<const cpu::LoadedKeys> keys_;
  std::vector<std::unique_ptr<WorkerQueue>> queues_;  // last: their threads use what stands above
};

// What the kernels can do behind `queues` queues, under a name.
accel_device_caps kernel_caps(const char* name, uint32_t queues, accel_time_kind time_kind);

// The functions of drivers whose devices are KernelDevices.
struct KernelDriver {
  static int32_t caps(accel_driver_device* device, accel_device_caps* out);
  static int32_t register_buffer(accel_driver_device* device, void* address, uint64_t size);
  static int32_t unregister_buffer(accel_driver_device* device, void* address);
  static int32_t load_keys(accel_driver_device* device, const uint8_t* keys, uint64_t stride, uint64_t count,
                           uint32_t* handles_out);
  static int32_t unload_keys(accel_driver_device* device, const uint32_t* handles, uint64_t count);
  static int32_t enqueue_burst(accel_driver_device* device, uint32_t queue, const accel_command* commands,
                               uint32_t count);
  static int32_t dequeue_burst(accel_driver_device* device, uint32_t queue, accel_completion* completions,
                               uint32_t count);
  static int32_t wait(accel_driver_device* device, uint32_t queue, uint64_t timeout_ns);
  static int32_t descriptor(accel_driver_device* device, uint32_t queue);
  static int32_t cancel(accel_driver_device* device, uint32_t queue, uint64_t tag);
  static int32_t stats(accel_driver_device* device, accel_driver_stat* out, uint32_t count);
  static int32_t reset(accel_driver_device* device);
  static void close(accel_driver_device* device);

  // `open` makes a KernelDevice.
  static constexpr accel_driver table(const char* name, decltype(accel_driver::probe) probe,
                                      decltype(accel_driver::open) open) {
    return {
        .abi_version = ACCEL_DRIVER_ABI_VERSION,
        .struct_size = sizeof(accel_driver),
        .name = name,
        .probe = probe,
        .open = open,
        .caps = caps,
        .register_buffer = register_buffer,
        .unregister_buffer = unregister_buffer,
        .load_keys = load_keys,
        .unload_keys = unload_keys,
        .enqueue_burst = enqueue_burst,
        .dequeue_burst = dequeue_burst,
        .wait = wait,
        .descriptor = descriptor,
        .cancel = cancel,
        .stats = stats,
        .reset = reset,
        .close = close,
    };
  }
};

// Calls body and turns what it throws into an accel_driver_error.
int32_t no_exceptions(const std::function<int32_t()>& body) noexcept;

}  // namespace accel::devices
