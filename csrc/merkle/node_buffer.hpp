// A growing array of hashes that is not cleared before it is written.
#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include "merkle/rule.hpp"

namespace accel::merkle {

class NodeBuffer {
 public:
  uint8_t* at(uint64_t position) { return data_.get() + position * kHashSize; }
  const uint8_t* at(uint64_t position) const { return data_.get() + position * kHashSize; }

  // Room for `nodes`; what is there stays. Beyond the first time capacity doubles, so that appending one by one costs a
  // constant share each. Throws std::bad_alloc and then nothing has changed.
  void reserve(uint64_t nodes) {
    if (nodes <= capacity_) return;
    if (nodes > kMaxNodes) throw std::bad_alloc();
    const uint64_t wanted = std::max(nodes, 2 * capacity_);
    // realloc moves large arrays by remapping pages, without touching them
    void* grown = std::realloc(data_.get(), wanted * kHashSize);
    if (grown == nullptr) throw std::bad_alloc();
    static_cast<void>(data_.release());
    data_.reset(static_cast<uint8_t*>(grown));
    capacity_ = wanted;
    prefer_huge_pages(data_.get(), wanted * kHashSize);
  }

 private:
  struct Free {
    void operator()(uint8_t* data) const { std::free(data); }
  };

  // A wish, for the huge pages that lie wholly inside. With small pages, the page faults of a tree over 2^20 leaves
  // take 15 ms, half of what a vector kernel takes to hash it.
  static void prefer_huge_pages(uint8_t* data, uint64_t size) {
    constexpr uintptr_t kHugePage = uintptr_t{2} << 20;
    const auto address = reinterpret_cast<uintptr_t>(data);
    const uintptr_t begin = (address + kHugePage - 1) / kHugePage * kHugePage;
    const uintptr_t end = (address + size) / kHugePage * kHugePage;
    if (begin < end) madvise(data + (begin - address), end - begin, MADV_HUGEPAGE);
  }

  // 2^48 bytes: what a process can address on x86-64 and ARM. Also keeps the products here far from 2^64.
  static constexpr uint64_t kMaxNodes = (UINT64_C(1) << 48) / kHashSize;

  std::unique_ptr<uint8_t, Free> data_;
  uint64_t capacity_ = 0;  // nodes
};

}  // namespace accel::merkle
