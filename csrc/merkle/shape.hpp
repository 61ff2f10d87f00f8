// The shape of a tree: who is whose sibling. It depends on the number of leaves alone, not on the rule.
//
// Level 0 is the leaves; level k has ceil(size / 2^k) nodes, and level height(size) the root alone. Sizes are at most
// kMaxTreeSize, so that sums like size + 2^k - 1 stay below 2^64.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace accel::merkle {

constexpr uint64_t kMaxTreeSize = (UINT64_C(1) << 63) - 1;
constexpr unsigned kMaxHeight = 63;

// Levels above the leaves; size > 0.
constexpr unsigned height(uint64_t size) { return static_cast<unsigned>(std::bit_width(size - 1)); }

constexpr uint64_t width(uint64_t size, unsigned level) {
  return (size >> level) + ((size & ((UINT64_C(1) << level) - 1)) != 0);
}

// Siblings on the way from leaf `index` (< size) to the root. Below the level where the way meets the tree's right edge
// every node has a sibling; on the edge only a right child (a set bit of the index) has.
constexpr unsigned path_length(uint64_t index, uint64_t size) {
  const auto below = static_cast<unsigned>(std::bit_width(index ^ (size - 1)));
  return below + static_cast<unsigned>(std::popcount(index >> below));
}

// Nodes in a consistency proof, 0 < first <= second: the steps of RFC 9162, section 2.1.4.2.
constexpr unsigned consistency_length(uint64_t first, uint64_t second) {
  if (first == second) return 0;
  const auto complete = static_cast<unsigned>(std::countr_zero(first));  // levels of the last subtree that both share
  const bool power_of_two = std::has_single_bit(first);
  return path_length((first - 1) >> complete, width(second, complete)) + (power_of_two ? 0 : 1);
}

// The nodes that a multiproof holds: visit(level, position) for each, from the leaves up and from left to right.
// `known` holds the proven leaves' indices, increasing and below `size`, and is used up.
template <typename Visit>
void walk_multiproof(uint64_t size, uint64_t* known, size_t count, Visit visit) {
  for (unsigned level = 0; width(size, level) > 1; ++level) {
    const uint64_t nodes = width(size, level);
    size_t parents = 0;
    for (size_t i = 0; i < count; ++i) {
      const uint64_t position = known[i], sibling = position ^ 1;
      if (i + 1 < count && known[i + 1] == sibling) {
        ++i;
      } else if (sibling < nodes) {
        visit(level, sibling);
      }
      known[parents++] = position >> 1;
    }
    count = parents;
  }
}

}  // namespace accel::merkle
