#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"

enum { MAX_ARRAYS = 64 };

struct batch good;
accel_merkle_tree* tree;
accel_sm2_private_key* signers[SIGNERS];

static void* arrays[MAX_ARRAYS];
static size_t array_count;
static accel_sm2_keyring* ring;
static accel_messages views[4], leaves, ders, proofs;

void* odd(size_t size) {
  uint8_t* memory = malloc(size + 1);
  if (memory == NULL || array_count == MAX_ARRAYS) abort();
  arrays[array_count++] = memory;
  memset(memory, 0, size + 1);
  return memory + 1;
}

const accel_messages* messages_in_layout(accel_layout layout) { return &views[layout]; }

static accel_messages view(accel_layout layout, const uint8_t* data, uint64_t data_size) {
  accel_messages out = {0};
  out.struct_size = sizeof out;
  out.layout = layout;
  out.data = data;
  out.data_size = data_size;
  return out;
}

static void put32(void* array, size_t i, int64_t value) {
  const int32_t narrow = (int32_t)value;
  memcpy((uint8_t*)array + sizeof narrow * i, &narrow, sizeof narrow);
}

static void put64(void* array, size_t i, int64_t value) {
  memcpy((uint8_t*)array + sizeof value * i, &value, sizeof value);
}

/* COUNT messages of LENGTH bytes in each layout. */
static void make_messages(void) {
  uint8_t* const data = odd(COUNT * LENGTH);
  void *const offsets32 = odd(4 * (COUNT + 1)), *const offsets64 = odd(8 * (COUNT + 1));
  void *const pointers = odd(sizeof(void*) * COUNT), *const lengths = odd(8 * COUNT);
  for (size_t i = 0; i < COUNT * LENGTH; ++i) data[i] = (uint8_t)(31 * i + i / LENGTH);
  for (size_t i = 0; i <= COUNT; ++i) {
    put32(offsets32, i, (int64_t)(LENGTH * i));
    put64(offsets64, i, (int64_t)(LENGTH * i));
  }
  for (size_t i = 0; i < COUNT; ++i) {
    const uint8_t* const message = data + LENGTH * i;
    memcpy((uint8_t*)pointers + sizeof message * i, &message, sizeof message);
    put64(lengths, i, LENGTH);
  }
  for (accel_layout layout = ACCEL_LAYOUT_STRIDED; layout <= ACCEL_LAYOUT_POINTERS; ++layout) {
    views[layout] = view(layout, data, COUNT * LENGTH);
  }
  views[ACCEL_LAYOUT_STRIDED].stride = views[ACCEL_LAYOUT_STRIDED].length = LENGTH;
  views[ACCEL_LAYOUT_RAGGED32].offsets = offsets32;
  views[ACCEL_LAYOUT_RAGGED64].offsets = offsets64;
  views[ACCEL_LAYOUT_POINTERS].pointers = pointers;
  views[ACCEL_LAYOUT_POINTERS].lengths = lengths;
  good.messages = &views[ACCEL_LAYOUT_STRIDED];
  good.messages_bytes = data;
  good.messages_stride = good.message_length = LENGTH;
}

/* Two signers in turn, their keys, digests, signatures and hints. */
static void make_signatures(void) {
  uint8_t *const publics = odd(64 * SIGNERS), *const keys = odd(64 * COUNT);
  void *const handles = odd(sizeof(void*) * SIGNERS), *const indices = odd(4 * COUNT);
  for (size_t i = 0; i < SIGNERS; ++i) {
    ANSWERS(ACCEL_OK, accel_sm2_private_key_generate(&signers[i]));
    ANSWERS(ACCEL_OK, accel_sm2_private_key_public(signers[i], publics + 64 * i));
  }
  memcpy(handles, signers, sizeof signers);
  for (size_t i = 0; i < COUNT; ++i) {
    put32(indices, i, (int64_t)(i % SIGNERS));
    memcpy(keys + 64 * i, publics + 64 * (i % SIGNERS), 64);
  }
  good.private_keys = handles;
  good.private_key_count = SIGNERS;
  good.indices = indices;
  good.keys = keys;
  good.keys_stride = good.signatures_stride = 64;
  good.digests_stride = 32;
  good.id = memcpy(odd(16), ACCEL_SM2_DEFAULT_ID, 16);
  good.id_length = ACCEL_SM2_DEFAULT_ID_LENGTH;
  ANSWERS(ACCEL_OK, accel_sm2_keyring_new(NULL, &ring, NULL, publics, 64, good.id, 16, 0, SIGNERS));
  good.ring = ring;

  uint8_t *const digests = odd(32 * COUNT), *const signatures = odd(64 * COUNT), *const hints = odd(COUNT);
  ANSWERS(ACCEL_OK, accel_sm2_digest_many(NULL, digests, keys, 64, good.messages, good.id, 16, COUNT));
  ANSWERS(ACCEL_OK,
          accel_sm2_sign_digest_many(NULL, signatures, good.private_keys, SIGNERS, good.indices, digests, 32, COUNT));
  ANSWERS(ACCEL_OK,
          accel_sm2_recovery_hints_many(NULL, hints, good.status_out, keys, 64, signatures, 64, digests, 32, COUNT));
  good.digests = digests;
  good.signatures = signatures;
  good.hints = hints;
}

static void make_ders(void) {
  uint8_t *const bytes = odd(72 * COUNT), *const lengths = odd(COUNT);
  void* const offsets = odd(8 * (COUNT + 1));
  uint8_t* const packed = odd(72 * COUNT);
  ANSWERS(ACCEL_OK, accel_sm2_signatures_to_der(NULL, bytes, lengths, good.signatures, 64, COUNT));
  size_t size = 0;
  for (size_t i = 0; i < COUNT; ++i) {
    memcpy(packed + size, bytes + 72 * i, lengths[i]);
    size += lengths[i];
    put64(offsets, i + 1, (int64_t)size);
  }
  ders = view(ACCEL_LAYOUT_RAGGED64, packed, size);
  ders.offsets = offsets;
  good.ders = &ders;
}

/* A tree whose leaf i is message i % COUNT, and a proof for each of the first COUNT leaves. */
static void make_tree(void) {
  uint8_t *const proof_bytes = odd(COUNT * ACCEL_MERKLE_MAX_INCLUSION_PROOF), *const root = odd(32);
  void *const indices = odd(8 * COUNT), *const offsets = odd(8 * (COUNT + 1)), *const sizes = odd(8 * COUNT);
  uint8_t* const hashes = odd(32 * COUNT);
  good.rule = ACCEL_MERKLE_RFC9162;
  leaves = *good.messages;
  good.leaves = &leaves;
  ANSWERS(ACCEL_OK, accel_merkle_tree_new(NULL, &tree, good.rule, ACCEL_MERKLE_KEEP_ALL));
  ANSWERS(ACCEL_OK, accel_merkle_tree_append(tree, &leaves, COUNT));
  ANSWERS(ACCEL_OK, accel_merkle_tree_append(tree, &leaves, LEAVES - COUNT));
  ANSWERS(ACCEL_OK, accel_merkle_tree_head(tree, root, NULL));
  ANSWERS(ACCEL_OK, accel_merkle_leaf_hashes(NULL, hashes, good.rule, &leaves, COUNT));
  for (size_t i = 0; i < COUNT; ++i) {
    put64(indices, i, (int64_t)i);
    put64(sizes, i, LEAVES);
  }
  ANSWERS(ACCEL_OK, accel_merkle_tree_prove_many(tree, proof_bytes, COUNT * ACCEL_MERKLE_MAX_INCLUSION_PROOF, offsets,
                                                 indices, COUNT));
  proofs = view(ACCEL_LAYOUT_RAGGED64, proof_bytes, COUNT * ACCEL_MERKLE_MAX_INCLUSION_PROOF);
  proofs.offsets = offsets;
  good.proofs = &proofs;
  good.roots = root;
  good.roots_stride = 0;
  good.tree_sizes = sizes;
  good.tree_sizes_stride = 8;
  good.leaf_hashes = hashes;
  good.leaf_hashes_stride = 32;
}

void make_fixture(void) {
  good.count = COUNT;
  good.status_out = odd(COUNT);
  good.digests_out = odd(32 * COUNT);
  good.signatures_out = odd(64 * COUNT);
  good.hints_out = odd(COUNT);
  good.ders_out = odd(72 * COUNT);
  good.lengths_out = odd(COUNT);
  good.hashes_out = odd(32 * COUNT);
  ANSWERS(ACCEL_OK, accel_stream_new(NULL, &good.stream, 4));
  make_messages();
  make_signatures();
  make_ders();
  make_tree();
}

void free_fixture(void) {
  accel_stream_free(good.stream);
  for (size_t i = 0; i < SIGNERS; ++i) accel_sm2_private_key_free(signers[i]);
  accel_sm2_keyring_free(ring);
  accel_merkle_tree_free(tree);
  for (size_t i = 0; i < array_count; ++i) free(arrays[i]);
}
