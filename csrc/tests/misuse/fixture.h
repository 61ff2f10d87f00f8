/* Valid arguments for every batch call, in arrays that all begin at odd addresses and end where their memory ends. */
#ifndef ACCEL_TESTS_MISUSE_FIXTURE_H
#define ACCEL_TESTS_MISUSE_FIXTURE_H

#include "accel/accel.h"

enum { COUNT = 5, LENGTH = 40, SIGNERS = 2, LEAVES = 7 };

/* Fields have the names of the parameters; NAME_bytes where a parameter is an array and not accel_messages. */
struct batch {
  accel_device* device;
  accel_stream* stream;
  uint8_t *status_out, *digests_out, *signatures_out, *hints_out, *ders_out, *lengths_out, *hashes_out;
  const uint8_t *keys, *signatures, *digests, *hints, *messages_bytes, *id, *roots, *leaf_hashes;
  uint64_t keys_stride, signatures_stride, digests_stride, messages_stride, message_length, id_length, roots_stride,
      leaf_hashes_stride, tree_sizes_stride, private_key_count, count;
  const uint32_t* indices;
  const uint64_t* tree_sizes;
  const accel_sm2_keyring* ring;
  const accel_sm2_private_key* const* private_keys;
  const accel_messages *messages, *ders, *leaves, *proofs;
  uint32_t rule;
};

extern struct batch good;
extern accel_merkle_tree* tree; /* LEAVES leaves, keeps all levels; the leaves are the messages, repeated */
extern accel_sm2_private_key* signers[SIGNERS];

/* Memory for `size` bytes at an odd address, freed by free_fixture(). */
void* odd(size_t size);
void make_fixture(void);
void free_fixture(void);
/* All four layouts of the same messages. */
const accel_messages* messages_in_layout(accel_layout layout);

#endif
