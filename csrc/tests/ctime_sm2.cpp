// Constant time of the SM2 kernels: run under valgrind's memcheck, which takes poisoned bytes for uninitialised memory
// and reports every branch and every address that depends on one.
//
// Exempt, because declassified in csrc/sm2/sign.hpp where each says why:
//  - whether a private key is in range, and whether a nonce gave no signature (each the call's result);
//  - whether a nonce met an exceptional case of the tree of additions (random nonces do with a probability of 2^-250);
//  - signatures and public keys (published).
#include <cstdio>
#include <cstring>

#include "accel/accel.h"
#include "base/ctime.hpp"
#include "sm2_kernels.hpp"

namespace accel::sm2::testing {
namespace {

constexpr size_t kCount = 70;  // a full chunk and a part of one
constexpr size_t kKeys = 5;

// Distinct nonces and digests; what they are does not matter, except that one digest is above the order.
void fill(uint8_t* bytes, size_t size, uint32_t seed) {
  for (size_t i = 0; i < size; ++i) {
    seed = seed * 1664525 + 1013904223;
    bytes[i] = static_cast<uint8_t>(seed >> 24);
  }
}

bool is_right(const Kernel& kernel) {
  uint8_t d[kKeys][32], valid[kKeys], nonces[kCount][64], digests[kCount][32], signatures[kCount][64],
      public_keys[kKeys][64];
  uint8_t status[kCount], verdicts[kCount];
  SignKey keys[kKeys];
  fill(d[0], sizeof(d), 1);
  fill(nonces[0], sizeof(nonces), 2);
  fill(digests[0], sizeof(digests), 3);
  std::memset(digests[0], 0xff, 32);
  for (auto& secret : d) secret[0] = 0;          // below the order
  std::memset(nonces[1], 0, sizeof(nonces[1]));  // becomes 1
  const SignKey* item_keys[kCount];
  for (size_t i = 0; i < kCount; ++i) item_keys[i] = &keys[i % kKeys];

  poison(d, sizeof(d));
  poison(nonces, sizeof(nonces));
  kernel.derive_sign_keys(keys, valid, {d[0], 32}, kKeys);
  kernel.public_keys(public_keys[0], {d[0], 32}, kKeys);
  kernel.sign(status, signatures[0], item_keys, {nonces[0], 64}, {digests[0], 32}, kCount);

  // What came out is right: the program checks that it ran what it says.
  for (const uint8_t in_range : valid) {
    if (in_range != 1) return false;
  }
  for (size_t i = 0; i < kCount; ++i) {
    kernel.verify(verdicts + i, {public_keys[i % kKeys], 0}, {signatures[i], 64}, {digests[i], 32}, 1);
    if (status[i] != ACCEL_OK || verdicts[i] != ACCEL_OK) return false;
  }
  return true;
}

}  // namespace

bool run_all() {
  bool passed = true;
  for (const Kernel* kernel : supported_kernels()) {
    const bool ok = is_right(*kernel);
    std::printf("sm2 %s: derive_sign_keys, public_keys, sign: %s\n", kernel->name, ok ? "ran" : "WRONG RESULT");
    passed = passed && ok;
  }
  return passed;
}

}  // namespace accel::sm2::testing

int main() { return accel::sm2::testing::run_all() ? 0 : 1; }
