// The model's configuration: whole numbers, each with the range in which it makes sense.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace accel::model {

// A configuration that cannot be used: the sentence names the field, what came and what is wanted.
class ConfigError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class LinkKind : uint64_t { kLanes, kBaud };
enum class Policy : uint64_t { kFirstFree, kRoundRobin, kLeastLoaded };
enum class Order : uint64_t { kFifo, kFair };
enum class Replacement : uint64_t { kLru, kFifo };

// The fields are described where their values stand: src/accel/model/data/sim96.toml and calibration.json.
struct Config {
  struct {
    uint64_t cores;
  } chip;
  struct {
    uint64_t reference_mhz, core_divider, noc_divider, sram_divider, dram_divider;
  } clock;
  struct {
    uint64_t kind, lanes, lane_mbps, baud, latency_ns, burst_bytes, burst_overhead_bytes, outstanding;
  } link;
  struct {
    uint64_t depth, descriptor_bytes, decode_cycles;
  } submission;
  struct {
    uint64_t depth, entry_bytes, host_drain_ns;
  } completion;
  struct {
    uint64_t window, task_cycles, nodes_per_task, policy, order;
  } dispatcher;
  struct {
    uint64_t contexts, buffers;
  } core;
  struct {
    uint64_t ports, port_bytes, latency_cycles;
  } gtable;
  struct {
    uint64_t kib, replacement, misses;
  } key_cache;
  struct {
    uint64_t banks, bank_bytes, latency_cycles;
  } sram;
  struct {
    uint64_t channels, banks, bus_bytes, row_bytes, interleave_bytes, hit_cycles, miss_cycles;
  } dram;
  struct {
    uint64_t clusters, trunk_bytes, link_bytes, hop_cycles;
  } noc;
  struct {
    uint64_t max_events;
  } timeline;
  struct {
    uint64_t multiplier_interval_cycles, multiplier_latency_cycles, independent_products, context_switch_cycles,
        sequencer_product_cycles, sm3_interval_cycles, sm3_latency_cycles, double_products, mixed_addition_products,
        addition_products, final_products, base_additions, unknown_table_additions, unknown_windows,
        unknown_window_doublings, known_additions, point_bytes, known_table_bytes;
  } calibration;
  struct {
    uint64_t product_fj, microstep_fj, sm3_block_fj, gtable_read_fj, sram_byte_fj, dram_byte_fj, noc_byte_fj,
        link_byte_fj, static_mw;
  } energy;

  // sim96: what is compiled in.
  static Config sim96();
  // sim96 with what a TOML document sets. `name` is the document's, for errors.
  static Config from_toml(std::string_view document, const std::string& name);
  static Config from_file(const std::string& path);

  // Sets one field, "section.name", to a value as TOML has it. Call check() after the last.
  void set(std::string_view field, std::string_view value);
  // Throws where fields do not go together.
  void check() const;

  uint64_t ticks_per_second() const { return clock.reference_mhz * 1'000'000; }
  // Bits that the host link carries in a second, each way.
  uint64_t link_bits_per_second() const;
};

// A field by its name, its unit or the words that it may be, and its value in a configuration as TOML has it.
struct FieldValue {
  std::string field;
  std::string value;
};
// All fields in the order of the schema.
std::vector<FieldValue> fields(const Config& config);

// The basis of a value in calibration.json: "throw-away RTL", "estimate", "assumed", "cited"; "configured" where the
// configuration has another value.
std::string_view basis(std::string_view field, uint64_t value);

}  // namespace accel::model
