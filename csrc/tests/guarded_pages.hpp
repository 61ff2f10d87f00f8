// Memory that ends where it ends: one byte further faults.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

namespace accel::testing {

// The pages that `bytes` fill (a multiple of page_size()), between pages that must not be touched.
class GuardedPages {
 public:
  static size_t page_size() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

  explicit GuardedPages(const std::vector<uint8_t>& bytes) : size_(bytes.size()) {
    mapping_ = static_cast<uint8_t*>(
        mmap(nullptr, size_ + 2 * page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (mapping_ == MAP_FAILED) throw std::bad_alloc();
    std::memcpy(begin(), bytes.data(), size_);
    if (mprotect(mapping_, page_size(), PROT_NONE) != 0 || mprotect(end(), page_size(), PROT_NONE) != 0) {
      throw std::bad_alloc();
    }
  }
  ~GuardedPages() { munmap(mapping_, size_ + 2 * page_size()); }
  GuardedPages(const GuardedPages&) = delete;
  GuardedPages& operator=(const GuardedPages&) = delete;
  uint8_t* begin() const { return mapping_ + page_size(); }
  uint8_t* end() const { return begin() + size_; }

 private:
  size_t size_;
  uint8_t* mapping_;
};

}  // namespace accel::testing
