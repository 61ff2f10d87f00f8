// accel.h: SM2 keys and their encodings.
#include "capi/keys.hpp"

#include <cstring>
#include <string>
#include <vector>

#include "capi/arrays.hpp"
#include "capi/devices.hpp"
#include "capi/guard.hpp"
#include "devices/cpu_sm2.hpp"
#include "sm2/der.hpp"
#include "sm2/pem.hpp"
#include "sm2/secret.hpp"

using accel::Bytes;
using accel::Error;
using accel::require_count;
using accel::capi::guard;
using accel::capi::require;
using accel::capi::require_array;
using accel::sm2::PrivateKey;

namespace {

// A new handle for the key that `make` returns; NULL at *key_out if there is none.
template <typename Make>
accel_status make_private_key(accel_sm2_private_key** key_out, Make&& make) {
  return guard([&] {
    require(key_out, "key_out");
    *key_out = nullptr;
    *key_out = new accel_sm2_private_key{make()};
  });
}

// An encoded key of `length` bytes: for every form, a megabyte is no key.
void require_encoding(const void* input, uint64_t length, const char* argument) {
  constexpr uint64_t kMaxEncodedKey = uint64_t{1} << 20;
  require_array(input, length, argument);
  if (length > kMaxEncodedKey) {
    throw Error(ACCEL_BAD_ENCODING,
                std::string(argument) + ": expected a key of at most 2^20 bytes, got " + std::to_string(length));
  }
}

// The key that `read` writes, whole or not at all.
template <typename Read>
accel_status read_public_key(uint8_t* public_key_out, const void* input, uint64_t length, const char* argument,
                             Read&& read) {
  return guard([&] {
    require(public_key_out, "public_key_out");
    require_encoding(input, length, argument);
    uint8_t key[64];
    read(key);
    std::memcpy(public_key_out, key, sizeof key);
  });
}

// Tells the length, and whether `capacity` is enough for it.
void require_capacity(const void* out, const char* argument, uint64_t capacity, uint64_t* length_out, size_t length) {
  require(length_out, "length_out");
  *length_out = length;
  if (capacity < length) {
    throw Error(ACCEL_BAD_ARGUMENT,
                "capacity: expected at least " + std::to_string(length) + " bytes, got " + std::to_string(capacity));
  }
  require(out, argument);
}

std::string_view text(const char* pem, uint64_t length) { return {pem, length}; }

}  // namespace

accel_status accel_sm2_private_key_generate(accel_sm2_private_key** key_out) {
  return make_private_key(key_out, [] { return PrivateKey::generate(); });
}

accel_status accel_sm2_private_key_generate_many(accel_device* device, accel_sm2_private_key** keys_out,
                                                 uint64_t count) {
  return guard([&] {
    require_count(count);
    require_array(keys_out, count, "keys_out");
    if (count != 0) std::memset(keys_out, 0, count * sizeof *keys_out);  // need not be aligned
    accel::capi::require_device(device);
    std::vector<std::unique_ptr<PrivateKey>> keys(count);
    accel::cpu::sm2_generate(keys.data(), count);
    std::vector<std::unique_ptr<accel_sm2_private_key>> handles(count);
    for (uint64_t i = 0; i < count; ++i) handles[i].reset(new accel_sm2_private_key{std::move(keys[i])});
    for (uint64_t i = 0; i < count; ++i) {
      const accel_sm2_private_key* const handle = handles[i].release();
      std::memcpy(keys_out + i, &handle, sizeof handle);
    }
  });
}

accel_status accel_sm2_private_key_from_bytes(accel_sm2_private_key** key_out, const uint8_t secret[32]) {
  return make_private_key(key_out, [&] {
    require(secret, "secret");
    return std::make_unique<PrivateKey>(secret, "secret");
  });
}

void accel_sm2_private_key_free(accel_sm2_private_key* key) { delete key; }

accel_status accel_sm2_private_key_bytes(const accel_sm2_private_key* key, uint8_t secret_out[32]) {
  return guard([&] {
    require(key, "key");
    require(secret_out, "secret_out");
    std::memcpy(secret_out, key->key->secret(), 32);
  });
}

accel_status accel_sm2_private_key_public(const accel_sm2_private_key* key, uint8_t public_key_out[64]) {
  return guard([&] {
    require(key, "key");
    require(public_key_out, "public_key_out");
    std::memcpy(public_key_out, key->key->public_key(), 64);
  });
}

accel_status accel_sm2_public_key_check(const uint8_t public_key[64]) {
  return guard([&] {
    require(public_key, "public_key");
    accel::sm2::require_on_curve(public_key, "public_key");
  });
}

accel_status accel_sm2_public_key_from_point(uint8_t public_key_out[64], const uint8_t* point, uint64_t length) {
  return read_public_key(public_key_out, point, length, "point",
                         [&](uint8_t* key) { accel::sm2::public_key_from_point(key, {point, length}, "point"); });
}

accel_status accel_sm2_public_key_from_der(uint8_t public_key_out[64], const uint8_t* der, uint64_t length) {
  return read_public_key(public_key_out, der, length, "der",
                         [&](uint8_t* key) { accel::sm2::public_key_from_der(key, {der, length}, "der"); });
}

accel_status accel_sm2_public_key_from_pem(uint8_t public_key_out[64], const char* pem, uint64_t length) {
  return read_public_key(public_key_out, pem, length, "pem",
                         [&](uint8_t* key) { accel::sm2::public_key_from_pem(key, text(pem, length), "pem"); });
}

accel_status accel_sm2_public_key_to_der(uint8_t* der_out, uint64_t capacity, uint64_t* length_out,
                                         const uint8_t public_key[64]) {
  return guard([&] {
    require_capacity(der_out, "der_out", capacity, length_out, accel::sm2::kPublicKeyDerSize);
    require(public_key, "public_key");
    accel::sm2::require_on_curve(public_key, "public_key");
    accel::sm2::write_public_key(der_out, public_key);
  });
}

accel_status accel_sm2_public_key_to_pem(char* pem_out, uint64_t capacity, uint64_t* length_out,
                                         const uint8_t public_key[64]) {
  return guard([&] {
    constexpr auto kLabel = accel::sm2::kPublicKeyLabel;
    uint8_t der[accel::sm2::kPublicKeyDerSize];
    require_capacity(pem_out, "pem_out", capacity, length_out, accel::sm2::pem_size(kLabel, sizeof der));
    require(public_key, "public_key");
    accel::sm2::require_on_curve(public_key, "public_key");
    accel::sm2::write_public_key(der, public_key);
    accel::sm2::encode_pem(pem_out, kLabel, der, sizeof der);
  });
}

accel_status accel_sm2_private_key_from_der(accel_sm2_private_key** key_out, const uint8_t* der, uint64_t length) {
  return make_private_key(key_out, [&] {
    require_encoding(der, length, "der");
    return PrivateKey::from_der({der, length}, "der");
  });
}

accel_status accel_sm2_private_key_from_pem(accel_sm2_private_key** key_out, const char* pem, uint64_t length) {
  return make_private_key(key_out, [&] {
    require_encoding(pem, length, "pem");
    return PrivateKey::from_pem(text(pem, length), "pem");
  });
}

accel_status accel_sm2_private_key_to_der(uint8_t* der_out, uint64_t capacity, uint64_t* length_out,
                                          const accel_sm2_private_key* key) {
  return guard([&] {
    require_capacity(der_out, "der_out", capacity, length_out, accel::sm2::kPrivateKeyDerSize);
    require(key, "key");
    accel::sm2::write_private_key(der_out, key->key->secret(), key->key->public_key());
  });
}

accel_status accel_sm2_private_key_to_pem(char* pem_out, uint64_t capacity, uint64_t* length_out,
                                          const accel_sm2_private_key* key) {
  return guard([&] {
    constexpr auto kLabel = accel::sm2::kPrivateKeyLabel;
    accel::sm2::SecretArray<uint8_t, accel::sm2::kPrivateKeyDerSize> der;
    require_capacity(pem_out, "pem_out", capacity, length_out,
                     accel::sm2::pem_size(kLabel, accel::sm2::kPrivateKeyDerSize));
    require(key, "key");
    accel::sm2::write_private_key(der.data(), key->key->secret(), key->key->public_key());
    accel::sm2::encode_pem(pem_out, kLabel, der.data(), accel::sm2::kPrivateKeyDerSize);
  });
}
