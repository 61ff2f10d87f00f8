// Intel crypto_mb, as far as it does the same work: SM2 in eights and SM3 in sixteens, by AVX-512 IFMA.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "workload.hpp"

namespace accel::bench {

// Every function that makes a call lays out pointers and converts numbers to crypto_mb's form beforehand, so that the
// call itself is crypto_mb's work alone. Counts are multiples of 8 (SM2) or 16 (SM3). What is passed by reference must
// outlive the call that was made. Throws std::runtime_error.
class CryptoMb {
 public:
  virtual ~CryptoMb() = default;

  // "crypto_mb 2.3.0"
  virtual std::string version() const = 0;

  // valid[i] = does the signature of item i fit its message's first `length` bytes? ZA and SM3 are computed inside,
  // with the default ID.
  virtual std::function<void(uint8_t* valid)> verifier(const Signed& set, const MessageRows& messages) const = 0;
  // Signatures with the private keys and nonces given (32 bytes each, big-endian, below the order).
  virtual std::function<void(uint8_t* signatures)> signer(const Bytes& secrets, const Bytes& nonces, const Bytes& keys,
                                                          const MessageRows& messages) const = 0;
  // Public keys, 32 bytes of x and 32 of y in crypto_mb's order of bytes, which is little-endian.
  virtual std::function<void(uint8_t* keys)> key_maker(const Bytes& secrets) const = 0;
  virtual std::function<void(uint8_t* digests)> hasher(const std::vector<const uint8_t*>& messages,
                                                       const std::vector<uint64_t>& lengths) const = 0;
};

// Null where it cannot be measured, and then *why_not says so in a sentence.
std::unique_ptr<CryptoMb> find_crypto_mb(std::string* why_not);

}  // namespace accel::bench
