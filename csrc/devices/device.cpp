#include "devices/device.hpp"

#include <cstdlib>
#include <cstring>
#include <string>

#include "base/error.hpp"

namespace accel {
namespace {

bool environment_means_cpu() {
  const char* name = std::getenv("ACCEL_DEVICE");
  if (name == nullptr || *name == '\0' || std::strcmp(name, "cpu") == 0) return true;
  throw Error(ACCEL_BAD_DEVICE, "ACCEL_DEVICE: expected one of cpu, got \"" + std::string(name) + "\"");
}

}  // namespace

void require_cpu(const accel_device* device) {
  if (device != nullptr) throw Error(ACCEL_BAD_DEVICE, "device: expected NULL (the CPU), got another handle");
  [[maybe_unused]] static const bool cpu = environment_means_cpu();  // asked again after it has thrown
}

}  // namespace accel
