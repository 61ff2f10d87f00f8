// Points of public keys: no input may crash, and a point that is accepted is on the curve and survives compression.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/error.hpp"
#include "sm2/keys.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  uint8_t key[64], back[64], compressed[33];
  try {
    accel::sm2::public_key_from_point(key, {data, size}, "point");
  } catch (const accel::Error&) {
    return 0;
  }
  try {
    accel::sm2::require_on_curve(key, "key");
    compressed[0] = static_cast<uint8_t>(2 + (key[63] & 1));
    std::memcpy(compressed + 1, key, 32);
    accel::sm2::public_key_from_point(back, {compressed, sizeof compressed}, "compressed");
  } catch (const accel::Error&) {
    std::abort();
  }
  if (std::memcmp(key, back, sizeof key) != 0) std::abort();
  return 0;
}
