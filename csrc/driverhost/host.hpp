// One driver, opened, with a thread for each of its queues.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "accel/driver.h"
#include "devices/plugin_wire.hpp"

namespace accel::driverhost {

namespace wire = devices::wire;

struct Mapping {
  uint8_t* address = nullptr;
  uint64_t size = 0;
};

class Host {
 public:
  explicit Host(int socket) : socket_(socket) {}
  // Answers requests until the library has gone; the process ends with it.
  void serve();

 private:
  struct Request {
    wire::Packet packet{};
    std::vector<uint8_t> payload;
    std::vector<int> descriptors;
  };
  // What a queue's thread works with.
  struct Queue {
    int submit = -1, complete = -1, descriptor = -1;
    uint64_t taken = 0, in_flight = 0;
    std::vector<accel_command> waiting;
    std::vector<accel_completion> done;
    std::thread thread;
  };
  // While one lives, no queue's thread is inside the driver.
  class Pause {
   public:
    explicit Pause(Host& host);
    ~Pause();

   private:
    Host& host_;
  };

  bool receive(Request* request);
  void answer(const wire::Packet& packet, const void* payload, size_t size);
  [[noreturn]] void farewell();
  void log(int32_t level, const char* text);
  static void log_from_driver(void* context, int32_t level, const char* text);

  int32_t handle(const Request& request, std::vector<uint8_t>* payload);
  int32_t open(const Request& request, std::vector<uint8_t>* payload);
  int32_t start(const Request& request);
  int32_t register_buffer(const Request& request);
  int32_t unregister_buffer(const Request& request);
  int32_t load_keys(const Request& request);
  int32_t unload_keys(const Request& request);
  int32_t stats(std::vector<uint8_t>* payload);
  std::string load(const std::string& path);

  void run_queue(uint32_t index);
  void park(std::unique_lock<std::mutex>& lock);
  bool take(Queue& queue, wire::Queue& ring, uint32_t index);
  bool give(Queue& queue, wire::Queue& ring, uint32_t index);
  void idle(Queue& queue, uint32_t index);
  accel_command translate(const wire::Command& from) const;

  const int socket_;
  std::mutex send_mutex_;
  const accel_driver* driver_ = nullptr;
  accel_driver_device* device_ = nullptr;
  accel_driver_host driver_host_{};
  accel_device_caps caps_{};
  std::vector<Mapping> buffers_;
  wire::Queue* rings_ = nullptr;
  std::vector<std::unique_ptr<Queue>> queues_;

  std::mutex mutex_;
  std::condition_variable parked_, resumed_;
  std::atomic<bool> pausing_{false};
  size_t running_ = 0;  // threads that are not parked
};

}  // namespace accel::driverhost
