// Known-answer test of a kernel before its first use: the signature example of GB/T 32918.5-2017, annex A.
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "accel/accel.h"
#include "base/error.hpp"
#include "sm2/example.hpp"
#include "sm2/select.hpp"

namespace accel::sm2 {
namespace {

using example::kDigest;
using example::kPublic;
using example::kSignature;

constexpr uint8_t kPrivate[32] = {0x39, 0x45, 0x20, 0x8f, 0x7b, 0x21, 0x44, 0xb1, 0x3f, 0x36, 0xe3,
                                  0x8a, 0xc6, 0xd3, 0x9f, 0x95, 0x88, 0x93, 0x93, 0x69, 0x28, 0x60,
                                  0xb5, 0x1a, 0x42, 0xfb, 0x81, 0xef, 0x4d, 0xf7, 0xc5, 0xb8};
// The example's k in the low half: a nonce is reduced mod n.
constexpr uint8_t kNonce[64] = {0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
                                0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0,
                                0,    0,    0,    0,    0,    0,    0x59, 0x27, 0x6e, 0x27, 0xd5, 0x06, 0x86,
                                0x1a, 0x16, 0x68, 0x0f, 0x3a, 0xd9, 0xc0, 0x2d, 0xcc, 0xef, 0x3c, 0xc1, 0xfa,
                                0x3c, 0xdb, 0xe4, 0xce, 0x6d, 0x54, 0xb8, 0x0d, 0xea, 0xc1, 0xbc, 0x21};

// Seventeen copies of the example fill two vectors of lanes and one lane more; some are damaged, each in its own way.
constexpr size_t kCount = 17;

struct Items {
  uint8_t keys[kCount][64], signatures[kCount][64], digests[kCount][32], expected[kCount];

  Items() {
    for (size_t i = 0; i < kCount; ++i) {
      std::memcpy(keys[i], kPublic, 64);
      std::memcpy(signatures[i], kSignature, 64);
      std::memcpy(digests[i], kDigest, 32);
      expected[i] = ACCEL_OK;
    }
    signatures[1][31] ^= 1, expected[1] = ACCEL_BAD_SIGNATURE;
    signatures[3][63] ^= 1, expected[3] = ACCEL_BAD_SIGNATURE;
    digests[6][0] ^= 0x80, expected[6] = ACCEL_BAD_SIGNATURE;
    std::memset(signatures[9], 0, 32), expected[9] = ACCEL_BAD_RANGE;
    std::memset(signatures[11] + 32, 0xff, 32), expected[11] = ACCEL_BAD_RANGE;
  }
};

constexpr uint8_t kHint = 0;  // y([k]G) is even, x([k]G) below n

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<void, Free>;
Memory allocate(size_t bytes) {
  Memory memory(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
  if (!memory) throw std::bad_alloc();
  return memory;
}

bool verifies(const Kernel& kernel) {
  Items items;
  items.keys[14][63] ^= 1, items.expected[14] = ACCEL_BAD_KEY;
  uint8_t status[kCount] = {};
  kernel.verify(status, {items.keys[0], 64}, {items.signatures[0], 64}, {items.digests[0], 32}, kCount);
  return std::memcmp(status, items.expected, kCount) == 0 && kernel.on_curve(kPublic) &&
         !kernel.on_curve(items.keys[14]);
}

// Valid items alone, whose sum is zero, and all of them.
bool verifies_hinted(const Kernel& kernel) {
  const Items items;
  uint8_t status[kCount] = {}, hints[kCount] = {};
  kernel.recovery_hints(hints, status, {kPublic, 0}, {items.signatures[0], 64}, {items.digests[0], 32}, kCount);
  for (size_t i = 0; i < kCount; ++i) {
    if (status[i] != items.expected[i] || hints[i] != kHint) return false;
  }
  if (kernel.hinted.most == 0) return true;
  const Memory scratch = allocate(kernel.hinted.scratch_bytes());
  uint8_t coefficients[kCount][16];
  for (size_t i = 0; i < kCount; ++i) std::memset(coefficients[i], static_cast<int>(37 * i + 1), 16);
  kernel.hinted.verify(status, {kPublic, 0}, {kSignature, 0}, {kDigest, 0}, hints, coefficients[0], kCount,
                       scratch.get());
  for (const uint8_t verdict : status) {
    if (verdict != ACCEL_OK) return false;
  }
  kernel.hinted.verify(status, {kPublic, 0}, {items.signatures[0], 64}, {items.digests[0], 32}, hints, coefficients[0],
                       kCount, scratch.get());
  return std::memcmp(status, items.expected, kCount) == 0;
}

bool verifies_known(const Kernel& kernel) {
  const Memory table = allocate(kernel.standard.bytes);
  if (!kernel.standard.build(table.get(), kPublic)) return false;
  Items items;
  const void* tables[kCount];
  for (const void*& entry : tables) entry = table.get();
  uint8_t status[kCount] = {};
  kernel.standard.verify(status, tables, {items.signatures[0], 64}, {items.digests[0], 32}, kCount);
  return std::memcmp(status, items.expected, kCount) == 0;
}

bool decompresses(const Kernel& kernel) {
  uint8_t key[64] = {};
  return kernel.decompress(key, kPublic, (kPublic[63] & 1) != 0) && std::memcmp(key, kPublic, 64) == 0;
}

bool signs(const Kernel& kernel) {
  SignKey derived[kCount];
  uint8_t valid[kCount] = {}, public_keys[kCount][64] = {};
  kernel.derive_sign_keys(derived, valid, {kPrivate, 0}, kCount);
  kernel.public_keys(public_keys[0], {kPrivate, 0}, kCount);
  const SignKey* keys[kCount];
  for (size_t i = 0; i < kCount; ++i) keys[i] = &derived[i];
  uint8_t status[kCount] = {}, signatures[kCount][64] = {};
  kernel.sign(status, signatures[0], keys, {kNonce, 0}, {kDigest, 0}, kCount);
  bool right = true;
  for (size_t i = 0; i < kCount; ++i) {
    right = right && valid[i] == 1 && std::memcmp(public_keys[i], kPublic, 64) == 0;
    right = right && status[i] == ACCEL_OK && std::memcmp(signatures[i], kSignature, 64) == 0;
  }
  return right;
}

}  // namespace

bool passes_selftest(const Kernel& kernel) {
  return verifies(kernel) && verifies_hinted(kernel) && verifies_known(kernel) && decompresses(kernel) && signs(kernel);
}

}  // namespace accel::sm2
