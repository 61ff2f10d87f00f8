// Where instructions cost some twenty times as much: tests take fewer items and rounds there, and not fewer cases. What
// a sanitizer looks for shows at the first item that is wrong.
#pragma once

namespace accel {

#if defined(ACCEL_BRIEF_TESTS)  // under a sanitizer, or an emulator
inline constexpr bool kBrief = true;
#else
inline constexpr bool kBrief = false;
#endif

}  // namespace accel
