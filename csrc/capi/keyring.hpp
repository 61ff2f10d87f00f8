// Handles of accel.h: rings of known SM2 keys.
#pragma once

#include <cstdint>
#include <vector>

#include "accel/accel.h"
#include "sm2/keyring.hpp"

struct accel_sm2_keyring {
  accel::sm2::KeyRing ring;
  std::vector<uint8_t> id;  // of ZA; empty without
};
