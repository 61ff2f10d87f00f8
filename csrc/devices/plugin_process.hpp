// The process that hosts a foreign driver, as the library sees it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "accel/driver.h"
#include "devices/plugin_wire.hpp"

namespace accel::devices {

// A descriptor that is closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int value = -1) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();
  int get() const { return value_; }
  int release() {
    const int value = value_;
    value_ = -1;
    return value;
  }

 private:
  int value_;
};

// Memory that both processes map. It cannot be made shorter or longer by either, so no access to it can fail.
class SharedMemory {
 public:
  explicit SharedMemory(size_t size);  // throws std::bad_alloc
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  int descriptor() const { return descriptor_.get(); }

 private:
  size_t size_;
  Descriptor descriptor_;
  uint8_t* data_;
};

struct Answer {
  int32_t status = ACCEL_DRIVER_FAULT;
  wire::Packet packet{};
  std::vector<uint8_t> payload;
};

class HostProcess {
 public:
  // Throws Error(ACCEL_BAD_DEVICE) when there is no host program, or it does not start.
  explicit HostProcess(const accel_driver_host* host);
  ~HostProcess();  // ends the process at once
  HostProcess(const HostProcess&) = delete;
  HostProcess& operator=(const HostProcess&) = delete;

  // ACCEL_DRIVER_FAULT when the process has ended, answers nonsense, or nothing in time; then it is dead for good.
  Answer ask(wire::Packet request, std::span<const uint8_t> payload, std::span<const int> descriptors,
             uint64_t timeout_ns);
  // Has it ended, or been given up?
  bool is_dead();
  void give_up(const std::string& why);
  int socket() const { return socket_.get(); }
  pid_t pid() const { return pid_; }

 private:
  bool send(const wire::Packet& request, std::span<const uint8_t> payload, std::span<const int> descriptors);
  bool receive(Answer* answer, uint64_t timeout_ns);
  void log(int32_t level, const char* text) const;
  std::string end();  // of the process: says how it ended

  const accel_driver_host* const host_;
  std::mutex mutex_;  // one request at a time
  Descriptor socket_, process_;
  pid_t pid_ = -1;
  bool reaped_ = false;
  std::atomic<bool> dead_{false};
};

// ACCEL_DRIVERHOST, or beside libaccel.so. Throws Error(ACCEL_BAD_DEVICE) when it is not there.
std::string driverhost_path();

}  // namespace accel::devices
