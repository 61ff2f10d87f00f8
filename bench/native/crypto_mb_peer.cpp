#include "crypto_mb_peer.hpp"

#include <crypto_mb/cpu_features.h>
#include <crypto_mb/ec_sm2.h>
#include <crypto_mb/sm3.h>
#include <crypto_mb/version.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "accel/accel.h"
#include "measure.hpp"

namespace accel::bench {
namespace {

constexpr size_t kLanes = 8, kHashLanes = 16;

using Words = std::array<int64u, 4>;  // little-endian
using Lanes = std::array<const int8u*, kLanes>;
using WordLanes = std::array<const int64u*, kLanes>;

// Numbers of 32 bytes each, `stride` bytes apart, from big-endian.
std::vector<Words> words(const uint8_t* numbers, size_t stride, size_t count) {
  std::vector<Words> r(count);
  for (size_t i = 0; i < count; ++i) {
    uint8_t reversed[32];
    std::reverse_copy(numbers + stride * i, numbers + stride * i + 32, reversed);
    std::memcpy(r[i].data(), reversed, 32);
  }
  return r;
}

std::vector<WordLanes> word_lanes(const std::vector<Words>& numbers) {
  std::vector<WordLanes> r(numbers.size() / kLanes);
  for (size_t i = 0; i < r.size() * kLanes; ++i) r[i / kLanes][i % kLanes] = numbers[i].data();
  return r;
}

std::vector<Lanes> lanes(const uint8_t* data, size_t stride, size_t count) {
  std::vector<Lanes> r(count / kLanes);
  for (size_t i = 0; i < r.size() * kLanes; ++i) r[i / kLanes][i % kLanes] = data + stride * i;
  return r;
}

struct Points {
  explicit Points(const Bytes& keys)
      : x(words(keys.data(), 64, keys.size() / 64)), y(words(keys.data() + 32, 64, keys.size() / 64)) {}
  std::vector<Words> x, y;
  std::vector<WordLanes> x_lanes = word_lanes(x), y_lanes = word_lanes(y);
};

// What all SM2 calls are given beside keys: messages and the default ID, in eights.
struct Text {
  explicit Text(const MessageRows& messages) : message_lanes(lanes(messages.data, messages.stride, messages.count)) {
    require(messages.count % kLanes == 0, "crypto_mb: a count that is no multiple of 8");
    ids.fill(reinterpret_cast<const int8u*>(ACCEL_SM2_DEFAULT_ID));
    id_lengths.fill(static_cast<int>(ACCEL_SM2_DEFAULT_ID_LENGTH));
    lengths.fill(static_cast<int>(messages.length));
  }
  std::vector<Lanes> message_lanes;
  Lanes ids;
  std::array<int, kLanes> id_lengths, lengths;
};

struct Verifier {
  Verifier(const Signed& set, const MessageRows& messages) : text(messages), keys(set.keys) {
    r = lanes(set.signatures.data(), 64, messages.count);
    s = lanes(set.signatures.data() + 32, 64, messages.count);
  }
  void operator()(uint8_t* valid) const {
    for (size_t i = 0; i < r.size(); ++i) {
      const mbx_status status = mbx_sm2_ecdsa_verify_mb8(
          r[i].data(), s[i].data(), text.ids.data(), text.id_lengths.data(), text.message_lanes[i].data(),
          text.lengths.data(), keys.x_lanes[i].data(), keys.y_lanes[i].data(), nullptr, nullptr);
      for (size_t lane = 0; lane < kLanes; ++lane) {
        valid[kLanes * i + lane] = MBX_GET_STS(status, static_cast<int>(lane)) == MBX_STATUS_OK;
      }
    }
  }
  Text text;
  Points keys;
  std::vector<Lanes> r, s;
};

struct Signer {
  Signer(const Bytes& secret_bytes, const Bytes& nonce_bytes, const Bytes& key_bytes, const MessageRows& messages)
      : text(messages),
        keys(key_bytes),
        secrets(words(secret_bytes.data(), 32, messages.count)),
        nonces(words(nonce_bytes.data(), 32, messages.count)) {}
  void operator()(uint8_t* signatures) const {
    for (size_t i = 0; i < secret_lanes.size(); ++i) {
      int8u *r[kLanes], *s[kLanes];
      for (size_t lane = 0; lane < kLanes; ++lane) {
        r[lane] = signatures + 64 * (kLanes * i + lane);
        s[lane] = r[lane] + 32;
      }
      const mbx_status status =
          mbx_sm2_ecdsa_sign_mb8(r, s, text.ids.data(), text.id_lengths.data(), text.message_lanes[i].data(),
                                 text.lengths.data(), nonce_lanes[i].data(), secret_lanes[i].data(),
                                 keys.x_lanes[i].data(), keys.y_lanes[i].data(), nullptr, nullptr);
      require(status == 0, "crypto_mb: sign");
    }
  }
  Text text;
  Points keys;
  std::vector<Words> secrets, nonces;
  std::vector<WordLanes> secret_lanes = word_lanes(secrets), nonce_lanes = word_lanes(nonces);
};

struct KeyMaker {
  explicit KeyMaker(const Bytes& secret_bytes) : secrets(words(secret_bytes.data(), 32, secret_bytes.size() / 32)) {}
  void operator()(uint8_t* keys) const {
    alignas(8) int64u x[kLanes][4], y[kLanes][4];
    int64u *x_lanes[kLanes], *y_lanes[kLanes];
    for (size_t lane = 0; lane < kLanes; ++lane) x_lanes[lane] = x[lane], y_lanes[lane] = y[lane];
    for (size_t i = 0; i < secret_lanes.size(); ++i) {
      const mbx_status status = mbx_sm2_ecpublic_key_mb8(x_lanes, y_lanes, nullptr, secret_lanes[i].data(), nullptr);
      require(status == 0, "crypto_mb: public key");
      for (size_t lane = 0; lane < kLanes; ++lane) {
        std::memcpy(keys + 64 * (kLanes * i + lane), x[lane], 32);
        std::memcpy(keys + 64 * (kLanes * i + lane) + 32, y[lane], 32);
      }
    }
  }
  std::vector<Words> secrets;
  std::vector<WordLanes> secret_lanes = word_lanes(secrets);
};

struct Hasher {
  Hasher(const std::vector<const uint8_t*>& messages, const std::vector<uint64_t>& message_lengths)
      : pointers(messages), lengths(message_lengths.begin(), message_lengths.end()) {
    require(pointers.size() % kHashLanes == 0, "crypto_mb: a count that is no multiple of 16");
  }
  void operator()(uint8_t* digests) {
    for (size_t i = 0; i < pointers.size(); i += kHashLanes) {
      int8u* out[kHashLanes];
      for (size_t lane = 0; lane < kHashLanes; ++lane) out[lane] = digests + 32 * (i + lane);
      require(mbx_sm3_msg_digest_mb16(&pointers[i], &lengths[i], out) == 0, "crypto_mb: SM3");
    }
  }
  std::vector<const uint8_t*> pointers;
  std::vector<int> lengths;
};

// std::function copies what it holds, and pointers into a copied vector would dangle: hold it once.
template <class Call>
std::function<void(uint8_t*)> shared(std::shared_ptr<Call> call) {
  return [call](uint8_t* out) { (*call)(out); };
}

class CryptoMbLibrary final : public CryptoMb {
 public:
  std::string version() const override {
    const mbxVersion* version = mbx_getversion();
    return "crypto_mb " + std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
           std::to_string(version->patch);
  }
  std::function<void(uint8_t*)> verifier(const Signed& set, const MessageRows& messages) const override {
    return shared(std::make_shared<Verifier>(set, messages));
  }
  std::function<void(uint8_t*)> signer(const Bytes& secrets, const Bytes& nonces, const Bytes& keys,
                                       const MessageRows& messages) const override {
    return shared(std::make_shared<Signer>(secrets, nonces, keys, messages));
  }
  std::function<void(uint8_t*)> key_maker(const Bytes& secrets) const override {
    return shared(std::make_shared<KeyMaker>(secrets));
  }
  std::function<void(uint8_t*)> hasher(const std::vector<const uint8_t*>& messages,
                                       const std::vector<uint64_t>& lengths) const override {
    return shared(std::make_shared<Hasher>(messages, lengths));
  }
};

}  // namespace

std::unique_ptr<CryptoMb> find_crypto_mb(std::string* why_not) {
  // The library's view of the CPU counts too, so that ACCEL_CPU_MASK plays a CPU without IFMA here as well.
  const std::string features = accel_cpu_features();
  if (features.find("avx512ifma") == std::string::npos || mbx_is_crypto_mb_applicable(0) == 0) {
    *why_not = "this CPU has no AVX-512 IFMA, which crypto_mb needs";
    return nullptr;
  }
  return std::make_unique<CryptoMbLibrary>();
}

}  // namespace accel::bench
