// Under which sanitizer the tests run, for those that one of them rightly objects to.
#pragma once

namespace accel {

#if defined(ACCEL_SANITIZE_THREAD)
inline constexpr bool kThreadSanitizer = true;
#else
inline constexpr bool kThreadSanitizer = false;
#endif

}  // namespace accel
