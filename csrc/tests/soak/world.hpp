// What all threads of a soak share.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "accel/accel.h"
#include "soak/inputs.hpp"
#include "soak/ledger.hpp"
#include "soak/random.hpp"

namespace accel::soak {

using Clock = std::chrono::steady_clock;

// What a thread is doing, so that one that hangs is found and named.
class Activity {
 public:
  class Scope {
   public:
    Scope(Activity& activity, const char* what) : activity_(activity) {
      activity_.since_.store(Clock::now().time_since_epoch().count());
      activity_.what_.store(what);
    }
    ~Scope() { activity_.what_.store(nullptr); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Activity& activity_;
  };
  // Null, or what has been going on for longer than `patience`.
  const char* stuck_in(std::chrono::seconds patience) const {
    const char* const what = what_.load();
    const Clock::time_point since{Clock::duration(since_.load())};
    return what != nullptr && Clock::now() - since > patience ? what : nullptr;
  }

 private:
  std::atomic<const char*> what_{nullptr};
  std::atomic<Clock::rep> since_{0};
};

// How a handle was opened, and what may be expected of it.
struct Plan {
  std::string name;
  accel_device_options options{};
  bool may_lie = false;             // and be believed now and then: docs/devices.md says when
  bool is_slow = false;             // a device of it takes a millisecond for a signature
  std::vector<std::string> labels;  // its devices' faults
};

// One life of a handle. Its futures may outlive it.
struct Handle {
  Plan plan;
  std::atomic<bool> closing{false};
  // Items that were asked for, and those whose call ended well: the device's counters lie between the two.
  std::atomic<uint64_t> hashes{0}, hashes_done{0}, verdicts{0}, verdicts_done{0};
};

// A place in which one handle after the other is opened.
class Post {
 public:
  // `plugin`: the foreign driver. `fixed`: the one device to open, or "" for any.
  Post(Ledger& ledger, std::string plugin, std::string fixed)
      : ledger_(ledger), plugin_(std::move(plugin)), fixed_(std::move(fixed)) {}
  ~Post() { close(); }
  Post(const Post&) = delete;
  Post& operator=(const Post&) = delete;

  // Closes the handle that is there, and opens another, of devices chosen at random.
  void open(Random& random);
  // Whatever is on its way is finished by this.
  void close();
  // Nothing is on its way: the counters must say that each item was done once.
  void check_counts();
  // Calls it with the handle while nobody can close that. False: there is none.
  template <typename Body>
  bool use(const Body& body) {
    const std::shared_lock lock(mutex_);
    if (device_ == nullptr) return false;
    body(device_, handle_);
    return true;
  }

 private:
  bool choose_devices(Plan& plan, Random& random) const;
  Plan choose(Random& random) const;
  void sum_up(accel_device* device);

  Ledger& ledger_;
  const std::string plugin_, fixed_;
  std::shared_mutex mutex_;
  accel_device* device_ = nullptr;
  std::shared_ptr<Handle> handle_;
};

struct World {
  const Inputs& inputs;
  Ledger& ledger;
  std::vector<std::unique_ptr<Post>> posts;
  std::chrono::seconds patience;
  size_t largest;  // items of a batch
};

}  // namespace accel::soak
