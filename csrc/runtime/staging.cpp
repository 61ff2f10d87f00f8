#include "runtime/staging.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "merkle/rule.hpp"

namespace accel::runtime {
namespace {

constexpr size_t kLine = 64;
// A lone node at each level of a patch, and no more, comes on top of one node for each leaf.
constexpr size_t kSpareNodes = 64;

size_t round_up(size_t size, size_t to) { return (size + to - 1) / to * to; }

// Items [begin, end), or one where they are all the same: where they are, or copied.
Strided place_rows(uint8_t* to, Strided from, size_t size, size_t begin, size_t end, bool in_place) {
  if (in_place) return {from[begin], from.stride};
  if (from.stride == 0) {
    std::memcpy(to, from[0], size);
    return {to, 0};
  }
  if (from.stride == size) {
    std::memcpy(to, from[begin], size * (end - begin));
  } else {
    for (size_t i = begin; i < end; ++i) std::memcpy(to + size * (i - begin), from[i], size);
  }
  return {to, size};
}

uint16_t opcode_of(Op op) {
  switch (op) {
    case Op::kHash:
      return ACCEL_OP_SM3;
    case Op::kVerifyDigest:
      return ACCEL_OP_SM2_VERIFY_DIGEST;
    case Op::kVerify:
      return ACCEL_OP_SM2_VERIFY;
    default:
      return ACCEL_OP_MERKLE_LEVELS;
  }
}

}  // namespace

SlotLimits::SlotLimits(const accel_device_caps& caps)
    : items(std::min<uint64_t>(kSlotItems, caps.max_items)),
      message_bytes(std::min<uint64_t>(kSlotBytes, caps.max_bytes)),
      longest_message(std::min<uint64_t>(message_bytes, caps.max_message)),
      slots(std::min<size_t>(kSlots, caps.queue_depth)) {}

Arena::Layout Arena::layout_of(const SlotLimits& limits) {
  Layout layout;
  size_t at = 0;
  const auto place = [&](size_t bytes) {
    const size_t here = at;
    at += round_up(bytes, kLine);
    return here;
  };
  layout.messages = place(limits.message_bytes + limits.items);  // and a prefix for each
  layout.offsets = place(8 * (limits.items + 1));
  layout.keys = place(64 * limits.items);
  layout.signatures = place(64 * limits.items);
  layout.digests = place(32 * limits.items);
  layout.output = place(32 * (limits.items + kSpareNodes));
  layout.status = place(limits.items);
  layout.points = place(64 * limits.items);
  layout.id = place(ACCEL_SM2_MAX_ID_LENGTH);
  layout.size = at;
  return layout;
}

// Fresh pages, of which only those that get used cost memory.
Arena::Arena(const accel_device_caps& caps) : limits_(caps), layout_(layout_of(limits_)) {
  const size_t alignment = std::max<size_t>(4096, caps.buffer_alignment);
  size_ = round_up(layout_.size * limits_.slots, alignment);
  mapped_ = size_ + alignment;
  mapping_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping_ == MAP_FAILED) throw std::bad_alloc();
  const auto address = reinterpret_cast<uintptr_t>(mapping_);
  data_ = static_cast<uint8_t*>(mapping_) + (round_up(address, alignment) - address);
}

Arena::~Arena() { munmap(mapping_, mapped_); }

// False: they do not lie as a command can say it.
bool Arena::point_to_messages(accel_command& command, const Work& work, size_t begin) {
  if (!work.messages->is_strided() || work.prefix.size != 0) return false;
  const Bytes first = work.messages->item(begin);
  command.messages = first.data;
  command.message_length = first.size;
  command.messages_stride = work.messages->stride();
  return true;
}

void Arena::stage_messages(uint8_t* slot, accel_command& command, const Work& work, size_t begin, size_t end) const {
  uint8_t* at = slot + layout_.messages;
  uint64_t offset = 0;
  auto* const offsets = reinterpret_cast<uint64_t*>(slot + layout_.offsets);
  constexpr size_t kBlock = 256;
  Bytes items[kBlock];
  for (size_t i = begin; i < end; ++i) {
    if ((i - begin) % kBlock == 0) work.messages->items(i, std::min(kBlock, end - i), items);
    const Bytes item = items[(i - begin) % kBlock];
    // Measured before; what has changed since is the caller's mistake, and must not leave the slot.
    const size_t room = offset < limits_.message_bytes ? limits_.message_bytes - offset : 0;
    const size_t size = std::min(item.size, room);
    offsets[i - begin] = offset;
    if (work.prefix.size != 0) at[offset++] = work.prefix.data[0];
    if (size != 0) std::memcpy(at + offset, item.data, size);
    offset += size;
  }
  offsets[end - begin] = offset;
  command.messages = at;
  if (work.uniform) {
    command.message_length = work.longest;
    command.messages_stride = work.longest;
  } else {
    command.offsets = offsets;
    command.flags |= ACCEL_COMMAND_RAGGED;
  }
}

void Arena::stage_keys(uint8_t* slot, accel_command& command, const Work& work, size_t begin, size_t end,
                       const StageOptions& options) const {
  uint8_t* const at = slot + layout_.keys;
  if (work.ring == nullptr) {
    const Strided keys = place_rows(at, work.keys, 64, begin, end, options.in_place);
    command.keys = keys.data;
    command.keys_stride = keys.stride;
    return;
  }
  const auto last =
      static_cast<uint32_t>(work.ring->size() - 1);  // indices were checked: one that changes stays inside
  if (options.handles != nullptr) {
    auto* const out = reinterpret_cast<uint32_t*>(at);
    for (size_t i = begin; i < end; ++i) out[i - begin] = options.handles[std::min(work.indices[i], last)];
    command.key_handles = out;
    command.flags |= ACCEL_COMMAND_HANDLES;
  } else {
    for (size_t i = begin; i < end; ++i) {
      std::memcpy(at + 64 * (i - begin), work.ring->key(std::min(work.indices[i], last)), 64);
    }
    command.keys = at;
    command.keys_stride = 64;
  }
}

void Arena::stage_outputs(uint8_t* slot, accel_command& command, const Work& work, size_t begin, size_t end,
                          bool clear) const {
  if (work.verifies()) {
    command.status_out = slot + layout_.status;
    std::memset(command.status_out, ACCEL_NOT_CHECKED, end - begin);
  } else {
    command.output = slot + layout_.output;
    command.output_size = answer_bytes(work, begin, end);
    if (clear) std::memset(command.output, 0, command.output_size);
  }
}

accel_command Arena::stage(size_t slot_index, const Work& work, size_t begin, size_t end,
                           const StageOptions& options) const {
  uint8_t* const slot = data_ + layout_.size * slot_index;
  accel_command command = {};
  command.struct_size = sizeof command;
  command.opcode = opcode_of(work.op);
  command.count = end - begin;
  if (work.has_messages() && !(options.in_place && point_to_messages(command, work, begin))) {
    stage_messages(slot, command, work, begin, end);
  }
  if (work.verifies()) {
    stage_keys(slot, command, work, begin, end, options);
    const Strided signatures = place_rows(slot + layout_.signatures, work.signatures, 64, begin, end, options.in_place);
    command.signatures = signatures.data;
    command.signatures_stride = signatures.stride;
    if (options.points) {
      command.flags |= ACCEL_COMMAND_POINTS;
      command.points_out = slot + layout_.points;
    }
  }
  if (work.op == Op::kVerifyDigest || work.op == Op::kMerkle) {
    const Strided digests = place_rows(slot + layout_.digests, work.digests, 32, begin, end, options.in_place);
    command.digests = digests.data;
    command.digests_stride = digests.stride;
  }
  if (work.op == Op::kVerify) {
    command.id = slot + layout_.id;
    command.id_length = work.has_za ? work.id.size() : ACCEL_SM2_NO_ZA;
    if (!work.id.empty()) std::memcpy(slot + layout_.id, work.id.data(), work.id.size());
  }
  if (work.op == Op::kMerkle) command.rule = static_cast<uint32_t>(work.rule->id);
  stage_outputs(slot, command, work, begin, end, options.clear);
  return command;
}

const uint8_t* Arena::answers(const accel_command& command) const {
  return command.status_out != nullptr ? command.status_out : command.output;
}

}  // namespace accel::runtime
