#include "sm2/random.hpp"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include <string>

#include "base/ctime.hpp"
#include "base/error.hpp"

namespace accel::sm2 {

void system_random(uint8_t* out, size_t size) {
  while (size > 0) {
    const ssize_t got = getrandom(out, size, 0);
    if (got > 0) {  // may be less than asked: large requests are interrupted by signals
      poison(out, static_cast<size_t>(got));
      out += got;
      size -= static_cast<size_t>(got);
    } else if (got == 0 || errno != EINTR) {
      throw Error(ACCEL_NO_RANDOM, std::string("the system's random number generator failed: ") +
                                       (got == 0 ? "no bytes came" : strerror(errno)));
    }
  }
}

}  // namespace accel::sm2
