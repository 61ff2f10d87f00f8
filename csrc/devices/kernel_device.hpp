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
#include "devices/driver_table.hpp"
#include "devices/worker_queue.hpp"
#include "sm2/kernel.hpp"

namespace accel::devices {

class KernelDevice {
 public:
  struct Options {
    accel_device_caps caps;
    WorkerQueue::Options queue;
    // After a command, before its completion: it has run, and its memory may still be read. `last`: no other one waits
    // in its queue. `stop` becomes true when nobody waits any longer. May be empty. Throws like a command's execution.
    std::function<void(const accel_command& command, bool last, const std::atomic<bool>& stop)> ran;
    // Further entries for stats, after the counters that every device has: fills up to `count`, and says how many there
    // are. From any thread. May be empty.
    std::function<uint32_t(accel_driver_stat* out, uint32_t count)> further;
  };

  KernelDevice(const accel_driver_host* host, Options options);

  // As driver.h says of each.
  bool has_queue(uint32_t queue) const { return queue < queues_.size(); }
  int32_t caps(accel_device_caps* out) const { return give_caps(out, options_.caps); }
  // All memory of the process can be reached as it is.
  int32_t register_buffer(void*, uint64_t) { return ACCEL_DRIVER_OK; }
  int32_t unregister_buffer(void*) { return ACCEL_DRIVER_OK; }
  int32_t load_keys(const uint8_t* keys, uint64_t stride, uint64_t count, uint32_t* handles_out);
  int32_t unload_keys(const uint32_t* handles, uint64_t count);
  int32_t enqueue(uint32_t queue, const accel_command* commands, uint32_t count) {
    return queues_[queue]->enqueue(commands, count);
  }
  int32_t dequeue(uint32_t queue, accel_completion* completions, uint32_t count) {
    return queues_[queue]->dequeue(completions, count);
  }
  int32_t wait(uint32_t queue, uint64_t timeout_ns) { return queues_[queue]->wait(timeout_ns); }
  int32_t descriptor(uint32_t queue) const { return queues_[queue]->descriptor(); }
  int32_t cancel(uint32_t queue, uint64_t tag) { return queues_[queue]->cancel(tag); }
  int32_t stats(accel_driver_stat* out, uint32_t count) const;
  int32_t reset();

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

using KernelDriver = DriverTable<KernelDevice>;

}  // namespace accel::devices
