// The coalescer over a batch function of the tests' own: verdicts, order, full queues, deadlines, closing.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "runtime/coalescer.hpp"
#include "runtime/completions.hpp"

namespace accel::runtime {
namespace {

using std::chrono::milliseconds;

constexpr Nanoseconds kMillisecond = 1'000'000;

// A device whose verdict is the digest's first byte. It can be held up, and remembers its batches.
class Device {
 public:
  RunBatch function() {
    return [this](uint8_t* status, const Batch& batch) { run(status, batch); };
  }
  void hold() { set(true); }
  void release() { set(false); }
  // Until so many batches are inside.
  void wait_inside(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return inside_ >= count; });
  }
  // The second bytes of the digests of each batch.
  std::vector<std::vector<uint8_t>> batches() {
    const std::lock_guard lock(mutex_);
    return batches_;
  }

 private:
  void run(uint8_t* status, const Batch& batch) {
    std::unique_lock lock(mutex_);
    batches_.emplace_back();
    for (size_t i = 0; i < batch.count; ++i) batches_.back().push_back(batch.digests[32 * i + 1]);
    ++inside_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !held_; });
    --inside_;
    for (size_t i = 0; i < batch.count; ++i) status[i] = batch.digests[32 * i];
    if (batch.digests[2] == 1) throw Error(ACCEL_SELFTEST_FAILED, "the device is broken");
    if (batch.digests[2] == 2) throw std::bad_alloc();
  }
  void set(bool held) {
    const std::lock_guard lock(mutex_);
    held_ = held;
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false;
  size_t inside_ = 0;
  std::vector<std::vector<uint8_t>> batches_;
};

struct Question : Item {
  explicit Question(uint8_t verdict, uint8_t mark = 0, uint8_t failure = 0) : digest_{verdict, mark, failure} {
    key = bytes_;
    signature = bytes_;
    digest = digest_;
  }

 private:
  uint8_t bytes_[64] = {}, digest_[32];
};

// The status of a call's error; ACCEL_OK if there was none.
template <typename Call>
accel_status error_of(Call&& call) {
  try {
    call();
    return ACCEL_OK;
  } catch (const Error& error) {
    EXPECT_STRNE(error.what(), "");
    return error.status();
  }
}

accel_status ask(Coalescer& coalescer, uint8_t mark, uint8_t priority = 2, Nanoseconds timeout = kNever) {
  Question question(ACCEL_OK, mark);
  question.priority = priority;
  question.deadline = deadline_after(timeout);
  return error_of([&] { EXPECT_EQ(coalescer.verify(question), ACCEL_OK); });
}

void wait_until_waiting(const Coalescer& coalescer, uint64_t count) {
  while (coalescer.counts().waiting < count) std::this_thread::yield();
}

TEST(Coalescer, EveryCallerGetsItsOwnVerdict) {
  Device device;
  CoalescerOptions options;
  options.runners = 2;
  Coalescer coalescer(options, device.function());
  std::vector<std::thread> callers;
  std::atomic<uint64_t> wrong{0};
  for (uint8_t caller = 0; caller < 16; ++caller) {
    callers.emplace_back([&, caller] {
      for (uint32_t round = 0; round < 300; ++round) {
        const auto verdict = static_cast<uint8_t>(1 + (caller + round) % 4);
        Question question(verdict);
        question.priority = static_cast<uint8_t>(round % kPriorities);
        if (coalescer.verify(question) != verdict) ++wrong;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0u);
  const CoalescerCounts counts = coalescer.counts();
  EXPECT_EQ(counts.items, 16u * 300);
  EXPECT_EQ(counts.taken[0] + counts.taken[1] + counts.taken[2], 16u * 300);
  EXPECT_LE(counts.batches, counts.items);
  EXPECT_EQ(counts.waiting, 0u);
}

TEST(Coalescer, ALoneCallerIsNotKeptWaiting) {
  Device device;
  CoalescerOptions options;
  options.linger = 10'000 * kMillisecond;
  Coalescer coalescer(options, device.function());
  const Nanoseconds began = now_ns();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(ask(coalescer, 0), ACCEL_OK);
  EXPECT_LT(now_ns() - began, 5'000 * kMillisecond);
  EXPECT_EQ(device.batches().size(), 100u);
}

// Two who wait for a third: it does not come, and the linger ends.
TEST(Coalescer, LingersForThoseWhoWereThereBefore) {
  Device device;
  CoalescerOptions options;
  options.linger = 300 * kMillisecond;
  Coalescer coalescer(options, device.function());
  const auto together = [&](uint8_t count) {
    std::vector<std::thread> callers;
    for (uint8_t i = 0; i < count; ++i) callers.emplace_back([&] { EXPECT_EQ(ask(coalescer, 0), ACCEL_OK); });
    for (std::thread& caller : callers) caller.join();
  };
  device.hold();
  std::thread first([&] { together(4); });
  device.wait_inside(1);
  wait_until_waiting(coalescer, 3);
  device.release();
  first.join();  // the other three made a batch at the end of their linger, or at once

  const size_t before = device.batches().size();
  const Nanoseconds began = now_ns();
  together(2);
  EXPECT_GE(now_ns() - began, 300 * kMillisecond);
  EXPECT_EQ(device.batches().size(), before + 1);  // and both are in one batch
}

TEST(Coalescer, FullLanesDoNotLinger) {
  Device device;
  CoalescerOptions options;
  options.linger = 10'000 * kMillisecond;
  options.lanes = 8;
  options.most = 8;
  Coalescer coalescer(options, device.function());
  device.hold();
  std::vector<std::thread> callers;
  for (uint8_t i = 0; i < 9; ++i) callers.emplace_back([&] { EXPECT_EQ(ask(coalescer, 0), ACCEL_OK); });
  device.wait_inside(1);
  wait_until_waiting(coalescer, 8);
  const Nanoseconds began = now_ns();
  device.release();
  for (std::thread& caller : callers) caller.join();
  EXPECT_LT(now_ns() - began, 5'000 * kMillisecond);
  EXPECT_EQ(device.batches().back().size(), 8u);
}

TEST(Coalescer, VotesBeforeProposalsBeforeTransactions) {
  Device device;
  CoalescerOptions options;
  options.lanes = 2;
  options.most = 2;
  Coalescer coalescer(options, device.function());
  device.hold();
  std::vector<std::thread> callers;
  callers.emplace_back([&] { ask(coalescer, 99); });
  device.wait_inside(1);
  uint64_t waiting = 0;
  for (const uint8_t priority : std::vector<uint8_t>{2, 1, 0, 2, 1, 0}) {
    callers.emplace_back([&, priority] { ask(coalescer, priority, priority); });
    wait_until_waiting(coalescer, ++waiting);
  }
  device.release();
  for (std::thread& caller : callers) caller.join();
  using Marks = std::vector<uint8_t>;
  EXPECT_EQ(device.batches(), (std::vector<Marks>{Marks{99}, Marks{0, 0}, Marks{1, 1}, Marks{2, 2}}));
}

TEST(Coalescer, AFullQueueRefusesOrWaits) {
  for (const bool refuse : {true, false}) {
    Device device;
    CoalescerOptions options;
    options.capacity = 2;
    options.refuse_when_full = refuse;
    Coalescer coalescer(options, device.function());
    device.hold();
    std::vector<std::thread> callers;
    callers.emplace_back([&] { EXPECT_EQ(ask(coalescer, 0), ACCEL_OK); });
    device.wait_inside(1);
    for (uint64_t waiting = 1; waiting <= 2; ++waiting) {
      callers.emplace_back([&] { EXPECT_EQ(ask(coalescer, 0), ACCEL_OK); });
      wait_until_waiting(coalescer, waiting);
    }
    // Another priority has room of its own.
    callers.emplace_back([&] { EXPECT_EQ(ask(coalescer, 0, 0), ACCEL_OK); });
    wait_until_waiting(coalescer, 3);
    EXPECT_EQ(ask(coalescer, 0, 2, 20 * kMillisecond), refuse ? ACCEL_QUEUE_FULL : ACCEL_TIMED_OUT);
    if (!refuse) callers.emplace_back([&] { EXPECT_EQ(ask(coalescer, 0), ACCEL_OK); });
    device.release();
    for (std::thread& caller : callers) caller.join();
    const CoalescerCounts counts = coalescer.counts();
    EXPECT_EQ(counts.refused, refuse ? 1u : 0u);
    EXPECT_EQ(counts.timed_out, refuse ? 0u : 1u);
    EXPECT_EQ(counts.items, refuse ? 4u : 5u);
  }
}

TEST(Coalescer, ADeadlineEndsWaitingAndNotABatch) {
  Device device;
  Coalescer coalescer({}, device.function());
  device.hold();
  std::thread inside([&] { EXPECT_EQ(ask(coalescer, 0, 2, kMillisecond), ACCEL_OK); });
  device.wait_inside(1);
  const Nanoseconds began = now_ns();
  EXPECT_EQ(ask(coalescer, 0, 2, 30 * kMillisecond), ACCEL_TIMED_OUT);
  EXPECT_GE(now_ns() - began, 30 * kMillisecond);
  EXPECT_EQ(coalescer.counts().waiting, 0u);
  device.release();
  inside.join();
  EXPECT_EQ(coalescer.counts().items, 1u);
}

TEST(Coalescer, WhatABatchThrowsReachesItsCallers) {
  Device device;
  Coalescer coalescer({}, device.function());
  Question broken(ACCEL_OK, 0, 1);
  try {
    coalescer.verify(broken);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ACCEL_SELFTEST_FAILED);
    EXPECT_STREQ(error.what(), "the device is broken");
  }
  Question poor(ACCEL_OK, 0, 2);
  EXPECT_EQ(error_of([&] { coalescer.verify(poor); }), ACCEL_NO_MEMORY);
  Question silent(ACCEL_NOT_CHECKED);  // a batch that leaves an item without a verdict
  EXPECT_EQ(error_of([&] { coalescer.verify(silent); }), ACCEL_INTERNAL);
  EXPECT_EQ(ask(coalescer, 0), ACCEL_OK);
}

// Callers in a batch, waiting, and blocked by a full queue, when it closes.
void expect_all_answered(bool drain, bool destroy) {
  Device device;
  CoalescerOptions options;
  options.capacity = 4;
  auto coalescer = std::make_unique<Coalescer>(options, device.function());
  Coalescer* const shared = coalescer.get();
  device.hold();
  std::atomic<int> valid{0}, closed{0};
  std::vector<std::thread> callers;
  const auto call = [&] {
    callers.emplace_back([&] {
      const accel_status status = ask(*shared, 0);
      ++(status == ACCEL_OK ? valid : closed);
      EXPECT_TRUE(status == ACCEL_OK || status == ACCEL_CLOSED);
    });
  };
  call();
  device.wait_inside(1);
  for (int i = 0; i < 6; ++i) call();
  wait_until_waiting(*coalescer, 4);
  std::this_thread::sleep_for(milliseconds(20));  // the other two find no room
  std::thread closer([&] {
    if (destroy) {
      coalescer.reset();
    } else {
      coalescer->close(drain);
      EXPECT_EQ(ask(*coalescer, 0), ACCEL_CLOSED);
    }
  });
  std::this_thread::sleep_for(milliseconds(20));
  device.release();
  closer.join();
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(valid, drain ? 5 : 1);
  EXPECT_EQ(valid + closed, 7);
}

TEST(Coalescer, ClosingAnswersEveryCaller) {
  expect_all_answered(true, false);
  expect_all_answered(false, false);
  expect_all_answered(false, true);
}

Submission submission(const Question& question, uint64_t tag, Nanoseconds timeout = kNever) {
  return {nullptr, 0, question.key, question.signature, question.digest, 2, deadline_after(timeout), tag};
}

TEST(Completions, EachAnswerOnceAndWithItsTag) {
  Device device;
  CoalescerOptions options;
  options.runners = 2;
  const auto coalescer = std::make_shared<Coalescer>(options, device.function());
  Completions queue(coalescer, 1000);
  std::vector<int> seen(3000);
  size_t submitted = 0, answered = 0;
  while (answered < seen.size()) {
    for (; submitted < seen.size() && submitted - answered < 500; ++submitted) {
      queue.submit(submission(Question(static_cast<uint8_t>(1 + submitted % 4)), submitted));
    }
    std::array<Completion, 100> some;
    const size_t count = queue.poll(some.data(), some.size(), kNever);
    ASSERT_GT(count, 0u);
    for (size_t i = 0; i < count; ++i) {
      ++seen.at(some[i].tag);
      EXPECT_EQ(some[i].status, 1 + some[i].tag % 4);
    }
    answered += count;
  }
  for (const int times : seen) EXPECT_EQ(times, 1);
  Completion none;
  EXPECT_EQ(queue.poll(&none, 1, 0), 0u);
  const Nanoseconds began = now_ns();
  EXPECT_EQ(queue.poll(&none, 1, deadline_after(10 * kMillisecond)), 0u);
  EXPECT_GE(now_ns() - began, 10 * kMillisecond);
}

TEST(Completions, RefuseMoreThanTheyHold) {
  Device device;
  const auto coalescer = std::make_shared<Coalescer>(CoalescerOptions(), device.function());
  Completions queue(coalescer, 3);
  const Question question(ACCEL_OK);
  for (uint64_t tag = 0; tag < 3; ++tag) queue.submit(submission(question, tag));
  EXPECT_EQ(error_of([&] { queue.submit(submission(question, 3)); }), ACCEL_QUEUE_FULL);
  Completion answer;
  EXPECT_EQ(queue.poll(&answer, 1, kNever), 1u);
  queue.submit(submission(question, 3));
}

TEST(Completions, DeadlinesAndClosingAreAnswers) {
  Device device;
  const auto coalescer = std::make_shared<Coalescer>(CoalescerOptions(), device.function());
  Completions queue(coalescer, 8);
  const Question question(ACCEL_OK);
  const auto status_of = [&](uint64_t tag) {
    Completion answer;
    EXPECT_EQ(queue.poll(&answer, 1, kNever), 1u);
    EXPECT_EQ(answer.tag, tag);
    return answer.status;
  };
  device.hold();
  queue.submit(submission(question, 1));
  device.wait_inside(1);
  queue.submit(submission(question, 2, kMillisecond));
  std::this_thread::sleep_for(milliseconds(5));
  device.release();
  EXPECT_EQ(status_of(1), ACCEL_OK);
  EXPECT_EQ(status_of(2), ACCEL_TIMED_OUT);
  device.hold();
  queue.submit(submission(question, 3));
  device.wait_inside(1);
  queue.submit(submission(question, 4));
  std::thread closer([&] { coalescer->close(false); });
  EXPECT_EQ(status_of(4), ACCEL_CLOSED);
  device.release();
  closer.join();
  EXPECT_EQ(status_of(3), ACCEL_OK);
  EXPECT_EQ(error_of([&] { queue.submit(submission(question, 5)); }), ACCEL_CLOSED);
}

TEST(Completions, FreedWithWorkUnderWay) {
  Device device;
  const auto coalescer = std::make_shared<Coalescer>(CoalescerOptions(), device.function());
  auto queue = std::make_unique<Completions>(coalescer, 8);
  const Question question(ACCEL_OK);
  device.hold();
  queue->submit(submission(question, 1));
  device.wait_inside(1);
  for (uint64_t tag = 2; tag < 6; ++tag) queue->submit(submission(question, tag));
  std::thread freeing([&] { queue.reset(); });
  std::this_thread::sleep_for(milliseconds(10));
  device.release();
  freeing.join();
  EXPECT_EQ(coalescer->counts().items, 1u);
  EXPECT_EQ(coalescer->counts().waiting, 0u);
  EXPECT_EQ(ask(*coalescer, 0), ACCEL_OK);
}

}  // namespace
}  // namespace accel::runtime
