// Pairs of digests, the nodes of Merkle trees: every kernel against the tests' own SM3, with and without a byte before
// them, copied and where they lie, at every tail, and with every value of the byte that the second block holds.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "guarded_pages.hpp"
#include "sm3/select.hpp"
#include "sm3_oracle.hpp"

namespace accel::sm3 {
namespace {

using accel::testing::GuardedPages;
using testing::Digest;

constexpr size_t kPairSize = 2 * kDigestSize;
constexpr uint8_t kGuard = 0xa5;

std::vector<uint8_t> random_pairs(size_t count, uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::vector<uint8_t> bytes(count * kPairSize);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(generator());
  return bytes;
}

Digest expected(const uint8_t* pair, const uint8_t* prefix) {
  std::vector<uint8_t> message(pair, pair + kPairSize);
  if (prefix != nullptr) message.insert(message.begin(), *prefix);
  return testing::digest(message);
}

class Sm3Pairs : public ::testing::TestWithParam<size_t> {
 protected:
  void SetUp() override {
    if (!family().supported(GetParam())) GTEST_SKIP() << "not on this CPU";
  }
  const Kernel& kernel() const { return *family().kernel(GetParam()); }

  // What the kernel makes of them, where they lie and while it copies them; nothing else is written to.
  void expect_right(const uint8_t* pairs, size_t count, const uint8_t* prefix, const std::vector<Digest>& right) const {
    for (const bool copied : {false, true}) {
      std::vector<uint8_t> digests((count + 2) * kDigestSize, kGuard), copy((count + 2) * kPairSize, kGuard);
      kernel().hash_pairs(&digests[kDigestSize], {pairs, count, prefix, copied ? &copy[kPairSize] : nullptr});
      for (size_t i = 0; i < count; i++) {
        ASSERT_EQ(std::memcmp(&digests[(i + 1) * kDigestSize], right[i].data(), kDigestSize), 0)
            << "pair " << i << " of " << count << (copied ? ", copied" : "")
            << (prefix != nullptr ? ", prefix " + std::to_string(*prefix) : "");
      }
      std::vector<uint8_t> guarded((count + 2) * kPairSize, kGuard);
      if (copied) std::copy_n(pairs, count * kPairSize, guarded.begin() + kPairSize);
      ASSERT_EQ(copy, guarded) << count;
      const auto is_guard = [](uint8_t byte) { return byte == kGuard; };
      ASSERT_TRUE(std::all_of(digests.begin(), digests.begin() + kDigestSize, is_guard)) << count;
      ASSERT_TRUE(std::all_of(digests.end() - kDigestSize, digests.end(), is_guard)) << count;
    }
  }

  static std::vector<Digest> all_expected(const std::vector<uint8_t>& pairs, const uint8_t* prefix) {
    std::vector<Digest> right;
    for (size_t at = 0; at != pairs.size(); at += kPairSize) right.push_back(expected(&pairs[at], prefix));
    return right;
  }
};

TEST_P(Sm3Pairs, EveryTail) {
  const std::vector<uint8_t> pairs = random_pairs(4097, 1);
  for (const int value : {-1, 0, 1, 0x80, 0xff}) {
    const auto byte = static_cast<uint8_t>(value);
    const uint8_t* const prefix = value < 0 ? nullptr : &byte;
    const std::vector<Digest> right = all_expected(pairs, prefix);
    for (size_t count = 0; count <= 70; count++) expect_right(pairs.data(), count, prefix, right);
    for (const size_t count : {127, 128, 129, 255, 257, 511, 512, 513, 4097}) {
      expect_right(pairs.data(), count, prefix, right);
    }
  }
}

// Each value of a pair's last byte in each of up to 32 lanes: with a prefix it has the second block for itself.
TEST_P(Sm3Pairs, EveryLastByteInEveryLane) {
  std::vector<uint8_t> pairs = random_pairs(256 * 32, 2);
  for (size_t i = 0; i < 256 * 32; i++) pairs[i * kPairSize + kPairSize - 1] = static_cast<uint8_t>(i / 32);
  const uint8_t prefix = 1;
  expect_right(pairs.data(), 256 * 32, &prefix, all_expected(pairs, &prefix));
}

// Each value of the prefix, and one bit of the pair set or none: every bit reaches its place in the schedule.
TEST_P(Sm3Pairs, EveryPrefixAndEveryBit) {
  constexpr size_t kBits = 8 * kPairSize;
  std::vector<uint8_t> pairs((kBits + 1) * kPairSize);
  for (size_t bit = 0; bit < kBits; bit++) pairs[bit * kPairSize + bit / 8] = static_cast<uint8_t>(0x80 >> bit % 8);
  const uint8_t one = 1;
  for (const uint8_t* prefix : {static_cast<const uint8_t*>(nullptr), &one}) {
    expect_right(pairs.data(), kBits + 1, prefix, all_expected(pairs, prefix));
  }
  const std::vector<uint8_t> few = random_pairs(33, 3);
  for (unsigned value = 0; value < 256; value++) {
    const auto prefix = static_cast<uint8_t>(value);
    expect_right(few.data(), 33, &prefix, all_expected(few, &prefix));
  }
}

TEST_P(Sm3Pairs, PairsAtAnyAddress) {
  const std::vector<uint8_t> pairs = random_pairs(101, 4);
  const uint8_t prefix = 1;
  for (size_t shift = 1; shift < kPairSize; shift++) {
    const std::vector<uint8_t> here(pairs.begin() + static_cast<ptrdiff_t>(shift),
                                    pairs.begin() + static_cast<ptrdiff_t>(shift + 100 * kPairSize));
    const std::vector<Digest> right = all_expected(here, &prefix);
    expect_right(&pairs[shift], 100, &prefix, right);
  }
}

TEST_P(Sm3Pairs, TouchesNothingOutside) {
  const size_t page = GuardedPages::page_size(), fitting = page / kPairSize;
  const std::vector<uint8_t> bytes = random_pairs(fitting, 5);
  const GuardedPages pairs(bytes), copies(bytes), digests(bytes);
  const uint8_t one = 1;
  for (const uint8_t* prefix : {static_cast<const uint8_t*>(nullptr), &one}) {
    const std::vector<Digest> right = all_expected(bytes, prefix);
    for (size_t count = 0; count <= fitting; count += count < 40 ? 1 : 23) {
      for (const bool at_end : {false, true}) {
        for (const bool copied : {false, true}) {
          const size_t size = count * kPairSize, first = at_end ? fitting - count : 0;
          uint8_t* const copy = at_end ? copies.end() - size : copies.begin();
          uint8_t* const out = at_end ? digests.end() - size / 2 : digests.begin();
          kernel().hash_pairs(out, {pairs.begin() + first * kPairSize, count, prefix, copied ? copy : nullptr});
          for (size_t i = 0; i < count; i++) {
            ASSERT_EQ(std::memcmp(out + i * kDigestSize, right[first + i].data(), kDigestSize), 0)
                << i << " of " << count;
          }
        }
      }
    }
  }
}

TEST(Sm3PairsOfActiveKernel, AreCounted) {
  const std::vector<uint8_t> pairs = random_pairs(10, 6);
  const uint64_t before = family().items(0, family().active_index());
  std::vector<uint8_t> digests(10 * kDigestSize);
  hash_pairs(digests.data(), {pairs.data(), 10});
  EXPECT_EQ(family().items(0, family().active_index()) - before, 10u);
}

TEST(Sm3PairsOfActiveKernel, SelftestFindsAWrongKernel) {
  Kernel wrong = active_kernel();
  wrong.hash_pairs = [](uint8_t* digests, const Pairs& pairs) {
    active_kernel().hash_pairs(digests, pairs);
    // One bit, of the pairs that end in one byte.
    for (size_t i = 0; i < pairs.count; i++) {
      if (pairs.prefix != nullptr && pairs.data[i * kPairSize + kPairSize - 1] == 0x9c) digests[i * kDigestSize] ^= 1;
    }
  };
  EXPECT_FALSE(selftest(wrong));
  wrong.hash_pairs = [](uint8_t* digests, const Pairs& pairs) {
    active_kernel().hash_pairs(digests, pairs);
    if (pairs.copy != nullptr && pairs.count > 67) pairs.copy[67 * kPairSize] ^= 1;
  };
  EXPECT_FALSE(selftest(wrong));
}

INSTANTIATE_TEST_SUITE_P(EveryKernel, Sm3Pairs, ::testing::Range(size_t{0}, family().kernel_count()),
                         [](const auto& test) { return std::string(family().kernel_name(test.param)); });

}  // namespace
}  // namespace accel::sm3
