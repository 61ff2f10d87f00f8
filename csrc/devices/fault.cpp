#include "devices/fault.hpp"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "devices/command.hpp"
#include "devices/driver_table.hpp"

namespace accel::devices {
namespace {

constexpr const char* kDeviceFaults[] = {
    kOpenFails.data(),    kCrash.data(),          kLateWrite.data(),      kLateCompletion.data(), kCancelLies.data(),
    kDropWhenFull.data(), kFrozenCounters.data(), kRotatedHandles.data(), kWriteBeyond.data(),
};

constexpr uint64_t kCrashAfter = 20;  // commands

const Fault* find_listed(std::string_view name) {
  for (const auto* list : {&kOutputFaults, &kEdgeFaults, &kTrafficFaults}) {
    for (const Fault& fault : *list) {
      if (name == fault.name) return &fault;
    }
  }
  return nullptr;
}

// Writes as a device would, past this process's own view of its memory: what is gone by then is not touched.
void write_late(void* address, uint8_t value) {
  iovec from = {&value, 1}, to = {address, 1};
  process_vm_writev(getpid(), &from, 1, &to, 1, 0);
}

uint64_t now_ns() {
  return static_cast<uint64_t>(std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count());
}

class FaultDevice {
 public:
  FaultDevice(Found inner, std::string_view fault)
      : inner_(std::move(inner)), name_(fault), listed_(find_listed(fault)) {}
  ~FaultDevice() {
    if (late_.joinable()) late_.join();
    if (device_ != nullptr) driver().close(device_);
  }
  FaultDevice(const FaultDevice&) = delete;
  FaultDevice& operator=(const FaultDevice&) = delete;

  int32_t open(const accel_driver_host* host) {
    if (name_ == kOpenFails) return ACCEL_DRIVER_FAULT;
    const int32_t opened = driver().open(inner_.options.c_str(), host, &device_);
    if (opened != ACCEL_DRIVER_OK) return device_ = nullptr, opened;
    accel_device_caps caps = {};
    caps.struct_size = sizeof caps;
    const int32_t known = driver().caps(device_, &caps);
    if (known != ACCEL_DRIVER_OK) return known;
    queues_ = std::vector<FaultQueue>(caps.queues);
    depth_ = caps.queue_depth;
    return ACCEL_DRIVER_OK;
  }

  bool has_queue(uint32_t queue) const { return queue < queues_.size(); }
  int32_t caps(accel_device_caps* out) const { return driver().caps(device_, out); }
  int32_t register_buffer(void* address, uint64_t size) {
    const int32_t status = driver().register_buffer(device_, address, size);
    if (status == ACCEL_DRIVER_OK) buffers_.push_back({static_cast<uint8_t*>(address), size});
    return status;
  }
  int32_t unregister_buffer(void* address) {
    std::erase_if(buffers_, [&](const Buffer& buffer) { return buffer.address == address; });
    return driver().unregister_buffer(device_, address);
  }
  int32_t load_keys(const uint8_t* keys, uint64_t stride, uint64_t count, uint32_t* out) {
    if (driver().load_keys == nullptr) return ACCEL_DRIVER_UNSUPPORTED;
    const int32_t status = driver().load_keys(device_, keys, stride, count, out);
    if (status == ACCEL_DRIVER_OK && count != 0 && is(kRotatedHandles)) std::rotate(out, out + 1, out + count);
    return status;
  }
  int32_t unload_keys(const uint32_t* handles, uint64_t count) {
    if (driver().unload_keys == nullptr) return ACCEL_DRIVER_UNSUPPORTED;
    return driver().unload_keys(device_, handles, count);
  }
  int32_t enqueue(uint32_t queue, const accel_command* commands, uint32_t count);
  int32_t dequeue(uint32_t queue, accel_completion* completions, uint32_t count);
  int32_t wait(uint32_t queue, uint64_t timeout_ns);
  int32_t cancel(uint32_t queue, uint64_t tag) {
    const int32_t answer = driver().cancel == nullptr ? 0 : driver().cancel(device_, queue, tag);
    if (!is(kCancelLies)) return answer;
    const auto& in_flight = queues_[queue].in_flight;
    return in_flight.contains(tag) ? 1 : answer;
  }
  int32_t stats(accel_driver_stat* out, uint32_t count) {
    const int32_t known = driver().stats(device_, out, count);
    if (!is(kFrozenCounters)) return known;
    for (int32_t i = 0; i < known && i < static_cast<int32_t>(count); ++i) out[i].value = 0;
    return known;
  }
  int32_t reset();

 private:
  struct Buffer {
    uint8_t* address;
    uint64_t size;
  };
  const accel_driver& driver() const { return *inner_.driver; }
  bool is(std::string_view name) const { return name_ == name; }
  void pull(uint32_t queue);
  void complete(FaultQueue& queue, const accel_completion& completion);
  void write_beyond(const accel_command& command) const;

  const Found inner_;
  const std::string name_;
  const Fault* const listed_;  // null: one of kDeviceFaults
  accel_driver_device* device_ = nullptr;
  uint32_t depth_ = 0;
  std::vector<FaultQueue> queues_;
  std::vector<Buffer> buffers_;
  std::thread late_;
};

int32_t FaultDevice::enqueue(uint32_t index, const accel_command* commands, uint32_t count) {
  FaultQueue& queue = queues_[index];
  if (is(kCrash) && queue.commands >= kCrashAfter) return ACCEL_DRIVER_FAULT;
  for (uint32_t i = 0; i < count; ++i) {
    accel_command command = command_at(commands, i);
    if (command.struct_size == 0) return i == 0 ? ACCEL_DRIVER_BAD_ARGUMENT : static_cast<int32_t>(i);
    command.struct_size = sizeof command;
    const bool swallowed = listed_ != nullptr && listed_->swallow != nullptr && listed_->swallow(command, index, queue);
    if (!swallowed) {
      accel_command changed = command;
      if (listed_ != nullptr && listed_->before != nullptr) listed_->before(changed);
      const int32_t taken = driver().enqueue_burst(device_, index, &changed, 1);
      if (taken != 1 && !(taken == 0 && is(kDropWhenFull))) return i == 0 ? taken : static_cast<int32_t>(i);
      if (taken == 1) queue.in_flight[command.tag] = command;
    }
    ++queue.commands;
  }
  return static_cast<int32_t>(count);
}

void FaultDevice::complete(FaultQueue& queue, const accel_completion& completion) {
  queue.ready.push_back(completion);
  const auto found = queue.in_flight.find(completion.tag);
  if (found == queue.in_flight.end()) return;
  const accel_command command = found->second;
  queue.in_flight.erase(found);
  const bool done = completion.status == ACCEL_COMPLETION_DONE;
  if (is(kWriteBeyond) && done) write_beyond(command);
  if (is(kCancelLies) && completion.status == ACCEL_COMPLETION_CANCELLED) {
    queue.ready.back().status = ACCEL_COMPLETION_DONE;
  }
  if (listed_ != nullptr && listed_->outputs != nullptr && done) listed_->outputs(command, queue);
  if (listed_ != nullptr && listed_->completion != nullptr) listed_->completion(command, queue);
  ++queue.completions;
}

// Off by one: one item behind the last, where that is still memory that the device was given.
void FaultDevice::write_beyond(const accel_command& command) const {
  uint8_t* const at = (is_verify(command.opcode) ? command.status_out : command.output) + output_bytes(command);
  for (const Buffer& buffer : buffers_) {
    if (at >= buffer.address && at < buffer.address + buffer.size) *at = ACCEL_OK;
  }
}

void FaultDevice::pull(uint32_t index) {
  accel_completion completions[16];
  const int32_t count = driver().dequeue_burst(device_, index, completions, 16);
  for (int32_t i = 0; i < count; ++i) complete(queues_[index], completions[i]);
}

int32_t FaultDevice::dequeue(uint32_t index, accel_completion* completions, uint32_t count) {
  FaultQueue& queue = queues_[index];
  if (is(kCrash) && queue.commands >= kCrashAfter) return ACCEL_DRIVER_FAULT;
  if (queue.ready.size() < count) pull(index);
  uint32_t given = 0;
  for (; given < count && !queue.ready.empty(); ++given) {
    completions[given] = queue.ready.front();
    queue.ready.pop_front();
  }
  return static_cast<int32_t>(given);
}

int32_t FaultDevice::wait(uint32_t index, uint64_t timeout_ns) {
  FaultQueue& queue = queues_[index];
  if (is(kCrash) && queue.commands >= kCrashAfter) return ACCEL_DRIVER_FAULT;
  const uint64_t begin = now_ns();
  for (;;) {
    if (!queue.ready.empty()) return 1;
    const uint64_t passed = now_ns() - begin;
    const int32_t answer = driver().wait(device_, index, passed < timeout_ns ? timeout_ns - passed : 0);
    if (answer < 0) return answer;
    if (answer == 1) pull(index);
    if (answer == 0 || now_ns() - begin >= timeout_ns) return queue.ready.empty() ? 0 : 1;
  }
}

int32_t FaultDevice::reset() {
  if (late_.joinable()) late_.join();
  std::vector<std::deque<accel_completion>> late(queues_.size());
  uint8_t* target = nullptr;
  for (size_t i = 0; i < queues_.size(); ++i) {
    FaultQueue& queue = queues_[i];
    for (const auto& [tag, command] : queue.in_flight) {
      target = is_verify(command.opcode) ? command.status_out : command.output;
      accel_completion completion = {tag, command.count, command.opcode, ACCEL_COMPLETION_DONE, 0, 0};
      if (is(kLateCompletion)) late[i].push_back(completion);
    }
    queue = {};
    queue.ready = late[i];
  }
  buffers_.clear();
  const int32_t status = driver().reset(device_);
  if (is(kLateWrite) && target != nullptr) {
    late_ = std::thread([target] {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      write_late(target, ACCEL_OK);
    });
  }
  return status;
}

struct Parts {
  std::string_view fault, device;
};

Parts split(std::string_view rest) {
  const size_t colon = rest.find(':');
  if (colon == std::string_view::npos) {
    throw Error(ACCEL_BAD_DEVICE, "device: expected fault:FAULT:DEVICE, got \"fault:" + std::string(rest) + "\"");
  }
  return {rest.substr(0, colon), rest.substr(colon + 1)};
}

int32_t open_fault(const char* name, const accel_driver_host* host, accel_driver_device** device_out) {
  return no_exceptions([&]() -> int32_t {
    try {
      const Parts parts = split(name);
      auto device = std::make_unique<FaultDevice>(find(parts.device), parts.fault);
      const int32_t status = device->open(host);
      if (status == ACCEL_DRIVER_OK) *device_out = DriverTable<FaultDevice>::release(std::move(device));
      return status;
    } catch (const Error&) {
      return ACCEL_DRIVER_NO_DEVICE;
    }
  });
}

// No descriptor: completions that are withheld or doubled do not show in the device's own.
constexpr accel_driver kFaultDriver = DriverTable<FaultDevice>::make("fault", nullptr, open_fault);

}  // namespace

const std::vector<const char*>& fault_names() {
  static const std::vector<const char*> names = [] {
    std::vector<const char*> all;
    for (const auto* list : {&kOutputFaults, &kEdgeFaults, &kTrafficFaults}) {
      for (const Fault& fault : *list) all.push_back(fault.name);
    }
    all.insert(all.end(), std::begin(kDeviceFaults), std::end(kDeviceFaults));
    return all;
  }();
  return names;
}

Found find_fault(std::string_view rest) {
  const Parts parts = split(rest);
  Found inner = find(parts.device);
  if (parts.fault == "none") return inner;
  const auto& names = fault_names();
  if (std::none_of(names.begin(), names.end(), [&](const char* name) { return parts.fault == name; })) {
    std::string list = "none";
    for (const char* name : names) list += std::string(", ") + name;
    throw Error(ACCEL_BAD_DEVICE, "fault: expected one of " + list + ", got \"" + std::string(parts.fault) + "\"");
  }
  return {&kFaultDriver, std::string(rest), std::move(inner.keep)};
}

}  // namespace accel::devices
