// Merkle trees whose hashing goes to a device.
#pragma once

#include <memory>
#include <utility>

#include "merkle/tree.hpp"
#include "runtime/device.hpp"

namespace accel::runtime {

class DeviceHasher final : public merkle::Hasher {
 public:
  explicit DeviceHasher(std::shared_ptr<Device> device) : device_(std::move(device)) {}
  void leaves(const merkle::Rule& rule, uint8_t* hashes, const Messages& leaves) override;
  void levels(const merkle::Rule& rule, const std::vector<uint8_t*>& levels, const uint8_t* leaf_hashes,
              size_t count) override;

 private:
  const std::shared_ptr<Device> device_;
};

// Hashes of leaves as the rule says.
Work leaf_work(uint8_t* hashes_out, const merkle::Rule& rule, const Messages& leaves);

}  // namespace accel::runtime
