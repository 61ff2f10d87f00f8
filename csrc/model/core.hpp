// One core: a modular multiplier and a sequencer that interleaves verifications, and an SM3 unit.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>

#include "model/config.hpp"
#include "model/engine.hpp"
#include "model/program.hpp"

namespace accel::model {

inline constexpr uint32_t kMaxContexts = 4;

// The multiplier and the sequencer of a core, group by group, between the moments at which the core meets the rest of
// the chip. A plan says when that is next, if nothing comes in between; what comes in between takes the plan back to
// that moment. So the groups need no events of their own, and are issued in the same order as if they had.
class Datapath {
 public:
  Datapath(const Config& config, Clock clock);

  // An event of a core's own: at `at`, context `context` has ended its step.
  struct StepEnd {
    Tick at;
    uint32_t context;
  };

  // Nothing of the context is under way: its groups from `first` to `end` may be issued from `ready` on.
  void begin(Tick now, uint32_t context, const Program& program, const Step& step, Tick ready);
  // The next end of a step, if nothing else begins before; nothing where no context has groups.
  std::optional<StepEnd> plan();
  // The step's end that plan() foretold has come.
  void reach(const StepEnd& end);

  uint64_t groups() const { return now_.groups; }
  uint64_t products() const { return now_.products; }
  Tick multiplier_busy() const { return now_.multiplier_busy; }  // turning to another context counts
  Tick sequencer_busy() const { return now_.sequencer_busy; }
  uint64_t switches() const { return now_.switches; }

 private:
  struct Context {
    const uint8_t* groups = nullptr;
    uint32_t next = 0, end = 0;
    bool active = false;
    Tick ready = 0;
  };
  struct State {
    std::array<Context, kMaxContexts> contexts;
    Tick multiplier_free = 0, sequencer_free = 0;
    uint32_t last = 0;
    uint64_t groups = 0, products = 0, switches = 0;
    Tick multiplier_busy = 0, sequencer_busy = 0;
  };
  // Issues groups that can be issued before `limit`, and before any context ends its step.
  std::optional<StepEnd> advance(State& state, Tick limit) const;
  void issue(State& state, uint32_t context, Tick at) const;

  Clock clock_;
  Tick interval_, latency_, switch_, sequencer_step_;
  State now_, planned_;
  bool has_plan_ = false;
};

struct Core {
  Core(const Config& config, Clock clock, uint64_t contexts_count)
      : datapath(config, clock), contexts(contexts_count), buffers(config.core.buffers) {}

  Datapath datapath;
  uint32_t plan_version = 0;
  Datapath::StepEnd planned{kNever, 0};
  struct Running {
    uint32_t task = 0;
    uint32_t step = 0;
    bool busy = false;
    Tick begun = 0;
    Tick table_ready = 0;  // of the shared table's point, while the key's points are on their way
  };
  std::array<Running, kMaxContexts> running;
  Slots contexts, buffers;
  std::deque<uint32_t> verify_queue, hash_queue;
  Server sm3;
  bool hashing = false;
  uint64_t tasks = 0;
};

}  // namespace accel::model
