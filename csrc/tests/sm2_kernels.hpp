// The SM2 kernels that this CPU can run: one test body runs over all of them.
#pragma once

#include <vector>

#include "sm2/select.hpp"

namespace accel::sm2::testing {

inline std::vector<const Kernel*> supported_kernels() {
  std::vector<const Kernel*> kernels;
  for (size_t i = 0; i < family().kernel_count(); ++i) {
    if (family().supported(i)) kernels.push_back(family().kernel(i));
  }
  return kernels;
}

}  // namespace accel::sm2::testing
