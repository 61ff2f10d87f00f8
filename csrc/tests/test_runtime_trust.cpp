// What each audit finds, and what it lets through.
#include <atomic>
#include <cmath>

#include "runtime_testing.hpp"

namespace accel::runtime::testing {
namespace {

TEST(RuntimeTrust, TheSampleIsAsLargeAsItSaysAndTakesEveryPlace) {
  Sampler sampler(16, 42);
  std::vector<uint64_t> hits(16);
  uint64_t items = 0, total = 0;
  constexpr int kRounds = 40000;
  for (int round = 0; round < kRounds; ++round) {
    const auto count = static_cast<size_t>(round % 37);
    size_t next = 0;
    for (const size_t i : sampler.choose(count)) {
      ASSERT_TRUE(i >= next && i < count);
      next = i + 1;
      ++hits[(items + i) % 16];
      ++total;
    }
    items += count;
  }
  EXPECT_NEAR(static_cast<double>(total), static_cast<double>(items) / 16, 1);
  const double mean = static_cast<double>(items) / 256;
  for (const uint64_t hit : hits) EXPECT_NEAR(static_cast<double>(hit), mean, 6 * std::sqrt(mean));
  Sampler all(1, 7);
  EXPECT_EQ(all.choose(5), std::vector<size_t>({0, 1, 2, 3, 4}));
}

// docs/devices.md: a device that accepts one invalid signature in 1,000 items is caught after 256,000 items on average,
// and after 1.18 million in 99 runs of 100, at a rate of 1 in 256.
TEST(RuntimeTrust, ALiarIsCaughtAsSoonAsDocumented) {
  constexpr int kRuns = 100;
  constexpr double kLies = 1000, kRate = 256;
  std::mt19937_64 random(20261126);
  std::vector<double> items;
  for (int run = 0; run < kRuns; ++run) {
    Sampler sampler(static_cast<uint32_t>(kRate), random());
    std::geometric_distribution<uint64_t> gap(1 / kLies);
    uint64_t next_lie = gap(random), begin = 0;
    bool caught = false;
    for (; !caught; begin += 4096) {
      for (const size_t i : sampler.choose(4096)) {
        while (next_lie < begin + i) next_lie += 1 + gap(random);
        if (!caught && next_lie == begin + i) {
          caught = true;
          items.push_back(static_cast<double>(begin + i + 1));
        }
      }
    }
  }
  double sum = 0;
  for (const double n : items) sum += n;
  const double expected = kLies * kRate;
  EXPECT_NEAR(sum / kRuns, expected, 3 * expected / std::sqrt(kRuns));
  const double bound = std::log(0.01) / std::log1p(-1 / expected);
  EXPECT_NEAR(bound, 1.179e6, 1e3);
  EXPECT_LE(std::count_if(items.begin(), items.end(), [&](double n) { return n > bound; }), 5);
}

// The same through the whole runtime, with a rate and lies that are caught sooner.
TEST(RuntimeTrust, ALiarIsQuarantinedAndItsWorkDoneElsewhere) {
  for (const Audit audit : {Audit::kSample, Audit::kHold}) {
    Rig rig;
    rig.options.trust.audit = audit;
    rig.options.trust.sample_rate = 8;
    rig.options.trust.hold_window = 2000;
    rig.open();
    Batch first(500);
    rig.device->run(first.verify_digest());
    EXPECT_EQ(first.status, first.expected);
    rig.fake().accept_all = true;  // 1 in 5 is wrong from now on
    uint64_t wrong = 0, items = 0;
    for (int round = 0; round < 50 && rig.stat("quarantined") == 0; ++round) {
      Batch batch(500);
      rig.device->run(batch.verify_digest());
      for (size_t i = 0; i < batch.count(); ++i) wrong += batch.status[i] != batch.expected[i] ? 1 : 0;
      items += batch.count();
    }
    EXPECT_EQ(rig.stat("quarantined"), 1u);
    EXPECT_GT(rig.stat("audit.wrong"), 0u);
    EXPECT_LE(items, 1500u);  // the chance of three clean samples of some 12 liars each is below 10^-15
    EXPECT_LE(wrong, 100u);
    EXPECT_EQ(rig.stat("resets"), 0u);  // a lie is not forgiven
    Batch last(500);
    rig.device->run(last.verify_digest());
    EXPECT_EQ(last.status, last.expected);
  }
}

TEST(RuntimeTrust, TheWholeFirstBurstIsChecked) {
  Rig rig;
  rig.options.trust.sample_rate = 1 << 20;
  rig.open();
  rig.fake().accept_all = true;
  Batch batch(2000);
  rig.device->run(batch.verify_digest());
  EXPECT_EQ(batch.status, batch.expected);
  EXPECT_EQ(rig.stat("quarantined"), 1u);
}

TEST(RuntimeTrust, EveryRejectionIsChecked) {
  Rig rig;
  rig.options.trust.sample_rate = 1 << 20;
  rig.open();
  Batch batch(2000);
  rig.device->run(batch.verify_digest());
  const uint64_t before = rig.stat("audit.checked");
  EXPECT_EQ(before, 2000u);
  const auto rejected = static_cast<uint64_t>(
      std::count_if(batch.expected.begin(), batch.expected.end(), [](uint8_t status) { return status != ACCEL_OK; }));
  rig.device->run(batch.verify_digest());
  // And the sample, which takes one of these items in some five hundred runs of this test.
  EXPECT_GE(rig.stat("audit.checked"), before + rejected);
  EXPECT_LE(rig.stat("audit.checked"), before + rejected + 3);
}

TEST(RuntimeTrust, AWrongDigestOrNodeIsFoundInAFullAudit) {
  Rig rig;
  rig.options.trust.audit = Audit::kFull;
  rig.open();
  Batch batch(3000);
  rig.fake().flip = 1;
  rig.device->run(batch.hash());
  EXPECT_EQ(batch.hashes, batch.expected_hashes);
  EXPECT_EQ(rig.stat("audit.wrong"), 1u);

  Rig tree_rig;
  tree_rig.options.trust.audit = Audit::kFull;
  tree_rig.open();
  const merkle::Rule& rule = merkle::find_rule(ACCEL_MERKLE_RFC9162);
  merkle::Tree tree(rule, merkle::Keep::kAll, std::make_shared<DeviceHasher>(tree_rig.device));
  merkle::Tree expected(rule, merkle::Keep::kAll);
  expected.append_hashes(batch.expected_hashes.data(), 32, 3000);
  tree_rig.fake().flip = 1;
  tree.append_hashes(batch.expected_hashes.data(), 32, 3000);
  EXPECT_EQ(tree.head().root, expected.head().root);
  EXPECT_EQ(tree_rig.stat("quarantined"), 1u);
}

// No wrong verdict is ever delivered, with and without points R, and whatever the points are.
TEST(RuntimeTrust, AFullAuditCertifies) {
  for (const int points : {0, 1, 2}) {
    Rig rig;
    rig.options.trust.audit = Audit::kFull;
    if (points == 0) rig.fake().caps.flags &= ~uint64_t{ACCEL_COMMAND_POINTS};
    rig.open();
    rig.fake().wrong_points = points == 2;
    Batch batch(some(5000));
    rig.device->run(batch.verify_digest());
    EXPECT_EQ(batch.status, batch.expected);
    EXPECT_EQ(rig.stat("items.sm2_verify"), some(5000)) << points;  // wrong points are no wrong verdict
    EXPECT_EQ(rig.stat("audit.checked"), some(5000));
    EXPECT_EQ(rig.fake().with_points > 0, points != 0);
    for (int round = 0; round < 5; ++round) {
      rig.fake().flip = 1;
      Batch lied(700, static_cast<uint8_t>(round));
      rig.device->run(lied.verify_digest());
      EXPECT_EQ(lied.status, lied.expected);
    }
    EXPECT_EQ(rig.stat("quarantined"), 1u);
  }
}

TEST(RuntimeTrust, ADirtyWindowIsRunAgainAsAWhole) {
  Rig rig;
  rig.options.trust.audit = Audit::kHold;
  rig.options.trust.sample_rate = 1 << 20;  // only rejections are seen
  rig.options.trust.hold_window = 1 << 20;
  rig.open();
  Batch first(300);
  rig.device->run(first.verify_digest());
  std::vector<Batch> batches;
  for (uint8_t i = 0; i < 6; ++i) batches.emplace_back(300, i);
  rig.fake().delay_ns = 5 * static_cast<int64_t>(kMillisecond);
  std::vector<std::shared_ptr<Request>> requests;
  for (Batch& batch : batches) {
    requests.push_back(rig.device->submit(batch.verify_digest(), Priority::kVote, UINT64_MAX, true, nullptr));
  }
  rig.fake().flip = 1;  // an item that is valid or not: wrong either way, and seen only as a rejection
  for (size_t i = 0; i < batches.size(); ++i) {
    ASSERT_TRUE(requests[i]->wait(20 * kSecond));
    EXPECT_EQ(requests[i]->status(), ACCEL_OK);
  }
  EXPECT_EQ(rig.verified(), 300u + 6 * 300u);
}

// The answers of the command before are no answers to this one, even where they would be right.
TEST(RuntimeTrust, ADeviceThatDoesNothingIsFound) {
  Rig rig;
  rig.options.trust.audit = Audit::kFull;
  rig.open();
  for (const int idle : {0, 1}) {
    Batch batch(64);
    rig.fake().idle = idle;
    rig.device->run(batch.hash());
    EXPECT_EQ(batch.hashes, batch.expected_hashes);
  }
  EXPECT_GT(rig.stat("audit.wrong"), 0u);
  EXPECT_EQ(rig.stat("quarantined"), 1u);
}

// It goes on writing after it has said that it is done: what was judged is what is delivered all the same.
TEST(RuntimeTrust, WhatIsJudgedIsWhatIsDelivered) {
  if (kThreadSanitizer) GTEST_SKIP() << "the thread sanitizer rightly calls this a race: the device is at fault";
  for (size_t trial = 0; trial < some(10); ++trial) {
    Rig rig;
    rig.options.trust.audit = Audit::kFull;
    rig.open();
    Batch batch(64);
    const uint8_t right = batch.expected[0], wrong = right == ACCEL_OK ? ACCEL_BAD_SIGNATURE : ACCEL_OK;
    std::atomic<bool> over{false};
    std::thread writer([&] {
      while (!over) {
        const std::lock_guard lock(rig.fake().mutex);
        if (rig.fake().verdicts == nullptr) continue;
        std::atomic_ref<uint8_t> verdict(rig.fake().verdicts[0]);
        verdict = wrong;
        verdict = right;
        for (int i = 0; i < 20; ++i) static_cast<void>(verdict.load());  // right for most of the time
      }
    });
    for (int call = 0; call < 50 && rig.stat("quarantined") == 0; ++call) {
      rig.device->run(batch.verify_digest());
      EXPECT_EQ(batch.status, batch.expected);
    }
    over = true;
    writer.join();
  }
}

}  // namespace
}  // namespace accel::runtime::testing
