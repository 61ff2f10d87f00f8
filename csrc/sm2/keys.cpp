#include "sm2/keys.hpp"

#include <cstring>
#include <iterator>
#include <string>

#include "base/error.hpp"
#include "sm2/pem.hpp"
#include "sm2/random.hpp"

namespace accel::sm2 {
namespace {

[[noreturn]] void bad_key(const char* argument, const char* what) {
  throw Error(ACCEL_BAD_KEY, std::string(argument) + ": " + what);
}

[[noreturn]] void bad_point(const char* argument, const std::string& got) {
  throw Error(ACCEL_BAD_ENCODING, std::string(argument) +
                                      ": expected a point as 64 bytes x || y, 65 bytes 04 || x || y, or 33 bytes 02 or "
                                      "03 || x, got " +
                                      got);
}

sm3::Midstate keyed_midstate(const uint8_t secret[32], uint8_t pad) {
  SecretArray<uint8_t, sm3::kBlockSize> block;
  for (size_t i = 0; i < sm3::kBlockSize; ++i) block[i] = static_cast<uint8_t>((i < 32 ? secret[i] : 0) ^ pad);
  sm3::Midstate midstate = sm3::kInitial;
  sm3::active_kernel().compress(midstate.h, block.data(), 1);
  midstate.bytes = sm3::kBlockSize;
  return midstate;
}

// Does `point`, as it stands in an encoding of a private key, belong to it?
void require_same_point(const PrivateKey& key, Bytes point, const char* argument) {
  uint8_t found[64];
  public_key_from_point(found, point, argument);
  if (std::memcmp(found, key.public_key(), 64) != 0)
    bad_key(argument, "the public key inside is not the private key's");
}

}  // namespace

void require_on_curve(const uint8_t key[64], const char* argument) {
  if (!active_kernel().on_curve(key)) bad_key(argument, "x || y is not a point of the curve SM2");
}

void public_key_from_point(uint8_t key[64], Bytes point, const char* argument) {
  if (point.size == 64) {
    std::memcpy(key, point.data, 64);
    return require_on_curve(key, argument);
  }
  if (point.size == 0) bad_point(argument, "0 bytes");
  const uint8_t form = point.data[0];
  if (point.size == 65 && form == 0x04) {
    std::memcpy(key, point.data + 1, 64);
    return require_on_curve(key, argument);
  }
  if (point.size == 33 && (form == 0x02 || form == 0x03)) {
    uint8_t x[32];
    std::memcpy(x, point.data + 1, 32);
    if (!active_kernel().decompress(key, x, form == 0x03)) {
      bad_key(argument, "there is no point of the curve SM2 with this x");
    }
    return;
  }
  std::string got = std::to_string(point.size) + " bytes that begin with " + std::to_string(form);
  if (form == 0x06 || form == 0x07) got += " (hybrid form)";
  bad_point(argument, got);
}

void public_key_from_der(uint8_t key[64], Bytes der, const char* argument) {
  const Bytes point = parse_public_key(der, argument);
  if (point.size == 64) bad_point(argument, "64 bytes without a form byte");
  public_key_from_point(key, point, argument);
}

void public_key_from_pem(uint8_t key[64], std::string_view pem, const char* argument) {
  const SecretBytes der = decode_pem(pem, &kPublicKeyLabel, 1, argument);
  public_key_from_der(key, {der.data(), der.size()}, argument);
}

PrivateKey::PrivateKey(const uint8_t secret[32], const char* argument) {
  const Kernel& kernel = active_kernel();
  uint8_t valid = 0;
  kernel.derive_sign_keys(&sign_key_, &valid, {secret, 0}, 1);
  declassify(&valid, sizeof valid);  // a number outside 1 .. n-2 is nobody's key
  if (valid == 0) bad_key(argument, "a private key must be from 1 to n-2");
  kernel.public_keys(public_key_, {sign_key_.d, 0}, 1);
  declassify(public_key_, sizeof public_key_);
  start_nonces();
}

PrivateKey::PrivateKey(const SignKey& sign_key, const uint8_t public_key[64]) : sign_key_(sign_key) {
  std::memcpy(public_key_, public_key, sizeof public_key_);
  start_nonces();
}

void PrivateKey::start_nonces() {
  nonce_inner_ = keyed_midstate(sign_key_.d, kInnerPad);
  nonce_outer_ = keyed_midstate(sign_key_.d, kOuterPad);
}

PrivateKey::~PrivateKey() {
  wipe(&sign_key_, sizeof sign_key_);
  wipe(&nonce_inner_, sizeof nonce_inner_);
  wipe(&nonce_outer_, sizeof nonce_outer_);
}

std::unique_ptr<PrivateKey> PrivateKey::generate() {
  std::unique_ptr<PrivateKey> key;
  generate_chunk(&key, 1);
  return key;
}

void PrivateKey::generate_chunk(std::unique_ptr<PrivateKey>* keys, size_t count) {
  const Kernel& kernel = active_kernel();
  SecretArray<uint8_t[32], kGenerateChunk> secrets;
  SecretArray<SignKey, kGenerateChunk> sign_keys;
  uint8_t valid[kGenerateChunk], public_keys[kGenerateChunk][64];
  system_random(secrets[0], 32 * count);
  kernel.derive_sign_keys(sign_keys.data(), valid, {secrets[0], 32}, count);
  declassify(valid, count);  // says nothing about the draws that are kept
  for (size_t i = 0; i < count; ++i) {
    while (valid[i] == 0) {  // one draw in 2^32
      system_random(secrets[i], 32);
      kernel.derive_sign_keys(&sign_keys[i], &valid[i], {secrets[i], 0}, 1);
      declassify(&valid[i], 1);
    }
  }
  kernel.public_keys(public_keys[0], {sign_keys[0].d, sizeof(SignKey)}, count);
  declassify(public_keys, 64 * count);
  for (size_t i = 0; i < count; ++i) keys[i].reset(new PrivateKey(sign_keys[i], public_keys[i]));
}

std::unique_ptr<PrivateKey> PrivateKey::from_der(Bytes der, const char* argument) {
  if (der.size > kMaxKeyDer) parse_private_key(der, argument);  // throws
  SecretBytes copy(der.size + 1);
  if (der.size != 0) std::memcpy(copy.data(), der.data, der.size);
  const ParsedPrivateKey parsed = parse_private_key({copy.data(), der.size}, argument);
  auto key = std::make_unique<PrivateKey>(parsed.secret, argument);
  for (size_t i = 0; i < parsed.point_count; ++i) require_same_point(*key, parsed.points[i], argument);
  return key;
}

std::unique_ptr<PrivateKey> PrivateKey::from_pem(std::string_view pem, const char* argument) {
  constexpr std::string_view kLabels[] = {kPrivateKeyLabel, kEcPrivateKeyLabel, kSm2PrivateKeyLabel};
  const SecretBytes der = decode_pem(pem, kLabels, std::size(kLabels), argument);
  return from_der({der.data(), der.size()}, argument);
}

}  // namespace accel::sm2
