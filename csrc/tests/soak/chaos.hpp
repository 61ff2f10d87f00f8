// "chaos,SEED;DEVICE": a device whose driver misbehaves in a way that changes from moment to moment. It never lies
// about an answer in time: it loses, delays, doubles and mislabels completions, fails, hangs, and writes into old
// memory after a reset.
#pragma once

#include <cstdint>
#include <string>

#include "soak/ledger.hpp"

namespace accel::soak {

// Adds the driver "chaos" for the life of this object. What it does wrong is counted in `ledger`.
class ChaosDriver {
 public:
  explicit ChaosDriver(Ledger& ledger);
  ~ChaosDriver();
  ChaosDriver(const ChaosDriver&) = delete;
  ChaosDriver& operator=(const ChaosDriver&) = delete;

  static std::string name(uint64_t seed, const std::string& device) {
    return "chaos," + std::to_string(seed) + ";" + device;
  }
};

}  // namespace accel::soak
