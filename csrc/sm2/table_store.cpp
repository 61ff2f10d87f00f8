#include "sm2/table_store.hpp"

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace accel::sm2 {
namespace {

// A search that found no slot to take away is not repeated for so many items: it looks at all of them.
constexpr uint64_t kSearchInterval = 4096;

size_t stride_of(size_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace

// All stores, for the child after fork().
class StoreRegistry {
 public:
  static void add(TableStore* store) {
    const std::lock_guard lock(mutex_);
    store->next_ = first_;
    if (first_ != nullptr) first_->previous_ = store;
    first_ = store;
  }
  static void remove(TableStore* store) {
    const std::lock_guard lock(mutex_);
    (store->previous_ != nullptr ? store->previous_->next_ : first_) = store->next_;
    if (store->next_ != nullptr) store->next_->previous_ = store->previous_;
  }

 private:
  static void before_fork() { mutex_.lock(); }
  static void in_parent() { mutex_.unlock(); }
  static void in_child() {
    new (&mutex_) std::mutex;
    for (TableStore* store = first_; store != nullptr; store = store->next_) store->recover_in_child();
  }

  static constinit inline std::mutex mutex_;
  static inline TableStore* first_ = nullptr;
  static inline const int registered_ = pthread_atfork(before_fork, in_parent, in_child);
};

TableCounts TableStore::plan(const Kernel& kernel, size_t keys, uint64_t limit) {
  TableCounts places;
  const uint64_t standard = stride_of(kernel.standard.bytes), wide = stride_of(kernel.wide.bytes);
  places.standard = static_cast<size_t>(std::min<uint64_t>(keys, limit / standard));
  if (wide != 0) {
    const uint64_t left = (limit - places.standard * standard) / wide;
    places.wide = static_cast<size_t>(std::min<uint64_t>(std::min(places.standard, kMaxWide), left));
  }
  return places;
}

uint64_t TableStore::wide_stride(const Kernel& kernel) { return stride_of(kernel.wide.bytes); }

uint64_t TableStore::steady_clock() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

TableStore::TableStore(const Kernel& kernel, TableCounts places, size_t keys, TableDirectory& directory, Clock clock)
    : kernel_(kernel),
      places_(places),
      standard_stride_(stride_of(kernel.standard.bytes)),
      wide_stride_(stride_of(kernel.wide.bytes)),
      window_(std::max<uint64_t>(kWindow, 4 * uint64_t{keys})),
      directory_(directory),
      clock_(clock),
      arena_(places.standard * standard_stride_ + places.wide * wide_stride_),
      slots_(new Slot[places.standard]),
      wide_taken_(new bool[places.wide]()),
      next_halving_(window_) {
  StoreRegistry::add(this);
}

TableStore::~TableStore() { StoreRegistry::remove(this); }

bool TableStore::prefill(uint32_t slot, const uint8_t key[64], uint64_t handle) {
  if (!kernel_.standard.build(standard_memory(slot), key)) return false;
  Slot& s = slots_[slot];
  std::memcpy(s.key, key, 64);
  s.handle = handle;
  s.taken = s.published = true;
  standard_count_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

TableCounts TableStore::tables() const {
  return {standard_count_.load(std::memory_order_relaxed), wide_count_.load(std::memory_order_relaxed)};
}

uint64_t TableStore::table_bytes() const {
  const TableCounts count = tables();
  return uint64_t{count.standard} * standard_stride_ + uint64_t{count.wide} * wide_stride_;
}

TableStore::Visit::Visit(TableStore& store)
    : store_(store), phase_(store.grace_.enter()), started_(store.clock_()), now_(store.items()) {}

TableStore::Visit::~Visit() {
  if (inside_) store_.grace_.leave(phase_);
}

Table TableStore::Visit::table(uint32_t slot) const {
  const void* wide = store_.slots_[slot].wide.load(std::memory_order_acquire);
  if (wide != nullptr) return {wide, TableKind::kWide};
  return {store_.standard_memory(slot), TableKind::kStandard};
}

// An addition that another thread overwrites is lost: uses are estimates.
void TableStore::Visit::used(uint32_t slot) {
  Slot& s = store_.slots_[slot];
  const uint32_t uses = s.uses.load(std::memory_order_relaxed) + 1;
  s.uses.store(uses, std::memory_order_relaxed);
  if (s.last_used.load(std::memory_order_relaxed) != now_) s.last_used.store(now_, std::memory_order_relaxed);
  if (uses > hot_uses_ && s.wide.load(std::memory_order_relaxed) == nullptr) {
    hot_ = slot;
    hot_uses_ = uses;
  }
}

void TableStore::Visit::missed(const Candidate& candidate) {
  if (candidate.uses >= kBuildAfter && candidate.uses > missing_.uses) missing_ = candidate;
}

void TableStore::Visit::finish(size_t items) {
  store_.grace_.leave(phase_);
  inside_ = false;
  store_.earn_credit(store_.clock_() - started_);
  const uint64_t all = store_.items_.fetch_add(items, std::memory_order_relaxed) + items;
  if (store_.places_.wide == 0 || hot_uses_ < store_.window_ / kHotShare) hot_ = kNoSlot;
  if (missing_.key == nullptr && hot_ == kNoSlot && !store_.reclaiming_.load(std::memory_order_relaxed) &&
      all < store_.next_halving_.load(std::memory_order_relaxed)) {
    return;
  }
  store_.maintain(missing_, hot_);
}

void TableStore::earn_credit(uint64_t nanoseconds) {
  if (credit_.load(std::memory_order_relaxed) >= static_cast<int64_t>(kMaxCredit)) return;
  const uint64_t earned = std::min(nanoseconds / kVerifyPerBuild, kMaxCredit);
  credit_.fetch_add(static_cast<int64_t>(earned), std::memory_order_relaxed);
}

void TableStore::maintain(const Candidate& missing, uint32_t hot) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock() || frozen_) return;
  reclaim();
  if (items() >= next_halving_.load(std::memory_order_relaxed)) halve_uses();
  if (credit_.load(std::memory_order_relaxed) <= 0) return;
  const uint64_t start = clock_();
  const bool built = missing.key != nullptr && admit(missing);
  if (!built && hot != kNoSlot) widen(hot);
  credit_.fetch_sub(static_cast<int64_t>(clock_() - start), std::memory_order_relaxed);
}

void TableStore::reclaim() {
  if (!reclaiming_.load(std::memory_order_relaxed) || !grace_.passed(withdrawn_.phase)) return;
  if (withdrawn_.slot != kNoSlot) slots_[withdrawn_.slot].taken = false;
  if (withdrawn_.wide_place != kNoSlot) wide_taken_[withdrawn_.wide_place] = false;
  withdrawn_ = Withdrawn{};
  reclaiming_.store(false, std::memory_order_relaxed);
}

void TableStore::halve_uses() {
  for (size_t i = 0; i < places_.standard; ++i) {
    std::atomic<uint32_t>& uses = slots_[i].uses;
    uses.store(uses.load(std::memory_order_relaxed) / 2, std::memory_order_relaxed);
  }
  directory_.halve_uses();
  next_halving_.store(items() + window_, std::memory_order_relaxed);
}

// True if it has built a table.
bool TableStore::admit(const Candidate& candidate) {
  if (!directory_.has_room(candidate)) return false;
  const uint32_t slot = free_slot();
  if (slot == kNoSlot) {
    const uint32_t victim = least_recent(candidate.uses, false);
    if (victim != kNoSlot) withdraw(victim);
    return false;
  }
  Slot& s = slots_[slot];
  s.taken = true;
  if (!kernel_.standard.build(standard_memory(slot), candidate.key)) {
    s.taken = false;
    return false;
  }
  std::memcpy(s.key, candidate.key, 64);
  s.handle = candidate.handle;
  s.uses.store(candidate.uses, std::memory_order_relaxed);
  s.last_used.store(items(), std::memory_order_relaxed);
  s.published = true;
  standard_count_.fetch_add(1, std::memory_order_relaxed);
  built_.fetch_add(1, std::memory_order_relaxed);
  directory_.publish(candidate, slot);
  return true;
}

// The slot may have been given to another key meanwhile: then that one is judged.
void TableStore::widen(uint32_t slot) {
  Slot& s = slots_[slot];
  const uint32_t uses = s.uses.load(std::memory_order_relaxed);
  if (!s.published || s.wide_place != kNoSlot || uses < window_ / kHotShare) return;
  const uint32_t place = free_wide_place();
  if (place == kNoSlot) {
    const uint32_t victim = least_recent(uses, true);
    if (victim != kNoSlot) withdraw_wide(victim);
    return;
  }
  wide_taken_[place] = true;
  if (!kernel_.wide.build(wide_memory(place), s.key)) {
    wide_taken_[place] = false;
    return;
  }
  s.wide_place = place;
  wide_count_.fetch_add(1, std::memory_order_relaxed);
  built_.fetch_add(1, std::memory_order_relaxed);
  s.wide.store(wide_memory(place), std::memory_order_release);
}

uint32_t TableStore::free_slot() const {
  for (size_t i = 0; i < places_.standard; ++i) {
    if (!slots_[i].taken) return static_cast<uint32_t>(i);
  }
  return kNoSlot;
}

uint32_t TableStore::free_wide_place() const {
  for (size_t i = 0; i < places_.wide; ++i) {
    if (!wide_taken_[i]) return static_cast<uint32_t>(i);
  }
  return kNoSlot;
}

// The least recently used holder of a table (`wide`: of a wide one), if a key of `uses` may take its place now.
uint32_t TableStore::least_recent(uint32_t uses, bool wide) {
  if (reclaiming_.load(std::memory_order_relaxed) || items() < next_search_) return kNoSlot;
  uint32_t oldest = kNoSlot;
  uint64_t oldest_use = UINT64_MAX;
  for (size_t i = 0; i < places_.standard; ++i) {
    const Slot& s = slots_[i];
    const uint64_t last_used = s.last_used.load(std::memory_order_relaxed);
    if (!s.published || (wide && s.wide_place == kNoSlot) || last_used >= oldest_use) continue;
    oldest = static_cast<uint32_t>(i);
    oldest_use = last_used;
  }
  if (oldest != kNoSlot && uses / 2 > slots_[oldest].uses.load(std::memory_order_relaxed)) return oldest;
  next_search_ = items() + kSearchInterval;
  return kNoSlot;
}

void TableStore::withdraw(uint32_t slot) {
  Slot& s = slots_[slot];
  withdraw_wide(slot);
  s.published = false;
  standard_count_.fetch_sub(1, std::memory_order_relaxed);
  directory_.withdraw(s.handle, slot);
  withdrawn_.slot = slot;
  withdrawn_.phase = grace_.phase();
  reclaiming_.store(true, std::memory_order_relaxed);
}

void TableStore::withdraw_wide(uint32_t slot) {
  Slot& s = slots_[slot];
  if (s.wide_place == kNoSlot) return;
  s.wide.store(nullptr);
  wide_count_.fetch_sub(1, std::memory_order_relaxed);
  withdrawn_.wide_place = s.wide_place;
  withdrawn_.phase = grace_.phase();
  s.wide_place = kNoSlot;
  reclaiming_.store(true, std::memory_order_relaxed);
}

// In the child there is one thread, and no reader. If another thread was changing the store at the time of the fork, it
// is half-way for ever: then its tables, all of which are whole, stay as they are.
void TableStore::recover_in_child() {
  grace_.forget_readers();
  if (mutex_.try_lock()) {
    mutex_.unlock();
  } else {
    frozen_ = true;
  }
}

}  // namespace accel::sm2
