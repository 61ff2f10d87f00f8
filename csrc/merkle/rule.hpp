// What tells one kind of tree from another, and hashing by it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "accel/accel.h"
#include "base/messages.hpp"
#include "sm3/sm3.hpp"

namespace accel::merkle {

constexpr size_t kHashSize = sm3::kDigestSize;
constexpr size_t kPairSize = 2 * kHashSize;
using Hash = std::array<uint8_t, kHashSize>;

// The parent of a node without a sibling.
enum class Lone {
  kPromote,  // the node itself
  kTwice,    // H(node || node)
  kAlone     // H(node)
};

struct Rule {
  accel_merkle_rule id;
  const char* name;
  sm3::Prefix leaf_prefix;
  const uint8_t* node_prefix;  // one byte, or nullptr
  Lone lone;
  bool empty_is_zero;  // root of no leaves: 32 zero bytes, or the hash of nothing
};

// Throw Error(ACCEL_BAD_ARGUMENT) that lists the rules.
const Rule& find_rule(uint32_t id);
const Rule& find_rule(const char* name);
// nullptr if there is none.
const Rule* find_rule_or_null(uint32_t id);

// Everything below runs on the pool when there is enough of it.

// hashes[i] = hash of leaf i of [begin, end), written at hashes + 32 * (i - begin).
void hash_leaves(const Rule& rule, uint8_t* hashes, const Messages& leaves, size_t begin, size_t end);
// parents[i] = parent of the two nodes at pairs + 64 * i. The nodes are copied to `copy` as well, unless it is nullptr.
// The arrays do not overlap.
void hash_pairs(const Rule& rule, uint8_t* parents, const uint8_t* pairs, size_t count, uint8_t* copy = nullptr);
// parents[i] = parent of the lone node at nodes + 32 * i. The arrays do not overlap.
void hash_lone(const Rule& rule, uint8_t* parents, const uint8_t* nodes, size_t count);

Hash empty_root(const Rule& rule);

}  // namespace accel::merkle
