#include "sm2/select.hpp"

#include "base/dispatch.hpp"

namespace accel::sm2 {
namespace {

enum Op : size_t { kVerify, kSign };

dispatch::Family<Kernel> family(dispatch::Registry::global(), "sm2", {"sm2.verify", "sm2.sign"},
                                {
#if defined(__x86_64__)
                                    &kAdx,
#endif
                                    &kPortable,
                                },
                                passes_selftest);

}  // namespace

const Kernel& active_kernel() { return family.active(); }

void count_verified(const Kernel& kernel, uint64_t items) { family.count(kVerify, kernel, items); }
void count_signed(const Kernel& kernel, uint64_t items) { family.count(kSign, kernel, items); }

}  // namespace accel::sm2
