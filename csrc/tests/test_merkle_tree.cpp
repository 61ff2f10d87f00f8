// Trees against a plain level-by-level computation with the library's streaming hash: shapes, appends, proofs.
// The tests in Python compare with the reference and with published vectors.
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "accel/accel.h"
#include "base/error.hpp"
#include "base/pool.hpp"
#include "merkle/proof.hpp"
#include "merkle/shape.hpp"
#include "merkle/tree.hpp"
#include "merkle/verify.hpp"
#include "sm3/sm3.hpp"

namespace accel::merkle {
namespace {

constexpr uint32_t kRuleIds[] = {ACCEL_MERKLE_RFC9162, ACCEL_MERKLE_CHAINMAKER, ACCEL_MERKLE_BCOS};

Hash sm3_of(std::initializer_list<std::pair<const uint8_t*, size_t>> parts) {
  sm3::Stream stream;
  for (const auto& [data, size] : parts) stream.update(data, size);
  Hash hash;
  stream.digest(hash.data());
  return hash;
}

std::vector<Hash> some_hashes(size_t count) {
  std::vector<Hash> hashes(count);
  for (size_t i = 0; i < count; ++i) {
    const uint64_t number = i;
    hashes[i] = sm3_of({{reinterpret_cast<const uint8_t*>(&number), sizeof number}});
  }
  return hashes;
}

Hash plain_parent(uint32_t rule, const Hash& left, const Hash& right) {
  const uint8_t prefix = 1;
  return sm3_of({{&prefix, rule == ACCEL_MERKLE_RFC9162 ? 1 : 0}, {left.data(), 32}, {right.data(), 32}});
}

Hash plain_lone(uint32_t rule, const Hash& child) {
  if (rule == ACCEL_MERKLE_RFC9162) return child;
  return rule == ACCEL_MERKLE_CHAINMAKER ? sm3_of({{child.data(), 32}, {child.data(), 32}})
                                         : sm3_of({{child.data(), 32}});
}

Hash plain_root(uint32_t rule, std::vector<Hash> level) {
  if (level.empty()) return rule == ACCEL_MERKLE_RFC9162 ? sm3_of({}) : Hash{};
  while (level.size() > 1) {
    std::vector<Hash> above;
    for (size_t i = 0; i + 1 < level.size(); i += 2) above.push_back(plain_parent(rule, level[i], level[i + 1]));
    if (level.size() % 2 != 0) above.push_back(plain_lone(rule, level.back()));
    level = above;
  }
  return level[0];
}

void append(Tree& tree, const std::vector<Hash>& hashes, size_t begin, size_t end) {
  tree.append_hashes(hashes.data()->data() + begin * kHashSize, kHashSize, end - begin);
}

// Hashes on the CPU, counts leaves below the levels that it made, and fails when it is told to.
class CountingHasher final : public Hasher {
 public:
  void leaves(const Rule& rule, uint8_t* hashes, const Messages& leaves) override {
    hash_leaves(rule, hashes, leaves, 0, leaves.count());
  }
  void levels(const Rule& rule, const std::vector<uint8_t*>& levels, const uint8_t* leaf_hashes,
              size_t count) override {
    if (fails) throw Error(ACCEL_BAD_DEVICE, "device: failed");
    for (size_t begin = 0; begin < count; begin += kPatch) {
      const uint8_t* nodes = leaf_hashes + begin * kHashSize;
      size_t width = std::min(kPatch, count - begin), place = begin;
      for (unsigned level = 0; width > 1; ++level, width = (width + 1) / 2) {
        place /= 2;
        uint8_t* const parents = levels[level] + place * kHashSize;
        hash_pairs(rule, parents, nodes, width / 2);
        if (width % 2 != 0) hash_lone(rule, parents + width / 2 * kHashSize, nodes + (width - 1) * kHashSize, 1);
        nodes = parents;
      }
    }
    hashed += count;
  }

  bool fails = false;
  size_t hashed = 0;
};

class MerkleRules : public testing::TestWithParam<uint32_t> {
 protected:
  const Rule& rule() const { return find_rule(GetParam()); }
};

// Everything but what shares a patch with older leaves goes to the hasher; also where leaves lie apart, and beyond a
// block.
TEST_P(MerkleRules, ATreeWithoutLevelsGrowsByAHasher) {
  const std::vector<Hash> hashes = some_hashes(150'000);
  const auto hasher = std::make_shared<CountingHasher>();
  Tree tree(rule(), Keep::kRoot, hasher), expected(rule(), Keep::kRoot);
  size_t size = 0, hashed = 0;
  for (const size_t count : {2u, 1u, 4093u, 4096u, 1u, 4095u, 4097u, 5000u, 127'000u, 613u}) {
    const size_t first = (size + Hasher::kPatch - 1) / Hasher::kPatch * Hasher::kPatch;
    if (size + count > first + 1) hashed += size + count - first;  // one leaf has no levels
    hasher->fails = true;
    if (size + count > first + 1) {
      EXPECT_THROW(append(tree, hashes, size, size + count), Error);
    }
    hasher->fails = false;
    EXPECT_EQ(tree.head().size, size);
    EXPECT_EQ(tree.head().root, expected.head().root) << size;
    append(tree, hashes, size, size + count);
    append(expected, hashes, size, size + count);
    size += count;
    EXPECT_EQ(tree.head().root, expected.head().root) << size;
    EXPECT_EQ(hasher->hashed, hashed) << size;
  }
  std::vector<uint8_t> apart(size * 40);
  for (size_t i = 0; i < size; ++i) std::memcpy(&apart[40 * i], hashes[i].data(), kHashSize);
  Tree strided(rule(), Keep::kRoot, hasher);
  strided.append_hashes(apart.data(), 40, size);
  EXPECT_EQ(strided.head().root, expected.head().root);
  EXPECT_EQ(hasher->hashed, hashed + size);
}

TEST_P(MerkleRules, RootsOfAllSmallTreesHoweverTheyGrew) {
  const std::vector<Hash> hashes = some_hashes(140);
  Tree grown_all(rule(), Keep::kAll), grown_root(rule(), Keep::kRoot);
  for (size_t size = 0; size <= hashes.size(); ++size) {
    const Hash expected = plain_root(GetParam(), {hashes.begin(), hashes.begin() + static_cast<ptrdiff_t>(size)});
    Tree all(rule(), Keep::kAll), root(rule(), Keep::kRoot);
    append(all, hashes, 0, size);
    append(root, hashes, 0, size / 3);
    append(root, hashes, size / 3, size);
    EXPECT_EQ(all.head().root, expected) << size;
    EXPECT_EQ(root.head().root, expected) << size;
    EXPECT_EQ(grown_all.head().root, expected) << size;
    EXPECT_EQ(grown_root.head().root, expected) << size;
    if (size == hashes.size()) break;
    append(grown_all, hashes, size, size + 1);
    append(grown_root, hashes, size, size + 1);
  }
}

// More leaves than a tree without levels takes at a time, and more than one task of the pool.
TEST_P(MerkleRules, BlocksOfTheFrontierJoin) {
  const std::vector<Hash> hashes = some_hashes((size_t{1} << 16) + 77);
  Tree all(rule(), Keep::kAll), root(rule(), Keep::kRoot);
  append(all, hashes, 0, hashes.size());
  append(root, hashes, 0, 5);
  append(root, hashes, 5, hashes.size());
  const Hash expected = plain_root(GetParam(), hashes);
  EXPECT_EQ(all.head().root, expected);
  EXPECT_EQ(root.head().root, expected);
}

// Growth that begins and ends inside, at and beside the patches in which levels are hashed.
TEST_P(MerkleRules, PatchesJoin) {
  const std::vector<Hash> hashes = some_hashes(20003);
  Tree all(rule(), Keep::kAll), root(rule(), Keep::kRoot);
  size_t size = 0;
  for (const size_t next : {1, 127, 128, 131, 4095, 4096, 4097, 8191, 12289, 12290, 16384, 20003}) {
    append(all, hashes, size, next);
    append(root, hashes, size, next);
    size = next;
    const Hash expected = plain_root(GetParam(), {hashes.begin(), hashes.begin() + static_cast<ptrdiff_t>(size)});
    EXPECT_EQ(all.head().root, expected) << size;
    EXPECT_EQ(root.head().root, expected) << size;
  }
}

TEST_P(MerkleRules, AppendThatFailsChangesNothing) {
  const std::vector<Hash> hashes = some_hashes(21);
  for (const Keep keep : {Keep::kAll, Keep::kRoot}) {
    Tree tree(rule(), keep);
    append(tree, hashes, 0, 21);
    // The offsets hold when the batch is made, and no longer when it is read.
    std::vector<uint8_t> data(3000);
    std::vector<int64_t> offsets{0, 1000, 2000, 3000};
    accel_messages view = {};
    view.struct_size = sizeof(view);
    view.layout = ACCEL_LAYOUT_RAGGED64;
    view.data = data.data();
    view.data_size = data.size();
    view.offsets = offsets.data();
    const Messages leaves(&view, 3, "leaves");
    offsets[2] = -1;
    EXPECT_THROW(tree.append(leaves), Error);
    EXPECT_EQ(tree.head().size, 21u);
    EXPECT_EQ(tree.head().root, plain_root(GetParam(), hashes));
    offsets[2] = 2000;
    tree.append(leaves);
    EXPECT_EQ(tree.head().size, 24u);
  }
}

TEST_P(MerkleRules, LeavesByDataAndByHashAgree) {
  std::vector<uint8_t> data(100 * 37);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<uint8_t>(i * 7);
  const Messages leaves(data.data(), 37, 37, 100);
  std::vector<Hash> hashes(100);
  hash_leaves(rule(), hashes.data()->data(), leaves, 0, 100);
  const uint8_t prefix = 0;
  const size_t prefix_size = GetParam() == ACCEL_MERKLE_RFC9162 ? 1 : 0;
  EXPECT_EQ(hashes[99], sm3_of({{&prefix, prefix_size}, {data.data() + 99 * 37, 37}}));
  Tree by_data(rule(), Keep::kAll), by_hash(rule(), Keep::kAll);
  by_data.append(leaves);
  append(by_hash, hashes, 0, 100);
  EXPECT_EQ(by_data.head().root, by_hash.head().root);
  EXPECT_EQ(by_data.leaf_hash(42), hashes[42]);
}

TEST_P(MerkleRules, MoreLeavesThanMemory) {
  // One hash for 2^50 leaves. Nothing of it is read: there is no memory for the levels.
  const std::vector<Hash> hashes = some_hashes(5);
  Tree tree(rule(), Keep::kAll);
  append(tree, hashes, 0, 5);
  const Hash before = tree.head().root;
  EXPECT_THROW(tree.append_hashes(hashes[0].data(), 0, size_t{1} << 50), std::bad_alloc);
  EXPECT_EQ(tree.head().size, 5u);
  EXPECT_EQ(tree.head().root, before);
}

TEST_P(MerkleRules, EveryProofOfEverySmallTreeVerifies) {
  const std::vector<Hash> hashes = some_hashes(70);
  for (size_t size = 1; size <= hashes.size(); ++size) {
    Tree tree(rule(), Keep::kAll);
    append(tree, hashes, 0, size);
    std::vector<uint64_t> indices(size), sizes(size, size);
    for (size_t i = 0; i < size; ++i) indices[i] = i;
    std::vector<int64_t> offsets(size + 1);
    std::vector<uint8_t> proofs(tree.prove_many({}, offsets.data(), indices));
    ASSERT_EQ(tree.prove_many(proofs, offsets.data(), indices), proofs.size());
    accel_messages view = {};
    view.struct_size = sizeof(view);
    view.layout = ACCEL_LAYOUT_RAGGED64;
    view.data = proofs.data();
    view.data_size = proofs.size();
    view.offsets = offsets.data();
    const Messages batch(&view, size, "proofs");
    const Hash root = tree.head().root;
    std::vector<uint8_t> status(size);
    const Strided wanted{reinterpret_cast<const uint8_t*>(sizes.data()), 8};
    verify_inclusion(status.data(), {rule(), {root.data(), 0}, wanted, {hashes.data()->data(), 32}, batch});
    EXPECT_EQ(status, std::vector<uint8_t>(size, ACCEL_OK)) << size;
    // One leaf further: every proof belongs to another leaf.
    if (size == hashes.size()) break;
    verify_inclusion(status.data(), {rule(), {root.data(), 0}, wanted, {hashes[1].data(), 32}, batch});
    EXPECT_EQ(status, std::vector<uint8_t>(size, ACCEL_BAD_PROOF)) << size;
  }
}

INSTANTIATE_TEST_SUITE_P(All, MerkleRules, testing::ValuesIn(kRuleIds),
                         [](const auto& instance) { return find_rule(instance.param).name; });

TEST(MerkleShape, PathLengthCountsTheLevelsWithASibling) {
  for (uint64_t size = 1; size <= 300; ++size) {
    for (uint64_t index = 0; index < size; ++index) {
      unsigned expected = 0;
      for (unsigned level = 0; width(size, level) > 1; ++level) expected += ((index >> level) ^ 1) < width(size, level);
      ASSERT_EQ(path_length(index, size), expected) << index << " of " << size;
    }
  }
}

TEST(MerkleShape, LargestTree) {
  EXPECT_EQ(height(kMaxTreeSize), kMaxHeight);
  EXPECT_EQ(width(kMaxTreeSize, kMaxHeight), 1u);
  EXPECT_EQ(width(kMaxTreeSize, 1), UINT64_C(1) << 62);
  EXPECT_EQ(path_length(0, kMaxTreeSize), 63u);
  EXPECT_EQ(path_length(kMaxTreeSize - 1, kMaxTreeSize), 62u);  // lone on the lowest level only
  EXPECT_EQ(consistency_length(kMaxTreeSize, kMaxTreeSize), 0u);
  EXPECT_LE(consistency_length(kMaxTreeSize - 1, kMaxTreeSize), 64u);
  EXPECT_EQ(encoded_size(ACCEL_MERKLE_INCLUSION, 1, 63), ACCEL_MERKLE_MAX_INCLUSION_PROOF);
}

// For the thread sanitizer above all: every answer fits the tree before or after an append.
TEST(MerkleTree, ReadersSeeNothingInBetween) {
  const std::vector<Hash> hashes = some_hashes(400);
  const Rule& rule = find_rule(ACCEL_MERKLE_RFC9162);
  std::vector<Hash> roots;
  for (size_t size = 0; size <= hashes.size(); ++size) {
    roots.push_back(plain_root(rule.id, {hashes.begin(), hashes.begin() + static_cast<ptrdiff_t>(size)}));
  }
  for (const Keep keep : {Keep::kAll, Keep::kRoot}) {
    Tree tree(rule, keep);
    append(tree, hashes, 0, 1);
    std::atomic<bool> done{false};
    std::atomic<int> wrong{0};
    const auto read = [&] {
      while (!done) {
        const Head head = tree.head();
        wrong += head.root != roots[head.size];
        if (keep == Keep::kRoot) continue;
        const uint64_t index = head.size - 1;
        uint8_t encoded[ACCEL_MERKLE_MAX_INCLUSION_PROOF];
        int64_t offsets[2];
        const uint64_t length = tree.prove_many(encoded, offsets, {&index, 1});
        const Messages proofs(encoded, 0, length, 1);
        const Hash& root = roots[load_be64(encoded + 4)];
        uint8_t status = ACCEL_NOT_CHECKED;
        verify_inclusion(&status, {rule, {root.data(), 0}, {nullptr, 0}, {hashes[index].data(), 0}, proofs});
        wrong += status != ACCEL_OK;
      }
    };
    std::thread one(read), other(read);
    for (size_t size = 1; size < hashes.size(); ++size) append(tree, hashes, size, size + 1);
    done = true;
    one.join();
    other.join();
    EXPECT_EQ(wrong, 0);
  }
}

TEST(MerkleTree, RefusesMoreLeavesThanASizeHolds) {
  // 2^63 leaves in one call; the array is as long as one hash and repeated by its stride, and must not be read.
  const Hash hash{};
  Tree tree(find_rule(ACCEL_MERKLE_RFC9162), Keep::kRoot);
  EXPECT_THROW(tree.append_hashes(hash.data(), 0, size_t{1} << 63), Error);
  EXPECT_EQ(tree.head().size, 0u);
}

}  // namespace
}  // namespace accel::merkle
