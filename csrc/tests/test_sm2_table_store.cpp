// Tables in bounded memory: who gets one, who loses it, what it may cost, and that no reader ever sees it happen.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <thread>
#include <vector>

#include "brief.hpp"
#include "sm2/grace.hpp"
#include "sm2/keyring.hpp"
#include "sm2_fake_kernel.hpp"
#include "sm2_signed.hpp"
#include "sm2_testing.hpp"

namespace accel::sm2::testing {
namespace {

TEST(Grace, ReadersHoldBackWhatWasWithdrawnBeforeTheyCame) {
  Grace grace;
  EXPECT_TRUE(grace.passed(grace.phase()));  // nobody is there
  const uint64_t early = grace.enter();
  const uint64_t withdrawn = grace.phase();
  EXPECT_FALSE(grace.passed(withdrawn));
  const uint64_t late = grace.enter();  // may have come while the phase was being changed: it counts too
  EXPECT_FALSE(grace.passed(withdrawn));
  grace.leave(early);
  EXPECT_FALSE(grace.passed(withdrawn) && late == withdrawn);
  grace.leave(late);
  EXPECT_TRUE(grace.passed(withdrawn));
  const uint64_t next = grace.phase();
  const uint64_t reader = grace.enter();
  EXPECT_TRUE(grace.passed(withdrawn));  // once passed, passed
  EXPECT_FALSE(grace.passed(next));
  grace.forget_readers();
  EXPECT_TRUE(grace.passed(next));
  EXPECT_EQ(next, reader);
}

TEST(TablePlan, StandardTablesForAllKeysComeFirst) {
  const uint64_t standard = fake::kStandardBytes, wide = fake::kWideBytes;
  const auto plan = [](size_t keys, uint64_t limit) {
    const TableCounts places = TableStore::plan(fake::kernel, keys, limit);
    EXPECT_LE(places.standard * fake::kStandardBytes + places.wide * fake::kWideBytes, limit);
    return std::pair(places.standard, places.wide);
  };
  EXPECT_EQ(std::pair(size_t{0}, size_t{0}), plan(10, standard - 1));
  EXPECT_EQ(std::pair(size_t{3}, size_t{0}), plan(10, 3 * standard));
  EXPECT_EQ(std::pair(size_t{10}, size_t{0}), plan(10, 10 * standard + wide - 1));
  EXPECT_EQ(std::pair(size_t{10}, size_t{2}), plan(10, 10 * standard + 2 * wide + 5));
  EXPECT_EQ(std::pair(size_t{10}, size_t{10}), plan(10, UINT64_MAX));
  EXPECT_EQ(std::pair(size_t{1000}, TableStore::kMaxWide), plan(1000, UINT64_MAX));
  EXPECT_EQ(0u, TableStore::plan(fake::narrow_kernel, 10, UINT64_MAX).wide);
}

// A ring of fake keys, and chunks for it.
struct FakeRing {
  FakeRing(const Kernel& kernel, uint32_t count, uint64_t limit) : keys(count) {
    fake::reset();
    for (uint32_t i = 0; i < count; ++i) keys[i] = fake::make_key(i);
    size_t bad_index = SIZE_MAX;
    ring = std::make_unique<KeyRing>(kernel, Strided{keys[0].data(), 64}, count, Identity(nullptr, ACCEL_SM2_NO_ZA),
                                     limit, &bad_index, fake::clock);
    fake::builds = 0;
    fake::build_time = 0;
  }
  // Items against these keys; every `damaged`-th is no valid signature.
  void verify(const std::vector<uint32_t>& indices, size_t damaged = 0) const {
    for (size_t begin = 0; begin < indices.size(); begin += kVerifyChunk) {
      const size_t count = std::min(kVerifyChunk, indices.size() - begin);
      std::vector<fake::Signature> signatures(count);
      Bytes expected(count, ACCEL_OK), status(count, ACCEL_NOT_CHECKED), digests(32 * count);
      for (size_t i = 0; i < count; ++i) {
        signatures[i] = fake::sign(keys[indices[begin + i]]);
        if (damaged == 0 || (begin + i) % damaged != 0) continue;
        const bool range = (begin + i) % (2 * damaged) == 0;
        signatures[i][range ? 32 : 0] ^= 1;
        expected[i] = range ? ACCEL_BAD_RANGE : ACCEL_BAD_SIGNATURE;
      }
      ring->verify_chunk(status.data(), indices.data() + begin, signatures[0].data(), digests.data(), count);
      ASSERT_EQ(expected, status);
    }
  }
  std::vector<fake::Key> keys;
  std::unique_ptr<KeyRing> ring;
};

std::vector<uint32_t> repeated(uint32_t index, size_t count) { return std::vector<uint32_t>(count, index); }

TEST(RingTables, KeysInFrontHaveThemAtOnce) {
  const FakeRing fakes(fake::narrow_kernel, 10, 4 * fake::kStandardBytes + 1);
  EXPECT_EQ(4u, fakes.ring->tables());
  EXPECT_EQ(4u * fake::kStandardBytes, fakes.ring->table_bytes());
  fakes.verify({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 8, 3});
  EXPECT_EQ(5u, fake::standard_items);
  EXPECT_EQ(8u, fake::slow_items);
}

TEST(RingTables, UsedKeysTakeThePlacesOfUnusedOnes) {
  const FakeRing fakes(fake::narrow_kernel, 10, 2 * fake::kStandardBytes);
  for (int round = 0; round < 40; ++round) fakes.verify({0, 7, 0, 7, 0, 7});
  EXPECT_EQ(1u, fake::builds);  // 7 has taken the place of 1
  EXPECT_EQ(1u, fakes.ring->tables_built());
  EXPECT_EQ(2u, fakes.ring->tables());
  EXPECT_EQ(2u * fake::kStandardBytes, fakes.ring->table_bytes());
  fake::slow_items = 0;
  fakes.verify({0, 7});
  EXPECT_EQ(0u, fake::slow_items);
  fakes.verify({1});
  EXPECT_EQ(1u, fake::slow_items);
  EXPECT_EQ(1u, fakes.ring->tables_built());
}

TEST(RingTables, AnotherPhaseOfWorkGetsItsTables) {
  const FakeRing fakes(fake::narrow_kernel, 40, 8 * fake::kStandardBytes);
  std::minstd_rand random(1);
  for (uint32_t first : {0u, 8u, 16u, 32u, 0u}) {
    std::vector<uint32_t> indices;
    for (size_t i = 0; i < 2 * TableStore::kWindow; ++i) indices.push_back(first + static_cast<uint32_t>(random() % 8));
    fakes.verify(indices);
    fake::slow_items = 0;
    for (uint32_t i = 0; i < 8; ++i) fakes.verify({first + i});
    EXPECT_EQ(0u, fake::slow_items) << first;
  }
}

// Least recently used alone would build a table for every item here.
TEST(RingTables, KeysThatComeRoundInTurnDoNotThrash) {
  for (uint32_t count : {9u, 100u}) {
    const FakeRing fakes(fake::narrow_kernel, count, 8 * fake::kStandardBytes);
    std::vector<uint32_t> indices;
    for (size_t i = 0; i < 3 * TableStore::kWindow; ++i) indices.push_back(static_cast<uint32_t>(i % count));
    fakes.verify(indices);
    EXPECT_LE(fake::builds, 8u) << count;
    EXPECT_EQ(8u, fakes.ring->tables());
  }
}

TEST(RingTables, InvalidSignaturesEarnNothing) {
  const FakeRing fakes(fake::kernel, 10, 2 * fake::kStandardBytes + fake::kWideBytes - 1);
  fakes.verify(repeated(7, 10000), 1);
  EXPECT_EQ(0u, fake::builds);
  fakes.verify(repeated(7, 10000), 2);
  EXPECT_EQ(1u, fake::builds);
  const FakeRing wide(fake::kernel, 1, UINT64_MAX);
  wide.verify(repeated(0, 20000), 1);
  EXPECT_EQ(0u, fake::builds);
}

TEST(RingTables, BuildingTakesATenthOfTheTimeAtMost) {
  for (const uint64_t item_time : {uint64_t{100}, uint64_t{1000}, uint64_t{4000}}) {
    // Tables stand for keys that are not used; each of the others earns one.
    const FakeRing fakes(fake::narrow_kernel, 5000, 2500 * fake::kStandardBytes);
    std::vector<uint32_t> indices;
    for (uint32_t key = 2500; key < 5000; ++key) indices.insert(indices.end(), 50, key);
    fake::verify_time = item_time;
    const uint64_t start = fake::now;
    fakes.verify(indices);
    const uint64_t all = fake::now - start;
    EXPECT_LE(fake::build_time, all / 10 + fake::kBuildTime) << item_time;
    EXPECT_GE(fake::build_time, all / 20) << item_time;  // and it does build
  }
}

TEST(RingTables, HotKeysGetWideTablesWithinTheLimit) {
  const uint64_t limit = 4 * fake::kStandardBytes + 2 * fake::kWideBytes;
  const FakeRing fakes(fake::kernel, 4, limit);
  std::vector<uint32_t> indices;  // 0 and 1 are hot, 3 is cold
  for (uint32_t i = 0; i < TableStore::kWindow; ++i) indices.push_back(i % 1024 == 5 ? 3 : i % 2);
  fakes.verify(indices);
  EXPECT_EQ(2u, fakes.ring->wide_tables());
  EXPECT_EQ(4u, fakes.ring->tables());
  EXPECT_EQ(limit, fakes.ring->table_bytes());
  fake::wide_items = fake::standard_items = 0;
  fakes.verify({0, 1, 2, 3, 0, 1, 0});
  EXPECT_EQ(5u, fake::wide_items);
  EXPECT_EQ(2u, fake::standard_items);
  // Work moves on to 2 and 3.
  for (uint32_t i = 0; i < indices.size(); ++i) indices[i] = 2 + i % 2;
  for (int round = 0; round < 3; ++round) fakes.verify(indices);
  fake::wide_items = 0;
  fakes.verify({2, 3, 2, 3});
  EXPECT_EQ(4u, fake::wide_items);
  EXPECT_EQ(2u, fakes.ring->wide_tables());
  EXPECT_EQ(limit, fakes.ring->table_bytes());
}

TEST(RingTables, NoKeyIsHotWhereAllAreManyAndEqual) {
  const FakeRing fakes(fake::kernel, 1000, UINT64_MAX);
  std::vector<uint32_t> indices;
  for (uint32_t i = 0; i < 2 * TableStore::kWindow; ++i) indices.push_back(i % 1000);
  fakes.verify(indices);
  EXPECT_EQ(0u, fakes.ring->wide_tables());
}

// Several threads drive tables out and in under each other's eyes: a table that changed under a reader would show as
// kBrokenTable or as a wrong verdict.
TEST(RingTables, ReadersNeverSeeATableChange) {
  const FakeRing fakes(fake::kernel, 64, 6 * fake::kStandardBytes);
  const FakeRing wide(fake::kernel, 3, 3 * fake::kStandardBytes + fake::kWideBytes);
  fake::verify_time = 1000000;  // building is cheap
  std::vector<std::thread> threads;
  for (uint32_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      std::minstd_rand random(thread + 1);
      const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
      // On a busy machine readers are interrupted, and tables wait for them: then it takes more rounds.
      const auto enough = [&] { return fakes.ring->tables_built() >= 12 && wide.ring->tables_built() >= 2; };
      for (uint32_t round = 0; round < 120 || (round < 3000 && !enough()); ++round) {
        std::vector<uint32_t> indices, wide_indices;
        for (size_t i = 0; i < 2560; ++i) {
          indices.push_back(i % 8 == 0 ? below(64) : (round / 30 * 16 + below(6)) % 64);
          wide_indices.push_back(i % 16 == 0 ? below(3) : round / 30 % 3);
        }
        fakes.verify(indices, 7);
        wide.verify(wide_indices, 5);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(fakes.ring->tables_built(), 12u);
  EXPECT_GE(wide.ring->tables_built(), 2u);
}

class RingVerdicts : public ::testing::TestWithParam<const Kernel*> {};

INSTANTIATE_TEST_SUITE_P(All, RingVerdicts, ::testing::ValuesIn(supported_kernels()), kernel_name);

// The same items while tables come and go: with all of them, with none, and with two for six keys.
TEST_P(RingVerdicts, DoNotDependOnTables) {
  static const Signed items(6, 257);
  const Identity identity(nullptr, ACCEL_SM2_NO_ZA);
  for (const uint64_t tables : {uint64_t{0}, uint64_t{2}, uint64_t{100}}) {
    size_t bad_index = SIZE_MAX;
    const uint64_t limit = std::max<uint64_t>(1, tables * GetParam()->standard.bytes);
    const KeyRing ring(*GetParam(), {items.signers.data(), 64}, 6, identity, limit, &bad_index);
    for (uint32_t round = 0; round < (kBrief ? 3 : 12); ++round) {
      for (const size_t count : {1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 127, 128, 129, 255, 256}) {
        const size_t begin = round * 13 % (257 - count);
        Bytes status(count, 0xee);
        ring.verify_chunk(status.data(), &items.signer[begin], &items.signatures[64 * begin],
                          &items.digests[32 * begin], count);
        const auto expected = items.expected.begin() + static_cast<std::ptrdiff_t>(begin);
        ASSERT_EQ(Bytes(expected, expected + static_cast<std::ptrdiff_t>(count)), status) << begin << " " << count;
      }
    }
    EXPECT_LE(ring.table_bytes(), limit);
    if (tables == 2) {
      EXPECT_GT(ring.tables_built(), 0u);  // the keys in front are the least used
    }
  }
}

// A child keeps the tables and goes on changing them.
TEST(RingTables, ForkedChildGoesOn) {
  const FakeRing fakes(fake::narrow_kernel, 10, 2 * fake::kStandardBytes);
  fakes.verify(repeated(3, 200));
  fakes.verify(repeated(3, 200));
  EXPECT_EQ(1u, fakes.ring->tables_built());
  const pid_t child = fork();
  ASSERT_NE(-1, child);
  if (child == 0) {
    for (int round = 0; round < 4; ++round) fakes.verify(repeated(4, 2000));
    _exit(!::testing::Test::HasFailure() && fakes.ring->tables_built() == 2 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(child, waitpid(child, &status, 0));
  EXPECT_EQ(0, status);
  EXPECT_EQ(1u, fakes.ring->tables_built());
}

}  // namespace
}  // namespace accel::sm2::testing
