#include "openssl_peer.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <stdexcept>
#include <string>

namespace accel::bench {
namespace {

void require(bool condition, const char* what) {
  if (!condition) throw std::runtime_error(std::string("OpenSSL: ") + what);
}

EVP_PKEY* make_key(const uint8_t d[32], const uint8_t public_key[64]) {
  uint8_t point[65] = {4};
  for (size_t i = 0; i < 64; ++i) point[i + 1] = public_key[i];
  BIGNUM* secret = BN_bin2bn(d, 32, nullptr);
  OSSL_PARAM_BLD* builder = OSSL_PARAM_BLD_new();
  require(OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, "SM2", 0) == 1 &&
              OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) == 1 &&
              OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, secret) == 1,
          "parameters of a key");
  OSSL_PARAM* parameters = OSSL_PARAM_BLD_to_param(builder);
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "SM2", nullptr);
  EVP_PKEY* key = nullptr;
  require(EVP_PKEY_fromdata_init(context) == 1 && EVP_PKEY_fromdata(context, &key, EVP_PKEY_KEYPAIR, parameters) == 1,
          "a key from its numbers");
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(parameters);
  OSSL_PARAM_BLD_free(builder);
  BN_free(secret);
  return key;
}

}  // namespace

OpensslKey::OpensslKey(const uint8_t d[32], const uint8_t public_key[64])
    : key_(make_key(d, public_key)), verify_(EVP_PKEY_CTX_new(key_, nullptr)), sign_(EVP_PKEY_CTX_new(key_, nullptr)) {
  require(EVP_PKEY_verify_init(verify_) == 1 && EVP_PKEY_sign_init(sign_) == 1, "contexts");
}

OpensslKey::~OpensslKey() {
  EVP_PKEY_CTX_free(sign_);
  EVP_PKEY_CTX_free(verify_);
  EVP_PKEY_free(key_);
}

bool OpensslKey::verify(const std::vector<uint8_t>& der, const uint8_t digest[32]) {
  const bool valid = EVP_PKEY_verify(verify_, der.data(), der.size(), digest, 32) == 1;
  if (!valid) ERR_clear_error();
  return valid;
}

size_t OpensslKey::sign(uint8_t* der, const uint8_t digest[32]) {
  size_t size = 80;
  require(EVP_PKEY_sign(sign_, der, &size, digest, 32) == 1, "sign");
  return size;
}

OpensslKeyGenerator::OpensslKeyGenerator() : context_(EVP_PKEY_CTX_new_from_name(nullptr, "SM2", nullptr)) {
  require(EVP_PKEY_keygen_init(context_) == 1, "key generation");
}

OpensslKeyGenerator::~OpensslKeyGenerator() { EVP_PKEY_CTX_free(context_); }

void OpensslKeyGenerator::generate(size_t count) {
  for (size_t i = 0; i < count; ++i) {
    EVP_PKEY* key = nullptr;
    require(EVP_PKEY_generate(context_, &key) == 1, "a new key");
    EVP_PKEY_free(key);
  }
}

OpensslSm3::OpensslSm3() : md_(EVP_MD_fetch(nullptr, "SM3", nullptr)), context_(EVP_MD_CTX_new()) {
  require(md_ != nullptr && context_ != nullptr, "SM3");
}

OpensslSm3::~OpensslSm3() {
  EVP_MD_CTX_free(context_);
  EVP_MD_free(md_);
}

void OpensslSm3::hash(uint8_t digest[32], const uint8_t* message, size_t size) {
  require(EVP_DigestInit_ex2(context_, md_, nullptr) == 1 && EVP_DigestUpdate(context_, message, size) == 1 &&
              EVP_DigestFinal_ex(context_, digest, nullptr) == 1,
          "SM3");
}

std::vector<uint8_t> der_from_raw(const uint8_t raw[64]) {
  ECDSA_SIG* signature = ECDSA_SIG_new();
  ECDSA_SIG_set0(signature, BN_bin2bn(raw, 32, nullptr), BN_bin2bn(raw + 32, 32, nullptr));
  uint8_t* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature, &der);
  require(size > 0, "a signature's DER");
  std::vector<uint8_t> r(der, der + size);
  OPENSSL_free(der);
  ECDSA_SIG_free(signature);
  return r;
}

void raw_from_der(uint8_t raw[64], const uint8_t* der, size_t size) {
  ECDSA_SIG* signature = d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(size));
  require(signature != nullptr, "a signature's DER");
  BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, 32);
  BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + 32, 32);
  ECDSA_SIG_free(signature);
}

const char* openssl_version() { return OpenSSL_version(OPENSSL_VERSION); }

}  // namespace accel::bench
