#include "sm2/mixed.hpp"

#include <cstring>

#include "accel/accel.h"
#include "sm2/select.hpp"

namespace accel::sm2 {
namespace {

// `count` items of one kind.
void verify_kind(const Kernel& kernel, TableKind kind, uint8_t* status, const void* const* tables, Strided keys,
                 Strided signatures, Strided digests, size_t count) {
  switch (kind) {
    case TableKind::kNone:
      kernel.verify(status, keys, signatures, digests, count);
      return;
    case TableKind::kStandard:
      kernel.standard.verify(status, tables, signatures, digests, count);
      return;
    case TableKind::kWide:
      kernel.wide.verify(status, tables, signatures, digests, count);
      return;
  }
}

// A chunk's items in another order: kind by kind. 43 KB on the stack.
class Sorted {
 public:
  Sorted(const ChunkTables& tables, Strided keys, Strided signatures, Strided digests) : tables_(tables) {
    begin_[0] = 0;
    for (size_t kind = 0; kind < kTableKinds; ++kind) {
      begin_[kind + 1] = begin_[kind] + tables.count(static_cast<TableKind>(kind));
    }
    size_t next[kTableKinds] = {begin_[0], begin_[1], begin_[2]};
    for (size_t i = 0; i < tables.count(); ++i) {
      const size_t at = next[static_cast<size_t>(tables.kind(i))]++;
      place_[i] = static_cast<uint16_t>(at);
      memory_[at] = tables.memory()[i];
      if (tables.kind(i) == TableKind::kNone) std::memcpy(keys_[at], keys[i], 64);
      std::memcpy(signatures_[at], signatures[i], 64);
      std::memcpy(digests_[at], digests[i], 32);
    }
  }

  void verify(const Kernel& kernel, uint8_t* status) {
    uint8_t sorted[kVerifyChunk];
    std::memset(sorted, ACCEL_NOT_CHECKED, tables_.count());
    for (size_t kind = 0; kind < kTableKinds; ++kind) {
      const size_t begin = begin_[kind], count = begin_[kind + 1] - begin;
      if (count == 0) continue;
      verify_kind(kernel, static_cast<TableKind>(kind), sorted + begin, memory_ + begin, {keys_[begin], 64},
                  {signatures_[begin], 64}, {digests_[begin], 32}, count);
    }
    for (size_t i = 0; i < tables_.count(); ++i) status[i] = sorted[place_[i]];
  }

 private:
  const ChunkTables& tables_;
  size_t begin_[kTableKinds + 1];  // of each kind
  uint16_t place_[kVerifyChunk];   // of item i
  const void* memory_[kVerifyChunk];
  uint8_t keys_[kVerifyChunk][64], signatures_[kVerifyChunk][64], digests_[kVerifyChunk][32];
};

}  // namespace

void verify_mixed(const Kernel& kernel, uint8_t* status, const ChunkTables& tables, Strided keys, Strided signatures,
                  Strided digests) {
  const size_t count = tables.count();
  if (count == 0) return;
  const TableKind kind = tables.kind(0);
  if (tables.count(kind) == count) {
    verify_kind(kernel, kind, status, tables.memory(), keys, signatures, digests, count);
  } else {
    Sorted(tables, keys, signatures, digests).verify(kernel, status);
  }
  count_verified(kernel, count);
}

}  // namespace accel::sm2
