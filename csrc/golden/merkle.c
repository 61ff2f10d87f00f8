/* Merkle trees over SM3 under three rules (accel/golden.h has them as a table). */
#include <stddef.h>
#include <string.h>

#include "accel/golden.h"

enum { kHash = 32 };

static int is_rule(uint32_t rule) { return rule >= ACCEL_GOLDEN_MERKLE_RFC9162 && rule <= ACCEL_GOLDEN_MERKLE_BCOS; }

/* Nodes on `level` of a tree of `size` leaves: ceil(size / 2^level); size is below 2^63 and level below 64. */
static uint64_t width(uint64_t size, unsigned level) {
  return (size >> level) + ((size & ((UINT64_C(1) << level) - 1)) != 0);
}

static unsigned height(uint64_t size) {
  unsigned level = 0;
  while (width(size, level) > 1) level++;
  return level;
}

/* ------------------------------------------------------------------------------------------------ hashes */

int32_t accel_golden_merkle_leaf(uint8_t hash_out[32], uint32_t rule, const uint8_t* data, uint64_t length) {
  static const uint8_t prefix = 0x00;
  if (!is_rule(rule)) return ACCEL_GOLDEN_BAD_ARGUMENT;
  return accel_golden_sm3_hash_prefixed(hash_out, &prefix, rule == ACCEL_GOLDEN_MERKLE_RFC9162, data, length);
}

int32_t accel_golden_merkle_node(uint8_t hash_out[32], uint32_t rule, const uint8_t left[32], const uint8_t right[32]) {
  static const uint8_t prefix = 0x01;
  if (!is_rule(rule) || left == NULL || right == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  uint8_t pair[2 * kHash];
  memcpy(pair, left, kHash);
  memcpy(pair + kHash, right, kHash);
  return accel_golden_sm3_hash_prefixed(hash_out, &prefix, rule == ACCEL_GOLDEN_MERKLE_RFC9162, pair, sizeof(pair));
}

int32_t accel_golden_merkle_lone(uint8_t hash_out[32], uint32_t rule, const uint8_t child[32]) {
  if (hash_out == NULL || child == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  switch (rule) {
    case ACCEL_GOLDEN_MERKLE_RFC9162:
      memmove(hash_out, child, kHash);
      return ACCEL_GOLDEN_OK;
    case ACCEL_GOLDEN_MERKLE_CHAINMAKER:
      return accel_golden_merkle_node(hash_out, rule, child, child);
    case ACCEL_GOLDEN_MERKLE_BCOS:
      return accel_golden_sm3_hash(hash_out, child, kHash);
    default:
      return ACCEL_GOLDEN_BAD_ARGUMENT;
  }
}

/* ------------------------------------------------------------------------------------------------- trees */

typedef struct tree {
  uint32_t rule;
  const uint8_t* leaf_hashes;
  uint64_t size;
} tree;

static int is_tree(const tree* t) {
  return is_rule(t->rule) && t->size <= ACCEL_GOLDEN_MAX_LEAVES && (t->leaf_hashes != NULL || t->size == 0);
}

/* The node at a place, from everything below it. Recursion goes as deep as the tree is high: 40 levels at most. */
static void compute_node(uint8_t hash_out[32], const tree* t, unsigned level, uint64_t position) {
  if (level == 0) {
    memcpy(hash_out, t->leaf_hashes + position * kHash, kHash);
    return;
  }
  uint8_t left[kHash], right[kHash];
  compute_node(left, t, level - 1, 2 * position);
  if (2 * position + 1 < width(t->size, level - 1)) {
    compute_node(right, t, level - 1, 2 * position + 1);
    accel_golden_merkle_node(hash_out, t->rule, left, right);
  } else {
    accel_golden_merkle_lone(hash_out, t->rule, left);
  }
}

int32_t accel_golden_merkle_root(uint8_t root_out[32], uint32_t rule, const uint8_t* leaf_hashes, uint64_t count) {
  const tree t = {rule, leaf_hashes, count};
  if (root_out == NULL || !is_tree(&t)) return ACCEL_GOLDEN_BAD_ARGUMENT;
  if (count != 0) {
    uint8_t root[kHash]; /* root_out may be among the leaves */
    compute_node(root, &t, height(count), 0);
    memcpy(root_out, root, kHash);
  } else if (rule == ACCEL_GOLDEN_MERKLE_RFC9162) {
    return accel_golden_sm3_hash(root_out, NULL, 0);
  } else {
    memset(root_out, 0, kHash);
  }
  return ACCEL_GOLDEN_OK;
}

int32_t accel_golden_merkle_levels(uint8_t* nodes_out, uint64_t capacity, uint64_t* nodes_count_out, uint32_t rule,
                                   const uint8_t* leaf_hashes, uint64_t count) {
  const tree t = {rule, leaf_hashes, count};
  if (nodes_count_out == NULL || !is_tree(&t)) return ACCEL_GOLDEN_BAD_ARGUMENT;
  *nodes_count_out = 0;
  if (count == 0) return ACCEL_GOLDEN_OK;
  for (unsigned level = 0; level <= height(count); level++) *nodes_count_out += width(count, level);
  if (nodes_out == NULL || capacity < *nodes_count_out) return ACCEL_GOLDEN_BAD_ARGUMENT;

  memmove(nodes_out, leaf_hashes, count * kHash);
  uint8_t* below = nodes_out;
  for (unsigned level = 1; level <= height(count); level++) {
    const uint64_t nodes_below = width(count, level - 1);
    uint8_t* above = below + nodes_below * kHash;
    for (uint64_t i = 0; i < width(count, level); i++) {
      const uint8_t* left = below + 2 * i * kHash;
      if (2 * i + 1 < nodes_below) {
        accel_golden_merkle_node(above + i * kHash, rule, left, left + kHash);
      } else {
        accel_golden_merkle_lone(above + i * kHash, rule, left);
      }
    }
    below = above;
  }
  return ACCEL_GOLDEN_OK;
}

/* ------------------------------------------------------------------------------------------------ proofs */

int32_t accel_golden_merkle_path(uint8_t* siblings_out, uint64_t capacity, uint64_t* sibling_count_out, uint32_t rule,
                                 const uint8_t* leaf_hashes, uint64_t count, uint64_t index) {
  const tree t = {rule, leaf_hashes, count};
  if (sibling_count_out == NULL || !is_tree(&t) || index >= count) return ACCEL_GOLDEN_BAD_ARGUMENT;
  if (siblings_out == NULL && capacity != 0) return ACCEL_GOLDEN_BAD_ARGUMENT;
  *sibling_count_out = 0;
  for (unsigned level = 0; level < height(count); level++) {
    const uint64_t sibling = index >> level ^ 1;
    if (sibling >= width(count, level)) continue;
    if (*sibling_count_out < capacity) compute_node(siblings_out + *sibling_count_out * kHash, &t, level, sibling);
    *sibling_count_out += 1;
  }
  return *sibling_count_out <= capacity ? ACCEL_GOLDEN_OK : ACCEL_GOLDEN_BAD_ARGUMENT;
}

/* The walk of RFC 9162, section 2.1.3.2, with fn and sn, which meet 0 together at the root; where it skips levels on
 * the tree's right edge, a lone node's parent is what the rule says. Returns the siblings that were used, or UINT64_MAX
 * where one was missing. */
static uint64_t walk(uint8_t node[32], uint32_t rule, uint64_t index, uint64_t tree_size, const uint8_t* siblings,
                     uint64_t sibling_count) {
  uint64_t used = 0;
  for (uint64_t fn = index, sn = tree_size - 1; sn != 0; fn >>= 1, sn >>= 1) {
    const int is_right = (int)(fn & 1), has_sibling = is_right || fn < sn;
    if (!has_sibling) {
      accel_golden_merkle_lone(node, rule, node);
      continue;
    }
    if (used == sibling_count) return UINT64_MAX;
    const uint8_t* sibling = siblings + used++ * kHash;
    accel_golden_merkle_node(node, rule, is_right ? sibling : node, is_right ? node : sibling);
  }
  return used;
}

int32_t accel_golden_merkle_path_root(uint8_t root_out[32], uint32_t rule, const uint8_t leaf_hash[32], uint64_t index,
                                      uint64_t tree_size, const uint8_t* siblings, uint64_t sibling_count) {
  if (root_out == NULL || !is_rule(rule) || leaf_hash == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  if (siblings == NULL && sibling_count != 0) return ACCEL_GOLDEN_BAD_ARGUMENT;
  uint8_t node[kHash];
  memcpy(node, leaf_hash, kHash);
  const int in_tree = index < tree_size && tree_size <= INT64_MAX;
  if (in_tree && walk(node, rule, index, tree_size, siblings, sibling_count) == sibling_count) {
    memcpy(root_out, node, kHash);
    return ACCEL_GOLDEN_OK;
  }
  memset(root_out, 0, kHash);
  return ACCEL_GOLDEN_BAD_PROOF;
}

int32_t accel_golden_merkle_verify(uint32_t rule, const uint8_t root[32], const uint8_t leaf_hash[32], uint64_t index,
                                   uint64_t tree_size, const uint8_t* siblings, uint64_t sibling_count) {
  uint8_t computed[kHash];
  if (root == NULL) return ACCEL_GOLDEN_BAD_ARGUMENT;
  const int32_t status =
      accel_golden_merkle_path_root(computed, rule, leaf_hash, index, tree_size, siblings, sibling_count);
  if (status != ACCEL_GOLDEN_OK) return status;
  return memcmp(computed, root, kHash) == 0 ? ACCEL_GOLDEN_OK : ACCEL_GOLDEN_BAD_PROOF;
}
