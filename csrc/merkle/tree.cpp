#include "merkle/tree.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/pool.hpp"

namespace accel::merkle {
namespace {

// Leaves that a tree without levels takes at a time: 1 MiB of hashes.
constexpr size_t kFrontierBlock = size_t{1} << 15;
// And with a hasher, which several devices may share: 4 MiB of hashes, and as much for the nodes above them.
constexpr size_t kHasherBlock = size_t{1} << 17;

// A tree with levels is hashed in patches of so many leaves (128 KiB), one task of the pool each, as far up as a patch
// has lanes to fill: what was just written is then still in the second cache. The levels above go one after the other.
constexpr uint64_t kPatch = Hasher::kPatch;
constexpr unsigned kPatchLevels = 7;

Hash load_hash(const uint8_t* bytes) {
  Hash hash;
  std::memcpy(hash.data(), bytes, kHashSize);
  return hash;
}

Hash parent_of(const Rule& rule, const Hash& left, const Hash& right) {
  uint8_t pair[kPairSize];
  std::memcpy(pair, left.data(), kHashSize);
  std::memcpy(pair + kHashSize, right.data(), kHashSize);
  Hash parent;
  hash_pairs(rule, parent.data(), pair, 1);
  return parent;
}

Hash parent_of_lone(const Rule& rule, const Hash& child) {
  Hash parent;
  hash_lone(rule, parent.data(), child.data(), 1);
  return parent;
}

}  // namespace

void Tree::append(const Messages& leaves) {
  if (hasher_ != nullptr && leaves.count() != 0) {  // before the lock: whoever reads the tree does not wait for it
    NodeBuffer hashes;
    hashes.reserve(leaves.count());
    hasher_->leaves(rule_, hashes.at(0), leaves);
    append_hashes(hashes.at(0), kHashSize, leaves.count());
    return;
  }
  const auto fill = [&](uint8_t* hashes, size_t begin, size_t end) { hash_leaves(rule_, hashes, leaves, begin, end); };
  append_with({fill, nullptr, leaves.count()});
}

void Tree::append_hashes(const uint8_t* hashes, size_t stride, size_t count) {
  const auto fill = [&](uint8_t* out, size_t begin, size_t end) {
    if (stride == kHashSize) {
      std::memcpy(out, hashes + begin * kHashSize, (end - begin) * kHashSize);
      return;
    }
    for (size_t i = begin; i < end; ++i) std::memcpy(out + (i - begin) * kHashSize, hashes + i * stride, kHashSize);
  };
  append_with({fill, stride == kHashSize ? hashes : nullptr, count});
}

void Tree::append_with(const Leaves& leaves) {
  const size_t count = leaves.count;
  if (count == 0) return;
  const std::unique_lock lock(mutex_);
  if (count > kMaxTreeSize - size_) {
    throw Error(ACCEL_BAD_ARGUMENT, "leaves: a tree has at most 2^63 - 1 leaves, got " + std::to_string(count) +
                                        " more for " + std::to_string(size_));
  }
  if (keep_ == Keep::kAll) {
    append_levels(leaves);
  } else if (hasher_ != nullptr) {
    append_frontier_by_hasher(leaves);
  } else {
    append_frontier(leaves);
  }
}

void Tree::append_levels(const Leaves& leaves) {
  const uint64_t old_size = size_, new_size = old_size + leaves.count;
  const unsigned top = height(new_size);
  if (levels_.size() <= top) levels_.resize(top + 1);
  for (unsigned level = 0; level <= top; ++level) levels_[level].reserve(width(new_size, level));
  // All that can fail comes first: new leaves stand behind the old ones, and hashing levels cannot fail once there are
  // a kernel and a pool. So nothing is overwritten before the append is sure.
  sm3::active_kernel();
  num_threads();
  const bool lie_ready = leaves.hashes != nullptr && top != 0 && hasher_ == nullptr;  // copying them cannot fail
  if (!lie_ready) leaves.fill(levels_[0].at(old_size), 0, leaves.count);
  const uint64_t split = hasher_ != nullptr ? hash_by_hasher(old_size, new_size) : new_size;
  const unsigned low = std::min(top, kPatchLevels);
  const uint64_t first = old_size / kPatch;
  const uint64_t patches = split == old_size ? 0 : (split - 1) / kPatch + 1 - first;
  parallel_for(patches, 1, [&](size_t first_patch, size_t end_patch) {
    for (size_t patch = first_patch; patch < end_patch; ++patch) {
      const uint64_t begin = std::max(old_size, (first + patch) * kPatch);
      const uint64_t end = std::min(split, (first + patch + 1) * kPatch);
      if (lie_ready) take_leaves(leaves.hashes + (begin - old_size) * kHashSize, begin, end);
      for (unsigned level = lie_ready ? 1 : 0; level < low; ++level) hash_level(level, begin, end);
    }
  });
  for (unsigned level = low; level < top; ++level) hash_level(level, old_size, new_size);
  size_ = new_size;
}

// Copies the hashes of new leaves [begin, end) into level 0 and makes their parents in level 1 meanwhile. `end` as for
// hash_level.
void Tree::take_leaves(const uint8_t* hashes, uint64_t begin, uint64_t end) {
  const uint64_t left = begin + begin % 2;              // the first new one that is a left child
  const uint64_t last = std::max(left, end - end % 2);  // one without a sibling, or `end`
  std::memcpy(levels_[0].at(begin), hashes, (left - begin) * kHashSize);
  hash_level(0, begin, left);
  hash_pairs(rule_, levels_[1].at(left / 2), hashes + (left - begin) * kHashSize, (last - left) / 2,
             levels_[0].at(left));
  std::memcpy(levels_[0].at(last), hashes + (last - begin) * kHashSize, (end - last) * kHashSize);
  hash_level(0, last, end);
}

// The hasher takes patches that begin behind the old leaves: none of their nodes is one of the old tree's, which stays
// as it is when the hasher fails. Levels above kPatchLevels are few nodes, and are hashed again with those above them.
// Gives the leaf from which on the lower levels are done.
uint64_t Tree::hash_by_hasher(uint64_t old_size, uint64_t new_size) {
  const uint64_t begin = (old_size + kPatch - 1) / kPatch * kPatch;
  if (begin >= new_size) return new_size;
  const unsigned top = height(new_size);
  std::vector<uint8_t*> levels;
  for (unsigned level = 1; level <= std::min(top, height(kPatch)); ++level) {
    levels.push_back(levels_[level].at(begin >> level));
  }
  hasher_->levels(rule_, levels, levels_[0].at(begin), new_size - begin);
  const uint64_t rest = new_size % kPatch;  // the last patch's, whose one node is lone on the levels above it
  if (rest != 0) {
    for (unsigned level = height(rest); level < std::min(top, kPatchLevels); ++level) {
      hash_level(level, new_size - rest, new_size);
    }
  }
  return begin;
}

// The parents in level `level` + 1 that leaves [begin, end) make or change. `end` is the tree's new size, or a multiple
// of 2^(level + 1): then no node is alone.
void Tree::hash_level(unsigned level, uint64_t begin, uint64_t end) {
  const NodeBuffer& nodes = levels_[level];
  NodeBuffer& parents = levels_[level + 1];
  const uint64_t count = width(end, level), pairs = count / 2;
  const uint64_t first = (begin >> level) >> 1;  // parent of the first node that is new or changed
  if (first < pairs) hash_pairs(rule_, parents.at(first), nodes.at(2 * first), pairs - first);
  if (count % 2 != 0) hash_lone(rule_, parents.at(pairs), nodes.at(count - 1), 1);
}

void Tree::append_frontier(const Leaves& leaves) {
  // One place before the nodes is for the frontier's node of that level, and one makes pairs begin a cache line.
  const size_t count = leaves.count, block = std::min(count, kFrontierBlock);
  NodeBuffer nodes, parents;
  nodes.reserve(block + 2);
  parents.reserve(block / 2 + 3);
  Frontier frontier = frontier_;
  uint64_t size = size_;
  for (size_t done = 0; done < count; done += block) {
    const size_t chunk = std::min(block, count - done);
    const uint8_t* hashes = nodes.at(2);
    if (leaves.hashes != nullptr && size % 2 == 0) {
      hashes = leaves.hashes + done * kHashSize;
    } else {
      leaves.fill(nodes.at(2), done, done + chunk);
    }
    grow_frontier(frontier, size, hashes, nodes.at(1), parents.at(1), chunk);
    size += chunk;
  }
  frontier_ = frontier;
  size_ = size;
}

// The same with the hasher, which takes patches that begin behind the old leaves, as for a tree with levels.
void Tree::append_frontier_by_hasher(const Leaves& leaves) {
  const size_t count = leaves.count;
  NodeBuffer hashes, nodes, parents;
  if (leaves.hashes == nullptr) hashes.reserve(std::min(count, kHasherBlock));
  nodes.reserve(kPatch + 1);  // for leaves before the first whole patch
  parents.reserve(kPatch / 2 + 2);
  Frontier frontier = frontier_;
  uint64_t size = size_;
  for (size_t done = 0, chunk; done < count; done += chunk) {
    const size_t before = size % kPatch == 0 ? 0 : kPatch - size % kPatch;
    chunk = std::min(count - done, before != 0 ? before : kHasherBlock);
    if (before != 0) {
      leaves.fill(nodes.at(1), done, done + chunk);
      grow_frontier(frontier, size, nodes.at(1), nodes.at(0), parents.at(0), chunk);
    } else if (leaves.hashes != nullptr) {
      grow_frontier_by_hasher(frontier, size, leaves.hashes + done * kHashSize, chunk);
    } else {
      leaves.fill(hashes.at(0), done, done + chunk);
      grow_frontier_by_hasher(frontier, size, hashes.at(0), chunk);
    }
    size += chunk;
  }
  frontier_ = frontier;
  size_ = size;
}

// Adds `count` leaf hashes to a frontier over `size` leaves, a multiple of kPatch. Of a last patch that is not whole
// the nodes that are complete stay in the frontier; the others change as the tree grows.
void Tree::grow_frontier_by_hasher(Frontier& frontier, uint64_t size, const uint8_t* leaves, size_t count) const {
  constexpr unsigned kPatchTop = height(kPatch);
  std::vector<NodeBuffer> levels(std::min(height(count), kPatchTop));
  std::vector<uint8_t*> made;
  for (unsigned level = 1; level <= levels.size(); ++level) {
    levels[level - 1].reserve(width(count, level));
    made.push_back(levels[level - 1].at(0));
  }
  if (!made.empty()) hasher_->levels(rule_, made, leaves, count);
  for (unsigned level = 0; level < kPatchTop; ++level) {
    if ((count >> level & 1) == 0) continue;
    const uint8_t* const nodes = level == 0 ? leaves : made[level - 1];
    frontier[level] = load_hash(nodes + ((count >> level) - 1) * kHashSize);
  }
  const size_t patches = count / kPatch;
  if (patches == 0) return;
  NodeBuffer nodes, parents;
  nodes.reserve(patches + 1);
  parents.reserve(patches / 2 + 2);
  std::memcpy(nodes.at(1), made[kPatchTop - 1], patches * kHashSize);
  grow_frontier(frontier, size, nodes.at(1), nodes.at(0), parents.at(0), patches, kPatchTop);
}

// Adds `count` complete nodes of a level, the leaves' if none is given, to a frontier over `size` leaves. They stand at
// nodes + 32, or, if their level has an even number of nodes, anywhere. Both buffers are used up.
void Tree::grow_frontier(Frontier& frontier, uint64_t size, const uint8_t* first, uint8_t* nodes, uint8_t* parents,
                         size_t count, unsigned level) const {
  for (; count != 0; ++level, first = nodes + kHashSize) {
    if ((size >> level & 1) != 0) {
      first = nodes;
      std::memcpy(nodes, frontier[level].data(), kHashSize);
      ++count;
    }
    if (count % 2 != 0) frontier[level] = load_hash(first + (count - 1) * kHashSize);
    count /= 2;
    hash_pairs(rule_, parents + kHashSize, first, count);
    std::swap(nodes, parents);
  }
}

Hash Tree::frontier_root() const {
  std::optional<Hash> edge;  // the incomplete node at the level's end, if there is one
  unsigned level = 0;
  for (; width(size_, level) > 1; ++level) {
    const bool odd = (size_ >> level & 1) != 0;  // frontier_[level] is a left child, or lone when nothing follows
    if (odd) {
      edge = edge ? parent_of(rule_, frontier_[level], *edge) : parent_of_lone(rule_, frontier_[level]);
    } else if (edge) {
      edge = parent_of_lone(rule_, *edge);
    }
  }
  return edge ? *edge : frontier_[level];
}

Head Tree::head() const {
  const std::shared_lock lock(mutex_);
  if (size_ == 0) return {0, empty_root(rule_)};
  if (keep_ == Keep::kRoot) return {size_, frontier_root()};
  return {size_, load_hash(node(height(size_), 0))};
}

Hash Tree::leaf_hash(uint64_t index) const {
  const std::shared_lock lock(mutex_);
  require_levels("leaf hashes");
  return load_hash(node(0, require_leaf("index", index)));
}

void Tree::require_levels(const char* what) const {
  if (keep_ == Keep::kAll) return;
  throw Error(ACCEL_BAD_ARGUMENT,
              std::string("tree: ") + what + " need a tree that keeps all levels, and this one keeps the root only");
}

uint64_t Tree::require_leaf(const char* name, uint64_t index) const {
  if (index < size_) return index;
  throw Error(ACCEL_BAD_ARGUMENT, std::string(name) + ": expected below the tree's size of " + std::to_string(size_) +
                                      " leaves, got " + std::to_string(index));
}

}  // namespace accel::merkle
