/* Verifiers and their queues. */
#include <string.h>

#include "check.h"
#include "fixture.h"
#include "tests.h"

enum { VOTE = ACCEL_PRIORITY_VOTE, NEVER = 0 /* as a timeout: do not wait */ };

static const uint64_t FOREVER = ACCEL_NO_TIMEOUT;

static accel_sm2_verifier_options options_of_size(size_t size) {
  accel_sm2_verifier_options options;
  memset(&options, 0, sizeof options);
  options.struct_size = (uint32_t)size;
  return options;
}

static void refuses_option(const char* argument, const accel_sm2_verifier_options* options) {
  accel_sm2_verifier* verifier = (accel_sm2_verifier*)&good;
  check_refusal(__FILE__, __LINE__, "accel_sm2_verifier_new", ACCEL_BAD_ARGUMENT, argument,
                accel_sm2_verifier_new(NULL, &verifier, options));
  CHECK(verifier == NULL);
}

static void test_options(void) {
  const size_t sizes[] = {0, sizeof(accel_sm2_verifier_options) - 1, sizeof(accel_sm2_verifier_options) + 1};
  accel_sm2_verifier_options options;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
    options = options_of_size(sizes[i]);
    refuses_option("options", &options);
  }
#define REFUSES_FIELD(field, value)              \
  do {                                           \
    options = options_of_size(sizeof options);   \
    options.field = value;                       \
    refuses_option("options." #field, &options); \
  } while (0)
  REFUSES_FIELD(when_full, 2);
  REFUSES_FIELD(linger_ns, 1000000001);
  REFUSES_FIELD(capacity, (UINT64_C(1) << 20) + 1);
  REFUSES_FIELD(lanes, 257);
  REFUSES_FIELD(batch, 257);
  REFUSES_FIELD(batch, 15); /* fewer than there are lanes */
  REFUSES_FIELD(runners, 1025);
  REFUSES_FIELD(reserved, 1);
#undef REFUSES_FIELD
}

static void test_verifying(accel_sm2_verifier* verifier) {
  uint8_t* const status = odd(1);
  const uint8_t *const key = good.keys, *const signature = good.signatures, *const digest = good.digests;
  const uint8_t* const message = good.messages_bytes;
#define DIGEST(v, s, k, g, d) accel_sm2_verifier_verify_digest(v, s, k, g, d, VOTE, FOREVER)
  REFUSES_NULL("verifier", accel_sm2_verifier_verify_digest(NULL, status, key, signature, digest, VOTE, FOREVER));
  REFUSES_NULL("status_out", accel_sm2_verifier_verify_digest(verifier, NULL, key, signature, digest, VOTE, FOREVER));
  REFUSES_NULL("key", accel_sm2_verifier_verify_digest(verifier, status, NULL, signature, digest, VOTE, FOREVER));
  REFUSES_NULL("signature", accel_sm2_verifier_verify_digest(verifier, status, key, NULL, digest, VOTE, FOREVER));
  *status = ACCEL_OK;
  REFUSES_NULL("digest", accel_sm2_verifier_verify_digest(verifier, status, key, signature, NULL, VOTE, FOREVER));
  CHECK(*status == ACCEL_NOT_CHECKED);
  REFUSES(ACCEL_BAD_ARGUMENT, "priority",
          accel_sm2_verifier_verify_digest(verifier, status, key, signature, digest, ACCEL_PRIORITY_TRANSACTION + 1,
                                           FOREVER));
  ANSWERS(ACCEL_OK, DIGEST(verifier, status, key, signature, digest));
  CHECK(*status == ACCEL_OK);
#undef DIGEST

#define MESSAGE(v, s, k, g, m, length, id, id_length) \
  accel_sm2_verifier_verify(v, s, k, g, m, length, id, id_length, VOTE, FOREVER)
  static const char name[] = "accel_sm2_verifier_verify";
#define NULL_MESSAGE(argument, ...) check_null(__FILE__, __LINE__, name, argument, MESSAGE(__VA_ARGS__))
  NULL_MESSAGE("verifier", NULL, status, key, signature, message, LENGTH, good.id, 16);
  NULL_MESSAGE("status_out", verifier, NULL, key, signature, message, LENGTH, good.id, 16);
  NULL_MESSAGE("key", verifier, status, NULL, signature, message, LENGTH, good.id, 16);
  NULL_MESSAGE("signature", verifier, status, key, NULL, message, LENGTH, good.id, 16);
  NULL_MESSAGE("message", verifier, status, key, signature, NULL, LENGTH, good.id, 16);
  NULL_MESSAGE("id", verifier, status, key, signature, message, LENGTH, NULL, 16);
  check_refusal(__FILE__, __LINE__, name, ACCEL_BAD_ARGUMENT, "message",
                MESSAGE(verifier, status, key, signature, message, ACCEL_MAX_MESSAGE + 1, good.id, 16));
  check_refusal(__FILE__, __LINE__, name, ACCEL_BAD_ARGUMENT, "id",
                MESSAGE(verifier, status, key, signature, message, LENGTH, good.id, 8192));
  check_answer(__FILE__, __LINE__, name, ACCEL_OK,
               MESSAGE(verifier, status, key, signature, message, LENGTH, good.id, 16));
  CHECK(*status == ACCEL_OK);
  check_answer(__FILE__, __LINE__, name, ACCEL_OK,
               MESSAGE(verifier, status, key, signature, NULL, 0, NULL, ACCEL_SM2_NO_ZA));
  CHECK(*status == ACCEL_BAD_SIGNATURE);
#undef NULL_MESSAGE
#undef MESSAGE
}

static void test_ring_verifying(accel_sm2_verifier* verifier) {
  static const char by_digest[] = "accel_sm2_verifier_ring_verify_digest",
                    by_message[] = "accel_sm2_verifier_ring_verify";
  uint8_t* const status = odd(1);
#define DIGEST(v, s, r, i, g, d) accel_sm2_verifier_ring_verify_digest(v, s, r, i, g, d, VOTE, FOREVER)
#define MESSAGE(v, s, r, i, g, m) accel_sm2_verifier_ring_verify(v, s, r, i, g, m, LENGTH, VOTE, FOREVER)
#define NULL_DIGEST(argument, ...) check_null(__FILE__, __LINE__, by_digest, argument, DIGEST(__VA_ARGS__))
#define NULL_MESSAGE(argument, ...) check_null(__FILE__, __LINE__, by_message, argument, MESSAGE(__VA_ARGS__))
  NULL_DIGEST("verifier", NULL, status, good.ring, 0, good.signatures, good.digests);
  NULL_DIGEST("status_out", verifier, NULL, good.ring, 0, good.signatures, good.digests);
  NULL_DIGEST("ring", verifier, status, NULL, 0, good.signatures, good.digests);
  NULL_DIGEST("signature", verifier, status, good.ring, 0, NULL, good.digests);
  NULL_DIGEST("digest", verifier, status, good.ring, 0, good.signatures, NULL);
  NULL_MESSAGE("verifier", NULL, status, good.ring, 0, good.signatures, good.messages_bytes);
  NULL_MESSAGE("status_out", verifier, NULL, good.ring, 0, good.signatures, good.messages_bytes);
  NULL_MESSAGE("ring", verifier, status, NULL, 0, good.signatures, good.messages_bytes);
  NULL_MESSAGE("signature", verifier, status, good.ring, 0, NULL, good.messages_bytes);
  NULL_MESSAGE("message", verifier, status, good.ring, 0, good.signatures, NULL);
  check_refusal(__FILE__, __LINE__, by_digest, ACCEL_BAD_ARGUMENT, "index",
                DIGEST(verifier, status, good.ring, SIGNERS, good.signatures, good.digests));
  check_refusal(__FILE__, __LINE__, by_message, ACCEL_BAD_ARGUMENT, "index",
                MESSAGE(verifier, status, good.ring, UINT32_MAX, good.signatures, good.messages_bytes));
  check_answer(__FILE__, __LINE__, by_digest, ACCEL_OK,
               DIGEST(verifier, status, good.ring, 0, good.signatures, good.digests));
  CHECK(*status == ACCEL_OK);
  check_answer(__FILE__, __LINE__, by_message, ACCEL_OK,
               MESSAGE(verifier, status, good.ring, 1, good.signatures, good.messages_bytes));
  CHECK(*status == ACCEL_BAD_SIGNATURE); /* the other signer's */
#undef NULL_MESSAGE
#undef NULL_DIGEST
#undef MESSAGE
#undef DIGEST
}

static void test_stats(accel_sm2_verifier* verifier) {
  accel_sm2_verifier_counts counts;
  memset(&counts, 0, sizeof counts);
  REFUSES(ACCEL_BAD_ARGUMENT, "counts_out", accel_sm2_verifier_stats(verifier, &counts));
  counts.struct_size = sizeof counts;
  REFUSES_NULL("verifier", accel_sm2_verifier_stats(NULL, &counts));
  REFUSES_NULL("counts_out", accel_sm2_verifier_stats(verifier, NULL));
  ANSWERS(ACCEL_OK, accel_sm2_verifier_stats(verifier, &counts));
  CHECK(counts.items == 5 && counts.taken[0] == 5 && counts.waiting == 0);
}

static void test_submitting(accel_sm2_queue* queue) {
  const uint8_t *const key = good.keys, *const signature = good.signatures, *const digest = good.digests;
  const uint8_t *const message = good.messages_bytes, *const id = good.id;
  const accel_sm2_keyring* const ring = good.ring;
  const uint32_t vote = VOTE;
  REFUSES_NULL("queue", accel_sm2_queue_submit_digest(NULL, key, signature, digest, vote, FOREVER, 1));
  REFUSES_NULL("key", accel_sm2_queue_submit_digest(queue, NULL, signature, digest, vote, FOREVER, 1));
  REFUSES_NULL("signature", accel_sm2_queue_submit_digest(queue, key, NULL, digest, vote, FOREVER, 1));
  REFUSES_NULL("digest", accel_sm2_queue_submit_digest(queue, key, signature, NULL, vote, FOREVER, 1));
  ANSWERS(ACCEL_OK, accel_sm2_queue_submit_digest(queue, key, signature, digest, vote, FOREVER, 1));
  REFUSES_NULL("queue", accel_sm2_queue_submit(NULL, key, signature, message, LENGTH, id, 16, vote, FOREVER, 2));
  REFUSES_NULL("key", accel_sm2_queue_submit(queue, NULL, signature, message, LENGTH, id, 16, vote, FOREVER, 2));
  REFUSES_NULL("signature", accel_sm2_queue_submit(queue, key, NULL, message, LENGTH, id, 16, vote, FOREVER, 2));
  REFUSES_NULL("message", accel_sm2_queue_submit(queue, key, signature, NULL, LENGTH, id, 16, vote, FOREVER, 2));
  REFUSES_NULL("id", accel_sm2_queue_submit(queue, key, signature, message, LENGTH, NULL, 16, vote, FOREVER, 2));
  ANSWERS(ACCEL_OK, accel_sm2_queue_submit(queue, key, signature, message, LENGTH, id, 16, vote, FOREVER, 2));
  REFUSES_NULL("queue", accel_sm2_queue_ring_submit_digest(NULL, ring, 0, signature, digest, vote, FOREVER, 3));
  REFUSES_NULL("ring", accel_sm2_queue_ring_submit_digest(queue, NULL, 0, signature, digest, vote, FOREVER, 3));
  REFUSES_NULL("signature", accel_sm2_queue_ring_submit_digest(queue, ring, 0, NULL, digest, vote, FOREVER, 3));
  REFUSES_NULL("digest", accel_sm2_queue_ring_submit_digest(queue, ring, 0, signature, NULL, vote, FOREVER, 3));
  REFUSES(ACCEL_BAD_ARGUMENT, "index",
          accel_sm2_queue_ring_submit_digest(queue, ring, SIGNERS, signature, digest, vote, FOREVER, 3));
  ANSWERS(ACCEL_OK, accel_sm2_queue_ring_submit_digest(queue, ring, 0, signature, digest, vote, FOREVER, 3));
  REFUSES_NULL("queue", accel_sm2_queue_ring_submit(NULL, ring, 0, signature, message, LENGTH, vote, FOREVER, 4));
  REFUSES_NULL("ring", accel_sm2_queue_ring_submit(queue, NULL, 0, signature, message, LENGTH, vote, FOREVER, 4));
  REFUSES_NULL("signature", accel_sm2_queue_ring_submit(queue, ring, 0, NULL, message, LENGTH, vote, FOREVER, 4));
  REFUSES_NULL("message", accel_sm2_queue_ring_submit(queue, ring, 0, signature, NULL, LENGTH, vote, FOREVER, 4));
  REFUSES(ACCEL_BAD_ARGUMENT, "priority",
          accel_sm2_queue_ring_submit(queue, ring, 0, signature, message, LENGTH, UINT32_MAX, FOREVER, 4));
  ANSWERS(ACCEL_OK, accel_sm2_queue_ring_submit(queue, ring, 0, signature, message, LENGTH, vote, FOREVER, 4));
  REFUSES(ACCEL_QUEUE_FULL, "queue", accel_sm2_queue_submit_digest(queue, key, signature, digest, vote, FOREVER, 5));
}

static void test_polling(accel_sm2_queue* queue) {
  uint8_t *const tags = odd(8 * 4), *const status = odd(4);
  uint64_t* const tags_out = (void*)tags;
  uint64_t count = 0, polled = 0, sum = 0;
  REFUSES_NULL("queue", accel_sm2_queue_poll(NULL, tags_out, status, &count, 4, NEVER));
  REFUSES_NULL("tags_out", accel_sm2_queue_poll(queue, NULL, status, &count, 4, NEVER));
  REFUSES_NULL("status_out", accel_sm2_queue_poll(queue, tags_out, NULL, &count, 4, NEVER));
  REFUSES_NULL("count_out", accel_sm2_queue_poll(queue, tags_out, status, NULL, 4, NEVER));
  REFUSES(ACCEL_BAD_ARGUMENT, "capacity", accel_sm2_queue_poll(queue, tags_out, status, &count, UINT64_MAX, NEVER));
  ANSWERS(ACCEL_OK, accel_sm2_queue_poll(queue, NULL, NULL, &count, 0, FOREVER));
  CHECK(count == 0);
  while (polled < 4) {
    ANSWERS(ACCEL_OK, accel_sm2_queue_poll(queue, tags_out, status, &count, 4, FOREVER));
    for (uint64_t i = 0; i < count; ++i) {
      uint64_t tag;
      memcpy(&tag, tags + 8 * i, 8);
      sum += tag;
      CHECK(status[i] == ACCEL_OK);
    }
    polled += count;
  }
  CHECK(polled == 4 && sum == 10);
  ANSWERS(ACCEL_OK, accel_sm2_queue_poll(queue, tags_out, status, &count, 4, NEVER));
  CHECK(count == 0);
}

static void test_queues(accel_sm2_verifier* verifier) {
  accel_sm2_queue* queue = (accel_sm2_queue*)&good;
  int descriptor = -1;
  REFUSES_NULL("queue_out", accel_sm2_queue_new(NULL, verifier, 4));
  REFUSES_NULL("verifier", accel_sm2_queue_new(&queue, NULL, 4));
  CHECK(queue == NULL);
  REFUSES(ACCEL_BAD_ARGUMENT, "capacity", accel_sm2_queue_new(&queue, verifier, 0));
  REFUSES(ACCEL_BAD_ARGUMENT, "capacity", accel_sm2_queue_new(&queue, verifier, (1u << 20) + 1));
  ANSWERS(ACCEL_OK, accel_sm2_queue_new(&queue, verifier, 4));
  REFUSES_NULL("queue", accel_sm2_queue_descriptor(NULL, &descriptor));
  REFUSES_NULL("descriptor_out", accel_sm2_queue_descriptor(queue, NULL));
  ANSWERS(ACCEL_OK, accel_sm2_queue_descriptor(queue, &descriptor));
  CHECK(descriptor >= 0);
  test_submitting(queue);
  test_polling(queue);

  REFUSES_NULL("verifier", accel_sm2_verifier_close(NULL, 0));
  ANSWERS(ACCEL_OK, accel_sm2_verifier_close(verifier, 1));
  REFUSES(ACCEL_CLOSED, "verifier",
          accel_sm2_verifier_verify_digest(verifier, good.status_out, good.keys, good.signatures, good.digests, VOTE,
                                           FOREVER));
  REFUSES(ACCEL_CLOSED, "verifier",
          accel_sm2_queue_submit_digest(queue, good.keys, good.signatures, good.digests, VOTE, FOREVER, 1));
  ANSWERS(ACCEL_OK, accel_sm2_verifier_close(verifier, 0)); /* again */
  CALLS(accel_sm2_verifier_free(verifier));
  accel_sm2_verifier_free(NULL);
  check_tried("accel_sm2_verifier_free", "verifier");
  REFUSES(ACCEL_CLOSED, "verifier", /* the queue is still there */
          accel_sm2_queue_submit_digest(queue, good.keys, good.signatures, good.digests, VOTE, FOREVER, 1));
  CALLS(accel_sm2_queue_free(queue));
  accel_sm2_queue_free(NULL);
  check_tried("accel_sm2_queue_free", "queue");
}

void test_verifiers(void) {
  accel_sm2_verifier* verifier = (accel_sm2_verifier*)&good;
  REFUSES_NULL("verifier_out", accel_sm2_verifier_new(NULL, NULL, NULL));
  REFUSES(ACCEL_BAD_DEVICE, "device", accel_sm2_verifier_new((accel_device*)&good, &verifier, NULL));
  CHECK(verifier == NULL);
  test_options();
  TAKES_NULL("options", accel_sm2_verifier_new(NULL, &verifier, NULL));
  check_tried("accel_sm2_verifier_new", "device");
  test_verifying(verifier);
  test_ring_verifying(verifier);
  test_stats(verifier);
  test_queues(verifier);
}
