// Faults of arithmetic and memory: results are wrong, everything around them is right.
#include <algorithm>
#include <cstring>

#include "devices/command.hpp"
#include "devices/fault.hpp"

namespace accel::devices {
namespace {

constexpr uint64_t kLanes = 16;

bool has_digests(const accel_command& command) { return command.opcode == ACCEL_OP_SM3; }

// A verdict turned round: valid items become invalid, all others valid.
void turn(uint8_t& status) { status = status == ACCEL_OK ? ACCEL_BAD_SIGNATURE : ACCEL_OK; }

void flip_digest(const accel_command& command, FaultQueue& queue) {
  if (!has_digests(command)) return;
  const uint64_t item = queue.commands * 7 % command.count;
  command.output[32 * item + queue.commands % 32] ^= static_cast<uint8_t>(1u << queue.commands % 8);
}

void flip_verdict(const accel_command& command, FaultQueue& queue) {
  if (is_verify(command.opcode)) turn(command.status_out[queue.commands * 7 % command.count]);
}

void flip_node(const accel_command& command, FaultQueue&) {
  const uint64_t size = output_bytes(command);
  if (is_merkle(command.opcode) && size != 0) command.output[size - 1] ^= 0x10;
}

void flip_point(const accel_command& command, FaultQueue&) {
  if ((command.flags & ACCEL_COMMAND_POINTS) == 0) return;
  for (uint64_t i = 0; i < command.count; ++i) command.points_out[64 * i + 63] ^= 1;
}

// One output wire of one lane is tied to ground.
void stuck_digest_lane(const accel_command& command, FaultQueue&) {
  if (!has_digests(command)) return;
  for (uint64_t i = 3; i < command.count; i += kLanes) command.output[32 * i + 5] &= 0xfb;
}

void stuck_verdict_lane(const accel_command& command, FaultQueue&) {
  if (!is_verify(command.opcode)) return;
  for (uint64_t i = 5; i < command.count; i += kLanes) command.status_out[i] = ACCEL_OK;
}

void accept_all(const accel_command& command, FaultQueue&) {
  if (is_verify(command.opcode)) std::memset(command.status_out, ACCEL_OK, command.count);
}

void reject_all(const accel_command& command, FaultQueue&) {
  if (is_verify(command.opcode)) std::memset(command.status_out, ACCEL_BAD_SIGNATURE, command.count);
}

void lie(const accel_command& command, FaultQueue& queue, uint64_t period) {
  if (!is_verify(command.opcode)) return;
  const uint64_t before = queue.items;
  queue.items += command.count;
  for (uint64_t i = period - 1 - before % period; i < command.count; i += period) turn(command.status_out[i]);
}
void lie_once_in_1000(const accel_command& command, FaultQueue& queue) { lie(command, queue, 1000); }
void lie_once_in_100(const accel_command& command, FaultQueue& queue) { lie(command, queue, 100); }

// Off by one: the last item is never reached.
void skip_last(const accel_command& command, FaultQueue&) {
  if (is_verify(command.opcode)) command.status_out[command.count - 1] = ACCEL_NOT_CHECKED;
  if (has_digests(command)) std::memset(command.output + 32 * (command.count - 1), 0, 32);
}

// Results stand one item too far on.
void shift_items(const accel_command& command, FaultQueue&) {
  const uint64_t count = command.count;
  if (is_verify(command.opcode))
    std::rotate(command.status_out, command.status_out + count - 1, command.status_out + count);
  if (!has_digests(command)) return;
  std::rotate(command.output, command.output + 32 * (count - 1), command.output + 32 * count);
}

// Every fourth command finds the results of the one before it in its buffer.
void stale_output(const accel_command& command, FaultQueue& queue) {
  uint8_t* const at = is_verify(command.opcode) ? command.status_out : command.output;
  const uint64_t size = output_bytes(command);
  std::vector<uint8_t>& last = queue.last_output[command.opcode];
  const std::vector<uint8_t> now(at, at + size);
  if (queue.completions % 4 == 3) std::copy_n(last.begin(), std::min<size_t>(last.size(), size), at);
  last = now;
}

// A buffer that is never written: what stood there before the command stands there after it.
void unwritten_output(const accel_command& command, FaultQueue& queue) {
  if (queue.completions % 5 != 4) return;
  if (is_verify(command.opcode)) {
    std::memset(command.status_out, ACCEL_NOT_CHECKED, command.count);
  } else {
    std::memset(command.output, 0, output_bytes(command));
  }
}

void one_byte_less(accel_command& command) {
  if (command.opcode == ACCEL_OP_SM3 && command.message_length > 1) command.message_length -= 1;
}

// Strides are taken for none wherever items do not lie one behind the other.
void ignore_strides(accel_command& command) {
  if (command.messages_stride != command.message_length) command.messages_stride = 0;
  if (command.signatures_stride != 64) command.signatures_stride = 0;
  if (command.digests_stride != 32) command.digests_stride = 0;
  if (command.keys_stride != 64) command.keys_stride = 0;
}

void other_rule(accel_command& command) {
  if (command.rule == ACCEL_MERKLE_BCOS) command.rule = ACCEL_MERKLE_CHAINMAKER;
}

}  // namespace

uint64_t output_bytes(const accel_command& command) {
  Fields fields;
  if (!fields_of(command, &fields)) return 0;
  return is_verify(command.opcode) ? fields[kStatus].end : fields[kOutput].end;
}

const std::vector<Fault> kOutputFaults = {
    {"flip-digest", nullptr, flip_digest, nullptr, nullptr},
    {"flip-verdict", nullptr, flip_verdict, nullptr, nullptr},
    {"flip-node", nullptr, flip_node, nullptr, nullptr},
    {"flip-point", nullptr, flip_point, nullptr, nullptr},
    {"stuck-digest-lane", nullptr, stuck_digest_lane, nullptr, nullptr},
    {"stuck-verdict-lane", nullptr, stuck_verdict_lane, nullptr, nullptr},
    {"accept-all", nullptr, accept_all, nullptr, nullptr},
    {"reject-all", nullptr, reject_all, nullptr, nullptr},
    {"lie-1-in-100", nullptr, lie_once_in_100, nullptr, nullptr},
    {"lie-1-in-1000", nullptr, lie_once_in_1000, nullptr, nullptr},
    {"skip-last-item", nullptr, skip_last, nullptr, nullptr},
    {"shift-items", nullptr, shift_items, nullptr, nullptr},
    {"stale-output", nullptr, stale_output, nullptr, nullptr},
    {"unwritten-output", nullptr, unwritten_output, nullptr, nullptr},
    {"message-one-byte-short", one_byte_less, nullptr, nullptr, nullptr},
    {"ignore-strides", ignore_strides, nullptr, nullptr, nullptr},
    {"other-merkle-rule", other_rule, nullptr, nullptr, nullptr},
};

}  // namespace accel::devices
