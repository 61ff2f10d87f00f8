// Erasing secrets.
#pragma once

#include <cstddef>
#include <cstring>

namespace accel {

// Zeroes memory in a way the compiler may not drop although nobody reads it afterwards.
inline void wipe(void* data, size_t size) { explicit_bzero(data, size); }

}  // namespace accel
