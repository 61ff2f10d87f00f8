#include "model/memory.hpp"

#include <algorithm>

namespace accel::model {
namespace {

template <typename AnyServer>
Tick sum_waited(const std::vector<AnyServer>& servers) {
  Tick sum = 0;
  for (const AnyServer& server : servers) sum += server.waited();
  return sum;
}

template <typename AnyServer>
Tick sum_busy(const std::vector<AnyServer>& servers) {
  Tick sum = 0;
  for (const AnyServer& server : servers) sum += server.busy();
  return sum;
}

template <typename AnyServer>
Tick most_busy(const std::vector<AnyServer>& servers) {
  Tick most = 0;
  for (const AnyServer& server : servers) most = std::max(most, server.busy());
  return most;
}

uint64_t scale_up(uint64_t value, uint64_t factor, uint64_t divisor) {
  const auto product = static_cast<unsigned __int128>(value) * factor;
  return static_cast<uint64_t>((product + divisor - 1) / divisor);
}

}  // namespace

Tick ticks_of_ns(const Config& config, uint64_t ns) { return divide_up(ns * config.clock.reference_mhz, 1000); }

Dram::Dram(const Config& config)
    : config_(config),
      clock_(config.clock.dram_divider),
      buses_(config.dram.channels),
      banks_(config.dram.channels * config.dram.banks) {}

Tick Dram::access(Tick now, uint64_t address, uint64_t bytes) {
  Tick done = now;  // of nothing
  bytes_ += bytes;
  while (bytes > 0) {
    const uint64_t room = config_.dram.interleave_bytes - address % config_.dram.interleave_bytes;
    const uint64_t piece = std::min(room, bytes);
    done = std::max(done, access_piece(now, address, piece));
    address += piece;
    bytes -= piece;
  }
  return done;
}

Tick Dram::access_piece(Tick now, uint64_t address, uint64_t bytes) {
  const uint64_t slice = address / config_.dram.interleave_bytes;
  const uint64_t channel = slice % config_.dram.channels;
  const uint64_t inside = slice / config_.dram.channels * config_.dram.interleave_bytes;
  const uint64_t row = inside / config_.dram.row_bytes;
  Bank& bank = banks_[channel * config_.dram.banks + row % config_.dram.banks];
  const bool hit = bank.row == row;
  ++(hit ? hits_ : misses_);
  bank.row = row;
  // A row is opened while the bus carries other banks' data. An open row is read without a pause.
  const Tick start = std::max(clock_.edge(now), bank.free);
  const Tick first = start + clock_.ticks(hit ? config_.dram.hit_cycles : config_.dram.miss_cycles);
  const Tick transfer = clock_.ticks(divide_up(bytes, config_.dram.bus_bytes));
  const Tick done = buses_[channel].reserve(now, first, transfer);
  bank.free = hit ? start + transfer : done;
  bank.busy += bank.free - start;
  return done;
}

Tick Dram::waited() const { return sum_waited(buses_); }
Tick Dram::busy() const { return sum_busy(buses_); }
Tick Dram::busiest_bus() const { return most_busy(buses_); }
Tick Dram::busiest_bank() const {
  Tick most = 0;
  for (const Bank& bank : banks_) most = std::max(most, bank.busy);
  return most;
}

Sram::Sram(const Config& config) : config_(config), clock_(config.clock.sram_divider), banks_(config.sram.banks) {}

Tick Sram::access(Tick now, uint64_t address, uint64_t bytes) {
  if (bytes == 0) return now;
  bytes_ += bytes;
  const uint64_t words = divide_up(address % config_.sram.bank_bytes + bytes, config_.sram.bank_bytes);
  const uint64_t first = address / config_.sram.bank_bytes;
  const uint64_t rounds = words / banks_.size(), rest = words % banks_.size();
  const Tick start = clock_.edge(now);
  Tick done = start;
  for (uint64_t i = 0; i < std::min<uint64_t>(words, banks_.size()); ++i) {
    const Tick service = clock_.ticks(rounds + (i < rest ? 1 : 0));
    done = std::max(done, banks_[(first + i) % banks_.size()].reserve(start, service));
  }
  return done + clock_.ticks(config_.sram.latency_cycles);
}

Tick Sram::waited() const { return sum_waited(banks_); }
Tick Sram::busy() const { return sum_busy(banks_); }
Tick Sram::busiest() const { return most_busy(banks_); }

GTable::GTable(const Config& config)
    : config_(config), clock_(config.clock.core_divider), ports_(config.gtable.ports) {}

Tick GTable::read(Tick now) {
  ++reads_;
  Server& port = *std::min_element(ports_.begin(), ports_.end(),
                                   [](const Server& x, const Server& y) { return x.free() < y.free(); });
  const uint64_t cycles = divide_up(config_.calibration.point_bytes, config_.gtable.port_bytes);
  return port.reserve(clock_.edge(now), clock_.ticks(cycles)) + clock_.ticks(config_.gtable.latency_cycles);
}

Tick GTable::waited() const { return sum_waited(ports_); }
Tick GTable::busy() const { return sum_busy(ports_); }

Network::Network(const Config& config)
    : config_(config),
      clock_(config.clock.noc_divider),
      cores_(config.chip.cores),
      down_links_(config.noc.clusters),
      up_links_(config.noc.clusters) {}

Tick Network::down(Tick now, uint64_t core, uint64_t bytes) {
  bytes_down_ += bytes;
  const Tick at_cluster = trunk_down_.reserve(clock_.edge(now), trunk_time(bytes)) + hop();
  return down_links_[cluster(core)].reserve(at_cluster, link_time(bytes)) + hop();
}

Tick Network::up_link(Tick now, uint64_t core, uint64_t bytes) {
  bytes_up_ += bytes;
  return up_links_[cluster(core)].reserve(clock_.edge(now), link_time(bytes)) + hop();
}

Tick Network::up_trunk(Tick now, uint64_t bytes) { return trunk_up_.reserve(now, trunk_time(bytes)) + hop(); }

Tick Network::waited_down() const { return trunk_down_.waited() + sum_waited(down_links_); }
Tick Network::waited_up() const { return trunk_up_.waited() + sum_waited(up_links_); }
Tick Network::busiest(const std::vector<Server>& links) { return most_busy(links); }

Link::Link(const Config& config)
    : config_(config),
      bits_per_second_(config.link_bits_per_second()),
      ticks_per_second_(config.ticks_per_second()),
      latency_(ticks_of_ns(config, config.link.latency_ns)) {}

Tick Link::time_of(uint64_t bytes) {
  const uint64_t bursts = std::max<uint64_t>(1, divide_up(bytes, config_.link.burst_bytes));
  const uint64_t wire = bytes + bursts * config_.link.burst_overhead_bytes;
  wire_bytes_ += wire;
  return scale_up(wire * 8, ticks_per_second_, bits_per_second_);
}

Tick Link::to_chip(Tick now, uint64_t bytes) {
  bytes_down_ += bytes;
  return down_.reserve(now, time_of(bytes)) + latency_;
}

Tick Link::to_host(Tick now, uint64_t bytes) {
  bytes_up_ += bytes;
  return up_.reserve(now, time_of(bytes)) + latency_;
}

}  // namespace accel::model
