// The system's random number generator. Nothing is buffered between calls, so a fork copies no state.
#pragma once

#include <cstddef>
#include <cstdint>

namespace accel::sm2 {

// Throws Error(ACCEL_NO_RANDOM).
void system_random(uint8_t* out, size_t size);

}  // namespace accel::sm2
