// accel.h: SM2 signatures.
#include <cstring>
#include <memory>
#include <string>

#include "capi/arrays.hpp"
#include "capi/devices.hpp"
#include "capi/guard.hpp"
#include "capi/keyring.hpp"
#include "capi/keys.hpp"
#include "devices/cpu_sm2.hpp"
#include "sm2/adaptive.hpp"

using accel::Error;
using accel::Messages;
using accel::require_count;
using accel::capi::begin_status;
using accel::capi::device_of;
using accel::capi::guard;
using accel::capi::require;
using accel::capi::require_array;
using accel::capi::require_device;
using accel::capi::strided;
using accel::sm2::AdaptiveTables;
using accel::sm2::Identity;
using accel::sm2::KeyRing;

accel_status accel_sm2_verify_digest_many(accel_device* device, uint8_t* status_out, const uint8_t* keys,
                                          uint64_t keys_stride, const uint8_t* signatures, uint64_t signatures_stride,
                                          const uint8_t* digests, uint64_t digests_stride, uint64_t count) {
  return guard([&] {
    begin_status(status_out, count);
    if (const auto on = device_of(device)) {
      on->run(accel::capi::verify_digest_work(status_out, keys, keys_stride, signatures, signatures_stride, digests,
                                              digests_stride, count));
      return;
    }
    accel::cpu::sm2_verify_digests(status_out, strided(keys, keys_stride, 64, count, "keys"),
                                   strided(signatures, signatures_stride, 64, count, "signatures"),
                                   strided(digests, digests_stride, 32, count, "digests"), count);
  });
}

accel_status accel_sm2_verify_many(accel_device* device, uint8_t* status_out, const uint8_t* keys, uint64_t keys_stride,
                                   const uint8_t* signatures, uint64_t signatures_stride,
                                   const accel_messages* messages, const uint8_t* id, uint64_t id_length,
                                   uint64_t count) {
  return guard([&] {
    begin_status(status_out, count);
    if (const auto on = device_of(device)) {
      on->run(accel::capi::verify_work(status_out, keys, keys_stride, signatures, signatures_stride, messages, id,
                                       id_length, count));
      return;
    }
    const Identity identity(id, id_length);
    accel::cpu::sm2_verify(status_out, strided(keys, keys_stride, 64, count, "keys"),
                           strided(signatures, signatures_stride, 64, count, "signatures"),
                           Messages(messages, count, "messages"), identity);
  });
}

accel_status accel_sm2_verify_hinted_digest_many(accel_device* device, uint8_t* status_out, const uint8_t* keys,
                                                 uint64_t keys_stride, const uint8_t* signatures,
                                                 uint64_t signatures_stride, const uint8_t* digests,
                                                 uint64_t digests_stride, const uint8_t* hints, uint64_t count) {
  return guard([&] {
    begin_status(status_out, count);
    require_device(device);
    require_array(hints, count, "hints");
    accel::cpu::sm2_verify_hinted_digests(status_out, strided(keys, keys_stride, 64, count, "keys"),
                                          strided(signatures, signatures_stride, 64, count, "signatures"),
                                          strided(digests, digests_stride, 32, count, "digests"), hints, count);
  });
}

accel_status accel_sm2_verify_hinted_many(accel_device* device, uint8_t* status_out, const uint8_t* keys,
                                          uint64_t keys_stride, const uint8_t* signatures, uint64_t signatures_stride,
                                          const accel_messages* messages, const uint8_t* hints, const uint8_t* id,
                                          uint64_t id_length, uint64_t count) {
  return guard([&] {
    begin_status(status_out, count);
    require_device(device);
    require_array(hints, count, "hints");
    const Identity identity(id, id_length);
    accel::cpu::sm2_verify_hinted(status_out, strided(keys, keys_stride, 64, count, "keys"),
                                  strided(signatures, signatures_stride, 64, count, "signatures"),
                                  Messages(messages, count, "messages"), identity, hints);
  });
}

accel_status accel_sm2_recovery_hints_many(accel_device* device, uint8_t* hints_out, uint8_t* status_out,
                                           const uint8_t* keys, uint64_t keys_stride, const uint8_t* signatures,
                                           uint64_t signatures_stride, const uint8_t* digests, uint64_t digests_stride,
                                           uint64_t count) {
  return guard([&] {
    begin_status(status_out, count);
    require_device(device);
    require_array(hints_out, count, "hints_out");
    accel::cpu::sm2_recovery_hints(hints_out, status_out, strided(keys, keys_stride, 64, count, "keys"),
                                   strided(signatures, signatures_stride, 64, count, "signatures"),
                                   strided(digests, digests_stride, 32, count, "digests"), count);
  });
}

accel_status accel_sm2_keyring_new(accel_device* device, accel_sm2_keyring** ring_out, uint64_t* bad_index_out,
                                   const uint8_t* public_keys, uint64_t public_keys_stride, const uint8_t* id,
                                   uint64_t id_length, uint64_t memory_limit, uint64_t count) {
  return guard([&] {
    require(ring_out, "ring_out");
    *ring_out = nullptr;
    require_device(device);
    if (count > UINT32_MAX) {  // indices have 32 bits
      throw Error(ACCEL_BAD_ARGUMENT, "count: expected at most 2^32 - 1 keys, got " + std::to_string(count));
    }
    const Identity identity(id, id_length);
    size_t bad_index = SIZE_MAX;
    try {
      *ring_out =
          new accel_sm2_keyring{KeyRing(strided(public_keys, public_keys_stride, 64, count, "public_keys"), count,
                                        identity, memory_limit, &bad_index),
                                identity.has_za() ? std::vector<uint8_t>(id, id + id_length) : std::vector<uint8_t>()};
    } catch (...) {
      if (bad_index != SIZE_MAX && bad_index_out != nullptr) *bad_index_out = bad_index;
      throw;
    }
  });
}

void accel_sm2_keyring_free(accel_sm2_keyring* ring) { delete ring; }

accel_status accel_sm2_keyring_size(const accel_sm2_keyring* ring, uint64_t* keys_out, uint64_t* keys_with_tables_out,
                                    uint64_t* table_bytes_out) {
  return guard([&] {
    require(ring, "ring");
    if (keys_out != nullptr) *keys_out = ring->ring.size();
    if (keys_with_tables_out != nullptr) *keys_with_tables_out = ring->ring.tables();
    if (table_bytes_out != nullptr) *table_bytes_out = ring->ring.table_bytes();
  });
}

accel_status accel_sm2_keyring_verify_digest_many(accel_device* device, uint8_t* status_out,
                                                  const accel_sm2_keyring* ring, const uint32_t* indices,
                                                  const uint8_t* signatures, uint64_t signatures_stride,
                                                  const uint8_t* digests, uint64_t digests_stride, uint64_t count) {
  return guard([&] {
    begin_status(status_out, count);
    if (const auto on = device_of(device)) {
      on->run(accel::capi::ring_digest_work(status_out, ring, indices, signatures, signatures_stride, digests,
                                            digests_stride, count));
      return;
    }
    require(ring, "ring");
    require_array(indices, count, "indices");
    accel::cpu::sm2_ring_verify_digests(status_out, ring->ring, {indices},
                                        strided(signatures, signatures_stride, 64, count, "signatures"),
                                        strided(digests, digests_stride, 32, count, "digests"), count);
  });
}

accel_status accel_sm2_keyring_verify_many(accel_device* device, uint8_t* status_out, const accel_sm2_keyring* ring,
                                           const uint32_t* indices, const uint8_t* signatures,
                                           uint64_t signatures_stride, const accel_messages* messages, uint64_t count) {
  return guard([&] {
    begin_status(status_out, count);
    if (const auto on = device_of(device)) {
      on->run(accel::capi::ring_work(status_out, ring, indices, signatures, signatures_stride, messages, count));
      return;
    }
    require(ring, "ring");
    require_array(indices, count, "indices");
    accel::cpu::sm2_ring_verify(status_out, ring->ring, {indices},
                                strided(signatures, signatures_stride, 64, count, "signatures"),
                                Messages(messages, count, "messages"));
  });
}

accel_status accel_sm2_adaptive_tables(uint64_t* tables_out, uint64_t* table_bytes_out, uint64_t* built_out,
                                       uint64_t* memory_limit_out) {
  return guard([&] {
    const bool enabled = AdaptiveTables::enabled();
    const AdaptiveTables* const tables = AdaptiveTables::existing(accel::sm2::active_kernel());
    if (tables_out != nullptr) *tables_out = tables == nullptr ? 0 : tables->store().tables().standard;
    if (table_bytes_out != nullptr) *table_bytes_out = tables == nullptr ? 0 : tables->store().table_bytes();
    if (built_out != nullptr) *built_out = tables == nullptr ? 0 : tables->store().built();
    if (memory_limit_out != nullptr) *memory_limit_out = enabled ? AdaptiveTables::kMemory : 0;
  });
}

accel_status accel_sm2_digest_many(accel_device* device, uint8_t* digests_out, const uint8_t* keys,
                                   uint64_t keys_stride, const accel_messages* messages, const uint8_t* id,
                                   uint64_t id_length, uint64_t count) {
  return guard([&] {
    require_device(device);
    require_array(digests_out, count, "digests_out");
    const Identity identity(id, id_length);
    accel::cpu::sm2_digests(digests_out, strided(keys, keys_stride, 64, count, "keys"),
                            Messages(messages, count, "messages"), identity);
  });
}

namespace {

// A handle's key. The caller's array may change during the call: what is no longer there is an error again.
const accel::sm2::PrivateKey* signer(const void* private_keys, size_t i) {
  const accel_sm2_private_key* handle;  // the array need not be aligned
  std::memcpy(&handle, static_cast<const uint8_t*>(private_keys) + sizeof handle * i, sizeof handle);
  if (handle == nullptr) throw Error(ACCEL_BAD_ARGUMENT, "private_keys[" + std::to_string(i) + "]: is NULL");
  return handle->key.get();
}

accel::cpu::Signers signers(const accel_sm2_private_key* const* private_keys, uint64_t private_key_count,
                            const uint32_t* indices, uint64_t count) {
  require_count(private_key_count, "private_key_count");
  require_array(private_keys, private_key_count, "private_keys");
  if (count != 0 && private_key_count == 0) throw Error(ACCEL_BAD_ARGUMENT, "private_keys: expected at least one key");
  for (uint64_t i = 0; i < private_key_count; ++i) signer(private_keys, i);
  return {private_keys, signer, private_key_count, {indices}};
}

}  // namespace

accel_status accel_sm2_sign_digest_many(accel_device* device, uint8_t* signatures_out,
                                        const accel_sm2_private_key* const* private_keys, uint64_t private_key_count,
                                        const uint32_t* indices, const uint8_t* digests, uint64_t digests_stride,
                                        uint64_t count) {
  return guard([&] {
    require_device(device);
    require_array(signatures_out, count, "signatures_out");
    const auto batch = signers(private_keys, private_key_count, indices, count);
    accel::cpu::sm2_sign_digests(signatures_out, batch, strided(digests, digests_stride, 32, count, "digests"), count);
  });
}

accel_status accel_sm2_sign_many(accel_device* device, uint8_t* signatures_out,
                                 const accel_sm2_private_key* const* private_keys, uint64_t private_key_count,
                                 const uint32_t* indices, const accel_messages* messages, const uint8_t* id,
                                 uint64_t id_length, uint64_t count) {
  return guard([&] {
    require_device(device);
    require_count(count);
    require_array(signatures_out, count, "signatures_out");
    const Identity identity(id, id_length);
    const auto batch = signers(private_keys, private_key_count, indices, count);
    accel::cpu::sm2_sign(signatures_out, batch, Messages(messages, count, "messages"), identity);
  });
}

accel_status accel_sm2_signatures_from_der(accel_device* device, uint8_t* signatures_out, uint8_t* status_out,
                                           const accel_messages* ders, uint64_t count) {
  return guard([&] {
    begin_status(status_out, count);
    require_device(device);
    require_array(signatures_out, count, "signatures_out");
    accel::cpu::sm2_signatures_from_der(signatures_out, status_out, Messages(ders, count, "ders"));
  });
}

accel_status accel_sm2_signatures_to_der(accel_device* device, uint8_t* ders_out, uint8_t* lengths_out,
                                         const uint8_t* signatures, uint64_t signatures_stride, uint64_t count) {
  return guard([&] {
    require_device(device);
    require_array(ders_out, count, "ders_out");
    require_array(lengths_out, count, "lengths_out");
    accel::cpu::sm2_signatures_to_der(ders_out, lengths_out,
                                      strided(signatures, signatures_stride, 64, count, "signatures"), count);
  });
}
