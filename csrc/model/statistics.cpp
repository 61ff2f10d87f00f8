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

}  // namespace

class Machine::Figures {
 public:
  void add(std::string name, const char* unit, std::string description, uint64_t value) {
    all_.push_back({std::move(name), unit, std::move(description), value});
  }
  std::vector<Statistic> take() { return std::move(all_); }

 private:
  std::vector<Statistic> all_;
};

std::vector<Pressure> Machine::pressures() const {
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
    all.push_back({resource, std::min(kMillion, ratio(pressed, kMillion, elapsed() * units))});
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

Tick Machine::elapsed() const { return first_arrival_ == kNever ? 0 : last_completion_ - first_arrival_; }

uint64_t Machine::to_ns(Tick ticks) const { return ratio(ticks, 1000, config_.clock.reference_mhz); }

void Machine::add_time(Figures& figures) const {
  uint64_t items = 0;
  for (const uint64_t count : items_of_) items += count;
  figures.add("time.elapsed_ticks", "ticks", "of the reference clock, from the first arrival to the last completion",
              elapsed());
  figures.add("time.elapsed_cycles", "core cycles", "the same in cycles of the cores, begun ones included",
              divide_up(elapsed(), config_.clock.core_divider));
  figures.add("time.elapsed_ns", "ns", "the same in nanoseconds, rounded down", to_ns(elapsed()));
  figures.add("rate.items", "items/s", "items of all commands by the elapsed time, rounded down",
              ratio(items, config_.ticks_per_second(), elapsed()));
  figures.add("latency.sum_ticks", "ticks", "from arrival to completion, of all commands together", latency_sum_);
  figures.add("latency.least_ns", "ns", "shortest time from arrival to completion",
              completed_ == 0 ? 0 : to_ns(latency_least_));
  figures.add("latency.mean_ns", "ns", "mean time from arrival to completion",
              to_ns(ratio(latency_sum_, 1, completed_)));
  figures.add("latency.most_ns", "ns", "longest time from arrival to completion", to_ns(latency_most_));
  figures.add("system.command_ticks", "ticks", "commands in the system, times the ticks that they were",
              in_system_.held(now_));
}

void Machine::add_work(Figures& figures) const {
  figures.add("commands.submitted", "commands", "commands that were given to the machine", submitted_);
  figures.add("commands.completed", "commands", "commands whose completion entry is with the host", completed_);
  for (size_t i = 0; i < kOpcodes; ++i) {
    const std::string name = kOpcodeNames[i];
    figures.add("commands." + name, "commands", "commands of this opcode that were completed", commands_of_[i]);
    figures.add("items." + name, "items", "messages, signatures or leaf hashes of those commands", items_of_[i]);
  }
  figures.add("submission.most", "entries", "most entries of the submission queue in use", submission_.most());
  figures.add("window.most", "commands", "most commands under way inside the chip", window_.most());
  figures.add("completion.most", "entries", "most entries of the completion queue in use", completion_.most());
  figures.add("dispatcher.tasks", "tasks", "tasks that cores were given and that have ended", tasks_done_);
  figures.add("dispatcher.nodes", "nodes", "inner nodes of Merkle trees that were hashed", nodes_);
}

void Machine::add_traffic(Figures& figures) const {
  figures.add("link.bytes_to_chip", "bytes", "descriptors and inputs", link_.bytes_down());
  figures.add("link.bytes_to_host", "bytes", "results and completion entries", link_.bytes_up());
  figures.add("link.wire_bytes", "bytes", "both directions, with headers and checksums", link_.wire_bytes());
  figures.add("link.waited_ticks", "ticks", "that transfers waited for the link, together",
              link_.down().waited() + link_.up().waited());
  figures.add("dram.bytes", "bytes", "read and written", dram_.bytes());
  figures.add("dram.row_hits", "accesses", "pieces of accesses that found their row open", dram_.hits());
  figures.add("dram.row_misses", "accesses", "pieces of accesses that had to open their row", dram_.misses());
  figures.add("dram.waited_ticks", "ticks", "that data waited for their channel's bus, together", dram_.waited());
  figures.add("sram.bytes", "bytes", "read and written", sram_.bytes());
  figures.add("sram.waited_ticks", "ticks", "that accesses waited for a bank, together", sram_.waited());
  figures.add("noc.bytes_to_cores", "bytes", "inputs of tasks and points of tables", network_.bytes_down());
  figures.add("noc.bytes_to_memory", "bytes", "results of tasks", network_.bytes_up());
  figures.add("noc.waited_ticks", "ticks", "that transfers waited for the trunk or a link, together",
              network_.waited_down() + network_.waited_up());
  figures.add("key_cache.places", "tables", "tables that have room in on-chip memory", cache_.places());
  figures.add("key_cache.hits", "lookups", "verifications that found their signer's table", cache_.hits());
  figures.add("key_cache.merged", "lookups", "verifications whose signer's table was on its way already",
              cache_.merged());
  figures.add("key_cache.misses", "lookups", "verifications that had their signer's table fetched", cache_.fetches());
  figures.add("key_cache.evictions", "tables", "tables that made room for another", cache_.evictions());
}

void Machine::add_cores(Figures& figures) const {
  uint64_t groups = 0, switches = 0;
  for (const Core& core : cores_) {
    groups += core.datapath.groups();
    switches += core.datapath.switches();
  }
  figures.add("cores.sm3_blocks", "blocks", "blocks that SM3 units compressed", hashed_blocks_);
  figures.add("cores.verifications_known", "items", "verifications with a known signer's table", known_ended_);
  figures.add("cores.verifications_unknown", "items", "verifications with the key alone", unknown_ended_);
  figures.add("cores.products", "products", "products of the modular multipliers", products());
  figures.add("cores.product_groups", "groups", "groups of products that do not wait for each other", groups);
  figures.add("cores.context_switches", "switches", "times that a sequencer turned to another verification", switches);
  figures.add("gtable.reads", "reads", "points read from the shared table", gtable_.reads());
  figures.add("gtable.waited_ticks", "ticks", "that reads waited for a port, together", gtable_.waited());
  figures.add("timeline.dropped", "events", "events that the timeline has no room for", timeline_.dropped());
  figures.add("simulation.events", "events", "discrete events that were handled", events_);
}

uint64_t Machine::products() const {
  uint64_t sum = 0;
  for (const Core& core : cores_) sum += core.datapath.products();
  return sum;
}

void Machine::add_energy(Figures& figures) const {
  struct Part {
    const char* name;
    const char* what;
    uint64_t actions, coefficient_fj;
  };
  const auto& e = config_.energy;
  const uint64_t network = network_.bytes_down() + network_.bytes_up();
  const Part parts[] = {
      {"product", "products of multipliers", products(), e.product_fj},
      {"microstep", "microcode steps", products() * config_.calibration.sequencer_product_cycles, e.microstep_fj},
      {"sm3_block", "blocks of SM3", hashed_blocks_, e.sm3_block_fj},
      {"gtable_read", "points of the shared table", gtable_.reads(), e.gtable_read_fj},
      {"sram_byte", "bytes of on-chip memory", sram_.bytes(), e.sram_byte_fj},
      {"dram_byte", "bytes of DRAM", dram_.bytes(), e.dram_byte_fj},
      {"noc_byte", "bytes over the network on chip", network, e.noc_byte_fj},
      {"link_byte", "bytes over the host link", link_.wire_bytes(), e.link_byte_fj},
  };
  const auto pj = [](unsigned __int128 fj) { return static_cast<uint64_t>(fj / 1000); };
  const unsigned __int128 constant = static_cast<unsigned __int128>(e.static_mw) * to_ns(elapsed()) * 1000;
  unsigned __int128 total = constant;
  for (const Part& part : parts) {
    const auto fj = static_cast<unsigned __int128>(part.actions) * part.coefficient_fj;
    total += fj;
    const std::string name = part.name;
    const std::string_view from = basis("energy." + name + "_fj", part.coefficient_fj);
    figures.add(
        "energy." + name, "pJ",
        std::string(part.what) + " at " + std::to_string(part.coefficient_fj) + " fJ (" + std::string(from) + ")",
        pj(fj));
  }
  const std::string_view from = basis("energy.static_mw", e.static_mw);
  figures.add("energy.static", "pJ",
              std::to_string(e.static_mw) + " mW (" + std::string(from) + ") during the elapsed time", pj(constant));
  figures.add("energy.total", "pJ", "the sum of the energies", pj(total));
}

std::vector<Statistic> Machine::statistics() const {
  Figures figures;
  add_time(figures);
  add_work(figures);
  add_traffic(figures);
  add_cores(figures);
  for (const Pressure& it : pressures())
    figures.add("pressure." + it.resource, "ppm",
                "of the elapsed time that it was busy or, where it is a number of places, full while more was wanted",
                it.ppm);
  add_energy(figures);
  return figures.take();
}

}  // namespace accel::model
