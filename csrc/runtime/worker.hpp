// A device, and its thread that speaks to its driver: takes pieces from the queue, enqueues them in bursts, waits,
// and judges what comes back before anybody sees it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/audit.hpp"
#include "runtime/counters.hpp"
#include "runtime/custody.hpp"
#include "runtime/link.hpp"
#include "runtime/queue.hpp"
#include "runtime/ring_keys.hpp"
#include "runtime/staging.hpp"
#include "runtime/tags.hpp"

namespace accel::runtime {

struct TrustOptions {
  Audit audit = Audit::kSample;
  uint32_t sample_rate = 256;
  uint64_t hold_window = 16384;  // items
  uint64_t command_timeout_ns = UINT64_C(10'000'000'000);
  uint64_t call_timeout_ns = kCallTimeout;
};

class Worker : public std::enable_shared_from_this<Worker> {
 public:
  // `name`: as the caller wrote it.
  Worker(devices::Found found, std::string name, const TrustOptions& options, std::shared_ptr<Queue> queue);
  ~Worker();

  // Starts the thread and opens the device: returns when its known-answer tests have passed. Throws
  // Error(ACCEL_BAD_DEVICE).
  void open();
  // Nothing is in flight any more: closes the device and ends the thread.
  void stop();
  // There may be new work.
  void wake();
  // For a caller who waits for `request` anyway: works for it, and for nothing else, on his thread, as long as the
  // device's own has nothing to do, so that nobody needs to wake up. False: it is not done, and the thread must be
  // woken. Only for devices whose driver's calls return.
  bool work_for(const Request& request);
  // A call of the driver does not return: the device is quarantined, its pieces are taken back, and its thread and its
  // memory are left to it. Any thread.
  void give_up_if_stuck(uint64_t now);

  const std::string& name() const { return link_.name(); }
  const accel_device_caps& caps() const { return link_.caps(); }  // once open
  const Counters& counters() const { return counters_; }
  std::vector<DriverStat> driver_stats() const { return link_.stats(); }
  bool quarantined() const { return counters_.get(kQuarantined) != 0; }
  size_t member() const { return member_; }

 private:
  enum class State : uint8_t { kFree, kStaged, kInFlight };
  struct Slot {
    State state = State::kFree;
    Piece piece;  // to look at: who may finish it, custody says
    accel_command command{};
    uint64_t enqueued_at = 0, lost_at = 0;
    bool cancel_asked = false;
    Request::Use use;  // of inputs where they lie
  };
  struct Judged {
    uint64_t tag;
    Piece piece;
    const uint8_t* answers = nullptr;
    std::vector<size_t> chosen;  // answers to be computed again
    std::vector<uint8_t> copy;   // of the answers, out of the device's reach, unless that is not needed
  };

  void run() noexcept;
  void open_device();
  Rates start_device();
  bool advance(std::unique_lock<std::mutex>* turn) noexcept;
  bool step();
  bool take_work();
  void stage(Slot& slot, Piece piece);
  void load_ring(Request& request);
  bool enqueue_staged();
  bool collect();
  void finish(Slot& slot, const accel_completion& completion);
  void accept(Slot& slot);
  void refuse(Slot& slot, uint16_t status);
  bool is_certified_by_points(const Work& work) const;
  void judge(Judged judged, const std::vector<uint8_t>& points);
  void require_right(const Judged& judged, const uint8_t* points);
  void deliver_held();
  void deliver(const Judged& judged);
  void watch_slots();
  bool is_idle() const;
  bool is_woken();
  void sleep(std::unique_lock<std::mutex>* turn);
  void sleep_in_flight(uint64_t until);
  Slot* find(uint64_t tag);
  size_t count(State state) const;
  size_t slot_number(const Slot& slot) const { return static_cast<size_t>(&slot - slots_.data()); }

  void recover(const Fault& fault) noexcept;
  void take_back();
  void quarantine(const std::string& why) noexcept;

  const TrustOptions options_;
  const std::shared_ptr<Queue> queue_;
  // Longer than the link: what a device works on goes when it is closed. `retired_`: from before a reset.
  std::unique_ptr<Arena> arena_, retired_;
  std::vector<Slot> slots_;
  std::vector<Request::Use> dropped_;  // of commands that were taken back: until reset or close has returned
  Link link_;
  Counters counters_;
  Custody custody_;

  // Who has it speaks to the driver, and has what follows: the thread, unless it is idle, and then perhaps a caller.
  std::mutex turn_;
  const Request* only_ = nullptr;  // that a caller works for
  RingKeys ring_keys_;
  std::deque<size_t> staged_;
  Tags tags_;
  uint64_t last_collected_at_ = 0;
  Sampler sampler_;
  std::array<bool, kOps> burst_checked_{};
  std::vector<Judged> held_;
  uint64_t held_items_ = 0;
  uint32_t failures_ = 0;
  int descriptor_ = -1;

  size_t member_ = 0;
  std::thread thread_;
  std::mutex mutex_;  // of what follows
  std::condition_variable changed_;
  bool woken_ = false, stopping_ = false, polling_ = false;
  bool opened_ = false, ended_ = false;  // open() is decided; the thread touches nothing any more
  std::atomic<bool> given_up_{false};
  std::exception_ptr open_error_;
  int wake_descriptor_ = -1;
};

}  // namespace accel::runtime
