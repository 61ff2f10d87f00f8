// OpenSSL's EVP interface by its fastest usual path: contexts, keys and the fetched digest are made once and kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

typedef struct evp_pkey_ctx_st EVP_PKEY_CTX;
typedef struct evp_pkey_st EVP_PKEY;
typedef struct evp_md_ctx_st EVP_MD_CTX;
typedef struct evp_md_st EVP_MD;

namespace accel::bench {

// One SM2 key with a context for verifying digests and one for signing them. Throws std::runtime_error.
class OpensslKey {
 public:
  OpensslKey(const uint8_t d[32], const uint8_t public_key[64]);
  ~OpensslKey();
  OpensslKey(const OpensslKey&) = delete;
  OpensslKey& operator=(const OpensslKey&) = delete;

  bool verify(const std::vector<uint8_t>& der, const uint8_t digest[32]);
  // The length of the signature (DER) in der, which has room for 80 bytes.
  size_t sign(uint8_t* der, const uint8_t digest[32]);

 private:
  EVP_PKEY* key_;
  EVP_PKEY_CTX* verify_;
  EVP_PKEY_CTX* sign_;
};

class OpensslKeyGenerator {
 public:
  OpensslKeyGenerator();
  ~OpensslKeyGenerator();
  OpensslKeyGenerator(const OpensslKeyGenerator&) = delete;
  OpensslKeyGenerator& operator=(const OpensslKeyGenerator&) = delete;

  void generate(size_t count);  // key pairs, thrown away

 private:
  EVP_PKEY_CTX* context_;
};

class OpensslSm3 {
 public:
  OpensslSm3();
  ~OpensslSm3();
  OpensslSm3(const OpensslSm3&) = delete;
  OpensslSm3& operator=(const OpensslSm3&) = delete;

  void hash(uint8_t digest[32], const uint8_t* message, size_t size);

 private:
  EVP_MD* md_;
  EVP_MD_CTX* context_;
};

std::vector<uint8_t> der_from_raw(const uint8_t raw[64]);
void raw_from_der(uint8_t raw[64], const uint8_t* der, size_t size);
const char* openssl_version();

}  // namespace accel::bench
