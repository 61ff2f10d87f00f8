// The pool: coverage of the range, exceptions, concurrent callers, changing numbers of threads, fork.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "base/pool.hpp"
#include "sanitizer.hpp"

namespace accel {
namespace {

class Pool : public ::testing::Test {
 protected:
  void SetUp() override { set_num_threads(4); }
};

// Sums i over [0, count) in a batch of its own, and checks that each item came once.
void expect_covered(size_t count, size_t grain) {
  std::vector<std::atomic<uint8_t>> seen(count);
  std::atomic<size_t> largest{0};
  parallel_for(count, grain, [&](size_t begin, size_t end) {
    ASSERT_LT(begin, end);
    size_t known = largest.load();
    while (known < end - begin && !largest.compare_exchange_weak(known, end - begin)) {
    }
    for (size_t i = begin; i < end; i++) seen[i]++;
  });
  for (size_t i = 0; i < count; i++) ASSERT_EQ(seen[i], 1) << i << " of " << count << " by " << grain;
  EXPECT_LE(largest, grain);
}

TEST_F(Pool, CoversTheRangeOnce) {
  for (const size_t count : {0, 1, 2, 7, 64, 1000}) {
    for (const size_t grain : {1, 2, 3, 64, 5000}) expect_covered(count, grain);
  }
}

TEST_F(Pool, HugeGrainDoesNotOverflow) {
  size_t items = 0;
  parallel_for(10, SIZE_MAX, [&](size_t begin, size_t end) { items += end - begin; });
  EXPECT_EQ(items, 10u);
}

TEST_F(Pool, UsesSeveralThreadsAndTheCallers) {
  std::mutex mutex;
  std::set<std::thread::id> ids;
  parallel_for(64, 1, [&](size_t, size_t) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    const std::lock_guard lock(mutex);
    ids.insert(std::this_thread::get_id());
  });
  EXPECT_GT(ids.size(), 1u);
  EXPECT_LE(ids.size(), 4u);
  EXPECT_TRUE(ids.contains(std::this_thread::get_id()));
}

TEST_F(Pool, OneThreadIsTheCaller) {
  set_num_threads(1);
  parallel_for(
      100, 1, [caller = std::this_thread::get_id()](size_t, size_t) { EXPECT_EQ(std::this_thread::get_id(), caller); });
}

TEST_F(Pool, BatchesOfAThreadThatWantsToBeAlone) {
  const OneThread here;
  EXPECT_EQ(num_threads(), 1u);
  std::thread([] { EXPECT_EQ(num_threads(), 4u); }).join();
  parallel_for(
      100, 1, [caller = std::this_thread::get_id()](size_t, size_t) { EXPECT_EQ(std::this_thread::get_id(), caller); });
}

TEST_F(Pool, RethrowsAndStopsEarly) {
  std::atomic<size_t> chunks{0};
  const auto body = [&](size_t begin, size_t) {
    chunks++;
    if (begin == 3) throw std::runtime_error("three");
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  };
  EXPECT_THROW(parallel_for(100000, 1, body), std::runtime_error);
  EXPECT_LT(chunks, 100000u);
  EXPECT_THROW(parallel_for(8, 1, [](size_t, size_t) { throw std::bad_alloc(); }), std::bad_alloc);
  expect_covered(1000, 7);  // and the pool goes on
}

TEST_F(Pool, ManyCallersAtOnce) {
  std::vector<std::thread> callers;
  for (size_t caller = 0; caller < 8; caller++) {
    callers.emplace_back([caller] {
      for (size_t round = 0; round < 50; round++) expect_covered(100 + 13 * caller, 1 + round % 9);
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST_F(Pool, BatchInsideABatch) {
  std::atomic<size_t> items{0};
  parallel_for(16, 1,
               [&](size_t, size_t) { parallel_for(100, 3, [&](size_t begin, size_t end) { items += end - begin; }); });
  EXPECT_EQ(items, 1600u);
}

TEST_F(Pool, NumberOfThreadsChangesBetweenBatches) {
  std::thread other([] {
    for (size_t round = 0; round < 200; round++) expect_covered(50, 1);
  });
  for (uint32_t round = 0; round < 100; round++) {
    set_num_threads(1 + round % 6);
    EXPECT_EQ(num_threads(), 1 + round % 6);
    expect_covered(50, 1);
  }
  other.join();
}

TEST_F(Pool, RefusesNumbersOfThreads) {
  EXPECT_THROW(set_num_threads(0), Error);
  EXPECT_THROW(set_num_threads(1025), Error);
  EXPECT_EQ(num_threads(), 4u);
}

// 0 if a batch in this (child) process comes out right.
int child_batch() {
  std::atomic<size_t> items{0};
  for (int round = 0; round < 20; round++) {
    parallel_for(1000, 10, [&](size_t begin, size_t end) { items += end - begin; });
  }
  return items == 20000 ? 0 : 1;
}

int exit_status_of_child() {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);  // a child that hangs ends with a signal
    _exit(child_batch());
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

TEST_F(Pool, ForkWhileIdle) {
  if (kThreadSanitizer) GTEST_SKIP() << "the thread sanitizer does not follow threads into a forked child";
  expect_covered(1000, 1);
  EXPECT_EQ(exit_status_of_child(), 0);
  expect_covered(1000, 1);
}

TEST_F(Pool, ForkWhileBatchesRun) {
  if (kThreadSanitizer) GTEST_SKIP() << "the thread sanitizer does not follow threads into a forked child";
  std::atomic<bool> stop{false};
  std::vector<std::thread> callers;
  for (int i = 0; i < 3; i++) {
    callers.emplace_back([&] {
      while (!stop) parallel_for(64, 1, [](size_t, size_t) { std::this_thread::yield(); });
    });
  }
  for (int round = 0; round < 20; round++) EXPECT_EQ(exit_status_of_child(), 0);
  stop = true;
  for (std::thread& caller : callers) caller.join();
  expect_covered(1000, 1);
}

}  // namespace
}  // namespace accel
