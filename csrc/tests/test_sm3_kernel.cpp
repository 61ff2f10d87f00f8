// What callers inside the library rely on: midstates, prefixes and ranges give the digest of the bytes put together.
// The expectation is Stream over exactly those bytes, which test_sm3_vectors.cpp and the Python tests hold against
// the standard and OpenSSL.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "sm3/select.hpp"

namespace accel::sm3 {
namespace {

using Digest = std::vector<uint8_t>;

std::vector<uint8_t> pattern(size_t size) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; i++) bytes[i] = static_cast<uint8_t>(i * 73 + (i >> 8) + 5);
  return bytes;
}

Digest stream_digest(std::initializer_list<Bytes> parts) {
  Stream stream;
  for (const Bytes& part : parts) stream.update(part.data, part.size);
  Digest digest(kDigestSize);
  stream.digest(digest.data());
  return digest;
}

void expect_prefixed(const Kernel& kernel, size_t midstate_size, size_t prefix_size, size_t length, size_t stride) {
  constexpr size_t kCount = 5, kBegin = 2;
  const std::vector<uint8_t> data = pattern(1024), common = pattern(192);
  Midstate initial = kInitial;
  kernel.compress(initial.h, common.data(), midstate_size / kBlockSize);
  initial.bytes = midstate_size;
  const Messages messages(data.data(), 7, length, kCount);
  const Prefix prefix{data.data() + 100, stride, prefix_size};
  Digest digests((kCount - kBegin) * kDigestSize);
  kernel.hash_range(digests.data(), initial, prefix, messages, kBegin, kCount);
  for (size_t i = kBegin; i < kCount; i++) {
    const Digest expected = stream_digest({{common.data(), midstate_size},
                                           {prefix.data + (i - kBegin) * stride, prefix_size},
                                           {data.data() + 7 * i, length}});
    ASSERT_EQ(std::memcmp(digests.data() + (i - kBegin) * kDigestSize, expected.data(), kDigestSize), 0)
        << kernel.name << " midstate " << midstate_size << " prefix " << prefix_size << " length " << length << " item "
        << i;
  }
}

TEST(Sm3Kernel, MidstatePrefixAndRange) {
  for (size_t k = 0; k < family().kernel_count(); k++) {
    if (!family().supported(k)) continue;
    for (const size_t midstate : {0, 64, 192}) {
      for (const size_t prefix : {0, 1, 8, 31, 32, 33, 55, 56, 63, 64}) {
        for (size_t length = 0; length <= 200; length += length % 3 + 1) {
          expect_prefixed(*family().kernel(k), midstate, prefix, length, length % 2 == 0 ? 33 : 0);
        }
      }
    }
  }
}

TEST(Sm3Kernel, StreamFromMidstate) {
  const std::vector<uint8_t> data = pattern(300);
  Midstate initial = kInitial;
  active_kernel().compress(initial.h, data.data(), 2);
  initial.bytes = 128;
  Stream stream(initial);
  stream.update(data.data() + 128, 172);
  Digest digest(kDigestSize);
  stream.digest(digest.data());
  EXPECT_EQ(digest, stream_digest({{data.data(), 300}}));
}

TEST(Sm3Kernel, OffsetsThatChangeEndTheBatch) {
  const std::vector<uint8_t> data = pattern(100);
  std::vector<int64_t> offsets = {0, 10, 20, 30};
  accel_messages view = {};
  view.struct_size = sizeof(view);
  view.layout = ACCEL_LAYOUT_RAGGED64;
  view.data = data.data();
  view.data_size = data.size();
  view.offsets = offsets.data();
  const Messages messages(&view, 3, "messages");
  offsets[2] = 1 << 30;
  Digest digests(3 * kDigestSize);
  EXPECT_THROW(hash_range(digests.data(), kInitial, {}, messages, 0, 3), Error);
}

TEST(Sm3Kernel, CountsItems) {
  const std::vector<uint8_t> data = pattern(64);
  const uint64_t before = family().items(0, family().active_index());
  Digest digests(10 * kDigestSize);
  hash_range(digests.data(), kInitial, {}, Messages(data.data(), 0, 64, 10), 0, 10);
  EXPECT_EQ(family().items(0, family().active_index()) - before, 10u);
}

TEST(Sm3Kernel, SelftestFindsAWrongKernel) {
  Kernel wrong = active_kernel();
  wrong.hash_range = [](uint8_t* digests, const Midstate& initial, const Prefix& prefix, const Messages& messages,
                        size_t begin, size_t end) {
    active_kernel().hash_range(digests, initial, prefix, messages, begin, end);
    if (end - begin > 20) digests[20 * kDigestSize] ^= 1;  // one lane, one bit
  };
  EXPECT_TRUE(selftest(active_kernel()));
  EXPECT_FALSE(selftest(wrong));
}

}  // namespace
}  // namespace accel::sm3
