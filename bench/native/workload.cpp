#include "workload.hpp"

#include <random>

#include "measure.hpp"

namespace accel::bench {
namespace {

constexpr size_t kShortLength = 16, kLongLength = 256;

const uint8_t* default_id() { return reinterpret_cast<const uint8_t*>(ACCEL_SM2_DEFAULT_ID); }

// Numbers of 32 bytes that are surely below the order, which begins with ff.
Bytes random_scalars(size_t count, uint64_t seed) {
  Bytes r = random_bytes(32 * count, seed);
  for (size_t i = 0; i < count; ++i) r[32 * i] = 0x7f;
  return r;
}

}  // namespace

void check(accel_status status) { require(status == ACCEL_OK, accel_last_error()); }

std::vector<std::string> kernels_of(const char* op) {
  const char* names = nullptr;
  check(accel_available_kernels(&names, op));
  std::vector<std::string> r(1);
  for (; *names != '\0'; ++names) {
    if (*names == ',') {
      r.emplace_back();
    } else {
      r.back() += *names;
    }
  }
  return r;
}

Bytes random_bytes(size_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes r(size);
  for (uint8_t& byte : r) byte = static_cast<uint8_t>(random());
  return r;
}

accel_messages MessageRows::view() const {
  accel_messages r = {};
  r.struct_size = sizeof(r);
  r.layout = ACCEL_LAYOUT_STRIDED;
  r.data = data;
  r.stride = stride;
  r.length = length;
  return r;
}

Workload::Workload(const Sizes& chosen)
    : sizes(chosen),
      secrets(random_scalars(sizes.items, 1)),
      nonces(random_scalars(sizes.items, 2)),
      text_(random_bytes(kLongLength * sizes.items, 3)) {
  messages[kShort] = {text_.data(), kLongLength, kShortLength, sizes.items};
  messages[kLong] = {text_.data(), kLongLength, kLongLength, sizes.items};
  make_keys();
  for (const Signers signers : {kUnknown, kKnown}) {
    for (const Length length : {kShort, kLong}) sign(signers, length);
  }
  for (size_t i = 0; i < kOpensslItems; ++i) {
    evp_keys.push_back(std::make_unique<OpensslKey>(&secrets[32 * i], &public_keys[64 * i]));
    ders.push_back(der_from_raw(&sets[kUnknown][kShort].signatures[64 * i]));
  }
}

void Workload::make_keys() {
  public_keys.resize(64 * sizes.items);
  for (size_t i = 0; i < sizes.items; ++i) {
    accel_sm2_private_key* key = nullptr;
    check(accel_sm2_private_key_from_bytes(&key, &secrets[32 * i]));
    private_keys.emplace_back(key);
    key_pointers.push_back(key);
    check(accel_sm2_private_key_public(key, &public_keys[64 * i]));
  }
}

void Workload::sign(Signers signers, Length length) {
  Signed& set = sets[signers][length];
  for (size_t i = 0; i < sizes.items; ++i) {
    const size_t signer = signers == kUnknown ? i : i % kRing;
    set.signers.push_back(static_cast<uint32_t>(signer));
    set.keys.insert(set.keys.end(), &public_keys[64 * signer], &public_keys[64 * signer] + 64);
  }
  set.digests.resize(32 * sizes.items);
  set.signatures.resize(64 * sizes.items);
  const accel_messages view = messages[length].view();
  check(accel_sm2_digest_many(nullptr, set.digests.data(), set.keys.data(), 64, &view, default_id(),
                              ACCEL_SM2_DEFAULT_ID_LENGTH, sizes.items));
  check(accel_sm2_sign_many(nullptr, set.signatures.data(), key_pointers.data(), key_pointers.size(),
                            set.signers.data(), &view, default_id(), ACCEL_SM2_DEFAULT_ID_LENGTH, sizes.items));
}

}  // namespace accel::bench
