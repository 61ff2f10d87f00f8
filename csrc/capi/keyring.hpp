// Handles of accel.h: rings of known SM2 keys.
#pragma once

#include "accel/accel.h"
#include "sm2/keyring.hpp"

struct accel_sm2_keyring {
  accel::sm2::KeyRing ring;
};
