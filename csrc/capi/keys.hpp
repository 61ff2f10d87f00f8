// Handles of accel.h: SM2 keys.
#pragma once

#include "accel/accel.h"
#include "sm2/keys.hpp"

struct accel_sm2_private_key {
  std::unique_ptr<accel::sm2::PrivateKey> key;
};
