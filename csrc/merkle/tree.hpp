// A Merkle tree that grows at its right edge.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <span>
#include <utility>
#include <vector>

#include "base/messages.hpp"
#include "merkle/node_buffer.hpp"
#include "merkle/rule.hpp"
#include "merkle/shape.hpp"

namespace accel::merkle {

enum class Keep : uint32_t { kAll = ACCEL_MERKLE_KEEP_ALL, kRoot = ACCEL_MERKLE_KEEP_ROOT };

struct Head {
  uint64_t size;
  Hash root;
};

// What hashes for trees in place of the CPU's kernels. Throws when it cannot.
class Hasher {
 public:
  // Leaves of a patch: a power of two.
  static constexpr size_t kPatch = 4096;

  virtual ~Hasher() = default;
  virtual void leaves(const Rule& rule, uint8_t* hashes, const Messages& leaves) = 0;
  // Each patch of `count` leaf hashes by itself, the last perhaps not whole: its levels up to the first with one node.
  // levels[k - 1] is where the nodes of level k go: those of leaf i belong to node i >> k.
  virtual void levels(const Rule& rule, const std::vector<uint8_t*>& levels, const uint8_t* leaf_hashes,
                      size_t count) = 0;
};

// Any number of threads may call anything at once: append waits for readers and keeps them out.
class Tree {
 public:
  // hasher: null: the CPU's kernels.
  Tree(const Rule& rule, Keep keep, std::shared_ptr<Hasher> hasher = nullptr)
      : rule_(rule), keep_(keep), hasher_(std::move(hasher)) {}

  // All or nothing: an exception leaves the tree as it was.
  void append(const Messages& leaves);
  void append_hashes(const uint8_t* hashes, size_t stride, size_t count);

  Head head() const;
  Hash leaf_hash(uint64_t index) const;

  // Encoded proofs; throw Error(ACCEL_BAD_ARGUMENT) for what this tree cannot prove. They return the length that is
  // needed, and write the proofs only if `out` has it. Proof i begins at offsets[i].
  // offsets: int64_t[count + 1], which need not be aligned.
  uint64_t prove_many(std::span<uint8_t> out, void* offsets, std::span<const uint64_t> indices) const;
  uint64_t multiproof(std::span<uint8_t> out, std::span<const uint64_t> indices) const;
  uint64_t consistency(std::span<uint8_t> out, uint64_t first_size, uint64_t second_size) const;

 private:
  // Writes the hashes of new leaves [begin, end), counted from the first new one.
  using Fill = std::function<void(uint8_t* hashes, size_t begin, size_t end)>;
  // The last complete node of each level whose number of complete nodes is odd: the bits of the size.
  using Frontier = std::array<Hash, kMaxHeight>;

  struct Leaves {
    const Fill& fill;
    const uint8_t* hashes;  // where they lie ready, one after the other, and fill copies them; else nullptr
    size_t count;
  };

  void append_with(const Leaves& leaves);
  void append_levels(const Leaves& leaves);
  void append_frontier(const Leaves& leaves);
  void append_frontier_by_hasher(const Leaves& leaves);
  void grow_frontier_by_hasher(Frontier& frontier, uint64_t size, const uint8_t* leaves, size_t count) const;
  void grow_frontier(Frontier& frontier, uint64_t size, const uint8_t* first, uint8_t* nodes, uint8_t* parents,
                     size_t count, unsigned level = 0) const;
  void take_leaves(const uint8_t* hashes, uint64_t begin, uint64_t end);
  uint64_t hash_by_hasher(uint64_t old_size, uint64_t new_size);
  void hash_level(unsigned level, uint64_t begin, uint64_t end);
  Hash frontier_root() const;

  void require_levels(const char* what) const;
  uint64_t require_leaf(const char* name, uint64_t index) const;
  const uint8_t* node(unsigned level, uint64_t position) const { return levels_[level].at(position); }
  void write_path(uint8_t* out, uint64_t index) const;
  Hash range_root(uint64_t begin, uint64_t end) const;
  void consistency_nodes(std::vector<Hash>& nodes, uint64_t first_size, uint64_t second_size) const;

  const Rule& rule_;
  const Keep keep_;
  const std::shared_ptr<Hasher> hasher_;
  mutable std::shared_mutex mutex_;
  uint64_t size_ = 0;
  std::vector<NodeBuffer> levels_;  // kAll: levels 0 .. height(size), and perhaps empty ones above after a failure
  Frontier frontier_{};             // kRoot
};

}  // namespace accel::merkle
