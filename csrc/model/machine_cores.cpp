// What happens in the cores, and the way of results out of them.
#include "model/machine.hpp"

namespace accel::model {
namespace {

// Which point of a table a digit of the scalar chooses: spread like the digits of random scalars, the same in each run
// (the finaliser of splitmix64).
uint64_t digit(uint64_t command, uint64_t item, uint64_t read) {
  uint64_t x = (command << 48) ^ (item << 8) ^ read;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

}  // namespace

void Machine::at_core(uint32_t number) {
  Task& task = tasks_[number];
  ++cores_[task.core].tasks;
  if (task.blocks > 0) {
    cores_[task.core].hash_queue.push_back(number);
    try_hash(task.core);
  } else {
    hashed(number);
  }
}

void Machine::try_hash(uint32_t number) {
  Core& core = cores_[number];
  if (core.hashing || core.hash_queue.empty()) return;
  core.hashing = true;
  const uint32_t next = core.hash_queue.front();
  core.hash_queue.pop_front();
  Task& task = tasks_[next];
  hashed_blocks_ += task.blocks;
  const uint64_t occupied = task.blocks * config_.calibration.sm3_interval_cycles;
  task.hash_begun = core.sm3.reserve(core_clock_.edge(now_), core_clock_.ticks(occupied)) - core_clock_.ticks(occupied);
  // The last block's digest may be there before the unit takes the next message.
  const uint64_t result = occupied - config_.calibration.sm3_interval_cycles + config_.calibration.sm3_latency_cycles;
  queue_.push(task.hash_begun + core_clock_.ticks(result), EventKind::kHashed, next);
}

void Machine::hashed(uint32_t number) {
  Task& task = tasks_[number];
  if (task.blocks > 0) {
    cores_[task.core].hashing = false;
    timeline_.add(
        {task.hash_begun, now_ - task.hash_begun, active_[task.command].command.tag, task.core, SpanKind::kHash});
  }
  if (is_verify(active_[task.command].command.opcode)) {
    cores_[task.core].verify_queue.push_back(number);
    try_verify(task.core);
  } else {
    leave_core(number);
  }
  try_hash(task.core);
}

void Machine::try_verify(uint32_t number) {
  Core& core = cores_[number];
  while (!core.verify_queue.empty() && !core.contexts.full()) {
    uint32_t context = 0;
    while (core.running[context].busy) ++context;
    core.contexts.take(now_);
    core.running[context] = {core.verify_queue.front(), 0, true, now_, 0};
    core.verify_queue.pop_front();
    begin_step(number, context);
  }
  core.contexts.wait(now_, !core.verify_queue.empty());
}

void Machine::begin_step(uint32_t number, uint32_t context) {
  Core& core = cores_[number];
  Core::Running& it = core.running[context];
  const Task& task = tasks_[it.task];
  const Program& program = program_of(task);
  const Step& step = program.steps[it.step];
  Tick ready = now_;
  for (uint32_t i = 0; i < step.base_reads; ++i) ready = std::max(ready, gtable_.read(now_));
  if (step.key_reads == 0) {
    core.datapath.begin(now_, context, program, step, ready);
    return plan(number);
  }
  const uint64_t points = config_.calibration.known_table_bytes / config_.calibration.point_bytes;
  const uint64_t table = cache_.place(task.key) * config_.calibration.known_table_bytes;
  Tick read = now_;
  for (uint32_t i = 0; i < step.key_reads; ++i) {
    const uint64_t point = digit(active_[task.command].number, task.first, uint64_t{it.step} * 8 + i) % points;
    const uint64_t address = table + point * config_.calibration.point_bytes;
    read = std::max(read, sram_.access(now_, address, config_.calibration.point_bytes));
  }
  it.table_ready = ready;
  queue_.push(read, EventKind::kTable, number, context);
}

void Machine::table_read(uint32_t number, uint32_t context) {
  Core& core = cores_[number];
  const Core::Running& it = core.running[context];
  const Program& program = program_of(tasks_[it.task]);
  const Step& step = program.steps[it.step];
  const Tick there = network_.down(now_, number, step.key_reads * config_.calibration.point_bytes);
  core.datapath.begin(now_, context, program, step, std::max(there, it.table_ready));
  plan(number);
}

void Machine::plan(uint32_t number) {
  Core& core = cores_[number];
  const std::optional<Datapath::StepEnd> end = core.datapath.plan();
  ++core.plan_version;
  if (!end.has_value()) return;
  core.planned = *end;
  queue_.push(end->at, EventKind::kCore, number, core.plan_version);
}

void Machine::step_ended(uint32_t number, uint32_t version) {
  Core& core = cores_[number];
  if (version != core.plan_version) return;  // something came in between
  const uint32_t context = core.planned.context;
  core.datapath.reach(core.planned);
  Core::Running& it = core.running[context];
  const Program& program = program_of(tasks_[it.task]);
  if (++it.step < program.steps.size()) {
    begin_step(number, context);
    if (program.steps[it.step].key_reads > 0) plan(number);
    return;
  }
  const uint32_t done = it.task;
  timeline_.add({it.begun, now_ - it.begun, active_[tasks_[done].command].command.tag,
                 static_cast<uint32_t>(number * config_.core.contexts + context), SpanKind::kVerify});
  it.busy = false;
  core.contexts.release(now_);
  plan(number);
  if (tasks_[done].has_table) {
    ++known_ended_;
    cache_.release(tasks_[done].key);
    if (stalled_.has_value()) cache_changed();
  } else {
    ++unknown_ended_;
  }
  try_verify(number);
  leave_core(done);
}

void Machine::leave_core(uint32_t number) {
  const Task& task = tasks_[number];
  queue_.push(network_.up_link(now_, task.core, task.out_bytes), EventKind::kLeftCore, number);
}

void Machine::left_core(uint32_t number) {
  const Task& task = tasks_[number];
  cores_[task.core].buffers.release(now_);
  queue_.push(network_.up_trunk(now_, task.out_bytes), EventKind::kAtMemory, number);
  if (cores_full_.full()) place_task();
}

void Machine::written(uint32_t number) {
  const Task task = tasks_[number];
  free_tasks_.push_back(number);
  ++tasks_done_;
  Active& it = active_[task.command];
  if (it.level > 0) nodes_ += task.items;
  it.done += task.items;
  if (is_merkle(it.command.opcode)) return end_level(task.command);
  if (it.done == it.items) finish(task.command);
}

// Goes on to the next level of a tree once this one is there: `items` nodes and, where a digest has no partner, that
// digest itself.
void Machine::end_level(uint32_t command) {
  Active& it = active_[command];
  if (it.done < it.items || it.stored < it.in_bytes) return;
  it.written += it.items;
  it.digests += it.level > 1 ? divide_up(it.level, 2) : 0;
  it.level = divide_up(it.level, 2);
  if (it.level == 1) return finish(command);
  it.items = it.ready = it.level / 2;
  it.next = it.done = 0;
  dispatching_.push_back(command);
  try_dispatch();
}

}  // namespace accel::model
