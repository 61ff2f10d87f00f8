// Memory that holds secrets: wiped when it goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/ctime.hpp"
#include "base/wipe.hpp"

namespace accel::sm2 {

// A fixed array on the stack or in an object, wiped when it goes.
template <typename T, size_t N>
class SecretArray {
 public:
  SecretArray() = default;
  ~SecretArray() { wipe(data_, sizeof data_); }
  SecretArray(const SecretArray&) = delete;
  SecretArray& operator=(const SecretArray&) = delete;
  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }

 private:
  T data_[N];
};

// Bytes on the heap whose number is known only at run time, wiped when they go.
class SecretBytes {
 public:
  explicit SecretBytes(size_t capacity) : data_(new uint8_t[capacity]()), capacity_(capacity), size_(capacity) {}
  ~SecretBytes() {
    if (data_) wipe(data_.get(), capacity_);
  }
  SecretBytes(SecretBytes&& other) noexcept = default;
  SecretBytes& operator=(SecretBytes&&) = delete;
  uint8_t* data() { return data_.get(); }
  const uint8_t* data() const { return data_.get(); }
  size_t size() const { return size_; }
  void shrink(size_t size) { size_ = size; }  // at most the capacity

 private:
  std::unique_ptr<uint8_t[]> data_;
  size_t capacity_;
  size_t size_;
};

}  // namespace accel::sm2
