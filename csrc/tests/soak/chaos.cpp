#include "soak/chaos.hpp"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "accel/driver.h"
#include "devices/driver_table.hpp"
#include "soak/random.hpp"

namespace accel::soak {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Longer than the runtime waits for a call.
constexpr milliseconds kHang(6000);

Ledger* ledger = nullptr;

enum class Mood { kCalm, kFull, kLosing, kLate, kDoubling, kMislabelling, kFaulting, kFailing, kHanging };

Mood choose_mood(Random& random) {
  constexpr Mood kMoods[] = {Mood::kFull,         Mood::kLosing,   Mood::kLate,   Mood::kDoubling,
                             Mood::kMislabelling, Mood::kFaulting, Mood::kFailing};
  if (random.once_in(300)) return Mood::kHanging;
  return random.below(5) < 3 ? Mood::kCalm : kMoods[random.below(std::size(kMoods))];
}

void write_late(uint8_t* to, size_t size, uint8_t value) {
  std::vector<uint8_t> bytes(size, value);
  iovec from = {bytes.data(), size}, at = {to, size};
  process_vm_writev(getpid(), &from, 1, &at, 1, 0);  // what is gone by then is not touched
}

class Chaos {
 public:
  explicit Chaos(uint64_t seed) : random_(seed) {}
  ~Chaos() {
    join_late_writes();
    if (device_ != nullptr) driver_->close(device_);
    accel_driver_free(handle_);
  }
  Chaos(const Chaos&) = delete;
  Chaos& operator=(const Chaos&) = delete;

  int32_t open(const char* name, const accel_driver_host* host) {
    const char* options = nullptr;
    if (accel_driver_find(&handle_, &driver_, &options, name) != ACCEL_OK) return ACCEL_DRIVER_NO_DEVICE;
    const int32_t opened = driver_->open(options, host, &device_);
    if (opened != ACCEL_DRIVER_OK) return device_ = nullptr, opened;
    accel_device_caps caps = {};
    caps.struct_size = sizeof caps;
    const int32_t status = driver_->caps(device_, &caps);
    queues_ = caps.queues;
    // A device is well while it is opened, or hardly any would be.
    mood_ends_ = Clock::now() + milliseconds(random_.between(50, 400));
    return status;
  }

  int32_t enqueue(uint32_t queue, const accel_command* commands, uint32_t count);
  int32_t dequeue(uint32_t queue, accel_completion* completions, uint32_t count);
  int32_t wait(uint32_t queue, uint64_t timeout_ns);
  int32_t reset();

  // All devices of a soak have load_keys and unload_keys.
  bool has_queue(uint32_t queue) const { return queue < queues_; }
  int32_t caps(accel_device_caps* out) const { return driver_->caps(device_, out); }
  int32_t register_buffer(void* address, uint64_t size) { return driver_->register_buffer(device_, address, size); }
  int32_t unregister_buffer(void* address) { return driver_->unregister_buffer(device_, address); }
  int32_t load_keys(const uint8_t* keys, uint64_t stride, uint64_t count, uint32_t* handles_out) {
    return driver_->load_keys(device_, keys, stride, count, handles_out);
  }
  int32_t unload_keys(const uint32_t* handles, uint64_t count) { return driver_->unload_keys(device_, handles, count); }
  int32_t cancel(uint32_t queue, uint64_t tag) {
    return driver_->cancel == nullptr ? 0 : driver_->cancel(device_, queue, tag);
  }
  int32_t stats(accel_driver_stat* out, uint32_t count) { return driver_->stats(device_, out, count); }

 private:
  struct Ready {
    accel_completion completion;
    Clock::time_point from;
  };
  Mood mood();
  bool is_ready(uint32_t queue);
  void take_completion(uint32_t queue, accel_completion completion);
  void join_late_writes() {
    if (late_writes_.joinable()) late_writes_.join();
  }

  accel_driver_handle* handle_ = nullptr;
  const accel_driver* driver_ = nullptr;
  accel_driver_device* device_ = nullptr;
  uint32_t queues_ = 0;
  std::thread late_writes_;

  std::mutex mutex_;  // of what follows
  Random random_;
  Mood mood_ = Mood::kCalm;
  Clock::time_point mood_ends_;
  std::map<uint64_t, accel_command> in_flight_;  // by tag; swallowed ones too
  std::map<uint32_t, std::deque<Ready>> ready_;  // by queue
};

Mood Chaos::mood() {
  const auto now = Clock::now();
  if (now >= mood_ends_) {
    mood_ = choose_mood(random_);
    mood_ends_ = now + milliseconds(random_.once_in(30) ? 3000 : random_.between(5, 200));
  }
  return mood_;
}

int32_t Chaos::enqueue(uint32_t queue, const accel_command* commands, uint32_t count) {
  std::unique_lock lock(mutex_);
  const Mood now = mood();
  if (now == Mood::kHanging) {
    mood_ = Mood::kCalm;
    ledger->count("chaos.hang");
    lock.unlock();
    std::this_thread::sleep_for(kHang);
    lock.lock();
  }
  if (now == Mood::kFull) {
    ledger->count("chaos.full_queue");
    return 0;
  }
  if (now == Mood::kFailing && random_.once_in(2)) {
    ledger->count("chaos.failing_call");
    return ACCEL_DRIVER_FAULT;
  }
  for (uint32_t i = 0; i < count; ++i) {
    const accel_command& command = commands[i];
    if (now == Mood::kLosing && random_.once_in(4)) {
      ledger->count("chaos.lost_command");
    } else if (const int32_t taken = driver_->enqueue_burst(device_, queue, &command, 1); taken != 1) {
      return i == 0 ? taken : static_cast<int32_t>(i);
    }
    in_flight_[command.tag] = command;
  }
  return static_cast<int32_t>(count);
}

void Chaos::take_completion(uint32_t queue, accel_completion completion) {
  auto from = Clock::now();
  in_flight_.erase(completion.tag);
  const bool now = random_.once_in(3);
  switch (mood()) {
    case Mood::kLosing:
      if (!now) break;
      ledger->count("chaos.lost_completion");
      return;
    case Mood::kLate:
      ledger->count("chaos.late_completion");
      from += milliseconds(random_.between(1, 50));
      break;
    case Mood::kDoubling:
      if (!now) break;
      ledger->count("chaos.doubled_completion");
      ready_[queue].push_back({completion, from});
      break;
    case Mood::kMislabelling:
      if (!now) break;
      ledger->count("chaos.mislabelled_completion");
      (random_.once_in(2) ? completion.count : completion.tag) += 1;
      break;
    case Mood::kFaulting:
      if (!now) break;
      ledger->count("chaos.faulty_completion");
      completion.status = ACCEL_COMPLETION_FAULT;
      break;
    default:
      break;
  }
  ready_[queue].push_back({completion, from});
}

bool Chaos::is_ready(uint32_t queue) {
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  const std::deque<Ready>& ready = ready_[queue];
  return std::any_of(ready.begin(), ready.end(), [&](const Ready& one) { return one.from <= now; });
}

int32_t Chaos::dequeue(uint32_t queue, accel_completion* completions, uint32_t count) {
  const std::lock_guard lock(mutex_);
  accel_completion fresh[16];
  const int32_t there = driver_->dequeue_burst(device_, queue, fresh, std::size(fresh));
  if (there < 0) return there;
  for (int32_t i = 0; i < there; ++i) take_completion(queue, fresh[i]);
  const auto now = Clock::now();
  uint32_t given = 0;
  std::deque<Ready>& ready = ready_[queue];
  for (auto it = ready.begin(); it != ready.end() && given < count;) {
    if (it->from > now) {
      ++it;
      continue;
    }
    completions[given++] = it->completion;
    it = ready.erase(it);
  }
  return static_cast<int32_t>(given);
}

// Late completions are looked for once a millisecond.
int32_t Chaos::wait(uint32_t queue, uint64_t timeout_ns) {
  constexpr uint64_t kSlice = 1'000'000;
  for (uint64_t waited = 0;; waited += kSlice) {
    if (is_ready(queue)) return 1;
    if (waited >= timeout_ns) return 0;
    const int32_t answer = driver_->wait(device_, queue, std::min(kSlice, timeout_ns - waited));
    if (answer != 0) return answer;
  }
}

int32_t Chaos::reset() {
  join_late_writes();
  const int32_t status = driver_->reset(device_);
  const std::lock_guard lock(mutex_);
  const std::map<uint64_t, accel_command> old = std::exchange(in_flight_, {});
  ready_.clear();
  mood_ = Mood::kCalm;
  mood_ends_ = Clock::now() + milliseconds(random_.between(50, 400));
  if (status != ACCEL_DRIVER_OK) return status;
  if (!old.empty()) ledger->count("chaos.reset_with_commands_in_flight");
  if (!old.empty() && random_.once_in(2)) {
    ledger->count("chaos.late_write_after_reset");
    const accel_command command = old.begin()->second;
    const milliseconds later(random_.between(0, 30));
    late_writes_ = std::thread([command, later] {
      std::this_thread::sleep_for(later);
      if (command.status_out != nullptr) write_late(command.status_out, command.count, ACCEL_OK);
      if (command.output != nullptr) write_late(command.output, command.output_size, 0xee);
    });
  }
  if (!old.empty() && random_.once_in(6)) {
    ledger->count("chaos.completion_after_reset");
    const accel_command& command = old.begin()->second;
    ready_[0].push_back({{command.tag, command.count, command.opcode, ACCEL_COMPLETION_DONE, 0, 0}, mood_ends_});
  }
  if (!random_.once_in(12)) return ACCEL_DRIVER_OK;
  ledger->count("chaos.failing_reset");
  return ACCEL_DRIVER_FAULT;
}

int32_t open_chaos(const char* name, const accel_driver_host* host, accel_driver_device** device_out) {
  const char* const inner = std::strchr(name, ';');
  if (inner == nullptr) return ACCEL_DRIVER_NO_DEVICE;
  auto device = std::make_unique<Chaos>(std::strtoull(name, nullptr, 10));
  const int32_t status = device->open(inner + 1, host);
  if (status == ACCEL_DRIVER_OK) *device_out = devices::DriverTable<Chaos>::release(std::move(device));
  return status;
}

// No descriptor: late completions do not show in the device's own.
constexpr accel_driver kDriver = devices::DriverTable<Chaos>::make("chaos", nullptr, open_chaos);

}  // namespace

ChaosDriver::ChaosDriver(Ledger& counts) {
  ledger = &counts;
  if (accel_driver_add("chaos", &kDriver) != ACCEL_OK) throw std::runtime_error(accel_last_error());
}

ChaosDriver::~ChaosDriver() { accel_driver_remove("chaos"); }

}  // namespace accel::soak
