// DER (X.690, section 10): the strict subset in which SM2 keys and signatures are written. Whatever has two encodings
// in BER has one here, and the other is refused.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/messages.hpp"
#include "sm2/secret.hpp"

namespace accel::sm2 {

// Largest key encoding that is read: a key takes 91 to 150 bytes, PKCS #8 attributes a little more.
constexpr size_t kMaxKeyDer = 4096;

constexpr size_t kPublicKeyDerSize = 91;
constexpr size_t kPrivateKeyDerSize = 138;
constexpr size_t kMaxSignatureDerSize = 72;  // 30 46 02 21 00 .. 02 21 00 ..

// What the encodings of a key hold. Points are as they stand: 04 || x || y, or 02 or 03 || x. They point into the bytes
// that were parsed.
struct ParsedPrivateKey {
  const uint8_t* secret;  // 32 bytes
  Bytes points[2];        // the public key where it stands: inside ECPrivateKey, and beside it (RFC 5958)
  size_t point_count;
};

// Each throws Error(ACCEL_BAD_ENCODING) that says what came and what is wanted; `argument` is what the caller calls it.
Bytes parse_public_key(Bytes der, const char* argument);              // SubjectPublicKeyInfo (RFC 5480)
ParsedPrivateKey parse_private_key(Bytes der, const char* argument);  // PKCS #8 (RFC 5958), or ECPrivateKey (RFC 5915)
void parse_ec_parameters(Bytes der, const char* argument);            // ECParameters: the named curve SM2

void write_public_key(uint8_t out[kPublicKeyDerSize], const uint8_t key[64]);
// PKCS #8 with the public key in ECPrivateKey.
void write_private_key(uint8_t out[kPrivateKeyDerSize], const uint8_t secret[32], const uint8_t key[64]);

// SEQUENCE of two INTEGERs to r || s. False, and zeros, if it is not DER. An integer above 32 bytes becomes 32 bytes of
// ff, a negative one zero: both fail the range check. Safe on memory that changes meanwhile.
bool parse_signature(uint8_t signature[64], Bytes der);
// Returns the length. All 72 bytes are written.
size_t write_signature(uint8_t out[kMaxSignatureDerSize], const uint8_t signature[64]);

}  // namespace accel::sm2
