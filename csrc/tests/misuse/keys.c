/* Streams, key rings, private keys, and the encodings of keys. */
#include <string.h>

#include "check.h"
#include "fixture.h"
#include "tests.h"

void test_sm3_streams(void) {
  accel_sm3 *stream = NULL, *copy = NULL;
  uint8_t* const digest = odd(32);
  uint8_t* const digest_of_copy = odd(32);
  REFUSES_NULL("hash_out", accel_sm3_new(NULL));
  ANSWERS(ACCEL_OK, accel_sm3_new(&stream));
  REFUSES_NULL("hash", accel_sm3_update(NULL, good.messages_bytes, LENGTH));
  REFUSES_NULL("data", accel_sm3_update(stream, NULL, 1));
  ANSWERS(ACCEL_OK, accel_sm3_update(stream, NULL, 0));
  REFUSES(ACCEL_BAD_ARGUMENT, "data", accel_sm3_update(stream, good.messages_bytes, ACCEL_MAX_MESSAGE + 1));
  REFUSES(ACCEL_BAD_ARGUMENT, "data", accel_sm3_update(stream, good.messages_bytes, UINT64_MAX));
  ANSWERS(ACCEL_OK, accel_sm3_update(stream, good.messages_bytes, LENGTH));
  copy = stream;
  REFUSES_NULL("hash", accel_sm3_clone(&copy, NULL));
  CHECK(copy == NULL);
  REFUSES_NULL("hash_out", accel_sm3_clone(NULL, stream));
  ANSWERS(ACCEL_OK, accel_sm3_clone(&copy, stream));
  REFUSES_NULL("hash", accel_sm3_digest(NULL, digest));
  REFUSES_NULL("digest_out", accel_sm3_digest(stream, NULL));
  ANSWERS(ACCEL_OK, accel_sm3_digest(stream, digest));
  ANSWERS(ACCEL_OK, accel_sm3_digest(copy, digest_of_copy));
  CHECK(memcmp(digest, digest_of_copy, 32) == 0);
  CALLS(accel_sm3_free(stream));
  CALLS(accel_sm3_free(copy));
  accel_sm3_free(NULL);
  check_tried("accel_sm3_free", "hash");
}

static accel_status new_ring(accel_sm2_keyring** ring_out, const uint8_t* keys, uint64_t stride, uint64_t count) {
  return accel_sm2_keyring_new(NULL, ring_out, NULL, keys, stride, good.id, 16, 0, count);
}

void test_keyrings(void) {
  static const char name[] = "accel_sm2_keyring_new";
  const uint64_t counts[] = {UINT64_C(1) << 32, (UINT64_C(1) << 40) + 1, UINT64_MAX};
  accel_sm2_keyring* ring = (accel_sm2_keyring*)&good;
  uint64_t keys = 0, tables = 0, bytes = 0, bad = 99;
  uint8_t* const wrong = odd(64 * 2);
  check_null(__FILE__, __LINE__, name, "ring_out", new_ring(NULL, good.keys, 64, 2));
  check_null(__FILE__, __LINE__, name, "public_keys", new_ring(&ring, NULL, 64, 2));
  CHECK(ring == NULL);
  REFUSES_NULL("id", accel_sm2_keyring_new(NULL, &ring, NULL, good.keys, 64, NULL, 16, 0, 2));
  REFUSES(ACCEL_BAD_ARGUMENT, "id", accel_sm2_keyring_new(NULL, &ring, NULL, good.keys, 64, good.id, 8192, 0, 2));
  REFUSES(ACCEL_BAD_DEVICE, "device",
          accel_sm2_keyring_new((accel_device*)&good, &ring, NULL, good.keys, 64, good.id, 16, 0, 2));
  for (size_t i = 0; i < 3; ++i) REFUSES(ACCEL_BAD_ARGUMENT, "count", new_ring(&ring, good.keys, 0, counts[i]));
  REFUSES(ACCEL_BAD_ARGUMENT, "public_keys", new_ring(&ring, good.keys, UINT64_MAX, 2));
  memcpy(wrong, good.keys, 64 * 2);
  wrong[64] ^= 1;
  ANSWERS(ACCEL_BAD_KEY, accel_sm2_keyring_new(NULL, &ring, &bad, wrong, 64, good.id, 16, 0, 2));
  CHECK(ring == NULL && bad == 1);
  TAKES_NULL("bad_index_out", accel_sm2_keyring_new(NULL, &ring, NULL, NULL, 0, NULL, 0, 0, 0)); /* no keys */
  check_tried(name, "device");
  REFUSES(ACCEL_BAD_ARGUMENT, "indices",
          accel_sm2_keyring_verify_digest_many(NULL, good.status_out, ring, good.indices, good.signatures, 64,
                                               good.digests, 32, COUNT));
  ANSWERS(ACCEL_OK, accel_sm2_keyring_size(ring, &keys, &tables, &bytes));
  CHECK(keys == 0 && tables == 0);
  REFUSES_NULL("ring", accel_sm2_keyring_size(NULL, &keys, &tables, &bytes));
  TAKES_NULL("keys_out", accel_sm2_keyring_size(ring, NULL, &tables, &bytes));
  TAKES_NULL("keys_with_tables_out", accel_sm2_keyring_size(ring, &keys, NULL, &bytes));
  TAKES_NULL("table_bytes_out", accel_sm2_keyring_size(ring, &keys, &tables, NULL));
  CALLS(accel_sm2_keyring_free(ring));
  accel_sm2_keyring_free(NULL);
  check_tried("accel_sm2_keyring_free", "ring");

  TAKES_NULL("tables_out", accel_sm2_adaptive_tables(NULL, &bytes, &keys, &tables));
  TAKES_NULL("table_bytes_out", accel_sm2_adaptive_tables(&tables, NULL, &keys, &bytes));
  TAKES_NULL("built_out", accel_sm2_adaptive_tables(&tables, &bytes, NULL, &keys));
  TAKES_NULL("memory_limit_out", accel_sm2_adaptive_tables(&tables, &bytes, &keys, NULL));
}

static void test_many_keys(void) {
  enum { MANY = 3 };
  accel_sm2_private_key* keys[MANY];
  accel_sm2_private_key** const odd_keys = odd(sizeof keys);
  memset(odd_keys, 0xff, sizeof keys);
  REFUSES(ACCEL_BAD_DEVICE, "device", accel_sm2_private_key_generate_many((accel_device*)&good, odd_keys, MANY));
  memcpy(keys, odd_keys, sizeof keys);
  for (size_t i = 0; i < MANY; ++i) CHECK(keys[i] == NULL);
  TAKES_NULL("device", accel_sm2_private_key_generate_many(NULL, odd_keys, MANY));
  memcpy(keys, odd_keys, sizeof keys);
  for (size_t i = 0; i < MANY; ++i) {
    uint8_t public_key[64];
    ANSWERS(ACCEL_OK, accel_sm2_private_key_public(keys[i], public_key));
    ANSWERS(ACCEL_OK, accel_sm2_public_key_check(public_key));
    accel_sm2_private_key_free(keys[i]);
  }
  REFUSES_NULL("keys_out", accel_sm2_private_key_generate_many(NULL, NULL, MANY));
  ANSWERS(ACCEL_OK, accel_sm2_private_key_generate_many(NULL, NULL, 0));
  REFUSES(ACCEL_BAD_ARGUMENT, "count", accel_sm2_private_key_generate_many(NULL, odd_keys, (UINT64_C(1) << 40) + 1));
  REFUSES(ACCEL_BAD_ARGUMENT, "count", accel_sm2_private_key_generate_many(NULL, odd_keys, UINT64_MAX));
}

void test_private_keys(void) {
  accel_sm2_private_key* key = NULL;
  uint8_t *const secret = odd(32), *const public_key = odd(64);
  const accel_sm2_private_key* with_null[SIGNERS] = {signers[0], NULL};
  REFUSES_NULL("key_out", accel_sm2_private_key_generate(NULL));
  REFUSES_NULL("key", accel_sm2_private_key_bytes(NULL, secret));
  REFUSES_NULL("secret_out", accel_sm2_private_key_bytes(signers[0], NULL));
  ANSWERS(ACCEL_OK, accel_sm2_private_key_bytes(signers[0], secret));
  REFUSES_NULL("key_out", accel_sm2_private_key_from_bytes(NULL, secret));
  ANSWERS(ACCEL_OK, accel_sm2_private_key_from_bytes(&key, secret));
  REFUSES_NULL("key", accel_sm2_private_key_public(NULL, public_key));
  REFUSES_NULL("public_key_out", accel_sm2_private_key_public(key, NULL));
  ANSWERS(ACCEL_OK, accel_sm2_private_key_public(key, public_key));
  CHECK(memcmp(public_key, good.keys, 64) == 0);
  CALLS(accel_sm2_private_key_free(key));
  accel_sm2_private_key_free(NULL);
  check_tried("accel_sm2_private_key_free", "key");

  REFUSES_NULL("secret", accel_sm2_private_key_from_bytes(&key, NULL));
  CHECK(key == NULL);
  memset(secret, 0xff, 32);
  key = signers[0];
  ANSWERS(ACCEL_BAD_KEY, accel_sm2_private_key_from_bytes(&key, secret));
  CHECK(key == NULL);
  REFUSES(
      ACCEL_BAD_ARGUMENT, "private_keys",
      accel_sm2_sign_digest_many(NULL, good.signatures_out, with_null, SIGNERS, good.indices, good.digests, 32, COUNT));
  test_many_keys();
}

/* --- encodings of keys ---------------------------------------------------------------------------------------- */

static const uint64_t LONG_INPUTS[] = {(UINT64_C(1) << 20) + 1, (UINT64_C(1) << 40) + 1, UINT64_MAX};

/* Longer than any key: refused for that, before it is read. */
#define REFUSES_LENGTH(argument, call) \
  (REFUSES(ACCEL_BAD_ENCODING, argument, call), CHECK(strstr(accel_last_error(), "at most 2^20 bytes") != NULL))

static void test_public_key_forms(void) {
  uint8_t *const der = odd(256), *const back = odd(64), *const wrong = odd(64);
  char* const pem = odd(512);
  uint64_t der_length = 0, pem_length = 0;
  REFUSES_NULL("public_key", accel_sm2_public_key_check(NULL));
  memcpy(wrong, good.keys, 64);
  wrong[0] ^= 1;
  ANSWERS(ACCEL_BAD_KEY, accel_sm2_public_key_check(wrong));
  REFUSES_NULL("public_key_out", accel_sm2_public_key_from_point(NULL, good.keys, 64));
  REFUSES_NULL("point", accel_sm2_public_key_from_point(back, NULL, 64));
  ANSWERS(ACCEL_OK, accel_sm2_public_key_from_point(back, good.keys, 64));
  ANSWERS(ACCEL_BAD_ENCODING, accel_sm2_public_key_from_point(back, NULL, 0));

  REFUSES(ACCEL_BAD_ARGUMENT, "capacity", accel_sm2_public_key_to_der(NULL, 0, &der_length, good.keys));
  REFUSES_NULL("der_out", accel_sm2_public_key_to_der(NULL, 256, &der_length, good.keys));
  REFUSES_NULL("length_out", accel_sm2_public_key_to_der(der, 256, NULL, good.keys));
  REFUSES_NULL("public_key", accel_sm2_public_key_to_der(der, 256, &der_length, NULL));
  ANSWERS(ACCEL_BAD_KEY, accel_sm2_public_key_to_der(der, 256, &der_length, wrong));
  ANSWERS(ACCEL_OK, accel_sm2_public_key_to_der(der, der_length, &der_length, good.keys));
  REFUSES(ACCEL_BAD_ARGUMENT, "capacity", accel_sm2_public_key_to_pem(NULL, 0, &pem_length, good.keys));
  REFUSES_NULL("pem_out", accel_sm2_public_key_to_pem(NULL, 512, &pem_length, good.keys));
  REFUSES_NULL("length_out", accel_sm2_public_key_to_pem(pem, 512, NULL, good.keys));
  REFUSES_NULL("public_key", accel_sm2_public_key_to_pem(pem, 512, &pem_length, NULL));
  ANSWERS(ACCEL_OK, accel_sm2_public_key_to_pem(pem, UINT64_MAX, &pem_length, good.keys));

  REFUSES_NULL("public_key_out", accel_sm2_public_key_from_der(NULL, der, der_length));
  REFUSES_NULL("der", accel_sm2_public_key_from_der(back, NULL, der_length));
  REFUSES_NULL("public_key_out", accel_sm2_public_key_from_pem(NULL, pem, pem_length));
  REFUSES_NULL("pem", accel_sm2_public_key_from_pem(back, NULL, pem_length));
  ANSWERS(ACCEL_OK, accel_sm2_public_key_from_der(back, der, der_length));
  ANSWERS(ACCEL_OK, accel_sm2_public_key_from_pem(back, pem, pem_length));
  CHECK(memcmp(back, good.keys, 64) == 0);
  ANSWERS(ACCEL_BAD_ENCODING, accel_sm2_public_key_from_der(back, NULL, 0));
  ANSWERS(ACCEL_BAD_ENCODING, accel_sm2_public_key_from_pem(back, NULL, 0));
  for (size_t i = 0; i < 3; ++i) {
    REFUSES_LENGTH("point", accel_sm2_public_key_from_point(back, good.keys, LONG_INPUTS[i]));
    REFUSES_LENGTH("der", accel_sm2_public_key_from_der(back, der, LONG_INPUTS[i]));
    REFUSES_LENGTH("pem", accel_sm2_public_key_from_pem(back, pem, LONG_INPUTS[i]));
  }
}

static void test_private_key_forms(void) {
  uint8_t* const der = odd(256);
  char* const pem = odd(512);
  uint64_t der_length = 0, pem_length = 0;
  accel_sm2_private_key* key = NULL;
  REFUSES(ACCEL_BAD_ARGUMENT, "capacity", accel_sm2_private_key_to_der(NULL, 0, &der_length, signers[0]));
  REFUSES_NULL("der_out", accel_sm2_private_key_to_der(NULL, 256, &der_length, signers[0]));
  REFUSES_NULL("length_out", accel_sm2_private_key_to_der(der, 256, NULL, signers[0]));
  REFUSES_NULL("key", accel_sm2_private_key_to_der(der, 256, &der_length, NULL));
  ANSWERS(ACCEL_OK, accel_sm2_private_key_to_der(der, 256, &der_length, signers[0]));
  REFUSES(ACCEL_BAD_ARGUMENT, "capacity", accel_sm2_private_key_to_pem(NULL, 0, &pem_length, signers[0]));
  REFUSES_NULL("pem_out", accel_sm2_private_key_to_pem(NULL, 512, &pem_length, signers[0]));
  REFUSES_NULL("length_out", accel_sm2_private_key_to_pem(pem, 512, NULL, signers[0]));
  REFUSES_NULL("key", accel_sm2_private_key_to_pem(pem, 512, &pem_length, NULL));
  ANSWERS(ACCEL_OK, accel_sm2_private_key_to_pem(pem, 512, &pem_length, signers[0]));

  REFUSES_NULL("key_out", accel_sm2_private_key_from_der(NULL, der, der_length));
  REFUSES_NULL("der", accel_sm2_private_key_from_der(&key, NULL, der_length));
  REFUSES_NULL("key_out", accel_sm2_private_key_from_pem(NULL, pem, pem_length));
  REFUSES_NULL("pem", accel_sm2_private_key_from_pem(&key, NULL, pem_length));
  ANSWERS(ACCEL_OK, accel_sm2_private_key_from_der(&key, der, der_length));
  accel_sm2_private_key_free(key);
  ANSWERS(ACCEL_OK, accel_sm2_private_key_from_pem(&key, pem, pem_length));
  accel_sm2_private_key_free(key);
  for (size_t i = 0; i < 3; ++i) {
    REFUSES_LENGTH("der", accel_sm2_private_key_from_der(&key, der, LONG_INPUTS[i]));
    REFUSES_LENGTH("pem", accel_sm2_private_key_from_pem(&key, pem, LONG_INPUTS[i]));
    CHECK(key == NULL);
  }
}

void test_encodings(void) {
  test_public_key_forms();
  test_private_key_forms();
}
