// Tables of known keys in bounded memory: built for keys that are used, taken from keys that are not.
//
// A store has a fixed number of slots, each of one standard table, and of places for wide tables, which the most used
// slots get besides their standard one. What it does, and why it stays cheap whatever the input:
//
//  - Only valid signatures count as uses: who has no key can neither earn a table nor keep one.
//  - A key without a table asks for one after kBuildAfter uses, about what a table costs in verifications.
//  - When all slots are taken, the least recently used one gives way, and only to a key with more than twice its uses:
//    keys that come round in turn have equal uses, so they do not take tables from each other. Uses are halved every
//    window, so that yesterday's count for little.
//  - A slot with a kHotShare-th of a window's uses gets a wide table, if the kernel has such and a place is free or its
//    least recently used holder has less than half the uses.
//  - Building takes at most a tenth of the time: one nanosecond for nine of verification, saved up to kMaxCredit. A
//    build may overdraw that by its own length, and the next one waits until it is paid.
//
// Readers take no lock and never wait. A table that they may be reading is not touched: it is withdrawn first, and its
// memory used again when every reader has left that may have found it (grace.hpp). Changes are made by one thread at a
// time, at the end of a visit, and by none if another is at it. Nothing is allocated after construction. Verdicts do
// not depend on any of this, only their speed does.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "sm2/grace.hpp"
#include "sm2/kernel.hpp"
#include "sm2/mixed.hpp"
#include "sm2/table_arena.hpp"

namespace accel::sm2 {

constexpr uint32_t kNoSlot = UINT32_MAX;

// A key without a table that might earn one.
struct Candidate {
  const uint8_t* key = nullptr;  // null: none
  uint64_t handle = 0;           // the directory's name for it
  uint32_t uses = 0;
};

// Which key has which slot: the finding aid of a store's owner. Called by one thread at a time, beside readers.
class TableDirectory {
 public:
  // False if the key has a slot already, or could not be published.
  virtual bool has_room(const Candidate& candidate) const = 0;
  // From now on readers find `slot` for the key; from now on they do not.
  virtual void publish(const Candidate& candidate, uint32_t slot) = 0;
  virtual void withdraw(uint64_t handle, uint32_t slot) = 0;
  // Of the keys without tables.
  virtual void halve_uses() = 0;

 protected:
  ~TableDirectory() = default;
};

struct TableCounts {
  size_t standard = 0, wide = 0;
};

class TableStore {
 public:
  using Clock = uint64_t (*)();  // nanoseconds from some beginning

  static constexpr uint32_t kBuildAfter = 32;
  static constexpr uint64_t kWindow = uint64_t{1} << 18;  // items between two halvings of uses
  static constexpr uint32_t kHotShare = 64;
  static constexpr size_t kMaxWide = 64;            // no more keys can have a kHotShare-th each
  static constexpr uint64_t kVerifyPerBuild = 9;    // time
  static constexpr uint64_t kMaxCredit = 20000000;  // ns

  // How many tables of each sort `limit` bytes hold: standard ones for all keys first, because a wide one is a few per
  // cent faster, but a standard one several times; wide ones from what is left.
  static TableCounts plan(const Kernel& kernel, size_t keys, uint64_t limit);
  // Bytes that a wide table takes; 0: the kernel has none.
  static uint64_t wide_stride(const Kernel& kernel);

  // Throws std::bad_alloc. `keys`: how many the directory halves the uses of, so that windows are not shorter than
  // that.
  TableStore(const Kernel& kernel, TableCounts places, size_t keys, TableDirectory& directory,
             Clock clock = steady_clock);
  ~TableStore();
  TableStore(const TableStore&) = delete;
  TableStore& operator=(const TableStore&) = delete;

  // A table before the first visit, for a key that is published by the caller. Any number of threads, for different
  // slots. False if the key is no point of the curve.
  bool prefill(uint32_t slot, const uint8_t key[64], uint64_t handle);

  // The key whose table a slot holds, for a reader that has found the slot in the directory.
  const uint8_t* key(uint32_t slot) const { return slots_[slot].key; }

  // For a store whose tables stay: they are read without a visit.
  const void* standard_table(uint32_t slot) const { return standard_memory(slot); }

  // Statistics: tables that readers find, their bytes, and how many were built after construction.
  TableCounts tables() const;
  uint64_t table_bytes() const;
  uint64_t built() const { return built_.load(std::memory_order_relaxed); }

  // One chunk's verification by one thread. Tables found during a visit stay as they are until its end.
  class Visit {
   public:
    explicit Visit(TableStore& store);
    ~Visit();
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

    Table table(uint32_t slot) const;
    // A valid signature under the key of `slot`.
    void used(uint32_t slot);
    // A valid signature under a key without a table. Its memory stays until finish().
    void missed(const Candidate& candidate);
    // Ends the visit, in which `items` were verified; then builds a table if the visit has shown that one is worth it.
    void finish(size_t items);

   private:
    TableStore& store_;
    uint64_t phase_, started_, now_;
    bool inside_ = true;
    Candidate missing_;
    uint32_t hot_ = kNoSlot, hot_uses_ = 0;
  };

  static uint64_t steady_clock();

 private:
  friend class StoreRegistry;

  // What is read for each item, and what is written for each item, on lines of their own.
  struct alignas(64) Slot {
    uint8_t key[64];
    alignas(64) std::atomic<const void*> wide{nullptr};
    uint32_t wide_place = kNoSlot;
    uint64_t handle = 0;
    bool taken = false;      // from before the build until after the last reader
    bool published = false;  // in the directory
    alignas(64) std::atomic<uint32_t> uses{0};
    std::atomic<uint64_t> last_used{0};
  };
  // What was withdrawn last, until its readers are gone.
  struct Withdrawn {
    uint32_t slot = kNoSlot, wide_place = kNoSlot;
    uint64_t phase = 0;
  };

  void* standard_memory(size_t slot) const { return arena_.at(slot * standard_stride_); }
  void* wide_memory(size_t place) const {
    return arena_.at(places_.standard * standard_stride_ + place * wide_stride_);
  }
  uint64_t items() const { return items_.load(std::memory_order_relaxed); }

  void earn_credit(uint64_t nanoseconds);
  void maintain(const Candidate& missing, uint32_t hot);
  void reclaim();
  void halve_uses();
  bool admit(const Candidate& candidate);
  void widen(uint32_t slot);
  uint32_t free_slot() const;
  uint32_t free_wide_place() const;
  uint32_t least_recent(uint32_t uses, bool wide);
  void withdraw(uint32_t slot);
  void withdraw_wide(uint32_t slot);
  void recover_in_child();

  const Kernel& kernel_;
  const TableCounts places_;
  const size_t standard_stride_, wide_stride_;
  const uint64_t window_;
  TableDirectory& directory_;
  const Clock clock_;
  const TableArena arena_;
  const std::unique_ptr<Slot[]> slots_;
  const std::unique_ptr<bool[]> wide_taken_;
  Grace grace_;

  std::atomic<uint64_t> items_{0};
  std::atomic<int64_t> credit_{0};  // ns that building may take
  std::atomic<uint64_t> next_halving_;
  std::atomic<bool> reclaiming_{false};
  std::atomic<size_t> standard_count_{0}, wide_count_{0};
  std::atomic<uint64_t> built_{0};

  std::mutex mutex_;  // only ever tried: nobody waits for it
  bool frozen_ = false;
  Withdrawn withdrawn_;
  uint64_t next_search_ = 0;  // items before which no slot is looked for to be taken away

  TableStore *previous_ = nullptr, *next_ = nullptr;  // in the registry
};

}  // namespace accel::sm2
