/* The library itself: versions, macros that are part of the ABI, kernels and threads, symbols. */
#define _GNU_SOURCE /* dlvsym */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "tests.h"

/* Macros that programs are compiled with: a change needs another ACCEL_ABI_VERSION. Enums and structs stand in
 * csrc/capi/accel.abi. */
_Static_assert(ACCEL_ABI_VERSION == 1, "the symbol versions below and csrc/capi/accel.abi belong to ABI 1");
_Static_assert(ACCEL_MAX_MESSAGE == UINT64_C(1) << 60 && ACCEL_SM3_SIZE == 32, "sizes");
_Static_assert(ACCEL_SM2_NO_ZA == UINT64_MAX && ACCEL_SM2_MAX_ID_LENGTH == 8191 && ACCEL_SM2_DEFAULT_ID_LENGTH == 16 &&
                   sizeof ACCEL_SM2_DEFAULT_ID == 17,
               "IDs");
_Static_assert(ACCEL_PRIORITIES == 3 && ACCEL_NO_TIMEOUT == UINT64_MAX && ACCEL_NO_LINGER == UINT64_MAX, "verifiers");
_Static_assert(ACCEL_MERKLE_MAX_INCLUSION_PROOF == 2036 && ACCEL_MERKLE_ANY_SIZE == UINT64_MAX, "proofs");

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

void test_status_names(void) {
  const int unknown[] = {-1, 6, 15, 29, 1000, INT32_MIN, INT32_MAX};
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
