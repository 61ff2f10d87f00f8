// A growing array of hashes that is not cleared before it is written.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "merkle/recycler.hpp"
#include "merkle/rule.hpp"

namespace accel::merkle {

class NodeBuffer {
 public:
  NodeBuffer() = default;
  NodeBuffer(NodeBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), capacity_(std::exchange(other.capacity_, 0)) {}
  NodeBuffer& operator=(NodeBuffer&&) = delete;
  ~NodeBuffer() { release(); }

  uint8_t* at(uint64_t position) { return data_ + position * kHashSize; }
  const uint8_t* at(uint64_t position) const { return data_ + position * kHashSize; }

  // Room for `nodes`; what is there stays. Beyond the first time capacity doubles, so that appending one by one costs a
  // constant share each. Throws std::bad_alloc and then nothing has changed. at(0) begins a cache line.
  void reserve(uint64_t nodes) {
    if (nodes <= capacity_) return;
    if (nodes > kMaxNodes) throw std::bad_alloc();
    size_t size = (std::max(nodes, 2 * capacity_) * kHashSize + kLine - 1) / kLine * kLine;
    uint8_t* grown;
    if (is_large(bytes())) {
      grown = Recycler::grow(data_, bytes(), &size);
    } else {
      grown = is_large(size) ? Recycler::global().take(&size) : allocate_small(size);
      if (data_ != nullptr) std::memcpy(grown, data_, bytes());
      release();
    }
    data_ = grown;
    capacity_ = size / kHashSize;
  }

 private:
  static constexpr size_t kLine = 64;

  static bool is_large(size_t size) { return size >= Recycler::kSmallest; }
  static uint8_t* allocate_small(size_t size) {
    void* data = std::aligned_alloc(kLine, size);
    if (data == nullptr) throw std::bad_alloc();
    return static_cast<uint8_t*>(data);
  }

  size_t bytes() const { return capacity_ * kHashSize; }
  void release() {
    if (is_large(bytes())) {
      Recycler::global().put(data_, bytes());
    } else {
      std::free(data_);
    }
  }

  // 2^48 bytes: what a process can address on x86-64 and ARM. Also keeps the products here far from 2^64.
  static constexpr uint64_t kMaxNodes = (UINT64_C(1) << 48) / kHashSize;

  uint8_t* data_ = nullptr;
  uint64_t capacity_ = 0;  // nodes
};

}  // namespace accel::merkle
