// Known-answer tests of a device, for every opcode and flag that it claims.
#pragma once

#include <cstdint>

#include "runtime/link.hpp"
#include "runtime/staging.hpp"
#include "runtime/tags.hpp"
#include "runtime/work.hpp"

namespace accel::runtime {

// At open and after each reset, before anything else. Throws Fault(kSelftestsFailed).
// Gives the rate of each operation's slowest test: of commands so small that hardly a device is slower on larger ones.
Rates selftest(Link& link, const Arena& arena, Tags* tags, uint64_t timeout_ns);

}  // namespace accel::runtime
