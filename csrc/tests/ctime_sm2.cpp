// Constant time of the SM2 kernels: run under valgrind's memcheck, which takes poisoned bytes for uninitialised memory
// and reports every branch and every address that depends on one.
//
// Memcheck knows no AVX-512: on the CPU that it shows, the avx512ifma kernel is not supported. What that kernel does
// with secrets is run here over emulated vectors, from the same source; tools/check_trace.py follows the real
// instructions.
//
// Exempt, because declassified in csrc/sm2/sign.hpp where each says why:
//  - whether a private key is in range, and whether a nonce gave no signature (each the call's result);
//  - whether a nonce met an exceptional case of the tree of additions (random nonces do with a probability of 2^-250);
//  - signatures and public keys (published).
#include <cstdio>
#include <cstring>

#include "accel/accel.h"
#include "base/ctime.hpp"
#include "sm2/field_portable.hpp"
#include "sm2/ifma/sign52.hpp"
#include "sm2/ifma/vec_emulated.hpp"
#include "sm2_kernels.hpp"

namespace accel::sm2::testing {
namespace {

// A full chunk of the scalar kernels and a part of one; so few that there is no tree.
constexpr size_t kCounts[] = {70, 2};
constexpr size_t kCount = kCounts[0];
constexpr size_t kKeys = 5;

// Distinct nonces and digests; what they are does not matter, except that one digest is above the order.
void fill(uint8_t* bytes, size_t size, uint32_t seed) {
  for (size_t i = 0; i < size; ++i) {
    seed = seed * 1664525 + 1013904223;
    bytes[i] = static_cast<uint8_t>(seed >> 24);
  }
}

// What came out is right: the program checks that it ran what it says.
bool are_right(const Kernel& kernel, const uint8_t* status, const uint8_t (*signatures)[64],
               const uint8_t (*public_keys)[64], const uint8_t (*digests)[32], size_t count) {
  for (size_t i = 0; i < count; ++i) {
    uint8_t verdict = 0;
    kernel.verify(&verdict, {public_keys[i % kKeys], 0}, {signatures[i], 64}, {digests[i], 32}, 1);
    if (status[i] != ACCEL_OK || verdict != ACCEL_OK) return false;
  }
  return true;
}

bool is_right(const Kernel& kernel) {
  uint8_t d[kKeys][32], valid[kKeys], nonces[kCount][64], digests[kCount][32], signatures[kCount][64],
      public_keys[kKeys][64];
  uint8_t status[kCount];
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
  for (const size_t count : kCounts) {
    kernel.public_keys(public_keys[0], {d[0], 32}, count < kKeys ? count : kKeys);
    kernel.sign(status, signatures[0], item_keys, {nonces[0], 64}, {digests[0], 32}, count);
    if (!are_right(kernel, status, signatures, public_keys, digests, count)) return false;
  }
  for (const uint8_t in_range : valid) {
    if (in_range != 1) return false;
  }
  return true;
}

}  // namespace

bool run_all() {
  Kernel emulated = kPortable;
  emulated.name = "avx512ifma, emulated";
  emulated.public_keys = Signer52<VecEmulated, PortableField>::public_keys;
  emulated.sign = Signer52<VecEmulated, PortableField>::sign;
  std::vector<const Kernel*> kernels = supported_kernels();
  kernels.push_back(&emulated);
  bool passed = true;
  for (const Kernel* kernel : kernels) {
    const bool ok = is_right(*kernel);
    std::printf("sm2 %s: derive_sign_keys, public_keys, sign: %s\n", kernel->name, ok ? "ran" : "WRONG RESULT");
    passed = passed && ok;
  }
  return passed;
}

}  // namespace accel::sm2::testing

int main() { return accel::sm2::testing::run_all() ? 0 : 1; }
