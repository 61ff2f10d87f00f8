#include "sm2/keyring.hpp"

#include <cstring>
#include <string>

#include "base/error.hpp"
#include "base/pool.hpp"
#include "sm2/select.hpp"

namespace accel::sm2 {
namespace {

constexpr size_t kCheckGrain = 64;  // keys: a check takes about a microsecond, a table hundreds

}  // namespace

KeyRing::KeyRing(Strided keys, size_t count, const Identity& identity, uint64_t memory_limit, size_t* bad_index)
    : KeyRing(active_kernel(), keys, count, identity, memory_limit, bad_index) {}

KeyRing::KeyRing(const Kernel& kernel, Strided keys, size_t count, const Identity& identity, uint64_t memory_limit,
                 size_t* bad_index, TableStore::Clock clock)
    : kernel_(kernel), count_(count), has_za_(identity.has_za()), keys_(new uint8_t[64 * count]) {
  for (size_t i = 0; i < count; ++i) std::memcpy(keys_.get() + 64 * i, keys[i], 64);
  require_points(bad_index);
  if (has_za_) {
    za_.reset(new uint8_t[kZaSize * count]);
    parallel_for(count, kCheckGrain, [&](size_t begin, size_t end) {
      identity.za_range(za_.get() + kZaSize * begin, key(begin), end - begin);
    });
  }
  make_tables(memory_limit == 0 ? kDefaultTableMemory : memory_limit, clock);
}

void KeyRing::require_points(size_t* bad_index) const {
  std::atomic<size_t> first_bad{count_};
  parallel_for(count_, kCheckGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      if (kernel_.on_curve(key(i))) continue;
      size_t known = first_bad.load();
      while (i < known && !first_bad.compare_exchange_weak(known, i)) {
      }
      return;
    }
  });
  if (first_bad.load() == count_) return;
  *bad_index = first_bad.load();
  throw Error(ACCEL_BAD_KEY, "public_keys[" + std::to_string(*bad_index) + "]: x || y is not a point of the curve SM2");
}

void KeyRing::make_tables(uint64_t memory_limit, TableStore::Clock clock) {
  const TableCounts places = TableStore::plan(kernel_, count_, memory_limit);
  if (places.standard == 0) return;
  fixed_ = places.standard == count_ && places.wide == 0;
  slots_.reset(new std::atomic<uint32_t>[count_]);
  for (size_t i = 0; i < count_; ++i) slots_[i] = i < places.standard ? static_cast<uint32_t>(i) : kNoSlot;
  if (places.standard < count_) uses_.reset(new std::atomic<uint32_t>[count_]());
  store_ = std::make_unique<TableStore>(kernel_, places, count_, static_cast<TableDirectory&>(*this), clock);
  parallel_for(places.standard, 1, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      if (!store_->prefill(static_cast<uint32_t>(i), key(i), i)) {
        throw Error(ACCEL_INTERNAL, "a kernel builds no table for a key that it has found on the curve");
      }
    }
  });
}

void KeyRing::verify_chunk(uint8_t* status, const uint32_t* indices, const uint8_t* signatures, const uint8_t* digests,
                           size_t count) const {
  if (fixed_) {
    verify_fixed(status, indices, {signatures, 64}, {digests, 32}, count);
    return;
  }
  uint8_t keys[kVerifyChunk][64];  // of items without a table
  ChunkTables tables;
  if (store_ == nullptr) {
    for (size_t i = 0; i < count; ++i) {
      tables.add({});
      std::memcpy(keys[i], key(indices[i]), 64);
    }
    verify_mixed(kernel_, status, tables, {keys[0], 64}, {signatures, 64}, {digests, 32});
    return;
  }
  uint32_t slots[kVerifyChunk];
  TableStore::Visit visit(*store_);
  for (size_t i = 0; i < count; ++i) {
    slots[i] = slots_[indices[i]].load(std::memory_order_acquire);
    tables.add(slots[i] == kNoSlot ? Table{} : visit.table(slots[i]));
    if (slots[i] == kNoSlot) std::memcpy(keys[i], key(indices[i]), 64);
  }
  verify_mixed(kernel_, status, tables, {keys[0], 64}, {signatures, 64}, {digests, 32});
  count_uses(&visit, status, indices, slots, count);
  visit.finish(count);
}

void KeyRing::verify_fixed(uint8_t* status, const uint32_t* indices, Strided signatures, Strided digests,
                           size_t count) const {
  const void* tables[kVerifyChunk];
  for (size_t i = 0; i < count; ++i) tables[i] = store_->standard_table(indices[i]);
  kernel_.standard.verify(status, tables, signatures, digests, count);
  count_verified(kernel_, count);
}

// An addition that another thread overwrites is lost: uses are estimates.
void KeyRing::count_uses(TableStore::Visit* visit, const uint8_t* status, const uint32_t* indices,
                         const uint32_t* slots, size_t count) const {
  for (size_t i = 0; i < count; ++i) {
    if (status[i] != ACCEL_OK) continue;
    if (slots[i] != kNoSlot) {
      visit->used(slots[i]);
      continue;
    }
    std::atomic<uint32_t>& uses = uses_[indices[i]];
    const uint32_t now = uses.load(std::memory_order_relaxed) + 1;
    uses.store(now, std::memory_order_relaxed);
    visit->missed({key(indices[i]), indices[i], now});
  }
}

bool KeyRing::has_room(const Candidate& candidate) const {
  return slots_[candidate.handle].load(std::memory_order_relaxed) == kNoSlot;
}

void KeyRing::publish(const Candidate& candidate, uint32_t slot) {
  slots_[candidate.handle].store(slot, std::memory_order_release);
}

void KeyRing::withdraw(uint64_t handle, uint32_t) {
  uses_[handle].store(0, std::memory_order_relaxed);
  slots_[handle].store(kNoSlot);
}

void KeyRing::halve_uses() {
  if (uses_ == nullptr) return;
  for (size_t i = 0; i < count_; ++i) {
    uses_[i].store(uses_[i].load(std::memory_order_relaxed) / 2, std::memory_order_relaxed);
  }
}

}  // namespace accel::sm2
