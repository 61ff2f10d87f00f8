// PEM (RFC 7468): the text form of keys. Base64 is decoded and encoded without a branch or an address that depends on
// the characters' values, because they may be a private key's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sm2/secret.hpp"

namespace accel::sm2 {

// Largest text that is read: a key takes less than 300 characters, but tools write remarks around it.
constexpr size_t kMaxPem = 65536;

constexpr std::string_view kPublicKeyLabel = "PUBLIC KEY";
constexpr std::string_view kPrivateKeyLabel = "PRIVATE KEY";
constexpr std::string_view kEcPrivateKeyLabel = "EC PRIVATE KEY";
constexpr std::string_view kSm2PrivateKeyLabel = "SM2 PRIVATE KEY";  // OpenSSL 3's name for the same

// DER of the first block of `text`, whose label must be one of `labels`. Text before it is ignored, and so is what
// follows it. A block "EC PARAMETERS" or "SM2 PARAMETERS" before it is allowed if it names SM2. Throws
// Error(ACCEL_BAD_ENCODING).
SecretBytes decode_pem(std::string_view text, const std::string_view* labels, size_t label_count, const char* argument);

// Characters of a block, with its line ends: 64 characters a line.
size_t pem_size(std::string_view label, size_t der_size);
void encode_pem(char* out, std::string_view label, const uint8_t* der, size_t der_size);

}  // namespace accel::sm2
