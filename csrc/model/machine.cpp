#include "model/machine.hpp"

#include <numeric>
#include <stdexcept>

namespace accel::model {

const std::array<const char*, kOpcodes> kOpcodeNames{"sm3_equal",       "sm3_ragged",  "verify_digests",
                                                     "verify_messages", "merkle_root", "merkle_levels"};

namespace {

constexpr uint64_t kTaskBytes = 16;  // of what a core is told about its task
constexpr uint64_t kDigestBytes = 32, kSignatureBytes = 64, kKeyBytes = 64, kHandleBytes = 4, kLengthBytes = 8;
constexpr uint64_t kMaxLength = uint64_t{1} << 32;
constexpr uint64_t kMaxBytes = uint64_t{1} << 40;

void require(bool holds, const std::string& sentence) {
  if (!holds) throw std::invalid_argument(sentence);
}

void check_sizes(const Command& command) {
  require(static_cast<size_t>(command.opcode) < kOpcodes,
          "opcode: expected one of 0 to 5, got " + std::to_string(static_cast<unsigned>(command.opcode)));
  require(command.count <= kMaxCount,
          "count: expected at most " + std::to_string(kMaxCount) + ", got " + std::to_string(command.count));
  require(command.length < kMaxLength, "length: expected less than 2^32, got " + std::to_string(command.length));
  require(command.lengths.empty() || command.lengths.size() == command.count,
          "lengths: expected none or one for each of the " + std::to_string(command.count) + " items, got " +
              std::to_string(command.lengths.size()));
  require(command.keys.empty() || command.keys.size() == command.count,
          "keys: expected none or one for each of the " + std::to_string(command.count) + " items, got " +
              std::to_string(command.keys.size()));
  require(command.node_bytes <= 128, "node_bytes: expected at most 128, got " + std::to_string(command.node_bytes));
  const uint64_t messages = command.lengths.empty()
                                ? command.length * command.count
                                : std::accumulate(command.lengths.begin(), command.lengths.end(), uint64_t{0});
  require(messages <= kMaxBytes, "lengths: expected at most 2^40 bytes in all, got " + std::to_string(messages));
}

}  // namespace

std::shared_ptr<const Machine::Design> Machine::design_of(const Config& config) {
  config.check();
  return std::make_shared<const Design>(Design{config, unknown_key_program(config), known_key_program(config)});
}

Machine::Machine(const Config& config)
    : design_(design_of(config)),
      config_(design_->config),
      core_clock_(config.clock.core_divider),
      link_(config_),
      dram_(config_),
      sram_(config_),
      gtable_(config_),
      network_(config_),
      cache_(config_),
      timeline_(config.timeline.max_events),
      submission_(config.submission.depth),
      window_(config.dispatcher.window),
      reads_(config.link.outstanding),
      completion_(config.completion.depth),
      window_slots_(config.dispatcher.window, false) {
  cores_.reserve(config.chip.cores);
  for (uint64_t i = 0; i < config.chip.cores; ++i) cores_.emplace_back(config_, core_clock_, config_.core.contexts);
}

bool Machine::is_verify(Opcode opcode) { return opcode == Opcode::kVerifyDigests || opcode == Opcode::kVerifyMessages; }

bool Machine::is_merkle(Opcode opcode) { return opcode == Opcode::kMerkleRoot || opcode == Opcode::kMerkleLevels; }

uint64_t Machine::length_of(const Command& command, uint64_t item) {
  if (command.opcode == Opcode::kVerifyDigests || is_merkle(command.opcode)) return kDigestBytes;
  return command.lengths.empty() ? command.length : command.lengths[item];
}

uint32_t Machine::key_of(const Command& command, uint64_t item) {
  return command.keys.empty() ? kUnknownKey : command.keys[item];
}

uint64_t Machine::input_bytes(const Command& command, uint64_t item) {
  if (is_merkle(command.opcode)) return kDigestBytes;
  uint64_t bytes = length_of(command, item) + (command.lengths.empty() ? 0 : kLengthBytes);
  if (is_verify(command.opcode))
    bytes += kSignatureBytes + (key_of(command, item) == kUnknownKey ? kKeyBytes : kHandleBytes);
  return bytes;
}

uint64_t Machine::output_bytes(const Active& active) {
  const Command& command = active.command;
  if (is_verify(command.opcode)) return command.count;
  if (command.opcode == Opcode::kMerkleRoot) return kDigestBytes;
  if (command.opcode == Opcode::kMerkleLevels) return active.digests * kDigestBytes;
  return command.count * kDigestBytes;
}

void Machine::submit(Command command) {
  check_sizes(command);
  uint32_t number;
  if (free_active_.empty()) {
    number = static_cast<uint32_t>(active_.size());
    active_.emplace_back();
  } else {
    number = free_active_.back();
    free_active_.pop_back();
  }
  Active& it = active_[number];
  it = Active{};
  it.arrived = std::max(now_, core_clock_.ticks(command.arrival_cycle));
  for (uint64_t i = 0; i < command.count; ++i) it.in_bytes += input_bytes(command, i);
  it.level = is_merkle(command.opcode) ? command.count : 0;
  it.items = is_merkle(command.opcode) ? command.count / 2 : command.count;
  it.command = std::move(command);
  it.number = submitted_++;
  items_under_way_ += it.command.count;
  queue_.push(it.arrived, EventKind::kArrive, number);
}

void Machine::handle(const Event& event) {
  switch (event.kind) {
    case EventKind::kArrive:
      return arrive(event.a);
    case EventKind::kDescriptor:
      return queue_.push(decoder_.reserve(core_clock_.edge(now_), core_clock_.ticks(config_.submission.decode_cycles)),
                         EventKind::kDecoded, event.a);
    case EventKind::kDecoded:
      window_waiting_.push_back(event.a);
      return enter_window();
    case EventKind::kBurst: {
      Active& it = active_[event.a];
      const Tick stored = dram_.access(now_, it.address + it.landed, event.b);
      it.landed += event.b;
      return queue_.push(stored, EventKind::kStored, event.a, event.b);
    }
    case EventKind::kStored:
      return burst_stored(event.a, event.b);
    case EventKind::kDispatched:
      decided_ = true;
      return place_task();
    case EventKind::kFetched: {
      const Task& task = tasks_[event.a];
      return queue_.push(network_.down(now_, task.core, task.in_bytes + kTaskBytes), EventKind::kAtCore, event.a);
    }
    case EventKind::kAtCore:
      return at_core(event.a);
    case EventKind::kHashed:
      return hashed(event.a);
    case EventKind::kCore:
      return step_ended(event.a, event.b);
    case EventKind::kTable:
      return table_read(event.a, event.b);
    case EventKind::kLeftCore:
      return left_core(event.a);
    case EventKind::kAtMemory: {
      const Task& task = tasks_[event.a];
      Active& it = active_[task.command];
      const uint64_t address = it.sram_address + (it.written + task.first) * task.out_bytes / task.items;
      return queue_.push(sram_.access(now_, address, task.out_bytes), EventKind::kWritten, event.a);
    }
    case EventKind::kWritten:
      return written(event.a);
    case EventKind::kTableRead: {
      const uint64_t bytes = config_.calibration.known_table_bytes;
      return queue_.push(sram_.access(now_, cache_.place(event.a) * bytes, bytes), EventKind::kTableIn, event.a);
    }
    case EventKind::kTableIn:
      return table_in(event.a);
    case EventKind::kResultsRead:
      return queue_.push(link_.to_host(now_, output_bytes(active_[event.a])), EventKind::kSent, event.a);
    case EventKind::kSent:
      completing_.push_back(event.a);
      return try_complete();
    case EventKind::kDrained:
      completion_.release(now_);
      return try_complete();
    case EventKind::kCompleted:
      return complete(event.a);
  }
}

void Machine::step() {
  const Event event = queue_.pop();
  now_ = event.at;
  ++events_;
  handle(event);
}

void Machine::stuck() const {
  throw std::logic_error("the model stopped with " + std::to_string(submitted_ - completed_) + " commands under way");
}

void Machine::run_until(Tick limit) {
  while (!queue_.empty() && queue_.next() <= limit) step();
  now_ = std::max(now_, limit);
}

bool Machine::run_until_below(uint64_t items, uint64_t most_events) {
  for (; items_under_way_ >= items && items_under_way_ > 0; --most_events) {
    if (queue_.empty()) stuck();
    if (most_events == 0) return false;
    step();
  }
  return true;
}

void Machine::run() {
  while (!queue_.empty()) step();
  if (!idle()) stuck();
}

std::vector<Completion> Machine::take_completions() {
  std::vector<Completion> taken;
  taken.swap(completions_);
  return taken;
}

}  // namespace accel::model
