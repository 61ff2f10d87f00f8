// Constant time of what is done with private keys through accel.h. Secrets are poisoned: memcheck reports each branch
// and each address that depends on one.
//
// Exempt, each with its reason at the declassify() that grants it:
//  - whether a number is a private key at all, and whether a text is Base64, and of which layout (keys.cpp, pem.cpp);
//  - public keys and finished signatures, and whether a signature needed another nonce (keys.cpp, signing.cpp);
//  - here: the character of PEM in which the secret ends also holds bits of its public neighbour, on which the DER
//  parser
//    decides. It stays public: 4 of 256 bits.
// What the generator returns is poisoned where it comes in (random.cpp).
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "accel/accel.h"
#include "base/ctime.hpp"

namespace {

void require(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "%s: %s\n", what, accel_last_error());
  std::exit(2);
}

constexpr uint8_t kSecret[32] = {0x39, 0x45, 0x20, 0x8f, 0x7b, 0x21, 0x44, 0xb1, 0x3f, 0x36, 0xe3,
                                 0x8a, 0xc6, 0xd3, 0x9f, 0x95, 0x88, 0x93, 0x93, 0x69, 0x28, 0x60,
                                 0xb5, 0x1a, 0x42, 0xfb, 0x81, 0xef, 0x4d, 0xf7, 0xc5, 0xb8};
constexpr size_t kSecretInDer = 36;  // where the secret stands in PKCS #8

// Everything that is done with a key whose secret is poisoned.
void use(accel_sm2_private_key* key) {
  uint8_t digests[5 * 32], signatures[5 * 64], status[5], public_key[64], secret[32], der[200];
  char pem[400];
  uint64_t length = 0;
  for (size_t i = 0; i < sizeof digests; ++i) digests[i] = static_cast<uint8_t>(i);
  const accel_sm2_private_key* keys[1] = {key};
  require(accel_sm2_sign_digest_many(nullptr, signatures, keys, 1, nullptr, digests, 32, 5) == ACCEL_OK,
          "sign digests");
  require(accel_sm2_private_key_public(key, public_key) == ACCEL_OK, "public key");
  require(accel_sm2_verify_digest_many(nullptr, status, public_key, 0, signatures, 64, digests, 32, 5) == ACCEL_OK &&
              status[0] == ACCEL_OK && status[4] == ACCEL_OK,
          "verify");
  accel_messages messages = {};
  messages.struct_size = sizeof messages;
  messages.data = digests;
  messages.stride = messages.length = 32;
  require(accel_sm2_sign_many(nullptr, signatures, keys, 1, nullptr, &messages,
                              reinterpret_cast<const uint8_t*>(ACCEL_SM2_DEFAULT_ID), 16, 5) == ACCEL_OK,
          "sign");
  require(accel_sm2_private_key_bytes(key, secret) == ACCEL_OK, "bytes");
  require(accel_sm2_private_key_to_der(der, sizeof der, &length, key) == ACCEL_OK, "to_der");
  require(accel_sm2_private_key_to_pem(pem, sizeof pem, &length, key) == ACCEL_OK, "to_pem");
}

void from_bytes() {
  uint8_t secret[32];
  std::memcpy(secret, kSecret, 32);
  accel::poison(secret, sizeof secret);
  accel_sm2_private_key* key = nullptr;
  require(accel_sm2_private_key_from_bytes(&key, secret) == ACCEL_OK, "from_bytes");
  use(key);
  accel_sm2_private_key_free(key);
}

void generate() {
  accel_sm2_private_key* key = nullptr;
  require(accel_sm2_private_key_generate(&key) == ACCEL_OK, "generate");
  use(key);
  accel_sm2_private_key_free(key);
  accel_sm2_private_key* keys[3] = {};
  require(accel_sm2_private_key_generate_many(nullptr, keys, 3) == ACCEL_OK, "generate many");
  use(keys[2]);
  uint8_t digests[4 * 32] = {}, signatures[4 * 64];
  const uint32_t indices[4] = {0, 1, 2, 1};  // several keys in one chunk
  require(accel_sm2_sign_digest_many(nullptr, signatures, keys, 3, indices, digests, 32, 4) == ACCEL_OK, "sign");
  for (accel_sm2_private_key* one : keys) accel_sm2_private_key_free(one);
}

// The encodings of the key, written while nothing is poisoned, and read back with the secret in them poisoned.
void from_encodings() {
  accel_sm2_private_key* key = nullptr;
  uint8_t der[200];
  char pem[400];
  uint64_t der_size = 0, pem_size = 0;
  require(accel_sm2_private_key_from_bytes(&key, kSecret) == ACCEL_OK, "from_bytes");
  require(accel_sm2_private_key_to_der(der, sizeof der, &der_size, key) == ACCEL_OK, "to_der");
  require(accel_sm2_private_key_to_pem(pem, sizeof pem, &pem_size, key) == ACCEL_OK, "to_pem");
  accel_sm2_private_key_free(key);

  accel::poison(der + kSecretInDer, 32);
  require(accel_sm2_private_key_from_der(&key, der, der_size) == ACCEL_OK, "from_der");
  use(key);
  accel_sm2_private_key_free(key);

  char* body = std::strchr(pem, '\n') + 1;
  const size_t first = (kSecretInDer * 8) / 6,
               last = (kSecretInDer + 32) * 8 / 6;                            // characters of secret bits alone
  for (size_t i = first; i < last; ++i) accel::poison(body + i + i / 64, 1);  // a line end after each 64
  require(accel_sm2_private_key_from_pem(&key, pem, pem_size) == ACCEL_OK, "from_pem");
  use(key);
  accel_sm2_private_key_free(key);
}

}  // namespace

int main() {
  const char* names = nullptr;
  require(accel_set_num_threads(1) == ACCEL_OK, "threads");  // memcheck runs one thread at a time anyway
  require(accel_available_kernels(&names, "sm2.sign") == ACCEL_OK, "kernels");
  for (const char* name : {"portable", "adx"}) {
    if (std::strstr(names, name) == nullptr) continue;
    require(accel_set_kernels((std::string_view(name) == "adx") ? "sm2=adx" : "sm2=portable") == ACCEL_OK, name);
    from_bytes();
    generate();
    from_encodings();
  }
  return 0;
}
