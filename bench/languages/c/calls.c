/* Times calls from C for bench/languages.py. calls DIR BYTES: a raw block, and the limit of its ring's tables. Each
 * line "TASK TURNS" on standard input is answered by a line with the nanoseconds of CPU time that each call took. */
#include <accel/accel.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "block.h"

typedef struct work {
  block b;
  accel_messages messages;
  accel_sm2_keyring* ring;
  uint32_t* indices;
  uint8_t *statuses, *digests, *first_digests;
} work;

/* Of the process: what a language's runtime does beside the call counts too. */
static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void require(int condition, const char* what) {
  if (condition) return;
  fprintf(stderr, "calls: %s: %s\n", what, accel_last_error());
  exit(2);
}

static void find_signers(work* w) {
  for (uint64_t row = 0; row < w->b.rows; ++row) {
    const uint8_t* key = w->b.public_keys + 64 * row;
    uint32_t i = 0;
    while (i < w->b.signers && memcmp(w->b.signer_keys + (size_t)64 * i, key, 64) != 0) ++i;
    require(i < w->b.signers, "a key of nobody");
    w->indices[row] = i;
  }
}

static accel_status call(work* w, const char* task) {
  const block* b = &w->b;
  if (strcmp(task, "keys") == 0) {
    return accel_sm2_verify_many(NULL, w->statuses, b->public_keys, 64, b->signatures, 64, &w->messages, b->id,
                                 b->id_length, b->rows);
  }
  if (strcmp(task, "ring") == 0) {
    return accel_sm2_keyring_verify_many(NULL, w->statuses, w->ring, w->indices, b->signatures, 64, &w->messages,
                                         b->rows);
  }
  require(strcmp(task, "hash") == 0, "no such task");
  return accel_sm3_hash_messages(NULL, w->digests, &w->messages, b->rows);
}

static void check(const work* w, const char* task) {
  if (strcmp(task, "hash") == 0) {
    require(memcmp(w->digests, w->first_digests, 32 * w->b.rows) == 0, "another digest");
  } else {
    require(memcmp(w->statuses, w->b.statuses, w->b.rows) == 0, "a wrong verdict");
  }
}

int main(int argc, char** argv) {
  work w = {0};
  require(argc == 3 && block_read(&w.b, argv[1]) == 0, "usage: calls DIR BYTES");
  require(accel_require_abi(ACCEL_ABI_VERSION) == ACCEL_OK, "accel_require_abi");
  w.messages = (accel_messages){.struct_size = sizeof w.messages,
                                .layout = ACCEL_LAYOUT_RAGGED64,
                                .data = w.b.messages,
                                .data_size = w.b.message_bytes,
                                .offsets = w.b.offsets};
  w.indices = calloc(w.b.rows, sizeof *w.indices);
  w.statuses = calloc(w.b.rows, 1);
  w.digests = calloc(w.b.rows, 32);
  w.first_digests = calloc(w.b.rows, 32);
  require(w.indices && w.statuses && w.digests && w.first_digests, "no memory");
  find_signers(&w);
  require(accel_sm2_keyring_new(NULL, &w.ring, NULL, w.b.signer_keys, 64, w.b.id, w.b.id_length,
                                strtoull(argv[2], NULL, 10), w.b.signers) == ACCEL_OK,
          "ring");
  require(accel_sm3_hash_messages(NULL, w.first_digests, &w.messages, w.b.rows) == ACCEL_OK, "hash");
  char task[16];
  int turns = 0;
  while (scanf("%15s %d", task, &turns) == 2) {
    for (int turn = 0; turn < turns; ++turn) {
      const int64_t started = now();
      const accel_status status = call(&w, task);
      const int64_t ended = now();
      require(status == ACCEL_OK, task);
      check(&w, task);
      printf("%" PRId64 " ", ended - started);
    }
    printf("\n");
    fflush(stdout);
  }
  accel_sm2_keyring_free(w.ring);
  free(w.indices);
  free(w.statuses);
  free(w.digests);
  free(w.first_digests);
  block_free(&w.b);
  return 0;
}
