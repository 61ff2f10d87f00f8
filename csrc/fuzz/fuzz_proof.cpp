// Proof decoders and verifiers on anything. What decodes has to encode to the same bytes; what verifies against a fixed
// tree, with its size known, has to be the tree's own proof.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "accel/accel.h"

namespace {

constexpr uint64_t kLeaves = 11;  // lone nodes on levels 0 and 2

void require(bool holds) {
  if (!holds) std::abort();
}

// The tree of each rule, its leaf hashes and root.
struct Fixture {
  explicit Fixture(uint32_t rule_id) : rule(rule_id), hashes(32 * kLeaves) {
    for (size_t i = 0; i < hashes.size(); ++i) hashes[i] = static_cast<uint8_t>(i * 131 + i / 32);
    require(accel_merkle_tree_new(nullptr, &tree, rule, ACCEL_MERKLE_KEEP_ALL) == ACCEL_OK);
    require(accel_merkle_tree_append_hashes(tree, hashes.data(), 32, kLeaves) == ACCEL_OK);
    require(accel_merkle_tree_head(tree, root, nullptr) == ACCEL_OK);
  }
  Fixture(const Fixture&) = delete;
  ~Fixture() { accel_merkle_tree_free(tree); }

  const uint8_t* leaf(uint64_t index) const { return hashes.data() + 32 * index; }

  uint32_t rule;
  std::vector<uint8_t> hashes;
  accel_merkle_tree* tree = nullptr;
  uint8_t root[32];
};

uint64_t index_at(const accel_merkle_proof& proof, uint64_t i) {
  uint64_t value = 0;
  for (size_t k = 0; k < 8; ++k) value = value << 8 | proof.indices[8 * i + k];
  return value;
}

void check_round_trip(const accel_merkle_proof& proof, const uint8_t* data, size_t size) {
  std::vector<uint8_t> again(size);
  uint64_t length = 0;
  require(accel_merkle_proof_encode(again.data(), size, &length, &proof) == ACCEL_OK);
  require(length == size && std::memcmp(again.data(), data, size) == 0);
}

// Every leaf is offered; one that is accepted has exactly this proof.
void check_inclusion(const Fixture& fixture, const uint8_t* data, size_t size) {
  accel_messages proofs = {};
  proofs.struct_size = sizeof(proofs);
  proofs.layout = ACCEL_LAYOUT_STRIDED;
  proofs.data = data;
  proofs.length = size;  // stride 0: the same proof for all leaves
  const uint64_t known = kLeaves;
  uint8_t status[kLeaves], claimed[kLeaves];
  require(accel_merkle_verify_many(nullptr, claimed, fixture.rule, fixture.root, 0, nullptr, 0, fixture.leaf(0), 32,
                                   &proofs, kLeaves) == ACCEL_OK);
  require(accel_merkle_verify_many(nullptr, status, fixture.rule, fixture.root, 0, &known, 0, fixture.leaf(0), 32,
                                   &proofs, kLeaves) == ACCEL_OK);
  for (uint64_t i = 0; i < kLeaves; ++i) {
    require(status[i] == ACCEL_OK || status[i] == ACCEL_BAD_PROOF);
    if (status[i] != ACCEL_OK) continue;
    require(claimed[i] == ACCEL_OK);
    std::vector<uint8_t> genuine(ACCEL_MERKLE_MAX_INCLUSION_PROOF);
    int64_t offsets[2];
    require(accel_merkle_tree_prove_many(fixture.tree, genuine.data(), genuine.size(), offsets, &i, 1) == ACCEL_OK);
    require(static_cast<size_t>(offsets[1]) == size && std::memcmp(genuine.data(), data, size) == 0);
  }
}

void check_multiproof(const Fixture& fixture, const accel_merkle_proof& proof, const uint8_t* data, size_t size) {
  std::vector<uint8_t> leaves(32 * proof.index_count);
  std::vector<uint64_t> indices(proof.index_count);
  for (uint64_t i = 0; i < proof.index_count; ++i) {
    indices[i] = index_at(proof, i);
    std::memcpy(leaves.data() + 32 * i, fixture.leaf(indices[i] % kLeaves), 32);
  }
  uint8_t status;
  require(accel_merkle_verify_multiproof(nullptr, &status, fixture.rule, fixture.root, ACCEL_MERKLE_ANY_SIZE,
                                         leaves.data(), 32, proof.index_count, data, size) == ACCEL_OK);
  require(accel_merkle_verify_multiproof(nullptr, &status, fixture.rule, fixture.root, kLeaves, leaves.data(), 32,
                                         proof.index_count, data, size) == ACCEL_OK);
  if (status != ACCEL_OK) return;
  std::vector<uint8_t> genuine(size);
  uint64_t length = 0;
  require(accel_merkle_tree_multiproof(fixture.tree, genuine.data(), size, &length, indices.data(), indices.size()) ==
          ACCEL_OK);
  require(length == size && std::memcmp(genuine.data(), data, size) == 0);
}

// Roots of the trees over the first 1, 2, ... leaves.
struct EarlierRoots {
  explicit EarlierRoots(const Fixture& fixture) {
    accel_merkle_tree* tree = nullptr;
    require(accel_merkle_tree_new(nullptr, &tree, fixture.rule, ACCEL_MERKLE_KEEP_ROOT) == ACCEL_OK);
    for (uint64_t i = 0; i < kLeaves; ++i) {
      require(accel_merkle_tree_append_hashes(tree, fixture.leaf(i), 32, 1) == ACCEL_OK);
      require(accel_merkle_tree_head(tree, roots[i], nullptr) == ACCEL_OK);
    }
    accel_merkle_tree_free(tree);
  }
  uint8_t roots[kLeaves][32];
};

void check_consistency(const Fixture& fixture, const EarlierRoots& earlier, const uint8_t* data, size_t size) {
  for (uint64_t first = 1; first <= kLeaves; ++first) {
    uint8_t status;
    require(accel_merkle_verify_consistency(nullptr, &status, earlier.roots[first - 1], first, fixture.root, kLeaves,
                                            data, size) == ACCEL_OK);
    if (status != ACCEL_OK) continue;
    std::vector<uint8_t> genuine(size);
    uint64_t length = 0;
    require(accel_merkle_tree_consistency(fixture.tree, genuine.data(), size, &length, first, kLeaves) == ACCEL_OK);
    require(length == size && std::memcmp(genuine.data(), data, size) == 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Fixture fixtures[] = {Fixture(ACCEL_MERKLE_RFC9162), Fixture(ACCEL_MERKLE_CHAINMAKER),
                                     Fixture(ACCEL_MERKLE_BCOS)};
  static const EarlierRoots earlier(fixtures[0]);
  accel_merkle_proof proof = {};
  proof.struct_size = sizeof(proof);
  const bool decodes = accel_merkle_proof_decode(&proof, data, size) == ACCEL_OK;
  if (decodes) check_round_trip(proof, data, size);
  for (const Fixture& fixture : fixtures) {
    check_inclusion(fixture, data, size);
    if (decodes && proof.kind == ACCEL_MERKLE_MULTI) check_multiproof(fixture, proof, data, size);
  }
  check_consistency(fixtures[0], earlier, data, size);
  return 0;
}
