// Gathers signatures that come one at a time into batches.
//
// A caller puts an Item into the queue of its priority. Who runs a batch takes up to `most` items, the highest priority
// first, and answers them all. That is the caller whose item makes a batch ready, so that a lone caller needs no other
// thread; or a background thread. At most `runners` batches run at once, each on the thread that took it.
//
// A batch is ready when `lanes` items wait, or a runner's share of those that have lately been under way at once.
// Otherwise items linger: a background thread takes them when `linger` has passed since the oldest came, or since the
// last batch ended. A caller who has been alone for a while is ready by himself.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "accel/accel.h"
#include "runtime/futex.hpp"
#include "runtime/priority.hpp"
#include "sm2/keyring.hpp"

namespace accel::runtime {

inline constexpr size_t kMaxLanes = 256;

// What a batch function is given: keys from 64-byte rows, or from a ring by indices; all arrays have `count` rows.
struct Batch {
  const sm2::KeyRing* ring;  // null: keys
  const uint32_t* indices;
  const uint8_t *keys, *signatures, *digests;
  size_t count;
  Priority priority;  // the highest of its items
};
// Writes a status for each item; throws if the batch cannot run. Called by several threads at once.
using RunBatch = std::function<void(uint8_t* status, const Batch& batch)>;

struct Item;

// Where the answers of items go that no thread waits for.
class Sink {
 public:
  // Items of this sink that have been answered; they are not touched any more afterwards.
  virtual void answered(Item* const* items, size_t count) = 0;

 protected:
  ~Sink() = default;
};

// One signature. It stays where it is, with all that it points to, until it is answered.
struct Item {
  const sm2::KeyRing* ring = nullptr;  // null: key
  uint32_t index = 0;
  uint8_t priority = kPriorities - 1;
  const uint8_t *key = nullptr, *signature = nullptr, *digest = nullptr;
  Nanoseconds deadline = kNever;  // for a batch to take it
  Sink* sink = nullptr;           // null: the thread in Coalescer::verify
  uint64_t tag = 0;               // the sink's
  // The item's status, or the error for which it was not checked.
  uint8_t status = ACCEL_NOT_CHECKED;

 private:
  friend class Coalescer;
  Nanoseconds enqueued = 0;
  Item *previous = nullptr, *next = nullptr;
  bool queued = false;  // guarded by the coalescer's mutex
  uint8_t word = 0;
  std::atomic<bool> answered{false};
};

struct CoalescerOptions {
  Nanoseconds linger = 50'000;
  size_t lanes = 16;       // items that need not wait for more: 1 to kMaxLanes
  size_t most = 64;        // items of a batch: lanes to kMaxLanes
  size_t capacity = 4096;  // items of one priority that may wait
  size_t runners = 1;      // batches that may run at once
  bool refuse_when_full = false;
};

struct CoalescerCounts {
  uint64_t batches = 0, items = 0, waiting = 0, refused = 0, timed_out = 0;
  // By priority, of items that a batch took: how many, and how long they had waited for it.
  std::array<uint64_t, kPriorities> taken{}, wait_ns{}, longest_wait_ns{};
};

// Any number of threads at once, but for the destructor. Not across fork(): see Verifier.
class Coalescer {
 public:
  // Throws std::system_error if there can be no background thread.
  Coalescer(const CoalescerOptions& options, RunBatch run);
  // Like close(false), and waits until every caller has left.
  ~Coalescer();
  Coalescer(const Coalescer&) = delete;
  Coalescer& operator=(const Coalescer&) = delete;

  // Returns the item's status. Throws Error: ACCEL_QUEUE_FULL, ACCEL_TIMED_OUT, ACCEL_CLOSED, or what the batch threw.
  uint8_t verify(Item& item);
  // Returns at once; the item's sink is told. Throws Error(ACCEL_QUEUE_FULL) or Error(ACCEL_CLOSED).
  void submit(Item& item);
  // Takes all items of `sink` that still wait out of the queues and forgets them.
  size_t withdraw(const Sink& sink);
  // From now on new items are refused. Those that wait are answered: by their verdict if `drain`, otherwise with
  // ACCEL_CLOSED. Returns when no item waits or runs.
  void close(bool drain);
  CoalescerCounts counts() const;

 private:
  // A runner's arrays.
  struct Workspace {
    explicit Workspace(size_t most);
    std::vector<Item*> items, target;
    std::vector<uint32_t> indices;
    std::vector<uint8_t> keys, signatures, digests, status;
  };
  struct Queue {
    Item *first = nullptr, *last = nullptr;
    size_t count = 0;
    std::atomic<uint32_t> room{0};  // changes when items leave while threads are blocked
    size_t blocked = 0;             // threads that wait for room
    // Callers whose items are likely to share a batch sleep on one word. Another word begins with every batch that is
    // taken and every `most` items.
    uint8_t word = 0;
    size_t on_word = 0;
  };
  static constexpr size_t kWords = 64;  // for each priority
  using Lock = std::unique_lock<std::mutex>;

  void background();
  void start_thread();
  void sleep(Lock& lock);
  size_t wanted() const;
  bool ready() const;
  Nanoseconds due() const;
  void rouse();
  void require_open() const;
  void make_room(Lock& lock, const Item& item);
  void link(Item& item);
  void unlink(Item& item);
  static void next_word(Queue& queue);
  static void tell_blocked(Queue& queue, size_t left);
  void refuse_waiting(Lock& lock);
  void run_one(Lock& lock, const Item* own);
  void take(Workspace& work);
  void take_item(Workspace& work, Item& item, Nanoseconds now);
  void execute(Workspace& work);
  void execute_target(Workspace& work);
  uint8_t run_batch(Workspace& work, const Batch& batch);
  void deliver(std::span<Item*> items, const Item* own);
  static void deliver_to_sinks(std::span<Item*> items);
  void wait_for(Item& item);
  bool give_up(Item& item);
  [[noreturn]] void fail(uint8_t status) const;

  const CoalescerOptions options_;
  const RunBatch run_;

  mutable std::mutex mutex_;
  // Guarded by it from here.
  std::array<Queue, kPriorities> queues_;
  size_t waiting_ = 0;                      // items in the queues
  size_t running_ = 0, running_items_ = 0;  // batches, and their items
  Nanoseconds free_since_ = 0;              // the end of the last batch
  size_t expected_ = 1;                     // items that have lately been under way at once
  bool closing_ = false;
  std::condition_variable settled_;  // close()
  bool watched_ = false;             // a background thread sleeps no longer than until due()
  bool roused_ = false;              // a background thread is on its way
  bool stopping_ = false;            // background threads end
  std::vector<std::thread> threads_;
  size_t idle_threads_ = 0;
  std::vector<std::unique_ptr<Workspace>> workspaces_;  // that no runner has
  CoalescerCounts counts_;
  std::string failure_;  // of the last batch that threw

  std::array<std::array<std::atomic<uint32_t>, kWords>, kPriorities> words_{};
  std::atomic<uint32_t> wakes_{0};   // changes when an idle thread is wanted
  std::atomic<uint32_t> inside_{0};  // threads in verify(), and kLeaving once the destructor waits for them
};

}  // namespace accel::runtime
