// A driver for the tests of the runtime: computes by the kernels, in the thread that calls it, and fails as it is told.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "accel/driver.h"
#include "devices/cpu_execute.hpp"
#include "devices/registry.hpp"

namespace accel::runtime::testing {

// Each number: so many commands from now on fail in this way.
struct Behaviour {
  std::atomic<int> lose{0};        // no completion
  std::atomic<int> duplicate{0};   // two completions
  std::atomic<int> wrong_tag{0};   // a completion with another tag
  std::atomic<int> next_tag{0};    // a completion with a tag that is one higher
  std::atomic<int> fault{0};       // completed as faulty
  std::atomic<int> corrupt{0};     // a completion with another count
  std::atomic<int> bad_status{0};  // a completion with a status that is none
  std::atomic<int> unchecked{0};   // one item without a verdict
  std::atomic<int> refuse{0};      // completed as unsupported
  std::atomic<int> flip{0};        // one answer of it is wrong
  std::atomic<int> idle{0};        // completed, and nothing was done
  std::atomic<int> enqueue_fails{0};
  std::atomic<int> wait_fails{0};
  std::atomic<int> reset_fails{0};
  std::atomic<int> hang{0};  // enqueue_burst does not return before `release`
  std::atomic<int> close_hangs{0}, stats_hang{0}, load_hangs{0}, reset_hangs{0};  // nor do these
  std::atomic<bool> release{false};
  std::atomic<bool> accept_all{false};  // every signature is valid
  std::atomic<bool> wrong_points{false};
  std::atomic<bool> late_writes{false};    // after a reset it goes on writing to where it worked before
  std::atomic<bool> frozen{false};         // takes commands and answers none
  std::atomic<int64_t> delay_ns{0};        // of a command
  std::atomic<int64_t> item_ns{0};         // of each of its items, on top
  std::atomic<int> take_at_most{1 << 20};  // commands in one burst

  std::atomic<uint64_t> commands{0}, items{0}, resets{0}, closes{0}, cancels{0}, loads{0}, with_handles{0},
      with_points{0};
  std::atomic<const uint8_t*> messages{nullptr}, signatures{nullptr};  // of the last command
  // Statuses of items that are known before, by key, signature and digest: cheaper than computing them.
  const std::unordered_map<std::string, uint8_t>* known = nullptr;

  std::mutex mutex;
  std::vector<uint64_t> sizes;            // of the commands, in their order
  std::set<std::thread::id> enqueued_by;  // threads
  uint8_t* verdicts = nullptr;            // of the last command that was done, while their memory is there

  accel_device_caps caps = default_caps();
  static accel_device_caps default_caps() {
    accel_device_caps caps = {};
    caps.struct_size = sizeof caps;
    caps.queues = 1;
    caps.queue_depth = 8;
    caps.time_kind = ACCEL_TIME_MEASURED;
    caps.opcodes = 0x3e;
    caps.flags = ACCEL_COMMAND_RAGGED | ACCEL_COMMAND_HANDLES | ACCEL_COMMAND_POINTS;
    caps.max_items = caps.max_message = caps.max_bytes = uint64_t{1} << 24;
    caps.max_keys = 1000;
    caps.max_buffers = 1;
    std::strcpy(caps.name, "fake");
    std::strcpy(caps.version, "1");
    return caps;
  }
};

inline bool take(std::atomic<int>& count) {
  int left = count.load();
  while (left > 0 && !count.compare_exchange_weak(left, left - 1)) {
  }
  return left > 0;
}

class FakeDevice {
 public:
  explicit FakeDevice(std::shared_ptr<Behaviour> behaviour) : behaviour_(std::move(behaviour)) {}
  ~FakeDevice() { forget_verdicts(); }

  int32_t enqueue(const accel_command* commands, uint32_t count) {
    {
      const std::lock_guard lock(behaviour_->mutex);
      behaviour_->enqueued_by.insert(std::this_thread::get_id());
    }
    if (take(behaviour_->enqueue_fails)) return ACCEL_DRIVER_FAULT;
    hang(behaviour_->hang);
    uint32_t taken = 0;
    for (; taken < count && waiting_.size() < behaviour_->caps.queue_depth &&
           taken < static_cast<uint32_t>(behaviour_->take_at_most);
         ++taken) {
      const auto now = std::chrono::steady_clock::now();
      const auto begin = waiting_.empty() ? now : std::max(now, waiting_.back().ready);
      const int64_t takes = behaviour_->delay_ns + behaviour_->item_ns * static_cast<int64_t>(commands[taken].count);
      behaviour_->messages = commands[taken].messages;
      behaviour_->signatures = commands[taken].signatures;
      waiting_.push_back({commands[taken], begin + std::chrono::nanoseconds(takes)});
    }
    return static_cast<int32_t>(taken);
  }

  int32_t dequeue(accel_completion* completions, uint32_t count) {
    uint32_t given = 0;
    while (given < count && !extra_.empty()) {
      completions[given++] = extra_.front();
      extra_.pop_front();
    }
    while (given < count && is_ready()) {
      const accel_command command = waiting_.front().command;
      waiting_.pop_front();
      if (take(behaviour_->lose)) {
        lost_.push_back(command);
        continue;
      }
      completions[given++] = complete(command);
    }
    return static_cast<int32_t>(given);
  }

  int32_t wait(uint64_t timeout_ns) const {
    const auto until =
        std::chrono::steady_clock::now() + std::chrono::nanoseconds(std::min<uint64_t>(timeout_ns, 1u << 30));
    while (!is_ready() && extra_.empty() && std::chrono::steady_clock::now() < until) {
      const auto next = waiting_.empty() || behaviour_->frozen ? until : waiting_.front().ready;
      std::this_thread::sleep_until(std::min(until, next));
    }
    return is_ready() || !extra_.empty() ? 1 : 0;
  }

  int32_t cancel(uint64_t tag) {
    behaviour_->cancels++;
    for (auto it = waiting_.begin(); it != waiting_.end(); ++it) {
      if (it->command.tag != tag) continue;
      extra_.push_back(answer(it->command, ACCEL_COMPLETION_CANCELLED));
      waiting_.erase(it);
      return 1;
    }
    return 0;
  }

  int32_t reset() {
    behaviour_->resets++;
    forget_verdicts();
    hang(behaviour_->reset_hangs);
    read_late();
    write_late();
    if (behaviour_->late_writes) old_ = lost_;
    lost_.clear();
    waiting_.clear();
    extra_.clear();
    keys_ = cpu::LoadedKeys();
    return take(behaviour_->reset_fails) ? ACCEL_DRIVER_FAULT : ACCEL_DRIVER_OK;
  }

  int32_t load(const uint8_t* keys, uint64_t stride, uint64_t count, uint32_t* handles) {
    behaviour_->loads++;
    hang(behaviour_->load_hangs);
    return keys_.load({keys, stride}, count, handles) ? ACCEL_DRIVER_OK : ACCEL_DRIVER_NO_MEMORY;
  }
  int32_t unload(const uint32_t* handles, uint64_t count) {
    return keys_.unload(handles, count) ? ACCEL_DRIVER_OK : ACCEL_DRIVER_BAD_ARGUMENT;
  }

  Behaviour& behaviour() { return *behaviour_; }

  void hang(std::atomic<int>& count) {
    if (!take(count)) return;
    while (!behaviour_->release) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  // Messages may be read, too, and are wherever the commands say.
  void read_late() const {
    volatile uint8_t sum = 0;
    for (const accel_command& command : lost_) {
      for (uint64_t i = 0; i < command.message_length; ++i) sum = sum + command.messages[i];
    }
  }

  // What a late DMA would do, up to the last moment at which it may: the end of reset or close.
  void write_late() const {
    for (const accel_command& command : lost_) scribble(command);
    for (const Waiting& waiting : waiting_) scribble(waiting.command);
  }

 private:
  struct Waiting {
    accel_command command;
    std::chrono::steady_clock::time_point ready;
  };

  bool is_ready() const {
    return !waiting_.empty() && !behaviour_->frozen && waiting_.front().ready <= std::chrono::steady_clock::now();
  }

  static accel_completion answer(const accel_command& command, accel_completion_status status) {
    accel_completion completion = {};
    completion.tag = command.tag;
    completion.count = command.count;
    completion.opcode = command.opcode;
    completion.status = static_cast<uint16_t>(status);
    return completion;
  }

  void forget_verdicts() const {
    const std::lock_guard lock(behaviour_->mutex);
    behaviour_->verdicts = nullptr;
  }

  static void scribble(const accel_command& command) {
    if (command.status_out != nullptr) std::memset(command.status_out, ACCEL_OK, command.count);
    if (command.output != nullptr) std::memset(command.output, 0xee, command.output_size);
  }

  accel_completion complete(const accel_command& command) {
    Behaviour& b = *behaviour_;
    if (take(b.fault)) return answer(command, ACCEL_COMPLETION_FAULT);
    if (take(b.refuse)) return answer(command, ACCEL_COMPLETION_UNSUPPORTED);
    if (take(b.idle)) return answer(command, ACCEL_COMPLETION_DONE);
    static const std::atomic<bool> go_on{false};
    const accel_completion_status status =
        look_up(command) ? ACCEL_COMPLETION_DONE : cpu::execute(command, keys_, go_on);
    b.commands++;
    b.items += command.count;
    if ((command.flags & ACCEL_COMMAND_HANDLES) != 0) b.with_handles++;
    if ((command.flags & ACCEL_COMMAND_POINTS) != 0) b.with_points++;
    {
      const std::lock_guard lock(b.mutex);
      b.sizes.push_back(command.count);
      b.verdicts = command.status_out;
    }
    spoil(command);
    for (const accel_command& old : old_) scribble(old);
    accel_completion completion = answer(command, status);
    if (take(b.duplicate)) extra_.push_back(completion);
    if (take(b.wrong_tag)) completion.tag ^= uint64_t{1} << 63;
    if (take(b.next_tag)) completion.tag += 1;
    if (take(b.corrupt)) completion.count += 1;
    if (take(b.bad_status)) completion.status = 77;
    return completion;
  }

  bool look_up(const accel_command& command) const {
    if (behaviour_->known == nullptr || command.opcode != ACCEL_OP_SM2_VERIFY_DIGEST || command.flags != 0)
      return false;
    std::string item(160, '\0');
    for (uint64_t i = 0; i < command.count; ++i) {
      std::memcpy(item.data(), command.keys + command.keys_stride * i, 64);
      std::memcpy(item.data() + 64, command.signatures + command.signatures_stride * i, 64);
      std::memcpy(item.data() + 128, command.digests + command.digests_stride * i, 32);
      const auto found = behaviour_->known->find(item);
      if (found == behaviour_->known->end()) return false;
      command.status_out[i] = found->second;
    }
    return true;
  }

  void spoil(const accel_command& command) {
    Behaviour& b = *behaviour_;
    if (command.status_out != nullptr) {
      if (b.accept_all) std::memset(command.status_out, ACCEL_OK, command.count);
      if (take(b.unchecked)) command.status_out[command.count / 2] = ACCEL_NOT_CHECKED;
      if (take(b.flip)) {
        uint8_t& status = command.status_out[command.count / 2];
        status = status == ACCEL_OK ? ACCEL_BAD_SIGNATURE : ACCEL_OK;
      }
    } else if (command.output_size != 0 && take(b.flip)) {
      command.output[command.output_size / 2] ^= 1;
    }
    if (command.points_out != nullptr && b.wrong_points) std::memset(command.points_out, 0xff, 64 * command.count);
  }

  const std::shared_ptr<Behaviour> behaviour_;
  std::deque<Waiting> waiting_;
  std::deque<accel_completion> extra_;
  std::vector<accel_command> lost_, old_;
  cpu::LoadedKeys keys_;
};

// Behaviours by the number that stands in a driver's options.
class Behaviours {
 public:
  static std::string add(std::shared_ptr<Behaviour> behaviour) {
    const std::lock_guard lock(mutex());
    all().push_back(std::move(behaviour));
    return std::to_string(all().size() - 1);
  }
  static std::shared_ptr<Behaviour> get(const char* options) {
    const std::lock_guard lock(mutex());
    return all().at(std::stoul(options));
  }

 private:
  static std::mutex& mutex() {
    static std::mutex instance;
    return instance;
  }
  static std::vector<std::shared_ptr<Behaviour>>& all() {
    static std::vector<std::shared_ptr<Behaviour>> instance;
    return instance;
  }
};

inline FakeDevice& fake(accel_driver_device* device) { return *reinterpret_cast<FakeDevice*>(device); }

inline accel_driver make_fake_driver() {
  accel_driver driver = {};
  driver.abi_version = ACCEL_DRIVER_ABI_VERSION;
  driver.struct_size = sizeof driver;
  driver.name = "fake";
  driver.open = [](const char* options, const accel_driver_host* host, accel_driver_device** device_out) -> int32_t {
    if (*options == '\0') {
      host->log(host->context, ACCEL_LOG_ERROR, "no cable");
      return ACCEL_DRIVER_NO_DEVICE;
    }
    *device_out = reinterpret_cast<accel_driver_device*>(new FakeDevice(Behaviours::get(options)));
    return ACCEL_DRIVER_OK;
  };
  driver.caps = [](accel_driver_device* device, accel_device_caps* caps) -> int32_t {
    *caps = fake(device).behaviour().caps;
    return ACCEL_DRIVER_OK;
  };
  driver.register_buffer = [](accel_driver_device*, void*, uint64_t) -> int32_t { return ACCEL_DRIVER_OK; };
  driver.unregister_buffer = [](accel_driver_device*, void*) -> int32_t { return ACCEL_DRIVER_OK; };
  driver.load_keys = [](accel_driver_device* device, const uint8_t* keys, uint64_t stride, uint64_t count,
                        uint32_t* handles) -> int32_t { return fake(device).load(keys, stride, count, handles); };
  driver.unload_keys = [](accel_driver_device* device, const uint32_t* handles, uint64_t count) -> int32_t {
    return fake(device).unload(handles, count);
  };
  driver.enqueue_burst = [](accel_driver_device* device, uint32_t, const accel_command* commands,
                            uint32_t count) -> int32_t { return fake(device).enqueue(commands, count); };
  driver.dequeue_burst = [](accel_driver_device* device, uint32_t, accel_completion* completions,
                            uint32_t count) -> int32_t { return fake(device).dequeue(completions, count); };
  driver.wait = [](accel_driver_device* device, uint32_t, uint64_t timeout_ns) -> int32_t {
    return take(fake(device).behaviour().wait_fails) ? ACCEL_DRIVER_FAULT : fake(device).wait(timeout_ns);
  };
  driver.cancel = [](accel_driver_device* device, uint32_t, uint64_t tag) -> int32_t {
    return fake(device).cancel(tag);
  };
  driver.stats = [](accel_driver_device* device, accel_driver_stat* stats, uint32_t count) -> int32_t {
    fake(device).hang(fake(device).behaviour().stats_hang);
    if (count != 0) stats[0] = {"commands", "commands", "Commands completed.", fake(device).behaviour().commands};
    return 1;
  };
  driver.reset = [](accel_driver_device* device) -> int32_t { return fake(device).reset(); };
  driver.close = [](accel_driver_device* device) {
    fake(device).hang(fake(device).behaviour().close_hangs);
    fake(device).write_late();
    fake(device).behaviour().closes++;
    delete &fake(device);
  };
  return driver;
}

inline const accel_driver kFakeDriver = make_fake_driver();

inline devices::Found found(std::shared_ptr<Behaviour> behaviour, bool is_own = false) {
  return {&kFakeDriver, Behaviours::add(std::move(behaviour)), nullptr, is_own};
}

}  // namespace accel::runtime::testing
