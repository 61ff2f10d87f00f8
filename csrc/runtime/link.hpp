// One open driver: its calls, with what the contract of driver.h says about them checked.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "accel/driver.h"
#include "devices/registry.hpp"
#include "runtime/counters.hpp"

namespace accel::runtime {

// The device does not work, or its driver breaks the contract.
class Fault : public std::runtime_error {
 public:
  // `kind`: what counts it. kWrong: the device lies; it gets no second chance.
  Fault(Count kind, const std::string& sentence) : std::runtime_error(sentence), kind_(kind) {}
  Count kind() const { return kind_; }

 private:
  Count kind_;
};

struct DriverStat {
  std::string name, unit, description;
  uint64_t value;
};

// How long a call of the driver may take before its thread is given up, and how many times that open, load_keys, reset
// and close may. driver.h wants a millisecond and 5 seconds; the rest is for machines that are busy.
constexpr uint64_t kCallTimeout = UINT64_C(5'000'000'000), kLongCalls = 4;

// Everything but stats() and stuck() is for one thread at a time. Throws Fault unless a function says otherwise.
class Link {
 public:
  // Not open yet. `name`: as the caller wrote it, for sentences.
  Link(devices::Found found, std::string name, uint64_t call_timeout_ns = kCallTimeout);
  // Closes it when it is open.
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Throws Error(ACCEL_BAD_DEVICE) with the last thing that the driver logged, or for capabilities that make no sense.
  void open();
  // Gone for good: nothing touches the registered memory any more. Nothing when it is not open.
  void close();

  const accel_device_caps& caps() const { return caps_; }
  const std::string& name() const { return name_; }
  bool is_own() const { return found_.is_own; }
  bool supports(uint32_t opcode) const { return (caps_.opcodes >> opcode & 1) != 0; }
  bool has_flag(uint64_t flag) const { return (caps_.flags & flag) != 0; }

  void register_memory(void* address, uint64_t size);
  // How many were taken.
  uint32_t enqueue(const accel_command* commands, uint32_t count);
  uint32_t dequeue(accel_completion* completions, uint32_t count);
  void wait(uint64_t timeout_ns);
  // -1: there is none.
  int descriptor();
  bool cancel(uint64_t tag);
  // False: the device has no memory for them.
  bool load_keys(const uint8_t* keys, uint64_t count, uint32_t* handles);
  void unload_keys(const uint32_t* handles, uint64_t count);
  void reset();

  // The driver's own counters; of the last moment once it is closed. Any thread.
  std::vector<DriverStat> stats() const;
  // Is a call running longer than it may? Any thread.
  bool stuck(uint64_t now) const;

 private:
  class Call;
  static void log_from_driver(void* context, int32_t level, const char* message);
  void check_caps() const;
  int32_t checked(int32_t result, uint32_t most, const char* function) const;
  std::vector<DriverStat> ask_stats() const;

  devices::Found found_;
  const std::string name_;
  const uint64_t short_call_, long_call_;
  accel_driver_host host_;
  accel_driver_device* device_ = nullptr;
  accel_device_caps caps_{};

  std::atomic<uint64_t> give_up_at_{UINT64_MAX};  // when the running call takes too long
  mutable std::mutex log_mutex_;
  std::string last_message_;
  mutable std::mutex stats_mutex_;  // stats beside close
  std::vector<DriverStat> last_stats_;
};

}  // namespace accel::runtime
