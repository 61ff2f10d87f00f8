#include "sm2/adaptive.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <string>
#include <string_view>

#include "base/ctime.hpp"
#include "base/dispatch.hpp"
#include "base/error.hpp"
#include "sm2/random.hpp"

namespace accel::sm2 {
namespace {

// The process's tables, one for each kernel that was ever in force. Never destroyed: pool threads use them until the
// process is gone.
struct OfKernel {
  std::atomic<const Kernel*> kernel{nullptr};
  AdaptiveTables* tables = nullptr;  // written before `kernel`
};
constinit OfKernel of_kernels[dispatch::kMaxKernels];
constinit std::mutex creation;  // only ever tried: a child after fork() may find it locked for ever

AdaptiveTables* create(const Kernel& kernel) {
  try {
    return new AdaptiveTables(kernel, AdaptiveTables::kMemory);
  } catch (const std::bad_alloc&) {
  } catch (const Error&) {
  }
  return nullptr;  // everything works without them, more slowly
}

bool configured() {
  const char* text = std::getenv("ACCEL_ADAPTIVE_TABLES");
  const std::string_view value = text != nullptr ? text : "";
  if (value.empty() || value == "1") return true;
  if (value == "0") return false;
  throw Error(ACCEL_BAD_ARGUMENT, "ACCEL_ADAPTIVE_TABLES: expected 0 or 1, got \"" + std::string(value) + "\"");
}

constexpr uint8_t kUnread = 2;
constinit std::atomic<uint8_t> setting{kUnread};

}  // namespace

uint32_t Sightings::add(uint64_t hash) {
  std::atomic<uint64_t>* const set = &cells_[hash % kSets * kWays];
  const uint64_t tag = hash & ~kCountMask;
  std::atomic<uint64_t>* smallest = set;
  uint64_t smallest_value = UINT64_MAX;
  for (size_t way = 0; way < kWays; ++way) {
    const uint64_t value = set[way].load(std::memory_order_relaxed);
    const uint64_t count = value & kCountMask;
    if (count != 0 && (value & ~kCountMask) == tag) {
      if (count == kCountMask) return static_cast<uint32_t>(count);
      set[way].store(value + 1, std::memory_order_relaxed);
      return static_cast<uint32_t>(count + 1);
    }
    if (smallest_value == UINT64_MAX || count < (smallest_value & kCountMask)) {
      smallest = set + way;
      smallest_value = value;
    }
  }
  const bool taken = (smallest_value & kCountMask) != 0;
  smallest->store(taken ? smallest_value - 1 : tag | 1, std::memory_order_relaxed);
  return taken ? 0 : 1;
}

void Sightings::halve() {
  for (size_t i = 0; i < kSets * kWays; ++i) {
    const uint64_t value = cells_[i].load(std::memory_order_relaxed);
    cells_[i].store((value & ~kCountMask) | (value & kCountMask) / 2, std::memory_order_relaxed);
  }
}

AdaptiveTables::AdaptiveTables(const Kernel& kernel, uint64_t memory_limit, TableStore::Clock clock)
    : kernel_(kernel),
      default_identity_(reinterpret_cast<const uint8_t*>(ACCEL_SM2_DEFAULT_ID), ACCEL_SM2_DEFAULT_ID_LENGTH),
      entries_(new std::atomic<uint32_t>[kSets * kWays]()),
      za_(new uint8_t[kMaxSlots][kZaSize]),
      store_(kernel, plan(kernel, memory_limit), Sightings::kSets * Sightings::kWays, *this, clock) {
  system_random(reinterpret_cast<uint8_t*>(seeds_), sizeof seeds_);
  declassify(seeds_, sizeof seeds_);  // they choose places for public keys
}

// A quarter of the memory, or what kMaxWide tables need, for wide tables.
TableCounts AdaptiveTables::plan(const Kernel& kernel, uint64_t memory_limit) {
  const uint64_t stride = TableStore::wide_stride(kernel);
  const uint64_t wide = stride == 0 ? 0 : std::min<uint64_t>(TableStore::kMaxWide, memory_limit / 4 / stride);
  TableCounts places = TableStore::plan(kernel, kMaxSlots, memory_limit - wide * stride);
  places.wide = static_cast<size_t>(wide);
  return places;
}

bool AdaptiveTables::enabled() {
  uint8_t value = setting.load(std::memory_order_relaxed);
  if (value == kUnread) {
    value = configured() ? 1 : 0;
    setting.store(value, std::memory_order_relaxed);
  }
  return value != 0;
}

AdaptiveTables* AdaptiveTables::of(const Kernel& kernel) {
  if (!enabled()) return nullptr;
  for (OfKernel& entry : of_kernels) {
    const Kernel* known = entry.kernel.load(std::memory_order_acquire);
    if (known == &kernel) return entry.tables;
    if (known != nullptr) continue;
    const std::unique_lock lock(creation, std::try_to_lock);
    if (!lock.owns_lock()) return nullptr;
    if (entry.kernel.load(std::memory_order_relaxed) == nullptr) {
      entry.tables = create(kernel);
      entry.kernel.store(&kernel, std::memory_order_release);
    }
    return entry.kernel.load(std::memory_order_relaxed) == &kernel ? entry.tables : nullptr;
  }
  return nullptr;
}

const AdaptiveTables* AdaptiveTables::existing(const Kernel& kernel) {
  for (const OfKernel& entry : of_kernels) {
    if (entry.kernel.load(std::memory_order_acquire) == &kernel) return entry.tables;
  }
  return nullptr;
}

// NH (UMAC, RFC 4418, section 5.2) over words of 64 bits: two keys meet with probability 2^-64 over the seeds. A last
// product spreads what differs over all bits.
uint64_t AdaptiveTables::hash(const uint8_t key[64]) const {
  using U128 = unsigned __int128;
  uint64_t words[8];
  std::memcpy(words, key, 64);
  U128 sum = 0;
  for (size_t i = 0; i < 8; i += 2) sum += U128{words[i] + seeds_[i]} * (words[i + 1] + seeds_[i + 1]);
  const U128 product =
      U128{static_cast<uint64_t>(sum) + seeds_[8]} * ((static_cast<uint64_t>(sum >> 64) ^ seeds_[9]) | 1);
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

uint32_t AdaptiveTables::find(uint64_t hash, const uint8_t key[64]) const {
  const std::atomic<uint32_t>* const set = &entries_[hash % kSets * kWays];
  for (size_t way = 0; way < kWays; ++way) {
    const uint32_t entry = set[way].load(std::memory_order_acquire);
    if (entry == 0 || entry >> 16 != hash >> 48) continue;
    const uint32_t slot = (entry & 0xffff) - 1;
    if (std::memcmp(store_.key(slot), key, 64) == 0) return slot;
  }
  return kNoSlot;
}

bool AdaptiveTables::has_room(const Candidate& candidate) const {
  if (find(candidate.handle, candidate.key) != kNoSlot) return false;
  const std::atomic<uint32_t>* const set = &entries_[candidate.handle % kSets * kWays];
  return std::any_of(set, set + kWays, [](const auto& entry) { return entry.load(std::memory_order_relaxed) == 0; });
}

void AdaptiveTables::publish(const Candidate& candidate, uint32_t slot) {
  default_identity_.za_range(za_[slot], candidate.key, 1);
  std::atomic<uint32_t>* entry = &entries_[candidate.handle % kSets * kWays];
  while (entry->load(std::memory_order_relaxed) != 0) ++entry;
  entry->store(static_cast<uint32_t>(candidate.handle >> 48) << 16 | (slot + 1), std::memory_order_release);
}

void AdaptiveTables::withdraw(uint64_t handle, uint32_t slot) {
  std::atomic<uint32_t>* entry = &entries_[handle % kSets * kWays];
  while ((entry->load(std::memory_order_relaxed) & 0xffff) != slot + 1) ++entry;
  entry->store(0);
}

void AdaptiveTables::halve_uses() { sightings_.halve(); }

AdaptiveChunk::AdaptiveChunk(AdaptiveTables& tables, const uint8_t* keys, size_t count)
    : tables_(tables), keys_(keys), visit_(tables.store_) {
  for (size_t i = 0; i < count; ++i) {
    const uint8_t* const key = keys + 64 * i;
    hashes_[i] = tables.hash(key);
    slots_[i] = tables.find(hashes_[i], key);
    found_.add(slots_[i] == kNoSlot ? Table{} : visit_.table(slots_[i]));
  }
}

void AdaptiveChunk::za_range(uint8_t* za, const Identity& identity) const {
  const size_t strangers = found_.count(TableKind::kNone);
  if (!identity.is_default() || strangers == found_.count()) {
    identity.za_range(za, keys_, found_.count());
    return;
  }
  uint8_t keys[kVerifyChunk][64], hashed[kVerifyChunk][kZaSize];
  size_t next = 0;
  for (size_t i = 0; i < found_.count(); ++i) {
    if (slots_[i] == kNoSlot) std::memcpy(keys[next++], keys_ + 64 * i, 64);
  }
  if (strangers != 0) identity.za_range(hashed[0], keys[0], strangers);
  next = 0;
  for (size_t i = 0; i < found_.count(); ++i) {
    std::memcpy(za + kZaSize * i, slots_[i] == kNoSlot ? hashed[next++] : tables_.za_[slots_[i]], kZaSize);
  }
}

void AdaptiveChunk::verify(uint8_t* status, const uint8_t* signatures, const uint8_t* digests) {
  verify_mixed(tables_.kernel_, status, found_, {keys_, 64}, {signatures, 64}, {digests, 32});
  for (size_t i = 0; i < found_.count(); ++i) {
    if (status[i] != ACCEL_OK) continue;
    if (slots_[i] != kNoSlot) {
      visit_.used(slots_[i]);
    } else {
      visit_.missed({keys_ + 64 * i, hashes_[i], tables_.sightings_.add(hashes_[i])});
    }
  }
  visit_.finish(found_.count());
}

}  // namespace accel::sm2
