// Devices over fake drivers, and work whose right answers the CPU has given.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "devices/cpu_sm3.hpp"
#include "fake_driver.hpp"
#include "runtime/device.hpp"
#include "runtime/hasher.hpp"
#include "sanitizer.hpp"
#include "sm2_signed.hpp"

namespace accel::runtime::testing {

constexpr uint64_t kMillisecond = 1'000'000, kSecond = 1'000'000'000;

// Under the thread sanitizer arithmetic takes a hundred times as long.
constexpr size_t kSlow = kThreadSanitizer ? 10 : 1;
// Fewer items there.
constexpr size_t some(size_t count) { return (count + kSlow - 1) / kSlow; }
// For tests that wait for a time-out; no command that is not lost takes so long.
constexpr uint64_t kLostAfter = 300 * kMillisecond * kSlow;

// Signatures made once: they cost more than all else here.
inline const sm2::testing::Signed& signed_items() {
  static const sm2::testing::Signed items(8, 1000);
  return items;
}

inline const std::unordered_map<std::string, uint8_t>& known_items() {
  static const auto known = [] {
    std::unordered_map<std::string, uint8_t> map;
    const sm2::testing::Signed& items = signed_items();
    for (size_t i = 0; i < items.count(); ++i) {
      std::string item(reinterpret_cast<const char*>(&items.keys[64 * i]), 64);
      item.append(reinterpret_cast<const char*>(&items.signatures[64 * i]), 64);
      item.append(reinterpret_cast<const char*>(&items.digests[32 * i]), 32);
      map.emplace(std::move(item), items.expected[i]);
    }
    return map;
  }();
  return known;
}

// `count` items, some valid and some not, in memory of their own.
struct Batch {
  explicit Batch(size_t count, uint8_t seed = 1)
      : status(count, 0xaa), hashes(32 * count), expected_hashes(32 * count) {
    const sm2::testing::Signed& items = signed_items();
    for (size_t i = 0; i < count; ++i) {
      const size_t k = (i * 7 + seed) % items.count();
      append(&keys, &items.keys[64 * k], 64);
      append(&signatures, &items.signatures[64 * k], 64);
      append(&digests, &items.digests[32 * k], 32);
      expected.push_back(items.expected[k]);
      indices.push_back(items.signer[k]);
      const size_t length = (i * 37 + seed) % 150;
      for (size_t j = 0; j < length; ++j) messages.push_back(static_cast<uint8_t>(i + j * seed));
      offsets.push_back(static_cast<int64_t>(messages.size()));
    }
    std::fill(status.begin(), status.end(), static_cast<uint8_t>(ACCEL_NOT_CHECKED));
    if (count != 0) cpu::sm3_hash(expected_hashes.data(), ragged());
  }

  size_t count() const { return expected.size(); }

  Messages ragged() const {
    accel_messages view = {};
    view.struct_size = sizeof view;
    view.layout = ACCEL_LAYOUT_RAGGED64;
    view.data = messages.data();
    view.data_size = messages.size();
    view.offsets = offsets.data();
    return Messages(&view, count(), "messages");
  }

  Work verify_digest() {
    Work work;
    work.op = Op::kVerifyDigest;
    work.count = count();
    work.keys = {keys.data(), 64};
    work.signatures = {signatures.data(), 64};
    work.digests = {digests.data(), 32};
    work.status = status.data();
    return work;
  }
  Work hash() {
    Work work;
    work.op = Op::kHash;
    work.count = count();
    work.messages.emplace(ragged());
    work.digests_out = hashes.data();
    return work;
  }

  // The same bytes as messages of one length.
  Work hash_equal(size_t length = 32) {
    Work work = hash();
    work.messages.emplace(digests.data(), 32, length, count());
    cpu::sm3_hash(expected_hashes.data(), *work.messages);
    return work;
  }

  std::vector<uint8_t> keys, signatures, digests, expected, messages, status, hashes, expected_hashes;
  std::vector<uint32_t> indices;
  std::vector<int64_t> offsets = {0};

 private:
  static void append(std::vector<uint8_t>* to, const uint8_t* from, size_t size) {
    to->insert(to->end(), from, from + size);
  }
};

// A device over fakes. Nothing times out unless a test says so, and no command is cut because a known-answer test was
// slow.
struct Rig {
  std::vector<std::shared_ptr<Behaviour>> fakes;
  DeviceOptions options;
  bool own = false;  // taken for a driver of this library
  std::shared_ptr<Device> device;

  explicit Rig(size_t count = 1) {
    for (size_t i = 0; i < count; ++i) {
      fakes.push_back(std::make_shared<Behaviour>());
      fakes.back()->known = &known_items();
    }
    options.trust.command_timeout_ns = 600 * kSecond;
    options.trust.call_timeout_ns = 30 * kSecond;
  }
  void open() {
    std::vector<devices::Found> drivers;
    std::vector<std::string> names;
    for (size_t i = 0; i < fakes.size(); ++i) {
      drivers.push_back(found(fakes[i], own));
      names.push_back("fake" + std::to_string(i));
    }
    device = Device::open(std::move(drivers), names, options);
  }
  Behaviour& fake(size_t i = 0) { return *fakes[i]; }

  uint64_t stat(const std::string& of, const std::string& name) const {
    for (const DeviceStat& stat : device->stats()) {
      if (stat.device == of && stat.name == name) return stat.value;
    }
    ADD_FAILURE() << of << " has no " << name;
    return 0;
  }
  uint64_t stat(const std::string& name) const { return stat("fake0", name); }
  // Verdicts delivered by all devices and the CPU: each counted once.
  uint64_t verified() const {
    uint64_t sum = stat("fallback", "items.sm2_verify");
    for (size_t i = 0; i < fakes.size(); ++i) sum += stat("fake" + std::to_string(i), "items.sm2_verify");
    return sum;
  }
};

template <typename Condition>
bool eventually(Condition&& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

}  // namespace accel::runtime::testing
