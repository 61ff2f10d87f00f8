// Keys of rings that stand on a device, by handle. For one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/link.hpp"
#include "runtime/work.hpp"

namespace accel::runtime {

class RingKeys {
 public:
  explicit RingKeys(Link& link) : link_(link) {}

  // A copy of a ring's keys: while a driver loads them, for as long as it likes, nothing of the caller's is in use.
  struct Missing {
    std::weak_ptr<const sm2::RingLifetime> ring;
    std::vector<uint8_t> keys;  // 64 each
  };
  // The keys of the work's ring, where the device takes them and does not have them yet.
  std::optional<Missing> missing(const Work& work) const;
  // While no command is in flight: other rings may have to give way.
  void load(const Missing& missing);
  // Handles of the keys of the work's ring; null: keys by value.
  const uint32_t* handles_for(const Work& work);
  // After a reset there are none.
  void forget() { loaded_.clear(); }

 private:
  struct Loaded {
    std::weak_ptr<const sm2::RingLifetime> ring;
    std::vector<uint32_t> handles;  // empty: the device had no memory for them
    uint64_t last_use;
  };
  bool takes(const Work& work) const;
  void make_room(uint64_t keys);
  void unload(size_t i);
  uint64_t used() const;

  Link& link_;
  std::vector<Loaded> loaded_;
  uint64_t uses_ = 0;
};

}  // namespace accel::runtime
