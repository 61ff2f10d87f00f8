// Known signers: keys checked once, ZA kept, fixed-base tables for as many as a memory limit holds.
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

constexpr uint64_t kDefaultTableMemory = uint64_t{1} << 30;

// Ends with its ring: who keeps something for a ring elsewhere (its keys on a device) learns by it when to let go.
struct RingLifetime {};

// Its keys never change after construction, and its tables in ways that no verdict shows: any number of threads may use
// it at once.
class KeyRing final : private TableDirectory {
 public:
  // `count` keys of 64 bytes. `memory_limit` bounds the tables; 0: kDefaultTableMemory. The keys in front get standard
  // tables at once. If they do not all fit, keys that are used more take the places of keys that are used less; what
  // memory all of them leave goes to wide tables for the most used ones (table_store.hpp). Throws Error(ACCEL_BAD_KEY),
  // and then *bad_index is the first key that is no point of the curve.
  KeyRing(Strided keys, size_t count, const Identity& identity, uint64_t memory_limit, size_t* bad_index);
  // The same with a kernel that need not be the one in force.
  KeyRing(const Kernel& kernel, Strided keys, size_t count, const Identity& identity, uint64_t memory_limit,
          size_t* bad_index, TableStore::Clock clock = TableStore::steady_clock);

  size_t size() const { return count_; }
  // Keys that have tables now, and the bytes of all tables, wide ones included; never more than the limit.
  size_t tables() const { return store_ == nullptr ? 0 : store_->tables().standard; }
  uint64_t table_bytes() const { return store_ == nullptr ? 0 : store_->table_bytes(); }
  // How many of them have a wide table besides, and how many tables were built since construction.
  size_t wide_tables() const { return store_ == nullptr ? 0 : store_->tables().wide; }
  uint64_t tables_built() const { return store_ == nullptr ? 0 : store_->built(); }
  bool has_za() const { return has_za_; }
  std::weak_ptr<const RingLifetime> lifetime() const { return lifetime_; }
  const uint8_t* za(size_t i) const { return za_.get() + kZaSize * i; }
  const uint8_t* key(size_t i) const { return keys_.get() + 64 * i; }

  // Item i against key indices[i] (each below size()); signatures of 64 and digests of 32 bytes, in memory that does
  // not change; `count` at most kVerifyChunk. Counted for accel_kernel_items.
  void verify_chunk(uint8_t* status, const uint32_t* indices, const uint8_t* signatures, const uint8_t* digests,
                    size_t count) const;

 private:
  void require_points(size_t* bad_index) const;
  void make_tables(uint64_t memory_limit, TableStore::Clock clock);
  void verify_fixed(uint8_t* status, const uint32_t* indices, Strided signatures, Strided digests, size_t count) const;
  void count_uses(TableStore::Visit* visit, const uint8_t* status, const uint32_t* indices, const uint32_t* slots,
                  size_t count) const;

  bool has_room(const Candidate& candidate) const override;
  void publish(const Candidate& candidate, uint32_t slot) override;
  void withdraw(uint64_t handle, uint32_t slot) override;
  void halve_uses() override;

  const std::shared_ptr<const RingLifetime> lifetime_ = std::make_shared<const RingLifetime>();
  const Kernel& kernel_;  // the one in force when the ring was made: tables differ between kernels
  size_t count_;
  bool has_za_;
  std::unique_ptr<uint8_t[]> keys_, za_;
  bool fixed_ = false;  // every key i has slot i, and no wide table will come: nothing needs counting
  std::unique_ptr<std::atomic<uint32_t>[]> slots_;  // of key i; kNoSlot
  std::unique_ptr<std::atomic<uint32_t>[]> uses_;   // of key i while it has no slot
  std::unique_ptr<TableStore> store_;               // null where the limit holds no table
};

}  // namespace accel::sm2
