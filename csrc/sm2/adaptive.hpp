// Tables for keys that nobody has announced: a key that is seen often enough with valid signatures gets one by itself.
//
// What a stranger can do to it: signatures that are not valid leave no trace, whatever their keys. A key that is seen
// for the first time is looked up, and with a valid signature counted, in tables of fixed size under a hash whose seeds
// nobody knows; counts of keys that share a cell's set wear each other down, so a flood of fresh keys finds its counts
// at one, and only a key with a share of all valid signatures rises. What a table costs and who loses his is the
// store's policy (table_store.hpp): a tenth of the time at most, and memory within a limit.
//
// A table is found by all 64 bytes of its key, and was built because they are a point of the curve: so verifying by it
// checks what verifying without it would.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "sm2/digest.hpp"
#include "sm2/kernel.hpp"
#include "sm2/mixed.hpp"
#include "sm2/table_store.hpp"

namespace accel::sm2 {

// Valid signatures of keys without a table, estimated. Cells of 48 bits of a key's hash and a count, four to a set: a
// key that finds no cell of its own takes one from the smallest count, or the cell if that is none (after Misra and
// Gries). So counts are never too high, but for keys with equal hashes, and a key with more than a kSets-th of all
// sightings rises. Any number of threads; an addition that another one overwrites is lost.
class Sightings {
 public:
  Sightings() : cells_(new std::atomic<uint64_t>[kSets * kWays]()) {}
  // The key's count with this sighting, or 0 where it has no cell yet.
  uint32_t add(uint64_t hash);
  void halve();

  static constexpr size_t kSets = 4096, kWays = 4;

 private:
  static constexpr uint64_t kCountMask = 0xffff;
  std::unique_ptr<std::atomic<uint64_t>[]> cells_;
};

class AdaptiveTables final : private TableDirectory {
 public:
  static constexpr uint64_t kMemory = uint64_t{256} << 20;  // of the process's tables for one kernel
  static constexpr size_t kMaxSlots = 1024;

  // Throws std::bad_alloc, or Error(ACCEL_NO_RANDOM).
  AdaptiveTables(const Kernel& kernel, uint64_t memory_limit, TableStore::Clock clock = TableStore::steady_clock);

  // The process's own for `kernel`. Null if ACCEL_ADAPTIVE_TABLES switches them off, or where the system gives neither
  // memory nor random numbers for them. Throws Error(ACCEL_BAD_ARGUMENT) for a value that is neither 0 nor 1. Nobody
  // waits here: while another thread makes them, there are none yet.
  static AdaptiveTables* of(const Kernel& kernel);
  // The same, null if they have not been needed so far.
  static const AdaptiveTables* existing(const Kernel& kernel);
  static bool enabled();

  const TableStore& store() const { return store_; }

 private:
  friend class AdaptiveChunk;

  static constexpr size_t kSets = 1024, kWays = 8;

  static TableCounts plan(const Kernel& kernel, uint64_t memory_limit);
  uint64_t hash(const uint8_t key[64]) const;
  uint32_t find(uint64_t hash, const uint8_t key[64]) const;

  bool has_room(const Candidate& candidate) const override;
  void publish(const Candidate& candidate, uint32_t slot) override;
  void withdraw(uint64_t handle, uint32_t slot) override;
  void halve_uses() override;

  const Kernel& kernel_;
  uint64_t seeds_[10];
  const Identity default_identity_;
  // Sets of entries: 16 bits of a key's hash, and its slot plus one; 0 is none.
  std::unique_ptr<std::atomic<uint32_t>[]> entries_;
  Sightings sightings_;
  std::unique_ptr<uint8_t[][kZaSize]> za_;  // of each slot's key under the default ID
  TableStore store_;
};

// One chunk under explicit keys: they are looked up, then hashed with, then verified.
class AdaptiveChunk {
 public:
  // `count` keys of 64 bytes, at most kVerifyChunk, in memory that does not change.
  AdaptiveChunk(AdaptiveTables& tables, const uint8_t* keys, size_t count);
  // ZA of the keys. Only if identity.has_za().
  void za_range(uint8_t* za, const Identity& identity) const;
  // Signatures of 64 and digests of 32 bytes. Counted for accel_kernel_items. The last call.
  void verify(uint8_t* status, const uint8_t* signatures, const uint8_t* digests);

 private:
  AdaptiveTables& tables_;
  const uint8_t* keys_;
  TableStore::Visit visit_;
  ChunkTables found_;
  uint64_t hashes_[kVerifyChunk];
  uint32_t slots_[kVerifyChunk];
};

}  // namespace accel::sm2
