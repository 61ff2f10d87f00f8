// The way of a command from its host into the chip and back.
#include <algorithm>

#include "model/machine.hpp"

namespace accel::model {

void Machine::arrive(uint32_t command) {
  first_arrival_ = std::min(first_arrival_, now_);
  in_system_.take(now_);
  host_waiting_.push_back(command);
  try_submit();
}

void Machine::try_submit() {
  while (!host_waiting_.empty() && !submission_.full()) {
    submission_.take(now_);
    const Tick there = link_.to_chip(now_, config_.submission.descriptor_bytes);
    queue_.push(there, EventKind::kDescriptor, host_waiting_.front());
    host_waiting_.pop_front();
  }
  submission_.wait(now_, !host_waiting_.empty());
}

void Machine::enter_window() {
  while (!window_waiting_.empty() && !window_.full()) {
    const uint32_t number = window_waiting_.front();
    window_waiting_.pop_front();
    window_.take(now_);
    submission_.release(now_);
    Active& it = active_[number];
    it.entered = now_;
    it.window_slot =
        static_cast<uint64_t>(std::find(window_slots_.begin(), window_slots_.end(), false) - window_slots_.begin());
    window_slots_[it.window_slot] = true;
    it.address = next_address_;
    next_address_ += it.in_bytes;
    it.sram_address = next_sram_address_;
    next_sram_address_ += it.command.count * 2 * 32;
    if (it.command.count == 0) {
      finish(number);
      continue;
    }
    if (it.in_bytes > 0) reading_.push_back(number);
    if (it.items > 0) dispatching_.push_back(number);
    burst_stored(number, 0);  // items without input are ready at once
  }
  window_.wait(now_, !window_waiting_.empty());
  try_read();
  try_submit();
}

// DMA of inputs, burst by burst, one command after the other.
void Machine::try_read() {
  while (!reading_.empty() && !reads_.full()) {
    Active& it = active_[reading_.front()];
    const uint64_t bytes = std::min(config_.link.burst_bytes, it.in_bytes - it.requested);
    it.requested += bytes;
    reads_.take(now_);
    queue_.push(link_.to_chip(now_, bytes), EventKind::kBurst, reading_.front(), static_cast<uint32_t>(bytes));
    if (it.requested == it.in_bytes) reading_.pop_front();
  }
  reads_.wait(now_, !reading_.empty());
}

void Machine::burst_stored(uint32_t command, uint64_t bytes) {
  Active& it = active_[command];
  if (bytes > 0) {
    it.stored += bytes;
    reads_.release(now_);
    try_read();
  }
  if (is_merkle(it.command.opcode)) {
    if (it.level == it.command.count) it.ready = std::min(it.items, it.stored / 64);
    end_level(command);
    return try_dispatch();
  }
  while (it.ready < it.command.count) {
    const uint64_t wanted = it.ready_bytes + input_bytes(it.command, it.ready);
    if (wanted > it.stored) break;
    it.ready_bytes = wanted;
    ++it.ready;
  }
  try_dispatch();
}

// All results lie in on-chip memory: they are read and sent.
void Machine::finish(uint32_t command) {
  const Active& it = active_[command];
  queue_.push(sram_.access(now_, it.sram_address, output_bytes(it)), EventKind::kResultsRead, command);
}

void Machine::try_complete() {
  while (!completing_.empty() && !completion_.full()) {
    const uint32_t command = completing_.front();
    completing_.pop_front();
    completion_.take(now_);
    queue_.push(link_.to_host(now_, config_.completion.entry_bytes), EventKind::kCompleted, command);
    window_.release(now_);
    window_slots_[active_[command].window_slot] = false;
    Active& it = active_[command];
    timeline_.add(
        {it.entered, now_ - it.entered, it.command.tag, static_cast<uint32_t>(it.window_slot), SpanKind::kCommand});
  }
  completion_.wait(now_, !completing_.empty());
  enter_window();
}

void Machine::complete(uint32_t command) {
  Active& it = active_[command];
  const Command& what = it.command;
  const auto opcode = static_cast<size_t>(what.opcode);
  ++commands_of_[opcode];
  items_of_[opcode] += what.count;
  items_under_way_ -= what.count;
  ++completed_;
  in_system_.release(now_);
  last_completion_ = now_;
  const Tick latency = now_ - it.arrived;
  latency_sum_ += latency;
  latency_least_ = std::min(latency_least_, latency);
  latency_most_ = std::max(latency_most_, latency);
  completions_.push_back({what.tag, what.opcode, what.count, it.arrived, now_});
  it = Active{};
  free_active_.push_back(command);
  const Tick drained = host_.reserve(now_, ticks_of_ns(config_, config_.completion.host_drain_ns));
  queue_.push(drained, EventKind::kDrained);
}

}  // namespace accel::model
