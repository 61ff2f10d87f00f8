// Time, the queue of events, and the two shapes that every modelled resource is made of: servers and slots.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace accel::model {

// Of the reference clock. All clocks are whole divisions of it.
using Tick = uint64_t;
inline constexpr Tick kNever = ~Tick{0};

inline uint64_t divide_up(uint64_t a, uint64_t b) { return (a + b - 1) / b; }

// One clock: whole cycles, each of `divider` ticks.
class Clock {
 public:
  explicit Clock(uint64_t divider) : divider_(divider) {}
  Tick ticks(uint64_t cycles) const { return cycles * divider_; }
  // The first edge that is not before `at`: what comes from another clock waits for it.
  Tick edge(Tick at) const { return divide_up(at, divider_) * divider_; }

 private:
  uint64_t divider_;
};

enum class EventKind : uint8_t {
  kArrive,       // a: command; its host wants to submit it
  kDescriptor,   // a: command; its descriptor is in the submission queue
  kDecoded,      // a: command
  kBurst,        // a: command, b: bytes; came over the host link
  kStored,       // a: command, b: bytes; lie in DRAM
  kDispatched,   // the dispatcher has decided about its task
  kFetched,      // a: task; its input has left the memory
  kAtCore,       // a: task
  kHashed,       // a: task
  kCore,         // a: core, b: version of its plan; a verification has come to the end of a step
  kTable,        // a: core, b: context; points of a key's table have left the memory
  kLeftCore,     // a: task; its result has passed the cluster's link
  kAtMemory,     // a: task; its result has passed the trunk
  kWritten,      // a: task
  kTableRead,    // a: key, of which a table has left DRAM
  kTableIn,      // a: key, of which the table is in on-chip memory
  kResultsRead,  // a: command; its results have left on-chip memory
  kSent,         // a: command; its results are with the host
  kDrained,      // the host has taken one entry out of the completion queue
  kCompleted,    // a: command; its entry is with the host
};

struct Event {
  Tick at;
  uint64_t order;  // events of one tick happen in the order in which they were made
  uint32_t a, b;
  EventKind kind;
};

class EventQueue {
 public:
  void push(Tick at, EventKind kind, uint32_t a = 0, uint32_t b = 0) {
    heap_.push_back({at, order_++, a, b, kind});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  Event pop() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const Event event = heap_.back();
    heap_.pop_back();
    return event;
  }
  bool empty() const { return heap_.empty(); }
  Tick next() const { return heap_.front().at; }

 private:
  static bool later(const Event& x, const Event& y) { return x.at != y.at ? x.at > y.at : x.order > y.order; }
  std::vector<Event> heap_;
  uint64_t order_ = 0;
};

// One thing at a time, in the order of asking.
class Server {
 public:
  // Takes the server for `service` ticks as soon as it is free; returns when it is done.
  Tick reserve(Tick now, Tick service) {
    const Tick start = std::max(now, free_);
    waited_ += start - now;
    busy_ += service;
    ++uses_;
    free_ = start + service;
    return free_;
  }
  Tick free() const { return free_; }
  Tick busy() const { return busy_; }
  Tick waited() const { return waited_; }
  uint64_t uses() const { return uses_; }

 private:
  Tick free_ = 0, busy_ = 0, waited_ = 0;
  uint64_t uses_ = 0;
};

// One thing at a time, in the order in which things can begin: what is ready earlier takes a gap before what was asked
// for earlier.
class GapServer {
 public:
  // Takes the server for `service` ticks, from `ready` on at the earliest; returns when it is done. Asked in the order
  // of `now`.
  Tick reserve(Tick now, Tick ready, Tick service) {
    std::erase_if(taken_, [&](const Interval& it) { return it.end <= now; });
    Tick start = ready;
    size_t place = 0;
    for (; place < taken_.size() && start + service > taken_[place].start; ++place)
      start = std::max(start, taken_[place].end);
    waited_ += start - ready;
    busy_ += service;
    insert(place, {start, start + service});
    return start + service;
  }
  Tick busy() const { return busy_; }
  Tick waited() const { return waited_; }

 private:
  struct Interval {
    Tick start, end;
  };
  void insert(size_t place, Interval added) {
    const bool after = place > 0 && taken_[place - 1].end == added.start;
    const bool before = place < taken_.size() && taken_[place].start == added.end;
    if (after && before) {
      taken_[place - 1].end = taken_[place].end;
      taken_.erase(taken_.begin() + static_cast<std::ptrdiff_t>(place));
    } else if (after) {
      taken_[place - 1].end = added.end;
    } else if (before) {
      taken_[place].start = added.start;
    } else {
      taken_.insert(taken_.begin() + static_cast<std::ptrdiff_t>(place), added);
    }
  }
  std::vector<Interval> taken_;  // in order, apart
  Tick busy_ = 0, waited_ = 0;
};

// A number of places of which each is held for a while. `blocked` counts the time in which all are held and somebody
// waits for one.
class Slots {
 public:
  explicit Slots(uint64_t capacity) : capacity_(capacity) {}
  bool full() const { return used_ == capacity_; }
  uint64_t used() const { return used_; }
  uint64_t capacity() const { return capacity_; }
  void take(Tick now) {
    advance(now);
    ++used_;
    most_ = std::max(most_, used_);
  }
  void release(Tick now) {
    advance(now);
    --used_;
  }
  // Whether somebody would take a slot if there was one.
  void wait(Tick now, bool waiting) {
    advance(now);
    waiting_ = waiting;
  }
  Tick blocked(Tick now) const { return blocked_ + (full() && waiting_ ? now - last_ : 0); }
  // Slots held, times the ticks that they were.
  uint64_t held(Tick now) const { return held_ + used_ * (now - last_); }
  uint64_t most() const { return most_; }

 private:
  void advance(Tick now) {
    if (full() && waiting_) blocked_ += now - last_;
    held_ += used_ * (now - last_);
    last_ = now;
  }
  uint64_t capacity_, used_ = 0, most_ = 0, held_ = 0;
  bool waiting_ = false;
  Tick last_ = 0, blocked_ = 0;
};

}  // namespace accel::model
