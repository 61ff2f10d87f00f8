// SM2 keys (GB/T 32918.1-2016, section 6.1) in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/messages.hpp"
#include "sm2/der.hpp"
#include "sm2/kernel.hpp"
#include "sm2/secret.hpp"
#include "sm3/sm3.hpp"

namespace accel::sm2 {

// x || y from 04 || x || y, 02 or 03 || x, or x || y. Throws Error(ACCEL_BAD_ENCODING) for another form, and
// Error(ACCEL_BAD_KEY) for what is no point of the curve.
void public_key_from_point(uint8_t key[64], Bytes point, const char* argument);
void public_key_from_der(uint8_t key[64], Bytes der, const char* argument);
void public_key_from_pem(uint8_t key[64], std::string_view pem, const char* argument);
// Throws Error(ACCEL_BAD_KEY).
void require_on_curve(const uint8_t key[64], const char* argument);

// HMAC's pads (RFC 2104).
constexpr uint8_t kInnerPad = 0x36, kOuterPad = 0x5c;

constexpr size_t kGenerateChunk = 128;  // keys in one call of generate_chunk at most

// A private key, and what signing needs of it, computed once. It neither moves nor is copied, and is wiped when freed.
class PrivateKey {
 public:
  // Throws Error(ACCEL_BAD_KEY) outside 1 to n-2.
  PrivateKey(const uint8_t secret[32], const char* argument);
  ~PrivateKey();
  PrivateKey(const PrivateKey&) = delete;
  PrivateKey& operator=(const PrivateKey&) = delete;

  static std::unique_ptr<PrivateKey> generate();
  // keys[i] for i < count <= kGenerateChunk; on an exception some of them may be made.
  static void generate_chunk(std::unique_ptr<PrivateKey>* keys, size_t count);
  // A public key inside must be this key's: else Error(ACCEL_BAD_KEY).
  static std::unique_ptr<PrivateKey> from_der(Bytes der, const char* argument);
  static std::unique_ptr<PrivateKey> from_pem(std::string_view pem, const char* argument);

  const uint8_t* secret() const { return sign_key_.d; }
  const uint8_t* public_key() const { return public_key_; }
  const SignKey& sign_key() const { return sign_key_; }
  // SM3 after the block d ^ ipad, and after d ^ opad: HMAC-SM3 keyed by d, from where it is the same for all nonces.
  const sm3::Midstate& nonce_inner() const { return nonce_inner_; }
  const sm3::Midstate& nonce_outer() const { return nonce_outer_; }

 private:
  PrivateKey(const SignKey& sign_key, const uint8_t public_key[64]);
  void start_nonces();

  SignKey sign_key_;
  sm3::Midstate nonce_inner_, nonce_outer_;
  uint8_t public_key_[64];
};

}  // namespace accel::sm2
