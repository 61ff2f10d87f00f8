#include "merkle/verify.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <vector>

#include "base/pool.hpp"
#include "merkle/proof.hpp"
#include "merkle/shape.hpp"

namespace accel::merkle {
namespace {

constexpr size_t kLockstep = 64;       // proofs that go up together: several times the lanes of the widest kernel
constexpr size_t kProofsPerTask = 64;  // about 20 hashes each

accel_status status_of(bool valid) { return valid ? ACCEL_OK : ACCEL_BAD_PROOF; }

bool size_is(uint64_t claimed, uint64_t known) { return known == ACCEL_MERKLE_ANY_SIZE || known == claimed; }

void copy_pair(uint8_t* pair, const uint8_t* left, const uint8_t* right) {
  std::memcpy(pair, left, kHashSize);
  std::memcpy(pair + kHashSize, right, kHashSize);
}

// One leaf on its way to the root.
struct Climber {
  size_t item;
  uint64_t position;  // of `node` on its level
  uint64_t last;      // position of the level's last node
  const uint8_t* sibling;
  Hash node;
};

// Up to kLockstep proofs, each one hash further with every step, whatever their shapes: the kernel always gets a batch.
class Climb {
 public:
  Climb(const InclusionBatch& batch, uint8_t* status) : batch_(batch), status_(status) {}

  void start(size_t item) {
    Proof proof;
    status_[item] = ACCEL_BAD_PROOF;
    if (!parse(batch_.proofs.item(item), &proof, nullptr) || proof.kind != ACCEL_MERKLE_INCLUSION ||
        proof.rule != &batch_.rule || !size_matches(item, proof.tree_size)) {
      return;
    }
    Climber& climber = climbers_[count_++];
    climber = {item, proof.index, proof.tree_size - 1, proof.siblings, {}};
    std::memcpy(climber.node.data(), batch_.leaf_hashes[item], kHashSize);
  }

  // False when all have arrived.
  bool step() {
    pairs_ = lone_ = 0;
    for (size_t i = 0; i < count_;) {
      Climber& climber = climbers_[i];
      skip_promotions(climber);
      if (climber.last == 0) {
        const bool valid = std::memcmp(climber.node.data(), batch_.roots[climber.item], kHashSize) == 0;
        status_[climber.item] = static_cast<uint8_t>(status_of(valid));
        climber = climbers_[--count_];
      } else {
        gather(climber, i++);
      }
    }
    hash_pairs(batch_.rule, parents_, pair_rows_, pairs_);
    scatter(pair_owners_, pairs_);
    hash_lone(batch_.rule, parents_, lone_rows_, lone_);
    scatter(lone_owners_, lone_);
    return count_ != 0;
  }

 private:
  bool size_matches(size_t item, uint64_t claimed) const {
    uint64_t known = ACCEL_MERKLE_ANY_SIZE;
    if (batch_.tree_sizes.data != nullptr) std::memcpy(&known, batch_.tree_sizes[item], sizeof known);
    return size_is(claimed, known);
  }

  static bool is_lone(const Climber& climber) { return climber.position == climber.last && climber.position % 2 == 0; }

  void skip_promotions(Climber& climber) const {
    if (batch_.rule.lone != Lone::kPromote) return;
    while (climber.last != 0 && is_lone(climber)) {
      climber.position >>= 1;
      climber.last >>= 1;
    }
  }

  void gather(Climber& climber, size_t owner) {
    if (is_lone(climber)) {
      std::memcpy(lone_rows_ + lone_ * kHashSize, climber.node.data(), kHashSize);
      lone_owners_[lone_++] = owner;
      return;
    }
    uint8_t* row = pair_rows_ + pairs_ * kPairSize;
    if (climber.position % 2 == 0) {
      copy_pair(row, climber.node.data(), climber.sibling);
    } else {
      copy_pair(row, climber.sibling, climber.node.data());
    }
    climber.sibling += kHashSize;
    pair_owners_[pairs_++] = owner;
  }

  void scatter(const size_t* owners, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      Climber& climber = climbers_[owners[i]];
      std::memcpy(climber.node.data(), parents_ + i * kHashSize, kHashSize);
      climber.position >>= 1;
      climber.last >>= 1;
    }
  }

  const InclusionBatch& batch_;
  uint8_t* status_;
  size_t count_ = 0, pairs_ = 0, lone_ = 0;
  Climber climbers_[kLockstep];
  size_t pair_owners_[kLockstep], lone_owners_[kLockstep];
  uint8_t pair_rows_[kLockstep * kPairSize], lone_rows_[kLockstep * kHashSize], parents_[kLockstep * kHashSize];
};

// The known nodes of one level, going up.
struct Row {
  std::vector<uint64_t> positions;  // increasing
  std::vector<uint8_t> hashes;
};

// Replaces `row` by the row above it; returns the first sibling that is not used yet.
const uint8_t* climb_row(const Rule& rule, Row& row, uint64_t nodes, const uint8_t* sibling,
                         std::vector<uint8_t>& pairs) {
  const size_t count = row.positions.size();
  size_t parents = 0, lone = 0;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t position = row.positions[i];
    const uint8_t* node = row.hashes.data() + i * kHashSize;
    uint8_t* pair = pairs.data() + parents * kPairSize;
    if (i + 1 < count && row.positions[i + 1] == (position ^ 1)) {
      copy_pair(pair, node, node + kHashSize);
      ++i;
    } else if (position % 2 != 0) {
      copy_pair(pair, sibling, node);
      sibling += kHashSize;
    } else if (position + 1 < nodes) {
      copy_pair(pair, node, sibling);
      sibling += kHashSize;
    } else {  // the level's last node, so the last of the row
      std::memcpy(pair, node, kHashSize);
      lone = 1;
    }
    row.positions[parents++] = position >> 1;
  }
  row.positions.resize(parents);
  hash_pairs(rule, row.hashes.data(), pairs.data(), parents - lone);
  const size_t last = parents - lone;
  hash_lone(rule, row.hashes.data() + last * kHashSize, pairs.data() + last * kPairSize, lone);
  return sibling;
}

}  // namespace

void verify_inclusion(uint8_t* status, const InclusionBatch& batch) {
  parallel_for(batch.proofs.count(), kProofsPerTask, [&](size_t begin, size_t end) {
    for (size_t first = begin; first < end; first += kLockstep) {
      Climb climb(batch, status);
      for (size_t item = first; item < std::min(end, first + kLockstep); ++item) climb.start(item);
      while (climb.step()) {
      }
    }
  });
}

accel_status verify_multiproof(const Rule& rule, const Hash& root, uint64_t tree_size, Strided leaf_hashes,
                               size_t leaf_count, Bytes encoded) {
  Proof proof;
  Row row;
  if (!parse(encoded, &proof, nullptr) || proof.kind != ACCEL_MERKLE_MULTI || proof.rule != &rule ||
      !size_is(proof.tree_size, tree_size) || proof.index_count != leaf_count ||
      !load_indices(proof, &row.positions, nullptr)) {
    return ACCEL_BAD_PROOF;
  }
  row.hashes.resize(leaf_count * kHashSize);
  for (size_t i = 0; i < leaf_count; ++i) std::memcpy(row.hashes.data() + i * kHashSize, leaf_hashes[i], kHashSize);
  std::vector<uint8_t> pairs(leaf_count * kPairSize);
  const uint8_t* sibling = proof.siblings;
  for (unsigned level = 0; width(proof.tree_size, level) > 1; ++level) {
    sibling = climb_row(rule, row, width(proof.tree_size, level), sibling, pairs);
  }
  return status_of(std::memcmp(row.hashes.data(), root.data(), kHashSize) == 0);
}

// RFC 9162, section 2.1.4.2. That the path is used up exactly when sn reaches 0 has been checked by its length.
accel_status verify_consistency(const Hash& first_root, uint64_t first_size, const Hash& second_root,
                                uint64_t second_size, Bytes encoded) {
  Proof proof;
  if (!parse(encoded, &proof, nullptr) || proof.kind != ACCEL_MERKLE_CONSISTENCY ||
      !size_is(proof.first_size, first_size) || !size_is(proof.tree_size, second_size)) {
    return ACCEL_BAD_PROOF;
  }
  const uint8_t* next = proof.siblings;
  const uint8_t* const end = next + proof.sibling_count * kHashSize;
  Hash first = first_root;
  if (!std::has_single_bit(proof.first_size) && proof.first_size != proof.tree_size) {
    std::memcpy(first.data(), next, kHashSize);
    next += kHashSize;
  }
  Hash second = first;
  const auto complete = static_cast<unsigned>(std::countr_zero(proof.first_size));
  uint64_t fn = (proof.first_size - 1) >> complete, sn = (proof.tree_size - 1) >> complete;
  uint8_t pairs[2 * kPairSize], parents[2 * kHashSize];
  for (; next != end; next += kHashSize) {
    if (fn % 2 != 0 || fn == sn) {
      copy_pair(pairs, next, first.data());
      copy_pair(pairs + kPairSize, next, second.data());
      hash_pairs(*proof.rule, parents, pairs, 2);
      std::memcpy(first.data(), parents, kHashSize);
      std::memcpy(second.data(), parents + kHashSize, kHashSize);
      while (fn % 2 == 0 && fn != 0) {
        fn >>= 1;
        sn >>= 1;
      }
    } else {
      copy_pair(pairs, second.data(), next);
      hash_pairs(*proof.rule, second.data(), pairs, 1);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return status_of(first == first_root && second == second_root);
}

}  // namespace accel::merkle
