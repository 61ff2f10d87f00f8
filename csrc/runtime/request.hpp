// One call's work on its way through the runtime, and the answer that its caller waits for.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "runtime/priority.hpp"
#include "runtime/work.hpp"

namespace accel::runtime {

// So many requests may be on their way at once.
class Gate {
 public:
  explicit Gate(size_t limit) : limit_(limit) {}
  // Waits until there is room, or gives false where `blocking` is not set.
  bool enter(bool blocking);
  void leave();
  // Until nothing is on its way.
  void wait_idle();
  size_t inside() const;
  size_t limit() const { return limit_; }

 private:
  const size_t limit_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  size_t inside_ = 0;
};

// Its arrays are touched only while it is open, and by who has pinned it. It is closed once: by the delivery of its
// last item, or before that by close(). Then it is done, and what is still computed for it anywhere is dropped.
class Request {
 public:
  // Pins a request for its lifetime, unless it is closed.
  class Pin {
   public:
    explicit Pin(Request& request) : request_(request.pin() ? &request : nullptr) {}
    ~Pin() {
      if (request_ != nullptr) request_->unpin();
    }
    Pin(const Pin&) = delete;
    Pin& operator=(const Pin&) = delete;
    explicit operator bool() const { return request_ != nullptr; }

   private:
    Request* request_;
  };

  // While one lives, wait() does not return: a device may read the caller's inputs where they lie. For requests with
  // a caller who waits, and who learns of the end by wait() alone. It does not keep the request from being closed.
  class Use {
   public:
    Use() = default;
    explicit Use(std::shared_ptr<Request> request) : request_(std::move(request)) { request_->count_uses(1); }
    ~Use() {
      if (request_ != nullptr) request_->count_uses(-1);
    }
    Use(Use&& other) noexcept = default;
    Use& operator=(Use&& other) noexcept {
      std::swap(request_, other.request_);
      return *this;
    }

   private:
    std::shared_ptr<Request> request_;
  };

  // `deadline`: on the clock of now_ns, or UINT64_MAX. It leaves the gates when it is done. `has_waiter`: its caller
  // does nothing with it but wait().
  Request(Work work, Priority priority, uint64_t deadline, std::vector<std::shared_ptr<Gate>> gates,
          bool has_waiter = false);
  ~Request();
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  const Work& work() const { return work_; }
  Priority priority() const { return priority_; }
  uint64_t deadline() const { return deadline_; }
  bool has_waiter() const { return has_waiter_; }

  // The answers of items [begin, end), given once for each item. False: it was closed before.
  bool deliver(size_t begin, size_t end, const uint8_t* answers);
  // Ends it with an error. False: it was closed before. When this returns, nobody touches the caller's arrays any more.
  bool close(accel_status status, const std::string& sentence);
  bool is_closed() const;
  bool is_done() const;

  // False: not done by then.
  bool wait(uint64_t timeout_ns);
  // Of a request that is done.
  accel_status status() const { return status_; }
  const std::string& sentence() const { return sentence_; }

  // A descriptor that polls readable once it is done; lives as long as the request. Throws Error(ACCEL_NO_MEMORY).
  int descriptor();
  // Called once, by the thread that ends it, or at once when it is done.
  void on_done(std::function<void()> callback);

 private:
  bool pin();
  void unpin();
  void count_uses(int change);
  void complete(std::unique_lock<std::mutex> lock, accel_status status, const std::string& sentence);

  const Work work_;
  const Priority priority_;
  const uint64_t deadline_;
  const bool has_waiter_;
  std::vector<std::shared_ptr<Gate>> gates_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  size_t left_;
  uint32_t pins_ = 0;
  int uses_ = 0;
  bool closed_ = false, done_ = false;
  accel_status status_ = ACCEL_NOT_CHECKED;
  std::string sentence_;
  int descriptor_ = -1;
  std::vector<std::function<void()>> callbacks_;
};

}  // namespace accel::runtime
