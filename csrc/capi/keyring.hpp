// Handles of accel.h: rings of known SM2 keys.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "accel/accel.h"
#include "runtime/work.hpp"
#include "sm2/keyring.hpp"

struct accel_sm2_keyring {
  accel::sm2::KeyRing ring;
  std::vector<uint8_t> id;  // of ZA; empty without
  std::shared_ptr<const accel::runtime::RingToken> token = std::make_shared<const accel::runtime::RingToken>();
};
