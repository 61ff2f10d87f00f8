#include "sm2/table_arena.hpp"

#include <sys/mman.h>

#include <new>

namespace accel::sm2 {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

size_t round_up(size_t size) { return (size + kHugePage - 1) / kHugePage * kHugePage; }

}  // namespace

TableArena::TableArena(size_t size) {
  if (size == 0) return;
  if (size > SIZE_MAX / 2) throw std::bad_alloc();
  mapped_ = round_up(size) + kHugePage;
  mapping_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping_ == MAP_FAILED) throw std::bad_alloc();
  const uintptr_t start = reinterpret_cast<uintptr_t>(mapping_);
  base_ = static_cast<uint8_t*>(mapping_) + (round_up(start) - start);
#if defined(MADV_HUGEPAGE)
  madvise(base_, round_up(size), MADV_HUGEPAGE);  // a wish: without it everything works, more slowly
#endif
}

TableArena::~TableArena() {
  if (mapping_ != nullptr) munmap(mapping_, mapped_);
}

}  // namespace accel::sm2
