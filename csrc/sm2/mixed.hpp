// Verifying a chunk some of whose keys have tables.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sm2/kernel.hpp"

namespace accel::sm2 {

constexpr size_t kVerifyChunk = 256;  // items of a chunk at most

enum class TableKind : uint8_t { kNone, kStandard, kWide };
constexpr size_t kTableKinds = 3;

struct Table {
  const void* memory = nullptr;
  TableKind kind = TableKind::kNone;
};

// The tables of a chunk's items, in their order.
class ChunkTables {
 public:
  void add(Table table) {
    memory_[count_] = table.memory;
    kinds_[count_++] = table.kind;
    ++of_kind_[static_cast<size_t>(table.kind)];
  }
  size_t count() const { return count_; }
  size_t count(TableKind kind) const { return of_kind_[static_cast<size_t>(kind)]; }
  TableKind kind(size_t i) const { return kinds_[i]; }
  const void* const* memory() const { return memory_; }

 private:
  size_t count_ = 0;
  size_t of_kind_[kTableKinds] = {};
  const void* memory_[kVerifyChunk];
  TableKind kinds_[kVerifyChunk];
};

// status[i] of item i, whatever its table: items are put together by kind, so that the kernel gets each kind in one
// call. Keys are read for items without a table only; signatures and digests are in memory that does not change.
// Counted for accel_kernel_items.
void verify_mixed(const Kernel& kernel, uint8_t* status, const ChunkTables& tables, Strided keys, Strided signatures,
                  Strided digests);

}  // namespace accel::sm2
