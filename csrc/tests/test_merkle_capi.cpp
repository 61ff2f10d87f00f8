// Every Merkle function of accel.h with arguments that break its contract: a status and a sentence, never a crash.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "accel/accel.h"

namespace {

constexpr uint64_t kHuge = UINT64_MAX;
constexpr uint32_t kRule = ACCEL_MERKLE_RFC9162;

struct FreeTree {
  void operator()(accel_merkle_tree* tree) const { accel_merkle_tree_free(tree); }
};
using TreePointer = std::unique_ptr<accel_merkle_tree, FreeTree>;

TreePointer make_tree(uint64_t leaves, uint32_t rule = kRule, uint32_t keep = ACCEL_MERKLE_KEEP_ALL) {
  accel_merkle_tree* tree = nullptr;
  EXPECT_EQ(accel_merkle_tree_new(nullptr, &tree, rule, keep), ACCEL_OK);
  std::vector<uint8_t> hashes(32 * leaves);
  for (size_t i = 0; i < hashes.size(); ++i) hashes[i] = static_cast<uint8_t>(i * 11 + i / 32);
  EXPECT_EQ(accel_merkle_tree_append_hashes(tree, hashes.data(), 32, leaves), ACCEL_OK);
  return TreePointer(tree);
}

accel_messages strided(const uint8_t* data, uint64_t stride, uint64_t length) {
  accel_messages view = {};
  view.struct_size = sizeof(view);
  view.layout = ACCEL_LAYOUT_STRIDED;
  view.data = data;
  view.stride = stride;
  view.length = length;
  return view;
}

accel_device* wrong_device() { return reinterpret_cast<accel_device*>(8); }

// The call was refused, and said about what.
void expect_refused(accel_status status, const char* word) {
  EXPECT_EQ(status, ACCEL_BAD_ARGUMENT) << accel_last_error();
  EXPECT_NE(std::string(accel_last_error()).find(word), std::string::npos)
      << "\"" << accel_last_error() << "\" does not name " << word;
}

TEST(MerkleCapi, Rules) {
  uint32_t rule = 0;
  const char* name = nullptr;
  EXPECT_EQ(accel_merkle_rule_from_name(&rule, "bcos"), ACCEL_OK);
  EXPECT_EQ(rule, ACCEL_MERKLE_BCOS);
  EXPECT_EQ(accel_merkle_rule_name(&name, ACCEL_MERKLE_CHAINMAKER), ACCEL_OK);
  EXPECT_STREQ(name, "chainmaker");
  expect_refused(accel_merkle_rule_from_name(nullptr, "bcos"), "rule_out");
  expect_refused(accel_merkle_rule_from_name(&rule, nullptr), "name");
  expect_refused(accel_merkle_rule_from_name(&rule, ""), "rfc9162");
  expect_refused(accel_merkle_rule_name(nullptr, kRule), "name_out");
  expect_refused(accel_merkle_rule_name(&name, 0), "chainmaker");
  expect_refused(accel_merkle_rule_name(&name, 4), "bcos");
}

TEST(MerkleCapi, LeafHashes) {
  uint8_t hashes[64];
  const uint8_t data[8] = {};
  accel_messages leaves = strided(data, 4, 4);
  EXPECT_EQ(accel_merkle_leaf_hashes(nullptr, hashes, kRule, &leaves, 2), ACCEL_OK);
  EXPECT_EQ(accel_merkle_leaf_hashes(nullptr, nullptr, kRule, nullptr, 0), ACCEL_OK);
  EXPECT_EQ(accel_merkle_leaf_hashes(wrong_device(), hashes, kRule, &leaves, 2), ACCEL_BAD_DEVICE);
  expect_refused(accel_merkle_leaf_hashes(nullptr, nullptr, kRule, &leaves, 2), "hashes_out");
  expect_refused(accel_merkle_leaf_hashes(nullptr, hashes, 9, &leaves, 2), "rule");
  expect_refused(accel_merkle_leaf_hashes(nullptr, hashes, kRule, nullptr, 2), "leaves");
  expect_refused(accel_merkle_leaf_hashes(nullptr, hashes, kRule, &leaves, kHuge), "count");
  leaves.data = nullptr;
  expect_refused(accel_merkle_leaf_hashes(nullptr, hashes, kRule, &leaves, 2), "leaves");
}

TEST(MerkleCapi, NewAndFree) {
  accel_merkle_tree* tree = nullptr;
  EXPECT_EQ(accel_merkle_tree_new(wrong_device(), &tree, kRule, ACCEL_MERKLE_KEEP_ALL), ACCEL_BAD_DEVICE);
  expect_refused(accel_merkle_tree_new(nullptr, nullptr, kRule, ACCEL_MERKLE_KEEP_ALL), "tree_out");
  expect_refused(accel_merkle_tree_new(nullptr, &tree, 0, ACCEL_MERKLE_KEEP_ALL), "rule");
  expect_refused(accel_merkle_tree_new(nullptr, &tree, kRule, 0), "keep");
  expect_refused(accel_merkle_tree_new(nullptr, &tree, kRule, 3), "keep");
  EXPECT_EQ(tree, nullptr);
  accel_merkle_tree_free(nullptr);
}

class MerkleCapiKeep : public testing::TestWithParam<uint32_t> {};

TEST_P(MerkleCapiKeep, Append) {
  const TreePointer tree = make_tree(5, kRule, GetParam());
  const uint8_t data[64] = {};
  accel_messages leaves = strided(data, 4, 4);
  EXPECT_EQ(accel_merkle_tree_append(tree.get(), nullptr, 0), ACCEL_OK);
  EXPECT_EQ(accel_merkle_tree_append_hashes(tree.get(), nullptr, 0, 0), ACCEL_OK);
  expect_refused(accel_merkle_tree_append(nullptr, &leaves, 1), "tree");
  expect_refused(accel_merkle_tree_append(tree.get(), nullptr, 1), "leaves");
  expect_refused(accel_merkle_tree_append(tree.get(), &leaves, kHuge), "count");
  leaves.stride = kHuge;
  expect_refused(accel_merkle_tree_append(tree.get(), &leaves, 3), "leaves");
  leaves.struct_size = 8;
  expect_refused(accel_merkle_tree_append(tree.get(), &leaves, 3), "struct_size");
  expect_refused(accel_merkle_tree_append_hashes(nullptr, data, 32, 1), "tree");
  expect_refused(accel_merkle_tree_append_hashes(tree.get(), nullptr, 32, 1), "leaf_hashes");
  expect_refused(accel_merkle_tree_append_hashes(tree.get(), data, 32, kHuge), "count");
  expect_refused(accel_merkle_tree_append_hashes(tree.get(), data, kHuge / 2, 4), "leaf_hashes");
  uint64_t size = 0;
  EXPECT_EQ(accel_merkle_tree_head(tree.get(), nullptr, &size), ACCEL_OK);
  EXPECT_EQ(size, 5u);
}

INSTANTIATE_TEST_SUITE_P(Keep, MerkleCapiKeep, testing::Values(ACCEL_MERKLE_KEEP_ALL, ACCEL_MERKLE_KEEP_ROOT));

TEST(MerkleCapi, HeadAndLeafHash) {
  const TreePointer tree = make_tree(5), edge = make_tree(5, kRule, ACCEL_MERKLE_KEEP_ROOT);
  uint8_t hash[32];
  EXPECT_EQ(accel_merkle_tree_head(tree.get(), nullptr, nullptr), ACCEL_OK);
  expect_refused(accel_merkle_tree_head(nullptr, hash, nullptr), "tree");
  expect_refused(accel_merkle_tree_leaf_hash(nullptr, hash, 0), "tree");
  expect_refused(accel_merkle_tree_leaf_hash(tree.get(), nullptr, 0), "hash_out");
  expect_refused(accel_merkle_tree_leaf_hash(tree.get(), hash, 5), "index");
  expect_refused(accel_merkle_tree_leaf_hash(tree.get(), hash, kHuge), "index");
  expect_refused(accel_merkle_tree_leaf_hash(edge.get(), hash, 0), "keeps the root only");
}

TEST(MerkleCapi, ProveMany) {
  const TreePointer tree = make_tree(5), edge = make_tree(5, kRule, ACCEL_MERKLE_KEEP_ROOT);
  const uint64_t indices[3] = {4, 0, 4};
  int64_t offsets[4] = {};
  uint8_t proofs[512];
  EXPECT_EQ(accel_merkle_tree_prove_many(tree.get(), nullptr, 0, offsets, nullptr, 0), ACCEL_OK);
  EXPECT_EQ(offsets[0], 0);
  expect_refused(accel_merkle_tree_prove_many(tree.get(), nullptr, 0, offsets, indices, 3), "capacity");
  EXPECT_EQ(offsets[1], 20 + 32 * 1);
  EXPECT_EQ(offsets[3], 20 * 3 + 32 * (1 + 3 + 1));
  const auto needed = static_cast<uint64_t>(offsets[3]);
  expect_refused(accel_merkle_tree_prove_many(tree.get(), proofs, needed - 1, offsets, indices, 3), "capacity");
  EXPECT_EQ(accel_merkle_tree_prove_many(tree.get(), proofs, needed, offsets, indices, 3), ACCEL_OK);
  expect_refused(accel_merkle_tree_prove_many(nullptr, proofs, 512, offsets, indices, 3), "tree");
  expect_refused(accel_merkle_tree_prove_many(tree.get(), nullptr, 512, offsets, indices, 3), "proofs_out");
  expect_refused(accel_merkle_tree_prove_many(tree.get(), proofs, 512, nullptr, indices, 3), "offsets_out");
  expect_refused(accel_merkle_tree_prove_many(tree.get(), proofs, 512, offsets, nullptr, 3), "indices");
  expect_refused(accel_merkle_tree_prove_many(tree.get(), proofs, 512, offsets, indices, kHuge), "count");
  const uint64_t beyond[1] = {5};
  expect_refused(accel_merkle_tree_prove_many(tree.get(), proofs, 512, offsets, beyond, 1), "indices");
  expect_refused(accel_merkle_tree_prove_many(edge.get(), proofs, 512, offsets, indices, 3), "keeps the root only");
}

TEST(MerkleCapi, Multiproof) {
  const TreePointer tree = make_tree(5), edge = make_tree(5, kRule, ACCEL_MERKLE_KEEP_ROOT);
  const uint64_t indices[2] = {1, 4}, unordered[2] = {4, 1}, beyond[1] = {kHuge};
  uint64_t length = 0;
  uint8_t proof[512];
  expect_refused(accel_merkle_tree_multiproof(tree.get(), nullptr, 0, &length, indices, 2), "capacity");
  EXPECT_EQ(length, 28u + 8 * 2 + 32 * 2);
  EXPECT_EQ(accel_merkle_tree_multiproof(tree.get(), proof, length, &length, indices, 2), ACCEL_OK);
  expect_refused(accel_merkle_tree_multiproof(nullptr, proof, 512, &length, indices, 2), "tree");
  expect_refused(accel_merkle_tree_multiproof(tree.get(), nullptr, 512, &length, indices, 2), "proof_out");
  expect_refused(accel_merkle_tree_multiproof(tree.get(), proof, 512, nullptr, indices, 2), "length_out");
  expect_refused(accel_merkle_tree_multiproof(tree.get(), proof, 512, &length, nullptr, 2), "indices");
  expect_refused(accel_merkle_tree_multiproof(tree.get(), proof, 512, &length, nullptr, 0), "indices");
  expect_refused(accel_merkle_tree_multiproof(tree.get(), proof, 512, &length, indices, kHuge), "count");
  expect_refused(accel_merkle_tree_multiproof(tree.get(), proof, 512, &length, unordered, 2), "increasing");
  expect_refused(accel_merkle_tree_multiproof(tree.get(), proof, 512, &length, beyond, 1), "indices");
  expect_refused(accel_merkle_tree_multiproof(edge.get(), proof, 512, &length, indices, 2), "keeps the root only");
}

TEST(MerkleCapi, Consistency) {
  const TreePointer tree = make_tree(5), other = make_tree(5, ACCEL_MERKLE_BCOS);
  uint64_t length = 0;
  uint8_t proof[512];
  expect_refused(accel_merkle_tree_consistency(tree.get(), nullptr, 0, &length, 3, 5), "capacity");
  EXPECT_EQ(length, 20u + 32 * 4);
  EXPECT_EQ(accel_merkle_tree_consistency(tree.get(), proof, length, &length, 3, 5), ACCEL_OK);
  expect_refused(accel_merkle_tree_consistency(nullptr, proof, 512, &length, 3, 5), "tree");
  expect_refused(accel_merkle_tree_consistency(tree.get(), nullptr, 512, &length, 3, 5), "proof_out");
  expect_refused(accel_merkle_tree_consistency(tree.get(), proof, 512, nullptr, 3, 5), "length_out");
  expect_refused(accel_merkle_tree_consistency(tree.get(), proof, 512, &length, 0, 5), "first_size");
  expect_refused(accel_merkle_tree_consistency(tree.get(), proof, 512, &length, 6, 5), "first_size");
  expect_refused(accel_merkle_tree_consistency(tree.get(), proof, 512, &length, kHuge, kHuge), "second_size");
  expect_refused(accel_merkle_tree_consistency(other.get(), proof, 512, &length, 3, 5), "rfc9162");
}

TEST(MerkleCapi, DecodeAndEncode) {
  const TreePointer tree = make_tree(5);
  uint64_t length = 0;
  uint8_t encoded[512], again[512];
  const uint64_t indices[2] = {1, 4};
  EXPECT_EQ(accel_merkle_tree_multiproof(tree.get(), encoded, sizeof encoded, &length, indices, 2), ACCEL_OK);
  accel_merkle_proof proof = {};
  expect_refused(accel_merkle_proof_decode(nullptr, encoded, length), "proof_out");
  expect_refused(accel_merkle_proof_decode(&proof, encoded, length), "struct_size");
  proof.struct_size = sizeof proof;
  expect_refused(accel_merkle_proof_decode(&proof, nullptr, length), "encoded");
  EXPECT_EQ(accel_merkle_proof_decode(&proof, nullptr, 0), ACCEL_BAD_ENCODING);
  EXPECT_EQ(accel_merkle_proof_decode(&proof, encoded, length - 1), ACCEL_BAD_ENCODING);
  EXPECT_EQ(accel_merkle_proof_decode(&proof, encoded, length), ACCEL_OK);
  EXPECT_EQ(proof.kind, ACCEL_MERKLE_MULTI);
  EXPECT_EQ(proof.index_count, 2u);
  EXPECT_EQ(proof.indices[7], 1);
  EXPECT_EQ(proof.siblings, encoded + 28 + 16);

  uint64_t needed = 0;
  expect_refused(accel_merkle_proof_encode(again, length - 1, &needed, &proof), "capacity");
  EXPECT_EQ(needed, length);
  EXPECT_EQ(accel_merkle_proof_encode(again, length, &needed, &proof), ACCEL_OK);
  EXPECT_EQ(std::memcmp(again, encoded, length), 0);
  expect_refused(accel_merkle_proof_encode(nullptr, length, &needed, &proof), "encoded_out");
  expect_refused(accel_merkle_proof_encode(again, length, nullptr, &proof), "length_out");
  expect_refused(accel_merkle_proof_encode(again, length, &needed, nullptr), "proof");

  const auto refused_with = [&](auto change, const char* word) {
    accel_merkle_proof changed = proof;
    change(changed);
    expect_refused(accel_merkle_proof_encode(again, sizeof again, &needed, &changed), word);
  };
  refused_with([](accel_merkle_proof& p) { p.struct_size = 0; }, "struct_size");
  refused_with([](accel_merkle_proof& p) { p.reserved = 1; }, "reserved");
  refused_with([](accel_merkle_proof& p) { p.kind = 0; }, "kind");
  refused_with([](accel_merkle_proof& p) { p.kind = ACCEL_MERKLE_INCLUSION; }, "index_count");
  refused_with([](accel_merkle_proof& p) { p.kind = ACCEL_MERKLE_CONSISTENCY; }, "index_count");
  refused_with([](accel_merkle_proof& p) { p.rule = 7; }, "rule");
  refused_with([](accel_merkle_proof& p) { p.tree_size = 4; }, "index");
  refused_with([](accel_merkle_proof& p) { p.tree_size = kHuge; }, "tree size");
  refused_with([](accel_merkle_proof& p) { p.first_size = 1; }, "first_size");
  refused_with([](accel_merkle_proof& p) { p.indices = nullptr; }, "indices");
  refused_with([](accel_merkle_proof& p) { p.index_count = kHuge; }, "index_count");
  refused_with([](accel_merkle_proof& p) { p.siblings = nullptr; }, "siblings");
  refused_with([](accel_merkle_proof& p) { p.sibling_count = 1; }, "sibling count");
  refused_with([](accel_merkle_proof& p) { p.sibling_count = kHuge; }, "sibling_count");
}

TEST(MerkleCapi, VerifyMany) {
  const TreePointer tree = make_tree(1);
  uint8_t root[32], status[2], encoded[20];
  uint64_t size = 0;
  int64_t offsets[2];
  const uint64_t index = 0;
  EXPECT_EQ(accel_merkle_tree_head(tree.get(), root, &size), ACCEL_OK);
  EXPECT_EQ(accel_merkle_tree_prove_many(tree.get(), encoded, sizeof encoded, offsets, &index, 1), ACCEL_OK);
  accel_messages proofs = strided(encoded, 0, sizeof encoded);
  const auto verify = [&](uint8_t* out, uint32_t rule, const uint8_t* roots, const uint64_t* sizes,
                          const uint8_t* hashes, uint64_t stride, const accel_messages* view, uint64_t count) {
    return accel_merkle_verify_many(nullptr, out, rule, roots, stride, sizes, 0, hashes, stride, view, count);
  };
  EXPECT_EQ(verify(status, kRule, root, &size, root, 0, &proofs, 2), ACCEL_OK);
  EXPECT_EQ(status[0], ACCEL_OK);
  EXPECT_EQ(status[1], ACCEL_OK);
  EXPECT_EQ(verify(status, ACCEL_MERKLE_BCOS, root, nullptr, root, 0, &proofs, 2), ACCEL_OK);
  EXPECT_EQ(status[1], ACCEL_BAD_PROOF);
  EXPECT_EQ(verify(nullptr, kRule, nullptr, nullptr, nullptr, 0, nullptr, 0), ACCEL_OK);
  status[0] = ACCEL_OK;
  expect_refused(verify(status, 0, root, &size, root, 0, &proofs, 2), "rule");
  EXPECT_EQ(status[0], ACCEL_NOT_CHECKED);
  expect_refused(verify(nullptr, kRule, root, &size, root, 0, &proofs, 2), "status_out");
  expect_refused(verify(status, kRule, nullptr, &size, root, 0, &proofs, 2), "roots");
  expect_refused(verify(status, kRule, root, &size, nullptr, 0, &proofs, 2), "leaf_hashes");
  expect_refused(verify(status, kRule, root, &size, root, kHuge, &proofs, 2), "roots");
  expect_refused(verify(status, kRule, root, &size, root, 0, nullptr, 2), "proofs");
  expect_refused(verify(status, kRule, root, &size, root, 0, &proofs, kHuge), "count");
  EXPECT_EQ(accel_merkle_verify_many(wrong_device(), status, kRule, root, 0, &size, 0, root, 0, &proofs, 2),
            ACCEL_BAD_DEVICE);
  // A proof of no bytes, at no address.
  proofs = strided(nullptr, 0, 0);
  EXPECT_EQ(verify(status, kRule, root, nullptr, root, 0, &proofs, 2), ACCEL_OK);
  EXPECT_EQ(status[0], ACCEL_BAD_PROOF);
}

TEST(MerkleCapi, VerifyMultiproofAndConsistency) {
  const TreePointer tree = make_tree(2);
  uint8_t root[32], status = 77, multi[256], consistency[256];
  uint64_t size = 0, multi_length = 0, length = 0;
  const uint64_t indices[2] = {0, 1};
  std::vector<uint8_t> hashes(64);
  EXPECT_EQ(accel_merkle_tree_head(tree.get(), root, &size), ACCEL_OK);
  for (uint64_t i = 0; i < 2; ++i) accel_merkle_tree_leaf_hash(tree.get(), hashes.data() + 32 * i, i);
  EXPECT_EQ(accel_merkle_tree_multiproof(tree.get(), multi, sizeof multi, &multi_length, indices, 2), ACCEL_OK);
  EXPECT_EQ(accel_merkle_tree_consistency(tree.get(), consistency, sizeof consistency, &length, 1, 2), ACCEL_OK);

  const auto verify = [&](uint8_t* out, uint32_t rule, const uint8_t* wanted, uint64_t known, const uint8_t* leaves,
                          uint64_t stride, uint64_t count, const uint8_t* encoded, uint64_t bytes) {
    status = 77;
    return accel_merkle_verify_multiproof(nullptr, out, rule, wanted, known, leaves, stride, count, encoded, bytes);
  };
  EXPECT_EQ(verify(&status, kRule, root, 2, hashes.data(), 32, 2, multi, multi_length), ACCEL_OK);
  EXPECT_EQ(status, ACCEL_OK);
  EXPECT_EQ(verify(&status, kRule, root, ACCEL_MERKLE_ANY_SIZE, hashes.data(), 32, 2, multi, multi_length), ACCEL_OK);
  EXPECT_EQ(status, ACCEL_OK);
  EXPECT_EQ(verify(&status, kRule, root, 0, hashes.data(), 32, 2, multi, multi_length), ACCEL_OK);
  EXPECT_EQ(status, ACCEL_BAD_PROOF);
  EXPECT_EQ(verify(&status, kRule, root, 2, nullptr, 0, 0, multi, multi_length), ACCEL_OK);
  EXPECT_EQ(status, ACCEL_BAD_PROOF);
  EXPECT_EQ(verify(&status, kRule, root, 2, hashes.data(), 32, 2, nullptr, 0), ACCEL_OK);
  EXPECT_EQ(status, ACCEL_BAD_PROOF);
  expect_refused(verify(nullptr, kRule, root, 2, hashes.data(), 32, 2, multi, multi_length), "status_out");
  expect_refused(verify(&status, 0, root, 2, hashes.data(), 32, 2, multi, multi_length), "rule");
  EXPECT_EQ(status, ACCEL_NOT_CHECKED);
  expect_refused(verify(&status, kRule, nullptr, 2, hashes.data(), 32, 2, multi, multi_length), "root");
  expect_refused(verify(&status, kRule, root, 2, nullptr, 32, 2, multi, multi_length), "leaf_hashes");
  expect_refused(verify(&status, kRule, root, 2, hashes.data(), kHuge, 2, multi, multi_length), "leaf_hashes");
  expect_refused(verify(&status, kRule, root, 2, hashes.data(), 32, kHuge, multi, multi_length), "count");
  expect_refused(verify(&status, kRule, root, 2, hashes.data(), 32, 2, nullptr, multi_length), "encoded");

  const auto consistent = [&](uint8_t* out, const uint8_t* first, const uint8_t* second, uint64_t known,
                              const uint8_t* encoded, uint64_t bytes) {
    status = 77;
    return accel_merkle_verify_consistency(nullptr, out, first, 1, second, known, encoded, bytes);
  };
  EXPECT_EQ(consistent(&status, hashes.data(), root, 2, consistency, length), ACCEL_OK);
  EXPECT_EQ(status, ACCEL_OK);
  EXPECT_EQ(consistent(&status, hashes.data(), root, 3, consistency, length), ACCEL_OK);
  EXPECT_EQ(status, ACCEL_BAD_PROOF);
  EXPECT_EQ(consistent(&status, hashes.data(), root, 2, nullptr, 0), ACCEL_OK);
  EXPECT_EQ(status, ACCEL_BAD_PROOF);
  expect_refused(consistent(nullptr, hashes.data(), root, 2, consistency, length), "status_out");
  expect_refused(consistent(&status, nullptr, root, 2, consistency, length), "first_root");
  expect_refused(consistent(&status, hashes.data(), nullptr, 2, consistency, length), "second_root");
  expect_refused(consistent(&status, hashes.data(), root, 2, nullptr, length), "encoded");
}

}  // namespace
