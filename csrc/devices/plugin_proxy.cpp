// The table of a driver that lives in a host process: commands and their memory are copied there, results back.
//
// Registered buffers have a mirror in shared memory. A command's inputs are copied into the mirror before it is given,
// and its outputs out of it once it is complete: the host never sees this process's own memory, and after a reset the
// old mirrors are gone, so that nothing that the old process still does can arrive.
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "devices/command.hpp"
#include "devices/driver_table.hpp"
#include "devices/plugin.hpp"
#include "devices/plugin_process.hpp"
#include "devices/plugin_wire.hpp"

namespace accel::devices {
namespace {

constexpr uint64_t kMillisecond = 1000000;
constexpr uint64_t kSlow = 5000 * kMillisecond;     // functions that may take five seconds
constexpr uint64_t kQuick = 1000 * kMillisecond;    // the others, on a busy machine
constexpr uint64_t kFarewell = 500 * kMillisecond;  // for a driver to let go of its device
constexpr size_t kMaxStrings = 4096;
constexpr size_t kPage = 4096;

uint64_t now_ns() {
  return static_cast<uint64_t>(std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count());
}

struct Buffer {
  uint8_t* address;
  uint64_t size;
  std::unique_ptr<SharedMemory> mirror;
};

struct InFlight {
  accel_command command;
  Fields fields;
};

// What one queue holds on this side. Its calls come from one thread at a time.
struct ProxyQueue {
  Descriptor submit, complete;  // eventfds: there are commands; there are completions
  uint64_t submitted = 0, consumed = 0;
  std::multimap<uint64_t, InFlight> in_flight;  // by tag
  std::deque<accel_completion> ready;           // answered on this side
};

Descriptor make_event() {
  Descriptor event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (event.get() < 0) throw std::bad_alloc();
  return event;
}

void set_event(const Descriptor& event) {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t size = write(event.get(), &one, sizeof one);
}

void clear_event(const Descriptor& event) {
  uint64_t value;
  [[maybe_unused]] const ssize_t size = read(event.get(), &value, sizeof value);
}

class ProxyDevice {
 public:
  ProxyDevice(PluginName name, const accel_driver_host* host) : name_(std::move(name)), host_(host) {}

  int32_t start();
  int32_t caps(accel_device_caps* out) const { return give_caps(out, caps_); }
  bool has_queue(uint32_t queue) const { return queue < queues_.size(); }

  int32_t register_buffer(void* address, uint64_t size);
  int32_t unregister_buffer(void* address);
  int32_t load_keys(const uint8_t* keys, uint64_t stride, uint64_t count, uint32_t* handles_out);
  int32_t unload_keys(const uint32_t* handles, uint64_t count);
  int32_t enqueue(uint32_t queue, const accel_command* commands, uint32_t count);
  int32_t dequeue(uint32_t queue, accel_completion* completions, uint32_t count);
  int32_t wait(uint32_t queue, uint64_t timeout_ns);
  int32_t descriptor(uint32_t queue) const { return queues_[queue].complete.get(); }
  int32_t cancel(uint32_t queue, uint64_t tag);
  int32_t stats(accel_driver_stat* out, uint32_t count);
  int32_t reset();
  void close();

 private:
  // A process that is not there answers as one that has ended.
  Answer ask(const wire::Packet& request, std::span<const uint8_t> payload, std::span<const int> descriptors,
             uint64_t timeout_ns) {
    return process_ == nullptr ? Answer{} : process_->ask(request, payload, descriptors, timeout_ns);
  }
  int32_t take_caps(const Answer& answer);
  wire::Queue& shared(uint32_t queue) const { return reinterpret_cast<wire::Queue*>(rings_->data())[queue]; }
  bool is_faulty(uint32_t queue) {
    return process_ == nullptr || process_->is_dead() || shared(queue).fault.load(std::memory_order_relaxed) != 0;
  }
  uint32_t find_buffer(const Field& field) const;
  bool translate(const Fields& fields, wire::Command* out) const;
  void copy_inputs(const Fields& fields, const wire::Command& places);
  void copy_outputs(const InFlight& done);
  void refuse(ProxyQueue& queue, const accel_command& command, accel_completion_status status);
  void submit(uint32_t index, const accel_command& command);
  int32_t consume(uint32_t index, accel_completion* out, uint32_t count);
  void remember_stats(uint64_t timeout_ns);
  void end_process();
  const char* intern(const char* text, size_t size);

  const PluginName name_;
  const accel_driver_host* const host_;
  accel_device_caps caps_{};
  std::unique_ptr<HostProcess> process_;
  std::unique_ptr<SharedMemory> rings_;
  std::vector<ProxyQueue> queues_;
  std::vector<Buffer> buffers_;
  std::mutex stats_mutex_;
  std::set<std::string> strings_;
  std::map<std::string, uint64_t> before_, last_;  // counters of ended processes; of this one
  std::vector<accel_driver_stat> stats_;
  uint64_t resets_ = 0;
};

// What a host says about its device, made safe to rely on.
int32_t ProxyDevice::take_caps(const Answer& answer) {
  accel_device_caps caps = {};
  std::memcpy(&caps, answer.payload.data(), std::min(answer.payload.size(), sizeof caps));
  caps.struct_size = sizeof caps;
  caps.name[sizeof caps.name - 1] = caps.version[sizeof caps.version - 1] = '\0';
  caps.queues = std::min(caps.queues, wire::kMaxQueues);
  caps.queue_depth = std::min(caps.queue_depth, wire::kMaxDepth);
  caps.features = 0;  // nothing is true of the proxy because it is true of the driver
  const uint64_t alignment = std::max<uint64_t>(caps.buffer_alignment, 1);
  if (caps.queues == 0 || caps.queue_depth == 0 || caps.max_items == 0 || (alignment & (alignment - 1)) != 0 ||
      alignment > (uint64_t{2} << 20)) {
    process_->give_up("its driver gives impossible capabilities");
    return ACCEL_DRIVER_FAULT;
  }
  caps_ = caps;
  return ACCEL_DRIVER_OK;
}

int32_t ProxyDevice::start() {
  process_ = std::make_unique<HostProcess>(host_);
  std::string text = name_.path;
  text.push_back('\0');
  text += name_.options;
  text.push_back('\0');
  if (text.size() > wire::kMaxText) return ACCEL_DRIVER_BAD_ARGUMENT;
  wire::Packet request = {};
  request.kind = wire::kOpen;
  const Answer opened = ask(request, {reinterpret_cast<const uint8_t*>(text.data()), text.size()}, {}, kSlow);
  if (opened.status != ACCEL_DRIVER_OK) return opened.status;
  if (const int32_t status = take_caps(opened); status != ACCEL_DRIVER_OK) return status;

  rings_ = std::make_unique<SharedMemory>(sizeof(wire::Queue) * caps_.queues);
  queues_ = std::vector<ProxyQueue>(caps_.queues);
  std::vector<int> descriptors = {rings_->descriptor()};
  for (ProxyQueue& queue : queues_) {
    queue.submit = make_event();
    queue.complete = make_event();
    descriptors.push_back(queue.submit.get());
    descriptors.push_back(queue.complete.get());
  }
  request.kind = wire::kStart;
  request.a = caps_.queues;
  return ask(request, {}, descriptors, kQuick).status;
}

int32_t ProxyDevice::register_buffer(void* address, uint64_t size) {
  if (address == nullptr || size == 0) return ACCEL_DRIVER_BAD_ARGUMENT;
  const uint64_t unit = std::max<uint64_t>(caps_.buffer_alignment, kPage);
  if (size > (uint64_t{1} << 46)) return ACCEL_DRIVER_NO_MEMORY;
  Buffer buffer = {static_cast<uint8_t*>(address), size,
                   std::make_unique<SharedMemory>((size + unit - 1) / unit * unit)};
  wire::Packet request = {};
  request.kind = wire::kRegister;
  request.a = buffers_.size();
  request.b = buffer.mirror->size();
  const int descriptor = buffer.mirror->descriptor();
  const int32_t status = ask(request, {}, {&descriptor, 1}, kQuick).status;
  if (status == ACCEL_DRIVER_OK) buffers_.push_back(std::move(buffer));
  return status;
}

// Places stay what they are: a later buffer keeps its number.
int32_t ProxyDevice::unregister_buffer(void* address) {
  const auto found = std::find_if(buffers_.begin(), buffers_.end(),
                                  [&](const Buffer& buffer) { return buffer.mirror && buffer.address == address; });
  if (found == buffers_.end()) return ACCEL_DRIVER_BAD_ARGUMENT;
  wire::Packet request = {};
  request.kind = wire::kUnregister;
  request.a = static_cast<uint64_t>(found - buffers_.begin());
  const int32_t status = ask(request, {}, {}, kQuick).status;
  found->mirror.reset();
  return status;
}

// Keys and handles travel in memory of their own: there may be more than a packet holds.
int32_t ProxyDevice::load_keys(const uint8_t* keys, uint64_t stride, uint64_t count, uint32_t* handles_out) {
  if (count > caps_.max_keys) return ACCEL_DRIVER_NO_MEMORY;
  if (count == 0) return ACCEL_DRIVER_OK;
  const SharedMemory memory((64 + 4) * count);
  for (uint64_t i = 0; i < count; ++i) std::memcpy(memory.data() + 64 * i, keys + stride * i, 64);
  wire::Packet request = {};
  request.kind = wire::kLoadKeys;
  request.a = count;
  const int descriptor = memory.descriptor();
  const int32_t status = ask(request, {}, {&descriptor, 1}, kSlow).status;
  if (status == ACCEL_DRIVER_OK) std::memcpy(handles_out, memory.data() + 64 * count, 4 * count);
  return status;
}

int32_t ProxyDevice::unload_keys(const uint32_t* handles, uint64_t count) {
  if (count > caps_.max_keys) return ACCEL_DRIVER_BAD_ARGUMENT;
  if (count == 0) return ACCEL_DRIVER_OK;
  const SharedMemory memory(4 * count);
  std::memcpy(memory.data(), handles, 4 * count);
  wire::Packet request = {};
  request.kind = wire::kUnloadKeys;
  request.a = count;
  const int descriptor = memory.descriptor();
  return ask(request, {}, {&descriptor, 1}, kSlow).status;
}

uint32_t ProxyDevice::find_buffer(const Field& field) const {
  const auto base = reinterpret_cast<uintptr_t>(field.pointer);
  for (size_t i = 0; i < buffers_.size(); ++i) {
    const Buffer& buffer = buffers_[i];
    const auto address = reinterpret_cast<uintptr_t>(buffer.address);
    if (buffer.mirror && base >= address && base - address <= buffer.size &&
        field.end <= buffer.size - (base - address)) {
      return static_cast<uint32_t>(i);
    }
  }
  return wire::kNoBuffer;
}

// False when an array lies outside of what was registered.
bool ProxyDevice::translate(const Fields& fields, wire::Command* out) const {
  for (size_t i = 0; i < kFieldCount; ++i) {
    const Field& field = fields[i];
    out->places[i] = {wire::kNoBuffer, 0, 0};
    if (!field.used() || field.pointer == nullptr) continue;
    const uint32_t buffer = find_buffer(field);
    if (buffer == wire::kNoBuffer) return false;
    const auto offset = static_cast<uint64_t>(static_cast<const uint8_t*>(field.pointer) - buffers_[buffer].address);
    out->places[i] = {buffer, 0, offset};
  }
  return true;
}

// Outputs too: an item that a driver does not write reads as it did before.
void ProxyDevice::copy_inputs(const Fields& fields, const wire::Command& command) {
  for (size_t i = 0; i < kFieldCount; ++i) {
    const wire::Place& place = command.places[i];
    if (place.buffer == wire::kNoBuffer) continue;
    const uint64_t begin = fields[i].begin;
    std::memcpy(buffers_[place.buffer].mirror->data() + place.offset + begin,
                static_cast<const uint8_t*>(fields[i].pointer) + begin, fields[i].end - begin);
  }
}

void ProxyDevice::copy_outputs(const InFlight& done) {
  for (const Field& field : done.fields) {
    if (!field.output || field.pointer == nullptr) continue;
    const uint32_t buffer = find_buffer(field);
    if (buffer == wire::kNoBuffer) continue;
    auto* const to = static_cast<uint8_t*>(const_cast<void*>(field.pointer));
    std::memcpy(to, buffers_[buffer].mirror->data() + (to - buffers_[buffer].address), field.end);
  }
}

void ProxyDevice::refuse(ProxyQueue& queue, const accel_command& command, accel_completion_status status) {
  accel_completion completion = {};
  completion.tag = command.tag;
  completion.count = command.count;
  completion.opcode = command.opcode;
  completion.status = static_cast<uint16_t>(status);
  queue.ready.push_back(completion);
  set_event(queue.complete);
}

// What the host's driver can be asked goes there as it is, mistakes included; what would need memory that is not there,
// or more items than the driver takes, is answered here.
void ProxyDevice::submit(uint32_t index, const accel_command& command) {
  ProxyQueue& queue = queues_[index];
  if (command.count == 0 || command.count > caps_.max_items) {
    return refuse(queue, command, ACCEL_COMPLETION_UNSUPPORTED);
  }
  Fields fields;
  wire::Command copy = {};
  const bool fits = fields_of(command, &fields);
  // Nothing behind output_size is the device's to write.
  fields[kOutput].end = std::min(fields[kOutput].end, command.output_size);
  if (!fits || !translate(fields, &copy)) {
    const accel_completion_status why = check(command, caps_);
    return refuse(queue, command, why == ACCEL_COMPLETION_DONE ? ACCEL_COMPLETION_BAD_COMMAND : why);
  }
  copy.opcode = command.opcode;
  copy.flags = command.flags;
  copy.rule = command.rule;
  copy.tag = command.tag;
  copy.count = command.count;
  copy.messages_stride = command.messages_stride;
  copy.message_length = command.message_length;
  copy.keys_stride = command.keys_stride;
  copy.signatures_stride = command.signatures_stride;
  copy.digests_stride = command.digests_stride;
  copy.id_length = command.id_length;
  copy.output_size = command.output_size;
  copy.deadline_ns = command.deadline_ns;
  copy_inputs(fields, copy);
  queue.in_flight.emplace(command.tag, InFlight{command, fields});
  wire::Queue& ring = shared(index);
  ring.commands[queue.submitted % wire::kMaxDepth] = copy;
  ring.submitted.store(++queue.submitted, std::memory_order_release);
}

int32_t ProxyDevice::enqueue(uint32_t index, const accel_command* commands, uint32_t count) {
  if (is_faulty(index)) return ACCEL_DRIVER_FAULT;
  ProxyQueue& queue = queues_[index];
  const uint64_t before = queue.submitted;
  uint32_t taken = 0;
  for (; taken < count && queue.in_flight.size() + queue.ready.size() < caps_.queue_depth; ++taken) {
    const accel_command command = command_at(commands, taken);
    if (command.struct_size == 0) {
      if (taken == 0) return ACCEL_DRIVER_BAD_ARGUMENT;
      break;
    }
    submit(index, command);
  }
  if (queue.submitted != before) set_event(queue.submit);
  return static_cast<int32_t>(taken);
}

// Completions out of the ring. The host's counter is read once, and a completion is a copy before it is looked at.
int32_t ProxyDevice::consume(uint32_t index, accel_completion* out, uint32_t count) {
  ProxyQueue& queue = queues_[index];
  wire::Queue& ring = shared(index);
  const uint64_t there = ring.completed.load(std::memory_order_acquire) - queue.consumed;
  if (there > wire::kMaxDepth) {
    process_->give_up("counts completions that nobody asked for");
    return ACCEL_DRIVER_FAULT;
  }
  uint32_t given = 0;
  for (; given < std::min<uint64_t>(count, there); ++given) {
    std::memcpy(&out[given], &ring.completions[queue.consumed++ % wire::kMaxDepth], sizeof *out);
    const auto found = queue.in_flight.find(out[given].tag);
    if (found == queue.in_flight.end()) continue;  // not ours: for the runtime to see
    if (out[given].status == ACCEL_COMPLETION_DONE) copy_outputs(found->second);
    queue.in_flight.erase(found);
  }
  ring.consumed.store(queue.consumed, std::memory_order_release);
  return static_cast<int32_t>(given);
}

int32_t ProxyDevice::dequeue(uint32_t index, accel_completion* completions, uint32_t count) {
  if (is_faulty(index)) return ACCEL_DRIVER_FAULT;
  ProxyQueue& queue = queues_[index];
  clear_event(queue.complete);
  uint32_t given = 0;
  for (; given < count && !queue.ready.empty(); ++given) {
    completions[given] = queue.ready.front();
    queue.ready.pop_front();
  }
  const int32_t more = consume(index, completions + given, count - given);
  if (more < 0) return more;
  const bool left = !queue.ready.empty() || shared(index).completed.load(std::memory_order_acquire) != queue.consumed;
  if (left) set_event(queue.complete);
  return static_cast<int32_t>(given) + more;
}

int32_t ProxyDevice::wait(uint32_t index, uint64_t timeout_ns) {
  ProxyQueue& queue = queues_[index];
  const uint64_t begin = now_ns();
  for (;;) {
    if (is_faulty(index)) return ACCEL_DRIVER_FAULT;
    if (!queue.ready.empty()) return 1;
    if (shared(index).completed.load(std::memory_order_acquire) != queue.consumed) return 1;
    const uint64_t passed = now_ns() - begin;
    if (passed >= timeout_ns) return 0;
    const uint64_t left = timeout_ns - passed;
    clear_event(queue.complete);
    if (shared(index).completed.load(std::memory_order_acquire) != queue.consumed) {
      set_event(queue.complete);
      continue;
    }
    pollfd events[] = {{queue.complete.get(), POLLIN, 0}, {process_->socket(), POLLRDHUP, 0}};
    const timespec timeout = {static_cast<time_t>(std::min<uint64_t>(left / 1000000000, INT32_MAX)),
                              static_cast<long>(left % 1000000000)};
    ppoll(events, 2, &timeout, nullptr);
  }
}

int32_t ProxyDevice::cancel(uint32_t index, uint64_t tag) {
  if (!queues_[index].in_flight.contains(tag)) return 0;
  wire::Packet request = {};
  request.kind = wire::kCancel;
  request.queue = index;
  request.a = tag;
  const int32_t answer = ask(request, {}, {}, kQuick).status;
  return answer > 1 ? ACCEL_DRIVER_FAULT : answer;
}

const char* ProxyDevice::intern(const char* text, size_t size) {
  const std::string copy(text, strnlen(text, size));
  if (!strings_.contains(copy) && strings_.size() >= kMaxStrings) return "";
  return strings_.insert(copy).first->c_str();
}

// Figures of this process, on top of those of the processes before it.
void ProxyDevice::remember_stats(uint64_t timeout_ns) {
  wire::Packet request = {};
  request.kind = wire::kStats;
  const Answer answer = ask(request, {}, {}, timeout_ns);
  if (answer.status < 0) return;
  stats_.clear();
  const size_t count = std::min<size_t>(answer.payload.size() / sizeof(wire::Stat), wire::kMaxStats);
  for (size_t i = 0; i < count; ++i) {
    wire::Stat stat;
    std::memcpy(&stat, answer.payload.data() + i * sizeof stat, sizeof stat);
    const char* const name = intern(stat.name, sizeof stat.name);
    last_[name] = stat.value;
    const uint64_t value = std::strcmp(name, "resets") == 0 ? resets_ : before_[name] + stat.value;
    stats_.push_back(
        {name, intern(stat.unit, sizeof stat.unit), intern(stat.description, sizeof stat.description), value});
  }
}

int32_t ProxyDevice::stats(accel_driver_stat* out, uint32_t count) {
  const std::lock_guard lock(stats_mutex_);
  if (process_ != nullptr) remember_stats(kQuick);
  std::copy_n(stats_.begin(), std::min<size_t>(count, stats_.size()), out);
  return static_cast<int32_t>(stats_.size());
}

void ProxyDevice::end_process() {
  if (process_ == nullptr) return;
  wire::Packet request = {};
  request.kind = wire::kClose;
  ask(request, {}, {}, kFarewell);
  process_.reset();
}

int32_t ProxyDevice::reset() {
  const std::lock_guard lock(stats_mutex_);
  if (process_ != nullptr) remember_stats(kFarewell);
  for (const auto& [name, value] : last_) before_[name] += value;
  last_.clear();
  ++resets_;
  end_process();
  buffers_.clear();
  const accel_device_caps was = caps_;
  const int32_t status = start();
  if (status != ACCEL_DRIVER_OK) {
    process_.reset();
    return status;
  }
  if (was.queues != caps_.queues || was.queue_depth != caps_.queue_depth || was.max_items != caps_.max_items) {
    process_->give_up("its driver has other capabilities than before the reset");
    return ACCEL_DRIVER_FAULT;
  }
  return ACCEL_DRIVER_OK;
}

void ProxyDevice::close() { end_process(); }

int32_t open_proxy(const char* name, const accel_driver_host* host, accel_driver_device** device_out) {
  return no_exceptions([&]() -> int32_t {
    try {
      auto device = std::make_unique<ProxyDevice>(split_plugin_name(name), host);
      const int32_t status = device->start();
      if (status == ACCEL_DRIVER_OK) *device_out = DriverTable<ProxyDevice>::release(std::move(device));
      return status;
    } catch (const Error& error) {
      if (host != nullptr && host->log != nullptr) host->log(host->context, ACCEL_LOG_ERROR, error.what());
      return ACCEL_DRIVER_NO_DEVICE;
    }
  });
}

constexpr accel_driver kProxyDriver = DriverTable<ProxyDevice>::make("plugin", nullptr, open_proxy);

}  // namespace

Found find_plugin(std::string_view rest) {
  const PluginName name = split_plugin_name(rest);
  if (access(name.path.c_str(), R_OK) != 0) {
    throw Error(ACCEL_BAD_DEVICE, "device: " + name.path + ": " + std::strerror(errno));
  }
  driverhost_path();
  return {&kProxyDriver, std::string(rest), nullptr};
}

}  // namespace accel::devices
