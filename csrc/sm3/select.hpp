// The family of SM3 kernels, for this room and the tests of it.
#pragma once

#include "base/dispatch.hpp"
#include "sm3/sm3.hpp"

namespace accel::sm3 {

extern const Kernel kPortable;
#if defined(__x86_64__)
extern const Kernel kAvx2, kAvx512, kAvx512x16;
#endif

dispatch::Family<Kernel>& family();
void count_items(const Kernel& kernel, uint64_t items);  // of the op sm3.hash
// Does the kernel answer the known questions right?
bool selftest(const Kernel& kernel);

}  // namespace accel::sm3
