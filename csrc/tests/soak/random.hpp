// Choices of one thread: the same seed, the same choices.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>

namespace accel::soak {

class Random {
 public:
  explicit Random(uint64_t seed) : words_(seed) {}
  uint64_t word() { return words_(); }
  uint64_t below(uint64_t n) { return words_() % n; }
  uint64_t between(uint64_t least, uint64_t most) { return least + below(most - least + 1); }
  bool once_in(uint64_t n) { return below(n) == 0; }
  // 1 to `most`, as often 1 to 2 as 2 to 4 ...; now and then just `most`.
  uint64_t size(uint64_t most) {
    if (once_in(16)) return most;
    const double exponent = std::log2(static_cast<double>(most)) * static_cast<double>(below(1 << 20)) / (1 << 20);
    return static_cast<uint64_t>(std::exp2(exponent));
  }

 private:
  std::mt19937_64 words_;
};

}  // namespace accel::soak
