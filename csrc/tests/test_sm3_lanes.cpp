// Every kernel against the tests' own SM3, with batches that meet each way in which messages share lanes: equal lengths
// and their tails, ragged ones, prefixes and midstates, all layouts, memory that ends where the message does, offsets
// that change under the call.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "guarded_pages.hpp"
#include "sm3/select.hpp"
#include "sm3_oracle.hpp"

namespace accel::sm3 {
namespace {

using accel::testing::GuardedPages;
using testing::Digest;

constexpr size_t kTails[] = {1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 257, 4097};

std::vector<uint8_t> random_bytes(size_t size, uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::vector<uint8_t> bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(generator());
  return bytes;
}

class Sm3Lanes : public ::testing::TestWithParam<size_t> {
 protected:
  void SetUp() override {
    if (!family().supported(GetParam())) GTEST_SKIP() << "not on this CPU";
  }
  const Kernel& kernel() const { return *family().kernel(GetParam()); }

  // What stands before every message.
  struct Before {
    size_t midstate = 0;              // bytes
    size_t prefix = 0, stride = 0;    // bytes; of item i from byte i * stride on
    std::vector<uint8_t> bytes = {};  // the midstate's
    std::vector<uint8_t> prefixes = {};
  };

  static Before before(size_t midstate, size_t prefix, size_t stride, size_t count) {
    return {midstate, prefix, stride, random_bytes(midstate, 11), random_bytes(prefix + count * stride, 12)};
  }

  static Digest expected(const Before& before, size_t i, const Bytes& message) {
    std::vector<uint8_t> all = before.bytes;
    const auto prefix = before.prefixes.begin() + static_cast<ptrdiff_t>(i * before.stride);
    all.insert(all.end(), prefix, prefix + static_cast<ptrdiff_t>(before.prefix));
    all.insert(all.end(), message.data, message.data + message.size);
    return testing::digest(all);
  }

  std::vector<Digest> hash(const Before& before, const Messages& messages, size_t begin, size_t end) const {
    Midstate initial = kInitial;
    kernel().compress(initial.h, before.bytes.data(), before.midstate / kBlockSize);
    initial.bytes = before.midstate;
    std::vector<Digest> digests(end - begin + 1);
    digests.back().fill(0xa5);
    kernel().hash_range(digests[0].data(), initial, {before.prefixes.data(), before.stride, before.prefix}, messages,
                        begin, end);
    EXPECT_EQ(std::count(digests.back().begin(), digests.back().end(), 0xa5), 32) << "wrote behind the digests";
    digests.pop_back();
    return digests;
  }

  void expect_right(const Before& before, const Messages& messages, const std::string& what) const {
    const std::vector<Digest> digests = hash(before, messages, 0, messages.count());
    for (size_t i = 0; i < digests.size(); i++) {
      ASSERT_EQ(digests[i], expected(before, i, messages.item(i)))
          << what << ", item " << i << " of " << digests.size() << ", " << messages.item(i).size << " bytes";
    }
  }
};

// A batch of messages of the lengths given, one behind the other, in a layout of accel.h.
class Batch {
 public:
  Batch(const std::vector<size_t>& lengths, uint64_t seed, uint32_t layout = ACCEL_LAYOUT_RAGGED64) {
    offsets64_.push_back(3);
    for (const size_t length : lengths) offsets64_.push_back(offsets64_.back() + static_cast<int64_t>(length));
    data_ = random_bytes(static_cast<size_t>(offsets64_.back()), seed);
    offsets32_.assign(offsets64_.begin(), offsets64_.end());
    for (size_t i = 0; i < lengths.size(); i++) {
      pointers_.push_back(data_.data() + offsets64_[i]);
      lengths_.push_back(lengths[i]);
    }
    view_.struct_size = sizeof(view_);
    view_.layout = layout;
    view_.data = data_.data();
    view_.data_size = data_.size();
    view_.offsets = layout == ACCEL_LAYOUT_RAGGED32 ? static_cast<const void*>(offsets32_.data()) : offsets64_.data();
    view_.pointers = pointers_.data();
    view_.lengths = lengths_.data();
  }
  Messages messages() const { return Messages(&view_, lengths_.size(), "messages"); }
  std::vector<int64_t>& offsets() { return offsets64_; }

 private:
  std::vector<uint8_t> data_;
  std::vector<int64_t> offsets64_;
  std::vector<int32_t> offsets32_;
  std::vector<const uint8_t*> pointers_;
  std::vector<uint64_t> lengths_;
  accel_messages view_ = {};
};

TEST(Sm3Oracle, ExamplesOfTheStandard) {
  const uint8_t abc[] = {'a', 'b', 'c'};
  std::vector<uint8_t> abcd;
  for (int i = 0; i < 16; i++) abcd.insert(abcd.end(), {'a', 'b', 'c', 'd'});
  const Digest first = {0x66, 0xc7, 0xf0, 0xf4, 0x62, 0xee, 0xed, 0xd9, 0xd1, 0xf2, 0xd4, 0x6b, 0xdc, 0x10, 0xe4, 0xe2,
                        0x41, 0x67, 0xc4, 0x87, 0x5c, 0xf2, 0xf7, 0xa2, 0x29, 0x7d, 0xa0, 0x2b, 0x8f, 0x4b, 0xa8, 0xe0};
  const Digest second = {0xde, 0xbe, 0x9f, 0xf9, 0x22, 0x75, 0xb8, 0xa1, 0x38, 0x60, 0x48,
                         0x89, 0xc1, 0x8e, 0x5a, 0x4d, 0x6f, 0xdb, 0x70, 0xe5, 0x38, 0x7e,
                         0x57, 0x65, 0x29, 0x3d, 0xcb, 0xa3, 0x9c, 0x0c, 0x57, 0x32};
  EXPECT_EQ(testing::digest(abc), first);
  EXPECT_EQ(testing::digest(abcd), second);
}

// Every length up to 1,100 in batches of every size up to 65 that could fill lanes differently.
TEST_P(Sm3Lanes, EqualLengths) {
  const std::vector<uint8_t> data = random_bytes(1100 + 65 * 7, 1);
  for (size_t length = 0; length <= 1100; length++) {
    std::vector<Digest> right(65);
    for (size_t i = 0; i < 65; i++) right[i] = testing::digest({data.data() + 7 * i, length});
    for (const size_t count : kTails) {
      if (count > right.size()) break;
      const std::vector<Digest> digests = hash({}, Messages(data.data(), 7, length, count), 0, count);
      ASSERT_TRUE(std::equal(digests.begin(), digests.end(), right.begin())) << length << " bytes, " << count;
    }
  }
}

TEST_P(Sm3Lanes, EqualLengthsInLargeBatches) {
  const std::vector<uint8_t> data = random_bytes(200 + 4097, 2);
  for (const size_t length : {0, 32, 55, 56, 63, 64, 65, 119, 120, 128, 200}) {
    for (const size_t count : kTails) {
      expect_right({}, Messages(data.data(), 1, length, count), "equal");
    }
  }
}

TEST_P(Sm3Lanes, PrefixesAndMidstates) {
  const std::vector<uint8_t> data = random_bytes(400 + 65 * 5, 3);
  for (const size_t midstate : {0, 64, 128}) {
    for (const size_t prefix : {0, 1, 31, 32, 55, 56, 63, 64}) {
      for (const size_t stride : {0, 33}) {
        for (const size_t length : {0, 1, 7, 8, 9, 23, 24, 32, 54, 55, 63, 64, 65, 96, 119, 128, 192, 256}) {
          for (const size_t count : {2, 17, 33, 65}) {
            expect_right(before(midstate, prefix, stride, count), Messages(data.data(), 5, length, count),
                         "midstate " + std::to_string(midstate) + ", prefix " + std::to_string(prefix) + " stride " +
                             std::to_string(stride));
          }
        }
      }
    }
  }
}

TEST_P(Sm3Lanes, RangesCountFromTheirBegin) {
  const std::vector<uint8_t> data = random_bytes(2000, 4);
  const Messages messages(data.data(), 11, 64, 100);
  const Before zas = before(0, 32, 32, 100);
  for (const size_t begin : {0, 1, 31, 63}) {
    const std::vector<Digest> digests = hash(zas, messages, begin, 97);
    ASSERT_EQ(digests.size(), 97 - begin);
    for (size_t i = 0; i < digests.size(); i++) ASSERT_EQ(digests[i], expected(zas, i, messages.item(begin + i)));
  }
}

std::vector<size_t> random_lengths(size_t count, size_t most, uint64_t seed) {
  std::mt19937_64 generator(seed);
  std::vector<size_t> lengths(count);
  for (size_t& length : lengths) length = generator() % (most + 1);
  return lengths;
}

TEST_P(Sm3Lanes, RaggedOfEverySizeAndLayout) {
  for (const uint32_t layout : {ACCEL_LAYOUT_RAGGED32, ACCEL_LAYOUT_RAGGED64, ACCEL_LAYOUT_POINTERS}) {
    for (const size_t count : kTails) {
      const Batch batch(random_lengths(count, 300, count), count, layout);
      expect_right({}, batch.messages(), "layout " + std::to_string(layout));
    }
  }
}

TEST_P(Sm3Lanes, RaggedWithPrefixesAndMidstates) {
  uint64_t seed = 0;
  for (const size_t midstate : {0, 64}) {
    for (const size_t prefix : {1, 32, 55, 56, 63, 64}) {
      for (const size_t stride : {0, 64}) {
        for (const size_t most : {20, 70, 200, 1100}) {
          const size_t count = 2 + ++seed * 37 % 130;
          const Batch batch(random_lengths(count, most, seed), seed);
          expect_right(before(midstate, prefix, stride, count), batch.messages(), "prefix " + std::to_string(prefix));
        }
      }
    }
  }
}

// A few long messages among short ones: first in, last out, until one is alone.
TEST_P(Sm3Lanes, LongMessagesEndAlone) {
  for (const size_t stragglers : {1, 2, 3, 8, 15, 16, 17, 31}) {
    for (const size_t prefix : {0, 1, 64}) {
      std::vector<size_t> lengths = random_lengths(600, 100, stragglers);
      for (size_t i = 0; i < stragglers; i++) lengths[599 - 17 * i] = 20000 + 64 * 40 * i + i;
      const Batch batch(lengths, stragglers);
      expect_right(before(0, prefix, 1, 600), batch.messages(), std::to_string(stragglers) + " long ones");
    }
  }
}

// Windows of equal and of different lengths behind one another.
TEST_P(Sm3Lanes, EqualAndRaggedInTurn) {
  for (uint64_t seed = 0; seed < 4; seed++) {
    std::vector<size_t> lengths;
    for (size_t window = 0; window < 5; window++) {
      const bool equal = (window + seed) % 2 == 0;
      const std::vector<size_t> more =
          equal ? std::vector<size_t>(512, 64 * (window % 2) + 64) : random_lengths(512, 400, seed);
      lengths.insert(lengths.end(), more.begin(), more.end());
    }
    lengths.resize(lengths.size() - 100 * seed);
    expect_right({}, Batch(lengths, seed).messages(), "windows in turn");
  }
}

TEST_P(Sm3Lanes, ReadsNothingOutsideTheMessages) {
  const GuardedPages pages(random_bytes(2 * GuardedPages::page_size(), 5));
  constexpr size_t kCount = 40;
  for (size_t length = 0; length <= 200; length++) {
    for (const size_t prefix : {0, 1, 32, 64}) {
      for (const bool at_end : {false, true}) {
        Midstate initial = kInitial;
        const uint8_t* const message = at_end ? pages.end() - length : pages.begin();
        const Prefix head{at_end ? pages.begin() : pages.end() - prefix, 0, prefix};
        std::vector<uint8_t> all(head.data, head.data + prefix);
        all.insert(all.end(), message, message + length);
        const Digest right = testing::digest(all);
        std::vector<Digest> digests(kCount);
        kernel().hash_range(digests[0].data(), initial, head, Messages(message, 0, length, kCount), 0, kCount);
        for (const Digest& digest : digests) ASSERT_EQ(digest, right) << length << " bytes, prefix " << prefix;
      }
    }
  }
}

TEST_P(Sm3Lanes, ReadsNothingOutsideRaggedMessages) {
  const GuardedPages pages(random_bytes(2 * GuardedPages::page_size(), 5));
  std::vector<const uint8_t*> pointers;
  std::vector<uint64_t> lengths;
  for (size_t length = 0; length <= 1100; length++) {
    pointers.insert(pointers.end(), {pages.begin(), pages.end() - length});
    lengths.insert(lengths.end(), {length, length});
  }
  accel_messages view = {};
  view.struct_size = sizeof(view);
  view.layout = ACCEL_LAYOUT_POINTERS;
  view.pointers = pointers.data();
  view.lengths = lengths.data();
  for (const size_t prefix : {0, 1, 32}) {
    expect_right(before(0, prefix, 0, 1), Messages(&view, lengths.size(), "messages"), "guarded");
  }
}

// The batch ends with an error, in whichever window and lane it is met, and the kernel goes on working.
TEST_P(Sm3Lanes, OffsetsThatChange) {
  for (const size_t bad : {0, 5, 31, 511, 512, 700, 1099}) {
    Batch batch(random_lengths(1100, 200, bad), bad);
    const Messages messages = batch.messages();
    const int64_t good = batch.offsets()[bad + 1];
    for (const int64_t wrong : {int64_t{-1}, int64_t{1} << 40}) {
      batch.offsets()[bad + 1] = wrong;
      std::vector<Digest> digests(1100);
      EXPECT_THROW(kernel().hash_range(digests[0].data(), kInitial, {}, messages, 0, 1100), Error) << bad;
    }
    batch.offsets()[bad + 1] = good;
    expect_right({}, messages, "mended");
  }
}

INSTANTIATE_TEST_SUITE_P(EveryKernel, Sm3Lanes, ::testing::Range(size_t{0}, family().kernel_count()),
                         [](const auto& test) { return std::string(family().kernel_name(test.param)); });

}  // namespace
}  // namespace accel::sm3
