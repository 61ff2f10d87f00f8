// accel.h: SM3.
#include "sm3/sm3.hpp"

#include <memory>

#include "capi/arrays.hpp"
#include "capi/devices.hpp"
#include "capi/guard.hpp"
#include "devices/cpu_sm3.hpp"

using accel::Messages;
using accel::capi::guard;
using accel::capi::require;
using accel::capi::require_array;
using accel::capi::require_bytes;

struct accel_sm3 {
  accel::sm3::Stream stream;
};

accel_status accel_sm3_hash_many(accel_device* device, uint8_t* digests_out, const uint8_t* messages,
                                 uint64_t messages_stride, uint64_t message_length, uint64_t count) {
  return guard([&] {
    const auto on = accel::capi::device_of(device);
    require_array(digests_out, count, "digests_out");
    const Messages checked(messages, messages_stride, message_length, count);
    on == nullptr ? accel::cpu::sm3_hash(digests_out, checked) : on->run(accel::capi::hash_work(digests_out, checked));
  });
}

accel_status accel_sm3_hash_messages(accel_device* device, uint8_t* digests_out, const accel_messages* messages,
                                     uint64_t count) {
  return guard([&] {
    const auto on = accel::capi::device_of(device);
    require_array(digests_out, count, "digests_out");
    const Messages checked(messages, count, "messages");
    on == nullptr ? accel::cpu::sm3_hash(digests_out, checked) : on->run(accel::capi::hash_work(digests_out, checked));
  });
}

accel_status accel_sm3_new(accel_sm3** hash_out) {
  return guard([&] {
    require(hash_out, "hash_out");
    *hash_out = nullptr;
    *hash_out = new accel_sm3();
  });
}

accel_status accel_sm3_clone(accel_sm3** hash_out, const accel_sm3* hash) {
  return guard([&] {
    require(hash_out, "hash_out");
    *hash_out = nullptr;
    require(hash, "hash");
    *hash_out = new accel_sm3(*hash);
  });
}

accel_status accel_sm3_update(accel_sm3* hash, const uint8_t* data, uint64_t length) {
  return guard([&] {
    require(hash, "hash");
    require_bytes(data, length, "data");
    hash->stream.update(data, length);
  });
}

accel_status accel_sm3_digest(const accel_sm3* hash, uint8_t digest_out[32]) {
  return guard([&] {
    require(hash, "hash");
    require(digest_out, "digest_out");
    hash->stream.digest(digest_out);
  });
}

void accel_sm3_free(accel_sm3* hash) { delete hash; }
