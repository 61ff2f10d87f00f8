// Leaks on purpose: memcheck must report the branch and the address below, or it would not see a real one.
#include <cstdint>
#include <cstdio>

#include "base/ctime.hpp"

int main() {
  volatile uint8_t table[256] = {};
  uint8_t secret = 42;
  accel::poison(&secret, sizeof(secret));
  if (secret & 1) std::puts("odd");
  return table[secret];
}
