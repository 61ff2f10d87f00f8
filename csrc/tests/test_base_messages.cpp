// Batches of messages: every layout, every check, and offsets that change after they were checked.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/messages.hpp"

namespace accel {
namespace {

accel_messages make_view(accel_layout layout) {
  accel_messages view = {};
  view.struct_size = sizeof(view);
  view.layout = layout;
  return view;
}

std::string text(Bytes item) { return std::string(reinterpret_cast<const char*>(item.data), item.size); }

const uint8_t* bytes(const char* characters) { return reinterpret_cast<const uint8_t*>(characters); }

// The sentence of the error that constructing throws.
std::string refusal(const accel_messages* view, uint64_t count) {
  try {
    const Messages messages(view, count, "messages");
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), ACCEL_BAD_ARGUMENT);
    return error.what();
  }
  return "accepted";
}

accel_messages ragged64(const char* data, const std::vector<int64_t>& offsets) {
  accel_messages view = make_view(ACCEL_LAYOUT_RAGGED64);
  view.data = bytes(data);
  view.data_size = std::strlen(data);
  view.offsets = offsets.data();
  return view;
}

TEST(Messages, Strided) {
  accel_messages view = make_view(ACCEL_LAYOUT_STRIDED);
  view.data = bytes("abc-def-ghi-");
  view.stride = 4;
  view.length = 3;
  const Messages messages(&view, 3, "messages");
  EXPECT_EQ(messages.count(), 3u);
  EXPECT_EQ(messages.total_size(), 9u);
  EXPECT_EQ(text(messages.item(0)) + text(messages.item(1)) + text(messages.item(2)), "abcdefghi");
}

TEST(Messages, StrideZeroRepeatsOneItem) {
  const Messages messages(bytes("abc"), 0, 3, 1000);
  EXPECT_EQ(text(messages.item(999)), "abc");
  EXPECT_EQ(messages.total_size(), 3000u);
}

TEST(Messages, Ragged64) {
  const std::vector<int64_t> offsets = {1, 3, 3, 6};
  const accel_messages view = ragged64("0123456789", offsets);
  const Messages messages(&view, 3, "messages");
  EXPECT_EQ(text(messages.item(0)), "12");
  EXPECT_EQ(text(messages.item(1)), "");
  EXPECT_EQ(text(messages.item(2)), "345");
  EXPECT_EQ(messages.total_size(), 5u);
}

TEST(Messages, Ragged32AtAnyAddress) {
  const int32_t offsets[] = {0, 2, 4};
  uint8_t unaligned[sizeof(offsets) + 1];
  std::memcpy(unaligned + 1, offsets, sizeof(offsets));
  accel_messages view = make_view(ACCEL_LAYOUT_RAGGED32);
  view.data = bytes("abcd");
  view.data_size = 4;
  view.offsets = unaligned + 1;
  const Messages messages(&view, 2, "messages");
  EXPECT_EQ(text(messages.item(0)) + "|" + text(messages.item(1)), "ab|cd");
}

TEST(Messages, Pointers) {
  const uint8_t* pointers[] = {bytes("x"), nullptr, bytes("yz")};
  const uint64_t lengths[] = {1, 0, 2};
  accel_messages view = make_view(ACCEL_LAYOUT_POINTERS);
  view.pointers = pointers;
  view.lengths = lengths;
  const Messages messages(&view, 3, "messages");
  EXPECT_EQ(text(messages.item(0)) + "|" + text(messages.item(1)) + "|" + text(messages.item(2)), "x||yz");
  EXPECT_EQ(messages.total_size(), 3u);
}

TEST(Messages, NothingNeedsNothing) {
  EXPECT_EQ(refusal(nullptr, 0), "accepted");
  EXPECT_EQ(Messages(nullptr, 0, "messages").total_size(), 0u);
}

TEST(Messages, RefusesOffsets) {
  EXPECT_EQ(refusal(nullptr, 1), "messages: is NULL");
  const std::vector<int64_t> decreasing = {0, 2, 5, 10, 7};
  accel_messages view = ragged64("0123456789", decreasing);
  EXPECT_EQ(refusal(&view, 4), "messages: offsets must not decrease: offsets[3] = 10 > offsets[4] = 7");
  const std::vector<int64_t> overrunning = {0, 11};
  view = ragged64("0123456789", overrunning);
  EXPECT_EQ(refusal(&view, 1),
            "messages: offsets must stay within the buffer: offsets[1] = 11, the buffer has 10 bytes");
  const std::vector<int64_t> negative = {-1, 3};
  view = ragged64("0123456789", negative);
  EXPECT_EQ(refusal(&view, 1), "messages: offsets must not be negative: offsets[0] = -1");
  const std::vector<int64_t> extreme = {0, INT64_MAX, INT64_MIN};
  view = ragged64("0123456789", extreme);
  EXPECT_NE(refusal(&view, 2), "accepted");
  view.offsets = nullptr;
  EXPECT_EQ(refusal(&view, 1), "messages: offsets is NULL");
}

TEST(Messages, RefusesWhatDoesNotFitInMemory) {
  accel_messages view = make_view(ACCEL_LAYOUT_STRIDED);
  view.data = bytes("x");
  view.length = 1;
  view.stride = UINT64_MAX / 2;
  EXPECT_NE(refusal(&view, 4), "accepted");
  view.stride = 1;
  view.length = ACCEL_MAX_MESSAGE;
  EXPECT_NE(refusal(&view, 64), "accepted");  // 2^66 bytes in all
  view.length = ACCEL_MAX_MESSAGE + 1;
  EXPECT_NE(refusal(&view, 1), "accepted");
  view.length = 1;
  EXPECT_NE(refusal(&view, UINT64_MAX), "accepted");
  view.stride = 0;
  EXPECT_NE(refusal(&view, uint64_t{1} << 57), "accepted");
  view.data = nullptr;
  EXPECT_EQ(refusal(&view, 1), "messages: data is NULL");
  view.length = 0;
  EXPECT_EQ(refusal(&view, 1), "accepted");
}

TEST(Messages, RefusesPointers) {
  const uint8_t* pointers[] = {bytes("x"), nullptr};
  uint64_t lengths[] = {1, 1};
  accel_messages view = make_view(ACCEL_LAYOUT_POINTERS);
  EXPECT_EQ(refusal(&view, 1), "messages: pointers is NULL");
  view.pointers = pointers;
  EXPECT_EQ(refusal(&view, 1), "messages: lengths is NULL");
  view.lengths = lengths;
  EXPECT_EQ(refusal(&view, 2), "messages: pointers[1] is NULL");
  lengths[0] = UINT64_MAX;
  EXPECT_EQ(refusal(&view, 1), "messages: lengths[0] = 18446744073709551615: over 2^60 bytes");
}

TEST(Messages, RefusesWrongStructs) {
  accel_messages view = make_view(ACCEL_LAYOUT_STRIDED);
  view.layout = 4;
  EXPECT_EQ(refusal(&view, 1), "messages: layout 4 is none of accel_layout");
  view.struct_size = 8;
  EXPECT_EQ(refusal(&view, 1), "messages: struct_size is 8, expected " + std::to_string(sizeof(accel_messages)));
}

TEST(Messages, ChangedOffsetsAreCaughtWhenAnItemIsRead) {
  std::vector<int64_t> offsets = {0, 2, 4};
  const accel_messages view = ragged64("0123", offsets);
  const Messages messages(&view, 2, "messages");
  offsets[1] = 1000;
  EXPECT_THROW(messages.item(0), Error);  // ends behind the buffer
  EXPECT_THROW(messages.item(1), Error);  // decreases
  offsets[1] = -2;
  EXPECT_THROW(messages.item(0), Error);
  offsets[1] = 3;
  EXPECT_EQ(text(messages.item(0)), "012");
}

}  // namespace
}  // namespace accel
