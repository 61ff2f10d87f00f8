// The keeper is a thread of each open device: it computes what no driver can, ends requests whose deadline has passed,
// and gives up drivers that do not return. It sleeps while nothing is on its way.
#include "runtime/device.hpp"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "runtime/clock.hpp"
#include "runtime/log.hpp"

namespace accel::runtime {
namespace {

// How often drivers are looked after while something is on its way.
constexpr uint64_t kTick = 100'000'000;

// In a child after fork() the threads of devices are gone, and their mutexes may be held by nobody.
std::atomic<uint64_t> fork_generation{0};
[[maybe_unused]] const int fork_handler_registered =
    pthread_atfork(nullptr, nullptr, [] { fork_generation.fetch_add(1, std::memory_order_relaxed); });

void append(std::vector<DeviceStat>& stats, const std::string& device, const Counters& counters) {
  for (uint8_t i = 0; i < kCounts; ++i) {
    const Counter& counter = kCounters[i];
    stats.push_back({device, counter.name, counter.unit, counter.description, counters.get(static_cast<Count>(i))});
  }
}

bool is_known(const std::string& name, const std::vector<std::string>& known) {
  const std::string scheme = name.substr(0, name.find_first_of(":,+"));
  return std::any_of(known.begin(), known.end(),
                     [&](const std::string& other) { return other.substr(0, other.find(':')) == scheme; });
}

constexpr const char* kRateNames[kOps] = {"rate.sm3", "rate.sm2_verify_digest", "rate.sm2_verify", "rate.merkle"};

}  // namespace

std::vector<std::string> split_names(const std::string& name, const std::vector<std::string>& known) {
  std::vector<std::string> names;
  size_t begin = 0;
  for (size_t plus = name.find('+'); plus != std::string::npos; plus = name.find('+', plus + 1)) {
    if (!is_known(name.substr(plus + 1), known)) continue;
    names.push_back(name.substr(begin, plus - begin));
    begin = plus + 1;
  }
  names.push_back(name.substr(begin));
  return names;
}

Device::Device(std::string name, const DeviceOptions& options)
    : name_(std::move(name)),
      options_(options),
      fork_generation_(fork_generation.load(std::memory_order_relaxed)),
      queue_(std::make_shared<Queue>(options.fallback)),
      gate_(std::make_shared<Gate>(options.queue_depth)) {}

std::shared_ptr<Device> Device::open(const std::string& name, const DeviceOptions& options) {
  const std::vector<std::string> names = split_names(name, devices::names());
  std::vector<devices::Found> found;
  for (const std::string& part : names) found.push_back(devices::find(part));
  return open(std::move(found), names, options);
}

std::shared_ptr<Device> Device::open(std::vector<devices::Found> found, const std::vector<std::string>& names,
                                     const DeviceOptions& options) {
  if (found.size() > 64) throw Error(ACCEL_BAD_DEVICE, "device: expected at most 64 devices in one name");
  std::string name;
  for (const std::string& part : names) name += (name.empty() ? "" : "+") + part;
  std::shared_ptr<Device> device(new Device(name, options));
  for (size_t i = 0; i < found.size(); ++i) {
    auto worker = std::make_shared<Worker>(std::move(found[i]), names[i], options.trust, device->queue_);
    worker->open();
    device->workers_.push_back(std::move(worker));
  }
  Device* const self = device.get();
  device->queue_->on_change([self](bool lost) {
    for (const auto& worker : self->workers_) worker->wake();
    self->wake_keeper(lost);
  });
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    device->keeper_ = std::thread([self] { self->keep(); });
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw Error(ACCEL_NO_MEMORY, "device: no thread for it");
  }
  pthread_setname_np(device->keeper_.native_handle(), "accel-keeper");
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return device;
}

bool Device::forked() const { return fork_generation.load(std::memory_order_relaxed) != fork_generation_; }

void Device::require_usable() const {
  if (!forked()) return;
  throw Error(ACCEL_BAD_DEVICE, "device: " + name_ + " was opened before fork(); open it again in the child");
}

Device::~Device() { close(); }

void Device::close() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(closed_, true)) return;
  }
  gate_->wait_idle();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (keeper_.joinable()) keeper_.join();
  for (const auto& worker : workers_) worker->stop();
  queue_->on_change(nullptr);  // a thread that was given up may come back, and outlive this
  log(ACCEL_LOG_INFO, "device.closed", name_, "closed");
}

// Through the gates, and not in the queue yet.
std::shared_ptr<Request> Device::admit(Work work, Priority priority, uint64_t deadline, bool blocking,
                                       const std::shared_ptr<Gate>& gate, bool has_waiter) {
  require_usable();
  work.measure();
  if (gate != nullptr && !gate->enter(blocking)) return nullptr;
  const auto leave = [&] {
    if (gate != nullptr) gate->leave();
  };
  if (!gate_->enter(blocking)) {
    leave();
    return nullptr;
  }
  {
    const std::lock_guard lock(mutex_);
    if (closed_) {
      gate_->leave();
      leave();
      throw Error(ACCEL_BAD_DEVICE, "device: " + name_ + " is closed");
    }
  }
  std::vector<std::shared_ptr<Gate>> gates = {gate_};
  if (gate != nullptr) gates.push_back(gate);
  auto request = std::make_shared<Request>(std::move(work), priority, deadline, std::move(gates), has_waiter);
  submitted_.fetch_add(1, std::memory_order_relaxed);
  if (request->work().count == 0) request->close(ACCEL_OK, "");
  return request;
}

std::shared_ptr<Request> Device::submit(Work work, Priority priority, uint64_t deadline, bool blocking,
                                        const std::shared_ptr<Gate>& gate) {
  std::shared_ptr<Request> request = admit(std::move(work), priority, deadline, blocking, gate, false);
  if (request != nullptr && !request->is_done()) queue_->submit(request);
  return request;
}

void Device::run(Work work, Priority priority) {
  const auto request = admit(std::move(work), priority, UINT64_MAX, true, nullptr, true);
  if (!request->is_done()) {
    // One device may be worked for by the caller; several share a batch out, which their threads do.
    const bool lost = queue_->add(request);
    const bool alone = !lost && workers_.size() == 1;
    if (!alone || !workers_[0]->work_for(*request)) queue_->changed(lost);
  }
  request->wait(UINT64_MAX);
  if (request->status() != ACCEL_OK) throw Error(request->status(), request->sentence());
}

void Device::wake_keeper(bool lost) {
  const std::lock_guard lock(mutex_);
  lost_ = lost_ || lost;
  if (lost || asleep_) changed_.notify_all();
}

void Device::keep() noexcept {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (stopping_) return;
      if (!lost_ && gate_->inside() == 0) {
        asleep_ = true;
        changed_.wait(lock, [this] { return stopping_ || lost_ || gate_->inside() != 0; });
        asleep_ = false;
      }
      if (!lost_ && !stopping_) {
        const uint64_t now = now_ns();
        const uint64_t left = next_deadline_ > now ? next_deadline_ - now : 0;
        changed_.wait_for(lock, sleep_ns(std::min(left, kTick)), [this] { return stopping_ || lost_; });
      }
      lost_ = false;
    }
    keep_time();
    while (run_on_cpu()) keep_time();
  }
}

void Device::keep_time() {
  const uint64_t now = now_ns();
  uint64_t next;
  for (const auto& request : queue_->expired(now, &next)) {
    if (request->close(ACCEL_TIMED_OUT, "the deadline has passed")) timed_out_.fetch_add(1, std::memory_order_relaxed);
  }
  {
    const std::lock_guard lock(mutex_);
    next_deadline_ = next;
  }
  for (const auto& worker : workers_) worker->give_up_if_stuck(now);
}

// One piece that no device can do. False: there is none.
bool Device::run_on_cpu() {
  std::optional<Piece> piece = queue_->take_for_cpu();
  if (!piece) return false;
  Request& request = *piece->request;
  accel_status status = ACCEL_OK;
  std::string sentence;
  try {
    const Request::Pin pin(request);
    if (pin) {
      std::vector<uint8_t> answers(answer_bytes(request.work(), piece->begin, piece->end));
      compute(request.work(), piece->begin, piece->end, answers.data());
      cpu_counters_.add(kCommands);
      cpu_counters_.add(request.work().op == Op::kHash     ? kHashed
                        : request.work().op == Op::kMerkle ? kMerkleLeaves
                                                           : kVerified,
                        piece->count());
      request.deliver(piece->begin, piece->end, answers.data());
    }
  } catch (const Error& error) {
    status = error.status();
    sentence = error.what();
  } catch (const std::exception& error) {
    status = ACCEL_NO_MEMORY;
    sentence = error.what();
  }
  if (status != ACCEL_OK) request.close(status, sentence);
  return true;
}

std::vector<DeviceStat> Device::stats() const {
  std::vector<DeviceStat> stats = {
      {name_, "requests", "requests", "Calls and futures that were submitted.", submitted_.load()},
      {name_, "requests.waiting", "requests", "Of these, those on their way now.", gate_->inside()},
      {name_, "requests.timed_out", "requests", "Of these, those whose deadline passed.", timed_out_.load()},
  };
  for (const auto& worker : workers_) {
    append(stats, worker->name(), worker->counters());
    const std::vector<double> rates = queue_->rates(worker->member());
    for (size_t op = 0; op < kOps; ++op) {
      stats.push_back({worker->name(), kRateNames[op], "items/s", "Rate by which batches are shared out.",
                       static_cast<uint64_t>(rates[op])});
    }
    for (const DriverStat& stat : worker->driver_stats()) {
      stats.push_back({worker->name(), "driver." + stat.name, stat.unit, stat.description, stat.value});
    }
  }
  append(stats, "fallback", cpu_counters_);
  return stats;
}

}  // namespace accel::runtime
