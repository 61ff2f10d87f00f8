// Tables that come by themselves: who earns one, what it may cost, and that no verdict depends on it.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <thread>
#include <vector>

#include "brief.hpp"
#include "sm2/adaptive.hpp"
#include "sm2_fake_kernel.hpp"
#include "sm2_signed.hpp"
#include "sm2_testing.hpp"

namespace accel::sm2::testing {
namespace {

constexpr uint64_t kNoLimit = AdaptiveTables::kMemory;

// What stands behind item i of a batch of fakes.
struct FakeItem {
  uint32_t key;
  uint8_t expected = ACCEL_OK;
};

void verify_fakes(AdaptiveTables& tables, const std::vector<FakeItem>& items) {
  for (size_t begin = 0; begin < items.size(); begin += kVerifyChunk) {
    const size_t count = std::min(kVerifyChunk, items.size() - begin);
    std::vector<fake::Key> keys(count);
    std::vector<fake::Signature> signatures(count);
    Bytes expected(count), status(count, ACCEL_NOT_CHECKED), digests(32 * count);
    for (size_t i = 0; i < count; ++i) {
      const FakeItem& item = items[begin + i];
      keys[i] = item.expected == ACCEL_BAD_KEY ? fake::bad_key(item.key) : fake::make_key(item.key);
      signatures[i] = fake::sign(keys[i]);
      if (item.expected == ACCEL_BAD_RANGE) signatures[i][32] = 0;
      if (item.expected == ACCEL_BAD_SIGNATURE) signatures[i][0] ^= 1;
      expected[i] = item.expected;
    }
    AdaptiveChunk(tables, keys[0].data(), count).verify(status.data(), signatures[0].data(), digests.data());
    ASSERT_EQ(expected, status);
  }
}

void verify_fakes(AdaptiveTables& tables, uint32_t key, size_t count, uint8_t expected = ACCEL_OK) {
  verify_fakes(tables, std::vector<FakeItem>(count, {key, expected}));
}

class Adaptive : public ::testing::Test {
 protected:
  void SetUp() override { fake::reset(); }
};

TEST_F(Adaptive, KeysWithValidSignaturesEarnTables) {
  AdaptiveTables tables(fake::kernel, kNoLimit, fake::clock);
  verify_fakes(tables, 1, TableStore::kBuildAfter - 1);
  EXPECT_EQ(0u, tables.store().tables().standard);
  verify_fakes(tables, 1, 1);
  EXPECT_EQ(1u, tables.store().tables().standard);
  EXPECT_EQ(fake::kStandardBytes, tables.store().table_bytes());
  EXPECT_EQ(0u, fake::standard_items);
  verify_fakes(tables, 1, 10);
  verify_fakes(tables, {{1}, {1, ACCEL_BAD_RANGE}, {1, ACCEL_BAD_SIGNATURE}, {2}, {1, ACCEL_BAD_KEY}});
  EXPECT_EQ(13u, fake::standard_items);
  EXPECT_EQ(1u, fake::builds);
}

TEST_F(Adaptive, OthersDoNot) {
  AdaptiveTables tables(fake::kernel, kNoLimit, fake::clock);
  for (const uint8_t bad : {ACCEL_BAD_SIGNATURE, ACCEL_BAD_RANGE, ACCEL_BAD_KEY}) verify_fakes(tables, 1, 10000, bad);
  EXPECT_EQ(0u, fake::builds);
  std::vector<FakeItem> flood;
  for (uint32_t key = 0; key < 200000; ++key) flood.push_back({100 + key});
  verify_fakes(tables, flood);
  EXPECT_EQ(0u, fake::builds);
}

// A key with a share of the traffic earns its table among ten times as many fresh ones.
TEST_F(Adaptive, FloodOfFreshKeysDoesNotHideAnHonestOne) {
  AdaptiveTables tables(fake::kernel, kNoLimit, fake::clock);
  std::vector<FakeItem> items;
  for (uint32_t i = 0; i < 100000; ++i) items.push_back({i % 500 == 7 ? 7 : 1000 + i});
  verify_fakes(tables, items);
  EXPECT_EQ(1u, fake::builds);
  fake::standard_items = 0;
  verify_fakes(tables, 7, 3);
  EXPECT_EQ(3u, fake::standard_items);
}

TEST_F(Adaptive, BuildingTakesATenthOfTheTimeAtMost) {
  for (const uint64_t item_time : {uint64_t{500}, uint64_t{2000}, uint64_t{8000}}) {
    AdaptiveTables tables(fake::kernel, kNoLimit, fake::clock);
    fake::reset();
    fake::verify_time = item_time;
    std::vector<FakeItem> items;  // each of them would earn a table
    for (uint32_t key = 0; key < 1500; ++key) items.insert(items.end(), 64, {key});
    verify_fakes(tables, items);
    EXPECT_LE(fake::build_time, fake::now / 10 + fake::kBuildTime) << item_time;
    EXPECT_GE(fake::build_time, fake::now / 20) << item_time;
  }
}

// Time that was saved up while nothing was built is limited.
TEST_F(Adaptive, CreditIsLimited) {
  AdaptiveTables tables(fake::kernel, kNoLimit, fake::clock);
  verify_fakes(tables, 1, 1000000, ACCEL_BAD_SIGNATURE);  // 8 s
  fake::verify_time = 0;
  for (uint32_t key = 0; key < 500; ++key) verify_fakes(tables, 100 + key, 64);
  EXPECT_LE(fake::build_time, TableStore::kMaxCredit + 256 * 8000 / 9 + fake::kBuildTime);
}

TEST_F(Adaptive, LeastRecentlyUsedGivesWayWithinTheLimit) {
  const uint64_t limit = 2 * fake::kStandardBytes;
  AdaptiveTables tables(fake::narrow_kernel, limit, fake::clock);
  fake::verify_time = 1000000;  // building is cheap
  verify_fakes(tables, 1, 100);
  verify_fakes(tables, 2, 100);
  EXPECT_EQ(limit, tables.store().table_bytes());
  verify_fakes(tables, 1, 50);
  verify_fakes(tables, 3, 150);
  EXPECT_EQ(2u, fake::builds);  // 3 has not twice the uses of 2
  for (int i = 0; i < 40; ++i) verify_fakes(tables, 3, 256);
  EXPECT_EQ(3u, fake::builds);
  EXPECT_EQ(limit, tables.store().table_bytes());
  fake::standard_items = fake::slow_items = 0;
  verify_fakes(tables, {{1}, {2}, {3}});
  EXPECT_EQ(2u, fake::standard_items);
  EXPECT_EQ(1u, fake::slow_items);
}

TEST_F(Adaptive, NoMemoryNoTables) {
  AdaptiveTables tables(fake::kernel, fake::kStandardBytes - 1, fake::clock);
  verify_fakes(tables, 1, 1000);
  EXPECT_EQ(0u, fake::builds);
}

TEST_F(Adaptive, HotKeysGetWideTables) {
  AdaptiveTables tables(fake::kernel, kNoLimit, fake::clock);
  verify_fakes(tables, 1, 6000);
  EXPECT_EQ(1u, tables.store().tables().wide);
  EXPECT_EQ(fake::kStandardBytes + fake::kWideBytes, tables.store().table_bytes());
  fake::wide_items = 0;
  verify_fakes(tables, {{1}, {1, ACCEL_BAD_SIGNATURE}, {1, ACCEL_BAD_RANGE}, {2}});
  EXPECT_EQ(3u, fake::wide_items);
}

// Many keys, more than there are slots: the directory finds each its own table or none.
TEST_F(Adaptive, ManyKeys) {
  AdaptiveTables tables(fake::narrow_kernel, kNoLimit, fake::clock);
  fake::verify_time = 1000000;
  for (int round = 0; round < 3; ++round) {
    for (uint32_t key = 0; key < 1200; ++key) verify_fakes(tables, key, 40);
  }
  EXPECT_GE(tables.store().tables().standard, AdaptiveTables::kMaxSlots - 8);
  std::vector<FakeItem> items;
  for (uint32_t i = 0; i < 5000; ++i) {
    items.push_back({i * 7 % 1200, static_cast<uint8_t>(i % 3 == 0 ? ACCEL_BAD_SIGNATURE : ACCEL_OK)});
  }
  verify_fakes(tables, items);
}

TEST_F(Adaptive, ReadersNeverSeeATableChange) {
  AdaptiveTables tables(fake::kernel, 8 * fake::kStandardBytes + 2 * fake::kWideBytes, fake::clock);
  fake::verify_time = 1000000;
  std::vector<std::thread> threads;
  for (uint32_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      std::minstd_rand random(thread + 1);
      const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
      // On a busy machine readers are interrupted, and tables wait for them: then it takes more rounds.
      for (uint32_t round = 0; round < 100 || (round < 3000 && tables.store().built() < 16); ++round) {
        std::vector<FakeItem> items;
        for (size_t i = 0; i < 2560; ++i) {
          items.push_back({i % 8 == 0 ? below(100) : round / 25 * 16 % 96 + below(5)});
          if (i % 7 == 0) items.back().expected = i % 2 == 0 ? ACCEL_BAD_SIGNATURE : ACCEL_BAD_RANGE;
          if (i % 31 == 0) items.back().expected = ACCEL_BAD_KEY;
        }
        verify_fakes(tables, items);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(tables.store().built(), 16u);
}

TEST_F(Adaptive, ForkedChildGoesOn) {
  AdaptiveTables tables(fake::kernel, kNoLimit, fake::clock);
  fake::verify_time = 1000000;
  verify_fakes(tables, 1, 100);
  const pid_t child = fork();
  ASSERT_NE(-1, child);
  if (child == 0) {
    verify_fakes(tables, 1, 100);
    verify_fakes(tables, 2, 100);
    _exit(!HasFailure() && fake::standard_items != 0 && tables.store().tables().standard == 2 ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(child, waitpid(child, &status, 0));
  EXPECT_EQ(0, status);
  EXPECT_EQ(1u, tables.store().tables().standard);
}

TEST(Sightings, CountsOnlyWhatComesOften) {
  Sightings sightings;
  std::mt19937_64 random(5);
  const uint64_t key = random();
  for (uint32_t i = 1; i <= 20; ++i) EXPECT_EQ(i, sightings.add(key));
  sightings.halve();
  EXPECT_EQ(11u, sightings.add(key));
  uint32_t highest = 0;
  for (int i = 0; i < 1000000; ++i) highest = std::max(highest, sightings.add(random()));
  EXPECT_LE(highest, 1u);
  Sightings full;
  for (uint32_t i = 0; i < 70000; ++i) full.add(key);
  EXPECT_EQ(65535u, full.add(key));
}

class AdaptiveVerdicts : public ::testing::TestWithParam<const Kernel*> {
 protected:
  // Time stands still while nothing is built: then every item pays for many tables.
  static uint64_t generous_clock() {
    static std::atomic<uint64_t> now{0};
    return now.fetch_add(10 * TableStore::kMaxCredit);
  }
  static void expect_verdicts(AdaptiveTables& tables, const Signed& items, size_t begin, size_t count) {
    Bytes status(count, 0xee);
    AdaptiveChunk(tables, &items.keys[64 * begin], count)
        .verify(status.data(), &items.signatures[64 * begin], &items.digests[32 * begin]);
    const auto expected = items.expected.begin() + static_cast<std::ptrdiff_t>(begin);
    ASSERT_EQ(Bytes(expected, expected + static_cast<std::ptrdiff_t>(count)), status) << begin << " " << count;
  }
};

INSTANTIATE_TEST_SUITE_P(All, AdaptiveVerdicts, ::testing::ValuesIn(supported_kernels()), kernel_name);

// The same items before there are tables, while they come, under pressure, and with all of them.
TEST_P(AdaptiveVerdicts, DoNotDependOnTables) {
  static const Signed items = [] {
    Signed batch(6, 300);
    batch.break_keys(11);
    return batch;
  }();
  for (const uint64_t limit : {uint64_t{0}, 2 * uint64_t{GetParam()->standard.bytes}, kNoLimit}) {
    AdaptiveTables tables(*GetParam(), limit, generous_clock);
    for (uint32_t round = 0; round < (kBrief ? 5 : 8); ++round) {
      for (const size_t count : {1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 127, 128, 129, 255, 256}) {
        expect_verdicts(tables, items, round * 13 % (300 - count), count);
      }
    }
    EXPECT_LE(tables.store().table_bytes(), limit);
    EXPECT_EQ(limit != 0, tables.store().built() != 0);
    if (limit == kNoLimit) {
      EXPECT_EQ(6u, tables.store().tables().standard);
    }
  }
}

// Keys that look like one that has a table: the negated point, and what is no point at all.
TEST_P(AdaptiveVerdicts, AnotherKeyIsAnotherKey) {
  Signed items(1, 64);
  AdaptiveTables tables(*GetParam(), kNoLimit, generous_clock);
  for (int round = 0; round < 3; ++round) expect_verdicts(tables, items, 0, 64);
  ASSERT_EQ(1u, tables.store().tables().standard);
  const Bytes negated = kFieldRing.neg(Integer::from_bytes(&items.signers[32])).bytes();
  for (size_t i = 0; i < 64; ++i) {
    if (i % 4 == 1) {
      std::copy(negated.begin(), negated.end(), &items.keys[64 * i + 32]);
      if (items.expected[i] == ACCEL_OK) items.expected[i] = ACCEL_BAD_SIGNATURE;
    } else if (i % 4 == 2) {
      items.keys[64 * i + 8 * (i / 4 % 8)] ^= 1;
      items.expected[i] = ACCEL_BAD_KEY;
    }
  }
  for (int round = 0; round < 3; ++round) expect_verdicts(tables, items, 0, 64);
}

}  // namespace
}  // namespace accel::sm2::testing
