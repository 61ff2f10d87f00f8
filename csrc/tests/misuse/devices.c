/* Devices, streams and futures. The batch calls of a stream stand in the table of batch calls. */
#include <poll.h>
#include <string.h>

#include "check.h"
#include "fixture.h"
#include "tests.h"

static accel_device_options options_with(uint32_t struct_size, uint32_t audit, uint32_t rate, uint32_t depth,
                                         uint32_t no_fallback) {
  accel_device_options options = {0};
  options.struct_size = struct_size;
  options.audit = audit;
  options.sample_rate = rate;
  options.queue_depth = depth;
  options.no_fallback = no_fallback;
  return options;
}

static void test_open(accel_device** device) {
  const char* wrong[] = {"", "gpu7", "cpu,x", "cpu+", "+cpu", "cpu+gpu7", "plugin", "rtl-sim", "udp:localhost:1"};
  const uint32_t size = sizeof(accel_device_options);
  const accel_device_options bad[] = {options_with(0, 0, 0, 0, 0),
                                      options_with(size - 1, 0, 0, 0, 0),
                                      options_with(size, 4, 0, 0, 0),
                                      options_with(size, 0, 0, 0, 2),
                                      options_with(size, 0, (1 << 20) + 1, 0, 0),
                                      options_with(size, 0, 0, UINT32_MAX, 0)};
  const accel_device_options good_options = options_with(size, ACCEL_AUDIT_FULL, 1, 2, 1);
  REFUSES_NULL("device_out", accel_device_open(NULL, "cpu", NULL));
  REFUSES_NULL("name", accel_device_open(device, NULL, NULL));
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
    *device = (accel_device*)&good;
    REFUSES(ACCEL_BAD_DEVICE, "device", accel_device_open(device, wrong[i], NULL));
    CHECK(*device == NULL);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; ++i) {
    REFUSES(ACCEL_BAD_ARGUMENT, "options", accel_device_open(device, "cpu", &bad[i]));
  }
  ANSWERS(ACCEL_OK, accel_device_open(device, "cpu+cpu", &good_options));
  CALLS(accel_device_free(*device));
  accel_device_free(*device); /* a handle that is none any more is nothing */
  CALLS(accel_device_free(NULL));
  check_tried("accel_device_free", "device");
  TAKES_NULL("options", accel_device_open(device, "cpu", NULL));
}

static void log_nothing(void* context, const accel_log_event* event) {
  *(size_t*)context += event->struct_size == sizeof *event ? 1 : 1000;
}

void test_devices(void) {
  enum { CAPACITY = 256 };
  accel_device* device;
  accel_device_stat stats[CAPACITY];
  accel_device_info info = {0};
  uint64_t count = 0, needed = 0;
  size_t events = 0;
  const char* names = NULL;
  REFUSES_NULL("names_out", accel_device_names(NULL));
  ANSWERS(ACCEL_OK, accel_device_names(&names));
  CHECK(strstr(names, "cpu") != NULL);
  ANSWERS(ACCEL_OK, accel_set_log(log_nothing, &events));
  test_open(&device);
  TAKES_NULL("context", accel_set_log(log_nothing, NULL));
  ANSWERS(ACCEL_OK, accel_set_log(NULL, NULL));
  CHECK(events == 4); /* three devices were opened, one handle was freed */

  REFUSES_NULL("count_out", accel_device_count(device, NULL));
  TAKES_NULL("device", accel_device_count(NULL, &count));
  REFUSES(ACCEL_BAD_DEVICE, "device", accel_device_count((accel_device*)&good, &count));
  ANSWERS(ACCEL_OK, accel_device_count(device, &count));
  CHECK(count == 1);
  REFUSES_NULL("info_out", accel_device_get_info(device, 0, NULL));
  REFUSES(ACCEL_BAD_ARGUMENT, "info_out", accel_device_get_info(device, 0, &info));
  info.struct_size = sizeof info;
  REFUSES(ACCEL_BAD_ARGUMENT, "index", accel_device_get_info(device, 1, &info));
  TAKES_NULL("device", accel_device_get_info(NULL, 0, &info));
  ANSWERS(ACCEL_OK, accel_device_get_info(device, 0, &info));
  CHECK(strcmp(info.name, "cpu") == 0 && info.time_kind == 1 && info.quarantined == 0);

  REFUSES_NULL("stats_out", accel_device_stats(device, NULL, 1, &needed));
  REFUSES_NULL("count_out", accel_device_stats(device, stats, CAPACITY, NULL));
  REFUSES(ACCEL_BAD_ARGUMENT, "capacity", accel_device_stats(device, stats, 1, &needed));
  CHECK(needed > 10 && needed <= CAPACITY);
  TAKES_NULL("device", accel_device_stats(NULL, stats, CAPACITY, &needed));
  ANSWERS(ACCEL_OK, accel_device_stats(device, stats, CAPACITY, &needed));
  for (size_t i = 0; i < needed; ++i)
    CHECK(*stats[i].name != '\0' && *stats[i].unit != '\0' && *stats[i].device != '\0');

  good.device = device; /* every call takes it */
  test_batches();
  good.device = NULL;
  accel_device_free(device);
  REFUSES(ACCEL_BAD_DEVICE, "device", accel_device_count(device, &count));
}

static accel_status submit(accel_future** future, const accel_submit_options* options) {
  return accel_stream_sm2_verify_digest_many(good.stream, future, good.status_out, good.keys, 64, good.signatures, 64,
                                             good.digests, 32, COUNT, options);
}

/* future_out and options of each call. */
static void test_submissions(void) {
  static const char* const functions[] = {
      "accel_stream_sm3_hash_messages",       "accel_stream_sm2_verify_digest_many",
      "accel_stream_sm2_verify_many",         "accel_stream_sm2_keyring_verify_digest_many",
      "accel_stream_sm2_keyring_verify_many", "accel_stream_merkle_leaf_hashes"};
  const accel_status statuses[] = {
      accel_stream_sm3_hash_messages(good.stream, NULL, good.digests_out, good.messages, COUNT, NULL),
      submit(NULL, NULL),
      accel_stream_sm2_verify_many(good.stream, NULL, good.status_out, good.keys, 64, good.signatures, 64,
                                   good.messages, good.id, 16, COUNT, NULL),
      accel_stream_sm2_keyring_verify_digest_many(good.stream, NULL, good.status_out, good.ring, good.indices,
                                                  good.signatures, 64, good.digests, 32, COUNT, NULL),
      accel_stream_sm2_keyring_verify_many(good.stream, NULL, good.status_out, good.ring, good.indices, good.signatures,
                                           64, good.messages, COUNT, NULL),
      accel_stream_merkle_leaf_hashes(good.stream, NULL, good.hashes_out, good.rule, good.leaves, COUNT, NULL)};
  for (size_t i = 0; i < sizeof functions / sizeof *functions; ++i) {
    CHECK(statuses[i] == ACCEL_BAD_ARGUMENT);
    check_tried(functions[i], "future_out");
    check_tried(functions[i], "options"); /* NULL in the table of batch calls */
  }
  CHECK(strncmp(accel_last_error(), "future_out: is NULL", 19) == 0);
}

void test_streams(void) {
  accel_stream* stream = NULL;
  accel_future* future = (accel_future*)&good;
  const uint32_t depths[] = {0, (1 << 20) + 1, UINT32_MAX};
  accel_submit_options options = {0};
  REFUSES_NULL("stream_out", accel_stream_new(NULL, NULL, 1));
  REFUSES(ACCEL_BAD_DEVICE, "device", accel_stream_new((accel_device*)&good, &stream, 1));
  for (size_t i = 0; i < sizeof depths / sizeof *depths; ++i) {
    REFUSES(ACCEL_BAD_ARGUMENT, "depth", accel_stream_new(NULL, &stream, depths[i]));
  }
  TAKES_NULL("device", accel_stream_new(NULL, &stream, 1));
  CALLS(accel_stream_free(stream));
  accel_stream_free(NULL);
  check_tried("accel_stream_free", "stream");
  test_submissions();
  REFUSES(ACCEL_BAD_ARGUMENT, "options", submit(&future, &options));
  CHECK(future == NULL);
  options.struct_size = sizeof options;
  options.priority = 4;
  REFUSES(ACCEL_BAD_ARGUMENT, "options", submit(&future, &options));
  options.priority = 0;
  options.non_blocking = 2;
  REFUSES(ACCEL_BAD_ARGUMENT, "options", submit(&future, &options));
  options.non_blocking = 0;
  options.reserved = 1;
  REFUSES(ACCEL_BAD_ARGUMENT, "options", submit(&future, &options));
}

static void count_call(void* context) { __atomic_add_fetch((int*)context, 1, __ATOMIC_SEQ_CST); }
static void call_nothing(void* context) { (void)context; }

void test_futures(void) {
  accel_future* future = NULL;
  int32_t descriptor = -1;
  int calls = 0;
  ANSWERS(ACCEL_OK, submit(&future, NULL));
  REFUSES_NULL("future", accel_future_wait(NULL, 0));
  ANSWERS(ACCEL_OK, accel_future_wait(future, UINT64_MAX));
  ANSWERS(ACCEL_OK, accel_future_wait(future, 0));
  REFUSES_NULL("future", accel_future_descriptor(NULL, &descriptor));
  REFUSES_NULL("descriptor_out", accel_future_descriptor(future, NULL));
  ANSWERS(ACCEL_OK, accel_future_descriptor(future, &descriptor));
  struct pollfd readable = {descriptor, POLLIN, 0};
  CHECK(poll(&readable, 1, 0) == 1);
  REFUSES_NULL("future", accel_future_on_done(NULL, count_call, &calls));
  REFUSES(ACCEL_BAD_ARGUMENT, "function", accel_future_on_done(future, NULL, &calls));
  TAKES_NULL("context", accel_future_on_done(future, call_nothing, NULL));
  ANSWERS(ACCEL_OK, accel_future_on_done(future, count_call, &calls));
  CHECK(calls == 1);
  REFUSES_NULL("future", accel_future_cancel(NULL));
  REFUSES(ACCEL_BAD_ARGUMENT, "future", accel_future_cancel(future));
  CALLS(accel_future_free(future));
  accel_future_free(NULL);
  check_tried("accel_future_free", "future");
}
