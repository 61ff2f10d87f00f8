// A kernel without arithmetic, for tests of what stands above kernels: a table is its key written again and again, so
// that a reader notices a table that is not whole, or another key's; time is what the kernel says has passed.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <vector>

#include "accel/accel.h"
#include "sm2/kernel.hpp"

namespace accel::sm2::testing::fake {

using Key = std::array<uint8_t, 64>;
using Signature = std::array<uint8_t, 64>;

constexpr size_t kStandardBytes = 512, kWideBytes = 1536;
constexpr uint64_t kBuildTime = 300000, kWideBuildTime = 600000;  // ns
constexpr uint8_t kBrokenTable = 99;                              // a status that no item may get

inline std::atomic<uint64_t> now{0}, build_time{0}, builds{0}, wide_items{0}, standard_items{0}, slow_items{0};
inline std::atomic<uint64_t> verify_time{8000};  // ns an item, tables or not

inline uint64_t clock() { return now.load(); }

// Key `number`, and a signature that is valid under it and no other.
inline Key make_key(uint32_t number) {
  Key key{};
  std::memcpy(key.data(), &number, sizeof number);
  for (size_t i = sizeof number; i < 64; ++i) key[i] = static_cast<uint8_t>(number * 7 + i);
  key[63] = 0;
  return key;
}
inline Key bad_key(uint32_t number) {
  Key key = make_key(number);
  key[63] = 0xff;
  return key;
}
inline Signature sign(const Key& key) {
  Signature signature{};
  std::memcpy(signature.data(), key.data(), 32);
  signature[32] = 1;
  return signature;
}

inline uint8_t check(const uint8_t* key, const uint8_t* signature) {
  if (signature[32] == 0) return ACCEL_BAD_RANGE;
  if (std::memcmp(key, signature, 32) != 0) return ACCEL_BAD_SIGNATURE;
  return ACCEL_OK;
}

inline void spend(size_t items) { now.fetch_add(verify_time.load() * items); }

inline void verify(uint8_t* status, Strided keys, Strided signatures, Strided, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    status[i] = check(keys[i], signatures[i]);
    if (keys[i][63] == 0xff) status[i] = ACCEL_BAD_KEY;
  }
  slow_items.fetch_add(count);
  spend(count);
}

template <size_t kBytes>
bool build(void* table, const uint8_t key[64]) {
  const uint64_t time = kBytes == kWideBytes ? kWideBuildTime : kBuildTime;
  now.fetch_add(time);
  build_time.fetch_add(time);
  builds.fetch_add(1);
  if (key[63] == 0xff) return false;
  for (size_t at = 0; at < kBytes; at += 64) std::memcpy(static_cast<uint8_t*>(table) + at, key, 64);
  return true;
}

template <size_t kBytes>
void verify_known(uint8_t* status, const void* const* tables, Strided signatures, Strided, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const auto* table = static_cast<const uint8_t*>(tables[i]);
    status[i] = check(table, signatures[i]);
    if (std::memcmp(table, table + 64, kBytes - 64) != 0) status[i] = kBrokenTable;
  }
  (kBytes == kWideBytes ? wide_items : standard_items).fetch_add(count);
  spend(count);
}

inline const Kernel kernel = {
    .name = "fake",
    .supported = nullptr,
    .verify = verify,
    .hinted = {},
    .recovery_hints = nullptr,
    .standard = {.width = 8,
                 .bytes = kStandardBytes,
                 .build = build<kStandardBytes>,
                 .verify = verify_known<kStandardBytes>},
    .wide = {.width = 10, .bytes = kWideBytes, .build = build<kWideBytes>, .verify = verify_known<kWideBytes>},
    .on_curve = [](const uint8_t key[64]) { return key[63] != 0xff; },
    .decompress = nullptr,
    .derive_sign_keys = nullptr,
    .public_keys = nullptr,
    .sign = nullptr,
};

// The same without wide tables.
inline const Kernel narrow_kernel = [] {
  Kernel narrow = kernel;
  narrow.wide = {};
  return narrow;
}();

inline void reset() {
  for (std::atomic<uint64_t>* counter : {&now, &build_time, &builds, &wide_items, &standard_items, &slow_items}) {
    counter->store(0);
  }
  verify_time.store(8000);
}

}  // namespace accel::sm2::testing::fake
