#include "devices/command.hpp"

#include <algorithm>
#include <cstring>

namespace accel::devices {
namespace {

constexpr uint16_t kMessageFlags = ACCEL_COMMAND_RAGGED;
constexpr uint16_t kKeyFlags = ACCEL_COMMAND_HANDLES | ACCEL_COMMAND_POINTS;
constexpr uint32_t kLeastSize = offsetof(accel_command, messages);

uint16_t flags_of(uint16_t opcode) {
  switch (opcode) {
    case ACCEL_OP_SM3:
      return kMessageFlags;
    case ACCEL_OP_SM2_VERIFY_DIGEST:
      return kKeyFlags;
    case ACCEL_OP_SM2_VERIFY:
      return kMessageFlags | kKeyFlags;
    default:
      return 0;
  }
}

bool has_messages(uint16_t opcode) { return opcode == ACCEL_OP_SM3 || opcode == ACCEL_OP_SM2_VERIFY; }

uint64_t load_offset(const accel_command& command, uint64_t i) {
  uint64_t offset;
  std::memcpy(&offset, reinterpret_cast<const uint8_t*>(command.offsets) + 8 * i, 8);
  return offset;
}

// `count` items of `size` bytes, `stride` apart; false when that wraps around.
bool set(Field* field, const void* pointer, uint64_t stride, uint64_t size, uint64_t count, bool output = false) {
  uint64_t end = 0, address = 0;
  if (count == 0 || size == 0) return true;
  if (__builtin_mul_overflow(stride, count - 1, &end) || __builtin_add_overflow(end, size, &end) ||
      __builtin_add_overflow(end, reinterpret_cast<uintptr_t>(pointer), &address)) {
    return false;
  }
  *field = {pointer, 0, end, output};
  return true;
}

bool set_messages(const accel_command& command, Fields& fields) {
  if ((command.flags & ACCEL_COMMAND_RAGGED) == 0) {
    return set(&fields[kMessages], command.messages, command.messages_stride, command.message_length, command.count);
  }
  uint64_t offsets, address;
  if (__builtin_add_overflow(command.count, 1, &offsets) || !set(&fields[kOffsets], command.offsets, 8, 8, offsets)) {
    return false;
  }
  if (command.offsets == nullptr) return true;
  uint64_t least = UINT64_MAX, most = 0;
  for (uint64_t i = 0; i <= command.count; ++i) {
    const uint64_t offset = load_offset(command, i);
    least = std::min(least, offset);
    most = std::max(most, offset);
  }
  if (__builtin_add_overflow(most, reinterpret_cast<uintptr_t>(command.messages), &address)) return false;
  if (least != most) fields[kMessages] = {command.messages, least, most, false};
  return true;
}

bool set_verify(const accel_command& command, Fields& fields) {
  const bool handles = command.flags & ACCEL_COMMAND_HANDLES, points = command.flags & ACCEL_COMMAND_POINTS;
  const uint64_t count = command.count;
  return (handles ? set(&fields[kHandles], command.key_handles, 4, 4, count)
                  : set(&fields[kKeys], command.keys, command.keys_stride, 64, count)) &&
         set(&fields[kSignatures], command.signatures, command.signatures_stride, 64, count) &&
         set(&fields[kStatus], command.status_out, 1, 1, count, true) &&
         (!points || set(&fields[kPoints], command.points_out, 64, 64, count, true));
}

bool set_digests(const accel_command& command, Fields& fields) {
  return set(&fields[kDigests], command.digests, command.digests_stride, 32, command.count);
}

uint64_t output_items(const accel_command& command) {
  if (command.opcode == ACCEL_OP_SM3) return command.count;
  return command.opcode == ACCEL_OP_MERKLE_ROOT ? 1 : nodes_above(command.count);
}

bool has_null(const Fields& fields) {
  return std::any_of(fields.begin(), fields.end(), [](const Field& f) { return f.used() && f.pointer == nullptr; });
}

accel_completion_status check_messages(const accel_command& command, const accel_device_caps& caps) {
  if ((command.flags & ACCEL_COMMAND_RAGGED) == 0) {
    uint64_t total;
    if (command.message_length > caps.max_message) return ACCEL_COMPLETION_UNSUPPORTED;
    if (__builtin_mul_overflow(command.message_length, command.count, &total)) return ACCEL_COMPLETION_UNSUPPORTED;
    return total > caps.max_bytes ? ACCEL_COMPLETION_UNSUPPORTED : ACCEL_COMPLETION_DONE;
  }
  const uint64_t first = load_offset(command, 0);
  uint64_t previous = first, longest = 0;
  for (uint64_t i = 1; i <= command.count; ++i) {
    const uint64_t next = load_offset(command, i);
    if (next < previous) return ACCEL_COMPLETION_BAD_COMMAND;
    longest = std::max(longest, next - previous);
    previous = next;
  }
  const bool too_long = longest > caps.max_message || previous - first > caps.max_bytes;
  return too_long ? ACCEL_COMPLETION_UNSUPPORTED : ACCEL_COMPLETION_DONE;
}

bool is_good_id(const accel_command& command) {
  if (command.opcode != ACCEL_OP_SM2_VERIFY || command.id_length == ACCEL_SM2_NO_ZA) return true;
  return command.id_length <= ACCEL_SM2_MAX_ID_LENGTH;
}

bool is_supported(const accel_command& command, const accel_device_caps& caps) {
  if (command.opcode > 63 || (caps.opcodes >> command.opcode & 1) == 0) return false;
  if ((command.flags & ~(flags_of(command.opcode) & caps.flags)) != 0) return false;
  if (command.count == 0 || command.count > caps.max_items) return false;
  return !is_merkle(command.opcode) || (command.rule >= ACCEL_MERKLE_RFC9162 && command.rule <= ACCEL_MERKLE_BCOS);
}

}  // namespace

accel_command command_at(const accel_command* commands, uint32_t i) {
  accel_command command = {};
  const uint32_t size = commands->struct_size;
  if (size < kLeastSize) return command;
  const auto* at = reinterpret_cast<const uint8_t*>(commands) + uint64_t{size} * i;
  std::memcpy(&command, at, std::min<size_t>(size, sizeof command));
  return command;
}

bool is_verify(uint16_t opcode) { return opcode == ACCEL_OP_SM2_VERIFY_DIGEST || opcode == ACCEL_OP_SM2_VERIFY; }
bool is_merkle(uint16_t opcode) { return opcode == ACCEL_OP_MERKLE_LEVELS || opcode == ACCEL_OP_MERKLE_ROOT; }

uint64_t nodes_above(uint64_t leaves) {
  uint64_t nodes = 0;
  for (uint64_t width = leaves; width > 1;) nodes += width = width / 2 + width % 2;
  return nodes;
}

bool fields_of(const accel_command& command, Fields* fields) {
  *fields = {};
  const uint16_t opcode = command.opcode;
  if (has_messages(opcode) && !set_messages(command, *fields)) return false;
  if (is_verify(opcode) && !set_verify(command, *fields)) return false;
  if ((opcode == ACCEL_OP_SM2_VERIFY_DIGEST || is_merkle(opcode)) && !set_digests(command, *fields)) return false;
  if (opcode == ACCEL_OP_SM2_VERIFY && command.id_length != ACCEL_SM2_NO_ZA &&
      !set(&(*fields)[kId], command.id, 1, 1, command.id_length)) {
    return false;
  }
  if (opcode != ACCEL_OP_SM3 && !is_merkle(opcode)) return true;
  return set(&(*fields)[kOutput], command.output, 32, 32, output_items(command), true);
}

accel_completion_status check(const accel_command& command, const accel_device_caps& caps) {
  if (command.struct_size == 0) return ACCEL_COMPLETION_BAD_COMMAND;
  if (!is_supported(command, caps)) return ACCEL_COMPLETION_UNSUPPORTED;
  if ((command.flags & ACCEL_COMMAND_RAGGED) != 0 && command.offsets == nullptr) return ACCEL_COMPLETION_BAD_COMMAND;
  if (!is_good_id(command)) return ACCEL_COMPLETION_BAD_COMMAND;
  if (has_messages(command.opcode)) {
    const accel_completion_status status = check_messages(command, caps);
    if (status != ACCEL_COMPLETION_DONE) return status;
  }
  Fields fields;
  if (!fields_of(command, &fields) || has_null(fields)) return ACCEL_COMPLETION_BAD_COMMAND;
  return fields[kOutput].end > command.output_size ? ACCEL_COMPLETION_BAD_COMMAND : ACCEL_COMPLETION_DONE;
}

}  // namespace accel::devices
