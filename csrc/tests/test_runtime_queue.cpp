// Requests: priorities, bounds, deadlines, cancellation, the end of a device.
#include <poll.h>

#include <algorithm>
#include <numeric>

#include "base/error.hpp"
#include "runtime/clock.hpp"
#include "runtime_testing.hpp"

namespace accel::runtime::testing {
namespace {

std::shared_ptr<Request> submit(const Rig& rig, Work work, Priority priority = Priority::kTransaction,
                                uint64_t deadline = UINT64_MAX) {
  return rig.device->submit(std::move(work), priority, deadline, true, nullptr);
}

TEST(RuntimeQueue, VotesGoBeforeProposalsBeforeTransactions) {
  Rig rig;
  rig.fake().caps.queue_depth = 1;
  rig.open();
  rig.fake().frozen = true;
  Batch blocker(1), transaction(30), proposal(20), vote(10);
  std::vector<std::shared_ptr<Request>> requests = {submit(rig, blocker.verify_digest())};
  // The one command in flight holds the device; the rest waits in the queue.
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  rig.fake().sizes.clear();
  requests.push_back(submit(rig, transaction.verify_digest(), Priority::kTransaction));
  requests.push_back(submit(rig, proposal.verify_digest(), Priority::kProposal));
  requests.push_back(submit(rig, vote.verify_digest(), Priority::kVote));
  rig.fake().frozen = false;
  for (const auto& request : requests) ASSERT_TRUE(request->wait(20 * kSecond));
  EXPECT_EQ(rig.fake().sizes, std::vector<uint64_t>({1, 10, 20, 30}));
}

// A small batch is left to faster devices. Of devices that are equally fast one must take it all the same.
TEST(RuntimeQueue, SomebodyTakesASmallBatch) {
  for (const double slowest : {1.0, 0.5, 0.01}) {
    for (const size_t count : {1, 10, 63, 64, 65, 100}) {
      Queue queue(true);
      const accel_device_caps caps = Behaviour::default_caps();
      for (size_t member = 0; member < 5; ++member) {
        queue.add_member(caps);
        const double rate = member == 0 ? slowest : 1.0;
        queue.measured(member, Op::kVerifyDigest, 1000, static_cast<uint64_t>(1e6 / rate));
      }
      Batch batch(count);
      queue.submit(std::make_shared<Request>(batch.verify_digest(), Priority::kVote, UINT64_MAX,
                                             std::vector<std::shared_ptr<Gate>>{}));
      size_t taken = 0;
      for (int round = 0; round < 20; ++round) {
        for (size_t member = 0; member < 5; ++member) {
          if (const auto piece = queue.take(member)) taken += piece->count();
        }
      }
      EXPECT_EQ(taken, count) << "the slowest at " << slowest;
    }
  }
}

// A second for a command, and a millisecond for an item: the whole batch as one command would be lost.
TEST(RuntimeQueue, ASlowDeviceGetsCommandsThatItDoesInTime) {
  Rig rig;
  rig.options.trust.command_timeout_ns = kSecond;
  rig.options.fallback = false;
  rig.fake().item_ns = 1'000'000;
  rig.open();
  rig.fake().sizes.clear();
  Batch batch(1200);
  rig.device->run(batch.verify_digest());
  EXPECT_EQ(batch.status, batch.expected);
  EXPECT_EQ(rig.stat("faults.timeout"), 0u);
  EXPECT_LE(*std::max_element(rig.fake().sizes.begin(), rig.fake().sizes.end()), 100u);
  EXPECT_EQ(std::accumulate(rig.fake().sizes.begin(), rig.fake().sizes.end(), uint64_t{0}), 1200u);

  rig.fake().item_ns = 0;  // it has become fast, and gets larger ones again
  for (int round = 0; round < 100 && rig.fake().sizes.back() < 1000; ++round) rig.device->run(batch.verify_digest());
  EXPECT_GE(*std::max_element(rig.fake().sizes.begin(), rig.fake().sizes.end()), 1000u);
}

// Who has left work to a faster device, and sleeps, must look again when that one turns out to be slower.
TEST(RuntimeQueue, WhoIsFastestMayChange) {
  Queue queue(true);
  for (const uint64_t nanoseconds : {1'000'000, 1000}) {
    const size_t member = queue.add_member(Behaviour::default_caps());
    queue.measured(member, Op::kVerifyDigest, 1000, nanoseconds);
  }
  Batch batch(20);
  queue.submit(std::make_shared<Request>(batch.verify_digest(), Priority::kVote, UINT64_MAX,
                                         std::vector<std::shared_ptr<Gate>>{}));
  int woken = 0;
  queue.on_change([&](bool) { ++woken; });
  EXPECT_FALSE(queue.take(0));
  for (int i = 0; i < 40; ++i) queue.measured(1, Op::kVerifyDigest, 1, 1'000'000'000);
  EXPECT_EQ(woken, 1);
  EXPECT_FALSE(queue.take(1));
  EXPECT_TRUE(queue.take(0));
  queue.on_change(nullptr);
}

TEST(RuntimeQueue, AFullQueueRefusesOrWaits) {
  Rig rig;
  rig.options.queue_depth = 2;
  rig.open();
  rig.fake().frozen = true;
  Batch a(10), b(10), c(10);
  const auto first = submit(rig, a.verify_digest()), second = submit(rig, b.verify_digest());
  EXPECT_EQ(rig.device->submit(c.verify_digest(), Priority::kVote, UINT64_MAX, false, nullptr), nullptr);
  std::atomic<bool> submitted{false};
  std::thread waiter([&] {
    const auto third = submit(rig, c.verify_digest());
    submitted = true;
    EXPECT_TRUE(third->wait(20 * kSecond));
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(submitted);
  rig.fake().frozen = false;
  waiter.join();
  EXPECT_EQ(c.status, c.expected);
}

TEST(RuntimeQueue, AStreamHasABoundOfItsOwn) {
  Rig rig;
  rig.open();
  rig.fake().frozen = true;
  const auto gate = std::make_shared<Gate>(1);
  Batch a(10), b(10);
  const auto first = rig.device->submit(a.verify_digest(), Priority::kVote, UINT64_MAX, false, gate);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(rig.device->submit(b.verify_digest(), Priority::kVote, UINT64_MAX, false, gate), nullptr);
  rig.fake().frozen = false;
  ASSERT_TRUE(first->wait(20 * kSecond));
  gate->wait_idle();
  const auto second = rig.device->submit(b.verify_digest(), Priority::kVote, UINT64_MAX, false, gate);
  ASSERT_NE(second, nullptr);
  EXPECT_TRUE(second->wait(20 * kSecond));
}

TEST(RuntimeQueue, ADeadlineThatPassesEndsTheRequestAlone) {
  Rig rig;
  rig.open();
  rig.fake().frozen = true;
  Batch late(10), other(10);
  const auto request = submit(rig, late.verify_digest(), Priority::kVote, now_ns() + 50 * kMillisecond);
  const auto second = submit(rig, other.verify_digest());
  ASSERT_TRUE(request->wait(20 * kSecond));
  EXPECT_EQ(request->status(), ACCEL_TIMED_OUT);
  EXPECT_EQ(late.status, std::vector<uint8_t>(10, ACCEL_NOT_CHECKED));
  rig.fake().frozen = false;
  ASSERT_TRUE(second->wait(20 * kSecond));
  EXPECT_EQ(second->status(), ACCEL_OK);
  EXPECT_EQ(other.status, other.expected);
  EXPECT_EQ(rig.stat("fake0", "resets"), 0u);
}

TEST(RuntimeQueue, CancelledWorkLeavesTheArraysAlone) {
  Rig rig;
  rig.open();
  rig.fake().frozen = true;
  auto batch = std::make_unique<Batch>(20000);
  Batch other(100);
  const auto request = submit(rig, batch->verify_digest());
  const auto second = submit(rig, other.verify_digest());
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_TRUE(request->close(ACCEL_CANCELLED, "cancelled"));
  EXPECT_FALSE(request->close(ACCEL_CANCELLED, "cancelled"));
  EXPECT_EQ(batch->status, std::vector<uint8_t>(20000, ACCEL_NOT_CHECKED));
  batch.reset();  // the address sanitizer tells who touches it
  EXPECT_TRUE(eventually([&] { return rig.fake().cancels > 0; }));
  rig.fake().frozen = false;
  ASSERT_TRUE(second->wait(20 * kSecond));
  EXPECT_EQ(other.status, other.expected);
  EXPECT_EQ(rig.verified(), 100u);
}

TEST(RuntimeQueue, CancelsWhateverTheMoment) {
  Rig rig(2);
  rig.open();
  for (int round = 0; round < 60; ++round) {
    auto batch = std::make_unique<Batch>(3000);
    const auto request = submit(rig, batch->verify_digest());
    std::this_thread::sleep_for(std::chrono::microseconds(200 * round));
    const bool cancelled = request->close(ACCEL_CANCELLED, "cancelled");
    ASSERT_TRUE(request->wait(20 * kSecond));
    for (size_t i = 0; i < 3000; ++i) {
      if (cancelled && batch->status[i] == ACCEL_NOT_CHECKED) continue;
      ASSERT_EQ(batch->status[i], batch->expected[i]);
    }
    EXPECT_EQ(request->status(), cancelled ? ACCEL_CANCELLED : ACCEL_OK);
  }
}

TEST(RuntimeQueue, TellsWhoWaitsOnADescriptorOrACallback) {
  Rig rig;
  rig.open();
  rig.fake().frozen = true;
  Batch batch(10);
  const auto request = submit(rig, batch.verify_digest());
  EXPECT_FALSE(request->wait(0));
  std::atomic<int> called{0};
  request->on_done([&] { ++called; });
  pollfd descriptor = {request->descriptor(), POLLIN, 0};
  EXPECT_EQ(poll(&descriptor, 1, 20), 0);
  EXPECT_EQ(called, 0);
  rig.fake().frozen = false;
  EXPECT_EQ(poll(&descriptor, 1, 20000), 1);
  ASSERT_TRUE(request->wait(kSecond));
  EXPECT_TRUE(eventually([&] { return called == 1; }));
  request->on_done([&] { ++called; });
  EXPECT_EQ(called, 2);
  EXPECT_EQ(poll(&descriptor, 1, 0), 1);
}

TEST(RuntimeQueue, ClosingFinishesWhatIsOnItsWay) {
  Rig rig;
  rig.open();
  rig.fake().delay_ns = 2 * static_cast<int64_t>(kMillisecond);
  std::vector<std::unique_ptr<Batch>> batches;
  std::vector<std::shared_ptr<Request>> requests;
  for (uint8_t i = 0; i < 20; ++i) {
    batches.push_back(std::make_unique<Batch>(50, i));
    requests.push_back(submit(rig, batches.back()->verify_digest()));
  }
  rig.device->close();
  for (size_t i = 0; i < requests.size(); ++i) {
    ASSERT_TRUE(requests[i]->wait(0));
    EXPECT_EQ(requests[i]->status(), ACCEL_OK);
    EXPECT_EQ(batches[i]->status, batches[i]->expected);
  }
  EXPECT_THROW(submit(rig, batches[0]->verify_digest()), Error);
  EXPECT_EQ(rig.fake().closes, 1u);
}

}  // namespace
}  // namespace accel::runtime::testing
