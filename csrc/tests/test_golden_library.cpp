// libaccel_golden and libaccel, which share no code, give the same answers; every array of golden.h has exactly the
// size that it declares, so that the address sanitizer sees a step beyond it.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "accel/accel.h"
#include "accel/golden.h"

namespace {

using Bytes = std::vector<uint8_t>;

class GoldenAndLibrary : public testing::Test {
 protected:
  Bytes random_bytes(size_t size) {
    Bytes bytes(size);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(generator_());
    return bytes;
  }
  uint64_t below(uint64_t limit) { return std::uniform_int_distribution<uint64_t>(0, limit - 1)(generator_); }

 private:
  std::mt19937_64 generator_{20261126};
};

using Words = std::vector<uint32_t>;

Words from_bytes(const uint8_t* bytes, size_t numbers) {
  Words words(8 * numbers);
  for (size_t i = 0; i < numbers; i++) accel_golden_number_from_bytes(&words[8 * i], bytes + 32 * i);
  return words;
}

TEST_F(GoldenAndLibrary, HashesAgree) {
  for (size_t length = 0; length <= 260; length++) {
    const Bytes message = random_bytes(length);
    Bytes golden(32), library(32);
    ASSERT_EQ(accel_golden_sm3_hash(golden.data(), message.data(), length), ACCEL_GOLDEN_OK);
    ASSERT_EQ(accel_sm3_hash_many(nullptr, library.data(), message.data(), length, length, 1), ACCEL_OK);
    EXPECT_EQ(golden, library) << length;
  }
}

TEST_F(GoldenAndLibrary, DigestsOfMessagesAgree) {
  for (size_t id_length : {0u, 16u, 100u, 8191u}) {
    const Bytes key = random_bytes(64), id = random_bytes(id_length), message = random_bytes(below(300));
    accel_messages messages = {};
    messages.struct_size = sizeof(messages);
    messages.data = message.data();
    messages.stride = messages.length = message.size();
    Bytes library(32), golden(32);
    ASSERT_EQ(accel_sm2_digest_many(nullptr, library.data(), key.data(), 64, &messages, id.data(), id_length, 1),
              ACCEL_OK);
    Words e(8);
    ASSERT_EQ(accel_golden_sm2_e(e.data(), id.data(), id_length, from_bytes(key.data(), 2).data(), message.data(),
                                 message.size()),
              ACCEL_GOLDEN_OK);
    ASSERT_EQ(accel_golden_number_to_bytes(golden.data(), e.data()), ACCEL_GOLDEN_OK);
    EXPECT_EQ(golden, library) << id_length;
  }
}

// Signatures made by the golden functions, some damaged, judged by both.
TEST_F(GoldenAndLibrary, VerdictsAgree) {
  constexpr size_t kCount = 64;
  Bytes keys(64 * kCount), signatures(64 * kCount), digests = random_bytes(32 * kCount), library(kCount);
  for (size_t i = 0; i < kCount; i++) {
    Bytes secret = random_bytes(32), nonce = random_bytes(32);
    secret[0] &= 0x7f, nonce[0] &= 0x7f;
    const Words d = from_bytes(secret.data(), 1), k = from_bytes(nonce.data(), 1);
    Words key(16);
    auto trace = std::make_unique<accel_golden_signing>();
    trace->struct_size = sizeof(*trace);
    ASSERT_EQ(accel_golden_sm2_public_key(key.data(), d.data()), ACCEL_GOLDEN_OK);
    ASSERT_EQ(accel_golden_sm2_sign(trace.get(), d.data(), from_bytes(&digests[32 * i], 1).data(), k.data()),
              ACCEL_GOLDEN_OK);
    accel_golden_number_to_bytes(&keys[64 * i], key.data());
    accel_golden_number_to_bytes(&keys[64 * i + 32], key.data() + 8);
    accel_golden_number_to_bytes(&signatures[64 * i], trace->r);
    accel_golden_number_to_bytes(&signatures[64 * i + 32], trace->s);
    if (i % 4 == 1) keys[64 * i + below(64)] ^= 1;
    if (i % 4 == 2) signatures[64 * i + below(64)] ^= 1;
    if (i % 4 == 3) std::fill_n(&signatures[64 * i + 32 * below(2)], 32, i % 8 == 3 ? 0 : 255);
  }
  ASSERT_EQ(accel_sm2_verify_digest_many(nullptr, library.data(), keys.data(), 64, signatures.data(), 64,
                                         digests.data(), 32, kCount),
            ACCEL_OK);
  for (size_t i = 0; i < kCount; i++) {
    auto trace = std::make_unique<accel_golden_verification>();
    trace->struct_size = sizeof(*trace);
    EXPECT_EQ(accel_golden_sm2_verify_bytes(trace.get(), &keys[64 * i], &signatures[64 * i], &digests[32 * i]),
              library[i])
        << i;
  }
}

TEST_F(GoldenAndLibrary, TreesAndProofsAgree) {
  for (uint32_t rule : {ACCEL_MERKLE_RFC9162, ACCEL_MERKLE_CHAINMAKER, ACCEL_MERKLE_BCOS}) {
    for (uint64_t size : {0u, 1u, 2u, 3u, 5u, 8u, 21u, 100u}) {
      const Bytes leaves = random_bytes(32 * size);
      accel_merkle_tree* tree = nullptr;
      Bytes library(32), golden(32);
      ASSERT_EQ(accel_merkle_tree_new(nullptr, &tree, rule, ACCEL_MERKLE_KEEP_ALL), ACCEL_OK);
      ASSERT_EQ(accel_merkle_tree_append_hashes(tree, leaves.data(), 32, size), ACCEL_OK);
      ASSERT_EQ(accel_merkle_tree_head(tree, library.data(), nullptr), ACCEL_OK);
      ASSERT_EQ(accel_golden_merkle_root(golden.data(), rule, leaves.data(), size), ACCEL_GOLDEN_OK);
      EXPECT_EQ(golden, library) << rule << " " << size;
      for (uint64_t index = 0; index < size; index++) {
        Bytes proof(ACCEL_MERKLE_MAX_INCLUSION_PROOF);
        int64_t offsets[2];
        ASSERT_EQ(accel_merkle_tree_prove_many(tree, proof.data(), proof.size(), offsets, &index, 1), ACCEL_OK);
        const Bytes siblings(proof.begin() + 20, proof.begin() + offsets[1]);  // docs/proofs.md
        Bytes ours(siblings.size());
        uint64_t count = 0;
        ASSERT_EQ(accel_golden_merkle_path(ours.data(), ours.size() / 32, &count, rule, leaves.data(), size, index),
                  ACCEL_GOLDEN_OK);
        EXPECT_EQ(count, ours.size() / 32);
        EXPECT_EQ(ours, siblings);
        EXPECT_EQ(accel_golden_merkle_verify(rule, library.data(), &leaves[32 * index], index, size, siblings.data(),
                                             siblings.size() / 32),
                  ACCEL_GOLDEN_OK);
      }
      accel_merkle_tree_free(tree);
    }
  }
}

TEST_F(GoldenAndLibrary, TracesFillTheirArraysExactly) {
  Words base(16), k(8, 0xffffffff), product(16);
  accel_golden_constant(base.data(), ACCEL_GOLDEN_GX);
  accel_golden_constant(base.data() + 8, ACCEL_GOLDEN_GY);
  std::vector<accel_golden_step> steps(ACCEL_GOLDEN_MAX_STEPS);
  uint64_t count = 0;
  ASSERT_EQ(accel_golden_point_multiply_trace(steps.data(), steps.size(), &count, k.data(), base.data()),
            ACCEL_GOLDEN_OK);
  EXPECT_EQ(count, ACCEL_GOLDEN_MAX_STEPS);
  ASSERT_EQ(accel_golden_point_multiply(product.data(), k.data(), base.data()), ACCEL_GOLDEN_OK);
  Words last(16);
  ASSERT_EQ(accel_golden_jacobian_to_affine(last.data(), steps.back().jacobian), ACCEL_GOLDEN_OK);
  EXPECT_EQ(last, product);

  const Bytes leaves = random_bytes(32 * 7);
  Bytes nodes(32 * (7 + 4 + 2 + 1));
  ASSERT_EQ(
      accel_golden_merkle_levels(nodes.data(), nodes.size() / 32, &count, ACCEL_GOLDEN_MERKLE_BCOS, leaves.data(), 7),
      ACCEL_GOLDEN_OK);
  EXPECT_EQ(count, nodes.size() / 32);

  Bytes input(ACCEL_GOLDEN_MAX_ZA_INPUT);
  const Bytes id = random_bytes(ACCEL_GOLDEN_MAX_ID_LENGTH);
  ASSERT_EQ(accel_golden_sm2_za_input(input.data(), input.size(), &count, id.data(), id.size(), base.data()),
            ACCEL_GOLDEN_OK);
  EXPECT_EQ(count, input.size());

  auto montgomery = std::make_unique<accel_golden_montgomery>();
  montgomery->struct_size = sizeof(*montgomery);
  EXPECT_EQ(accel_golden_mont_mul_trace(montgomery.get(), ACCEL_GOLDEN_P, k.data(), k.data()), ACCEL_GOLDEN_OK);
}

}  // namespace
