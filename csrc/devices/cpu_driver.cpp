#include "devices/cpu_driver.hpp"

#include "base/error.hpp"
#include "devices/kernel_device.hpp"
#include "sm2/select.hpp"

namespace accel::devices {
namespace {

constexpr uint32_t kQueues = 4;

int32_t probe(const char* name) { return *name == '\0' ? ACCEL_DRIVER_OK : ACCEL_DRIVER_NO_DEVICE; }

int32_t open(const char* name, const accel_driver_host* host, accel_driver_device** device_out) {
  return no_exceptions([&]() -> int32_t {
    if (*name != '\0') return ACCEL_DRIVER_NO_DEVICE;
    try {
      sm2::active_kernel();
    } catch (const Error& error) {
      if (host != nullptr && host->log != nullptr) host->log(host->context, ACCEL_LOG_ERROR, error.what());
      return ACCEL_DRIVER_FAULT;
    }
    KernelDevice::Options options;
    options.caps = kernel_caps("cpu", kQueues, ACCEL_TIME_MEASURED);
    options.queue.prompt = true;
    *device_out = KernelDriver::release(std::make_unique<KernelDevice>(host, std::move(options)));
    return ACCEL_DRIVER_OK;
  });
}

}  // namespace

constexpr accel_driver kCpuDriver = KernelDriver::make("cpu", probe, open);

}  // namespace accel::devices
