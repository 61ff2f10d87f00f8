// accel.h: SM3. Digests here are those of GB/T 32905-2016, annex A.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "accel/accel.h"

namespace {

const uint8_t kAbc[] = {'a', 'b', 'c'};
const uint8_t kAbcDigest[32] = {0x66, 0xc7, 0xf0, 0xf4, 0x62, 0xee, 0xed, 0xd9, 0xd1, 0xf2, 0xd4,
                                0x6b, 0xdc, 0x10, 0xe4, 0xe2, 0x41, 0x67, 0xc4, 0x87, 0x5c, 0xf2,
                                0xf7, 0xa2, 0x29, 0x7d, 0xa0, 0x2b, 0x8f, 0x4b, 0xa8, 0xe0};

TEST(Sm3Capi, HashMany) {
  std::vector<uint8_t> digests(32 * 5000);
  ASSERT_EQ(accel_sm3_hash_many(nullptr, digests.data(), kAbc, 0, 3, 5000), ACCEL_OK) << accel_last_error();
  for (size_t i = 0; i < 5000; i++) ASSERT_EQ(std::memcmp(digests.data() + 32 * i, kAbcDigest, 32), 0) << i;
}

TEST(Sm3Capi, HashMessages) {
  const uint8_t data[] = {'x', 'a', 'b', 'c'};
  const int32_t offsets[] = {1, 4};
  accel_messages messages = {};
  messages.struct_size = sizeof(messages);
  messages.layout = ACCEL_LAYOUT_RAGGED32;
  messages.data = data;
  messages.data_size = sizeof(data);
  messages.offsets = offsets;
  uint8_t digest[32];
  ASSERT_EQ(accel_sm3_hash_messages(nullptr, digest, &messages, 1), ACCEL_OK) << accel_last_error();
  EXPECT_EQ(std::memcmp(digest, kAbcDigest, 32), 0);
}

TEST(Sm3Capi, NothingToHash) {
  EXPECT_EQ(accel_sm3_hash_many(nullptr, nullptr, nullptr, 0, 64, 0), ACCEL_OK);
  EXPECT_EQ(accel_sm3_hash_messages(nullptr, nullptr, nullptr, 0), ACCEL_OK);
}

TEST(Sm3Capi, Stream) {
  accel_sm3 *hash, *twin;
  uint8_t digest[32];
  ASSERT_EQ(accel_sm3_new(&hash), ACCEL_OK);
  ASSERT_EQ(accel_sm3_update(hash, kAbc, 1), ACCEL_OK);
  ASSERT_EQ(accel_sm3_clone(&twin, hash), ACCEL_OK);
  ASSERT_EQ(accel_sm3_update(hash, nullptr, 0), ACCEL_OK);
  ASSERT_EQ(accel_sm3_update(twin, kAbc + 1, 2), ACCEL_OK);
  ASSERT_EQ(accel_sm3_digest(twin, digest), ACCEL_OK);
  EXPECT_EQ(std::memcmp(digest, kAbcDigest, 32), 0);
  ASSERT_EQ(accel_sm3_digest(hash, digest), ACCEL_OK);
  EXPECT_NE(std::memcmp(digest, kAbcDigest, 32), 0);
  accel_sm3_free(hash);
  accel_sm3_free(twin);
  accel_sm3_free(nullptr);
}

TEST(Sm3Capi, RefusesBadArguments) {
  uint8_t digest[32];
  auto* const device = reinterpret_cast<accel_device*>(digest);
  EXPECT_EQ(accel_sm3_hash_many(device, digest, kAbc, 0, 3, 1), ACCEL_BAD_DEVICE);
  EXPECT_EQ(accel_sm3_hash_many(nullptr, nullptr, kAbc, 0, 3, 1), ACCEL_BAD_ARGUMENT);
  EXPECT_STREQ(accel_last_error(), "digests_out: is NULL");
  EXPECT_EQ(accel_sm3_hash_many(nullptr, digest, nullptr, 0, 3, 1), ACCEL_BAD_ARGUMENT);
  EXPECT_STREQ(accel_last_error(), "messages: data is NULL");
  EXPECT_EQ(accel_sm3_hash_messages(nullptr, digest, nullptr, 1), ACCEL_BAD_ARGUMENT);
  EXPECT_EQ(accel_sm3_new(nullptr), ACCEL_BAD_ARGUMENT);
  EXPECT_EQ(accel_sm3_update(nullptr, kAbc, 3), ACCEL_BAD_ARGUMENT);
  EXPECT_EQ(accel_sm3_digest(nullptr, digest), ACCEL_BAD_ARGUMENT);
}

}  // namespace
