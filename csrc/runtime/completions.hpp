// Answers for callers who do not wait for them: a queue with a descriptor that becomes readable.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "runtime/coalescer.hpp"

namespace accel::runtime {

struct Completion {
  uint64_t tag;
  uint8_t status;  // of the item, or the error for which it was not checked
};

// The signature that submit() is given: copied.
struct Submission {
  const sm2::KeyRing* ring;  // null: key; it stays until the answer has been polled
  uint32_t index;
  const uint8_t *key, *signature, *digest;
  uint8_t priority;
  Nanoseconds deadline;
  uint64_t tag;
};

// Any number of threads at once, but for the destructor.
class Completions final : private Sink {
 public:
  // `capacity`: items that are under way or answered and not polled yet. Throws Error(ACCEL_NO_MEMORY) where the system
  // has no descriptor left.
  Completions(std::shared_ptr<Coalescer> coalescer, size_t capacity);
  // Items that still wait are forgotten, those in a batch waited for.
  ~Completions();
  Completions(const Completions&) = delete;
  Completions& operator=(const Completions&) = delete;

  // Throws Error: ACCEL_QUEUE_FULL, ACCEL_CLOSED.
  void submit(const Submission& submission);
  // Up to `most` answers, in the order in which they came; waits for the first one until `deadline` (0: not at all).
  size_t poll(Completion* out, size_t most, Nanoseconds deadline);
  // Readable while there are answers; for poll(2) and its like, not for read(2).
  int descriptor() const { return descriptor_; }

 private:
  struct Slot : Item {
    uint8_t bytes[64 + 64 + 32];
  };

  void answered(Item* const* items, size_t count) override;
  Slot* free_slot();
  void give_back(Slot* slot);
  bool wait_readable(Nanoseconds deadline) const;

  const std::shared_ptr<Coalescer> coalescer_;
  const size_t capacity_;
  int descriptor_ = -1;
  std::mutex mutex_;  // the rest
  std::condition_variable returned_;
  std::unique_ptr<Slot[]> slots_;
  std::vector<Slot*> free_;
  std::vector<Completion> ring_;
  size_t first_ = 0, count_ = 0;  // in the ring
  size_t under_way_ = 0;
};

}  // namespace accel::runtime
