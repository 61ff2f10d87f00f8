#include "sm2/signing.hpp"

#include <algorithm>
#include <cstring>

#include "base/ctime.hpp"
#include "base/error.hpp"
#include "sm2/secret.hpp"
#include "sm2/select.hpp"
#include "sm3/sm3.hpp"

namespace accel::sm2 {
namespace {

// One repeat has probability 2^-254; a kernel that asks for many is broken.
constexpr uint8_t kMaxAttempts = 8;

constexpr char kDomain[] = "accel sm2 nonce";  // its terminating zero is not used
constexpr size_t kDomainSize = sizeof kDomain - 1;
constexpr size_t kInnerSize = 32 + 32 + kDomainSize + 1;
constexpr size_t kOuterSize = 32 + 1;

// Where a chunk has one key, hashing starts behind HMAC's first block; else that block is hashed with each message, all
// keys side by side: a lane of its own for each message, and few blocks more.
struct Keyed {
  sm3::Midstate initial;
  sm3::Prefix prefix;
};

struct Scratch {
  uint8_t random[kSignChunk][32];
  uint8_t inner[kSignChunk][kInnerSize];
  uint8_t outer[kSignChunk][2][kOuterSize];
  uint8_t nonces[kSignChunk][kNonceSize];
  uint8_t pads[2 * kSignChunk][sm3::kBlockSize];
  Keyed keyed;
};

// HMAC's first block, for `copies` messages of each item.
void fill_pads(Scratch& scratch, const PrivateKey* const* keys, uint8_t pad, size_t copies, size_t count) {
  for (size_t i = 0; i < copies * count; ++i) {
    const uint8_t* secret = keys[i / copies]->secret();
    for (size_t j = 0; j < 32; ++j) scratch.pads[i][j] = static_cast<uint8_t>(secret[j] ^ pad);
    std::memset(scratch.pads[i] + 32, pad, sm3::kBlockSize - 32);
  }
}

void start_hmac(Keyed& keyed, Scratch& scratch, const PrivateKey* const* keys, uint8_t pad, size_t copies,
                size_t count) {
  if (std::all_of(keys, keys + count, [&](const PrivateKey* key) { return key == keys[0]; })) {
    keyed.initial = pad == kInnerPad ? keys[0]->nonce_inner() : keys[0]->nonce_outer();
    keyed.prefix = {};
    return;
  }
  fill_pads(scratch, keys, pad, copies, count);
  keyed.initial = sm3::kInitial;
  keyed.prefix = {scratch.pads[0], sm3::kBlockSize, sm3::kBlockSize};
}

void derive_nonces(Scratch& scratch, Random random, const PrivateKey* const* keys, const uint8_t* digests,
                   uint8_t attempt, size_t count) {
  random(scratch.random[0], 32 * count);
  for (size_t i = 0; i < count; ++i) {
    uint8_t* message = scratch.inner[i];
    std::memcpy(message, scratch.random[i], 32);
    std::memcpy(message + 32, digests + 32 * i, 32);
    std::memcpy(message + 64, kDomain, kDomainSize);
    message[64 + kDomainSize] = attempt;
  }
  Keyed& keyed = scratch.keyed;
  uint8_t* inner = scratch.nonces[0];  // the inner digests, for as long as it takes
  start_hmac(keyed, scratch, keys, kInnerPad, 1, count);
  sm3::hash_range(inner, keyed.initial, keyed.prefix, Messages(scratch.inner[0], kInnerSize, kInnerSize, count), 0,
                  count);
  for (size_t i = 0; i < count; ++i) {
    for (uint8_t half = 0; half < 2; ++half) {
      uint8_t* message = scratch.outer[i][half];
      std::memcpy(message, inner + 32 * i, 32);
      message[32] = half;
    }
  }
  start_hmac(keyed, scratch, keys, kOuterPad, 2, count);
  sm3::hash_range(scratch.nonces[0], keyed.initial, keyed.prefix,
                  Messages(scratch.outer[0][0], kOuterSize, kOuterSize, 2 * count), 0, 2 * count);
}

}  // namespace

void sign_chunk(const Kernel& kernel, Random random, uint8_t* signatures, const PrivateKey* const* keys,
                const uint8_t* digests, size_t count) {
  SecretArray<Scratch, 1> scratch;
  const SignKey* sign_keys[kSignChunk];
  const PrivateKey* pending_keys[kSignChunk];
  uint8_t pending_digests[kSignChunk][32];
  uint8_t made[kSignChunk][64];
  uint8_t status[kSignChunk];
  size_t place[kSignChunk];  // of each pending item
  for (size_t i = 0; i < count; ++i) {
    pending_keys[i] = keys[i];
    std::memcpy(pending_digests[i], digests + 32 * i, 32);
    place[i] = i;
  }
  size_t pending = count;
  for (uint8_t attempt = 0; pending > 0; ++attempt) {
    if (attempt == kMaxAttempts) throw Error(ACCEL_INTERNAL, "signing asks for another nonce again and again");
    derive_nonces(scratch[0], random, pending_keys, pending_digests[0], attempt, pending);
    for (size_t i = 0; i < pending; ++i) sign_keys[i] = &pending_keys[i]->sign_key();
    std::memset(status, ACCEL_NOT_CHECKED, pending);
    kernel.sign(status, made[0], sign_keys, {scratch[0].nonces[0], kNonceSize}, {pending_digests[0], 32}, pending);
    declassify(status, pending);  // that a nonce was thrown away says nothing about the one that is used
    size_t left = 0;
    for (size_t i = 0; i < pending; ++i) {
      if (status[i] == ACCEL_OK) {
        declassify(made[i], 64);  // a finished signature is for everyone
        std::memcpy(signatures + 64 * place[i], made[i], 64);
        continue;
      }
      pending_keys[left] = pending_keys[i];
      std::memmove(pending_digests[left], pending_digests[i], 32);
      place[left++] = place[i];
    }
    count_signed(kernel, pending - left);
    pending = left;
  }
}

}  // namespace accel::sm2
