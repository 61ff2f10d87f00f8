// The accelerator as a machine of discrete events. Commands go in, their moments of completion come out; what they
// compute is somebody else's business. No clock but its own, no threads, no randomness, no floating point: the same
// commands and the same configuration give the same cycles everywhere.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/config.hpp"
#include "model/core.hpp"
#include "model/engine.hpp"
#include "model/key_cache.hpp"
#include "model/memory.hpp"
#include "model/program.hpp"
#include "model/timeline.hpp"

namespace accel::model {

enum class Opcode : uint8_t { kSm3Equal, kSm3Ragged, kVerifyDigests, kVerifyMessages, kMerkleRoot, kMerkleLevels };
inline constexpr size_t kOpcodes = 6;
extern const std::array<const char*, kOpcodes> kOpcodeNames;

inline constexpr uint32_t kUnknownKey = 0xffffffff;
inline constexpr uint64_t kMaxCount = uint64_t{1} << 31;

struct Command {
  Opcode opcode = Opcode::kSm3Equal;
  uint64_t tag = 0;
  uint64_t count = 0;             // items: messages, signatures, leaf hashes
  uint64_t length = 0;            // of each message, in bytes, below 2^32
  std::vector<uint32_t> lengths;  // of messages that differ: `count` of them, or none
  std::vector<uint32_t> keys;     // signers, by the handle of their table, or kUnknownKey: `count` of them, or none
  uint64_t node_bytes = 65;       // bytes hashed for a node of two digests (rfc9162: 65)
  uint64_t arrival_cycle = 0;     // core cycles; not before now() counts as now
};

struct Completion {
  uint64_t tag;
  Opcode opcode;
  uint64_t count;
  Tick arrived, completed;
};

struct Statistic {
  std::string name, unit, description;
  uint64_t value;
};

// How hard a resource was pressed between the first arrival and the last completion, in parts per million: for what
// serves one thing at a time the time it was busy, for what is held the time in which all of it was and more was
// wanted. In the order in which work passes.
struct Pressure {
  std::string resource;
  uint64_t ppm;
};

class Machine {
 public:
  explicit Machine(const Config& config);
  // Goes on by itself, from the same state.
  Machine(const Machine&) = default;
  Machine& operator=(const Machine&) = delete;

  // Throws std::invalid_argument where a command makes no sense.
  void submit(Command command);

  void run_until(Tick limit);
  // Until fewer than `items` items of submitted commands are not completed: a host that keeps so many under way submits
  // then. False: not yet, after `most_events` events.
  bool run_until_below(uint64_t items, uint64_t most_events = ~uint64_t{0});
  // Until all is done.
  void run();

  Tick now() const { return now_; }
  bool idle() const { return submitted_ == completed_; }
  std::vector<Completion> take_completions();
  // In the order of the chip's parts. Meaningful while idle.
  std::vector<Statistic> statistics() const;
  std::vector<Pressure> pressures() const;
  // The resource that holds the others up: of those within a tenth of the highest pressure the one furthest down the
  // way, because what stands before it fills up behind it. "latency" where none reaches a half.
  std::string bottleneck() const;
  // Busy ticks of each core's multiplier and SM3 unit.
  std::vector<std::pair<Tick, Tick>> core_busy() const;
  const Timeline& timeline() const { return timeline_; }
  const Config& config() const { return config_; }
  uint64_t events() const { return events_; }
  // With the groups of products that were issued between events.
  uint64_t steps() const;

 private:
  struct Active {
    Command command;
    uint64_t number = 0;  // in the order of submission
    Tick arrived = 0, entered = 0;
    uint64_t window_slot = 0;
    uint64_t address = 0, sram_address = 0;
    uint64_t in_bytes = 0, requested = 0, landed = 0, stored = 0;  // of the input
    uint64_t ready_bytes = 0;                                      // of the items that are in
    uint64_t items = 0, ready = 0, next = 0, done = 0;  // of the phase: the items themselves, or nodes of a level
    uint64_t next_bytes = 0;                            // input bytes of the items handed out
    uint64_t level = 0;                                 // of a tree: digests that this phase takes
    uint64_t written = 0, digests = 0;                  // of a tree: hashed so far; of all levels above the leaves
  };
  struct Task {
    uint32_t command = 0, core = 0, key = kUnknownKey;
    uint64_t first = 0, items = 0;
    uint64_t in_address = 0, in_bytes = 0, out_bytes = 0;
    uint64_t blocks = 0;
    bool from_sram = false, has_table = false;
    Tick hash_begun = 0;
  };

  void handle(const Event& event);
  void step();
  [[noreturn]] void stuck() const;

  // Host, submission queue, window, DMA: machine_host.cpp.
  void arrive(uint32_t command);
  void try_submit();
  void enter_window();
  void try_read();
  void burst_stored(uint32_t command, uint64_t bytes);
  void finish(uint32_t command);
  void try_complete();
  void complete(uint32_t command);

  // Dispatcher and key tables: machine_dispatch.cpp.
  void try_dispatch();
  std::optional<uint32_t> next_task();
  uint32_t make_task(uint32_t command);
  void place_task();
  bool find_table(Task& task);
  void cache_changed();
  std::optional<uint32_t> choose_core();
  void table_in(uint32_t key);

  // Cores and results: machine_cores.cpp.
  void at_core(uint32_t task);
  void try_hash(uint32_t core);
  void hashed(uint32_t task);
  void try_verify(uint32_t core);
  void begin_step(uint32_t core, uint32_t context);
  void table_read(uint32_t core, uint32_t context);
  void step_ended(uint32_t core, uint32_t version);
  void plan(uint32_t core);
  void leave_core(uint32_t task);
  void left_core(uint32_t task);
  void written(uint32_t task);
  void end_level(uint32_t command);

  // Statistics: statistics.cpp.
  class Figures;
  Tick elapsed() const;
  uint64_t to_ns(Tick ticks) const;
  uint64_t products() const;
  void add_time(Figures& figures) const;
  void add_work(Figures& figures) const;
  void add_traffic(Figures& figures) const;
  void add_cores(Figures& figures) const;
  void add_energy(Figures& figures) const;

  static bool is_verify(Opcode opcode);
  static bool is_merkle(Opcode opcode);
  static uint64_t length_of(const Command& command, uint64_t item);
  static uint32_t key_of(const Command& command, uint64_t item);
  static uint64_t input_bytes(const Command& command, uint64_t item);
  static uint64_t output_bytes(const Active& active);
  const Program& program_of(const Task& task) const { return task.has_table ? design_->known : design_->unknown; }

  struct Design {
    Config config;
    Program unknown, known;
  };
  static std::shared_ptr<const Design> design_of(const Config& config);

  const std::shared_ptr<const Design> design_;  // shared by copies: what is below refers to it
  const Config& config_;
  const Clock core_clock_;
  EventQueue queue_;
  Tick now_ = 0;
  uint64_t events_ = 0;

  Link link_;
  Dram dram_;
  Sram sram_;
  GTable gtable_;
  Network network_;
  KeyCache cache_;
  Timeline timeline_;
  std::vector<Core> cores_;

  Slots submission_, window_, reads_, completion_;
  Server decoder_, dispatcher_, host_;
  std::vector<Active> active_;
  std::vector<uint32_t> free_active_;
  std::deque<uint32_t> host_waiting_, window_waiting_, reading_, dispatching_, completing_;
  std::vector<bool> window_slots_;
  std::vector<Task> tasks_;
  std::vector<uint32_t> free_tasks_;
  std::optional<uint32_t> deciding_;                     // the dispatcher's task
  bool decided_ = false;                                 // it waits for a core
  std::deque<uint32_t> returned_;                        // tasks whose table has come
  std::optional<uint32_t> stalled_;                      // a task for whose table there is no place
  bool cache_changed_ = false;                           // since that task was looked at
  std::map<uint32_t, std::vector<uint32_t>> for_table_;  // tasks that wait for a key's table
  uint32_t next_core_ = 0;                               // of policy round_robin
  Slots cache_stall_{1}, cores_full_{1};                 // held while a task waits for a table's place; for a core
  uint64_t next_address_ = 0, next_sram_address_ = 0;

  // What the statistics are made of.
  std::vector<Completion> completions_;
  uint64_t submitted_ = 0, completed_ = 0, items_under_way_ = 0;
  Slots in_system_{~uint64_t{0}};
  Tick first_arrival_ = kNever, last_completion_ = 0;
  std::array<uint64_t, kOpcodes> commands_of_{}, items_of_{};
  Tick latency_sum_ = 0, latency_least_ = kNever, latency_most_ = 0;
  uint64_t hashed_blocks_ = 0, tasks_done_ = 0, known_ended_ = 0, unknown_ended_ = 0, nodes_ = 0;
};

}  // namespace accel::model
