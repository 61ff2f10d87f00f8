#include "base/messages.hpp"

#include <cstring>
#include <string>

#include "base/error.hpp"

namespace accel {
namespace {

[[noreturn]] void fail(const char* argument, const std::string& what) {
  throw Error(ACCEL_BAD_ARGUMENT, std::string(argument) + ": " + what);
}

template <typename T>
T load(const void* array, uint64_t i) {
  T value;  // the caller's array need not be aligned
  std::memcpy(&value, static_cast<const uint8_t*>(array) + i * sizeof(T), sizeof(T));
  return value;
}

std::string offset_text(uint64_t i, int64_t value) {
  return "offsets[" + std::to_string(i) + "] = " + std::to_string(value);
}

uint64_t check_strided(const accel_messages& view, uint64_t count, const char* argument) {
  if (view.length > ACCEL_MAX_MESSAGE) fail(argument, "length " + std::to_string(view.length) + " is over 2^60 bytes");
  uint64_t total, span;
  if (__builtin_mul_overflow(view.length, count, &total) || __builtin_mul_overflow(view.stride, count - 1, &span) ||
      __builtin_add_overflow(span, view.length, &span) ||
      __builtin_add_overflow(span, reinterpret_cast<uintptr_t>(view.data), &span)) {
    fail(argument, std::to_string(count) + " messages of " + std::to_string(view.length) + " bytes, " +
                       std::to_string(view.stride) + " bytes apart, do not fit in the address space");
  }
  if (view.data == nullptr && view.length != 0) fail(argument, "data is NULL");
  return total;
}

template <typename Offset>
uint64_t check_ragged(const accel_messages& view, uint64_t count, const char* argument) {
  if (view.offsets == nullptr) fail(argument, "offsets is NULL");
  if (view.data_size > ACCEL_MAX_MESSAGE) {
    fail(argument, "data_size " + std::to_string(view.data_size) + " is over 2^60 bytes");
  }
  if (view.data == nullptr && view.data_size != 0) fail(argument, "data is NULL");
  const Offset first = load<Offset>(view.offsets, 0);
  if (first < 0) fail(argument, "offsets must not be negative: " + offset_text(0, first));
  Offset previous = first;
  for (uint64_t i = 1; i <= count; i++) {
    const Offset next = load<Offset>(view.offsets, i);
    if (next < previous) {
      fail(argument, "offsets must not decrease: " + offset_text(i - 1, previous) + " > " + offset_text(i, next));
    }
    previous = next;
  }
  if (static_cast<uint64_t>(previous) > view.data_size) {
    fail(argument, "offsets must stay within the buffer: " + offset_text(count, previous) + ", the buffer has " +
                       std::to_string(view.data_size) + " bytes");
  }
  return static_cast<uint64_t>(previous) - static_cast<uint64_t>(first);
}

uint64_t check_pointers(const accel_messages& view, uint64_t count, const char* argument) {
  if (view.pointers == nullptr) fail(argument, "pointers is NULL");
  if (view.lengths == nullptr) fail(argument, "lengths is NULL");
  uint64_t total = 0;
  for (uint64_t i = 0; i < count; i++) {
    const uint64_t length = load<uint64_t>(view.lengths, i);
    if (length > ACCEL_MAX_MESSAGE || __builtin_add_overflow(total, length, &total)) {
      fail(argument, "lengths[" + std::to_string(i) + "] = " + std::to_string(length) + ": over 2^60 bytes");
    }
    if (length != 0 && load<const uint8_t*>(view.pointers, i) == nullptr) {
      fail(argument, "pointers[" + std::to_string(i) + "] is NULL");
    }
  }
  return total;
}

uint64_t check(const accel_messages& view, uint64_t count, const char* argument) {
  switch (view.layout) {
    case ACCEL_LAYOUT_STRIDED:
      return check_strided(view, count, argument);
    case ACCEL_LAYOUT_RAGGED32:
      return check_ragged<int32_t>(view, count, argument);
    case ACCEL_LAYOUT_RAGGED64:
      return check_ragged<int64_t>(view, count, argument);
    case ACCEL_LAYOUT_POINTERS:
      return check_pointers(view, count, argument);
    default:
      fail(argument, "layout " + std::to_string(view.layout) + " is none of accel_layout");
  }
}

template <typename Offset>
Bytes ragged_item(const accel_messages& view, size_t i, const char* argument) {
  const Offset begin = load<Offset>(view.offsets, i);
  const Offset end = load<Offset>(view.offsets, i + 1);
  if (begin < 0 || end < begin || static_cast<uint64_t>(end) > view.data_size) {
    fail(argument, "offsets changed during the call: " + offset_text(i, begin) + ", " + offset_text(i + 1, end));
  }
  return {view.data + begin, static_cast<size_t>(end - begin)};
}

Bytes pointer_item(const accel_messages& view, size_t i, const char* argument) {
  const Bytes item{load<const uint8_t*>(view.pointers, i), load<uint64_t>(view.lengths, i)};
  if (item.size > ACCEL_MAX_MESSAGE || (item.data == nullptr && item.size != 0)) {
    fail(argument, "pointers or lengths changed during the call at item " + std::to_string(i));
  }
  return item;
}

}  // namespace

void require_count(uint64_t count, const char* argument) {
  if (count > kMaxCount) fail(argument, "expected at most 2^40 items, got " + std::to_string(count));
}

Messages::Messages(const accel_messages* view, uint64_t count, const char* argument)
    : view_{}, count_(count), total_size_(0), argument_(argument) {
  require_count(count);
  if (count == 0) return;
  if (view == nullptr) fail(argument, "is NULL");
  if (view->struct_size != sizeof(accel_messages)) {
    fail(argument, "struct_size is " + std::to_string(view->struct_size) + ", expected " +
                       std::to_string(sizeof(accel_messages)));
  }
  view_ = *view;
  total_size_ = check(view_, count, argument);
}

Messages::Messages(const uint8_t* data, size_t stride, size_t length, size_t count)
    : view_{}, count_(count), total_size_(0), argument_("messages") {
  require_count(count);
  if (count == 0) return;
  view_.struct_size = sizeof(accel_messages);
  view_.layout = ACCEL_LAYOUT_STRIDED;
  view_.data = data;
  view_.stride = stride;
  view_.length = length;
  total_size_ = check_strided(view_, count, argument_);
}

void Messages::items(size_t begin, size_t count, Bytes* out) const {
  const auto fill = [&](auto item) {
    for (size_t k = 0; k < count; k++) out[k] = item(begin + k);
  };
  switch (view_.layout) {
    case ACCEL_LAYOUT_STRIDED:
      return fill([view = view_](size_t i) { return Bytes{view.data + i * view.stride, view.length}; });
    case ACCEL_LAYOUT_RAGGED32:
      return fill([this](size_t i) { return ragged_item<int32_t>(view_, i, argument_); });
    case ACCEL_LAYOUT_RAGGED64:
      return fill([this](size_t i) { return ragged_item<int64_t>(view_, i, argument_); });
    default:
      return fill([this](size_t i) { return pointer_item(view_, i, argument_); });
  }
}

Bytes Messages::item(size_t i) const {
  switch (view_.layout) {
    case ACCEL_LAYOUT_STRIDED:
      return {view_.data + i * view_.stride, view_.length};
    case ACCEL_LAYOUT_RAGGED32:
      return ragged_item<int32_t>(view_, i, argument_);
    case ACCEL_LAYOUT_RAGGED64:
      return ragged_item<int64_t>(view_, i, argument_);
    default:
      return pointer_item(view_, i, argument_);
  }
}

}  // namespace accel
