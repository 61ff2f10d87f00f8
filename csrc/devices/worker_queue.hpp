// A queue of accel/driver.h whose commands run one at a time, in their order: on a thread of its own, or within
// enqueue_burst.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "accel/driver.h"
#include "devices/pace.hpp"

namespace accel::devices {

// Calls of one queue come from one thread at a time (the contract); the worker is the other one. Functions that return
// int32_t return what the driver's function of that name does.
class WorkerQueue {
 public:
  // Runs one command and returns the status of its completion; does not throw. `stop` becomes true when the answer is
  // no longer wanted: then it returns soon, whatever it returns.
  using Execute = std::function<accel_completion_status(const accel_command& command, const std::atomic<bool>& stop)>;

  struct Options {
    bool timed = true;  // completions say what execute took
    // A command that comes alone to an idle queue and is likely to be over soon runs within enqueue: no thread has to
    // wake up for it.
    bool prompt = false;
  };

  // Throws std::bad_alloc where the system has no descriptor left.
  WorkerQueue(uint32_t depth, Execute execute, const Options& options);
  ~WorkerQueue();
  WorkerQueue(const WorkerQueue&) = delete;
  WorkerQueue& operator=(const WorkerQueue&) = delete;

  int32_t enqueue(const accel_command* commands, uint32_t count);
  int32_t dequeue(accel_completion* completions, uint32_t count);
  int32_t wait(uint64_t timeout_ns) const;
  int32_t descriptor() const { return event_; }
  int32_t cancel(uint64_t tag);
  // Does a command wait?
  bool has_more() const;
  // Drops everything. When it returns, no command runs.
  void clear();

 private:
  void work();
  bool may_run_at_once() const;
  void run(std::unique_lock<std::mutex>& lock);
  void complete(const accel_command& command, accel_completion_status status, uint64_t device_ns);
  void signal(bool readable) const;

  const uint32_t depth_;
  const Execute execute_;
  const Options options_;
  const int event_;  // an eventfd, readable while done_ is not empty
  std::thread thread_;
  std::atomic<bool> stop_{false};  // of the command that runs
  mutable std::mutex mutex_;       // guards the rest
  std::condition_variable wake_, idle_;
  std::deque<accel_command> waiting_;
  std::deque<accel_completion> done_;
  bool running_ = false, dropped_ = false, cancelled_ = false, ending_ = false;
  uint64_t running_tag_ = 0;
  Pace pace_;
};

}  // namespace accel::devices
