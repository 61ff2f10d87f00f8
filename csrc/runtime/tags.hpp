// Tags of a device's commands.
#pragma once

#include <cstdint>

namespace accel::runtime {

// Far apart: a device that gives a tag back one higher, with a bit changed or cut off names no other command, whose
// answers may not be there yet. Multiples of 2^64 over the golden ratio: of 2^16 in a row no two are nearer to each
// other than 2^46 (Knuth, The Art of Computer Programming, vol. 3, section 6.4, theorem S), and none of the first 2^20
// differ in one bit alone.
class Tags {
 public:
  explicit Tags(uint64_t first) : next_(first) {}
  uint64_t next() { return next_ += UINT64_C(0x9e3779b97f4a7c15); }

 private:
  uint64_t next_;
};

}  // namespace accel::runtime
