// DRAM, on-chip memory, the shared table, the network on chip and the host link: what bytes wait for.
#pragma once

#include <cstdint>
#include <vector>

#include "model/config.hpp"
#include "model/engine.hpp"

namespace accel::model {

// Channels with a data bus and banks of one open row each. A bank serves its accesses in the order of asking; what the
// banks have ready passes the bus as it comes.
class Dram {
 public:
  explicit Dram(const Config& config);
  // When the last of these bytes has passed the bus. `address` decides on channels, banks and rows.
  Tick access(Tick now, uint64_t address, uint64_t bytes);

  uint64_t bytes() const { return bytes_; }
  uint64_t hits() const { return hits_; }
  uint64_t misses() const { return misses_; }
  Tick waited() const;
  Tick busiest_bus() const;
  Tick busiest_bank() const;
  Tick busy() const;

 private:
  struct Bank {
    Tick free = 0, busy = 0;
    uint64_t row = ~uint64_t{0};
  };
  Tick access_piece(Tick now, uint64_t address, uint64_t bytes);

  const Config& config_;
  Clock clock_;
  std::vector<GapServer> buses_;
  std::vector<Bank> banks_;
  uint64_t bytes_ = 0, hits_ = 0, misses_ = 0;
};

// Banks, a word of `bank_bytes` in each after the other.
class Sram {
 public:
  explicit Sram(const Config& config);
  Tick access(Tick now, uint64_t address, uint64_t bytes);

  uint64_t bytes() const { return bytes_; }
  Tick waited() const;
  Tick busiest() const;
  Tick busy() const;

 private:
  const Config& config_;
  Clock clock_;
  std::vector<Server> banks_;
  uint64_t bytes_ = 0;
};

// The multiples of the generator, behind ports that all cores share.
class GTable {
 public:
  explicit GTable(const Config& config);
  // When one point has arrived.
  Tick read(Tick now);

  uint64_t reads() const { return reads_; }
  Tick waited() const;
  Tick busy() const;
  uint64_t ports() const { return ports_.size(); }

 private:
  const Config& config_;
  Clock clock_;
  std::vector<Server> ports_;
  uint64_t reads_ = 0;
};

// A trunk at the memories, a link for each cluster of cores; both in each direction.
class Network {
 public:
  explicit Network(const Config& config);
  // From the memories to a core: when the last byte has arrived.
  Tick down(Tick now, uint64_t core, uint64_t bytes);
  // From a core up to the trunk, and over the trunk to the memories.
  Tick up_link(Tick now, uint64_t core, uint64_t bytes);
  Tick up_trunk(Tick now, uint64_t bytes);

  uint64_t cluster(uint64_t core) const { return core * down_links_.size() / cores_; }
  uint64_t bytes_down() const { return bytes_down_; }
  uint64_t bytes_up() const { return bytes_up_; }
  const Server& trunk_down() const { return trunk_down_; }
  const Server& trunk_up() const { return trunk_up_; }
  Tick busiest_link_down() const { return busiest(down_links_); }
  Tick busiest_link_up() const { return busiest(up_links_); }
  Tick waited_down() const;
  Tick waited_up() const;

 private:
  static Tick busiest(const std::vector<Server>& links);
  Tick link_time(uint64_t bytes) const { return clock_.ticks(divide_up(bytes, config_.noc.link_bytes)); }
  Tick trunk_time(uint64_t bytes) const { return clock_.ticks(divide_up(bytes, config_.noc.trunk_bytes)); }
  Tick hop() const { return clock_.ticks(config_.noc.hop_cycles); }

  const Config& config_;
  Clock clock_;
  uint64_t cores_;
  Server trunk_down_, trunk_up_;
  std::vector<Server> down_links_, up_links_;
  uint64_t bytes_down_ = 0, bytes_up_ = 0;
};

// The two directions of the host link.
class Link {
 public:
  explicit Link(const Config& config);
  // When `bytes`, in bursts, have arrived. DMA reads ask and wait for the latency too.
  Tick to_chip(Tick now, uint64_t bytes);
  Tick to_host(Tick now, uint64_t bytes);

  const Server& down() const { return down_; }
  const Server& up() const { return up_; }
  uint64_t bytes_down() const { return bytes_down_; }  // without overhead
  uint64_t bytes_up() const { return bytes_up_; }
  uint64_t wire_bytes() const { return wire_bytes_; }  // with it

 private:
  Tick time_of(uint64_t bytes);

  const Config& config_;
  uint64_t bits_per_second_, ticks_per_second_;
  Tick latency_;
  Server down_, up_;
  uint64_t bytes_down_ = 0, bytes_up_ = 0, wire_bytes_ = 0;
};

// Ticks of so many nanoseconds, rounded up.
Tick ticks_of_ns(const Config& config, uint64_t ns);

}  // namespace accel::model
