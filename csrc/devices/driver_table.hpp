// The table of driver.h over a C++ class: no exception leaves it, and a queue that the device does not have is refused.
#pragma once

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "accel/driver.h"

namespace accel::devices {

// Calls body and turns what it throws into an accel_driver_error.
template <typename Body>
int32_t no_exceptions(const Body& body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return ACCEL_DRIVER_NO_MEMORY;
  } catch (...) {
    return ACCEL_DRIVER_FAULT;
  }
}

// As much of `all` as the caller's struct has room for.
inline int32_t give_caps(accel_device_caps* out, const accel_device_caps& all) {
  const uint32_t size = out->struct_size;
  if (size < sizeof size) return ACCEL_DRIVER_BAD_ARGUMENT;
  std::memset(out, 0, size);
  std::memcpy(out, &all, std::min<size_t>(size, sizeof all));
  out->struct_size = size;
  return ACCEL_DRIVER_OK;
}

// Device has a method for each function of the table from caps to reset, and has_queue. It may have `descriptor`, and
// `close` for what a device does that its destructor does not.
template <typename Device>
class DriverTable {
 public:
  // What `open` gives out.
  static accel_driver_device* release(std::unique_ptr<Device> device) {
    return reinterpret_cast<accel_driver_device*>(device.release());
  }

  static constexpr accel_driver make(const char* name, decltype(accel_driver::probe) probe,
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
        .descriptor = kHasDescriptor ? &descriptor : nullptr,
        .cancel = cancel,
        .stats = stats,
        .reset = reset,
        .close = close,
    };
  }

 private:
  static constexpr bool kHasDescriptor = requires(Device& device) { device.descriptor(0); };

  static Device& of(accel_driver_device* device) { return *reinterpret_cast<Device*>(device); }

  template <typename Call>
  static int32_t with_queue(accel_driver_device* device, uint32_t queue, const Call& call) {
    if (!of(device).has_queue(queue)) return ACCEL_DRIVER_BAD_ARGUMENT;
    return no_exceptions([&]() -> int32_t { return call(of(device)); });
  }

  static int32_t caps(accel_driver_device* device, accel_device_caps* out) {
    return no_exceptions([&] { return of(device).caps(out); });
  }
  static int32_t register_buffer(accel_driver_device* device, void* address, uint64_t size) {
    return no_exceptions([&] { return of(device).register_buffer(address, size); });
  }
  static int32_t unregister_buffer(accel_driver_device* device, void* address) {
    return no_exceptions([&] { return of(device).unregister_buffer(address); });
  }
  static int32_t load_keys(accel_driver_device* device, const uint8_t* keys, uint64_t stride, uint64_t count,
                           uint32_t* handles_out) {
    return no_exceptions([&] { return of(device).load_keys(keys, stride, count, handles_out); });
  }
  static int32_t unload_keys(accel_driver_device* device, const uint32_t* handles, uint64_t count) {
    return no_exceptions([&] { return of(device).unload_keys(handles, count); });
  }
  static int32_t enqueue_burst(accel_driver_device* device, uint32_t queue, const accel_command* commands,
                               uint32_t count) {
    return with_queue(device, queue, [&](Device& it) { return it.enqueue(queue, commands, count); });
  }
  static int32_t dequeue_burst(accel_driver_device* device, uint32_t queue, accel_completion* completions,
                               uint32_t count) {
    return with_queue(device, queue, [&](Device& it) { return it.dequeue(queue, completions, count); });
  }
  static int32_t wait(accel_driver_device* device, uint32_t queue, uint64_t timeout_ns) {
    return with_queue(device, queue, [&](Device& it) { return it.wait(queue, timeout_ns); });
  }
  static int32_t descriptor(accel_driver_device* device, uint32_t queue) {
    return with_queue(device, queue, [&](auto& it) -> int32_t {
      if constexpr (kHasDescriptor) return it.descriptor(queue);
      return ACCEL_DRIVER_UNSUPPORTED;
    });
  }
  static int32_t cancel(accel_driver_device* device, uint32_t queue, uint64_t tag) {
    return with_queue(device, queue, [&](Device& it) { return it.cancel(queue, tag); });
  }
  static int32_t stats(accel_driver_device* device, accel_driver_stat* out, uint32_t count) {
    return no_exceptions([&] { return of(device).stats(out, count); });
  }
  static int32_t reset(accel_driver_device* device) {
    return no_exceptions([&] { return of(device).reset(); });
  }
  static void close(accel_driver_device* device) {
    if constexpr (requires(Device& it) { it.close(); }) of(device).close();
    delete &of(device);
  }
};

}  // namespace accel::devices
