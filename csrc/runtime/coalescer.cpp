#include "runtime/coalescer.hpp"

#include <signal.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "base/error.hpp"

namespace accel::runtime {
namespace {

constexpr uint32_t kLeaving = uint32_t{1} << 31;
// Two batches in turn keep two cores busy: one computes while the callers of the other come back. More than two are
// worth their cores only if each fills a vector; one signature takes a vector kernel as long as eight.
constexpr size_t kPair = 2, kVector = 8;

// Counts a thread that is in verify(). The last one to leave tells the destructor, and touches nothing afterwards.
class Inside {
 public:
  explicit Inside(std::atomic<uint32_t>& count) : count_(count) { count_.fetch_add(1, std::memory_order_relaxed); }
  ~Inside() {
    if (count_.fetch_sub(1, std::memory_order_acq_rel) == (kLeaving | 1)) futex_wake(count_, SIZE_MAX);
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  std::atomic<uint32_t>& count_;
};

}  // namespace

Coalescer::Workspace::Workspace(size_t most)
    : indices(most), keys(64 * most), signatures(64 * most), digests(32 * most), status(most) {
  items.reserve(most);
  target.reserve(most);
}

Coalescer::Coalescer(const CoalescerOptions& options, RunBatch run) : options_(options), run_(std::move(run)) {
  for (size_t i = 0; i < options_.runners; ++i) workspaces_.push_back(std::make_unique<Workspace>(options_.most));
  threads_.reserve(options_.runners);
  start_thread();
}

Coalescer::~Coalescer() {
  close(false);
  {
    const Lock lock(mutex_);
    stopping_ = true;
    wakes_.fetch_add(1, std::memory_order_relaxed);
  }
  futex_wake(wakes_, SIZE_MAX);
  for (std::thread& thread : threads_) thread.join();
  for (uint32_t inside = inside_.fetch_or(kLeaving, std::memory_order_acq_rel) | kLeaving; inside != kLeaving;
       inside = inside_.load(std::memory_order_acquire)) {
    futex_wait(inside_, inside, kNever);
  }
}

// --- background threads ------------------------------------------------------------------------------------------

void Coalescer::start_thread() {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);  // inherited by the thread: signals are the application's
  try {
    threads_.emplace_back([this] { background(); });
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(threads_.back().native_handle(), "accel-verify");
}

void Coalescer::background() {
  prctl(PR_SET_TIMERSLACK, 1UL);  // a linger is not much longer than the 50 us by which timers may be late otherwise
  Lock lock(mutex_);
  for (;;) {
    if (ready() || due() <= now_ns()) {
      run_one(lock, nullptr);
    } else if (stopping_) {
      return;
    } else {
      sleep(lock);
    }
  }
}

// Until it is roused or, if nobody else watches the clock, what waits has lingered.
void Coalescer::sleep(Lock& lock) {
  const bool watches = waiting_ > 0 && running_ == 0 && !watched_;
  const Nanoseconds deadline = watches ? due() : kNever;
  if (watches) watched_ = true;
  const uint32_t value = wakes_.load(std::memory_order_relaxed);
  ++idle_threads_;
  lock.unlock();
  futex_wait(wakes_, value, deadline);
  lock.lock();
  --idle_threads_;
  roused_ = false;
  if (watches) watched_ = false;
}

// A share of those who have lately been under way at once, for each batch that they are worth; whole vectors if it is
// more than one, and at most full lanes.
size_t Coalescer::wanted() const {
  if (closing_) return 1;
  const size_t batches = std::min(options_.runners, std::max(kPair, expected_ / kVector));
  const size_t share = (expected_ + batches - 1) / batches;
  return std::min(options_.lanes, share <= kVector ? share : (share + kVector - 1) / kVector * kVector);
}

// Does what waits make a batch at once?
bool Coalescer::ready() const { return running_ < options_.runners && waiting_ > 0 && waiting_ >= wanted(); }

// When what waits makes a batch, however little it is; never while another batch runs, at whose end this is asked
// again.
Nanoseconds Coalescer::due() const {
  if (waiting_ == 0 || running_ > 0) return kNever;
  Nanoseconds oldest = kNever;
  for (const Queue& queue : queues_) {
    if (queue.first != nullptr) oldest = std::min(oldest, queue.first->enqueued);
  }
  return closing_ ? 0 : std::max(oldest, free_since_) + options_.linger;
}

// Somebody has to run what waits, or to watch the clock for it.
void Coalescer::rouse() {
  const bool needed = ready() || (running_ == 0 && !watched_ && waiting_ > 0);
  if (!needed || roused_) return;
  if (idle_threads_ > 0) {
    roused_ = true;
    wakes_.fetch_add(1, std::memory_order_relaxed);
    futex_wake(wakes_, 1);
  } else if (threads_.size() < options_.runners) {
    try {
      start_thread();
    } catch (const std::exception&) {  // the first thread, which there always is, does it all
    }
  }
}

// --- queues ------------------------------------------------------------------------------------------------------

void Coalescer::link(Item& item) {
  Queue& queue = queues_[item.priority];
  item.enqueued = now_ns();
  item.queued = true;
  item.previous = queue.last;
  item.next = nullptr;
  (queue.last != nullptr ? queue.last->next : queue.first) = &item;
  queue.last = &item;
  item.word = queue.word;
  if (++queue.on_word == options_.most) next_word(queue);
  ++queue.count;
  ++waiting_;
}

void Coalescer::unlink(Item& item) {
  Queue& queue = queues_[item.priority];
  item.queued = false;
  (item.previous != nullptr ? item.previous->next : queue.first) = item.next;
  (item.next != nullptr ? item.next->previous : queue.last) = item.previous;
  --queue.count;
  --waiting_;
}

// As many have left the queue: so many callers that wait for room may come in.
void Coalescer::tell_blocked(Queue& queue, size_t left) {
  if (queue.blocked == 0 || left == 0) return;
  queue.room.fetch_add(1, std::memory_order_relaxed);
  futex_wake(queue.room, left);
}

void Coalescer::next_word(Queue& queue) {
  queue.word = static_cast<uint8_t>((queue.word + 1) % kWords);
  queue.on_word = 0;
}

void Coalescer::require_open() const {
  if (closing_) fail(ACCEL_CLOSED);
}

void Coalescer::make_room(Lock& lock, const Item& item) {
  Queue& queue = queues_[item.priority];
  require_open();
  while (queue.count >= options_.capacity) {
    if (options_.refuse_when_full || item.sink != nullptr) {
      ++counts_.refused;
      fail(ACCEL_QUEUE_FULL);
    }
    ++queue.blocked;
    const uint32_t value = queue.room.load(std::memory_order_relaxed);
    lock.unlock();
    const bool in_time = futex_wait(queue.room, value, item.deadline);
    lock.lock();
    --queue.blocked;
    require_open();
    if (!in_time && queue.count >= options_.capacity) {
      ++counts_.timed_out;
      fail(ACCEL_TIMED_OUT);
    }
  }
}

// --- a batch -----------------------------------------------------------------------------------------------------

void Coalescer::take_item(Workspace& work, Item& item, Nanoseconds now) {
  unlink(item);
  if (item.deadline < now) {
    item.status = ACCEL_TIMED_OUT;
    ++counts_.timed_out;
  } else {
    const Nanoseconds waited = now - std::min(now, item.enqueued);
    Nanoseconds& longest = counts_.longest_wait_ns[item.priority];
    longest = std::max(longest, waited);
    counts_.wait_ns[item.priority] += waited;
    ++counts_.taken[item.priority];
  }
  work.items.push_back(&item);
}

void Coalescer::take(Workspace& work) {
  // Callers who have their answer and are about to wake up count too.
  const size_t inside = inside_.load(std::memory_order_relaxed) & ~kLeaving;
  const size_t under_way = std::max(waiting_ + running_items_, inside);
  expected_ = std::max({under_way, expected_ - (expected_ + 7) / 8, size_t{1}});
  const Nanoseconds now = now_ns();
  // A fair share, if other runners are free.
  const size_t free = options_.runners - running_ + 1;
  const size_t most = std::clamp((waiting_ + free - 1) / free, options_.lanes, options_.most);
  work.items.clear();
  for (Queue& queue : queues_) {
    const size_t before = work.items.size();
    while (queue.first != nullptr && work.items.size() < most) take_item(work, *queue.first, now);
    if (work.items.size() == before) continue;
    tell_blocked(queue, work.items.size() - before);
    if (queue.on_word > 0) next_word(queue);
  }
  running_items_ += work.items.size();
}

void Coalescer::run_one(Lock& lock, const Item* own) {
  ++running_;
  std::unique_ptr<Workspace> work = std::move(workspaces_.back());
  workspaces_.pop_back();
  take(*work);
  const size_t count = work->items.size();
  rouse();
  lock.unlock();
  execute(*work);
  deliver(work->items, own);
  lock.lock();
  workspaces_.push_back(std::move(work));
  running_items_ -= count;
  if (--running_ == 0) free_since_ = now_ns();
  if (closing_) settled_.notify_all();
}

uint8_t Coalescer::run_batch(Workspace& work, const Batch& batch) {
  std::string sentence;
  uint8_t failure = ACCEL_INTERNAL;
  try {
    run_(work.status.data(), batch);
    if (std::memchr(work.status.data(), ACCEL_NOT_CHECKED, batch.count) != nullptr) {
      throw Error(ACCEL_INTERNAL, "a batch left a signature without a verdict");
    }
    const Lock lock(mutex_);
    ++counts_.batches;
    counts_.items += batch.count;
    return ACCEL_OK;
  } catch (const Error& error) {
    failure = static_cast<uint8_t>(error.status());
    sentence = error.what();
  } catch (const std::bad_alloc&) {
    failure = ACCEL_NO_MEMORY;
    sentence = "out of memory";
  } catch (const std::exception& error) {
    sentence = error.what();
  }
  const Lock lock(mutex_);
  failure_ = std::move(sentence);
  return failure;
}

// The items in work.target, which all have keys of their own or belong to one ring.
void Coalescer::execute_target(Workspace& work) {
  const size_t count = work.target.size();
  const sm2::KeyRing* const ring = work.target.front()->ring;
  for (size_t i = 0; i < count; ++i) {
    const Item& item = *work.target[i];
    if (ring != nullptr) {
      work.indices[i] = item.index;
    } else {
      std::memcpy(&work.keys[64 * i], item.key, 64);
    }
    std::memcpy(&work.signatures[64 * i], item.signature, 64);
    std::memcpy(&work.digests[32 * i], item.digest, 32);
  }
  std::fill_n(work.status.begin(), count, uint8_t{ACCEL_NOT_CHECKED});
  // Items were taken by priority, so the first one's is the highest.
  const auto priority = static_cast<Priority>(work.target.front()->priority);
  const uint8_t failure = run_batch(work, {ring, work.indices.data(), work.keys.data(), work.signatures.data(),
                                           work.digests.data(), count, priority});
  for (size_t i = 0; i < count; ++i) work.target[i]->status = failure == ACCEL_OK ? work.status[i] : failure;
}

void Coalescer::execute(Workspace& work) {
  for (const Item* first : work.items) {
    if (first->status != ACCEL_NOT_CHECKED) continue;  // its deadline has passed, or its ring has had its turn
    work.target.clear();
    for (Item* item : work.items) {
      if (item->status == ACCEL_NOT_CHECKED && item->ring == first->ring) work.target.push_back(item);
    }
    execute_target(work);
  }
}

// --- answers -----------------------------------------------------------------------------------------------------

// An item is its owner's again as soon as it reads as answered: what is needed of it is kept before.
void Coalescer::deliver(std::span<Item*> items, const Item* own) {
  std::array<uint64_t, kPriorities> words{};
  static_assert(kWords == 64);
  const auto to_sinks =
      std::partition(items.begin(), items.end(), [](const Item* item) { return item->sink == nullptr; });
  for (auto item = items.begin(); item != to_sinks; ++item) {
    if (*item != own) words[(*item)->priority] |= uint64_t{1} << (*item)->word;
    (*item)->answered.store(true, std::memory_order_release);
  }
  for (size_t priority = 0; priority < kPriorities; ++priority) {
    for (uint64_t rest = words[priority]; rest != 0; rest &= rest - 1) {
      std::atomic<uint32_t>& word = words_[priority][static_cast<size_t>(__builtin_ctzll(rest))];
      word.fetch_add(1, std::memory_order_release);
      futex_wake(word, SIZE_MAX);
    }
  }
  deliver_to_sinks({to_sinks, items.end()});
}

// Each sink once, with all its items.
void Coalescer::deliver_to_sinks(std::span<Item*> items) {
  auto begin = items.begin();
  while (begin != items.end()) {
    Sink* const sink = (*begin)->sink;
    const auto end = std::partition(begin, items.end(), [sink](const Item* item) { return item->sink == sink; });
    sink->answered(&*begin, static_cast<size_t>(end - begin));
    begin = end;
  }
}

// The deadline is for a batch to take the item: one that is taken is waited for.
void Coalescer::wait_for(Item& item) {
  const std::atomic<uint32_t>& word = words_[item.priority][item.word];
  Nanoseconds deadline = item.deadline;
  for (;;) {
    const uint32_t value = word.load(std::memory_order_acquire);
    if (item.answered.load(std::memory_order_acquire)) return;
    if (futex_wait(word, value, deadline)) continue;
    if (give_up(item)) return;
    deadline = kNever;
  }
}

// False if a batch has the item.
bool Coalescer::give_up(Item& item) {
  const Lock lock(mutex_);
  if (!item.queued) return false;
  unlink(item);
  tell_blocked(queues_[item.priority], 1);
  item.status = ACCEL_TIMED_OUT;
  ++counts_.timed_out;
  if (closing_) settled_.notify_all();
  return true;
}

// --- calls -------------------------------------------------------------------------------------------------------

void Coalescer::fail(uint8_t status) const {
  switch (status) {
    case ACCEL_QUEUE_FULL:
      throw Error(ACCEL_QUEUE_FULL,
                  "verifier: " + std::to_string(options_.capacity) + " signatures of this priority wait already");
    case ACCEL_TIMED_OUT:
      throw Error(ACCEL_TIMED_OUT, "timeout_ns: no batch took the signature in time");
    case ACCEL_CLOSED:
      throw Error(ACCEL_CLOSED, "verifier: is closed");
    default: {
      const Lock lock(mutex_);
      throw Error(static_cast<accel_status>(status), failure_);
    }
  }
}

uint8_t Coalescer::verify(Item& item) {
  const Inside inside(inside_);
  Lock lock(mutex_);
  make_room(lock, item);
  link(item);
  if (ready()) run_one(lock, &item);
  rouse();
  lock.unlock();
  wait_for(item);
  if (item.status >= ACCEL_BAD_ARGUMENT) fail(item.status);
  return item.status;
}

void Coalescer::submit(Item& item) {
  Lock lock(mutex_);
  make_room(lock, item);
  link(item);
  rouse();
}

size_t Coalescer::withdraw(const Sink& sink) {
  const Lock lock(mutex_);
  size_t count = 0;
  for (Queue& queue : queues_) {
    const size_t before = queue.count;
    for (Item* item = queue.first; item != nullptr;) {
      Item* const next = item->next;
      if (item->sink == &sink) unlink(*item);
      item = next;
    }
    tell_blocked(queue, before - queue.count);
    count += before - queue.count;
  }
  if (closing_) settled_.notify_all();
  return count;
}

// Those that wait are told that they wait in vain.
void Coalescer::refuse_waiting(Lock& lock) {
  std::array<Item*, kMaxLanes> refused;
  while (waiting_ > 0) {
    size_t count = 0;
    for (Queue& queue : queues_) {
      for (; queue.first != nullptr && count < refused.size(); ++count) {
        refused[count] = queue.first;
        queue.first->status = ACCEL_CLOSED;
        unlink(*queue.first);
      }
    }
    lock.unlock();
    deliver({refused.data(), count}, nullptr);
    lock.lock();
  }
}

void Coalescer::close(bool drain) {
  Lock lock(mutex_);
  closing_ = true;
  for (Queue& queue : queues_) tell_blocked(queue, queue.blocked);
  if (!drain) refuse_waiting(lock);
  rouse();
  settled_.wait(lock, [this] { return waiting_ == 0 && running_ == 0; });
}

CoalescerCounts Coalescer::counts() const {
  const Lock lock(mutex_);
  CoalescerCounts counts = counts_;
  counts.waiting = waiting_;
  return counts;
}

}  // namespace accel::runtime
