// The SM2 kernel in force, and the count of what each kernel has computed.
#pragma once

#include <cstdint>

#include "base/dispatch.hpp"
#include "sm2/kernel.hpp"

namespace accel::sm2 {

dispatch::Family<Kernel>& family();

// For accel_kernel_items: `items` were computed by this kernel.
void count_verified(const Kernel& kernel, uint64_t items);
void count_signed(const Kernel& kernel, uint64_t items);

// Known-answer test: does `kernel` give the right answers to known questions?
bool passes_selftest(const Kernel& kernel);

}  // namespace accel::sm2
