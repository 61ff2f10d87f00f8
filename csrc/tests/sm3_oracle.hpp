// The tests' own SM3, written down from GB/T 32905-2016 as it stands there: one message, one round after the other,
// nothing shared with the kernels. test_sm3_lanes.cpp holds it against the standard's examples.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace accel::sm3::testing {

using Digest = std::array<uint8_t, 32>;

// V(i+1) = CF(V(i), B(i)), section 5.3.
inline void compress(std::array<uint32_t, 8>& v, const uint8_t* block) {
  const auto p0 = [](uint32_t x) { return x ^ std::rotl(x, 9) ^ std::rotl(x, 17); };
  const auto p1 = [](uint32_t x) { return x ^ std::rotl(x, 15) ^ std::rotl(x, 23); };
  std::array<uint32_t, 68> w;
  for (size_t j = 0; j < 68; ++j) {
    if (j < 16) {
      w[j] = uint32_t{block[4 * j]} << 24 | uint32_t{block[4 * j + 1]} << 16 | uint32_t{block[4 * j + 2]} << 8 |
             block[4 * j + 3];
    } else {
      w[j] = p1(w[j - 16] ^ w[j - 9] ^ std::rotl(w[j - 3], 15)) ^ std::rotl(w[j - 13], 7) ^ w[j - 6];
    }
  }
  auto [a, b, c, d, e, f, g, h] = v;
  for (int j = 0; j < 64; ++j) {
    const uint32_t t = j < 16 ? 0x79cc4519 : 0x7a879d8a;
    const uint32_t ff = j < 16 ? a ^ b ^ c : (a & b) | (a & c) | (b & c);
    const uint32_t gg = j < 16 ? e ^ f ^ g : (e & f) | (~e & g);
    const uint32_t ss1 = std::rotl(std::rotl(a, 12) + e + std::rotl(t, j % 32), 7);
    const uint32_t ss2 = ss1 ^ std::rotl(a, 12);
    const uint32_t tt1 = ff + d + ss2 + (w[static_cast<size_t>(j)] ^ w[static_cast<size_t>(j) + 4]);
    const uint32_t tt2 = gg + h + ss1 + w[static_cast<size_t>(j)];
    d = c;
    c = std::rotl(b, 9);
    b = a;
    a = tt1;
    h = g;
    g = std::rotl(f, 19);
    f = e;
    e = p0(tt2);
  }
  const std::array<uint32_t, 8> result = {a, b, c, d, e, f, g, h};
  for (size_t i = 0; i < 8; ++i) v[i] ^= result[i];
}

inline Digest digest(std::span<const uint8_t> message) {
  std::array<uint32_t, 8> v = {0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600,
                               0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e};
  std::vector<uint8_t> padded(message.begin(), message.end());
  padded.push_back(0x80);
  while (padded.size() % 64 != 56) padded.push_back(0);
  for (int shift = 56; shift >= 0; shift -= 8) padded.push_back(static_cast<uint8_t>(message.size() * 8 >> shift));
  for (size_t i = 0; i < padded.size(); i += 64) compress(v, padded.data() + i);
  Digest out;
  for (size_t i = 0; i < 32; ++i) out[i] = static_cast<uint8_t>(v[i / 4] >> (24 - 8 * (i % 4)));
  return out;
}

}  // namespace accel::sm3::testing
