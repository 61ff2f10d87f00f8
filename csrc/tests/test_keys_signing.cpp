// Signing above the kernel: nonces under a generator that fails, and repeats; digests and key rings.
#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <string>

#include "accel/accel.h"
#include "base/error.hpp"
#include "sm2/digest.hpp"
#include "sm2/keyring.hpp"
#include "sm2/select.hpp"
#include "sm2/signing.hpp"
#include "sm2_testing.hpp"

namespace accel::sm2 {
namespace {

using testing::unhex;
using Buffer = testing::Bytes;

// GB/T 32918.5-2017, annex A.
const Buffer kSecret = unhex("3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8");
const Buffer kDigest = unhex("f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640");

void stuck(uint8_t* out, size_t size) { std::memset(out, 0x5a, size); }

Buffer sign_with(const Kernel& kernel, const PrivateKey& key, const Buffer& digests) {
  const size_t count = digests.size() / 32;
  Buffer signatures(64 * count);
  const std::vector<const PrivateKey*> keys(count, &key);
  sign_chunk(kernel, stuck, signatures.data(), keys.data(), digests.data(), count);
  return signatures;
}

class Signing : public ::testing::TestWithParam<const Kernel*> {};

// With a generator that is stuck: equal digests give equal signatures, and different ones different nonces. Two
// signatures with one nonce k would have r1 - e1 = r2 - e2, which is x of [k]G.
TEST_P(Signing, StuckGeneratorGivesEachDigestItsNonce) {
  const Kernel& kernel = *GetParam();
  const PrivateKey key(kSecret.data(), "secret"), other(Buffer(32, 1).data(), "secret");
  Buffer digests(32 * 64);
  for (size_t i = 0; i < 64; ++i) digests[32 * i + 31] = static_cast<uint8_t>(i);  // differ in the lowest byte alone
  const Buffer first = sign_with(kernel, key, digests), second = sign_with(kernel, other, digests);
  EXPECT_EQ(first, sign_with(kernel, key, digests));
  std::set<int64_t> differences;  // of the low 56 bits of r - e, enough to tell 128 nonces apart
  for (const Buffer* signatures : {&first, &second}) {
    for (size_t i = 0; i < 64; ++i) {
      int64_t r = 0;
      for (size_t j = 25; j < 32; ++j) r = r << 8 | (*signatures)[64 * i + j];
      differences.insert(r - digests[32 * i + 31]);
    }
  }
  EXPECT_EQ(128u, differences.size());
  Buffer status(64);
  kernel.verify(status.data(), {key.public_key(), 0}, {first.data(), 64}, {digests.data(), 32}, 64);
  EXPECT_EQ(Buffer(64, ACCEL_OK), status);
}

// The documented derivation, computed here with SM3 streams.
TEST_P(Signing, NonceIsTheDocumentedOne) {
  const Kernel& kernel = *GetParam();
  const PrivateKey key(kSecret.data(), "secret");
  const auto hash = [](uint8_t pad, const Buffer& message) {
    sm3::Stream stream;
    Buffer block(64, pad), digest(32);
    for (size_t i = 0; i < 32; ++i) block[i] = static_cast<uint8_t>(block[i] ^ kSecret[i]);
    stream.update(block.data(), 64);
    stream.update(message.data(), message.size());
    stream.digest(digest.data());
    return digest;
  };
  Buffer message(32, 0x5a);
  message.insert(message.end(), kDigest.begin(), kDigest.end());
  for (char c : std::string("accel sm2 nonce")) message.push_back(static_cast<uint8_t>(c));
  message.push_back(0);
  Buffer nonce, outer = hash(0x36, message);
  for (uint8_t half : {uint8_t{0}, uint8_t{1}}) {
    Buffer tail = outer;
    tail.push_back(half);
    const Buffer part = hash(0x5c, tail);
    nonce.insert(nonce.end(), part.begin(), part.end());
  }
  Buffer expected(64);
  uint8_t status = 0;
  const SignKey* sign_key = &key.sign_key();
  kernel.sign(&status, expected.data(), &sign_key, {nonce.data(), 0}, {kDigest.data(), 0}, 1);
  EXPECT_EQ(expected, sign_with(kernel, key, kDigest));
}

// A chunk of several keys hashes for all of them side by side: each item gets the nonce it gets alone.
TEST_P(Signing, MixedKeysGetTheSameNonces) {
  const Kernel& kernel = *GetParam();
  const PrivateKey a(kSecret.data(), "secret"), b(Buffer(32, 1).data(), "secret"), c(Buffer(32, 2).data(), "secret");
  for (const size_t count : {size_t{2}, size_t{33}, kSignChunk}) {
    Buffer digests(32 * count), expected, found(64 * count);
    std::vector<const PrivateKey*> keys;
    for (size_t i = 0; i < count; ++i) {
      digests[32 * i + 5] = static_cast<uint8_t>(i);
      keys.push_back(i % 3 == 1 ? &a : i % 3 == 0 ? &b : &c);
      const Buffer alone =
          sign_with(kernel, *keys[i], Buffer(digests.begin() + 32 * i, digests.begin() + 32 * (i + 1)));
      expected.insert(expected.end(), alone.begin(), alone.end());
    }
    sign_chunk(kernel, stuck, found.data(), keys.data(), digests.data(), count);
    EXPECT_EQ(expected, found) << count;
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, Signing, ::testing::ValuesIn(testing::supported_kernels()), testing::kernel_name);

// A kernel that asks for another nonce for the odd items of its first two calls, and remembers the nonces it saw.
size_t calls;
std::set<Buffer> nonces_seen;
void asks_again(uint8_t* status, uint8_t* signatures, const SignKey* const* keys, Strided nonces, Strided digests,
                size_t count) {
  kPortable.sign(status, signatures, keys, nonces, digests, count);
  for (size_t i = 0; i < count; ++i) nonces_seen.insert(Buffer(nonces[i], nonces[i] + 64));
  if (++calls > 2) return;
  for (size_t i = 1; i < count; i += 2) {
    status[i] = ACCEL_NOT_CHECKED;
    std::memset(signatures + 64 * i, 0, 64);
  }
}

TEST(SigningRepeats, OnlyTheItemsThatNeedIt) {
  Kernel kernel = kPortable;
  kernel.sign = asks_again;
  calls = 0;
  nonces_seen.clear();
  const PrivateKey key(kSecret.data(), "secret");
  Buffer digests(32 * 21);
  for (size_t i = 0; i < 21; ++i) digests[32 * i] = static_cast<uint8_t>(i);
  const Buffer signatures = sign_with(kernel, key, digests);
  EXPECT_EQ(3u, calls);
  EXPECT_EQ(21u + 10u + 5u, nonces_seen.size());  // a new nonce each time, even from a stuck generator
  Buffer status(21);
  kPortable.verify(status.data(), {key.public_key(), 0}, {signatures.data(), 64}, {digests.data(), 32}, 21);
  EXPECT_EQ(Buffer(21, ACCEL_OK), status);
}

TEST(SigningRepeats, GivesUpOnABrokenKernel) {
  Kernel kernel = kPortable;
  kernel.sign = [](uint8_t*, uint8_t*, const SignKey* const*, Strided, Strided, size_t) {};
  const PrivateKey key(kSecret.data(), "secret");
  EXPECT_THROW(sign_with(kernel, key, kDigest), Error);
}

TEST(SigningRandom, FailureIsAnError) {
  const PrivateKey key(kSecret.data(), "secret");
  const PrivateKey* keys = &key;
  Buffer signature(64);
  const Random broken = [](uint8_t*, size_t) { throw Error(ACCEL_NO_RANDOM, "broken"); };
  EXPECT_THROW(sign_chunk(kPortable, broken, signature.data(), &keys, kDigest.data(), 1), Error);
  EXPECT_EQ(Buffer(64, 0), signature);
}

// A kernel that fails its known-answer test must not be used: each kind of wrong answer is noticed.
TEST(Selftest, NoticesEachWrongFunction) {
  EXPECT_TRUE(passes_selftest(kPortable));
  Kernel accepts = kPortable, rejects = kPortable, known = kPortable, signs = kPortable, publics = kPortable;
  accepts.verify = [](uint8_t* status, Strided, Strided, Strided, size_t count) { std::memset(status, 1, count); };
  rejects.verify = [](uint8_t* status, Strided, Strided, Strided, size_t count) { std::memset(status, 2, count); };
  known.standard.verify = [](uint8_t* status, const void* const*, Strided, Strided, size_t count) {
    std::memset(status, 1, count);
  };
  signs.sign = [](uint8_t* status, uint8_t* signatures, const SignKey* const* keys, Strided nonces, Strided digests,
                  size_t count) {
    kPortable.sign(status, signatures, keys, nonces, digests, count);
    signatures[64 * count - 1] ^= 1;
  };
  publics.public_keys = [](uint8_t* keys, Strided secrets, size_t count) {
    kPortable.public_keys(keys, secrets, count);
    keys[64 * count - 1] ^= 1;
  };
  for (const Kernel* kernel : {&accepts, &rejects, &known, &signs, &publics}) EXPECT_FALSE(passes_selftest(*kernel));
}

TEST(Digest, StandardExample) {
  const PrivateKey key(kSecret.data(), "secret");
  const std::string id = "1234567812345678", message = "message digest";
  const Identity identity(reinterpret_cast<const uint8_t*>(id.data()), id.size());
  Buffer za(32), e(32);
  identity.za_range(za.data(), key.public_key(), 1);
  EXPECT_EQ(unhex("b2e14c5c79c6df5b85f4fe7ed8db7a262b9da7e07ccb0ea9f4747b8ccda8a4f3"), za);
  const Messages messages(reinterpret_cast<const uint8_t*>(message.data()), 0, message.size(), 1);
  digest_range(e.data(), za.data(), messages, 0, 1);
  EXPECT_EQ(kDigest, e);
}

// Keys beyond the memory limit take the other path; mixed batches keep their order.
TEST(KeyRingPolicy, MixedBatches) {
  std::vector<std::unique_ptr<PrivateKey>> keys;
  Buffer raw;
  for (int i = 0; i < 5; ++i) {
    keys.push_back(PrivateKey::generate());
    raw.insert(raw.end(), keys.back()->public_key(), keys.back()->public_key() + 64);
  }
  const Identity identity(nullptr, ACCEL_SM2_NO_ZA);
  const size_t table = active_kernel().standard.bytes;
  for (size_t tables : {size_t{0}, size_t{2}, size_t{5}}) {
    size_t bad_index = SIZE_MAX;
    const KeyRing ring({raw.data(), 64}, 5, identity, tables == 0 ? 1 : tables * table + table / 2, &bad_index);
    EXPECT_EQ(tables, ring.tables());
    EXPECT_EQ(tables * table, ring.table_bytes());
    constexpr size_t kCount = 33;
    Buffer signatures(64 * kCount), digests(32 * kCount), status(kCount), expected(kCount, ACCEL_OK);
    std::vector<uint32_t> indices;
    for (size_t i = 0; i < kCount; ++i) {
      indices.push_back(static_cast<uint32_t>(i * 3 % 5));
      digests[32 * i] = static_cast<uint8_t>(i);
      const PrivateKey* key = keys[indices[i]].get();
      sign_chunk(kPortable, stuck, &signatures[64 * i], &key, &digests[32 * i], 1);
      if (i % 4 == 1) signatures[64 * i + 40] ^= 1, expected[i] = ACCEL_BAD_SIGNATURE;
      if (i % 8 == 3) std::memset(&signatures[64 * i], 0, 32), expected[i] = ACCEL_BAD_RANGE;
    }
    ring.verify_chunk(status.data(), indices.data(), signatures.data(), digests.data(), kCount);
    EXPECT_EQ(expected, status) << tables;
  }
}

TEST(KeyRingPolicy, FirstBadKeyIsNamed) {
  const PrivateKey key(kSecret.data(), "secret");
  Buffer raw;
  for (int i = 0; i < 200; ++i) raw.insert(raw.end(), key.public_key(), key.public_key() + 64);
  raw[64 * 150] ^= 1;
  raw[64 * 77 + 63] ^= 1;
  size_t bad_index = SIZE_MAX;
  const Identity identity(nullptr, 0);
  EXPECT_THROW(KeyRing({raw.data(), 64}, 200, identity, 1, &bad_index), Error);
  EXPECT_EQ(77u, bad_index);
}

}  // namespace
}  // namespace accel::sm2
