// SM3 batches on the CPU: the pool over the active kernel.
#pragma once

#include <cstdint>

#include "base/messages.hpp"

namespace accel::cpu {

// digests: 32 bytes for each message.
void sm3_hash(uint8_t* digests, const Messages& messages);

}  // namespace accel::cpu
