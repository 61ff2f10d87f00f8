#include "runtime/ring_keys.hpp"

#include <algorithm>

namespace accel::runtime {

bool RingKeys::takes(const Work& work) const {
  if (work.ring == nullptr || link_.caps().max_keys == 0 || !link_.has_flag(ACCEL_COMMAND_HANDLES)) return false;
  return work.ring->size() != 0 && work.ring->size() <= link_.caps().max_keys;
}

std::optional<RingKeys::Missing> RingKeys::missing(const Work& work) const {
  if (!takes(work)) return std::nullopt;
  const std::shared_ptr<const sm2::RingLifetime> ring = work.ring->lifetime().lock();
  for (const Loaded& loaded : loaded_) {
    if (loaded.ring.lock() == ring) return std::nullopt;
  }
  const uint8_t* const keys = work.ring->key(0);
  return Missing{ring, {keys, keys + 64 * work.ring->size()}};
}

void RingKeys::load(const Missing& missing) {
  const size_t count = missing.keys.size() / 64;
  make_room(count);
  Loaded loaded{missing.ring, std::vector<uint32_t>(count), ++uses_};
  if (!link_.load_keys(missing.keys.data(), count, loaded.handles.data())) loaded.handles.clear();
  loaded_.push_back(std::move(loaded));
}

const uint32_t* RingKeys::handles_for(const Work& work) {
  if (!takes(work)) return nullptr;
  const std::shared_ptr<const sm2::RingLifetime> ring = work.ring->lifetime().lock();
  ++uses_;
  for (Loaded& loaded : loaded_) {
    if (loaded.ring.lock() != ring) continue;
    loaded.last_use = uses_;
    return loaded.handles.empty() ? nullptr : loaded.handles.data();
  }
  return nullptr;
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
