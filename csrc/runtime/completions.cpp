#include "runtime/completions.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.hpp"

namespace accel::runtime {

Completions::Completions(std::shared_ptr<Coalescer> coalescer, size_t capacity)
    : coalescer_(std::move(coalescer)), capacity_(capacity), slots_(new Slot[capacity]), ring_(capacity) {
  free_.reserve(capacity);
  for (size_t i = capacity; i-- > 0;) free_.push_back(&slots_[i]);
  descriptor_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (descriptor_ < 0) throw Error(ACCEL_NO_MEMORY, std::string("queue_out: eventfd: ") + std::strerror(errno));
}

Completions::~Completions() {
  const size_t forgotten = coalescer_->withdraw(*this);
  {
    std::unique_lock lock(mutex_);
    under_way_ -= forgotten;
    returned_.wait(lock, [this] { return under_way_ == 0; });
  }
  ::close(descriptor_);
}

Completions::Slot* Completions::free_slot() {
  const std::lock_guard lock(mutex_);
  if (under_way_ + count_ >= capacity_) {
    throw Error(ACCEL_QUEUE_FULL,
                "queue: " + std::to_string(capacity_) + " signatures are under way or not polled yet");
  }
  ++under_way_;
  Slot* const slot = free_.back();
  free_.pop_back();
  return slot;
}

void Completions::give_back(Slot* slot) {
  const std::lock_guard lock(mutex_);
  free_.push_back(slot);
  --under_way_;
}

void Completions::submit(const Submission& submission) {
  Slot* const slot = free_slot();
  uint8_t *const key = slot->bytes, *const signature = key + 64, *const digest = key + 128;
  if (submission.ring == nullptr) std::memcpy(key, submission.key, 64);
  std::memcpy(signature, submission.signature, 64);
  std::memcpy(digest, submission.digest, 32);
  slot->ring = submission.ring;
  slot->index = submission.index;
  slot->key = key;
  slot->signature = signature;
  slot->digest = digest;
  slot->priority = submission.priority;
  slot->deadline = submission.deadline;
  slot->sink = this;
  slot->tag = submission.tag;
  slot->status = ACCEL_NOT_CHECKED;
  try {
    coalescer_->submit(*slot);
  } catch (...) {
    give_back(slot);
    throw;
  }
}

// One write for all of them, and none while the descriptor is readable anyway.
void Completions::answered(Item* const* items, size_t count) {
  const std::lock_guard lock(mutex_);
  const bool was_empty = count_ == 0;
  for (size_t i = 0; i < count; ++i) {
    ring_[(first_ + count_) % capacity_] = {items[i]->tag, items[i]->status};
    ++count_;
    free_.push_back(static_cast<Slot*>(items[i]));
  }
  under_way_ -= count;
  if (was_empty) eventfd_write(descriptor_, 1);
  if (under_way_ == 0) returned_.notify_all();
}

bool Completions::wait_readable(Nanoseconds deadline) const {
  for (;;) {
    const Nanoseconds now = now_ns(), left = deadline - std::min(deadline, now);
    timespec span = {};
    span.tv_sec = static_cast<time_t>(left / 1'000'000'000);
    span.tv_nsec = static_cast<long>(left % 1'000'000'000);
    pollfd wanted = {descriptor_, POLLIN, 0};
    const int ready = ppoll(&wanted, 1, deadline == kNever ? nullptr : &span, nullptr);
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) throw Error(ACCEL_INTERNAL, std::string("poll: ") + std::strerror(errno));
  }
}

size_t Completions::poll(Completion* out, size_t most, Nanoseconds deadline) {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      const size_t taken = std::min(most, count_);
      for (size_t i = 0; i < taken; ++i) out[i] = ring_[(first_ + i) % capacity_];
      first_ = (first_ + taken) % capacity_;
      count_ -= taken;
      if (taken > 0 && count_ == 0) {
        eventfd_t value;
        eventfd_read(descriptor_, &value);
      }
      if (taken > 0 || most == 0) return taken;
    }
    if (deadline == 0 || !wait_readable(deadline)) return 0;
  }
}

}  // namespace accel::runtime
