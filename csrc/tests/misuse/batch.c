/* Every argument of every batch call, misused in every way that its kind allows. */
#include "batch.h"

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "tests.h"

static const uint64_t HUGE_COUNTS[] = {(UINT64_C(1) << 40) + 1, UINT64_C(1) << 56, UINT64_MAX - 1, UINT64_MAX};
/* Times COUNT - 1, or that plus an address, these leave 64 bits. */
static const uint64_t HUGE_STRIDES[] = {UINT64_C(1) << 62, UINT64_MAX / (COUNT - 1), UINT64_MAX - 31, UINT64_MAX};
#define LENGTH_OF(array) (sizeof(array) / sizeof *(array))

static const struct function* function; /* the one whose turn it is */
static struct batch batch;              /* its arguments */

static void* field(size_t offset) { return (uint8_t*)&batch + offset; }

static bool has(enum kind kind) {
  for (const struct argument* a = function->arguments; a->kind != NONE; ++a) {
    if (a->kind == kind) return true;
  }
  return false;
}

/* Good arguments, and a status array that reads as valid. */
static void reset(void) {
  batch = good;
  memset(batch.status_out, ACCEL_OK, COUNT);
}

static void expect_unchecked(void) {
  if (!has(STATUS)) return;
  for (size_t i = 0; i < COUNT; ++i) CHECK(good.status_out[i] == ACCEL_NOT_CHECKED);
}

static void set_null(const struct argument* a) {
  const void* null = NULL;
  memcpy(field(a->offset), &null, sizeof null);
}

/* The call with `batch` is refused with a sentence about `argument`, and no status reads as valid. */
static void refuse(accel_status expected, const char* argument) {
  check_refusal(__FILE__, __LINE__, function->name, expected, argument, function->call(&batch));
  expect_unchecked();
}

static void expect_right(void) {
  check_answer(__FILE__, __LINE__, function->name, ACCEL_OK, function->call(&batch));
  if (!function->right(&batch)) check_that(__FILE__, __LINE__, function->name, false);
}

/* --- one kind of misuse each -------------------------------------------------------------------------------- */

static void test_null(const struct argument* a) {
  reset();
  set_null(a);
  if (a->kind == OPTIONAL) {
    check_tried(function->name, a->name);
    check_answer(__FILE__, __LINE__, function->name, ACCEL_OK, function->call(&batch));
    return;
  }
  check_null(__FILE__, __LINE__, function->name, a->name, function->call(&batch));
  if (a->kind != STATUS) expect_unchecked();
}

static void test_stride(const struct argument* a) {
  for (size_t i = 0; i < LENGTH_OF(HUGE_STRIDES); ++i) {
    reset();
    memcpy(field(a->offset), &HUGE_STRIDES[i], 8);
    refuse(ACCEL_BAD_ARGUMENT, a->name);
  }
}

static void test_view(const struct argument* a) {
  accel_messages view;
  for (size_t i = 0; bad_view(i, &view); ++i) {
    const accel_messages* pointer = &view;
    reset();
    memcpy(field(a->offset), &pointer, sizeof pointer);
    refuse(ACCEL_BAD_ARGUMENT, a->name);
  }
}

static void test_id(void) {
  const uint64_t lengths[] = {ACCEL_SM2_MAX_ID_LENGTH + 1, UINT64_C(1) << 40, UINT64_MAX - 1};
  for (size_t i = 0; i < LENGTH_OF(lengths); ++i) {
    reset();
    batch.id_length = lengths[i];
    refuse(ACCEL_BAD_ARGUMENT, "id");
  }
  reset();
  batch.id = NULL;
  batch.id_length = ACCEL_SM2_NO_ZA;
  check_answer(__FILE__, __LINE__, function->name, ACCEL_OK, function->call(&batch));
  batch.id_length = 0;
  check_answer(__FILE__, __LINE__, function->name, ACCEL_OK, function->call(&batch));
}

static void test_rule(void) {
  const uint32_t rules[] = {0, 4, 255, 256 + ACCEL_MERKLE_RFC9162, UINT32_MAX};
  for (size_t i = 0; i < LENGTH_OF(rules); ++i) {
    reset();
    batch.rule = rules[i];
    refuse(ACCEL_BAD_ARGUMENT, "rule");
  }
}

static void test_key_count(void) {
  for (size_t i = 0; i < LENGTH_OF(HUGE_COUNTS); ++i) {
    reset();
    batch.private_key_count = HUGE_COUNTS[i];
    refuse(ACCEL_BAD_ARGUMENT, "private_key_count");
  }
  reset();
  batch.private_key_count = 0;
  refuse(ACCEL_BAD_ARGUMENT, "private_keys");
  reset();
  batch.private_key_count = 1; /* every other index is 1 */
  refuse(ACCEL_BAD_ARGUMENT, "indices");
}

static void test_argument(const struct argument* a) {
  switch (a->kind) {
    case STATUS:
    case ARRAY:
    case HANDLES:
    case OPTIONAL:
      test_null(a);
      break;
    case VIEW:
      test_null(a);
      test_view(a);
      break;
    case ID:
      test_null(a);
      test_id();
      break;
    case STRIDE:
      test_stride(a);
      break;
    case RULE:
      test_rule();
      break;
    case KEY_COUNT:
      test_key_count();
      break;
    case NONE:
      break;
  }
}

static void test_counts(void) {
  for (size_t i = 0; i < LENGTH_OF(HUGE_COUNTS); ++i) {
    reset();
    batch.count = HUGE_COUNTS[i];
    check_refusal(__FILE__, __LINE__, function->name, ACCEL_BAD_ARGUMENT, "count", function->call(&batch));
  }
  reset();
  batch.count = 0;
  for (const struct argument* a = function->arguments; a->kind != NONE; ++a) {
    if (a->kind == STATUS || a->kind == ARRAY || a->kind == OPTIONAL || a->kind == VIEW) set_null(a);
  }
  check_answer(__FILE__, __LINE__, function->name, ACCEL_OK, function->call(&batch));
}

static void test_device(void) {
  if (function->arguments[0].offset != offsetof(struct batch, device)) return; /* a stream has one */
  reset();
  batch.device = (accel_device*)&batch;
  refuse(ACCEL_BAD_DEVICE, "device");
}

void test_batches(void) {
  for (size_t i = 0; i < batch_function_count; ++i) {
    function = &batch_functions[i];
    reset();
    expect_right(); /* all arrays lie at odd addresses */
    for (const struct argument* a = function->arguments; a->kind != NONE; ++a) test_argument(a);
    test_counts();
    test_device();
    reset();
    expect_right();
  }
}

/* An index beyond the ring is an argument of its own kind. */
void test_ring_indices(void) {
  const uint32_t beyond[COUNT] = {0, 1, 0, SIGNERS, UINT32_MAX};
  memset(good.status_out, ACCEL_OK, COUNT);
  REFUSES(ACCEL_BAD_ARGUMENT, "indices",
          accel_sm2_keyring_verify_digest_many(NULL, good.status_out, good.ring, beyond, good.signatures, 64,
                                               good.digests, 32, COUNT));
  for (size_t i = 0; i < COUNT; ++i) CHECK(good.status_out[i] == ACCEL_NOT_CHECKED);
}

/* Lengths that no message has. */
void test_message_length(void) {
  const uint64_t lengths[] = {ACCEL_MAX_MESSAGE + 1, UINT64_MAX - 1, UINT64_MAX};
  for (size_t i = 0; i < LENGTH_OF(lengths); ++i) {
    REFUSES(ACCEL_BAD_ARGUMENT, "messages",
            accel_sm3_hash_many(NULL, good.digests_out, good.messages_bytes, 0, lengths[i], COUNT));
  }
}

/* The same digests, whatever the layout. */
void test_layouts(void) {
  for (accel_layout layout = ACCEL_LAYOUT_STRIDED; layout <= ACCEL_LAYOUT_POINTERS; ++layout) {
    memset(good.digests_out, 0, 32 * COUNT);
    ANSWERS(ACCEL_OK, accel_sm2_digest_many(NULL, good.digests_out, good.keys, 64, messages_in_layout(layout), good.id,
                                            16, COUNT));
    CHECK(memcmp(good.digests_out, good.digests, 32 * COUNT) == 0);
  }
}
