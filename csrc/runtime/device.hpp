// What accel_device is: one or more devices behind one queue, and the CPU behind them.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/worker.hpp"

namespace accel::runtime {

struct DeviceOptions {
  TrustOptions trust;
  bool fallback = true;
  size_t queue_depth = 1024;  // requests on their way at once
};

struct DeviceStat {
  std::string device, name, unit, description;
  uint64_t value;
};

// Any number of threads may use one.
class Device {
 public:
  // `name`: of one device, or of several with "+" between them. Throws Error(ACCEL_BAD_DEVICE) with a sentence.
  static std::shared_ptr<Device> open(const std::string& name, const DeviceOptions& options);
  // The same from drivers; names[i] is that of found[i].
  static std::shared_ptr<Device> open(std::vector<devices::Found> found, const std::vector<std::string>& names,
                                      const DeviceOptions& options);
  // Closes it.
  ~Device();

  // What is on its way is finished, then the devices are closed. Submitting fails from now on.
  void close();

  // On its way. `gate`: another bound, or null. Null: a gate is full, and `blocking` not set. Throws
  // Error(ACCEL_BAD_DEVICE) when it is closed, or was opened before a fork.
  std::shared_ptr<Request> submit(Work work, Priority priority, uint64_t deadline, bool blocking,
                                  const std::shared_ptr<Gate>& gate);
  // The whole way, for who waits: throws the request's error.
  void run(Work work, Priority priority = Priority::kTransaction);

  const std::string& name() const { return name_; }
  const std::vector<std::shared_ptr<Worker>>& workers() const { return workers_; }
  std::vector<double> rates(size_t member) const { return queue_->rates(member); }
  std::vector<DeviceStat> stats() const;
  bool forked() const;
  void require_usable() const;

 private:
  Device(std::string name, const DeviceOptions& options);
  std::shared_ptr<Request> admit(Work work, Priority priority, uint64_t deadline, bool blocking,
                                 const std::shared_ptr<Gate>& gate, bool has_waiter);
  void keep() noexcept;
  void keep_time();
  bool run_on_cpu();
  void wake_keeper(bool lost);

  const std::string name_;
  const DeviceOptions options_;
  const uint64_t fork_generation_;
  const std::shared_ptr<Queue> queue_;
  const std::shared_ptr<Gate> gate_;
  std::vector<std::shared_ptr<Worker>> workers_;
  Counters cpu_counters_;  // of the CPU behind the devices
  std::atomic<uint64_t> cancelled_{0}, timed_out_{0}, submitted_{0};

  std::thread keeper_;
  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  bool lost_ = false, asleep_ = false, stopping_ = false, closed_ = false;
  uint64_t next_deadline_ = UINT64_MAX;
};

// "cpu+plugin:PATH+sim96" to its three names: a "+" parts names where a known one follows.
std::vector<std::string> split_names(const std::string& name, const std::vector<std::string>& known);

}  // namespace accel::runtime
