// What the avx512ifma kernel does with secrets, for tools/check_trace.py to follow instruction by instruction.
//
//   trace_sm2 WHAT SEED COUNT
//
// runs WHAT on COUNT items (at most 11), with secrets that depend on SEED, between two calls of trace_mark(). Nothing
// else differs between seeds.
// Exit status 77: this CPU cannot run the kernel.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/cpu.hpp"
#include "sm2/kernel.hpp"

// The tracer looks for this function's address.
extern "C" __attribute__((noinline, used)) void trace_mark() { __asm__ volatile("" ::: "memory"); }

namespace accel::sm2 {
namespace {

constexpr size_t kCount = 11;  // two groups of lanes, the second not full
constexpr int kCannotRun = 77;

uint8_t secrets[kCount][32], nonces[kCount][64], digests[kCount][32], signatures[kCount][64], public_keys[kCount][64];
uint8_t valid[kCount], status[kCount];
volatile uint8_t leak_table[256 * 64];
SignKey sign_keys[kCount];
const SignKey* item_keys[kCount];

// Seed 0: the smallest keys and nonces; any other: all bits differ.
void fill_secrets(uint64_t seed) {
  uint64_t state = seed;
  const auto next = [&state] {
    state = state * 6364136223846793005 + 1442695040888963407;
    return static_cast<uint8_t>(state >> 56);
  };
  for (size_t i = 0; i < kCount; ++i) {
    for (uint8_t& byte : secrets[i]) byte = next();
    for (uint8_t& byte : nonces[i]) byte = next();
    secrets[i][0] = 0;  // below the order
    if (seed != 0) continue;
    std::memset(secrets[i], 0, 32);
    std::memset(nonces[i], 0, 64);
    secrets[i][31] = static_cast<uint8_t>(i + 1);
    nonces[i][63] = static_cast<uint8_t>(i);  // 0 becomes 1
  }
}

void run(const char* what, size_t count) {
  if (std::strcmp(what, "sign") == 0) {
    kAvx512Ifma.sign(status, signatures[0], item_keys, {nonces[0], 64}, {digests[0], 32}, count);
  } else if (std::strcmp(what, "public_keys") == 0) {
    kAvx512Ifma.public_keys(public_keys[0], {secrets[0], 32}, count);
  } else if (std::strcmp(what, "derive_sign_keys") == 0) {
    kAvx512Ifma.derive_sign_keys(sign_keys, valid, {secrets[0], 32}, count);
  } else if (std::strcmp(what, "leak_branch") == 0) {
    if ((nonces[0][5] & 1) != 0) leak_table[0] = 1;
  } else if (std::strcmp(what, "leak_address") == 0) {
    leak_table[nonces[0][5] * size_t{64}] = 1;
  } else {
    std::fprintf(stderr, "trace_sm2: there is no %s\n", what);
    std::exit(2);
  }
}

}  // namespace
}  // namespace accel::sm2

int main(int argc, char** argv) {
  using namespace accel::sm2;
  if (argc != 4) return 2;
  if (!kAvx512Ifma.supported(accel::cpu_features())) return kCannotRun;
  const size_t count = std::strtoul(argv[3], nullptr, 10);
  fill_secrets(std::strtoull(argv[2], nullptr, 10));
  for (size_t i = 0; i < kCount; ++i) item_keys[i] = &sign_keys[i];
  kAvx512Ifma.derive_sign_keys(sign_keys, valid, {secrets[0], 32}, kCount);
  run(argv[1], kCount);  // tables are built, and symbols of the C library bound, before anything is followed
  run(argv[1], count);
  trace_mark();
  run(argv[1], count);
  trace_mark();
  return 0;
}
