// The SM2 kernels that this CPU can run: one test body runs over all of them.
#pragma once

#include <vector>

#include "base/cpu.hpp"
#include "sm2/kernel.hpp"

namespace accel::sm2::testing {

inline std::vector<const Kernel*> supported_kernels() {
  std::vector<const Kernel*> kernels = {&kPortable};
#if defined(__x86_64__)
  if (kAdx.supported(cpu_features())) kernels.push_back(&kAdx);
#endif
  return kernels;
}

}  // namespace accel::sm2::testing
