// Buffers that one tree leaves to the next: limits, threads, fork, and that nothing of the first is seen in the second.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "merkle/node_buffer.hpp"
#include "merkle/recycler.hpp"
#include "merkle/tree.hpp"
#include "sanitizer.hpp"
#include "sm3/sm3.hpp"

namespace accel::merkle {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

std::vector<uint8_t> leaves_of(uint8_t seed, size_t count) {
  std::vector<uint8_t> leaves(count * kHashSize);
  for (size_t i = 0; i < leaves.size(); ++i) leaves[i] = static_cast<uint8_t>(i * 131 + i / 251 + seed);
  return leaves;
}

// Level by level, one node after the other, by bcos's rule.
Hash plain_root(std::vector<uint8_t> level) {
  while (level.size() > kHashSize) {
    std::vector<uint8_t> above;
    for (size_t at = 0; at < level.size(); at += kPairSize) {
      sm3::Stream stream;
      stream.update(level.data() + at, std::min(kPairSize, level.size() - at));
      above.resize(above.size() + kHashSize);
      stream.digest(above.data() + above.size() - kHashSize);
    }
    level = above;
  }
  Hash root;
  std::memcpy(root.data(), level.data(), kHashSize);
  return root;
}

Hash tree_root(const std::vector<uint8_t>& leaves, Keep keep) {
  Tree tree(find_rule(ACCEL_MERKLE_BCOS), keep);
  tree.append_hashes(leaves.data(), kHashSize, leaves.size() / kHashSize);
  return tree.head().root;
}

TEST(MerkleRecycler, GivesTheSmallestThatFits) {
  Recycler recycler;
  std::vector<std::pair<uint8_t*, size_t>> buffers;
  for (const size_t wanted : {4 * kMiB, kMiB, 2 * kMiB}) {
    size_t size = wanted;
    uint8_t* const data = recycler.take(&size);
    ASSERT_GE(size, wanted);
    std::memset(data, 1, size);
    buffers.emplace_back(data, size);
  }
  for (const auto& [data, size] : buffers) recycler.put(data, size);
  EXPECT_EQ(3u, recycler.kept_buffers());
  EXPECT_EQ(7 * kMiB, recycler.kept_bytes());
  size_t size = kMiB + 1;
  EXPECT_EQ(buffers[2].first, recycler.take(&size));
  EXPECT_EQ(2 * kMiB, size);
  recycler.put(buffers[2].first, size);
  // All that is kept is too large for this, and too small for that.
  for (const size_t wanted : {Recycler::kSmallest / 2, 4 * kMiB + 1}) {
    size = wanted;
    uint8_t* const fresh = recycler.take(&size);
    EXPECT_EQ(3u, recycler.kept_buffers()) << wanted;
    Recycler().put(fresh, size);
  }
}

TEST(MerkleRecycler, KeepsNoMoreThanItsLimits) {
  Recycler recycler;
  const auto put_new = [&](size_t size) {
    Recycler source;
    uint8_t* const data = source.take(&size);
    recycler.put(data, size);
    EXPECT_LE(recycler.kept_bytes(), Recycler::kMostBytes);
    EXPECT_LE(recycler.kept_buffers(), Recycler::kMostBuffers);
  };
  put_new(Recycler::kMostBytes + 1);
  EXPECT_EQ(0u, recycler.kept_buffers());
  for (size_t i = 0; i < 3 * Recycler::kMostBuffers; ++i) put_new(Recycler::kSmallest);
  EXPECT_EQ(Recycler::kMostBuffers, recycler.kept_buffers());
  for (size_t i = 0; i < 10; ++i) put_new(Recycler::kMostBytes / 4);
  EXPECT_EQ(4u, recycler.kept_buffers());
  put_new(Recycler::kMostBytes);
  EXPECT_EQ(1u, recycler.kept_buffers());
}

// Buffers grow one node at a time across the border between the allocator's and ours.
TEST(MerkleRecycler, SmallBuffersBecomeLarge) {
  for (uint64_t first = Recycler::kSmallest / kHashSize - 3; first < Recycler::kSmallest / kHashSize + 3; ++first) {
    NodeBuffer buffer;
    buffer.reserve(first);
    EXPECT_EQ(0u, reinterpret_cast<uintptr_t>(buffer.at(0)) % 64);
    for (uint64_t i = 0; i < 4 * first; ++i) {
      buffer.reserve(i + 1);
      std::memcpy(buffer.at(i), &i, sizeof(i));
    }
    for (uint64_t i = 0; i < 4 * first; ++i) ASSERT_EQ(0, std::memcmp(buffer.at(i), &i, sizeof(i))) << first;
  }
}

// Grows a buffer of `before` bytes to more than `after`, once `prepare` has had it.
template <typename Prepare>
void expect_growth(size_t before, size_t after, const Prepare& prepare) {
  Recycler recycler;
  size_t size = before;
  uint8_t* data = recycler.take(&size);
  for (size_t i = 0; i < size; ++i) data[i] = static_cast<uint8_t>(i % 251);
  prepare(data, size);
  size_t grown = after;
  data = Recycler::grow(data, size, &grown);
  ASSERT_GE(grown, after);
  for (size_t i = 0; i < size; ++i) ASSERT_EQ(i % 251, data[i]);
  data[grown - 1] = 1;
  recycler.put(data, grown);
}

// Of sizes with and without room for huge pages of 2 MiB, in every position that the system gives them.
TEST(MerkleRecycler, GrowingKeepsWhatIsThere) {
  for (const size_t before : {kMiB, 2 * kMiB, 3 * kMiB, 5 * kMiB, 9 * kMiB + 1}) {
    expect_growth(before, 10 * kMiB + 1, [](uint8_t*, size_t) {});
  }
}

// Advice for a part of a buffer makes several mappings of it.
void split_mapping(uint8_t* data, size_t size) {
  ASSERT_EQ(0, madvise(data + size / 3, size / 3, MADV_DONTFORK)) << std::strerror(errno);
}

// Linux says EFAULT; qemu-user moves the parts.
bool mremap_refuses_parts() {
  Recycler recycler;
  size_t size = 3 * kMiB;
  uint8_t* const data = recycler.take(&size);
  split_mapping(data, size);
  void* const moved = mremap(data, size, 10 * kMiB, MREMAP_MAYMOVE);
  if (moved == MAP_FAILED) {
    recycler.put(data, size);
    return true;
  }
  munmap(moved, 10 * kMiB);
  return false;
}

TEST(MerkleRecycler, GrowsWhatIsMappedInParts) {
  if (!mremap_refuses_parts()) GTEST_SKIP() << "mremap moves several mappings at once here";
  expect_growth(3 * kMiB, 10 * kMiB, split_mapping);
}

// Each tree is smaller or larger than the one before, so that buffers with old nodes in them serve again.
TEST(MerkleRecycler, NextTreeSeesNothingOfTheLast) {
  uint8_t seed = 0;
  for (const size_t count : {70000, 40001, 69999, 8193, 33333, 120001}) {
    const std::vector<uint8_t> leaves = leaves_of(++seed, count);
    const Hash expected = plain_root(leaves);
    for (const Keep keep : {Keep::kAll, Keep::kRoot}) EXPECT_EQ(expected, tree_root(leaves, keep)) << count;
    Tree tree(find_rule(ACCEL_MERKLE_BCOS), Keep::kAll);
    tree.append_hashes(leaves.data(), kHashSize, count / 2);
    EXPECT_THROW(tree.leaf_hash(count / 2), Error);
    tree.append_hashes(leaves.data() + count / 2 * kHashSize, kHashSize, count - count / 2);
    EXPECT_EQ(expected, tree.head().root);
    EXPECT_EQ(0, std::memcmp(tree.leaf_hash(count - 1).data(), leaves.data() + (count - 1) * kHashSize, kHashSize));
    EXPECT_THROW(tree.leaf_hash(count), Error);
  }
}

// Trees of several threads, one after the other, each of other leaves.
class Growers {
 public:
  explicit Growers(size_t count) {
    for (uint8_t t = 0; t < count; ++t) {
      leaves_.push_back(leaves_of(t, 20000 + t * 1000u));
      roots_.push_back(plain_root(leaves_.back()));
    }
  }
  void start(size_t trees) {
    for (size_t t = 0; t < leaves_.size(); ++t) {
      threads_.emplace_back([this, t, trees] {
        for (size_t i = 0; i < trees && !stop_; ++i) wrong_ += is_right(t) ? 0 : 1;
      });
    }
  }
  void stop() { stop_ = true; }
  size_t join() {
    for (std::thread& thread : threads_) thread.join();
    return wrong_;
  }
  bool is_right(size_t t) const { return tree_root(leaves_[t], Keep::kAll) == roots_[t]; }

 private:
  std::vector<std::vector<uint8_t>> leaves_;
  std::vector<Hash> roots_;
  std::atomic<bool> stop_ = false;
  std::atomic<size_t> wrong_ = 0;
  std::vector<std::thread> threads_;
};

TEST(MerkleRecycler, Threads) {
  Growers growers(4);
  growers.start(10);
  EXPECT_EQ(0u, growers.join());
}

TEST(MerkleRecycler, ForkWhileTreesGrow) {
  if (kThreadSanitizer) GTEST_SKIP() << "the thread sanitizer does not follow threads into a forked child";
  Growers growers(4);
  growers.start(SIZE_MAX);
  for (int i = 0; i < 10; ++i) {
    const pid_t child = fork();
    EXPECT_GE(child, 0);
    if (child < 0) break;
    if (child == 0) _exit(growers.is_right(3) ? 0 : 1);
    int status = -1;
    EXPECT_EQ(child, waitpid(child, &status, 0));
    EXPECT_EQ(0, status);
  }
  growers.stop();
  EXPECT_EQ(0u, growers.join());
}

}  // namespace
}  // namespace accel::merkle
