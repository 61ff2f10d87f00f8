// Callers who do the work of their device's thread: only for drivers of this library, and with nothing lost by it.
#include "base/error.hpp"
#include "runtime_testing.hpp"

namespace accel::runtime::testing {
namespace {

std::set<std::thread::id> threads_of(Behaviour& fake) {
  const std::lock_guard lock(fake.mutex);
  return std::exchange(fake.enqueued_by, {});
}

void verify(Rig& rig, size_t count, uint8_t seed = 1) {
  Batch batch(count, seed);
  rig.device->run(batch.verify_digest());
  EXPECT_EQ(batch.status, batch.expected);
}

TEST(RuntimeCallers, ALoneCallIsWorkedForOnItsOwnThread) {
  Rig rig;
  rig.own = true;
  rig.open();
  const auto here = std::this_thread::get_id();
  // The device's thread may be awake yet.
  EXPECT_TRUE(eventually([&] {
    threads_of(rig.fake());
    verify(rig, 64);
    return threads_of(rig.fake()) == std::set{here};
  }));
  Batch hashes(100);
  rig.device->run(hashes.hash());
  EXPECT_EQ(hashes.hashes, hashes.expected_hashes);
  // Who does not wait is not kept.
  Batch later(64);
  threads_of(rig.fake());
  const auto request = rig.device->submit(later.verify_digest(), Priority::kVote, UINT64_MAX, true, nullptr);
  EXPECT_TRUE(request->wait(UINT64_MAX));
  EXPECT_EQ(later.status, later.expected);
  EXPECT_EQ(threads_of(rig.fake()).count(here), 0u);
}

// What others are told, they are told on a thread of the runtime; and none of their work is forgotten.
TEST(RuntimeCallers, NobodyElsesWorkIsDoneOnACallersThread) {
  Rig rig;
  rig.own = true;
  rig.open();
  std::set<std::thread::id> callers, told;
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (int number = 0; number < 2; ++number) {
    threads.emplace_back([&] {
      {
        const std::lock_guard lock(mutex);
        callers.insert(std::this_thread::get_id());
      }
      for (size_t i = 0; i < some(500); ++i) verify(rig, 8);
    });
  }
  for (size_t i = 0; i < some(500); ++i) {
    Batch batch(8);
    const auto request = rig.device->submit(batch.verify_digest(), Priority::kVote, UINT64_MAX, true, nullptr);
    std::atomic<bool> is_told{false};
    request->on_done([&] {
      const std::lock_guard lock(mutex);
      told.insert(std::this_thread::get_id());
      is_told = true;
    });
    EXPECT_TRUE(request->wait(60 * kSecond));
    EXPECT_TRUE(eventually([&] { return is_told.load(); }));
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::thread::id& caller : callers) EXPECT_EQ(told.count(caller), 0u);
}

// Their drivers may never return. Nor are batches shared out by a caller who has only one device in his hands.
TEST(RuntimeCallers, OthersDevicesAndSeveralAreForTheirOwnThreads) {
  for (const bool own : {false, true}) {
    Rig rig(own ? 2 : 1);
    rig.own = own;
    rig.open();
    for (int i = 0; i < 20; ++i) verify(rig, 200);
    for (const auto& fake : rig.fakes) EXPECT_EQ(threads_of(*fake).count(std::this_thread::get_id()), 0u);
  }
}

TEST(RuntimeCallers, FullAuditsAreForTheThread) {
  Rig rig;
  rig.own = true;
  rig.options.trust.audit = Audit::kFull;
  rig.open();
  for (int i = 0; i < 20; ++i) verify(rig, 64);
  EXPECT_EQ(threads_of(rig.fake()).count(std::this_thread::get_id()), 0u);
}

// Who waits for the device while the work of others comes in leaves that, and what is in flight, to the thread.
TEST(RuntimeCallers, AWaitingCallerGivesWay) {
  Rig rig;
  rig.own = true;
  rig.open();
  verify(rig, 64);
  threads_of(rig.fake());
  rig.fake().frozen = true;
  std::thread caller([&] { verify(rig, 64); });
  std::set<std::thread::id> threads;
  EXPECT_TRUE(eventually([&] { return !(threads = threads_of(rig.fake())).empty(); }));
  Batch other(64);
  const auto request = rig.device->submit(other.verify_digest(), Priority::kVote, UINT64_MAX, true, nullptr);
  EXPECT_TRUE(eventually([&] { return !(threads = threads_of(rig.fake())).empty(); }));
  EXPECT_EQ(threads.count(caller.get_id()), 0u);
  rig.fake().frozen = false;
  EXPECT_TRUE(request->wait(UINT64_MAX));
  EXPECT_EQ(other.status, other.expected);
  caller.join();
  EXPECT_EQ(rig.verified(), 3u * 64);
}

// A long call does not keep the device from what is more urgent.
TEST(RuntimeCallers, AnUrgentCallGoesBeforeTheRestOfALongOne) {
  Rig rig;
  rig.own = true;
  rig.open();
  const size_t urgent_call = 7;
  Batch transactions(100 * kSlotItems), vote(urgent_call);
  rig.fake().hang = 1;
  rig.fake().sizes.clear();
  std::thread caller([&] { rig.device->run(transactions.hash_equal(), Priority::kTransaction); });
  EXPECT_TRUE(eventually([&] { return rig.fake().hang == 0; }));
  const auto request = rig.device->submit(vote.hash_equal(), Priority::kVote, UINT64_MAX, true, nullptr);
  rig.fake().release = true;
  EXPECT_TRUE(request->wait(UINT64_MAX));
  caller.join();
  EXPECT_EQ(transactions.hashes, transactions.expected_hashes);
  const std::vector<uint64_t>& sizes = rig.fake().sizes;
  const auto place = std::find(sizes.begin(), sizes.end(), urgent_call) - sizes.begin();
  EXPECT_LE(static_cast<size_t>(place), 2 * kSlots);  // behind what had been taken by then
}

TEST(RuntimeCallers, WhatTakesLongIsWaitedFor) {
  for (const Audit audit : {Audit::kSample, Audit::kHold, Audit::kFull}) {
    Rig rig;
    rig.own = true;
    rig.options.trust.audit = audit;
    rig.open();
    rig.fake().delay_ns = 5 * kMillisecond;
    for (int i = 0; i < 3; ++i) verify(rig, some(10000));
  }
}

TEST(RuntimeCallers, AFaultIsRecoveredFrom) {
  Rig rig;
  rig.own = true;
  rig.open();
  verify(rig, 64);
  rig.fake().fault = 1;
  for (int i = 0; i < 20; ++i) verify(rig, 64);
  EXPECT_EQ(rig.stat("faults.device"), 1u);
  EXPECT_EQ(rig.stat("resets"), 1u);
  EXPECT_EQ(rig.stat("quarantined"), 0u);
  EXPECT_EQ(rig.verified(), 21u * 64);
}

// The thread, which was asleep, closes it.
TEST(RuntimeCallers, ALiarIsQuarantinedAndClosed) {
  Rig rig;
  rig.own = true;
  rig.open();
  verify(rig, 64);
  rig.fake().accept_all = true;
  for (int i = 0; i < 2000 && rig.stat("quarantined") == 0; ++i) {
    Batch batch(64, static_cast<uint8_t>(i));
    rig.device->run(batch.verify_digest());  // a sample finds it sooner or later
  }
  EXPECT_EQ(rig.stat("quarantined"), 1u);
  EXPECT_TRUE(eventually([&] { return rig.fake().closes == 1; }));
  verify(rig, 64);  // by the CPU
}

// Where they lie, as a command can say it, and the device is one of this library and the caller waits.
TEST(RuntimeCallers, InputsAreReadInPlace) {
  for (const bool own : {true, false}) {
    Rig rig;
    rig.own = own;
    rig.open();
    Batch batch(64), ragged(64), later(64);
    const auto messages_of = [&](Batch& hashed) {
      EXPECT_EQ(hashed.hashes, hashed.expected_hashes);
      return rig.fake().messages.load();
    };
    rig.device->run(batch.hash_equal());
    EXPECT_EQ(messages_of(batch) == batch.digests.data(), own);
    rig.device->run(batch.hash_equal(0));  // no bytes at all
    messages_of(batch);
    rig.device->run(batch.verify_digest());
    EXPECT_EQ(batch.status, batch.expected);
    EXPECT_EQ(rig.fake().signatures == batch.signatures.data(), own);
    rig.device->run(ragged.hash());
    EXPECT_NE(messages_of(ragged), ragged.messages.data());
    rig.device->submit(later.hash_equal(), Priority::kVote, UINT64_MAX, true, nullptr)->wait(UINT64_MAX);
    EXPECT_NE(messages_of(later), later.digests.data());
  }
}

// Slots are used again while answers wait for their window.
TEST(RuntimeCallers, HeldAnswersOutliveTheirSlots) {
  Rig rig;
  rig.own = true;
  rig.options.trust.audit = Audit::kHold;
  rig.options.trust.hold_window = uint64_t{1} << 20;
  rig.open();
  Batch batch(10 * kSlots * kSlotItems);
  rig.device->run(batch.hash_equal());
  EXPECT_EQ(batch.hashes, batch.expected_hashes);
  EXPECT_EQ(rig.stat("audit.wrong"), 0u);
}

// The answers are there by the CPU, and still the caller's inputs stay until the device lets go of them.
TEST(RuntimeCallers, InputsStayUntilTheResetIsOver) {
  for (const bool own : {true, false}) {
    Rig rig;
    rig.own = own;
    rig.options.trust.audit = Audit::kFull;  // so that the device's thread does the reset, and the caller only waits
    rig.options.trust.command_timeout_ns = kLostAfter;
    rig.open();
    rig.fake().lose = 1;
    rig.fake().reset_hangs = 1;
    std::atomic<bool> returned{false};
    std::thread caller([&] {
      auto batch = std::make_unique<Batch>(64);
      rig.device->run(batch->hash_equal());
      EXPECT_EQ(batch->hashes, batch->expected_hashes);
      batch.reset();
      returned = true;
    });
    EXPECT_TRUE(eventually([&] { return rig.stat("fallback", "items.sm3") == 64; }));
    if (own) {
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      EXPECT_FALSE(returned);
    } else {
      EXPECT_TRUE(eventually([&] { return returned.load(); }));
    }
    rig.fake().release = true;
    caller.join();
    EXPECT_TRUE(eventually([&] { return rig.stat("resets") == 1; }));
  }
}

// A machine that was suspended in the middle of a call: it is given up, its work done elsewhere, and when it goes on it
// does no harm.
TEST(RuntimeCallers, ACallThatIsGivenUpStillReturns) {
  Rig rig;
  rig.own = true;
  rig.options.trust.call_timeout_ns = 300 * kMillisecond * kSlow;
  rig.open();
  Batch mine(64), other(64);
  rig.fake().hang = 1;
  std::thread caller([&] { rig.device->run(mine.hash_equal()); });
  EXPECT_TRUE(eventually([&] { return rig.fake().hang == 0; }));
  const auto request = rig.device->submit(other.verify_digest(), Priority::kVote, UINT64_MAX, true, nullptr);
  EXPECT_TRUE(request->wait(UINT64_MAX));  // the keeper looks after the driver because of it
  EXPECT_EQ(other.status, other.expected);
  EXPECT_EQ(rig.stat("faults.stuck"), 1u);
  rig.fake().release = true;
  caller.join();
  EXPECT_EQ(mine.hashes, mine.expected_hashes);
  EXPECT_TRUE(eventually([&] { return rig.fake().closes == 1; }));
}

// Callers, futures that are cancelled, and the end of the handle, all at once, on the kernels themselves.
TEST(RuntimeCallers, CallersAndFuturesShareADevice) {
  for (int round = 0; round < 3; ++round) {
    const std::shared_ptr<Device> device = Device::open("cpu", {});
    std::atomic<uint64_t> refused{0};
    std::vector<std::thread> threads;
    for (size_t number = 0; number < 4; ++number) {
      threads.emplace_back([&, number] {
        for (size_t i = 0; i < some(300); ++i) {
          Batch batch(1 + (i * 31 + number) % (i % 50 == 0 ? 5000 : 60), static_cast<uint8_t>(i));
          try {
            if (number % 2 == 0) {
              device->run(batch.hash(), static_cast<Priority>(i % 3));
              ASSERT_EQ(batch.hashes, batch.expected_hashes);
              continue;
            }
            const auto request = device->submit(batch.hash(), Priority::kVote, UINT64_MAX, true, nullptr);
            if (i % 3 == 0 && request->close(ACCEL_CANCELLED, "")) continue;
            ASSERT_TRUE(request->wait(UINT64_MAX));
            ASSERT_EQ(batch.hashes, batch.expected_hashes);
          } catch (const Error& error) {
            ASSERT_EQ(error.status(), ACCEL_BAD_DEVICE);  // closed meanwhile
            refused++;
            return;
          }
        }
      });
    }
    if (round != 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5 * round));
      device->close();
    }
    for (std::thread& thread : threads) thread.join();
    if (round == 0) {
      EXPECT_EQ(refused, 0u);
    }
    for (const DeviceStat& stat : device->stats()) {
      if (!stat.name.starts_with("faults.") && stat.name != "audit.wrong") continue;
      EXPECT_EQ(stat.value, 0u) << stat.name;
    }
  }
}

}  // namespace
}  // namespace accel::runtime::testing
