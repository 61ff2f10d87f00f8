// SM2 through accel.h alone, as a node sees it: verdicts, and every misuse that a status must answer.
#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "accel/accel.h"

namespace {

using Bytes = std::vector<uint8_t>;

struct Key {
  Key() { EXPECT_EQ(ACCEL_OK, accel_sm2_private_key_generate(&handle)) << accel_last_error(); }
  ~Key() { accel_sm2_private_key_free(handle); }
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;
  Bytes public_key() const {
    Bytes raw(64);
    EXPECT_EQ(ACCEL_OK, accel_sm2_private_key_public(handle, raw.data()));
    return raw;
  }
  accel_sm2_private_key* handle = nullptr;
};

accel_messages strided(const Bytes& data, uint64_t length) {
  accel_messages messages = {};
  messages.struct_size = sizeof messages;
  messages.layout = ACCEL_LAYOUT_STRIDED;
  messages.data = data.data();
  messages.stride = length;
  messages.length = length;
  return messages;
}

const uint8_t* default_id() { return reinterpret_cast<const uint8_t*>(ACCEL_SM2_DEFAULT_ID); }

// `count` signatures of one key over messages of 40 bytes.
struct Batch {
  explicit Batch(size_t n, uint64_t id_length = ACCEL_SM2_DEFAULT_ID_LENGTH)
      : count(n), data(40 * n), signatures(64 * n), keys(64 * n), status(n, 99) {
    for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<uint8_t>(i * 31 + i / 40);
    messages = strided(data, 40);
    EXPECT_EQ(ACCEL_OK, accel_sm2_sign_many(nullptr, signatures.data(), &key.handle, 1, nullptr, &messages,
                                            default_id(), id_length, n))
        << accel_last_error();
    const Bytes raw = key.public_key();
    for (size_t i = 0; i < n; ++i) std::memcpy(&keys[64 * i], raw.data(), 64);
  }
  accel_status verify(uint64_t id_length = ACCEL_SM2_DEFAULT_ID_LENGTH) {
    return accel_sm2_verify_many(nullptr, status.data(), keys.data(), 64, signatures.data(), 64, &messages,
                                 default_id(), id_length, count);
  }
  Key key;
  size_t count;
  Bytes data, signatures, keys, status;
  accel_messages messages;
};

// Every size of a batch gives as many keys, all different, each of which signs what its public key verifies.
TEST(CapiSm2, GenerateMany) {
  for (const uint64_t count : {0, 1, 2, 9, 129, 300}) {
    std::vector<accel_sm2_private_key*> keys(count);
    ASSERT_EQ(ACCEL_OK, accel_sm2_private_key_generate_many(nullptr, keys.data(), count)) << accel_last_error();
    std::set<Bytes> different;
    Bytes publics(64 * count), digests(32 * count), signatures(64 * count), status(count, 99);
    std::vector<uint32_t> indices;
    for (uint64_t i = 0; i < count; ++i) {
      ASSERT_NE(nullptr, keys[i]);
      ASSERT_EQ(ACCEL_OK, accel_sm2_private_key_public(keys[i], &publics[64 * i]));
      different.insert(Bytes(publics.begin() + 64 * i, publics.begin() + 64 * (i + 1)));
      digests[32 * i] = static_cast<uint8_t>(i);
      indices.push_back(static_cast<uint32_t>(i));
    }
    EXPECT_EQ(count, different.size());
    EXPECT_EQ(ACCEL_OK, accel_sm2_sign_digest_many(nullptr, signatures.data(), keys.data(), count, indices.data(),
                                                   digests.data(), 32, count))
        << accel_last_error();
    EXPECT_EQ(ACCEL_OK, accel_sm2_verify_digest_many(nullptr, status.data(), publics.data(), 64, signatures.data(), 64,
                                                     digests.data(), 32, count));
    EXPECT_EQ(Bytes(count, ACCEL_OK), status);
    for (accel_sm2_private_key* key : keys) accel_sm2_private_key_free(key);
  }
}

TEST(CapiSm2, VerdictsInTheirPlaces) {
  for (size_t count : {1, 2, 15, 16, 17, 31, 257, 600}) {
    Batch batch(count);
    Bytes expected(count, ACCEL_OK);
    if (count > 14) {
      batch.signatures[64 * 3 + 63] ^= 1, expected[3] = ACCEL_BAD_SIGNATURE;
      batch.data[40 * 5] ^= 1, expected[5] = ACCEL_BAD_SIGNATURE;
      batch.keys[64 * 7] ^= 1, expected[7] = ACCEL_BAD_KEY;
      std::memset(&batch.signatures[64 * 9 + 32], 0, 32), expected[9] = ACCEL_BAD_RANGE;
      batch.keys[64 * 11] ^= 1;  // key wins over range
      std::memset(&batch.signatures[64 * 11], 0xff, 64), expected[11] = ACCEL_BAD_KEY;
    }
    ASSERT_EQ(ACCEL_OK, batch.verify()) << accel_last_error();
    EXPECT_EQ(expected, batch.status) << count;
  }
}

TEST(CapiSm2, IdIsPartOfWhatIsSigned) {
  for (uint64_t signed_with : {UINT64_C(16), UINT64_C(0), UINT64_C(3), ACCEL_SM2_NO_ZA}) {
    Batch batch(3, signed_with);
    for (uint64_t verified_with : {UINT64_C(16), UINT64_C(0), UINT64_C(3), ACCEL_SM2_NO_ZA}) {
      ASSERT_EQ(ACCEL_OK, batch.verify(verified_with));
      EXPECT_EQ(Bytes(3, signed_with == verified_with ? ACCEL_OK : ACCEL_BAD_SIGNATURE), batch.status);
    }
  }
}

TEST(CapiSm2, DigestsAndMessagesAgree) {
  Batch batch(20);
  Bytes digests(32 * 20), signatures(64 * 20), status(20);
  ASSERT_EQ(ACCEL_OK, accel_sm2_digest_many(nullptr, digests.data(), batch.keys.data(), 0, &batch.messages,
                                            default_id(), 16, 20));
  ASSERT_EQ(ACCEL_OK, accel_sm2_verify_digest_many(nullptr, status.data(), batch.keys.data(), 0,
                                                   batch.signatures.data(), 64, digests.data(), 32, 20));
  EXPECT_EQ(Bytes(20, ACCEL_OK), status);
  ASSERT_EQ(ACCEL_OK, accel_sm2_sign_digest_many(nullptr, signatures.data(), &batch.key.handle, 1, nullptr,
                                                 digests.data(), 32, 20));
  EXPECT_NE(batch.signatures, signatures);  // other nonces
  batch.signatures = signatures;
  ASSERT_EQ(ACCEL_OK, batch.verify());
  EXPECT_EQ(Bytes(20, ACCEL_OK), batch.status);
}

// Nothing needs alignment, and a stride of 0 repeats an item.
TEST(CapiSm2, MisalignedArraysAndRepeatedItems) {
  Batch batch(3);
  Bytes shifted(1 + 64), indices(1 + 4 * 5), signature(3 + 64), status(5);
  std::memcpy(&shifted[1], batch.keys.data(), 64);
  std::memcpy(&signature[3], batch.signatures.data(), 64);
  batch.messages.stride = 0;
  EXPECT_EQ(ACCEL_OK, accel_sm2_verify_many(nullptr, status.data(), &shifted[1], 0, &signature[3], 0, &batch.messages,
                                            default_id(), 16, 5));
  EXPECT_EQ(Bytes(5, ACCEL_OK), status);
  accel_sm2_keyring* ring = nullptr;
  ASSERT_EQ(ACCEL_OK, accel_sm2_keyring_new(nullptr, &ring, nullptr, &shifted[1], 64, default_id(), 16, 0, 1));
  status.assign(5, 0);
  EXPECT_EQ(ACCEL_OK,
            accel_sm2_keyring_verify_many(nullptr, status.data(), ring, reinterpret_cast<const uint32_t*>(&indices[1]),
                                          &signature[3], 0, &batch.messages, 5));
  EXPECT_EQ(Bytes(5, ACCEL_OK), status);
  accel_sm2_keyring_free(ring);
}

TEST(CapiSm2, KeyRings) {
  Batch batch(40);
  accel_sm2_keyring* ring = nullptr;
  uint64_t keys = 0, tables = 0, bytes = 0, bad = 99;
  ASSERT_EQ(ACCEL_OK, accel_sm2_keyring_new(nullptr, &ring, &bad, batch.keys.data(), 64, default_id(), 16, 0, 2));
  ASSERT_EQ(ACCEL_OK, accel_sm2_keyring_size(ring, &keys, &tables, &bytes));
  EXPECT_EQ(2u, keys);
  EXPECT_EQ(2u, tables);
  EXPECT_GT(bytes, 0u);
  std::vector<uint32_t> indices(40, 1);
  ASSERT_EQ(ACCEL_OK, accel_sm2_keyring_verify_many(nullptr, batch.status.data(), ring, indices.data(),
                                                    batch.signatures.data(), 64, &batch.messages, 40));
  EXPECT_EQ(Bytes(40, ACCEL_OK), batch.status);
  indices[17] = 2;
  EXPECT_EQ(ACCEL_BAD_ARGUMENT, accel_sm2_keyring_verify_many(nullptr, batch.status.data(), ring, indices.data(),
                                                              batch.signatures.data(), 64, &batch.messages, 40));
  EXPECT_NE(nullptr, std::strstr(accel_last_error(), "indices[17] = 2")) << accel_last_error();
  EXPECT_EQ(Bytes(40, ACCEL_NOT_CHECKED), batch.status);
  accel_sm2_keyring_free(ring);
  batch.keys[64 * 3 + 9] ^= 1;
  EXPECT_EQ(ACCEL_BAD_KEY, accel_sm2_keyring_new(nullptr, &ring, &bad, batch.keys.data(), 64, default_id(), 16, 0, 40));
  EXPECT_EQ(3u, bad);
  EXPECT_EQ(nullptr, ring);
}

TEST(CapiSm2, ManySigners) {
  Key keys[3];
  const accel_sm2_private_key* handles[3] = {keys[0].handle, keys[1].handle, keys[2].handle};
  std::vector<uint32_t> indices;
  Bytes publics, digests(32 * 50, 7), signatures(64 * 50), status(50);
  for (uint32_t i = 0; i < 50; ++i) {
    indices.push_back(i * i % 3);
    const Bytes raw = keys[indices.back()].public_key();
    publics.insert(publics.end(), raw.begin(), raw.end());
  }
  ASSERT_EQ(ACCEL_OK,
            accel_sm2_sign_digest_many(nullptr, signatures.data(), handles, 3, indices.data(), digests.data(), 32, 50));
  ASSERT_EQ(ACCEL_OK, accel_sm2_verify_digest_many(nullptr, status.data(), publics.data(), 64, signatures.data(), 64,
                                                   digests.data(), 32, 50));
  EXPECT_EQ(Bytes(50, ACCEL_OK), status);
  indices[49] = 3;
  EXPECT_EQ(ACCEL_BAD_ARGUMENT,
            accel_sm2_sign_digest_many(nullptr, signatures.data(), handles, 3, indices.data(), digests.data(), 32, 50));
  EXPECT_EQ(Bytes(64 * 50, 0), signatures);
}

// What a call with one broken argument answers, and that its sentence names the argument.
void expect_bad(accel_status status, const char* name) {
  EXPECT_EQ(ACCEL_BAD_ARGUMENT, status) << name;
  EXPECT_EQ(0, std::strncmp(accel_last_error(), name, std::strlen(name))) << name << ": " << accel_last_error();
}

TEST(CapiSm2, NullPointersOfBatches) {
  Batch b(2);
  Bytes d(64);
  uint8_t *st = b.status.data(), *k = b.keys.data(), *s = b.signatures.data();
  const accel_messages* m = &b.messages;
  const uint8_t* id = default_id();
  expect_bad(accel_sm2_verify_many(nullptr, nullptr, k, 64, s, 64, m, id, 16, 2), "status_out");
  expect_bad(accel_sm2_verify_many(nullptr, st, nullptr, 64, s, 64, m, id, 16, 2), "keys");
  expect_bad(accel_sm2_verify_many(nullptr, st, k, 64, nullptr, 64, m, id, 16, 2), "signatures");
  expect_bad(accel_sm2_verify_many(nullptr, st, k, 64, s, 64, nullptr, id, 16, 2), "messages");
  expect_bad(accel_sm2_verify_many(nullptr, st, k, 64, s, 64, m, nullptr, 16, 2), "id");
  expect_bad(accel_sm2_verify_many(nullptr, st, k, 64, s, 64, m, id, 8192, 2), "id");
  expect_bad(accel_sm2_verify_digest_many(nullptr, st, k, 64, s, 64, nullptr, 32, 2), "digests");
  expect_bad(accel_sm2_digest_many(nullptr, nullptr, k, 64, m, id, 16, 2), "digests_out");
  expect_bad(accel_sm2_sign_many(nullptr, nullptr, &b.key.handle, 1, nullptr, m, id, 16, 2), "signatures_out");
  expect_bad(accel_sm2_sign_many(nullptr, s, nullptr, 1, nullptr, m, id, 16, 2), "private_keys");
  expect_bad(accel_sm2_sign_many(nullptr, s, &b.key.handle, 0, nullptr, m, id, 16, 2), "private_keys");
  const accel_sm2_private_key* none[1] = {nullptr};
  expect_bad(accel_sm2_sign_digest_many(nullptr, s, none, 1, nullptr, d.data(), 32, 2), "private_keys[0]");
  expect_bad(accel_sm2_keyring_new(nullptr, nullptr, nullptr, k, 64, id, 16, 0, 2), "ring_out");
  expect_bad(accel_sm2_keyring_verify_many(nullptr, st, nullptr, nullptr, s, 64, m, 2), "ring");
  expect_bad(accel_sm2_keyring_size(nullptr, nullptr, nullptr, nullptr), "ring");
  expect_bad(accel_sm2_signatures_to_der(nullptr, nullptr, st, s, 64, 2), "ders_out");
  expect_bad(accel_sm2_signatures_from_der(nullptr, s, nullptr, m, 2), "status_out");
  const auto device = reinterpret_cast<accel_device*>(&d);
  EXPECT_EQ(ACCEL_BAD_DEVICE, accel_sm2_verify_many(device, st, k, 64, s, 64, m, id, 16, 2));
}

TEST(CapiSm2, NullPointersOfKeys) {
  accel_sm2_private_key* handle = nullptr;
  uint8_t raw[64] = {};
  uint64_t length = 0;
  expect_bad(accel_sm2_private_key_generate(nullptr), "key_out");
  expect_bad(accel_sm2_private_key_generate_many(nullptr, nullptr, 1), "keys_out");
  expect_bad(accel_sm2_private_key_generate_many(nullptr, nullptr, (UINT64_C(1) << 40) + 1), "count");
  expect_bad(accel_sm2_private_key_from_bytes(&handle, nullptr), "secret");
  expect_bad(accel_sm2_private_key_from_der(&handle, nullptr, 3), "der");
  expect_bad(accel_sm2_private_key_from_pem(&handle, nullptr, 3), "pem");
  expect_bad(accel_sm2_private_key_bytes(nullptr, raw), "key");
  expect_bad(accel_sm2_private_key_public(nullptr, raw), "key");
  expect_bad(accel_sm2_private_key_to_der(raw, 64, nullptr, nullptr), "length_out");
  expect_bad(accel_sm2_public_key_check(nullptr), "public_key");
  expect_bad(accel_sm2_public_key_from_point(raw, nullptr, 33), "point");
  expect_bad(accel_sm2_public_key_from_der(nullptr, raw, 3), "public_key_out");
  expect_bad(accel_sm2_public_key_to_pem(nullptr, 1000, &length, raw), "pem_out");
  EXPECT_EQ(nullptr, handle);
  EXPECT_EQ(ACCEL_BAD_ENCODING, accel_sm2_private_key_from_der(&handle, nullptr, 0));
  EXPECT_EQ(ACCEL_BAD_KEY, accel_sm2_private_key_from_bytes(&handle, raw));
  EXPECT_EQ(ACCEL_BAD_KEY, accel_sm2_public_key_check(raw));
  accel_sm2_private_key_free(nullptr);
  accel_sm2_keyring_free(nullptr);
}

TEST(CapiSm2, HugeCountsAndStrides) {
  Batch b(3);
  uint8_t *st = b.status.data(), *k = b.keys.data(), *s = b.signatures.data();
  const uint8_t* id = default_id();
  b.messages.stride = 0;
  for (uint64_t count : {UINT64_MAX, UINT64_C(1) << 63, (UINT64_C(1) << 40) + 1}) {
    EXPECT_EQ(ACCEL_BAD_ARGUMENT, accel_sm2_verify_many(nullptr, st, k, 0, s, 0, &b.messages, id, 16, count));
    EXPECT_EQ(ACCEL_BAD_ARGUMENT, accel_sm2_verify_digest_many(nullptr, st, k, 0, s, 0, k, 0, count));
    EXPECT_EQ(ACCEL_BAD_ARGUMENT, accel_sm2_digest_many(nullptr, st, k, 0, &b.messages, id, 16, count));
    EXPECT_EQ(ACCEL_BAD_ARGUMENT,
              accel_sm2_sign_many(nullptr, s, &b.key.handle, 1, nullptr, &b.messages, id, 16, count));
    EXPECT_EQ(ACCEL_BAD_ARGUMENT, accel_sm2_sign_digest_many(nullptr, s, &b.key.handle, 1, nullptr, k, 0, count));
    EXPECT_EQ(ACCEL_BAD_ARGUMENT, accel_sm2_signatures_from_der(nullptr, s, st, &b.messages, count));
    EXPECT_EQ(ACCEL_BAD_ARGUMENT, accel_sm2_signatures_to_der(nullptr, s, st, k, 0, count));
    accel_sm2_keyring* ring = nullptr;
    EXPECT_EQ(ACCEL_BAD_ARGUMENT, accel_sm2_keyring_new(nullptr, &ring, nullptr, k, 0, id, 16, 0, count));
    EXPECT_EQ(nullptr, ring);
  }
  expect_bad(accel_sm2_verify_digest_many(nullptr, st, k, UINT64_MAX / 2, s, 64, k, 0, 3), "keys");
  expect_bad(accel_sm2_verify_digest_many(nullptr, st, k, UINT64_MAX - 10, s, 64, k, 0, 2), "keys");
}

TEST(CapiSm2, NothingToDo) {
  accel_sm2_keyring* ring = nullptr;
  const uint8_t* id = default_id();
  EXPECT_EQ(ACCEL_OK, accel_sm2_verify_many(nullptr, nullptr, nullptr, 64, nullptr, 64, nullptr, id, 16, 0));
  EXPECT_EQ(ACCEL_OK, accel_sm2_verify_digest_many(nullptr, nullptr, nullptr, 0, nullptr, 0, nullptr, 0, 0));
  EXPECT_EQ(ACCEL_OK, accel_sm2_sign_many(nullptr, nullptr, nullptr, 0, nullptr, nullptr, id, 16, 0));
  EXPECT_EQ(ACCEL_OK, accel_sm2_sign_digest_many(nullptr, nullptr, nullptr, 0, nullptr, nullptr, 0, 0));
  EXPECT_EQ(ACCEL_OK, accel_sm2_digest_many(nullptr, nullptr, nullptr, 0, nullptr, id, 16, 0));
  EXPECT_EQ(ACCEL_OK, accel_sm2_signatures_from_der(nullptr, nullptr, nullptr, nullptr, 0));
  EXPECT_EQ(ACCEL_OK, accel_sm2_signatures_to_der(nullptr, nullptr, nullptr, nullptr, 0, 0));
  ASSERT_EQ(ACCEL_OK, accel_sm2_keyring_new(nullptr, &ring, nullptr, nullptr, 0, id, 16, 0, 0));
  EXPECT_EQ(ACCEL_OK, accel_sm2_keyring_verify_many(nullptr, nullptr, ring, nullptr, nullptr, 0, nullptr, 0));
  accel_sm2_keyring_free(ring);
}

// A caller's mistake: wrong answers, but no wrong access and never an OK for what is not signed. On one thread: on
// several it is a data race, which the thread sanitizer rightly reports.
TEST(CapiSm2, OverlappingOutput) {
  uint32_t threads = 0;
  ASSERT_EQ(ACCEL_OK, accel_num_threads(&threads));
  ASSERT_EQ(ACCEL_OK, accel_set_num_threads(1));
  Batch batch(100);
  batch.status.clear();
  EXPECT_EQ(ACCEL_OK, accel_sm2_verify_many(nullptr, batch.signatures.data(), batch.keys.data(), 64,
                                            batch.signatures.data(), 64, &batch.messages, default_id(), 16, 100));
  EXPECT_NE(ACCEL_OK, batch.signatures[0]);
  Bytes digests(64 * 100, 3);
  EXPECT_EQ(ACCEL_OK, accel_sm2_sign_digest_many(nullptr, digests.data(), &batch.key.handle, 1, nullptr, digests.data(),
                                                 32, 100));
  EXPECT_EQ(ACCEL_OK, accel_set_num_threads(threads));
}

TEST(CapiSm2, EncodingsAndCapacities) {
  Key key;
  const Bytes raw = key.public_key();
  uint8_t der[200];
  char pem[400];
  uint64_t length = 0;
  expect_bad(accel_sm2_public_key_to_der(nullptr, 0, &length, raw.data()), "capacity");
  EXPECT_EQ(91u, length);
  expect_bad(accel_sm2_private_key_to_der(der, 137, &length, key.handle), "capacity");
  EXPECT_EQ(138u, length);
  ASSERT_EQ(ACCEL_OK, accel_sm2_private_key_to_der(der, length, &length, key.handle));
  accel_sm2_private_key* back = nullptr;
  ASSERT_EQ(ACCEL_OK, accel_sm2_private_key_from_der(&back, der, length)) << accel_last_error();
  uint8_t a[32], b[32], public_key[64];
  ASSERT_EQ(ACCEL_OK, accel_sm2_private_key_bytes(back, a));
  ASSERT_EQ(ACCEL_OK, accel_sm2_private_key_bytes(key.handle, b));
  EXPECT_EQ(0, std::memcmp(a, b, 32));
  accel_sm2_private_key_free(back);
  ASSERT_EQ(ACCEL_OK, accel_sm2_private_key_to_pem(pem, sizeof pem, &length, key.handle));
  ASSERT_EQ(ACCEL_OK, accel_sm2_private_key_from_pem(&back, pem, length)) << accel_last_error();
  accel_sm2_private_key_free(back);
  ASSERT_EQ(ACCEL_OK, accel_sm2_public_key_to_pem(pem, sizeof pem, &length, raw.data()));
  ASSERT_EQ(ACCEL_OK, accel_sm2_public_key_from_pem(public_key, pem, length)) << accel_last_error();
  EXPECT_EQ(raw, Bytes(public_key, public_key + 64));
  EXPECT_EQ(ACCEL_BAD_ENCODING, accel_sm2_private_key_from_pem(&back, pem, length));
  EXPECT_EQ(nullptr, back);
}

TEST(CapiSm2, SignaturesInDer) {
  Batch batch(30);
  Bytes ders(72 * 30), lengths(30), back(64 * 30), status(30);
  ASSERT_EQ(ACCEL_OK,
            accel_sm2_signatures_to_der(nullptr, ders.data(), lengths.data(), batch.signatures.data(), 64, 30));
  std::vector<const uint8_t*> pointers;
  std::vector<uint64_t> sizes(lengths.begin(), lengths.end());
  for (size_t i = 0; i < 30; ++i) pointers.push_back(&ders[72 * i]);
  accel_messages view = {};
  view.struct_size = sizeof view;
  view.layout = ACCEL_LAYOUT_POINTERS;
  view.pointers = pointers.data();
  view.lengths = sizes.data();
  sizes[4] -= 1;
  ASSERT_EQ(ACCEL_OK, accel_sm2_signatures_from_der(nullptr, back.data(), status.data(), &view, 30));
  for (size_t i = 0; i < 30; ++i) {
    EXPECT_EQ(i == 4 ? ACCEL_BAD_SIGNATURE : ACCEL_OK, status[i]);
    const Bytes expected = i == 4 ? Bytes(64, 0) : Bytes(&batch.signatures[64 * i], &batch.signatures[64 * i] + 64);
    EXPECT_EQ(expected, Bytes(&back[64 * i], &back[64 * i] + 64));
  }
}

}  // namespace
