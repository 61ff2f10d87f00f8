// Work that waits, and who gets which part of it: the scheduler of a handle's devices.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

#include "runtime/request.hpp"
#include "runtime/staging.hpp"

namespace accel::runtime {

// Items [begin, end) of a request: in one place at a time, so its answers are counted once.
struct Piece {
  std::shared_ptr<Request> request;
  size_t begin = 0, end = 0;
  uint64_t tried = 0;    // bit i: device i of the handle failed on it
  uint64_t refused = 0;  // bit i: device i cannot do it
  size_t count() const { return end - begin; }
};

// What the queue knows of a device.
struct Member {
  accel_device_caps caps;
  SlotLimits limits;
  uint64_t timeout_ns;  // of a command
  bool alive = true;
  Rates rate{};                     // measured
  std::array<double, kOps> pace{};  // nanoseconds an item: in known-answer tests, then measured; 0: not known
};

// Every device takes pieces by itself when it has room: votes before proposals before transactions, and within each in
// the order of submission. How much it takes of a batch that others could take as well goes by its measured rate.
// Thread-safe.
class Queue {
 public:
  // `fallback`: what no device can do is for the CPU (take_for_cpu); without, its request ends with an error.
  explicit Queue(bool fallback) : fallback_(fallback) {}

  // Before any work; gives the member's number. `timeout_ns`: after which a command of it is lost.
  size_t add_member(const accel_device_caps& caps, uint64_t timeout_ns = UINT64_MAX);
  // What selftest gives, at open and after each reset.
  void tested(size_t member, const Rates& rates);
  void remove_member(size_t member);
  size_t members_alive() const;
  std::vector<double> rates(size_t member) const;

  void submit(std::shared_ptr<Request> request) { changed(add(std::move(request))); }
  // The same without telling anybody yet: who adds it works for it, or calls changed() with what this gives.
  bool add(std::shared_ptr<Request> request);
  void changed(bool lost) const;
  // A piece that `member` could not do: it goes to the front, and to another device.
  void put_back(Piece piece, std::optional<size_t> failed_on);
  // What `member` should do next, of all requests or of `only` this one; nothing when there is nothing for it.
  std::optional<Piece> take(size_t member, const Request* only = nullptr);
  // What no device can do.
  std::optional<Piece> take_for_cpu();

  // `member` has done `items` in `nanoseconds`.
  void measured(size_t member, Op op, size_t items, uint64_t nanoseconds);

  // Called, outside the lock, whenever there may be new work for somebody; `lost`: perhaps for the CPU, or a deadline
  // to watch. Null: nobody is told any more, and no call is running when this returns.
  void on_change(std::function<void(bool lost)> callback);
  // Requests that are not done and have this deadline or an earlier one; the earliest deadline of the others is
  // *next_out.
  std::vector<std::shared_ptr<Request>> expired(uint64_t now, uint64_t* next_out);

 private:
  struct Waiting {
    std::shared_ptr<Request> request;
    size_t taken = 0;
  };

  bool can_do(const Member& member, const Work& work) const;
  bool may_take(size_t member, const Piece& piece) const;
  bool can_do(size_t member, const Piece& piece) const;
  bool anybody_for(const Piece& piece, bool untried) const;
  bool anybody_for(const Work& work) const;
  size_t share(size_t member, const Work& work, size_t left) const;
  size_t most_in_time(const Member& member, Op op) const;
  std::optional<Piece> cut(Waiting& waiting, size_t items, size_t bytes);
  // Of those that `wanted` holds for; as many items as `items` says of a request. No std::function: it would allocate,
  // for every command, more often than all else does together.
  template <typename Wanted>
  std::optional<Piece> take_again(size_t priority, const Wanted& wanted);
  template <typename Items>
  std::optional<Piece> take_new(size_t priority, const Items& items, size_t bytes);
  std::optional<Piece> take_lost(size_t priority);

  const bool fallback_;
  mutable std::shared_mutex changed_mutex_;
  std::function<void(bool)> changed_;
  mutable std::mutex mutex_;
  std::vector<Member> members_;
  bool left_to_faster_ = false;  // work that another rate would give to somebody else
  std::array<std::deque<Piece>, kPriorities> again_;
  std::array<std::deque<Waiting>, kPriorities> waiting_;
  std::vector<std::weak_ptr<Request>> with_deadline_;
};

}  // namespace accel::runtime
