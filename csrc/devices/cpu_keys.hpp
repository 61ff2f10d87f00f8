// Public keys that are loaded on the CPU: a handle for each, tables for as many as the memory holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "sm2/keyring.hpp"

namespace accel::cpu {

inline constexpr uint64_t kMaxLoadedKeys = uint64_t{1} << 16;
inline constexpr uint64_t kLoadedTableMemory = uint64_t{1} << 28;  // of all rings together: built within seconds

// What a handle stands for. Immutable once published: a command that runs keeps the version it began with.
struct LoadedKey {
  std::shared_ptr<const sm2::KeyRing> ring;  // null: the key is no point of the curve, or nothing stands here
  uint32_t index = 0;                        // in the ring
  bool present = false;
  uint8_t bytes[64] = {};
};

class LoadedKeys {
 public:
  // False when there is no room for so many. handles_out: one for each key. Throws std::bad_alloc.
  bool load(sm2::Strided keys, size_t count, uint32_t* handles_out);
  // False, and nothing is done, when one of them is not loaded.
  bool unload(const uint32_t* handles, size_t count);

  size_t size() const { return size_; }
  // nullptr: no such handle.
  const LoadedKey* find(uint32_t handle) const {
    return handle < keys_.size() && keys_[handle].present ? &keys_[handle] : nullptr;
  }

 private:
  uint64_t table_bytes() const;
  std::vector<uint32_t> take_handles(size_t count);

  std::vector<LoadedKey> keys_;
  std::vector<uint32_t> free_;
  size_t size_ = 0;
};

}  // namespace accel::cpu
