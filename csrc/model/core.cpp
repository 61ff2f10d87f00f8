#include "model/core.hpp"

#include <algorithm>

namespace accel::model {

Datapath::Datapath(const Config& config, Clock clock)
    : clock_(clock),
      interval_(clock.ticks(config.calibration.multiplier_interval_cycles)),
      latency_(clock.ticks(config.calibration.multiplier_latency_cycles)),
      switch_(clock.ticks(config.calibration.context_switch_cycles)),
      sequencer_step_(clock.ticks(config.calibration.sequencer_product_cycles)) {}

void Datapath::begin(Tick now, uint32_t context, const Program& program, const Step& step, Tick ready) {
  advance(now_, now);  // the plan did not know of this step
  has_plan_ = false;
  Context& it = now_.contexts[context];
  it.groups = program.groups.data();
  it.next = step.first_group;
  it.end = step.end_group;
  it.active = true;
  it.ready = clock_.edge(ready);
}

std::optional<Datapath::StepEnd> Datapath::plan() {
  planned_ = now_;
  has_plan_ = true;
  return advance(planned_, kNever);
}

void Datapath::reach(const StepEnd& end) {
  if (has_plan_) {
    now_ = planned_;
    has_plan_ = false;
  } else {
    advance(now_, end.at);
  }
  now_.contexts[end.context].active = false;
}

void Datapath::issue(State& state, uint32_t context, Tick at) const {
  Context& it = state.contexts[context];
  const uint64_t products = it.groups[it.next++];
  const Tick occupied = products * interval_, sequenced = products * sequencer_step_;
  state.multiplier_free = at + occupied;
  state.sequencer_free = at + sequenced;
  it.ready = at + std::max(occupied - interval_ + latency_, sequenced);
  state.multiplier_busy += occupied;
  state.sequencer_busy += sequenced;
  ++state.groups;
  state.products += products;
  if (context != state.last) {
    state.multiplier_busy += switch_;
    state.sequencer_busy += switch_;
    ++state.switches;
    state.last = context;
  }
}

std::optional<Datapath::StepEnd> Datapath::advance(State& state, Tick limit) const {
  while (true) {
    StepEnd end{kNever, 0};
    uint32_t chosen = kMaxContexts;
    Tick oldest = kNever;
    for (uint32_t i = 0; i < kMaxContexts; ++i) {
      const Context& it = state.contexts[i];
      if (!it.active) continue;
      if (it.next == it.end) {
        if (it.ready < end.at) end = {it.ready, i};
      } else if (it.ready < oldest) {
        oldest = it.ready;
        chosen = i;
      }
    }
    if (chosen != kMaxContexts) {
      const Tick free = std::max(state.multiplier_free, state.sequencer_free);
      const Tick at = std::max(oldest, free) + (chosen != state.last ? switch_ : 0);
      if (at < std::min(limit, end.at)) {
        issue(state, chosen, at);
        continue;
      }
    }
    if (end.at == kNever) return std::nullopt;
    return end;
  }
}

}  // namespace accel::model
