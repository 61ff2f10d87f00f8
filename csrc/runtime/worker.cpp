#include "runtime/worker.hpp"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "runtime/clock.hpp"
#include "runtime/log.hpp"
#include "runtime/selftest.hpp"
#include "sm2/random.hpp"

namespace accel::runtime {
namespace {

// While a slot is free new work may come that wait() does not see: it is asked in slices of so long.
constexpr uint64_t kSlice = 500'000;
// While none is free, and where a descriptor wakes us, only deadlines and cancelled work need looking at.
constexpr uint64_t kLongSlice = 20'000'000;

uint64_t random_word() {
  uint64_t word;
  sm2::system_random(reinterpret_cast<uint8_t*>(&word), sizeof word);
  return word;
}

}  // namespace

Worker::Worker(devices::Found found, std::string name, const TrustOptions& options, std::shared_ptr<Queue> queue)
    : options_(options),
      queue_(std::move(queue)),
      link_(std::move(found), std::move(name), options.call_timeout_ns),
      ring_keys_(link_),
      tags_(random_word()),
      sampler_(options.sample_rate, random_word()),
      wake_descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (wake_descriptor_ < 0) throw Error(ACCEL_NO_MEMORY, "device: no descriptor for its thread");
}

Worker::~Worker() { ::close(wake_descriptor_); }

void Worker::open() {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // inherited: signals are the application's
  try {
    thread_ = std::thread([self = shared_from_this()] { self->run(); });
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw Error(ACCEL_NO_MEMORY, "device " + name() + ": no thread for it");
  }
  pthread_setname_np(thread_.native_handle(), "accel-device");
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  std::unique_lock lock(mutex_);
  while (!opened_) {
    changed_.wait_for(lock, sleep_ns(100'000'000));
    if (opened_ || !link_.stuck(now_ns())) continue;
    given_up_ = true;
    thread_.detach();
    throw Error(ACCEL_BAD_DEVICE, "device " + name() + ": its driver does not return from open");
  }
  if (open_error_ == nullptr) return;
  lock.unlock();
  thread_.join();
  std::rethrow_exception(open_error_);
}

void Worker::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake();
  while (thread_.joinable()) {
    {
      std::unique_lock lock(mutex_);
      if (ended_ || given_up_) {
        lock.unlock();
        given_up_ ? thread_.detach() : thread_.join();
        return;
      }
      changed_.wait_for(lock, sleep_ns(50'000'000));
    }
    give_up_if_stuck(now_ns());
  }
}

void Worker::wake() {
  const std::lock_guard lock(mutex_);
  woken_ = true;
  changed_.notify_all();
  if (polling_) eventfd_write(wake_descriptor_, 1);
}

// Not where everything is audited: that takes far longer than waking up, and memory that stays with whose thread it is.
bool Worker::work_for(const Request& request) {
  if (!link_.is_own() || options_.audit == Audit::kFull) return false;
  bool left = false;
  {
    const std::unique_lock turn(turn_, std::try_to_lock);
    if (!turn || given_up_ || quarantined()) return false;
    only_ = &request;
    while (!request.is_done() && advance(nullptr) && !is_woken()) {
    }
    only_ = nullptr;
    left = !is_idle() || quarantined();
  }
  if (left) wake();
  return request.is_done();
}

void Worker::give_up_if_stuck(uint64_t now) {
  if (!link_.stuck(now) || given_up_.exchange(true)) return;
  counters_.add(kStuck);
  if (quarantined()) {  // its pieces were taken back by then
    log(ACCEL_LOG_ERROR, "device.fault", name(), "a call of its driver does not return");
    return;
  }
  counters_.add(kQuarantined);
  queue_->remove_member(member_);
  for (Piece& piece : custody_.give_up()) {
    counters_.add(kReplayed, piece.count());
    queue_->put_back(std::move(piece), member_);
  }
  log(ACCEL_LOG_ERROR, "device.quarantined", name(), "a call of its driver does not return");
}

void Worker::run() noexcept {
  std::unique_lock turn(turn_);
  bool open = false;
  try {
    open_device();
    open = true;
  } catch (const Fault& fault) {
    open_error_ = std::make_exception_ptr(Error(ACCEL_BAD_DEVICE, "device " + name() + ": " + fault.what()));
  } catch (...) {
    open_error_ = std::current_exception();
  }
  if (!open) link_.close();
  {
    const std::lock_guard lock(mutex_);
    opened_ = true;
    changed_.notify_all();
  }
  while (open && !given_up_ && !quarantined()) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) break;
    }
    advance(&turn);
  }
  if (!given_up_ || link_.is_own()) link_.close();
  slots_.clear();
  dropped_.clear();
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

void Worker::open_device() {
  link_.open();
  arena_ = std::make_unique<Arena>(link_.caps());
  slots_.resize(arena_->limits().slots);
  const Rates rates = start_device();
  member_ = queue_->add_member(link_.caps(), options_.command_timeout_ns);
  queue_->tested(member_, rates);
  log(ACCEL_LOG_INFO, "device.opened", name(),
      std::string(link_.caps().name) + " " + link_.caps().version + ": known-answer tests passed");
}

// After open and after reset.
Rates Worker::start_device() {
  link_.register_memory(arena_->data(), arena_->size());
  const Rates rates = selftest(link_, *arena_, &tags_, options_.command_timeout_ns);
  burst_checked_.fill(false);
  descriptor_ = link_.descriptor();
  return rates;
}

// A step, or sleep where there was nothing to do, and what a failure of either calls for. False: there is nothing to
// do, not even to wait for, and no `turn` to give away until there is.
bool Worker::advance(std::unique_lock<std::mutex>* turn) noexcept {
  try {
    if (step()) return true;
    if (turn == nullptr && is_idle()) return false;
    sleep(turn);
  } catch (const Fault& fault) {
    recover(fault);
  } catch (const std::exception& error) {
    recover(Fault(kDriverErrors, error.what()));
  }
  return true;
}

bool Worker::step() {
  bool busy = take_work();
  busy = enqueue_staged() || busy;
  busy = collect() || busy;
  watch_slots();
  if (!busy && !held_.empty() && count(State::kFree) == slots_.size()) {
    deliver_held();
    busy = true;
  }
  return busy;
}

bool Worker::take_work() {
  bool taken = false;
  if (only_ == nullptr) {  // who works for one request leaves the others to the thread
    const std::lock_guard lock(mutex_);
    woken_ = false;
  }
  for (Slot& slot : slots_) {
    if (slot.state != State::kFree) continue;
    std::optional<Piece> piece = queue_->take(member_, only_);
    if (!piece) break;
    stage(slot, std::move(*piece));
    taken = true;
  }
  return taken;
}

void Worker::stage(Slot& slot, Piece piece) {
  const uint64_t tag = tags_.next();
  if (!custody_.add(tag, piece)) {
    queue_->put_back(std::move(piece), member_);
    return;
  }
  Request& request = *piece.request;
  const Work& work = request.work();
  if (count(State::kFree) == slots_.size()) load_ring(request);
  const bool in_place = link_.is_own() && request.has_waiter();
  accel_status status = ACCEL_OK;
  std::string sentence;
  {
    const Request::Pin pin(request);
    if (pin) {
      try {
        const StageOptions options{ring_keys_.handles_for(work), is_certified_by_points(work), in_place,
                                   !link_.is_own()};
        slot.command = arena_->stage(slot_number(slot), work, piece.begin, piece.end, options);
      } catch (const Error& error) {  // the caller's memory has changed meanwhile
        status = error.status();
        sentence = error.what();
      }
    } else {
      status = ACCEL_CANCELLED;
    }
  }
  if (status != ACCEL_OK) {
    request.close(status, sentence);
    custody_.release(tag);
    return;
  }
  slot.command.tag = tag;
  if (in_place) slot.use = Request::Use(piece.request);
  slot.command.deadline_ns = options_.command_timeout_ns;
  slot.piece = std::move(piece);
  slot.state = State::kStaged;
  slot.lost_at = after_ns(now_ns(), options_.command_timeout_ns);
  slot.cancel_asked = false;
  staged_.push_back(slot_number(slot));
}

// Not under the pin that staging takes: who cancels the request must not wait for the driver.
void Worker::load_ring(Request& request) {
  std::optional<RingKeys::Missing> missing;
  {
    const Request::Pin pin(request);
    if (pin) missing = ring_keys_.missing(request.work());
  }
  if (missing) ring_keys_.load(*missing);
}

bool Worker::enqueue_staged() {
  if (staged_.empty()) return false;
  std::vector<accel_command> commands;
  for (const size_t number : staged_) commands.push_back(slots_[number].command);
  const uint64_t now = now_ns();  // before the call: a driver may do the work within it
  const uint32_t taken = link_.enqueue(commands.data(), static_cast<uint32_t>(commands.size()));
  for (uint32_t i = 0; i < taken; ++i) {
    Slot& slot = slots_[staged_.front()];
    staged_.pop_front();
    slot.state = State::kInFlight;
    slot.enqueued_at = now;
    slot.lost_at = after_ns(now, options_.command_timeout_ns);
  }
  return taken != 0;
}

bool Worker::collect() {
  if (count(State::kInFlight) == 0) return false;
  accel_completion completions[kSlots];
  const uint32_t completed = link_.dequeue(completions, kSlots);
  const uint64_t now = now_ns();
  const uint64_t since = std::exchange(last_collected_at_, completed == 0 ? last_collected_at_ : now);
  for (uint32_t i = 0; i < completed; ++i) {
    Slot* const slot = find(completions[i].tag);
    if (slot == nullptr) {
      throw Fault(kBadTags, "a completion with tag " + std::to_string(completions[i].tag) + ", which is not in flight");
    }
    const uint64_t took = now - std::max(slot->enqueued_at, since);
    queue_->measured(member_, slot->piece.request->work().op, slot->piece.count(), took / completed);
    finish(*slot, completions[i]);
  }
  return completed != 0;
}

Worker::Slot* Worker::find(uint64_t tag) {
  for (Slot& slot : slots_) {
    if (slot.state == State::kInFlight && slot.command.tag == tag) return &slot;
  }
  return nullptr;
}

size_t Worker::count(State state) const {
  return static_cast<size_t>(
      std::count_if(slots_.begin(), slots_.end(), [&](const Slot& slot) { return slot.state == state; }));
}

void Worker::finish(Slot& slot, const accel_completion& completion) {
  if (completion.count != slot.command.count || completion.opcode != slot.command.opcode) {
    throw Fault(kCorrupt, "a completion that does not fit its command");
  }
  switch (completion.status) {
    case ACCEL_COMPLETION_DONE:
      accept(slot);
      return;
    case ACCEL_COMPLETION_CANCELLED:
      if (!slot.cancel_asked) throw Fault(kCorrupt, "a completion as cancelled that nobody has asked for");
      custody_.release(slot.command.tag);  // its request is closed
      slot = Slot();
      return;
    case ACCEL_COMPLETION_UNSUPPORTED:
    case ACCEL_COMPLETION_BAD_COMMAND:
      refuse(slot, completion.status);
      return;
    case ACCEL_COMPLETION_FAULT:
      throw Fault(kDeviceFaults, "the device gave a command up as faulty");
    default:
      throw Fault(kCorrupt, "a completion with the unknown status " + std::to_string(completion.status));
  }
}

// Not the device's fault, and nothing that it would do better a second time.
void Worker::refuse(Slot& slot, uint16_t status) {
  counters_.add(kRefused);
  const char* const word = status == ACCEL_COMPLETION_UNSUPPORTED ? "unsupported" : "malformed";
  log(ACCEL_LOG_WARNING, "device.refused", name(),
      "it calls a command of " + std::to_string(slot.command.count) + " items with opcode " +
          std::to_string(slot.command.opcode) + " " + word);
  std::optional<Piece> piece = custody_.release(slot.command.tag);
  slot = Slot();
  if (!piece) return;
  piece->refused |= uint64_t{1} << member_;
  queue_->put_back(std::move(*piece), member_);
}

// Cancelled work is asked back, and lost commands are noticed.
void Worker::watch_slots() {
  const uint64_t now = now_ns();
  for (Slot& slot : slots_) {
    if (slot.state == State::kFree) continue;
    const bool taken = slot.state == State::kInFlight;
    if (now > slot.lost_at) {
      throw Fault(kTimeouts, "a command of " + std::to_string(slot.command.count) + " items with opcode " +
                                 std::to_string(slot.command.opcode) + " was not " + (taken ? "completed" : "taken") +
                                 " in time");
    }
    if (taken && !slot.cancel_asked && slot.piece.request->is_closed()) {
      slot.cancel_asked = true;
      link_.cancel(slot.command.tag);
    }
  }
}

bool Worker::is_idle() const { return count(State::kFree) == slots_.size() && held_.empty(); }

bool Worker::is_woken() {
  const std::lock_guard lock(mutex_);
  return woken_;
}

// Gives its turn away while nothing is in flight.
void Worker::sleep(std::unique_lock<std::mutex>* turn) {
  uint64_t until = UINT64_MAX;
  for (const Slot& slot : slots_) {
    if (slot.state != State::kFree) until = std::min(until, slot.lost_at);
  }
  if (!is_idle()) {
    sleep_in_flight(until);
    return;
  }
  turn->unlock();
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return woken_ || stopping_; });
  }
  turn->lock();
}

void Worker::sleep_in_flight(uint64_t until) {
  const uint64_t now = now_ns();
  const uint64_t left = until > now ? until - now : 0;
  const bool full = count(State::kFree) == 0;
  if (descriptor_ < 0 || !staged_.empty()) {
    link_.wait(std::min(left, full && staged_.empty() ? kLongSlice : kSlice));
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    if (woken_ || stopping_) return;
    polling_ = true;
  }
  pollfd descriptors[2] = {{descriptor_, POLLIN, 0}, {wake_descriptor_, POLLIN, 0}};
  const uint64_t slice = std::min(left, kLongSlice);
  const timespec timeout = {0, static_cast<long>(slice)};
  ppoll(descriptors, 2, &timeout, nullptr);
  const std::lock_guard lock(mutex_);
  polling_ = false;
  eventfd_t ignored;
  eventfd_read(wake_descriptor_, &ignored);
}

}  // namespace accel::runtime
