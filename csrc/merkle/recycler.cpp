#include "merkle/recycler.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace accel::merkle {
namespace {

constexpr size_t kPage = size_t{64} << 10;  // a multiple of every page size in use

size_t whole_pages(size_t size) { return (size + kPage - 1) / kPage * kPage; }

// A wish. With small pages, the page faults of a tree over 2^20 leaves take 15 ms, half of what a vector kernel takes
// to hash it. For the whole buffer, also where no huge page fits in: advice for a part of it would split the mapping,
// and mremap moves one mapping only.
void prefer_huge_pages(uint8_t* data, size_t size) { madvise(data, size, MADV_HUGEPAGE); }

uint8_t* map_pages(size_t size) {
  void* const data = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) throw std::bad_alloc();
  prefer_huge_pages(static_cast<uint8_t*>(data), size);
  return static_cast<uint8_t*>(data);
}

}  // namespace

Recycler& Recycler::global() {
  // Never destroyed: trees may be freed while the process ends.
  static Recycler& recycler = *new Recycler;
  return recycler;
}

Recycler::~Recycler() {
  for (size_t i = 0; i < count_; ++i) munmap(buffers_[i].data, buffers_[i].size);
}

uint8_t* Recycler::take(size_t* size) {
  if (uint8_t* const kept = take_kept(size)) return kept;
  *size = whole_pages(*size);
  return map_pages(*size);
}

uint8_t* Recycler::take_kept(size_t* size) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return nullptr;
  size_t best = count_;
  for (size_t i = 0; i < count_; ++i) {
    if (buffers_[i].size < *size || buffers_[i].size / 4 > *size) continue;
    if (best == count_ || buffers_[i].size < buffers_[best].size) best = i;
  }
  if (best == count_) return nullptr;
  const Buffer buffer = buffers_[best];
  forget(best);
  *size = buffer.size;
  return buffer.data;
}

uint8_t* Recycler::grow(uint8_t* data, size_t old_size, size_t* size) {
  *size = whole_pages(*size);
  // Moves pages instead of what is in them.
  void* const moved = mremap(data, old_size, *size, MREMAP_MAYMOVE);
  if (moved != MAP_FAILED) {
    prefer_huge_pages(static_cast<uint8_t*>(moved), *size);
    return static_cast<uint8_t*>(moved);
  }
  // Who set something for a part of the buffer (a debugger, a checkpointing tool, mlock) has split the mapping.
  uint8_t* const grown = map_pages(*size);
  std::memcpy(grown, data, old_size);
  munmap(data, old_size);
  return grown;
}

void Recycler::put(uint8_t* data, size_t size) {
  std::unique_lock lock(mutex_, std::defer_lock);
  if (size > kMostBytes || !lock.try_lock()) {
    munmap(data, size);
    return;
  }
  while (count_ == kMostBuffers || bytes_ + size > kMostBytes) {
    munmap(buffers_[0].data, buffers_[0].size);
    forget(0);
  }
  madvise(data, size, MADV_FREE);  // a wish: where it is unknown the pages stay
  buffers_[count_++] = {data, size};
  bytes_ += size;
}

size_t Recycler::kept_bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

size_t Recycler::kept_buffers() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

void Recycler::forget(size_t index) {
  bytes_ -= buffers_[index].size;
  std::copy(buffers_.data() + index + 1, buffers_.data() + count_, buffers_.data() + index);
  --count_;
}

}  // namespace accel::merkle
