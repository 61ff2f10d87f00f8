// What a machine tells about itself.
#include <algorithm>

#include "model/machine.hpp"

namespace accel::model {
namespace {

constexpr uint64_t kMillion = 1'000'000;

uint64_t ratio(uint64_t part, uint64_t factor, uint64_t whole) {
  if (whole == 0) return 0;
  return static_cast<uint64_t>(static_cast<unsigned __int128>(part) * factor / whole);
}

class List {
 public:
  void add(std::string name, const char* unit, std::string description, uint64_t value) {
    all_.push_back({std::move(name), unit, std::move(description), value});
  }
  std::vector<Statistic> take() { return std::move(all_); }

 private:
  std::vector<Statistic> all_;
};

struct EnergyPart {
  const char* name;
  const char* field;
  const char* what;
  uint64_t actions, coefficient_fj;
};

}  // namespace

std::vector<Pressure> Machine::pressures() const {
  const Tick elapsed = first_arrival_ == kNever ? 0 : last_completion_ - first_arrival_;
  Tick multiplier = 0, sequencer = 0, sm3 = 0, contexts = 0;
  for (const Core& core : cores_) {
    multiplier += core.datapath.multiplier_busy();
    sequencer += core.datapath.sequencer_busy();
    sm3 += core.sm3.busy();
    contexts += core.contexts.blocked(now_);
  }
  const uint64_t cores = cores_.size();
  std::vector<Pressure> all;
  const auto add = [&](const char* resource, Tick pressed, uint64_t units) {
    all.push_back({resource, std::min(kMillion, ratio(pressed, kMillion, elapsed * units))});
  };
  add("submission_queue", submission_.blocked(now_), 1);
  add("decoder", decoder_.busy(), 1);
  add("window", window_.blocked(now_), 1);
  add("dma_reads", reads_.blocked(now_), 1);
  add("link_to_chip", link_.down().busy(), 1);
  add("core_buffers", cores_full_.blocked(now_), 1);
  add("dispatcher", dispatcher_.busy(), 1);
  add("key_cache", cache_stall_.blocked(now_), 1);
  add("core_contexts", contexts, cores);
  add("sm3_units", sm3, cores);
  add("sequencers", sequencer, cores);
  add("multipliers", multiplier, cores);
  add("gtable_ports", gtable_.busy(), gtable_.ports());
  add("sram_banks", sram_.busiest(), 1);
  add("dram_banks", dram_.busiest_bank(), 1);
  add("dram_bus", dram_.busiest_bus(), 1);
  add("noc_to_cores", std::max(network_.trunk_down().busy(), network_.busiest_link_down()), 1);
  add("noc_to_memory", std::max(network_.trunk_up().busy(), network_.busiest_link_up()), 1);
  add("link_to_host", link_.up().busy(), 1);
  add("completion_queue", completion_.blocked(now_), 1);
  add("host_drain", host_.busy(), 1);
  return all;
}

std::string Machine::bottleneck() const {
  const std::vector<Pressure> all = pressures();
  uint64_t highest = 0;
  for (const Pressure& it : all) highest = std::max(highest, it.ppm);
  if (highest < kMillion / 2) return "latency";
  for (auto it = all.rbegin(); it != all.rend(); ++it)
    if (it->ppm >= highest - highest / 10) return it->resource;
  return "latency";
}

std::vector<std::pair<Tick, Tick>> Machine::core_busy() const {
  std::vector<std::pair<Tick, Tick>> all;
  for (const Core& core : cores_) all.emplace_back(core.datapath.multiplier_busy(), core.sm3.busy());
  return all;
}

uint64_t Machine::steps() const {
  uint64_t sum = events_;
  for (const Core& core : cores_) sum += core.datapath.groups();
  return sum;
}

namespace {

// Work, and how long it took.
void add_work(List& list, const std::array<uint64_t, kOpcodes>& commands, const std::array<uint64_t, kOpcodes>& items) {
  for (size_t i = 0; i < kOpcodes; ++i) {
    const std::string name = kOpcodeNames[i];
    list.add("commands." + name, "commands", "commands of this opcode that were completed", commands[i]);
    list.add("items." + name, "items", "messages, signatures or leaves of those commands", items[i]);
  }
}

void add_energy(List& list, const std::vector<EnergyPart>& parts, unsigned __int128 static_fj, uint64_t static_mw) {
  unsigned __int128 total = static_fj;
  const auto pj = [](unsigned __int128 fj) { return static_cast<uint64_t>(fj / 1000); };
  for (const EnergyPart& part : parts) {
    const auto fj = static_cast<unsigned __int128>(part.actions) * part.coefficient_fj;
    total += fj;
    list.add(std::string("energy.") + part.name, "pJ",
             std::string(part.what) + " at " + std::to_string(part.coefficient_fj) + " fJ (" +
                 std::string(basis(part.field, part.coefficient_fj)) + ")",
             pj(fj));
  }
  list.add("energy.static", "pJ",
           std::to_string(static_mw) + " mW (" + std::string(basis("energy.static_mw", static_mw)) +
               ") from the first arrival to the last completion",
           pj(static_fj));
  list.add("energy.total", "pJ", "the sum of the energies", pj(total));
}

}  // namespace

std::vector<Statistic> Machine::statistics() const {
  List list;
  const Tick elapsed = first_arrival_ == kNever ? 0 : last_completion_ - first_arrival_;
  const uint64_t second = config_.ticks_per_second();
  const auto to_ns = [&](Tick ticks) { return ratio(ticks, 1000, config_.clock.reference_mhz); };
  uint64_t products = 0, groups = 0, switches = 0, microsteps = 0, items = 0;
  for (const Core& core : cores_) {
    products += core.datapath.products();
    groups += core.datapath.groups();
    switches += core.datapath.switches();
  }
  microsteps = products * config_.calibration.sequencer_product_cycles;
  for (const uint64_t count : items_of_) items += count;

  list.add("time.elapsed_ticks", "ticks", "of the reference clock, from the first arrival to the last completion", elapsed);
  list.add("time.elapsed_cycles", "core cycles", "the same in cycles of the cores, begun ones included",
           divide_up(elapsed, config_.clock.core_divider));
  list.add("time.elapsed_ns", "ns", "the same in nanoseconds, rounded down", to_ns(elapsed));
  list.add("rate.items", "items/s", "items of all commands in the elapsed time, rounded down",
           ratio(items, second, elapsed));
  list.add("commands.submitted", "commands", "commands that were given to the machine", submitted_);
  list.add("commands.completed", "commands", "commands whose completion entry is with the host", completed_);
  add_work(list, commands_of_, items_of_);
  list.add("latency.sum_ticks", "ticks", "from arrival to completion, of all commands together", latency_sum_);
  list.add("latency.least_ns", "ns", "shortest time from arrival to completion",
           completed_ == 0 ? 0 : to_ns(latency_least_));
  list.add("latency.mean_ns", "ns", "mean time from arrival to completion", to_ns(ratio(latency_sum_, 1, completed_)));
  list.add("latency.most_ns", "ns", "longest time from arrival to completion", to_ns(latency_most_));
  list.add("system.command_ticks", "ticks", "commands in the system, times the ticks that they were",
           in_system_.held(now_));
  list.add("submission.most", "entries", "most entries of the submission queue in use", submission_.most());
  list.add("window.most", "commands", "most commands under way inside the chip", window_.most());
  list.add("completion.most", "entries", "most entries of the completion queue in use", completion_.most());
  list.add("dispatcher.tasks", "tasks", "tasks that cores were given and that have ended", tasks_done_);
  list.add("dispatcher.nodes", "nodes", "inner nodes of Merkle trees that were hashed", nodes_);
  list.add("link.bytes_to_chip", "bytes", "descriptors and inputs", link_.bytes_down());
  list.add("link.bytes_to_host", "bytes", "results and completion entries", link_.bytes_up());
  list.add("link.wire_bytes", "bytes", "both directions, with headers and checksums", link_.wire_bytes());
  list.add("link.waited_ticks", "ticks", "that transfers waited for the link, together",
           link_.down().waited() + link_.up().waited());
  list.add("dram.bytes", "bytes", "read and written", dram_.bytes());
  list.add("dram.row_hits", "accesses", "pieces of accesses that found their row open", dram_.hits());
  list.add("dram.row_misses", "accesses", "pieces of accesses that had to open their row", dram_.misses());
  list.add("dram.waited_ticks", "ticks", "that open rows waited for their channel's bus, together", dram_.waited());
  list.add("sram.bytes", "bytes", "read and written", sram_.bytes());
  list.add("sram.waited_ticks", "ticks", "that accesses waited for a bank, together", sram_.waited());
  list.add("noc.bytes_to_cores", "bytes", "inputs of tasks and points of tables", network_.bytes_down());
  list.add("noc.bytes_to_memory", "bytes", "results of tasks", network_.bytes_up());
  list.add("noc.waited_ticks", "ticks", "that transfers waited for the trunk or a link, together",
           network_.waited_down() + network_.waited_up());
  list.add("key_cache.places", "tables", "tables that have room in on-chip memory", cache_.places());
  list.add("key_cache.hits", "lookups", "verifications that found their signer's table", cache_.hits());
  list.add("key_cache.merged", "lookups", "verifications whose signer's table was on its way already", cache_.merged());
  list.add("key_cache.misses", "lookups", "verifications that had their signer's table fetched", cache_.fetches());
  list.add("key_cache.evictions", "tables", "tables that made room for another", cache_.evictions());
  list.add("cores.sm3_blocks", "blocks", "blocks that SM3 units compressed", hashed_blocks_);
  list.add("cores.verifications_known", "items", "verifications with a known signer's table", known_ended_);
  list.add("cores.verifications_unknown", "items", "verifications with the key alone", unknown_ended_);
  list.add("cores.products", "products", "products of the modular multipliers", products);
  list.add("cores.product_groups", "groups", "groups of products that do not wait for each other", groups);
  list.add("cores.context_switches", "switches", "times that a sequencer turned to another verification", switches);
  list.add("gtable.reads", "reads", "points read from the shared table", gtable_.reads());
  list.add("gtable.waited_ticks", "ticks", "that reads waited for a port, together", gtable_.waited());
  list.add("timeline.dropped", "events", "events that the timeline has no room for", timeline_.dropped());
  list.add("model.events", "events", "discrete events that were handled", events_);
  for (const Pressure& it : pressures())
    list.add("pressure." + it.resource, "ppm",
             "of the elapsed time that it was busy or, where it is a number of places, full while more was wanted", it.ppm);
  const auto& e = config_.energy;
  add_energy(list,
             {{"products", "energy.product_fj", "products of multipliers", products, e.product_fj},
              {"sequencers", "energy.microstep_fj", "microcode steps", microsteps, e.microstep_fj},
              {"sm3", "energy.sm3_block_fj", "blocks of SM3", hashed_blocks_, e.sm3_block_fj},
              {"gtable", "energy.gtable_read_fj", "points of the shared table", gtable_.reads(), e.gtable_read_fj},
              {"sram", "energy.sram_byte_fj", "bytes of on-chip memory", sram_.bytes(), e.sram_byte_fj},
              {"dram", "energy.dram_byte_fj", "bytes of DRAM", dram_.bytes(), e.dram_byte_fj},
              {"noc", "energy.noc_byte_fj", "bytes over the network on chip",
               network_.bytes_down() + network_.bytes_up(), e.noc_byte_fj},
              {"link", "energy.link_byte_fj", "bytes over the host link", link_.wire_bytes(), e.link_byte_fj}},
             static_cast<unsigned __int128>(e.static_mw) * to_ns(elapsed) * 1000, e.static_mw);
  return list.take();
}

}  // namespace accel::model
