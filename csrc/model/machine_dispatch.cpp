// The dispatcher: which task is next, whether its signer's table is there, which core gets it.
#include <algorithm>

#include "model/machine.hpp"

namespace accel::model {
namespace {

constexpr uint64_t kSm3Block = 64, kPadding = 9;
constexpr uint64_t kZaBytes = 32;                       // hashed before a message
constexpr uint64_t kZaBlocks = 2;                       // of a key that is not known: those that hold it
constexpr uint64_t kTablesAddress = uint64_t{1} << 48;  // in DRAM, beyond all inputs

uint64_t blocks_of(uint64_t bytes) { return (bytes + kPadding + kSm3Block - 1) / kSm3Block; }

}  // namespace

void Machine::try_dispatch() {
  if (deciding_.has_value()) return;
  deciding_ = next_task();
  if (!deciding_.has_value()) return;
  decided_ = false;
  const Tick done = dispatcher_.reserve(core_clock_.edge(now_), core_clock_.ticks(config_.dispatcher.task_cycles));
  queue_.push(done, EventKind::kDispatched);
}

std::optional<uint32_t> Machine::next_task() {
  if (!returned_.empty()) {
    const uint32_t task = returned_.front();
    returned_.pop_front();
    return task;
  }
  if (stalled_.has_value()) {
    if (!cache_changed_) return std::nullopt;
    const uint32_t task = *stalled_;
    stalled_.reset();
    return task;
  }
  for (size_t i = 0; i < dispatching_.size(); ++i) {
    const uint32_t command = dispatching_[i];
    if (active_[command].next == active_[command].ready) continue;
    const uint32_t task = make_task(command);
    const bool handed_out = active_[command].next == active_[command].items;
    const bool in_turn = static_cast<Order>(config_.dispatcher.order) == Order::kFair;
    if (handed_out || in_turn) dispatching_.erase(dispatching_.begin() + static_cast<std::ptrdiff_t>(i));
    if (!handed_out && in_turn) dispatching_.push_back(command);
    return task;
  }
  return std::nullopt;
}

uint32_t Machine::make_task(uint32_t number) {
  Active& it = active_[number];
  const Command& command = it.command;
  Task task;
  task.command = number;
  task.first = it.next;
  task.items = 1;
  if (it.level > 0) {
    task.items = std::min(config_.dispatcher.nodes_per_task, it.ready - it.next);
    task.from_sram = it.level < command.count;
    task.in_address = (task.from_sram ? it.sram_address + it.written * 32 : it.address) + it.next * 64;
    task.in_bytes = task.items * 64;
    task.blocks = task.items * blocks_of(command.node_bytes);
  } else {
    const uint64_t bytes = input_bytes(command, it.next), length = length_of(command, it.next);
    task.in_address = it.address + it.next_bytes;
    task.in_bytes = bytes;
    it.next_bytes += bytes;
    task.key = is_verify(command.opcode) ? key_of(command, it.next) : kUnknownKey;
    if (command.opcode == Opcode::kVerifyMessages)
      task.blocks = blocks_of(kZaBytes + length) + (task.key == kUnknownKey ? kZaBlocks : 0);
    else if (command.opcode != Opcode::kVerifyDigests)
      task.blocks = blocks_of(length);
  }
  task.out_bytes = is_verify(command.opcode) ? 1 : 32 * task.items;
  it.next += task.items;
  if (free_tasks_.empty()) {
    tasks_.push_back(task);
    return static_cast<uint32_t>(tasks_.size() - 1);
  }
  const uint32_t place = free_tasks_.back();
  free_tasks_.pop_back();
  tasks_[place] = task;
  return place;
}

// The dispatcher has looked at its task, and may have waited for a core since.
void Machine::place_task() {
  if (!decided_) return;
  Task& task = tasks_[*deciding_];
  if (task.key != kUnknownKey && !task.has_table && !find_table(task)) return;
  const std::optional<uint32_t> core = choose_core();
  if (cores_full_.full() != !core.has_value()) {
    if (core.has_value()) {
      cores_full_.release(now_);
    } else {
      cores_full_.take(now_);
    }
    cores_full_.wait(now_, true);
  }
  if (!core.has_value()) return;
  task.core = *core;
  cores_[*core].buffers.take(now_);
  const Tick fetched = task.from_sram ? sram_.access(now_, task.in_address, task.in_bytes)
                                      : dram_.access(now_, task.in_address, task.in_bytes);
  queue_.push(fetched, EventKind::kFetched, *deciding_);
  deciding_.reset();
  decided_ = false;
  try_dispatch();
}

// Whether the task may go on to a core now.
bool Machine::find_table(Task& task) {
  const KeyCache::Answer answer = cache_.ask(task.key);
  const bool blocked = answer == KeyCache::Answer::kBlocked;
  if (cache_stall_.full() != blocked) {
    if (blocked) {
      cache_stall_.take(now_);
    } else {
      cache_stall_.release(now_);
    }
    cache_stall_.wait(now_, true);
  }
  if (blocked) {
    // Tasks whose tables are in go on: some of them give up the places that this one waits for.
    stalled_ = *deciding_;
    cache_changed_ = false;
    deciding_.reset();
    decided_ = false;
    try_dispatch();
    return false;
  }
  if (answer == KeyCache::Answer::kHit) return task.has_table = true;
  for_table_[task.key].push_back(*deciding_);
  if (answer == KeyCache::Answer::kFetch) {
    cache_.fetching(now_);
    const uint64_t bytes = config_.calibration.known_table_bytes;
    const Tick read = dram_.access(now_, kTablesAddress + task.key * bytes, bytes);
    timeline_.add({now_, read - now_, task.key, task.key, SpanKind::kTable});
    queue_.push(read, EventKind::kTableRead, task.key);
  }
  deciding_.reset();
  decided_ = false;
  try_dispatch();
  return false;
}

void Machine::table_in(uint32_t key) {
  cache_.arrived(now_, key);
  const auto waiting = for_table_.find(key);
  for (const uint32_t task : waiting->second) {
    cache_.hold(key);
    tasks_[task].has_table = true;
    returned_.push_back(task);
  }
  for_table_.erase(waiting);
  cache_changed();
}

void Machine::cache_changed() {
  cache_changed_ = true;
  try_dispatch();
}

std::optional<uint32_t> Machine::choose_core() {
  const auto count = static_cast<uint32_t>(cores_.size());
  std::optional<uint32_t> best;
  for (uint32_t i = 0; i < count; ++i) {
    switch (static_cast<Policy>(config_.dispatcher.policy)) {
      case Policy::kFirstFree:
        if (!cores_[i].buffers.full()) return i;
        break;
      case Policy::kRoundRobin:
        if (const uint32_t core = (next_core_ + i) % count; !cores_[core].buffers.full()) {
          next_core_ = (core + 1) % count;
          return core;
        }
        break;
      case Policy::kLeastLoaded:
        if (!cores_[i].buffers.full() && (!best || cores_[i].buffers.used() < cores_[*best].buffers.used())) best = i;
        break;
    }
  }
  return best;
}

}  // namespace accel::model
