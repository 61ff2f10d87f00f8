// Memory for tables: address space reserved at once, committed page by page as it is written.
#pragma once

#include <cstddef>
#include <cstdint>

namespace accel::sm2 {

// One mapping that starts on a huge page, in huge pages where the system has them: lookups in tables are scattered, and
// with small pages most of them would miss the TLB. (Many small mappings would get no huge pages.)
class TableArena {
 public:
  // Throws std::bad_alloc.
  explicit TableArena(size_t size);
  ~TableArena();
  TableArena(const TableArena&) = delete;
  TableArena& operator=(const TableArena&) = delete;

  uint8_t* at(size_t offset) const { return base_ + offset; }

 private:
  void* mapping_ = nullptr;
  size_t mapped_ = 0;
  uint8_t* base_ = nullptr;
};

}  // namespace accel::sm2
