// Keys of rings that stand on a device, by handle. For one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/link.hpp"
#include "runtime/work.hpp"

namespace accel::runtime {

class RingKeys {
 public:
  explicit RingKeys(Link& link) : link_(link) {}

  // Handles of the keys of the work's ring, loaded when they are not there yet and `idle` (no command is in flight, so
  // that others may give way); null: keys by value.
  const uint32_t* handles_for(const Work& work, bool idle);
  // After a reset there are none.
  void forget() { loaded_.clear(); }

 private:
  struct Loaded {
    std::weak_ptr<const sm2::RingLifetime> ring;
    std::vector<uint32_t> handles;  // empty: the device had no memory for them
    uint64_t last_use;
  };
  void make_room(uint64_t keys);
  void unload(size_t i);
  uint64_t used() const;

  Link& link_;
  std::vector<Loaded> loaded_;
  uint64_t uses_ = 0;
};

}  // namespace accel::runtime
