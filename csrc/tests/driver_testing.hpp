// A device behind accel/driver.h, opened by its name, and batches whose right answers are known from accel.h.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "accel/accel.h"
#include "accel/driver.h"
#include "devices/registry.hpp"

namespace accel::devices::testing {

using Bytes = std::vector<uint8_t>;

constexpr uint64_t kSecond = 1000000000;

inline accel_driver_host quiet_host() {
  accel_driver_host host = {};
  host.struct_size = sizeof host;
  host.abi_version = ACCEL_DRIVER_ABI_VERSION;
  host.log = [](void*, int32_t, const char*) {};
  return host;
}

class OpenDevice {
 public:
  explicit OpenDevice(const std::string& name) : found_(find(name)), host_(quiet_host()) {
    opened = found_.driver->open(found_.options.c_str(), &host_, &device);
    if (opened != ACCEL_DRIVER_OK) return;
    caps.struct_size = sizeof caps;
    EXPECT_EQ(ACCEL_DRIVER_OK, driver().caps(device, &caps));
  }
  ~OpenDevice() {
    if (opened == ACCEL_DRIVER_OK) driver().close(device);
  }
  OpenDevice(const OpenDevice&) = delete;
  OpenDevice& operator=(const OpenDevice&) = delete;

  const accel_driver& driver() const { return *found_.driver; }

  int32_t enqueue(const accel_command& command, uint32_t queue = 0) {
    return driver().enqueue_burst(device, queue, &command, 1);
  }
  // The next completion; status NONE when none comes in time, which is ample: a sanitizer on a busy machine is slow.
  accel_completion next(uint32_t queue = 0, uint64_t timeout_ns = 300 * kSecond) {
    accel_completion completion = {};
    if (driver().wait(device, queue, timeout_ns) == 1) driver().dequeue_burst(device, queue, &completion, 1);
    return completion;
  }
  accel_completion run(const accel_command& command, uint32_t queue = 0) {
    EXPECT_EQ(1, enqueue(command, queue));
    return next(queue);
  }
  uint64_t stat(const std::string& name) {
    std::vector<accel_driver_stat> all(256);
    const int32_t count = driver().stats(device, all.data(), 256);
    for (int32_t i = 0; i < count && i < 256; ++i) {
      if (all[i].name == name) return all[i].value;
    }
    ADD_FAILURE() << "no stat " << name;
    return 0;
  }

  accel_driver_device* device = nullptr;
  int32_t opened = ACCEL_DRIVER_FAULT;
  accel_device_caps caps = {};

 private:
  Found found_;
  accel_driver_host host_;
};

inline accel_command command_of(uint16_t opcode, uint64_t tag, uint64_t count) {
  accel_command command = {};
  command.struct_size = sizeof command;
  command.opcode = opcode;
  command.tag = tag;
  command.count = count;
  return command;
}

// Signatures of a few keys over messages, some of them spoilt, in one block of memory that a device can register.
class Batch {
 public:
  static constexpr size_t kMessage = 40;

  explicit Batch(size_t n) : count(n), memory(4096 + n * 512) {
    messages = take(kMessage * n);
    keys = take(64 * n);
    signatures = take(64 * n);
    digests = take(32 * n);
    offsets = reinterpret_cast<uint64_t*>(take(8 * n + 8));
    handles = reinterpret_cast<uint32_t*>(take(4 * n));
    status = take(n);
    points = take(64 * n);
    output = take(64 * n + 64);
    id = take(16);
    std::memcpy(id, ACCEL_SM2_DEFAULT_ID, 16);
    for (size_t i = 0; i < kMessage * n; ++i) messages[i] = static_cast<uint8_t>(i * 31 + i / kMessage);
    for (size_t i = 0; i <= n; ++i) offsets[i] = kMessage * i;
    sign();
    expect();
  }

  accel_command sm3(uint64_t tag = 1) {
    accel_command command = command_of(ACCEL_OP_SM3, tag, count);
    command.messages = messages;
    command.messages_stride = command.message_length = kMessage;
    command.output = output;
    command.output_size = 32 * count;
    return command;
  }
  accel_command verify_digests(uint64_t tag = 1) {
    accel_command command = command_of(ACCEL_OP_SM2_VERIFY_DIGEST, tag, count);
    command.keys = keys;
    command.keys_stride = command.signatures_stride = 64;
    command.signatures = signatures;
    command.digests = digests;
    command.digests_stride = 32;
    command.status_out = status;
    std::memset(status, ACCEL_NOT_CHECKED, count);
    return command;
  }
  accel_command verify(uint64_t tag = 1) {
    accel_command command = verify_digests(tag);
    command.opcode = ACCEL_OP_SM2_VERIFY;
    command.digests = nullptr;
    command.digests_stride = 0;
    command.messages = messages;
    command.messages_stride = command.message_length = kMessage;
    command.id = id;
    command.id_length = 16;
    return command;
  }
  accel_command merkle(uint16_t opcode, uint32_t rule, uint64_t tag = 1) {
    accel_command command = command_of(opcode, tag, count);
    command.digests = digests;
    command.digests_stride = 32;
    command.rule = rule;
    command.output = output;
    command.output_size = 64 * count + 64;
    return command;
  }
  Bytes statuses() const { return Bytes(status, status + count); }

  const size_t count;
  Bytes memory;
  uint8_t *messages, *keys, *signatures, *digests, *status, *points, *output, *id;
  uint64_t* offsets;
  uint32_t* handles;
  Bytes expected;         // statuses
  Bytes expected_hashes;  // of the messages

 private:
  uint8_t* take(size_t size) {
    uint8_t* const at = memory.data() + used_;
    used_ += (size + 63) / 64 * 64;
    EXPECT_LE(used_, memory.size());
    return at;
  }
  accel_messages view() const {
    accel_messages all = {};
    all.struct_size = sizeof all;
    all.data = messages;
    all.stride = all.length = kMessage;
    return all;
  }
  void sign() {
    constexpr size_t kKeys = 5;
    accel_sm2_private_key* secret[kKeys];
    ASSERT_EQ(ACCEL_OK, accel_sm2_private_key_generate_many(nullptr, secret, kKeys)) << accel_last_error();
    std::vector<uint32_t> indices(count);
    for (size_t i = 0; i < count; ++i) {
      indices[i] = static_cast<uint32_t>(i % kKeys);
      accel_sm2_private_key_public(secret[i % kKeys], keys + 64 * i);
    }
    const accel_messages all = view();
    ASSERT_EQ(ACCEL_OK, accel_sm2_sign_many(nullptr, signatures, secret, kKeys, indices.data(), &all, id, 16, count));
    for (accel_sm2_private_key* key : secret) accel_sm2_private_key_free(key);
    if (count > 11) {
      signatures[64 * 3 + 63] ^= 1;
      keys[64 * 7] ^= 1;
      std::memset(signatures + 64 * 9, 0, 32);
    }
  }
  void expect() {
    const accel_messages all = view();
    expected.resize(count);
    expected_hashes.resize(32 * count);
    ASSERT_EQ(ACCEL_OK, accel_sm2_digest_many(nullptr, digests, keys, 64, &all, id, 16, count));
    ASSERT_EQ(ACCEL_OK,
              accel_sm2_verify_digest_many(nullptr, expected.data(), keys, 64, signatures, 64, digests, 32, count));
    ASSERT_EQ(ACCEL_OK, accel_sm3_hash_messages(nullptr, expected_hashes.data(), &all, count));
  }
  size_t used_ = 0;
};

}  // namespace accel::devices::testing
