#include "runtime/request.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "runtime/clock.hpp"

namespace accel::runtime {

bool Gate::enter(bool blocking) {
  std::unique_lock lock(mutex_);
  if (inside_ >= limit_ && !blocking) return false;
  changed_.wait(lock, [this] { return inside_ < limit_; });
  ++inside_;
  return true;
}

void Gate::leave() {
  const std::lock_guard lock(mutex_);
  --inside_;
  changed_.notify_all();  // under the mutex: who waits for the last one may free the gate right after
}

void Gate::wait_idle() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return inside_ == 0; });
}

size_t Gate::inside() const {
  const std::lock_guard lock(mutex_);
  return inside_;
}

Request::Request(Work work, Priority priority, uint64_t deadline, std::vector<std::shared_ptr<Gate>> gates,
                 bool has_waiter)
    : work_(std::move(work)),
      priority_(priority),
      deadline_(deadline),
      has_waiter_(has_waiter),
      gates_(std::move(gates)),
      left_(work_.count) {}

Request::~Request() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool Request::pin() {
  const std::lock_guard lock(mutex_);
  if (closed_) return false;
  ++pins_;
  return true;
}

void Request::unpin() {
  const std::lock_guard lock(mutex_);
  if (--pins_ == 0 && closed_) changed_.notify_all();
}

void Request::count_uses(int change) {
  const std::lock_guard lock(mutex_);
  uses_ += change;
  if (uses_ == 0 && done_) changed_.notify_all();
}

bool Request::deliver(size_t begin, size_t end, const uint8_t* answers) {
  {
    const Pin pin(*this);
    if (!pin) return false;
    runtime::deliver(work_, begin, end, answers);
  }
  std::unique_lock lock(mutex_);
  if (closed_) return false;
  left_ -= end - begin;
  if (left_ == 0) {
    closed_ = true;
    complete(std::move(lock), ACCEL_OK, "");
  }
  return true;
}

bool Request::close(accel_status status, const std::string& sentence) {
  std::unique_lock lock(mutex_);
  if (closed_) return false;
  closed_ = true;
  changed_.wait(lock, [this] { return pins_ == 0; });
  complete(std::move(lock), status, sentence);
  return true;
}

bool Request::is_closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

bool Request::is_done() const {
  const std::lock_guard lock(mutex_);
  return done_;
}

// Who sees that it is done finds room in its gates. Callbacks run outside the lock.
void Request::complete(std::unique_lock<std::mutex> lock, accel_status status, const std::string& sentence) {
  for (const auto& gate : gates_) gate->leave();
  gates_.clear();
  status_ = status;
  sentence_ = sentence;
  done_ = true;
  if (descriptor_ >= 0) eventfd_write(descriptor_, 1);
  const std::vector<std::function<void()>> callbacks = std::move(callbacks_);
  callbacks_.clear();
  changed_.notify_all();
  lock.unlock();
  for (const auto& callback : callbacks) callback();
}

bool Request::wait(uint64_t timeout_ns) {
  const uint64_t until = after_ns(now_ns(), timeout_ns);
  std::unique_lock lock(mutex_);
  while (!done_ || uses_ != 0) {
    const uint64_t now = now_ns();
    if (now >= until) return false;
    changed_.wait_for(lock, sleep_ns(until - now));
  }
  return true;
}

int Request::descriptor() {
  const std::lock_guard lock(mutex_);
  if (descriptor_ < 0) {
    descriptor_ = eventfd(done_ ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (descriptor_ < 0) throw Error(ACCEL_NO_MEMORY, std::string("future: no descriptor: ") + std::strerror(errno));
  }
  return descriptor_;
}

void Request::on_done(std::function<void()> callback) {
  {
    const std::lock_guard lock(mutex_);
    if (!done_) {
      callbacks_.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

}  // namespace accel::runtime
