#include "devices/worker_queue.hpp"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "devices/command.hpp"

namespace accel::devices {
namespace {

constexpr uint64_t kPromptly = 500'000;  // half of what a call may take

int make_event() {
  const int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (descriptor < 0) throw std::bad_alloc();
  return descriptor;
}

accel_completion answer(const accel_command& command, accel_completion_status status, uint64_t device_ns) {
  accel_completion completion = {};
  completion.tag = command.tag;
  completion.count = command.count;
  completion.opcode = command.opcode;
  completion.status = static_cast<uint16_t>(status);
  completion.device_ns = device_ns;
  return completion;
}

}  // namespace

WorkerQueue::WorkerQueue(uint32_t depth, Execute execute, const Options& options)
    : depth_(depth), execute_(std::move(execute)), options_(options), event_(make_event()) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // inherited by the worker: signals are the application's
  try {
    thread_ = std::thread([this] { work(); });
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    close(event_);
    throw std::bad_alloc();
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), "accel-queue");
}

WorkerQueue::~WorkerQueue() {
  clear();
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
  close(event_);
}

int32_t WorkerQueue::enqueue(const accel_command* commands, uint32_t count) {
  if (count == 0) return 0;
  uint32_t taken = 0;
  {
    std::unique_lock lock(mutex_);
    for (; taken < count && waiting_.size() + done_.size() + running_ < depth_; ++taken) {
      const accel_command command = command_at(commands, taken);
      if (command.struct_size == 0) return taken == 0 ? ACCEL_DRIVER_BAD_ARGUMENT : static_cast<int32_t>(taken);
      waiting_.push_back(command);
    }
    if (may_run_at_once()) {
      run(lock);
      return static_cast<int32_t>(taken);
    }
  }
  wake_.notify_one();
  return static_cast<int32_t>(taken);
}

int32_t WorkerQueue::dequeue(accel_completion* completions, uint32_t count) {
  const std::lock_guard lock(mutex_);
  uint32_t given = 0;
  for (; given < count && !done_.empty(); ++given) {
    completions[given] = done_.front();
    done_.pop_front();
  }
  if (given != 0 && done_.empty()) signal(false);
  return static_cast<int32_t>(given);
}

int32_t WorkerQueue::wait(uint64_t timeout_ns) const {
  pollfd readable = {event_, POLLIN, 0};
  const timespec timeout = {static_cast<time_t>(std::min<uint64_t>(timeout_ns / 1000000000, INT32_MAX)),
                            static_cast<long>(timeout_ns % 1000000000)};
  return ppoll(&readable, 1, &timeout, nullptr) == 1 ? 1 : 0;
}

int32_t WorkerQueue::cancel(uint64_t tag) {
  const std::lock_guard lock(mutex_);
  const auto found =
      std::find_if(waiting_.begin(), waiting_.end(), [tag](const accel_command& c) { return c.tag == tag; });
  if (found != waiting_.end()) {
    complete(*found, ACCEL_COMPLETION_CANCELLED, 0);
    waiting_.erase(found);
    return 1;
  }
  if (!running_ || dropped_ || running_tag_ != tag) return 0;
  cancelled_ = true;
  stop_.store(true);
  return 1;
}

bool WorkerQueue::has_more() const {
  const std::lock_guard lock(mutex_);
  return !waiting_.empty();
}

void WorkerQueue::clear() {
  std::unique_lock lock(mutex_);
  waiting_.clear();
  dropped_ = running_;
  if (running_) stop_.store(true);
  idle_.wait(lock, [this] { return !running_; });
  if (!done_.empty()) signal(false);
  done_.clear();
}

void WorkerQueue::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
    if (ending_) return;
    run(lock);
  }
}

bool WorkerQueue::may_run_at_once() const {
  return options_.prompt && !running_ && waiting_.size() == 1 && pace_.fits(waiting_.front(), kPromptly);
}

// The first command that waits; holds the lock before and after, and not while the command runs.
void WorkerQueue::run(std::unique_lock<std::mutex>& lock) {
  const accel_command command = waiting_.front();
  waiting_.pop_front();
  running_ = true;
  running_tag_ = command.tag;
  dropped_ = cancelled_ = false;
  stop_.store(false);
  lock.unlock();
  const auto begin = std::chrono::steady_clock::now();
  const accel_completion_status status = execute_(command, stop_);
  const auto took = std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - begin);
  lock.lock();
  const auto took_ns = static_cast<uint64_t>(took.count());
  if (status == ACCEL_COMPLETION_DONE) pace_.note(command, took_ns);
  if (!dropped_) {
    const uint64_t device_ns = options_.timed ? took_ns : 0;
    complete(command, cancelled_ ? ACCEL_COMPLETION_CANCELLED : status, device_ns);
  }
  running_ = false;
  idle_.notify_all();
}

void WorkerQueue::complete(const accel_command& command, accel_completion_status status, uint64_t device_ns) {
  if (done_.empty()) signal(true);
  done_.push_back(answer(command, status, device_ns));
}

// An eventfd of 0 or 1. Neither call can fail: the descriptor does not block, and the value is far from its limit.
void WorkerQueue::signal(bool readable) const {
  uint64_t value = 1;
  [[maybe_unused]] const ssize_t size =
      readable ? write(event_, &value, sizeof value) : read(event_, &value, sizeof value);
}

}  // namespace accel::devices
