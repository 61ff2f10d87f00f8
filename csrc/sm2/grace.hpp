// Readers without locks: when has everybody left who may still be looking at what was taken down?
//
// Each reader enters under the phase in force and leaves under the same. Phase p + 1 begins when the readers of phase
// p - 1 are gone, so two counters are enough. What was withdrawn under phase p has no reader left once phase p + 2 has
// begun: who entered under p + 1 or later read a phase that was stored after the withdrawal, and no longer finds it;
// p + 2 begins when the readers of p are gone, and p + 1 had to wait for those of p - 1.
#pragma once

#include <atomic>
#include <cstdint>

namespace accel::sm2 {

class Grace {
 public:
  // The phase to leave under. Never waits for anybody.
  uint64_t enter() {
    for (;;) {
      const uint64_t phase = phase_.load();
      readers_[phase & 1].fetch_add(1);
      // Where the phase has not changed, whoever ends it sees this reader.
      if (phase_.load() == phase) return phase;
      readers_[phase & 1].fetch_sub(1);
    }
  }
  void leave(uint64_t phase) { readers_[phase & 1].fetch_sub(1); }

  // The rest is for one thread at a time.
  uint64_t phase() const { return phase_.load(); }
  // Has every reader left who may see what was withdrawn under `phase`? Does not wait.
  bool passed(uint64_t phase) {
    while (phase_.load() < phase + 2) {
      const uint64_t next = phase_.load() + 1;
      if (readers_[next & 1].load() != 0) return false;
      phase_.store(next);
    }
    return true;
  }
  // In a child after fork(), where the readers of other threads never leave.
  void forget_readers() {
    readers_[0].store(0);
    readers_[1].store(0);
  }

 private:
  std::atomic<uint64_t> phase_{0};
  std::atomic<uint64_t> readers_[2] = {};
};

}  // namespace accel::sm2
