// Uses every operation once through the C API, with whatever kernels this CPU gets, and names them:
//
//   cpu: FEATURES
//   sm3: KERNEL of KERNELS
//   sm2: KERNEL of KERNELS
//   root: HEX            of a tree over fixed messages: the same everywhere
//
// tools/check_isa.sh runs it on emulated CPUs, where an instruction that the CPU lacks ends it. With
// ACCEL_ISA_PROBE_FORCE set, it executes one of AVX2 whatever the CPU: that has to be stopped, or the emulation is no
// witness.
#include <cstdio>
#include <cstdlib>

#include "accel/accel.h"

namespace {

constexpr uint64_t kItems = 70;  // full groups of lanes and some over

void require(bool condition, const char* what) {
  if (condition) return;
  std::printf("%s: %s\n", what, accel_last_error());
  std::exit(1);
}

void call(accel_status status, const char* what) { require(status == ACCEL_OK, what); }

void name_kernel(const char* family, const char* op) {
  const char *active = nullptr, *all = nullptr;
  call(accel_active_kernel(&active, op), "accel_active_kernel");
  call(accel_available_kernels(&all, op), "accel_available_kernels");
  std::printf("%s: %s of %s\n", family, active, all);
}

// Messages of 0, 1, 2 ... bytes: 7, 14, 21 ...
struct Batch {
  uint8_t bytes[kItems];
  const uint8_t* pointers[kItems];
  uint64_t lengths[kItems];
  accel_messages view = {};

  Batch() {
    for (uint64_t i = 0; i < kItems; ++i) {
      bytes[i] = static_cast<uint8_t>(7 * i + 7);
      pointers[i] = bytes;
      lengths[i] = i;
    }
    view.struct_size = sizeof(view);
    view.layout = ACCEL_LAYOUT_POINTERS;
    view.pointers = pointers;
    view.lengths = lengths;
  }
};

void build_tree(const Batch& batch) {
  accel_merkle_tree* tree = nullptr;
  uint8_t root[32];
  call(accel_merkle_tree_new(nullptr, &tree, ACCEL_MERKLE_RFC9162, ACCEL_MERKLE_KEEP_ALL), "accel_merkle_tree_new");
  call(accel_merkle_tree_append(tree, &batch.view, kItems), "accel_merkle_tree_append");
  call(accel_merkle_tree_head(tree, root, nullptr), "accel_merkle_tree_head");
  accel_merkle_tree_free(tree);
  std::printf("root: ");
  for (const uint8_t byte : root) std::printf("%02x", byte);
  std::printf("\n");
}

void expect_valid_but(const uint8_t* status, uint64_t damaged, const char* what) {
  for (uint64_t i = 0; i < kItems; ++i) require((status[i] == ACCEL_OK) == (i != damaged), what);
}

void sign_and_verify(const Batch& batch) {
  constexpr uint64_t kDamaged = 33;
  const auto* id = reinterpret_cast<const uint8_t*>(ACCEL_SM2_DEFAULT_ID);
  accel_sm2_private_key* key = nullptr;
  accel_sm2_keyring* ring = nullptr;
  uint8_t public_key[64], signatures[kItems][64], status[kItems];
  const uint32_t indices[kItems] = {};
  call(accel_sm2_private_key_generate(&key), "accel_sm2_private_key_generate");
  call(accel_sm2_private_key_public(key, public_key), "accel_sm2_private_key_public");
  call(accel_sm2_sign_many(nullptr, signatures[0], &key, 1, nullptr, &batch.view, id, ACCEL_SM2_DEFAULT_ID_LENGTH,
                           kItems),
       "accel_sm2_sign_many");
  signatures[kDamaged][40] ^= 1;
  call(accel_sm2_verify_many(nullptr, status, public_key, 0, signatures[0], 64, &batch.view, id,
                             ACCEL_SM2_DEFAULT_ID_LENGTH, kItems),
       "accel_sm2_verify_many");
  expect_valid_but(status, kDamaged, "accel_sm2_verify_many gave a wrong answer");
  call(accel_sm2_keyring_new(nullptr, &ring, nullptr, public_key, 64, id, ACCEL_SM2_DEFAULT_ID_LENGTH, 0, 1),
       "accel_sm2_keyring_new");
  call(accel_sm2_keyring_verify_many(nullptr, status, ring, indices, signatures[0], 64, &batch.view, kItems),
       "accel_sm2_keyring_verify_many");
  expect_valid_but(status, kDamaged, "accel_sm2_keyring_verify_many gave a wrong answer");
  accel_sm2_keyring_free(ring);
  accel_sm2_private_key_free(key);
}

}  // namespace

int main() {
#if defined(__x86_64__)
  if (std::getenv("ACCEL_ISA_PROBE_FORCE") != nullptr) __asm__ volatile("vpaddd %%ymm0, %%ymm0, %%ymm0" ::: "xmm0");
#endif
  std::printf("cpu: %s\n", accel_cpu_features());
  call(accel_selftest(), "accel_selftest");
  name_kernel("sm3", "sm3.hash");
  name_kernel("sm2", "sm2.verify");
  const Batch batch;
  build_tree(batch);
  sign_and_verify(batch);
  return 0;
}
