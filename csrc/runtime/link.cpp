#include "runtime/link.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "runtime/clock.hpp"
#include "runtime/log.hpp"

namespace accel::runtime {
namespace {

constexpr uint32_t kMaxStats = 4096;

const char* error_name(int32_t error) {
  switch (error) {
    case ACCEL_DRIVER_BAD_ARGUMENT:
      return "BAD_ARGUMENT";
    case ACCEL_DRIVER_UNSUPPORTED:
      return "UNSUPPORTED";
    case ACCEL_DRIVER_NO_DEVICE:
      return "NO_DEVICE";
    case ACCEL_DRIVER_NO_MEMORY:
      return "NO_MEMORY";
    case ACCEL_DRIVER_FAULT:
      return "FAULT";
    default:
      return "an unknown error";
  }
}

std::string text_of(const char* text) { return text != nullptr ? text : ""; }

}  // namespace

// Marks that a call of the driver runs, for stuck().
class Link::Call {
 public:
  Call(const Link& link, uint64_t most) : link_(const_cast<Link&>(link)) {
    link_.give_up_at_.store(after_ns(now_ns(), most), std::memory_order_relaxed);
  }
  ~Call() { link_.give_up_at_.store(UINT64_MAX, std::memory_order_relaxed); }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 private:
  Link& link_;
};

Link::Link(devices::Found found, std::string name, uint64_t call_timeout_ns)
    : found_(std::move(found)),
      name_(std::move(name)),
      short_call_(call_timeout_ns),
      long_call_(kLongCalls * call_timeout_ns),
      host_{sizeof(accel_driver_host), ACCEL_DRIVER_ABI_VERSION, this, log_from_driver} {}

Link::~Link() { close(); }

void Link::log_from_driver(void* context, int32_t level, const char* message) {
  auto& link = *static_cast<Link*>(context);
  const std::string text = text_of(message);
  if (level >= ACCEL_LOG_WARNING) {
    const std::lock_guard lock(link.log_mutex_);
    link.last_message_ = text;
  }
  const int32_t known = std::clamp<int32_t>(level / 10 * 10, ACCEL_LOG_DEBUG, ACCEL_LOG_ERROR);
  log(static_cast<accel_log_level>(known), "driver", link.name_, text);
}

void Link::open() {
  devices::require_table(found_.driver, "device " + name_);
  const Call call(*this, long_call_);
  const accel_driver& driver = *found_.driver;
  const auto refuse = [&](const char* function, int32_t error) {
    const std::lock_guard lock(log_mutex_);
    throw Error(ACCEL_BAD_DEVICE, "device " + name_ + ": its driver's " + function + " gave " + error_name(error) +
                                      (last_message_.empty() ? "" : ": " + last_message_));
  };
  if (driver.probe != nullptr) {
    if (const int32_t error = driver.probe(found_.options.c_str()); error < 0) refuse("probe", error);
  }
  accel_driver_device* device = nullptr;
  if (const int32_t error = driver.open(found_.options.c_str(), &host_, &device); error < 0) refuse("open", error);
  device_ = device;
  caps_.struct_size = sizeof caps_;
  if (const int32_t error = driver.caps(device_, &caps_); error < 0) refuse("caps", error);
  caps_.name[sizeof caps_.name - 1] = caps_.version[sizeof caps_.version - 1] = '\0';
  check_caps();
}

void Link::check_caps() const {
  const auto require = [&](bool holds, const char* what) {
    if (!holds) throw Error(ACCEL_BAD_DEVICE, "device " + name_ + ": its capabilities make no sense: " + what);
  };
  require(caps_.queues >= 1, "queues is 0");
  require(caps_.queue_depth >= 1, "queue_depth is 0");
  require(caps_.max_items >= 1, "max_items is 0");
  require(caps_.max_buffers >= 1, "max_buffers is 0");
  require((caps_.opcodes & 1) == 0 && caps_.opcodes != 0, "opcodes must name some, from bit 1 on");
  require(caps_.max_keys == 0 || (found_.driver->load_keys != nullptr && found_.driver->unload_keys != nullptr),
          "max_keys without load_keys and unload_keys");
  require(caps_.time_kind >= ACCEL_TIME_MEASURED && caps_.time_kind <= ACCEL_TIME_RTL_SIM, "an unknown time_kind");
  const uint64_t alignment = caps_.buffer_alignment;
  require(alignment <= 1 || (std::has_single_bit(alignment) && alignment <= (uint64_t{2} << 20)),
          "buffer_alignment is no power of two up to 2 MiB");
}

void Link::close() {
  if (device_ == nullptr) return;
  const Call call(*this, long_call_);  // its last counters too may never come
  std::vector<DriverStat> last = ask_stats();
  const std::lock_guard lock(stats_mutex_);
  last_stats_ = std::move(last);
  found_.driver->close(std::exchange(device_, nullptr));
}

int32_t Link::checked(int32_t result, uint32_t most, const char* function) const {
  if (result < 0) {
    throw Fault(kDriverErrors, std::string("the driver's ") + function + " gave " + error_name(result));
  }
  if (static_cast<uint32_t>(result) > most) {
    throw Fault(kDriverErrors, std::string("the driver's ") + function + " gave " + std::to_string(result) +
                                   ", which is more than the " + std::to_string(most) + " it was asked for");
  }
  return result;
}

void Link::register_memory(void* address, uint64_t size) {
  const Call call(*this, short_call_);
  checked(found_.driver->register_buffer(device_, address, size), INT32_MAX, "register_buffer");
}

uint32_t Link::enqueue(const accel_command* commands, uint32_t count) {
  const Call call(*this, short_call_);
  return static_cast<uint32_t>(
      checked(found_.driver->enqueue_burst(device_, 0, commands, count), count, "enqueue_burst"));
}

uint32_t Link::dequeue(accel_completion* completions, uint32_t count) {
  const Call call(*this, short_call_);
  return static_cast<uint32_t>(
      checked(found_.driver->dequeue_burst(device_, 0, completions, count), count, "dequeue_burst"));
}

void Link::wait(uint64_t timeout_ns) {
  const Call call(*this, after_ns(short_call_, timeout_ns));
  checked(found_.driver->wait(device_, 0, timeout_ns), 1, "wait");
}

int Link::descriptor() {
  if (found_.driver->descriptor == nullptr) return -1;
  const Call call(*this, short_call_);
  const int32_t descriptor = found_.driver->descriptor(device_, 0);
  return descriptor < 0 ? -1 : descriptor;
}

bool Link::cancel(uint64_t tag) {
  if (found_.driver->cancel == nullptr) return false;
  const Call call(*this, short_call_);
  const int32_t result = found_.driver->cancel(device_, 0, tag);
  return result == 1;
}

bool Link::load_keys(const uint8_t* keys, uint64_t count, uint32_t* handles) {
  const Call call(*this, long_call_);
  const int32_t result = found_.driver->load_keys(device_, keys, 64, count, handles);
  if (result == ACCEL_DRIVER_NO_MEMORY) return false;
  checked(result, INT32_MAX, "load_keys");
  return true;
}

void Link::unload_keys(const uint32_t* handles, uint64_t count) {
  const Call call(*this, short_call_);
  checked(found_.driver->unload_keys(device_, handles, count), INT32_MAX, "unload_keys");
}

void Link::reset() {
  const Call call(*this, long_call_);
  checked(found_.driver->reset(device_), INT32_MAX, "reset");
}

std::vector<DriverStat> Link::ask_stats() const {
  std::vector<accel_driver_stat> stats(64);
  int32_t count = 0;
  for (;;) {
    count = found_.driver->stats(device_, stats.data(), static_cast<uint32_t>(stats.size()));
    if (count <= static_cast<int32_t>(stats.size()) || static_cast<uint32_t>(count) > kMaxStats) break;
    stats.resize(static_cast<size_t>(count));
  }
  std::vector<DriverStat> copies;
  for (int32_t i = 0; i < std::min(count, static_cast<int32_t>(stats.size())); ++i) {
    const accel_driver_stat& stat = stats[static_cast<size_t>(i)];
    copies.push_back({text_of(stat.name), text_of(stat.unit), text_of(stat.description), stat.value});
  }
  return copies;
}

std::vector<DriverStat> Link::stats() const {
  const std::lock_guard lock(stats_mutex_);
  return device_ == nullptr || stuck(now_ns()) ? last_stats_ : ask_stats();
}

bool Link::stuck(uint64_t now) const { return now > give_up_at_.load(std::memory_order_relaxed); }

}  // namespace accel::runtime
