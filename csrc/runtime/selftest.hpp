// Known-answer tests of a device, for every opcode and flag that it claims.
#pragma once

#include <cstdint>

#include "runtime/link.hpp"
#include "runtime/staging.hpp"

namespace accel::runtime {

// At open and after each reset, before anything else. *tag: the next one to use. Throws Fault(kSelftestsFailed).
void selftest(Link& link, const Arena& arena, uint64_t* tag, uint64_t timeout_ns);

}  // namespace accel::runtime
