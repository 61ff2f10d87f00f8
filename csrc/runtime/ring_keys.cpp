#include "runtime/ring_keys.hpp"

#include <algorithm>

namespace accel::runtime {

const uint32_t* RingKeys::handles_for(const Work& work, bool idle) {
  if (work.ring == nullptr || link_.caps().max_keys == 0 || !link_.has_flag(ACCEL_COMMAND_HANDLES)) return nullptr;
  const std::shared_ptr<const sm2::RingLifetime> ring = work.ring->lifetime().lock();
  const size_t keys = work.ring->size();
  if (keys == 0 || keys > link_.caps().max_keys) return nullptr;
  ++uses_;
  for (Loaded& loaded : loaded_) {
    if (loaded.ring.lock() != ring) continue;
    loaded.last_use = uses_;
    return loaded.handles.empty() ? nullptr : loaded.handles.data();
  }
  if (!idle) return nullptr;
  make_room(keys);
  Loaded loaded{ring, std::vector<uint32_t>(keys), uses_};
  if (!link_.load_keys(work.ring->key(0), keys, loaded.handles.data())) loaded.handles.clear();
  loaded_.push_back(std::move(loaded));
  return loaded_.back().handles.empty() ? nullptr : loaded_.back().handles.data();
}

// Rings that are freed go first, then those used longest ago.
void RingKeys::make_room(uint64_t keys) {
  for (size_t i = loaded_.size(); i-- > 0;) {
    if (loaded_[i].ring.expired()) unload(i);
  }
  while (!loaded_.empty() && used() + keys > link_.caps().max_keys) {
    const auto oldest = std::min_element(loaded_.begin(), loaded_.end(),
                                         [](const Loaded& a, const Loaded& b) { return a.last_use < b.last_use; });
    unload(static_cast<size_t>(oldest - loaded_.begin()));
  }
}

void RingKeys::unload(size_t i) {
  const std::vector<uint32_t> handles = std::move(loaded_[i].handles);
  loaded_.erase(loaded_.begin() + static_cast<std::ptrdiff_t>(i));
  if (!handles.empty()) link_.unload_keys(handles.data(), handles.size());
}

uint64_t RingKeys::used() const {
  uint64_t sum = 0;
  for (const Loaded& loaded : loaded_) sum += loaded.handles.size();
  return sum;
}

}  // namespace accel::runtime
