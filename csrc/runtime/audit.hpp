// How far a device is believed: which of its answers are computed again on the CPU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "runtime/work.hpp"

namespace accel::runtime {

enum class Audit : uint8_t {
  kSample,  // a sample of each command before it is delivered: finds devices that fail, certifies nothing
  kHold,    // the same, and nothing is delivered before the sample of a whole window is clean
  kFull     // everything: certifies
};

// Chooses one of each `rate` items in a row, with the same chance for each of them: so a chance of 1 in `rate` for
// every item, whatever the sizes of the commands that they come in.
class Sampler {
 public:
  Sampler(uint32_t rate, uint64_t seed);
  // Of `count` items that follow those of the call before: increasing.
  std::vector<size_t> choose(size_t count);

 private:
  const uint32_t rate_;
  std::mt19937_64 random_;
  uint64_t place_;         // of the chosen item in its row
  uint64_t position_ = 0;  // of the next item in its row
};

// Items to be computed again: the sample, every rejection, or all of them.
std::vector<size_t> items_to_check(const Work& work, size_t begin, size_t end, const uint8_t* answers, bool all,
                                   Sampler& sampler);

// Computes `chosen` items of [begin, end) again: how many answers are wrong. (kMerkle: 1 for any number.) `points`: R
// of each item as the device gave it, or null; with it valid signatures are checked together.
size_t wrong_answers(const Work& work, size_t begin, size_t end, const std::vector<size_t>& chosen,
                     const uint8_t* answers, const uint8_t* points);

}  // namespace accel::runtime
