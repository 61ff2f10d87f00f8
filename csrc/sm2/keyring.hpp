// Known signers: keys checked once, ZA kept, fixed-base tables for as many as a memory limit holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "sm2/digest.hpp"
#include "sm2/kernel.hpp"

namespace accel::sm2 {

constexpr uint64_t kDefaultTableMemory = uint64_t{1} << 30;
constexpr size_t kVerifyChunk = 256;  // items in one call of verify_chunk at most

// Never changes after construction, so any number of threads may use it.
class KeyRing {
 public:
  // `count` keys of 64 bytes. `memory_limit` bounds the tables; 0: kDefaultTableMemory. The keys in front get tables,
  // those behind the limit are verified like unknown ones. Throws Error(ACCEL_BAD_KEY), and then *bad_index is the
  // first key that is no point of the curve.
  KeyRing(Strided keys, size_t count, const Identity& identity, uint64_t memory_limit, size_t* bad_index);

  size_t size() const { return count_; }
  size_t tables() const { return table_count_; }
  uint64_t table_bytes() const { return static_cast<uint64_t>(table_count_) * table_stride_; }
  bool has_za() const { return has_za_; }
  const uint8_t* za(size_t i) const { return za_.get() + kZaSize * i; }

  // Item i against key indices[i] (each below size()); signatures of 64 and digests of 32 bytes, in memory that does
  // not change; `count` at most kVerifyChunk. Counted for accel_kernel_items.
  void verify_chunk(uint8_t* status, const uint32_t* indices, const uint8_t* signatures, const uint8_t* digests,
                    size_t count) const;

 private:
  struct Unmap {
    size_t size;
    void operator()(uint8_t* memory) const;
  };

  void require_points(size_t* bad_index) const;
  void map_tables(uint64_t memory_limit);
  const uint8_t* key(size_t i) const { return keys_.get() + 64 * i; }
  const uint8_t* table(size_t i) const { return arena_.get() + table_stride_ * i; }

  const Kernel& kernel_;  // the one in force when the ring was made: tables differ between kernels
  size_t count_;
  bool has_za_;
  std::unique_ptr<uint8_t[]> keys_, za_;
  size_t table_stride_, table_count_ = 0;
  std::unique_ptr<uint8_t, Unmap> arena_;
};

}  // namespace accel::sm2
