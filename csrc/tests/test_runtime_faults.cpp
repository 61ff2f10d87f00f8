// Devices that fail: nothing is lost, nothing is counted twice, and no fault is ever a verdict.
#include <unistd.h>

#include "base/error.hpp"
#include "runtime/log.hpp"
#include "runtime_testing.hpp"
#include "sm2/keyring.hpp"

namespace accel::runtime::testing {
namespace {

struct Failure {
  const char* name;
  std::atomic<int> Behaviour::* field;
  const char* counter;
};

const Failure kFailures[] = {
    {"lost", &Behaviour::lose, "faults.timeout"},           {"duplicated", &Behaviour::duplicate, "faults.bad_tag"},
    {"wrong tag", &Behaviour::wrong_tag, "faults.bad_tag"}, {"fault", &Behaviour::fault, "faults.device"},
    {"corrupt", &Behaviour::corrupt, "faults.corrupt"},     {"bad status", &Behaviour::bad_status, "faults.corrupt"},
    {"unchecked", &Behaviour::unchecked, "faults.corrupt"}, {"driver", &Behaviour::enqueue_fails, "faults.driver"},
};

// Verifies until the duplicate, which may come after the answer, was seen as well.
void verify_until(Rig& rig, const char* counter, uint64_t times) {
  const uint64_t before = rig.verified();
  uint64_t items = 0;
  for (int round = 0; round < 100 && rig.stat(counter) < times; ++round) {
    Batch batch(some(3000), static_cast<uint8_t>(round));
    rig.device->run(batch.verify_digest());
    ASSERT_EQ(batch.status, batch.expected);
    items += batch.count();
  }
  EXPECT_EQ(rig.stat(counter), times);
  EXPECT_EQ(rig.verified() - before, items);  // each once
}

TEST(RuntimeFaults, OneFailureResetsTheDevice) {
  for (const Failure& failure : kFailures) {
    SCOPED_TRACE(failure.name);
    Rig rig;
    if (failure.field == &Behaviour::lose) rig.options.trust.command_timeout_ns = kLostAfter;
    rig.open();
    (rig.fake().*failure.field) = 1;
    verify_until(rig, failure.counter, 1);
    ASSERT_TRUE(eventually([&] { return rig.stat("resets") == 1; }));
    EXPECT_EQ(rig.fake().resets, 1u);
    EXPECT_EQ(rig.stat("quarantined"), 0u);
    const uint64_t before = rig.stat("items.sm2_verify");
    EXPECT_TRUE(eventually([&] {  // it works again, once it has passed its tests
      Batch batch(2000);
      rig.device->run(batch.verify_digest());
      EXPECT_EQ(batch.status, batch.expected);
      return rig.stat("items.sm2_verify") > before;
    }));
  }
}

// Taken for the next command's, which has not run yet, it would give answers that are none.
TEST(RuntimeFaults, ATagThatIsOffByOneIsNoOtherCommands) {
  Rig rig;
  rig.open();
  Batch opening(100), first(100, 2), second(100, 3);
  rig.device->run(opening.hash_equal());     // whose first command is audited as a whole
  rig.fake().delay_ns = 200 * kMillisecond;  // the second one waits behind the first
  rig.fake().next_tag = 1;
  const auto a = rig.device->submit(first.hash_equal(), Priority::kVote, UINT64_MAX, false, nullptr);
  const auto b = rig.device->submit(second.hash_equal(), Priority::kVote, UINT64_MAX, false, nullptr);
  ASSERT_TRUE(a->wait(20 * kSecond));
  ASSERT_TRUE(b->wait(20 * kSecond));
  EXPECT_EQ(first.hashes, first.expected_hashes);
  EXPECT_EQ(second.hashes, second.expected_hashes);
  EXPECT_EQ(rig.stat("faults.bad_tag"), 1u);
  EXPECT_EQ(rig.stat("audit.wrong"), 0u);
}

TEST(RuntimeFaults, AFailureWhileWaitingResetsTheDevice) {
  Rig rig;
  rig.open();
  rig.fake().delay_ns = 20 * kMillisecond;
  rig.fake().wait_fails = 1;
  Batch batch(1000);
  rig.device->run(batch.verify_digest());
  EXPECT_EQ(batch.status, batch.expected);
  EXPECT_EQ(rig.stat("faults.driver"), 1u);
  EXPECT_TRUE(eventually([&] { return rig.stat("resets") == 1; }));
}

TEST(RuntimeFaults, ASecondFailureIsTheLast) {
  for (const Failure& failure : kFailures) {
    SCOPED_TRACE(failure.name);
    Rig rig;
    if (failure.field == &Behaviour::lose) rig.options.trust.command_timeout_ns = kLostAfter;
    rig.open();
    (rig.fake().*failure.field) = 1;
    verify_until(rig, failure.counter, 1);
    ASSERT_TRUE(eventually([&] { return rig.stat("resets") == 1; }));
    (rig.fake().*failure.field) = 1;
    verify_until(rig, failure.counter, 2);
    ASSERT_TRUE(eventually([&] { return rig.stat("quarantined") == 1 && rig.fake().closes == 1; }));
    Batch batch(2000);
    const uint64_t before = rig.stat("items.sm2_verify");
    rig.device->run(batch.verify_digest());
    EXPECT_EQ(batch.status, batch.expected);
    EXPECT_EQ(rig.stat("items.sm2_verify"), before);
    EXPECT_GT(rig.stat("driver.commands"), 0u);  // its counters outlive it
  }
}

TEST(RuntimeFaults, TheNextDeviceTakesOver) {
  Rig rig(3);
  rig.options.fallback = false;
  rig.options.trust.command_timeout_ns = kLostAfter;
  rig.open();
  rig.fake(0).frozen = true;
  rig.fake(1).fault = 1 << 20;
  for (int round = 0; round < 4; ++round) {
    Batch batch(some(5000));
    rig.device->run(batch.verify_digest());
    EXPECT_EQ(batch.status, batch.expected);
  }
  EXPECT_EQ(rig.verified(), 4 * some(5000));
  EXPECT_EQ(rig.stat("fallback", "commands"), 0u);
  EXPECT_GT(rig.stat("fake2", "items.sm2_verify"), 0u);
}

TEST(RuntimeFaults, AFailedResetQuarantines) {
  Rig rig;
  rig.open();
  rig.fake().fault = 1;
  rig.fake().reset_fails = 1;
  Batch batch(1000);
  rig.device->run(batch.verify_digest());
  EXPECT_EQ(batch.status, batch.expected);
  EXPECT_TRUE(eventually([&] { return rig.stat("quarantined") == 1; }));
}

TEST(RuntimeFaults, AFailedSelftestAfterResetQuarantines) {
  Rig rig;
  rig.open();
  rig.fake().accept_all = true;
  rig.fake().fault = 1;
  Batch batch(1000);
  rig.device->run(batch.verify_digest());
  EXPECT_EQ(batch.status, batch.expected);
  EXPECT_TRUE(eventually([&] { return rig.stat("quarantined") == 1; }));
  EXPECT_EQ(rig.stat("faults.selftest"), 1u);
}

TEST(RuntimeFaults, RefusedCommandsGoElsewhereWithoutBlame) {
  Rig rig;
  rig.open();
  rig.fake().refuse = 2;
  Batch batch(9000);
  rig.device->run(batch.verify_digest());
  EXPECT_EQ(batch.status, batch.expected);
  EXPECT_EQ(rig.stat("refused"), 2u);
  EXPECT_EQ(rig.stat("resets"), 0u);
  EXPECT_GT(rig.stat("fallback", "items.sm2_verify"), 0u);
}

TEST(RuntimeFaults, WithoutFallbackWorkEndsWithAnError) {
  Rig rig;
  rig.options.fallback = false;
  rig.open();
  rig.fake().fault = 1 << 20;
  Batch batch(1000);
  try {
    rig.device->run(batch.verify_digest());
    ADD_FAILURE() << "ran";
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ACCEL_BAD_DEVICE);
  }
  EXPECT_EQ(batch.status, std::vector<uint8_t>(1000, ACCEL_NOT_CHECKED));
  EXPECT_THROW(rig.device->run(batch.hash()), Error);
}

TEST(RuntimeFaults, WithoutFallbackRefusedWorkEndsWithAnError) {
  for (const size_t devices : {1, 2}) {
    Rig rig(devices);
    rig.options.fallback = false;
    rig.open();
    rig.fake(0).refuse = 1 << 20;
    Batch batch(1000);
    const auto request = rig.device->submit(batch.verify_digest(), Priority::kVote, UINT64_MAX, true, nullptr);
    const bool ended = request->wait(20 * kSecond);
    EXPECT_TRUE(ended);
    if (!ended) request->close(ACCEL_CANCELLED, "");
    EXPECT_EQ(request->status(), devices == 1 ? ACCEL_BAD_DEVICE : ACCEL_OK);  // the other can
    EXPECT_EQ(rig.stat("resets"), 0u);
  }
}

TEST(RuntimeFaults, AQueueThatStaysFullIsAFault) {
  Rig rig;
  rig.options.trust.command_timeout_ns = kLostAfter;
  rig.open();
  rig.fake().take_at_most = 0;
  Batch batch(1000);
  const auto request = rig.device->submit(batch.verify_digest(), Priority::kVote, UINT64_MAX, true, nullptr);
  EXPECT_TRUE(request->wait(20 * kSecond));
  rig.fake().take_at_most = 1;
  EXPECT_EQ(batch.status, batch.expected);
  EXPECT_GE(rig.stat("faults.timeout"), 1u);
}

// What it was given before the reset is not used for anything after it.
TEST(RuntimeFaults, ADeviceThatWritesAfterItsResetReachesNothing) {
  Rig rig;
  rig.options.trust.command_timeout_ns = kLostAfter;
  rig.open();
  rig.fake().late_writes = true;
  rig.fake().lose = 1;
  for (int round = 0; round < 8; ++round) {
    Batch batch(some(3000));
    rig.device->run(batch.verify_digest());
    EXPECT_EQ(batch.status, batch.expected);
  }
  EXPECT_EQ(rig.stat("resets"), 1u);
  EXPECT_EQ(rig.stat("audit.wrong"), 0u);
}

TEST(RuntimeFaults, WithoutFallbackAResetDeviceTriesAgain) {
  Rig rig;
  rig.options.fallback = false;
  rig.options.trust.command_timeout_ns = kLostAfter;
  rig.open();
  rig.fake().lose = 1;
  Batch batch(1000);
  rig.device->run(batch.verify_digest());
  EXPECT_EQ(batch.status, batch.expected);
  EXPECT_EQ(rig.stat("resets"), 1u);
}

// A call that hangs is waited for no longer, and when it returns at last it does no harm.
TEST(RuntimeFaults, ADriverThatHangsIsGivenUp) {
  Rig rig;
  rig.options.trust.call_timeout_ns = 500 * kMillisecond * kSlow;
  rig.open();
  rig.fake().hang = 1;
  Batch batch(3000);
  rig.device->run(batch.verify_digest());
  EXPECT_EQ(batch.status, batch.expected);
  EXPECT_EQ(rig.stat("faults.stuck"), 1u);
  EXPECT_EQ(rig.stat("quarantined"), 1u);
  rig.device.reset();
  rig.fake().lose = 1;  // what hung is still on the device when that is closed, and may be written until then
  rig.fake().release = true;
  EXPECT_TRUE(eventually([&] { return rig.fake().closes == 1; }));
}

TEST(RuntimeFaults, CancellingDoesNotWaitForADriverThatLoadsKeys) {
  Rig rig;
  rig.open();
  const sm2::testing::Signed& items = signed_items();
  size_t bad_index;
  const sm2::KeyRing ring({items.signers.data(), 64}, items.signers.size() / 64,
                          sm2::Identity(nullptr, ACCEL_SM2_NO_ZA), 0, &bad_index);
  Batch batch(100);
  Work work = batch.verify_digest();
  work.keys = {};
  work.ring = &ring;
  work.indices = {batch.indices.data()};
  const uint64_t loads = rig.fake().loads;
  rig.fake().load_hangs = 1;
  const auto request = rig.device->submit(std::move(work), Priority::kVote, UINT64_MAX, true, nullptr);
  EXPECT_TRUE(eventually([&] { return rig.fake().loads != loads; }));
  std::atomic<bool> cancelled{false};
  std::thread canceller([&] {
    request->close(ACCEL_CANCELLED, "");
    cancelled = true;
  });
  EXPECT_TRUE(eventually([&] { return cancelled.load(); }));
  rig.fake().release = true;
  canceller.join();
}

// Closing a handle waits no longer for a driver than any call does, also for one that is in quarantine.
TEST(RuntimeFaults, ADriverThatHangsAtItsEndIsGivenUp) {
  for (const auto field : {&Behaviour::close_hangs, &Behaviour::stats_hang}) {
    for (const bool quarantined : {false, true}) {
      Rig rig;
      rig.options.trust.call_timeout_ns = 250 * kMillisecond;  // of opening, too, on a machine that is busy
      rig.open();
      (rig.fake().*field) = 1;
      if (quarantined) {
        rig.fake().accept_all = true;
        Batch batch(1000);
        rig.device->run(batch.verify_digest());
        EXPECT_EQ(batch.status, batch.expected);
      }
      std::atomic<bool> closed{false};
      std::thread closer([&] {
        rig.device->close();
        closed = true;
      });
      EXPECT_TRUE(eventually([&] { return closed.load(); }));
      rig.fake().release = true;
      closer.join();
      rig.device.reset();
      EXPECT_TRUE(eventually([&] { return rig.fake().closes == 1; }));
    }
  }
}

TEST(RuntimeFaults, OpeningSaysWhatIsWrong) {
  const auto sentence_of = [](const auto& change) -> std::string {
    Rig rig;
    rig.options.trust.command_timeout_ns = kLostAfter;
    accel_driver driver = kFakeDriver;
    devices::Found one = found(rig.fakes[0]);
    change(rig.fake(), driver, one);
    one.driver = &driver;
    try {
      Device::open({one}, {"broken"}, rig.options);
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), ACCEL_BAD_DEVICE);
      return error.what();
    }
    return "it opened";
  };
  using Found = devices::Found;
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  const auto version = sentence_of([](Behaviour&, accel_driver& d, Found&) { d.abi_version = 99; });
  EXPECT_TRUE(has(version, "broken") && has(version, "99")) << version;
  const auto missing = sentence_of([](Behaviour&, accel_driver& d, Found&) { d.dequeue_burst = nullptr; });
  EXPECT_TRUE(has(missing, "function")) << missing;
  const auto cable = sentence_of([](Behaviour&, accel_driver&, Found& f) { f.options = ""; });
  EXPECT_TRUE(has(cable, "NO_DEVICE") && has(cable, "no cable")) << cable;
  const auto caps = sentence_of([](Behaviour& b, accel_driver&, Found&) { b.caps.max_items = 0; });
  EXPECT_TRUE(has(caps, "max_items")) << caps;
  const auto wrong = sentence_of([](Behaviour& b, accel_driver&, Found&) { b.accept_all = true; });
  EXPECT_TRUE(has(wrong, "known-answer")) << wrong;
  const auto silent = sentence_of([](Behaviour& b, accel_driver&, Found&) { b.frozen = true; });
  EXPECT_TRUE(has(silent, "in time")) << silent;
  const auto failed = sentence_of([](Behaviour& b, accel_driver&, Found&) { b.fault = 1; });
  EXPECT_TRUE(has(failed, "completion status 5")) << failed;
}

TEST(RuntimeFaults, OneDeviceThatDoesNotOpenClosesTheOthers) {
  Rig rig(2);
  rig.fake(1).fault = 1;
  EXPECT_THROW(rig.open(), Error);
  EXPECT_EQ(rig.fake(0).closes, 1u);
  EXPECT_EQ(rig.fake(1).closes, 1u);
}

struct Events {
  std::mutex mutex;
  std::vector<std::string> names;
  static void take(void* context, const accel_log_event* event) {
    auto& events = *static_cast<Events*>(context);
    const std::lock_guard lock(events.mutex);
    EXPECT_EQ(event->struct_size, sizeof *event);
    EXPECT_NE(std::string(event->message), "");
    events.names.push_back(std::string(event->event) + " " + event->device);
  }
};

TEST(RuntimeFaults, LogsWhatHappens) {
  Events events;
  set_log(Events::take, &events);
  {
    Rig rig;
    rig.open();
    Batch batch(1000);
    for (const char* outcome : {"resets", "quarantined"}) {
      rig.fake().fault = 1;
      EXPECT_TRUE(eventually([&] {
        rig.device->run(batch.verify_digest());
        return rig.stat(outcome) == 1;
      }));
      EXPECT_TRUE(eventually([&] {  // the tests after a reset are over as well
        const std::lock_guard lock(events.mutex);
        return events.names.back() == (outcome[0] == 'r' ? "device.reset fake0" : "device.quarantined fake0");
      }));
    }
  }
  set_log(nullptr, nullptr);
  const std::vector<std::string> expected = {"device.opened fake0", "device.fault fake0",       "device.reset fake0",
                                             "device.fault fake0",  "device.quarantined fake0", "device.closed fake0"};
  EXPECT_EQ(events.names, expected);
}

}  // namespace
}  // namespace accel::runtime::testing
