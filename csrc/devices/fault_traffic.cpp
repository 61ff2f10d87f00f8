// Faults between queue and completion: results are right, and lost, doubled, mixed up or wrongly labelled.
#include <algorithm>
#include <utility>

#include "devices/command.hpp"
#include "devices/fault.hpp"

namespace accel::devices {
namespace {

accel_completion& newest(FaultQueue& queue) { return queue.ready.back(); }
bool every(uint64_t period, const FaultQueue& queue) { return queue.completions % period == period - 1; }

void drop(const accel_command&, FaultQueue& queue) {
  if (every(5, queue)) queue.ready.pop_back();
}

void duplicate(const accel_command&, FaultQueue& queue) {
  if (every(5, queue)) queue.ready.push_back(newest(queue));
}

void wrong_tag(const accel_command&, FaultQueue& queue) {
  if (every(5, queue)) newest(queue).tag += 1;
}

void short_tag(const accel_command&, FaultQueue& queue) { newest(queue).tag &= UINT32_MAX; }

void wrong_count(const accel_command&, FaultQueue& queue) {
  if (every(5, queue)) newest(queue).count += 1;
}

void wrong_opcode(const accel_command&, FaultQueue& queue) {
  if (every(5, queue)) newest(queue).opcode = 0;
}

void no_status(const accel_command&, FaultQueue& queue) {
  if (every(5, queue)) newest(queue).status = ACCEL_COMPLETION_NONE;
}

void fault_status(const accel_command&, FaultQueue& queue) {
  if (every(5, queue)) newest(queue).status = ACCEL_COMPLETION_FAULT;
}

// Malformed commands look as if they had run.
void done_anyway(const accel_command&, FaultQueue& queue) {
  const uint16_t status = newest(queue).status;
  if (status == ACCEL_COMPLETION_BAD_COMMAND || status == ACCEL_COMPLETION_UNSUPPORTED) {
    newest(queue).status = ACCEL_COMPLETION_DONE;
  }
}

// Malformed commands are never answered.
void ignore_malformed(const accel_command&, FaultQueue& queue) {
  const uint16_t status = newest(queue).status;
  if (status == ACCEL_COMPLETION_BAD_COMMAND || status == ACCEL_COMPLETION_UNSUPPORTED) queue.ready.pop_back();
}

// Two commands get each other's results.
void swap_results(const accel_command& command, FaultQueue& queue) {
  if (newest(queue).status != ACCEL_COMPLETION_DONE) return;
  if (queue.held.empty()) {
    if (queue.in_flight.empty()) return;  // no other command is under way whose results could come
    queue.held.emplace_back(newest(queue), command);
    queue.ready.pop_back();
    return;
  }
  const auto [other_completion, other] = queue.held.front();
  queue.held.pop_front();
  queue.ready.push_back(other_completion);
  if (other.opcode != command.opcode) return;
  uint8_t* const a = is_verify(command.opcode) ? command.status_out : command.output;
  uint8_t* const b = is_verify(command.opcode) ? other.status_out : other.output;
  std::swap_ranges(a, a + std::min(output_bytes(command), output_bytes(other)), b);
}

bool hang_after_20(const accel_command&, uint32_t, FaultQueue& queue) { return queue.commands >= 20; }
bool hang_merkle(const accel_command& command, uint32_t, FaultQueue&) { return is_merkle(command.opcode); }
bool hang_second_queue(const accel_command&, uint32_t queue_index, FaultQueue&) { return queue_index == 1; }
bool hang_large(const accel_command& command, uint32_t, FaultQueue&) { return command.count > 256; }

}  // namespace

const std::vector<Fault> kTrafficFaults = {
    {"drop-completion", nullptr, nullptr, drop, nullptr},
    {"duplicate-completion", nullptr, nullptr, duplicate, nullptr},
    {"swap-results", nullptr, nullptr, swap_results, nullptr},
    {"wrong-tag", nullptr, nullptr, wrong_tag, nullptr},
    {"tag-of-32-bits", nullptr, nullptr, short_tag, nullptr},
    {"wrong-count", nullptr, nullptr, wrong_count, nullptr},
    {"wrong-opcode", nullptr, nullptr, wrong_opcode, nullptr},
    {"no-status", nullptr, nullptr, no_status, nullptr},
    {"fault-status", nullptr, nullptr, fault_status, nullptr},
    {"malformed-as-done", nullptr, nullptr, done_anyway, nullptr},
    {"malformed-unanswered", nullptr, nullptr, ignore_malformed, nullptr},
    {"hang", nullptr, nullptr, nullptr, hang_after_20},
    {"hang-merkle", nullptr, nullptr, nullptr, hang_merkle},
    {"hang-second-queue", nullptr, nullptr, nullptr, hang_second_queue},
    {"hang-large-batch", nullptr, nullptr, nullptr, hang_large},
};

}  // namespace accel::devices
