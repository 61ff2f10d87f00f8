/* The library itself: versions, numbers that are part of the ABI, kernels and threads, symbols. */
#define _GNU_SOURCE /* dlvsym */
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "tests.h"

/* --- numbers that programs are compiled with: a change needs another ACCEL_ABI_VERSION ---------------------- */

_Static_assert(ACCEL_ABI_VERSION == 1, "the symbol versions below and the committed baseline belong to ABI 1");
_Static_assert(ACCEL_NOT_CHECKED == 0 && ACCEL_OK == 1 && ACCEL_BAD_SIGNATURE == 2 && ACCEL_BAD_KEY == 3 &&
                   ACCEL_BAD_RANGE == 4 && ACCEL_BAD_PROOF == 5,
               "statuses of items");
_Static_assert(ACCEL_BAD_ARGUMENT == 16 && ACCEL_BAD_ENCODING == 17 && ACCEL_BAD_KERNEL == 18 &&
                   ACCEL_BAD_DEVICE == 19 && ACCEL_SELFTEST_FAILED == 20 && ACCEL_NO_RANDOM == 21 &&
                   ACCEL_NO_MEMORY == 22 && ACCEL_INTERNAL == 23,
               "statuses of calls");
_Static_assert(ACCEL_LAYOUT_STRIDED == 0 && ACCEL_LAYOUT_RAGGED32 == 1 && ACCEL_LAYOUT_RAGGED64 == 2 &&
                   ACCEL_LAYOUT_POINTERS == 3,
               "accel_layout");
_Static_assert(ACCEL_MERKLE_RFC9162 == 1 && ACCEL_MERKLE_CHAINMAKER == 2 && ACCEL_MERKLE_BCOS == 3, "rules");
_Static_assert(ACCEL_MERKLE_KEEP_ALL == 1 && ACCEL_MERKLE_KEEP_ROOT == 2, "accel_merkle_keep");
_Static_assert(ACCEL_MERKLE_INCLUSION == 1 && ACCEL_MERKLE_MULTI == 2 && ACCEL_MERKLE_CONSISTENCY == 3, "kinds");
_Static_assert(ACCEL_MAX_MESSAGE == UINT64_C(1) << 60 && ACCEL_SM3_SIZE == 32 && ACCEL_SM2_NO_ZA == UINT64_MAX &&
                   ACCEL_SM2_MAX_ID_LENGTH == 8191 && ACCEL_SM2_DEFAULT_ID_LENGTH == 16 &&
                   ACCEL_MERKLE_MAX_INCLUSION_PROOF == 2036 && ACCEL_MERKLE_ANY_SIZE == UINT64_MAX,
               "constants");
_Static_assert(offsetof(accel_messages, layout) == 4 && offsetof(accel_messages, data) == 8 &&
                   offsetof(accel_messages, data_size) == 16 && offsetof(accel_messages, stride) == 24 &&
                   offsetof(accel_messages, length) == 32 && offsetof(accel_messages, offsets) == 40 &&
                   offsetof(accel_messages, pointers) == 48 && offsetof(accel_messages, lengths) == 56 &&
                   sizeof(accel_messages) == 64,
               "accel_messages");
_Static_assert(offsetof(accel_merkle_proof, kind) == 4 && offsetof(accel_merkle_proof, rule) == 8 &&
                   offsetof(accel_merkle_proof, tree_size) == 16 && offsetof(accel_merkle_proof, first_size) == 24 &&
                   offsetof(accel_merkle_proof, indices) == 32 && offsetof(accel_merkle_proof, index_count) == 40 &&
                   offsetof(accel_merkle_proof, siblings) == 48 && offsetof(accel_merkle_proof, sibling_count) == 56 &&
                   sizeof(accel_merkle_proof) == 64,
               "accel_merkle_proof");

/* --- versions ----------------------------------------------------------------------------------------------- */

static void test_abi_version(void) {
  const uint32_t others[] = {0, ACCEL_ABI_VERSION + 1, 1000, UINT32_MAX};
  CHECK(CALLS(accel_abi_version()) == ACCEL_ABI_VERSION);
  CHECK(accel_abi_version() != 0);
  ANSWERS(ACCEL_OK, accel_require_abi(ACCEL_ABI_VERSION));
  for (size_t i = 0; i < sizeof others / sizeof *others; ++i) {
    char number[16];
    REFUSES(ACCEL_BAD_ARGUMENT, "abi_version", accel_require_abi(others[i]));
    snprintf(number, sizeof number, "ABI %u ", (unsigned)others[i]);
    CHECK(strstr(accel_last_error(), number) != NULL);
    CHECK(strstr(accel_last_error(), accel_version()) != NULL);
  }
}

static void test_version(void) {
  const char* wrong[] = {"",  "0", "1", "x", "0.", "0.1.", "0.1.0.0", "0.1.0-rc", "0.1.0 ", "-1.0", "99999999999.0",
                         ".1"};
  char text[32];
  unsigned major, minor, patch;
  CHECK(sscanf(CALLS(accel_version()), "%u.%u.%u", &major, &minor, &patch) == 3);
  ANSWERS(ACCEL_OK, accel_require_version(accel_version()));
  snprintf(text, sizeof text, "%u.%u", major, minor);
  ANSWERS(ACCEL_OK, accel_require_version(text));
  snprintf(text, sizeof text, "%u.%u.%u", major, minor, patch + 1);
  REFUSES(ACCEL_BAD_ARGUMENT, "version", accel_require_version(text));
  CHECK(strstr(accel_last_error(), text) != NULL && strstr(accel_last_error(), accel_version()) != NULL);
  snprintf(text, sizeof text, "%u.%u", major, minor + 1);
  REFUSES(ACCEL_BAD_ARGUMENT, "version", accel_require_version(text));
  snprintf(text, sizeof text, "%u.0", major + 1);
  REFUSES(ACCEL_BAD_ARGUMENT, "version", accel_require_version(text));
  if (major == 0 && minor > 0) REFUSES(ACCEL_BAD_ARGUMENT, "version", accel_require_version("0.0.0"));
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
    REFUSES(ACCEL_BAD_ARGUMENT, "version", accel_require_version(wrong[i]));
    CHECK(strstr(accel_last_error(), "expected MAJOR.MINOR") != NULL);
  }
  REFUSES_NULL("version", accel_require_version(NULL));
}

void test_constants(void) {
  const int unknown[] = {-1, 6, 15, 24, 1000, INT32_MIN, INT32_MAX};
  CHECK(strcmp(CALLS(accel_status_name(ACCEL_BAD_KEY)), "BAD_KEY") == 0);
  for (size_t i = 0; i < sizeof unknown / sizeof *unknown; ++i) {
    CHECK(strcmp(accel_status_name(unknown[i]), "UNKNOWN") == 0);
  }
}

void test_library(void) {
  const char *name = NULL, *names = NULL;
  uint64_t items;
  uint32_t threads = 0;
  const uint32_t wrong_threads[] = {0, 1025, UINT32_MAX};
  test_abi_version();
  test_version();
  CHECK(*CALLS(accel_last_error()) != '\0');

  ANSWERS(ACCEL_OK, accel_active_kernel(&name, "sm3.hash"));
  CHECK(*CALLS(accel_last_error()) == '\0');
  REFUSES_NULL("name_out", accel_active_kernel(NULL, "sm3.hash"));
  REFUSES_NULL("op", accel_active_kernel(&name, NULL));
  REFUSES(ACCEL_BAD_ARGUMENT, "op", accel_active_kernel(&name, "sm3"));
  ANSWERS(ACCEL_OK, accel_available_kernels(&names, "sm2.verify"));
  REFUSES_NULL("names_out", accel_available_kernels(NULL, "sm3.hash"));
  REFUSES_NULL("op", accel_available_kernels(&names, NULL));
  ANSWERS(ACCEL_OK, accel_kernel_items(&items, "sm3.hash", "portable"));
  REFUSES_NULL("items_out", accel_kernel_items(NULL, "sm3.hash", "portable"));
  REFUSES_NULL("op", accel_kernel_items(&items, NULL, "portable"));
  REFUSES_NULL("kernel", accel_kernel_items(&items, "sm3.hash", NULL));
  REFUSES(ACCEL_BAD_ARGUMENT, "kernel", accel_kernel_items(&items, "sm3.hash", "none"));
  ANSWERS(ACCEL_BAD_KERNEL, accel_set_kernels("none"));
  TAKES_NULL("spec", accel_set_kernels(NULL));
  CHECK(CALLS(accel_cpu_features()) != NULL);
  ANSWERS(ACCEL_OK, accel_selftest());

  ANSWERS(ACCEL_OK, accel_num_threads(&threads));
  CHECK(threads >= 1);
  REFUSES_NULL("threads_out", accel_num_threads(NULL));
  for (size_t i = 0; i < sizeof wrong_threads / sizeof *wrong_threads; ++i) {
    REFUSES(ACCEL_BAD_ARGUMENT, "threads", accel_set_num_threads(wrong_threads[i]));
  }
  ANSWERS(ACCEL_OK, accel_set_num_threads(threads));
}

/* --- symbols: what a program meets that loads the library itself --------------------------------------------- */

static void* library;

static void expect_symbol(const char* function) {
  void* const symbol = dlsym(library, function);
  if (symbol == NULL) fprintf(stderr, "%s: declared, and not in the library\n", function);
  CHECK(symbol != NULL);
  CHECK(dlvsym(library, function, "ACCEL_1") == symbol);
}

void test_symbols(void) {
  uint32_t (*abi_version)(void);
  const char* sentence;
  library = dlopen(ACCEL_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  CHECK(library != NULL);
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return;
  }
  for_each_function(expect_symbol);
  *(void**)&abi_version = dlsym(library, "accel_abi_version");
  CHECK(abi_version != NULL && abi_version() == ACCEL_ABI_VERSION);

  dlerror();
  CHECK(dlsym(library, "accel_no_such_function") == NULL);
  sentence = dlerror();
  CHECK(sentence != NULL && strstr(sentence, "accel_no_such_function") != NULL);
  CHECK(dlvsym(library, "accel_abi_version", "ACCEL_2") == NULL); /* what a program of another ABI asks for */
  sentence = dlerror();
  CHECK(sentence != NULL && strstr(sentence, "ACCEL_2") != NULL);
  CHECK(dlclose(library) == 0);
  ANSWERS(ACCEL_OK, accel_require_abi(ACCEL_ABI_VERSION)); /* still there */
}
