// Batches of messages with hostile offsets and lengths: whatever is accepted is read within its buffer, also when the
// offsets change after they were checked. Input: one byte of layout, one byte of count, then the offsets, lengths or
// stride and length; the rest is the data.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/error.hpp"
#include "base/messages.hpp"
#include "sm3/sm3.hpp"

namespace {

using accel::Messages;

// Exactly as many bytes as asked for, in an allocation of their own, so that the address sanitizer sees every overrun.
std::vector<uint8_t> take(const uint8_t** data, size_t* size, size_t wanted) {
  std::vector<uint8_t> taken(wanted);
  const size_t there = std::min(*size, wanted);
  if (there != 0) std::memcpy(taken.data(), *data, there);
  *data += there;
  *size -= there;
  return taken;
}

void hash_all(const Messages& messages) {
  std::vector<uint8_t> digests(messages.count() * accel::sm3::kDigestSize);
  accel::sm3::hash_range(digests.data(), accel::sm3::kInitial, {}, messages, 0, messages.count());
}

void fuzz_ragged(accel_messages view, size_t count, const uint8_t* data, size_t size) {
  const size_t offset_size = view.layout == ACCEL_LAYOUT_RAGGED32 ? 4 : 8;
  std::vector<uint8_t> offsets = take(&data, &size, (count + 1) * offset_size);
  const std::vector<uint8_t> later = take(&data, &size, offsets.size());
  const std::vector<uint8_t> buffer = take(&data, &size, size);
  view.offsets = offsets.data();
  view.data = buffer.data();
  view.data_size = buffer.size();
  const Messages messages(&view, count, "messages");
  hash_all(messages);
  offsets = later;  // of the same size: in the same place
  hash_all(messages);
}

void fuzz_strided(accel_messages view, size_t count, const uint8_t* data, size_t size) {
  const std::vector<uint8_t> numbers = take(&data, &size, 16);
  const std::vector<uint8_t> buffer = take(&data, &size, size);
  std::memcpy(&view.stride, numbers.data(), 8);
  std::memcpy(&view.length, numbers.data() + 8, 8);
  view.data = buffer.data();
  const Messages messages(&view, count, "messages");  // any stride and length; memory that is not there is not read
  const bool inside = view.stride <= buffer.size() && view.length <= buffer.size() &&
                      view.stride * (count - 1) + view.length <= buffer.size();
  if (inside) hash_all(messages);
}

void fuzz_pointers(accel_messages view, size_t count, const uint8_t* data, size_t size) {
  const std::vector<uint8_t> lengths = take(&data, &size, count * 8);
  const std::vector<uint8_t> buffer = take(&data, &size, size);
  const std::vector<const uint8_t*> pointers(count, buffer.data());
  view.pointers = pointers.data();
  view.lengths = reinterpret_cast<const uint64_t*>(lengths.data());
  const Messages messages(&view, count, "messages");
  bool inside = true;
  for (size_t i = 0; i < count; i++) inside = inside && messages.item(i).size <= buffer.size();
  if (inside) hash_all(messages);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  accel_messages view = {};
  view.struct_size = sizeof(view);
  view.layout = data[0] % 5;  // one more than there are
  const size_t count = data[1] % 17;
  data += 2;
  size -= 2;
  try {
    if (view.layout == ACCEL_LAYOUT_STRIDED) {
      fuzz_strided(view, count, data, size);
    } else if (view.layout == ACCEL_LAYOUT_POINTERS) {
      fuzz_pointers(view, count, data, size);
    } else {
      fuzz_ragged(view, count, data, size);
    }
  } catch (const accel::Error&) {  // refused: as it should be
  }
  return 0;
}
