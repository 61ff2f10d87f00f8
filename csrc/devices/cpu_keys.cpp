#include "devices/cpu_keys.hpp"

#include <algorithm>
#include <cstring>
#include <set>

#include "sm2/select.hpp"

namespace accel::cpu {

// ZA under the default ID stands ready in the ring; other IDs hash it for each command.
bool LoadedKeys::load(sm2::Strided keys, size_t count, uint32_t* handles_out) {
  if (count > kMaxLoadedKeys - size_) return false;
  const sm2::Kernel& kernel = sm2::active_kernel();
  std::vector<uint8_t> points;
  std::vector<uint32_t> indices(count, UINT32_MAX);
  for (size_t i = 0; i < count; ++i) {
    if (!kernel.on_curve(keys[i])) continue;
    indices[i] = static_cast<uint32_t>(points.size() / 64);
    points.insert(points.end(), keys[i], keys[i] + 64);
  }
  std::shared_ptr<const sm2::KeyRing> ring;
  if (!points.empty()) {
    const uint64_t used = table_bytes(), left = used < kLoadedTableMemory ? kLoadedTableMemory - used : 1;
    const sm2::Identity identity(reinterpret_cast<const uint8_t*>(ACCEL_SM2_DEFAULT_ID), ACCEL_SM2_DEFAULT_ID_LENGTH);
    size_t bad_index;
    ring = std::make_shared<const sm2::KeyRing>(sm2::Strided{points.data(), 64}, points.size() / 64, identity, left,
                                                &bad_index);
  }
  const std::vector<uint32_t> handles = take_handles(count);
  for (size_t i = 0; i < count; ++i) {
    LoadedKey& key = keys_[handles[i]];
    if (indices[i] != UINT32_MAX) key.ring = ring, key.index = indices[i];
    key.present = true;
    std::memcpy(key.bytes, keys[i], 64);
    handles_out[i] = handles[i];
  }
  size_ += count;
  return true;
}

bool LoadedKeys::unload(const uint32_t* handles, size_t count) {
  const std::set<uint32_t> different(handles, handles + count);
  if (different.size() != count) return false;
  for (const uint32_t handle : different) {
    if (find(handle) == nullptr) return false;
  }
  free_.reserve(free_.size() + count);
  for (const uint32_t handle : different) {
    keys_[handle] = {};
    free_.push_back(handle);
  }
  size_ -= count;
  return true;
}

uint64_t LoadedKeys::table_bytes() const {
  std::set<const sm2::KeyRing*> rings;
  for (const LoadedKey& key : keys_) rings.insert(key.ring.get());
  uint64_t bytes = 0;
  for (const sm2::KeyRing* ring : rings) bytes += ring == nullptr ? 0 : ring->table_bytes();
  return bytes;
}

// Handles that were given back come first.
std::vector<uint32_t> LoadedKeys::take_handles(size_t count) {
  const size_t again = std::min(count, free_.size());
  const size_t before = keys_.size();
  keys_.resize(before + (count - again));
  std::vector<uint32_t> handles(free_.end() - again, free_.end());
  for (size_t i = before; i < keys_.size(); ++i) handles.push_back(static_cast<uint32_t>(i));
  free_.resize(free_.size() - again);
  return handles;
}

}  // namespace accel::cpu
