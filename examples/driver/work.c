/* What the hardware does in a real driver: here the golden functions, item by item. */
#include <accel/golden.h>
#include <stdlib.h>
#include <string.h>

#include "example.h"

static bool is_verify(uint16_t opcode) { return opcode == ACCEL_OP_SM2_VERIFY_DIGEST || opcode == ACCEL_OP_SM2_VERIFY; }
static bool is_merkle(uint16_t opcode) { return opcode == ACCEL_OP_MERKLE_LEVELS || opcode == ACCEL_OP_MERKLE_ROOT; }
static bool has_messages(uint16_t opcode) { return opcode == ACCEL_OP_SM3 || opcode == ACCEL_OP_SM2_VERIFY; }

static uint16_t flags_of(uint16_t opcode) {
  uint16_t flags = 0;
  if (has_messages(opcode)) flags |= ACCEL_COMMAND_RAGGED;
  if (is_verify(opcode)) flags |= ACCEL_COMMAND_HANDLES;
  return flags;
}

static uint64_t nodes_above(uint64_t leaves) {
  uint64_t nodes = 0;
  while (leaves > 1) nodes += leaves = (leaves + 1) / 2;
  return nodes;
}

static uint64_t output_needed(const accel_command* c) {
  if (c->opcode == ACCEL_OP_SM3) return 32 * c->count;
  if (c->opcode == ACCEL_OP_MERKLE_ROOT) return 32;
  return c->opcode == ACCEL_OP_MERKLE_LEVELS ? 32 * nodes_above(c->count) : 0;
}

/* --- is the command one that can run? Everything is looked at before anything is written. ------------------- */

static bool is_supported(const accel_command* c) {
  if (c->opcode < ACCEL_OP_SM3 || c->opcode > ACCEL_OP_MERKLE_ROOT) return false;
  if ((c->flags & ~flags_of(c->opcode)) != 0 || c->count == 0 || c->count > MAX_ITEMS) return false;
  return !is_merkle(c->opcode) || (c->rule >= ACCEL_MERKLE_RFC9162 && c->rule <= ACCEL_MERKLE_BCOS);
}

static uint16_t check_messages(const accel_command* c) {
  uint64_t longest = c->message_length, total;
  if ((c->flags & ACCEL_COMMAND_RAGGED) != 0) {
    if (c->offsets == NULL) return ACCEL_COMPLETION_BAD_COMMAND;
    longest = 0;
    for (uint64_t i = 0; i < c->count; ++i) {
      if (c->offsets[i + 1] < c->offsets[i]) return ACCEL_COMPLETION_BAD_COMMAND;
      if (c->offsets[i + 1] - c->offsets[i] > longest) longest = c->offsets[i + 1] - c->offsets[i];
    }
    total = c->offsets[c->count] - c->offsets[0];
  } else {
    if (longest > MAX_MESSAGE) return ACCEL_COMPLETION_UNSUPPORTED;
    total = longest * c->count;
  }
  if (longest > MAX_MESSAGE || total > MAX_BYTES) return ACCEL_COMPLETION_UNSUPPORTED;
  return total != 0 && c->messages == NULL ? ACCEL_COMPLETION_BAD_COMMAND : ACCEL_COMPLETION_DONE;
}

static bool has_key(key_table* keys, uint32_t handle) {
  pthread_mutex_lock(&keys->mutex);
  const bool found = handle < MAX_KEYS && keys->used[handle];
  pthread_mutex_unlock(&keys->mutex);
  return found;
}

static bool is_complete(const accel_command* c, key_table* keys) {
  if (is_verify(c->opcode)) {
    if (c->signatures == NULL || c->status_out == NULL) return false;
    if ((c->flags & ACCEL_COMMAND_HANDLES) == 0) {
      if (c->keys == NULL) return false;
    } else {
      if (c->key_handles == NULL) return false;
      for (uint64_t i = 0; i < c->count; ++i) {
        if (!has_key(keys, c->key_handles[i])) return false;
      }
    }
  }
  if ((c->opcode == ACCEL_OP_SM2_VERIFY_DIGEST || is_merkle(c->opcode)) && c->digests == NULL) return false;
  if (c->opcode == ACCEL_OP_SM2_VERIFY && c->id_length != ACCEL_SM2_NO_ZA) {
    if (c->id_length > ACCEL_SM2_MAX_ID_LENGTH || (c->id == NULL && c->id_length != 0)) return false;
  }
  return output_needed(c) == 0 || (c->output != NULL && c->output_size >= output_needed(c));
}

static uint16_t check(const accel_command* c, key_table* keys) {
  if (!is_supported(c)) return ACCEL_COMPLETION_UNSUPPORTED;
  if (has_messages(c->opcode)) {
    const uint16_t status = check_messages(c);
    if (status != ACCEL_COMPLETION_DONE) return status;
  }
  return is_complete(c, keys) ? ACCEL_COMPLETION_DONE : ACCEL_COMPLETION_BAD_COMMAND;
}

/* --- items ------------------------------------------------------------------------------------------------- */

static const uint8_t* message(const accel_command* c, uint64_t i, uint64_t* length) {
  static const uint8_t nothing = 0;
  if ((c->flags & ACCEL_COMMAND_RAGGED) != 0) {
    *length = c->offsets[i + 1] - c->offsets[i];
    return *length == 0 ? &nothing : c->messages + c->offsets[i];
  }
  *length = c->message_length;
  return *length == 0 ? &nothing : c->messages + i * c->messages_stride;
}

static void key_of(const accel_command* c, key_table* keys, uint64_t i, uint8_t key[64]) {
  if ((c->flags & ACCEL_COMMAND_HANDLES) == 0) {
    memcpy(key, c->keys + i * c->keys_stride, 64);
    return;
  }
  pthread_mutex_lock(&keys->mutex);
  memcpy(key, keys->keys[c->key_handles[i]], 64);
  pthread_mutex_unlock(&keys->mutex);
}

static void digest_of(const accel_command* c, uint64_t i, const uint8_t key[64], uint8_t digest[32]) {
  uint32_t point[16], e[8];
  uint64_t length;
  if (c->opcode == ACCEL_OP_SM2_VERIFY_DIGEST) {
    memcpy(digest, c->digests + i * c->digests_stride, 32);
    return;
  }
  const uint8_t* const text = message(c, i, &length);
  accel_golden_number_from_bytes(point, key);
  accel_golden_number_from_bytes(point + 8, key + 32);
  accel_golden_sm2_e(e, c->id, c->id_length, point, text, length);
  accel_golden_number_to_bytes(digest, e);
}

static void verify(const accel_command* c, key_table* keys, uint64_t i) {
  uint8_t key[64], digest[32];
  accel_golden_verification trace = {.struct_size = sizeof trace};
  key_of(c, keys, i, key);
  digest_of(c, i, key, digest);
  /* The statuses of the golden functions are those of accel.h. */
  c->status_out[i] =
      (uint8_t)accel_golden_sm2_verify_bytes(&trace, key, c->signatures + i * c->signatures_stride, digest);
}

static void hash(const accel_command* c, uint64_t i) {
  uint64_t length;
  const uint8_t* const text = message(c, i, &length);
  accel_golden_sm3_hash(c->output + 32 * i, text, length);
}

static uint16_t merkle(const accel_command* c) {
  const uint64_t nodes = c->count + nodes_above(c->count);
  uint64_t written = 0;
  uint8_t* const all = malloc(32 * nodes);
  uint8_t* const leaves = malloc(32 * c->count);
  uint16_t status = ACCEL_COMPLETION_FAULT;
  if (all != NULL && leaves != NULL) {
    for (uint64_t i = 0; i < c->count; ++i) memcpy(leaves + 32 * i, c->digests + i * c->digests_stride, 32);
    if (accel_golden_merkle_levels(all, nodes, &written, c->rule, leaves, c->count) == ACCEL_GOLDEN_OK) {
      const bool root = c->opcode == ACCEL_OP_MERKLE_ROOT;
      const uint64_t first = root ? nodes - 1 : c->count;
      if (nodes > first) memcpy(c->output, all + 32 * first, 32 * (nodes - first));
      status = ACCEL_COMPLETION_DONE;
    }
  }
  free(leaves);
  free(all);
  return status;
}

uint16_t work_run(const accel_command* c, key_table* keys, atomic_bool* stop) {
  const uint16_t status = check(c, keys);
  if (status != ACCEL_COMPLETION_DONE) return status;
  if (is_merkle(c->opcode)) return merkle(c);
  for (uint64_t i = 0; i < c->count; ++i) {
    if (atomic_load(stop)) return ACCEL_COMPLETION_CANCELLED;
    if (is_verify(c->opcode)) {
      verify(c, keys, i);
    } else {
      hash(c, i);
    }
  }
  return ACCEL_COMPLETION_DONE;
}
