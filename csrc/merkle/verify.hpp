// Verifying encoded proofs. Statuses are ACCEL_OK and ACCEL_BAD_PROOF. Proofs and everything about them are public.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/messages.hpp"
#include "merkle/rule.hpp"

namespace accel::merkle {

// Item i stands at data + i * stride.
struct Strided {
  const uint8_t* data;
  size_t stride;
  const uint8_t* operator[](size_t i) const { return data + i * stride; }
};

// A known size may be ACCEL_MERKLE_ANY_SIZE; tree_sizes.data may be null, for any size everywhere.
struct InclusionBatch {
  const Rule& rule;
  Strided roots;
  Strided tree_sizes;
  Strided leaf_hashes;
  const Messages& proofs;
};
void verify_inclusion(uint8_t* status, const InclusionBatch& batch);

accel_status verify_multiproof(const Rule& rule, const Hash& root, uint64_t tree_size, Strided leaf_hashes,
                               size_t leaf_count, Bytes encoded);
accel_status verify_consistency(const Hash& first_root, uint64_t first_size, const Hash& second_root,
                                uint64_t second_size, Bytes encoded);

}  // namespace accel::merkle
