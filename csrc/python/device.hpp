// Devices, streams and futures as Python objects. Whatever may open a device, close one or wait for one is called
// without the GIL, which that device's threads need for their log.
#pragma once

#include <vector>

#include "bindings.hpp"

namespace accel::python {

class Device {
 public:
  Device(const std::string& name, const accel_device_options& options);
  ~Device() { close(); }
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  void close();
  bool closed() const { return handle_ == nullptr; }
  // Raises DeviceError once it is closed.
  accel_device* handle() const;

 private:
  accel_device* handle_ = nullptr;
};

// None: the device of accel.h's NULL.
inline accel_device* handle_of(const Device* device) { return device == nullptr ? nullptr : device->handle(); }

class Future {
 public:
  // Owns the handle. `owners`: what the call reads and writes, kept until it is done.
  Future(accel_future* handle, std::vector<py::object> owners) : handle_(handle), owners_(std::move(owners)) {}
  ~Future();
  Future(const Future&) = delete;
  Future& operator=(const Future&) = delete;

  // False: not done within so many nanoseconds. Raises what it ended with.
  bool wait(uint64_t timeout_ns);
  int descriptor();
  // False: it was done before.
  bool cancel();

 private:
  accel_future* handle_;
  std::vector<py::object> owners_;
};

struct SubmitOptions {
  uint32_t priority;
  bool blocking;
  uint64_t deadline_ns;
  accel_submit_options native() const {
    accel_submit_options options = {};
    options.struct_size = sizeof options;
    options.priority = priority;
    options.non_blocking = blocking ? 0 : 1;
    options.deadline_ns = deadline_ns;
    return options;
  }
};

class Stream {
 public:
  Stream(const Device* device, uint32_t depth) {
    accel_device* const handle = handle_of(device);
    run([&] { return accel_stream_new(handle, &handle_, depth); });
  }
  ~Stream() { close(); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  void close();

  // `call(stream, &future, &options)` submits; `owners` live as long as the future.
  template <typename Call>
  std::unique_ptr<Future> submit(const SubmitOptions& options, std::vector<py::object> owners, Call&& call) {
    if (handle_ == nullptr) raise("DeviceError", "stream: it is closed");
    const accel_submit_options native = options.native();
    accel_future* future = nullptr;
    run([&] { return call(handle_, &future, &native); });
    return std::make_unique<Future>(future, std::move(owners));
  }

 private:
  accel_stream* handle_ = nullptr;
};

}  // namespace accel::python
