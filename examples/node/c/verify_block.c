/* Verifies a raw block with libaccel, by explicit keys and by a ring of known signers, and builds its Merkle root.
 *
 *   verify_block [--json] DIR
 *
 * Exit code 0: all as the block records it; 1: something differs; 2: the job could not run (a sentence on standard
 * error says why). */
#include <accel/accel.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "block.h"

enum { AS_RECORDED = 0, DIFFERS = 1, FAILED = 2 };

/* accel_last_error() belongs to the thread and to its last call: read it at once. */
static int ran(accel_status status, const char* call) {
  if (status == ACCEL_OK) return 1;
  fprintf(stderr, "verify_block: %s: %s: %s\n", call, accel_status_name(status), accel_last_error());
  return 0;
}

static void* allocate(uint64_t count, size_t size) {
  void* memory = calloc(count ? count : 1, size);
  if (memory == NULL) fprintf(stderr, "verify_block: out of memory\n");
  return memory;
}

static accel_messages messages_of(const block* b) {
  const accel_messages messages = {.struct_size = sizeof messages,
                                   .layout = ACCEL_LAYOUT_RAGGED64,
                                   .data = b->messages,
                                   .data_size = b->message_bytes,
                                   .offsets = b->offsets};
  return messages;
}

/* --------------------------------------------------------------------------------------- by explicit keys */

static int verify_by_keys(const block* b, uint8_t* statuses) {
  const accel_messages messages = messages_of(b);
  return ran(accel_sm2_verify_many(NULL, statuses, b->public_keys, 64, b->signatures, 64, &messages, b->id,
                                   b->id_length, b->rows),
             "accel_sm2_verify_many");
}

/* ------------------------------------------------------------------------------- by a ring of known signers */

typedef struct known_key {
  const uint8_t* key;
  uint32_t index;
} known_key;

static int compare_keys(const void* a, const void* b) {
  return memcmp(((const known_key*)a)->key, ((const known_key*)b)->key, 64);
}

/* Rows of a block that go through one call: signatures side by side, messages where they are. */
typedef struct selection {
  uint64_t count;
  uint64_t* rows;
  uint32_t* indices; /* of known keys */
  uint8_t *keys, *signatures, *statuses;
  const uint8_t** pointers;
  uint64_t* lengths;
} selection;

static int selection_new(selection* s, uint64_t capacity) {
  *s = (selection){0};
  return (s->rows = allocate(capacity, sizeof *s->rows)) && (s->indices = allocate(capacity, sizeof *s->indices)) &&
         (s->keys = allocate(capacity, 64)) && (s->signatures = allocate(capacity, 64)) &&
         (s->statuses = allocate(capacity, 1)) && (s->pointers = allocate(capacity, sizeof *s->pointers)) &&
         (s->lengths = allocate(capacity, sizeof *s->lengths));
}

static void selection_free(selection* s) {
  free(s->rows);
  free(s->indices);
  free(s->keys);
  free(s->signatures);
  free(s->statuses);
  free(s->pointers);
  free(s->lengths);
}

static void select_row(selection* s, const block* b, uint64_t row, uint32_t index) {
  const uint64_t i = s->count++;
  s->rows[i] = row;
  s->indices[i] = index;
  memcpy(s->keys + 64 * i, b->public_keys + 64 * row, 64);
  memcpy(s->signatures + 64 * i, b->signatures + 64 * row, 64);
  s->pointers[i] = b->messages + b->offsets[row];
  s->lengths[i] = (uint64_t)(b->offsets[row + 1] - b->offsets[row]);
}

static accel_messages messages_of_selection(const selection* s) {
  const accel_messages messages = {
      .struct_size = sizeof messages, .layout = ACCEL_LAYOUT_POINTERS, .pointers = s->pointers, .lengths = s->lengths};
  return messages;
}

/* Which rows have a key that is known, and which one it is. The row's whole key decides: nothing that the block says
 * about its signers is believed. */
static int sort_rows(const block* b, selection* known, selection* strangers) {
  known_key* sorted = allocate(b->signers, sizeof *sorted);
  if (sorted == NULL) return 0;
  for (uint64_t i = 0; i < b->signers; ++i) sorted[i] = (known_key){b->signer_keys + 64 * i, (uint32_t)i};
  qsort(sorted, b->signers, sizeof *sorted, compare_keys);
  for (uint64_t row = 0; row < b->rows; ++row) {
    const known_key wanted = {b->public_keys + 64 * row, 0};
    const known_key* found = bsearch(&wanted, sorted, b->signers, sizeof *sorted, compare_keys);
    select_row(found != NULL ? known : strangers, b, row, found != NULL ? found->index : 0);
  }
  free(sorted);
  return 1;
}

/* A node makes its ring once, when the consortium's members change, and keeps it. */
static accel_sm2_keyring* make_ring(const block* b) {
  accel_sm2_keyring* ring = NULL;
  uint64_t bad_index = 0;
  const accel_status status = accel_sm2_keyring_new(NULL, &ring, &bad_index, b->signer_keys, 64, b->id, b->id_length,
                                                    0 /* default limit of memory */, b->signers);
  if (status == ACCEL_BAD_KEY) fprintf(stderr, "verify_block: signers.bin: key %" PRIu64 " is bad\n", bad_index);
  return ran(status, "accel_sm2_keyring_new") ? ring : NULL;
}

static int verify_by_ring(const block* b, uint8_t* statuses, uint64_t* known_rows) {
  selection known = {0}, strangers = {0};
  accel_sm2_keyring* ring = NULL;
  int done = 0;
  if (selection_new(&known, b->rows) && selection_new(&strangers, b->rows) && sort_rows(b, &known, &strangers) &&
      (ring = make_ring(b)) != NULL) {
    const accel_messages of_known = messages_of_selection(&known), of_strangers = messages_of_selection(&strangers);
    done = ran(accel_sm2_keyring_verify_many(NULL, known.statuses, ring, known.indices, known.signatures, 64, &of_known,
                                             known.count),
               "accel_sm2_keyring_verify_many") &&
           ran(accel_sm2_verify_many(NULL, strangers.statuses, strangers.keys, 64, strangers.signatures, 64,
                                     &of_strangers, b->id, b->id_length, strangers.count),
               "accel_sm2_verify_many");
    for (uint64_t i = 0; done && i < known.count; ++i) statuses[known.rows[i]] = known.statuses[i];
    for (uint64_t i = 0; done && i < strangers.count; ++i) statuses[strangers.rows[i]] = strangers.statuses[i];
  }
  *known_rows = known.count;
  accel_sm2_keyring_free(ring);
  selection_free(&known);
  selection_free(&strangers);
  return done;
}

/* ------------------------------------------------------------------------------------------------ the root */

static int merkle_root(const block* b, uint8_t root[32]) {
  accel_merkle_tree* tree = NULL;
  const accel_messages leaves = messages_of(b);
  const int done =
      ran(accel_merkle_tree_new(NULL, &tree, b->merkle_rule, ACCEL_MERKLE_KEEP_ROOT), "accel_merkle_tree_new") &&
      ran(accel_merkle_tree_append(tree, &leaves, b->rows), "accel_merkle_tree_append") &&
      ran(accel_merkle_tree_head(tree, root, NULL), "accel_merkle_tree_head");
  accel_merkle_tree_free(tree);
  return done;
}

/* ---------------------------------------------------------------------------------------------- the report */

typedef struct verdicts {
  uint8_t* statuses;
  uint64_t valid, bad, differing, first_differing;
} verdicts;

static void count(verdicts* v, const block* b) {
  for (uint64_t row = 0; row < b->rows; ++row) {
    v->valid += v->statuses[row] == ACCEL_OK;
    if (v->statuses[row] != b->statuses[row] && v->differing++ == 0) v->first_differing = row;
  }
  v->bad = b->rows - v->valid;
}

typedef struct report {
  verdicts keys, ring;
  uint64_t known_rows;
  uint8_t root[32];
  int root_as_recorded;
} report;

static void print_hex(const uint8_t* bytes, size_t size) {
  for (size_t i = 0; i < size; ++i) printf("%02x", bytes[i]);
}

static void print_verdicts(const char* name, const verdicts* v, const block* b) {
  printf("%-9s %" PRIu64 " of %" PRIu64 " valid, %" PRIu64 " bad: ", name, v->valid, b->rows, v->bad);
  if (v->differing == 0) {
    printf("as recorded\n");
  } else {
    printf("%" PRIu64 " DIFFER, the first is row %" PRIu64 ": %s, recorded as %s\n", v->differing, v->first_differing,
           accel_status_name(v->statuses[v->first_differing]), accel_status_name(b->statuses[v->first_differing]));
  }
}

static void print_text(const report* r, const block* b, const char* rule) {
  const uint64_t shown = 10;
  print_verdicts("keys", &r->keys, b);
  print_verdicts("key ring", &r->ring, b);
  printf("root      ");
  print_hex(r->root, 32);
  printf(" %s: %s\n", rule, r->root_as_recorded ? "as recorded" : "DIFFERS");
  uint64_t listed = 0;
  for (uint64_t row = 0; row < b->rows && listed < shown; ++row) {
    if (r->keys.statuses[row] == ACCEL_OK) continue;
    printf("%s%" PRIu64 " %s", listed++ == 0 ? "bad rows  " : ", ", row, accel_status_name(r->keys.statuses[row]));
  }
  if (r->keys.bad > listed) printf(", and %" PRIu64 " more", r->keys.bad - listed);
  if (listed > 0) printf("\n");
}

static void print_json(const report* r, const block* b, const char* rule, int as_recorded) {
  printf("{\"language\": \"c\", \"accel\": \"%s\", \"rows\": %" PRIu64 ", \"signers\": %" PRIu64, accel_version(),
         b->rows, b->signers);
  printf(", \"keys\": {\"valid\": %" PRIu64 ", \"bad\": %" PRIu64 ", \"differing\": %" PRIu64 "}", r->keys.valid,
         r->keys.bad, r->keys.differing);
  printf(", \"key_ring\": {\"valid\": %" PRIu64 ", \"bad\": %" PRIu64 ", \"differing\": %" PRIu64
         ", \"known_rows\": %" PRIu64 "}",
         r->ring.valid, r->ring.bad, r->ring.differing, r->known_rows);
  printf(", \"bad\": [");
  const char* separator = "";
  for (uint64_t row = 0; row < b->rows; ++row) {
    if (r->keys.statuses[row] == ACCEL_OK) continue;
    printf("%s{\"row\": %" PRIu64 ", \"status\": \"%s\"}", separator, row, accel_status_name(r->keys.statuses[row]));
    separator = ", ";
  }
  printf("], \"merkle_rule\": \"%s\", \"merkle_root\": \"", rule);
  print_hex(r->root, 32);
  printf("\", \"root_as_recorded\": %s, \"as_recorded\": %s}\n", r->root_as_recorded ? "true" : "false",
         as_recorded ? "true" : "false");
}

static int verify(const block* b, int json) {
  report r = {0};
  const char* rule = NULL;
  int code = FAILED;
  r.keys.statuses = allocate(b->rows, 1);
  r.ring.statuses = allocate(b->rows, 1);
  if (r.keys.statuses && r.ring.statuses && verify_by_keys(b, r.keys.statuses) &&
      verify_by_ring(b, r.ring.statuses, &r.known_rows) && merkle_root(b, r.root) &&
      ran(accel_merkle_rule_name(&rule, b->merkle_rule), "accel_merkle_rule_name")) {
    count(&r.keys, b);
    count(&r.ring, b);
    r.root_as_recorded = memcmp(r.root, b->root, 32) == 0;
    const int as_recorded = r.keys.differing == 0 && r.ring.differing == 0 && r.root_as_recorded;
    if (json) {
      print_json(&r, b, rule, as_recorded);
    } else {
      print_text(&r, b, rule);
    }
    code = as_recorded ? AS_RECORDED : DIFFERS;
    if (fflush(stdout) != 0) {
      perror("verify_block: standard output");
      code = FAILED;
    }
  }
  free(r.keys.statuses);
  free(r.ring.statuses);
  return code;
}

int main(int argc, char** argv) {
  const int json = argc == 3 && strcmp(argv[1], "--json") == 0;
  if (argc != 2 + json || argv[argc - 1][0] == '-') {
    fprintf(stderr, "usage: verify_block [--json] DIR\n");
    return FAILED;
  }
  /* First of all: is the library that was loaded the one that this was compiled for? */
  if (!ran(accel_require_abi(ACCEL_ABI_VERSION), "accel_require_abi")) return FAILED;
  block b;
  if (block_read(&b, argv[1 + json]) != 0) return FAILED;
  const int code = verify(&b, json);
  block_free(&b);
  return code;
}
