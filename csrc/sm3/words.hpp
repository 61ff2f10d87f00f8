// SM3's functions on one 32-bit word and the schedule of a block of padding, for every kernel. In an anonymous
// namespace and without the standard library's templates: a file compiled for more than the baseline may include it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace accel::sm3 {
namespace {

constexpr size_t kRounds = 64;

constexpr uint32_t rotl(uint32_t x, unsigned n) { return x << (n % 32) | x >> ((32 - n) % 32); }
constexpr uint32_t p0(uint32_t x) { return x ^ rotl(x, 9) ^ rotl(x, 17); }
constexpr uint32_t p1(uint32_t x) { return x ^ rotl(x ^ rotl(x, 8), 15); }

// GB/T 32905, 5.3.3: T_j <<< j.
constexpr uint32_t round_constant(unsigned j) { return rotl(j < 16 ? 0x79cc4519u : 0x7a879d8au, j); }

// GB/T 32905, 5.3.2: W_j for j >= 16 from the words before it.
constexpr uint32_t expand(uint32_t w16, uint32_t w9, uint32_t w3, uint32_t w13, uint32_t w6) {
  return p1(w16 ^ w9 ^ rotl(w3, 15)) ^ rotl(w13, 7) ^ w6;
}

// The words of a big-endian machine, on either kind.
constexpr uint32_t big_endian(uint32_t word) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return __builtin_bswap32(word);
#else
  return word;
#endif
}

[[maybe_unused]] inline uint32_t load_be(const uint8_t* bytes) {
  uint32_t word;
  std::memcpy(&word, bytes, 4);
  return big_endian(word);
}

[[maybe_unused]] inline void store_be(uint8_t* bytes, uint32_t word) {
  word = big_endian(word);
  std::memcpy(bytes, &word, 4);
}

// The expanded last block of every message of `total` bytes where that is a multiple of 64: all of it is padding.
struct PaddingSchedule {
  uint64_t total = 1;  // no multiple of 64: holds no schedule yet
  uint32_t w[kRounds], ww[kRounds];
};

constexpr void expand_padding(PaddingSchedule* schedule, uint64_t total) {
  uint32_t w[kRounds + 4] = {0x80000000u};
  w[14] = static_cast<uint32_t>(total >> 29);
  w[15] = static_cast<uint32_t>(total << 3);
  for (size_t i = 16; i < kRounds + 4; i++) w[i] = expand(w[i - 16], w[i - 9], w[i - 3], w[i - 13], w[i - 6]);
  for (size_t i = 0; i < kRounds; i++) {
    schedule->w[i] = w[i];
    schedule->ww[i] = w[i] ^ w[i + 4];
  }
  schedule->total = total;
}

}  // namespace
}  // namespace accel::sm3
