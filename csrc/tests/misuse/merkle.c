/* Trees and proofs. */
#include <string.h>

#include "check.h"
#include "fixture.h"
#include "tests.h"

enum { ROOM = 4096 };

static const uint64_t HUGE_COUNTS[] = {(UINT64_C(1) << 40) + 1, UINT64_MAX};
static const uint64_t INDICES[] = {0, 2, 6};
static accel_device* const wrong_device = (accel_device*)&good;

static void test_rules(void) {
  const uint32_t wrong[] = {0, 4, UINT32_MAX};
  uint32_t rule = 0;
  const char* name = NULL;
  ANSWERS(ACCEL_OK, accel_merkle_rule_from_name(&rule, "bcos"));
  REFUSES_NULL("rule_out", accel_merkle_rule_from_name(NULL, "bcos"));
  REFUSES_NULL("name", accel_merkle_rule_from_name(&rule, NULL));
  REFUSES(ACCEL_BAD_ARGUMENT, "rule", accel_merkle_rule_from_name(&rule, ""));
  ANSWERS(ACCEL_OK, accel_merkle_rule_name(&name, rule));
  REFUSES_NULL("name_out", accel_merkle_rule_name(NULL, rule));
  for (size_t i = 0; i < 3; ++i) REFUSES(ACCEL_BAD_ARGUMENT, "rule", accel_merkle_rule_name(&name, wrong[i]));
}

static void test_tree_handles(void) {
  const uint32_t wrong[] = {0, 3, UINT32_MAX};
  accel_merkle_tree* other = tree;
  REFUSES_NULL("tree_out", accel_merkle_tree_new(NULL, NULL, ACCEL_MERKLE_RFC9162, ACCEL_MERKLE_KEEP_ALL));
  REFUSES(ACCEL_BAD_DEVICE, "device",
          accel_merkle_tree_new(wrong_device, &other, ACCEL_MERKLE_RFC9162, ACCEL_MERKLE_KEEP_ALL));
  CHECK(other == NULL);
  for (size_t i = 0; i < 3; ++i) {
    REFUSES(ACCEL_BAD_ARGUMENT, "keep", accel_merkle_tree_new(NULL, &other, ACCEL_MERKLE_BCOS, wrong[i]));
  }
  REFUSES(ACCEL_BAD_ARGUMENT, "rule", accel_merkle_tree_new(NULL, &other, 0, ACCEL_MERKLE_KEEP_ALL));
  TAKES_NULL("device", accel_merkle_tree_new(NULL, &other, ACCEL_MERKLE_BCOS, ACCEL_MERKLE_KEEP_ROOT));
  REFUSES(ACCEL_BAD_ARGUMENT, "tree", accel_merkle_tree_leaf_hash(other, good.hashes_out, 0));
  CALLS(accel_merkle_tree_free(other));
  accel_merkle_tree_free(NULL);
  check_tried("accel_merkle_tree_free", "tree");
}

void test_trees(void) {
  uint64_t size = 0;
  uint8_t* const root = odd(32);
  accel_messages view;
  test_rules();
  test_tree_handles();
  REFUSES_NULL("tree", accel_merkle_tree_append(NULL, good.leaves, COUNT));
  REFUSES_NULL("leaves", accel_merkle_tree_append(tree, NULL, COUNT));
  ANSWERS(ACCEL_OK, accel_merkle_tree_append(tree, NULL, 0));
  REFUSES_NULL("tree", accel_merkle_tree_append_hashes(NULL, good.leaf_hashes, 32, COUNT));
  REFUSES_NULL("leaf_hashes", accel_merkle_tree_append_hashes(tree, NULL, 32, COUNT));
  ANSWERS(ACCEL_OK, accel_merkle_tree_append_hashes(tree, NULL, 32, 0));
  REFUSES(ACCEL_BAD_ARGUMENT, "leaf_hashes",
          accel_merkle_tree_append_hashes(tree, good.leaf_hashes, UINT64_MAX, COUNT));
  for (size_t i = 0; i < 2; ++i) {
    REFUSES(ACCEL_BAD_ARGUMENT, "count", accel_merkle_tree_append(tree, good.leaves, HUGE_COUNTS[i]));
    REFUSES(ACCEL_BAD_ARGUMENT, "count", accel_merkle_tree_append_hashes(tree, good.leaf_hashes, 0, HUGE_COUNTS[i]));
  }
  for (size_t i = 0; bad_view(i, &view); ++i) {
    REFUSES(ACCEL_BAD_ARGUMENT, "leaves", accel_merkle_tree_append(tree, &view, COUNT));
  }

  REFUSES_NULL("tree", accel_merkle_tree_head(NULL, root, &size));
  TAKES_NULL("root_out", accel_merkle_tree_head(tree, NULL, &size));
  TAKES_NULL("size_out", accel_merkle_tree_head(tree, root, NULL));
  CHECK(size == LEAVES && memcmp(root, good.roots, 32) == 0); /* what was refused has changed nothing */
  REFUSES_NULL("tree", accel_merkle_tree_leaf_hash(NULL, root, 0));
  REFUSES_NULL("hash_out", accel_merkle_tree_leaf_hash(tree, NULL, 0));
  ANSWERS(ACCEL_OK, accel_merkle_tree_leaf_hash(tree, root, 1));
  CHECK(memcmp(root, good.leaf_hashes + 32, 32) == 0);
  REFUSES(ACCEL_BAD_ARGUMENT, "index", accel_merkle_tree_leaf_hash(tree, root, LEAVES));
  REFUSES(ACCEL_BAD_ARGUMENT, "index", accel_merkle_tree_leaf_hash(tree, root, UINT64_MAX));
}

static void test_inclusion_proofs(void) {
  const uint64_t beyond[] = {0, LEAVES};
  uint8_t* const out = odd(ROOM);
  int64_t* const offsets = odd(8 * 4);
  REFUSES_NULL("tree", accel_merkle_tree_prove_many(NULL, out, ROOM, offsets, INDICES, 3));
  REFUSES_NULL("proofs_out", accel_merkle_tree_prove_many(tree, NULL, ROOM, offsets, INDICES, 3));
  REFUSES_NULL("offsets_out", accel_merkle_tree_prove_many(tree, out, ROOM, NULL, INDICES, 3));
  REFUSES_NULL("indices", accel_merkle_tree_prove_many(tree, out, ROOM, offsets, NULL, 3));
  REFUSES(ACCEL_BAD_ARGUMENT, "capacity", accel_merkle_tree_prove_many(tree, NULL, 0, offsets, INDICES, 3));
  REFUSES(ACCEL_BAD_ARGUMENT, "indices", accel_merkle_tree_prove_many(tree, out, ROOM, offsets, beyond, 2));
  ANSWERS(ACCEL_OK, accel_merkle_tree_prove_many(tree, NULL, 0, offsets, NULL, 0));
  for (size_t i = 0; i < 2; ++i) {
    REFUSES(ACCEL_BAD_ARGUMENT, "count",
            accel_merkle_tree_prove_many(tree, out, ROOM, offsets, INDICES, HUGE_COUNTS[i]));
  }
}

void test_tree_proofs(void) {
  const uint64_t backwards[] = {2, 0};
  uint8_t* const out = odd(ROOM);
  uint64_t length = 0;
  test_inclusion_proofs();
  REFUSES_NULL("tree", accel_merkle_tree_multiproof(NULL, out, ROOM, &length, INDICES, 3));
  REFUSES_NULL("proof_out", accel_merkle_tree_multiproof(tree, NULL, ROOM, &length, INDICES, 3));
  REFUSES_NULL("length_out", accel_merkle_tree_multiproof(tree, out, ROOM, NULL, INDICES, 3));
  REFUSES_NULL("indices", accel_merkle_tree_multiproof(tree, out, ROOM, &length, NULL, 3));
  REFUSES(ACCEL_BAD_ARGUMENT, "capacity", accel_merkle_tree_multiproof(tree, NULL, 0, &length, INDICES, 3));
  REFUSES(ACCEL_BAD_ARGUMENT, "indices", accel_merkle_tree_multiproof(tree, out, ROOM, &length, NULL, 0));
  REFUSES(ACCEL_BAD_ARGUMENT, "indices", accel_merkle_tree_multiproof(tree, out, ROOM, &length, backwards, 2));
  for (size_t i = 0; i < 2; ++i) {
    REFUSES(ACCEL_BAD_ARGUMENT, "count",
            accel_merkle_tree_multiproof(tree, out, ROOM, &length, INDICES, HUGE_COUNTS[i]));
  }
  REFUSES_NULL("tree", accel_merkle_tree_consistency(NULL, out, ROOM, &length, 3, LEAVES));
  REFUSES_NULL("proof_out", accel_merkle_tree_consistency(tree, NULL, ROOM, &length, 3, LEAVES));
  REFUSES_NULL("length_out", accel_merkle_tree_consistency(tree, out, ROOM, NULL, 3, LEAVES));
  REFUSES(ACCEL_BAD_ARGUMENT, "capacity", accel_merkle_tree_consistency(tree, NULL, 0, &length, 3, LEAVES));
  REFUSES(ACCEL_BAD_ARGUMENT, "first_size", accel_merkle_tree_consistency(tree, out, ROOM, &length, 0, LEAVES));
  REFUSES(ACCEL_BAD_ARGUMENT, "second_size", accel_merkle_tree_consistency(tree, out, ROOM, &length, 3, LEAVES + 1));
  REFUSES(ACCEL_BAD_ARGUMENT, "second_size", accel_merkle_tree_consistency(tree, out, ROOM, &length, 3, UINT64_MAX));
}

/* --- the fields of a proof -------------------------------------------------------------------------------------- */

static void encode_wrong_fields(const accel_merkle_proof* right, uint8_t* out) {
  const uint32_t sizes[] = {0, sizeof *right - 8, sizeof *right + 8, UINT32_MAX};
  const uint32_t wild[] = {0, 4, UINT32_MAX};
  uint64_t length;
  accel_merkle_proof proof;
#define ENCODE_REFUSES(argument) \
  REFUSES(ACCEL_BAD_ARGUMENT, argument, accel_merkle_proof_encode(out, ROOM, &length, &proof))
  for (size_t i = 0; i < 4; ++i) {
    proof = *right, proof.struct_size = sizes[i];
    ENCODE_REFUSES("proof");
    REFUSES(ACCEL_BAD_ARGUMENT, "proof_out", accel_merkle_proof_decode(&proof, good.proofs->data, 20));
  }
  for (size_t i = 0; i < 3; ++i) {
    proof = *right, proof.kind = wild[i];
    ENCODE_REFUSES("proof");
    proof = *right, proof.rule = wild[i];
    ENCODE_REFUSES("rule");
  }
  proof = *right, proof.reserved = 1;
  ENCODE_REFUSES("proof");
  proof = *right, proof.indices = NULL;
  ENCODE_REFUSES("proof");
  proof = *right, proof.siblings = NULL;
  ENCODE_REFUSES("proof");
  proof = *right, proof.tree_size = UINT64_MAX;
  ENCODE_REFUSES("proof");
  for (size_t i = 0; i < 2; ++i) {
    proof = *right, proof.index_count = HUGE_COUNTS[i];
    ENCODE_REFUSES("proof");
    proof = *right, proof.sibling_count = HUGE_COUNTS[i];
    ENCODE_REFUSES("proof");
    proof.kind = ACCEL_MERKLE_MULTI;
    ENCODE_REFUSES("proof");
  }
#undef ENCODE_REFUSES
}

void test_proof_fields(void) {
  const uint8_t* const encoded = good.proofs->data; /* proof 0 */
  int64_t size;
  uint8_t* const out = odd(ROOM);
  uint64_t length = 0;
  accel_merkle_proof proof = {0};
  memcpy(&size, (const uint8_t*)good.proofs->offsets + 8, 8);
  proof.struct_size = sizeof proof;
  REFUSES_NULL("proof_out", accel_merkle_proof_decode(NULL, encoded, (uint64_t)size));
  REFUSES_NULL("encoded", accel_merkle_proof_decode(&proof, NULL, (uint64_t)size));
  ANSWERS(ACCEL_BAD_ENCODING, accel_merkle_proof_decode(&proof, NULL, 0));
  REFUSES(ACCEL_BAD_ARGUMENT, "encoded", accel_merkle_proof_decode(&proof, encoded, UINT64_MAX));
  ANSWERS(ACCEL_BAD_ENCODING, accel_merkle_proof_decode(&proof, encoded, (UINT64_C(1) << 40) + 1));
  ANSWERS(ACCEL_OK, accel_merkle_proof_decode(&proof, encoded, (uint64_t)size));

  REFUSES_NULL("encoded_out", accel_merkle_proof_encode(NULL, ROOM, &length, &proof));
  REFUSES_NULL("length_out", accel_merkle_proof_encode(out, ROOM, NULL, &proof));
  REFUSES_NULL("proof", accel_merkle_proof_encode(out, ROOM, &length, NULL));
  REFUSES(ACCEL_BAD_ARGUMENT, "capacity", accel_merkle_proof_encode(NULL, 0, &length, &proof));
  CHECK(length == (uint64_t)size);
  ANSWERS(ACCEL_OK, accel_merkle_proof_encode(out, ROOM, &length, &proof));
  CHECK(length == (uint64_t)size && memcmp(out, encoded, length) == 0);
  encode_wrong_fields(&proof, out);
}

/* --- verifying one proof ------------------------------------------------------------------------------------- */

static uint8_t status;
/* Before each call: what a careless caller would take for a verdict. After one that failed: not any more. */
#define REFUSES_TO_VERIFY(expected, argument, call) \
  (status = ACCEL_OK, REFUSES(expected, argument, call), CHECK(status == ACCEL_NOT_CHECKED))
#define REFUSES_NULL_TO_VERIFY(argument, call) \
  (status = ACCEL_OK, REFUSES_NULL(argument, call), CHECK(status == ACCEL_NOT_CHECKED))

static void test_multiproof_verification(void) {
  const uint8_t* const root = good.roots;
  uint8_t *const hashes = odd(32 * 3), *const proof = odd(ROOM);
  uint64_t length = 0;
  for (size_t i = 0; i < 3; ++i) ANSWERS(ACCEL_OK, accel_merkle_tree_leaf_hash(tree, hashes + 32 * i, INDICES[i]));
  ANSWERS(ACCEL_OK, accel_merkle_tree_multiproof(tree, proof, ROOM, &length, INDICES, 3));
  TAKES_NULL("device",
             accel_merkle_verify_multiproof(NULL, &status, good.rule, root, LEAVES, hashes, 32, 3, proof, length));
  CHECK(status == ACCEL_OK);
  REFUSES_NULL("status_out",
               accel_merkle_verify_multiproof(NULL, NULL, good.rule, root, LEAVES, hashes, 32, 3, proof, length));
  REFUSES_NULL_TO_VERIFY(
      "root", accel_merkle_verify_multiproof(NULL, &status, good.rule, NULL, LEAVES, hashes, 32, 3, proof, length));
  REFUSES_NULL_TO_VERIFY("leaf_hashes", accel_merkle_verify_multiproof(NULL, &status, good.rule, root, LEAVES, NULL, 32,
                                                                       3, proof, length));
  REFUSES_NULL_TO_VERIFY(
      "encoded", accel_merkle_verify_multiproof(NULL, &status, good.rule, root, LEAVES, hashes, 32, 3, NULL, length));
  REFUSES_TO_VERIFY(
      ACCEL_BAD_DEVICE, "device",
      accel_merkle_verify_multiproof(wrong_device, &status, good.rule, root, LEAVES, hashes, 32, 3, proof, length));
  REFUSES_TO_VERIFY(ACCEL_BAD_ARGUMENT, "rule",
                    accel_merkle_verify_multiproof(NULL, &status, 4, root, LEAVES, hashes, 32, 3, proof, length));
  REFUSES_TO_VERIFY(
      ACCEL_BAD_ARGUMENT, "leaf_hashes",
      accel_merkle_verify_multiproof(NULL, &status, good.rule, root, LEAVES, hashes, UINT64_MAX, 3, proof, length));
  REFUSES_TO_VERIFY(
      ACCEL_BAD_ARGUMENT, "encoded",
      accel_merkle_verify_multiproof(NULL, &status, good.rule, root, LEAVES, hashes, 32, 3, proof, UINT64_MAX));
  for (size_t i = 0; i < 2; ++i) {
    REFUSES_TO_VERIFY(ACCEL_BAD_ARGUMENT, "leaf_count",
                      accel_merkle_verify_multiproof(NULL, &status, good.rule, root, LEAVES, hashes, 0, HUGE_COUNTS[i],
                                                     proof, length));
  }
  ANSWERS(ACCEL_OK, accel_merkle_verify_multiproof(NULL, &status, good.rule, root, LEAVES, NULL, 0, 0, proof, length));
  CHECK(status == ACCEL_BAD_PROOF);
  ANSWERS(ACCEL_OK, accel_merkle_verify_multiproof(NULL, &status, good.rule, root, LEAVES, hashes, 32, 3, NULL, 0));
  CHECK(status == ACCEL_BAD_PROOF);
}

void test_proof_verification(void) {
  const uint8_t* const root = good.roots;
  uint8_t* const proof = odd(ROOM);
  uint64_t length = 0;
  test_multiproof_verification();
  ANSWERS(ACCEL_OK, accel_merkle_tree_consistency(tree, proof, ROOM, &length, LEAVES, LEAVES));
  TAKES_NULL("device", accel_merkle_verify_consistency(NULL, &status, root, LEAVES, root, LEAVES, proof, length));
  CHECK(status == ACCEL_OK);
  REFUSES_NULL("status_out", accel_merkle_verify_consistency(NULL, NULL, root, LEAVES, root, LEAVES, proof, length));
  REFUSES_NULL_TO_VERIFY("first_root",
                         accel_merkle_verify_consistency(NULL, &status, NULL, LEAVES, root, LEAVES, proof, length));
  REFUSES_NULL_TO_VERIFY("second_root",
                         accel_merkle_verify_consistency(NULL, &status, root, LEAVES, NULL, LEAVES, proof, length));
  REFUSES_NULL_TO_VERIFY("encoded",
                         accel_merkle_verify_consistency(NULL, &status, root, LEAVES, root, LEAVES, NULL, length));
  REFUSES_TO_VERIFY(ACCEL_BAD_DEVICE, "device",
                    accel_merkle_verify_consistency(wrong_device, &status, root, LEAVES, root, LEAVES, proof, length));
  REFUSES_TO_VERIFY(ACCEL_BAD_ARGUMENT, "encoded",
                    accel_merkle_verify_consistency(NULL, &status, root, LEAVES, root, LEAVES, proof, UINT64_MAX));
  ANSWERS(ACCEL_OK, accel_merkle_verify_consistency(NULL, &status, root, UINT64_MAX, root, 0, proof, length));
  CHECK(status == ACCEL_BAD_PROOF);
  ANSWERS(ACCEL_OK, accel_merkle_verify_consistency(NULL, &status, root, LEAVES, root, LEAVES, NULL, 0));
  CHECK(status == ACCEL_BAD_PROOF);
}
