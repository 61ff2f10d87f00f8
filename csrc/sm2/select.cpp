#include "sm2/select.hpp"

namespace accel::sm2 {
namespace {

enum Op : size_t { kVerify, kSign };

dispatch::Family<Kernel> the_family(dispatch::Registry::global(), "sm2", {"sm2.verify", "sm2.sign"},
                                    {
#if defined(__x86_64__)
                                        &kAvx512Ifma,
                                        &kAdx,
#endif
                                        &kPortable,
                                    },
                                    passes_selftest);

}  // namespace

dispatch::Family<Kernel>& family() { return the_family; }

const Kernel& active_kernel() { return the_family.active(); }

void count_verified(const Kernel& kernel, uint64_t items) { the_family.count(kVerify, kernel, items); }
void count_signed(const Kernel& kernel, uint64_t items) { the_family.count(kSign, kernel, items); }

}  // namespace accel::sm2
