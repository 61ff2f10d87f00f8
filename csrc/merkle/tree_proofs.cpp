// What a tree proves about itself.
#include <algorithm>
#include <bit>
#include <cstring>
#include <mutex>
#include <string>

#include "base/error.hpp"
#include "base/pool.hpp"
#include "merkle/proof.hpp"
#include "merkle/tree.hpp"

namespace accel::merkle {
namespace {

constexpr size_t kProofsPerTask = 256;  // some 20 cache misses each

}  // namespace

uint64_t Tree::prove_many(std::span<uint8_t> out, void* offsets, std::span<const uint64_t> indices) const {
  const std::shared_lock lock(mutex_);
  require_levels("proofs");
  std::vector<int64_t> starts;
  starts.reserve(indices.size() + 1);
  uint64_t length = 0;
  for (const uint64_t index : indices) {
    starts.push_back(static_cast<int64_t>(length));
    length += encoded_size(ACCEL_MERKLE_INCLUSION, 1, path_length(require_leaf("indices", index), size_));
  }
  starts.push_back(static_cast<int64_t>(length));
  std::memcpy(offsets, starts.data(), starts.size() * sizeof(int64_t));
  if (out.size() < length) return length;
  parallel_for(indices.size(), kProofsPerTask, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) write_path(out.data() + starts[i], indices[i]);
  });
  return length;
}

void Tree::write_path(uint8_t* out, uint64_t index) const {
  Proof proof;
  proof.kind = ACCEL_MERKLE_INCLUSION;
  proof.rule = &rule_;
  proof.tree_size = size_;
  proof.index = index;
  proof.sibling_count = path_length(index, size_);
  out = write_head(out, proof);
  for (unsigned level = 0; width(size_, level) > 1; ++level) {
    const uint64_t sibling = (index >> level) ^ 1;
    if (sibling >= width(size_, level)) continue;
    std::memcpy(out, node(level, sibling), kHashSize);
    out += kHashSize;
  }
}

uint64_t Tree::multiproof(std::span<uint8_t> out, std::span<const uint64_t> indices) const {
  const std::shared_lock lock(mutex_);
  require_levels("proofs");
  if (indices.empty()) throw Error(ACCEL_BAD_ARGUMENT, "indices: expected at least one, got none");
  std::vector<uint64_t> known(indices.begin(), indices.end());
  std::vector<uint8_t> encoded(known.size() * kIndexSize);
  for (size_t i = 0; i < known.size(); ++i) {
    require_leaf("indices", known[i]);
    if (i != 0 && known[i] <= known[i - 1]) {
      throw Error(ACCEL_BAD_ARGUMENT, "indices: expected increasing, got " + std::to_string(known[i]) + " after " +
                                          std::to_string(known[i - 1]));
    }
    store_be64(encoded.data() + i * kIndexSize, known[i]);
  }
  std::vector<uint8_t> siblings;
  walk_multiproof(size_, known.data(), known.size(), [&](unsigned level, uint64_t position) {
    siblings.insert(siblings.end(), node(level, position), node(level, position) + kHashSize);
  });
  Proof proof;
  proof.kind = ACCEL_MERKLE_MULTI;
  proof.rule = &rule_;
  proof.tree_size = size_;
  proof.indices = encoded.data();
  proof.index_count = known.size();
  proof.siblings = siblings.data();
  proof.sibling_count = siblings.size() / kHashSize;
  return encode(out, proof);
}

uint64_t Tree::consistency(std::span<uint8_t> out, uint64_t first_size, uint64_t second_size) const {
  const std::shared_lock lock(mutex_);
  if (rule_.id != ACCEL_MERKLE_RFC9162) {
    throw Error(ACCEL_BAD_ARGUMENT,
                std::string("tree: consistency proofs exist under rule rfc9162 only (elsewhere lone "
                            "nodes change as the tree grows), and this tree's rule is ") +
                    rule_.name);
  }
  require_levels("proofs");
  if (second_size < 1 || second_size > size_) {
    throw Error(ACCEL_BAD_ARGUMENT, "second_size: expected 1 to the tree's size of " + std::to_string(size_) +
                                        " leaves, got " + std::to_string(second_size));
  }
  if (first_size < 1 || first_size > second_size) {
    throw Error(ACCEL_BAD_ARGUMENT, "first_size: expected 1 to second_size, " + std::to_string(second_size) + ", got " +
                                        std::to_string(first_size));
  }
  std::vector<Hash> nodes;
  consistency_nodes(nodes, first_size, second_size);
  Proof proof;
  proof.kind = ACCEL_MERKLE_CONSISTENCY;
  proof.rule = &rule_;
  proof.tree_size = second_size;
  proof.first_size = first_size;
  proof.siblings = nodes.empty() ? nullptr : nodes.front().data();
  proof.sibling_count = nodes.size();
  return encode(out, proof);
}

// PROOF(first, D[0:second]) of RFC 9162, section 2.1.4.1. The recursion there goes from the root down to the place
// where the first tree ends and lists, from there up, what lies beside the way.
void Tree::consistency_nodes(std::vector<Hash>& nodes, uint64_t first_size, uint64_t second_size) const {
  uint64_t begin = 0, end = second_size;
  while (end != first_size) {
    const uint64_t middle = begin + std::bit_floor(end - begin - 1);  // largest power of two below the number of leaves
    if (first_size <= middle) {
      nodes.push_back(range_root(middle, end));
      end = middle;
    } else {
      nodes.push_back(range_root(begin, middle));
      begin = middle;
    }
  }
  if (begin != 0) nodes.push_back(range_root(begin, end));  // else it is the first root, which the verifier has
  std::reverse(nodes.begin(), nodes.end());
}

// MTH(D[begin:end]) of RFC 9162 for a subtree: `begin` is a multiple of a power of two that is at least end - begin.
// Its complete parts, one for each set bit of its size, stand in the levels, and are joined from the right.
Hash Tree::range_root(uint64_t begin, uint64_t end) const {
  uint64_t rest = end - begin;
  uint8_t pair[kPairSize];
  Hash root{};
  bool have = false;
  while (rest != 0) {
    const auto level = static_cast<unsigned>(std::countr_zero(rest));
    const uint8_t* complete = node(level, (end >> level) - 1);
    if (have) {
      std::memcpy(pair, complete, kHashSize);
      std::memcpy(pair + kHashSize, root.data(), kHashSize);
      hash_pairs(rule_, root.data(), pair, 1);
    } else {
      std::memcpy(root.data(), complete, kHashSize);
      have = true;
    }
    rest &= rest - 1;
  }
  return root;
}

}  // namespace accel::merkle
