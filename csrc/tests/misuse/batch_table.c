/* The batch calls: how each is called, what its arguments are, and when its answers are right. */
#include <string.h>

#include "batch.h"
#include "check.h"

#define A(kind, field) {kind, #field, offsetof(struct batch, field)}
#define NAMED(kind, name, field) {kind, name, offsetof(struct batch, field)}
#define STRIDE_OF(field) {STRIDE, #field, offsetof(struct batch, field##_stride)}

static accel_status sm3_hash_many(const struct batch* b) {
  return accel_sm3_hash_many(b->device, b->digests_out, b->messages_bytes, b->messages_stride, b->message_length,
                             b->count);
}
static accel_status sm3_hash_messages(const struct batch* b) {
  return accel_sm3_hash_messages(b->device, b->digests_out, b->messages, b->count);
}
static accel_status verify_digest_many(const struct batch* b) {
  return accel_sm2_verify_digest_many(b->device, b->status_out, b->keys, b->keys_stride, b->signatures,
                                      b->signatures_stride, b->digests, b->digests_stride, b->count);
}
static accel_status verify_many(const struct batch* b) {
  return accel_sm2_verify_many(b->device, b->status_out, b->keys, b->keys_stride, b->signatures, b->signatures_stride,
                               b->messages, b->id, b->id_length, b->count);
}
static accel_status verify_hinted_digest_many(const struct batch* b) {
  return accel_sm2_verify_hinted_digest_many(b->device, b->status_out, b->keys, b->keys_stride, b->signatures,
                                             b->signatures_stride, b->digests, b->digests_stride, b->hints, b->count);
}
static accel_status verify_hinted_many(const struct batch* b) {
  return accel_sm2_verify_hinted_many(b->device, b->status_out, b->keys, b->keys_stride, b->signatures,
                                      b->signatures_stride, b->messages, b->hints, b->id, b->id_length, b->count);
}
static accel_status recovery_hints_many(const struct batch* b) {
  return accel_sm2_recovery_hints_many(b->device, b->hints_out, b->status_out, b->keys, b->keys_stride, b->signatures,
                                       b->signatures_stride, b->digests, b->digests_stride, b->count);
}
static accel_status keyring_verify_digest_many(const struct batch* b) {
  return accel_sm2_keyring_verify_digest_many(b->device, b->status_out, b->ring, b->indices, b->signatures,
                                              b->signatures_stride, b->digests, b->digests_stride, b->count);
}
static accel_status keyring_verify_many(const struct batch* b) {
  return accel_sm2_keyring_verify_many(b->device, b->status_out, b->ring, b->indices, b->signatures,
                                       b->signatures_stride, b->messages, b->count);
}
static accel_status digest_many(const struct batch* b) {
  return accel_sm2_digest_many(b->device, b->digests_out, b->keys, b->keys_stride, b->messages, b->id, b->id_length,
                               b->count);
}
static accel_status sign_digest_many(const struct batch* b) {
  return accel_sm2_sign_digest_many(b->device, b->signatures_out, b->private_keys, b->private_key_count, b->indices,
                                    b->digests, b->digests_stride, b->count);
}
static accel_status sign_many(const struct batch* b) {
  return accel_sm2_sign_many(b->device, b->signatures_out, b->private_keys, b->private_key_count, b->indices,
                             b->messages, b->id, b->id_length, b->count);
}
static accel_status signatures_from_der(const struct batch* b) {
  return accel_sm2_signatures_from_der(b->device, b->signatures_out, b->status_out, b->ders, b->count);
}
static accel_status signatures_to_der(const struct batch* b) {
  return accel_sm2_signatures_to_der(b->device, b->ders_out, b->lengths_out, b->signatures, b->signatures_stride,
                                     b->count);
}
static accel_status leaf_hashes(const struct batch* b) {
  return accel_merkle_leaf_hashes(b->device, b->hashes_out, b->rule, b->leaves, b->count);
}
static accel_status merkle_verify_many(const struct batch* b) {
  return accel_merkle_verify_many(b->device, b->status_out, b->rule, b->roots, b->roots_stride, b->tree_sizes,
                                  b->tree_sizes_stride, b->leaf_hashes, b->leaf_hashes_stride, b->proofs, b->count);
}

/* Each with a stream: submitted, awaited, freed. */
static accel_status finish(accel_status status, accel_future** future) {
  if (status != ACCEL_OK) return status;
  status = accel_future_wait(*future, UINT64_MAX);
  accel_future_free(*future);
  return status;
}
static accel_status stream_hash(const struct batch* b) {
  accel_future* future;
  return finish(accel_stream_sm3_hash_messages(b->stream, &future, b->digests_out, b->messages, b->count, NULL),
                &future);
}
static accel_status stream_verify_digest(const struct batch* b) {
  accel_future* future;
  return finish(
      accel_stream_sm2_verify_digest_many(b->stream, &future, b->status_out, b->keys, b->keys_stride, b->signatures,
                                          b->signatures_stride, b->digests, b->digests_stride, b->count, NULL),
      &future);
}
static accel_status stream_verify(const struct batch* b) {
  accel_future* future;
  return finish(accel_stream_sm2_verify_many(b->stream, &future, b->status_out, b->keys, b->keys_stride, b->signatures,
                                             b->signatures_stride, b->messages, b->id, b->id_length, b->count, NULL),
                &future);
}
static accel_status stream_ring_digest(const struct batch* b) {
  accel_future* future;
  return finish(
      accel_stream_sm2_keyring_verify_digest_many(b->stream, &future, b->status_out, b->ring, b->indices, b->signatures,
                                                  b->signatures_stride, b->digests, b->digests_stride, b->count, NULL),
      &future);
}
static accel_status stream_ring(const struct batch* b) {
  accel_future* future;
  return finish(accel_stream_sm2_keyring_verify_many(b->stream, &future, b->status_out, b->ring, b->indices,
                                                     b->signatures, b->signatures_stride, b->messages, b->count, NULL),
                &future);
}
static accel_status stream_leaf_hashes(const struct batch* b) {
  accel_future* future;
  return finish(accel_stream_merkle_leaf_hashes(b->stream, &future, b->hashes_out, b->rule, b->leaves, b->count, NULL),
                &future);
}

/* --- are the answers right? --------------------------------------------------------------------------------- */

static bool all_ok(const struct batch* b) {
  for (size_t i = 0; i < COUNT; ++i) {
    if (b->status_out[i] != ACCEL_OK) return false;
  }
  return true;
}

static bool sm3_digests_right(const struct batch* b) {
  for (size_t i = 0; i < COUNT; ++i) {
    uint8_t digest[32];
    accel_sm3* stream;
    ANSWERS(ACCEL_OK, accel_sm3_new(&stream));
    ANSWERS(ACCEL_OK, accel_sm3_update(stream, b->messages_bytes + LENGTH * i, LENGTH));
    ANSWERS(ACCEL_OK, accel_sm3_digest(stream, digest));
    accel_sm3_free(stream);
    if (memcmp(digest, b->digests_out + 32 * i, 32) != 0) return false;
  }
  return true;
}

static bool digests_right(const struct batch* b) { return memcmp(b->digests_out, b->digests, 32 * COUNT) == 0; }
static bool hints_right(const struct batch* b) { return all_ok(b) && memcmp(b->hints_out, b->hints, COUNT) == 0; }
static bool leaf_hashes_right(const struct batch* b) { return memcmp(b->hashes_out, b->leaf_hashes, 32 * COUNT) == 0; }

static bool signatures_verify(const struct batch* b) {
  ANSWERS(ACCEL_OK,
          accel_sm2_verify_digest_many(NULL, b->status_out, b->keys, 64, b->signatures_out, 64, b->digests, 32, COUNT));
  return all_ok(b);
}

static bool from_der_right(const struct batch* b) {
  return all_ok(b) && memcmp(b->signatures_out, b->signatures, 64 * COUNT) == 0;
}

static bool to_der_right(const struct batch* b) {
  size_t at = 0;
  for (size_t i = 0; i < COUNT; ++i) {
    if (memcmp(b->ders_out + 72 * i, b->ders->data + at, b->lengths_out[i]) != 0) return false;
    at += b->lengths_out[i];
  }
  return at == b->ders->data_size;
}

#define KEYS A(ARRAY, keys), STRIDE_OF(keys)
#define SIGNATURES A(ARRAY, signatures), STRIDE_OF(signatures)
#define DIGESTS A(ARRAY, digests), STRIDE_OF(digests)
#define PRIVATE_KEYS A(HANDLES, private_keys), A(KEY_COUNT, private_key_count), A(OPTIONAL, indices)
#define DEVICE A(OPTIONAL, device)
#define STREAM A(HANDLES, stream)

const struct function batch_functions[] = {
    {"accel_sm3_hash_many",
     sm3_hash_many,
     sm3_digests_right,
     {DEVICE, A(ARRAY, digests_out), NAMED(ARRAY, "messages", messages_bytes),
      NAMED(STRIDE, "messages", messages_stride)}},
    {"accel_sm3_hash_messages",
     sm3_hash_messages,
     sm3_digests_right,
     {DEVICE, A(ARRAY, digests_out), A(VIEW, messages)}},
    {"accel_sm2_verify_digest_many",
     verify_digest_many,
     all_ok,
     {DEVICE, A(STATUS, status_out), KEYS, SIGNATURES, DIGESTS}},
    {"accel_sm2_verify_many",
     verify_many,
     all_ok,
     {DEVICE, A(STATUS, status_out), KEYS, SIGNATURES, A(VIEW, messages), A(ID, id)}},
    {"accel_sm2_verify_hinted_digest_many",
     verify_hinted_digest_many,
     all_ok,
     {DEVICE, A(STATUS, status_out), KEYS, SIGNATURES, DIGESTS, A(ARRAY, hints)}},
    {"accel_sm2_verify_hinted_many",
     verify_hinted_many,
     all_ok,
     {DEVICE, A(STATUS, status_out), KEYS, SIGNATURES, A(VIEW, messages), A(ARRAY, hints), A(ID, id)}},
    {"accel_sm2_recovery_hints_many",
     recovery_hints_many,
     hints_right,
     {DEVICE, A(ARRAY, hints_out), A(STATUS, status_out), KEYS, SIGNATURES, DIGESTS}},
    {"accel_sm2_keyring_verify_digest_many",
     keyring_verify_digest_many,
     all_ok,
     {DEVICE, A(STATUS, status_out), A(HANDLES, ring), A(ARRAY, indices), SIGNATURES, DIGESTS}},
    {"accel_sm2_keyring_verify_many",
     keyring_verify_many,
     all_ok,
     {DEVICE, A(STATUS, status_out), A(HANDLES, ring), A(ARRAY, indices), SIGNATURES, A(VIEW, messages)}},
    {"accel_sm2_digest_many",
     digest_many,
     digests_right,
     {DEVICE, A(ARRAY, digests_out), KEYS, A(VIEW, messages), A(ID, id)}},
    {"accel_sm2_sign_digest_many",
     sign_digest_many,
     signatures_verify,
     {DEVICE, A(ARRAY, signatures_out), PRIVATE_KEYS, DIGESTS}},
    {"accel_sm2_sign_many",
     sign_many,
     signatures_verify,
     {DEVICE, A(ARRAY, signatures_out), PRIVATE_KEYS, A(VIEW, messages), A(ID, id)}},
    {"accel_sm2_signatures_from_der",
     signatures_from_der,
     from_der_right,
     {DEVICE, A(ARRAY, signatures_out), A(STATUS, status_out), A(VIEW, ders)}},
    {"accel_sm2_signatures_to_der",
     signatures_to_der,
     to_der_right,
     {DEVICE, A(ARRAY, ders_out), A(ARRAY, lengths_out), SIGNATURES}},
    {"accel_merkle_leaf_hashes",
     leaf_hashes,
     leaf_hashes_right,
     {DEVICE, A(ARRAY, hashes_out), A(RULE, rule), A(VIEW, leaves)}},
    {"accel_merkle_verify_many",
     merkle_verify_many,
     all_ok,
     {DEVICE, A(STATUS, status_out), A(RULE, rule), A(ARRAY, roots), STRIDE_OF(roots), A(OPTIONAL, tree_sizes),
      STRIDE_OF(tree_sizes), A(ARRAY, leaf_hashes), STRIDE_OF(leaf_hashes), A(VIEW, proofs)}},
    {"accel_stream_sm3_hash_messages",
     stream_hash,
     sm3_digests_right,
     {STREAM, A(ARRAY, digests_out), A(VIEW, messages)}},
    {"accel_stream_sm2_verify_digest_many",
     stream_verify_digest,
     all_ok,
     {STREAM, A(STATUS, status_out), KEYS, SIGNATURES, DIGESTS}},
    {"accel_stream_sm2_verify_many",
     stream_verify,
     all_ok,
     {STREAM, A(STATUS, status_out), KEYS, SIGNATURES, A(VIEW, messages), A(ID, id)}},
    {"accel_stream_sm2_keyring_verify_digest_many",
     stream_ring_digest,
     all_ok,
     {STREAM, A(STATUS, status_out), A(HANDLES, ring), A(ARRAY, indices), SIGNATURES, DIGESTS}},
    {"accel_stream_sm2_keyring_verify_many",
     stream_ring,
     all_ok,
     {STREAM, A(STATUS, status_out), A(HANDLES, ring), A(ARRAY, indices), SIGNATURES, A(VIEW, messages)}},
    {"accel_stream_merkle_leaf_hashes",
     stream_leaf_hashes,
     leaf_hashes_right,
     {STREAM, A(ARRAY, hashes_out), A(RULE, rule), A(VIEW, leaves)}},
};
const size_t batch_function_count = sizeof batch_functions / sizeof *batch_functions;
