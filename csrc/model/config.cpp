#include "model/config.hpp"

#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "model_defaults.hpp"

namespace accel::model {
namespace {

constexpr uint64_t kMany = 1u << 20, kBytes = 1u << 30;

using Words = std::array<std::string_view, 3>;  // empty ones at the end are none

struct Field {
  std::string_view section;
  std::string_view name;
  uint64_t least, most;
  uint64_t& (*member)(Config&);
  Words words;  // of a field that is one of some words; its number is the word's place

  bool is_number() const { return words.front().empty(); }
};

#define FIELD(section, name, least, most)                                                             \
  Field {                                                                                             \
    #section, #name, least, most, [](Config& config) -> uint64_t& { return config.section.name; }, {} \
  }
#define CHOICE(section, name, ...)                                                                                \
  Field {                                                                                                         \
    #section, #name, 0, 0, [](Config& config) -> uint64_t& { return config.section.name; }, Words { __VA_ARGS__ } \
  }

constexpr Field kSchema[] = {
    FIELD(chip, cores, 1, 4096),
    FIELD(clock, reference_mhz, 1, 100'000),
    FIELD(clock, core_divider, 1, 10'000),
    FIELD(clock, noc_divider, 1, 10'000),
    FIELD(clock, sram_divider, 1, 10'000),
    FIELD(clock, dram_divider, 1, 10'000),
    CHOICE(link, kind, "lanes", "baud"),
    FIELD(link, lanes, 1, 64),
    FIELD(link, lane_mbps, 1, kMany),
    FIELD(link, baud, 300, 1'000'000'000),
    FIELD(link, latency_ns, 0, 1'000'000'000),
    FIELD(link, burst_bytes, 16, kMany),
    FIELD(link, burst_overhead_bytes, 0, 4096),
    FIELD(link, outstanding, 1, 65'536),
    FIELD(submission, depth, 1, 65'536),
    FIELD(submission, descriptor_bytes, 1, 4096),
    FIELD(submission, decode_cycles, 0, kMany),
    FIELD(completion, depth, 1, 65'536),
    FIELD(completion, entry_bytes, 1, 4096),
    FIELD(completion, host_drain_ns, 0, 1'000'000'000),
    FIELD(dispatcher, window, 1, 4096),
    FIELD(dispatcher, task_cycles, 1, kMany),
    FIELD(dispatcher, nodes_per_task, 1, 1024),
    CHOICE(dispatcher, policy, "first_free", "round_robin", "least_loaded"),
    CHOICE(dispatcher, order, "fifo", "fair"),
    FIELD(core, contexts, 1, 4),
    FIELD(core, buffers, 1, 64),
    FIELD(gtable, ports, 1, 4096),
    FIELD(gtable, port_bytes, 1, 4096),
    FIELD(gtable, latency_cycles, 0, kMany),
    FIELD(key_cache, kib, 1, 1u << 24),
    CHOICE(key_cache, replacement, "lru", "fifo"),
    FIELD(key_cache, misses, 1, 4096),
    FIELD(sram, banks, 1, 4096),
    FIELD(sram, bank_bytes, 1, 4096),
    FIELD(sram, latency_cycles, 0, kMany),
    FIELD(dram, channels, 1, 64),
    FIELD(dram, banks, 1, 256),
    FIELD(dram, bus_bytes, 1, 4096),
    FIELD(dram, row_bytes, 64, kMany),
    FIELD(dram, interleave_bytes, 16, kMany),
    FIELD(dram, hit_cycles, 0, kMany),
    FIELD(dram, miss_cycles, 0, kMany),
    FIELD(noc, clusters, 1, 1024),
    FIELD(noc, trunk_bytes, 1, 65'536),
    FIELD(noc, link_bytes, 1, 65'536),
    FIELD(noc, hop_cycles, 0, kMany),
    FIELD(timeline, max_events, 0, 100'000'000),
    FIELD(calibration, multiplier_interval_cycles, 1, kMany),
    FIELD(calibration, multiplier_latency_cycles, 1, kMany),
    FIELD(calibration, independent_products, 1, 64),
    FIELD(calibration, context_switch_cycles, 0, kMany),
    FIELD(calibration, sequencer_product_cycles, 1, kMany),
    FIELD(calibration, sm3_interval_cycles, 1, kMany),
    FIELD(calibration, sm3_latency_cycles, 1, kMany),
    FIELD(calibration, double_products, 1, 256),
    FIELD(calibration, mixed_addition_products, 1, 256),
    FIELD(calibration, addition_products, 1, 256),
    FIELD(calibration, final_products, 1, 256),
    FIELD(calibration, base_additions, 1, 256),
    FIELD(calibration, unknown_table_additions, 0, 256),
    FIELD(calibration, unknown_windows, 1, 512),
    FIELD(calibration, unknown_window_doublings, 0, 64),
    FIELD(calibration, known_additions, 1, 512),
    FIELD(calibration, point_bytes, 1, 4096),
    FIELD(calibration, known_table_bytes, 64, kBytes),
    FIELD(energy, product_fj, 0, kBytes),
    FIELD(energy, microstep_fj, 0, kBytes),
    FIELD(energy, sm3_block_fj, 0, kBytes),
    FIELD(energy, gtable_read_fj, 0, kBytes),
    FIELD(energy, sram_byte_fj, 0, kBytes),
    FIELD(energy, dram_byte_fj, 0, kBytes),
    FIELD(energy, noc_byte_fj, 0, kBytes),
    FIELD(energy, link_byte_fj, 0, kBytes),
    FIELD(energy, static_mw, 0, kBytes),
};
#undef FIELD
#undef CHOICE

// What came from a file or a command line, for a sentence: one line, which ends where it ends.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
      out += c;
      continue;
    }
    char escaped[5];
    std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    out += escaped;
  }
  return out;
}

std::string full_name(const Field& field) { return std::string(field.section) + "." + std::string(field.name); }

const Field& find(std::string_view section, std::string_view name) {
  for (const Field& field : kSchema)
    if (field.section == section && field.name == name) return field;
  std::string known;
  for (const Field& field : kSchema)
    if (field.section == section) known.append(known.empty() ? "" : ", ").append(field.name);
  const std::string came = printable(section) + "." + printable(name);
  if (!known.empty()) throw ConfigError(came + ": no such field; [" + std::string(section) + "] has " + known);
  for (const Field& field : kSchema)
    if (known.find(field.section) == std::string::npos) known.append(known.empty() ? "" : ", ").append(field.section);
  throw ConfigError(came + ": no such section; there are " + known);
}

std::string text_of(const toml::node& node) {
  std::ostringstream out;
  node.visit([&](const auto& value) { out << value; });
  return printable(out.str());
}

std::string wanted(const Field& field) {
  if (field.is_number())
    return "a whole number from " + std::to_string(field.least) + " to " + std::to_string(field.most);
  std::string list;
  for (const std::string_view word : field.words)
    if (!word.empty()) list.append(list.empty() ? "\"" : ", \"").append(word).append("\"");
  return "one of " + list;
}

void assign(Config& config, const Field& field, const toml::node& node) {
  if (field.is_number()) {
    const toml::value<int64_t>* const number = node.as_integer();
    if (number != nullptr && number->get() >= 0) {
      const auto value = static_cast<uint64_t>(number->get());
      if (value >= field.least && value <= field.most) {
        field.member(config) = value;
        return;
      }
    }
  } else if (const toml::value<std::string>* const word = node.as_string()) {
    const auto found = std::find(field.words.begin(), field.words.end(), word->get());
    if (found != field.words.end() && !found->empty()) {
      field.member(config) = static_cast<uint64_t>(found - field.words.begin());
      return;
    }
  }
  throw ConfigError(full_name(field) + ": expected " + wanted(field) + ", got " + text_of(node));
}

// No name or word here has a letter beyond ASCII, and toml++ 3.3 must not see one outside of strings and comments: its
// is_non_ascii_horizontal_whitespace says that control never gets where U+00A1 leads it.
void require_ascii_before_comments(std::string_view document, const std::string& name) {
  size_t line = 1;
  bool in_comment = false;
  for (const char c : document) {
    if (c == '\n') {
      ++line;
      in_comment = false;
    }
    in_comment = in_comment || c == '#';
    if (!in_comment && static_cast<unsigned char>(c) >= 0x80) {
      throw ConfigError(name + ": line " + std::to_string(line) + ": expected ASCII but in comments");
    }
  }
}

toml::table parse(std::string_view document, const std::string& name) {
  require_ascii_before_comments(document, name);
  try {
    return toml::parse(document, name);
  } catch (const toml::parse_error& error) {
    const toml::source_position at = error.source().begin;
    throw ConfigError(name + ": line " + std::to_string(at.line) + ", column " + std::to_string(at.column) + ": " +
                      std::string(error.description()));
  }
}

void apply(Config& config, const toml::table& document) {
  for (const auto& [section, content] : document) {
    const toml::table* const table = content.as_table();
    if (table == nullptr)
      throw ConfigError(printable(section.str()) + ": expected a section, [" + printable(section.str()) + "], got " +
                        text_of(content));
    if (table->empty()) {
      const bool known = std::any_of(std::begin(kSchema), std::end(kSchema),
                                     [&, name = section.str()](const Field& field) { return field.section == name; });
      if (!known) find(section.str(), "");
    }
    for (const auto& [name, value] : *table) assign(config, find(section.str(), name.str()), value);
  }
}

void require(bool holds, const std::string& sentence) {
  if (!holds) throw ConfigError(sentence);
}

}  // namespace

Config Config::sim96() {
  Config config{};
  for (const CalibrationEntry& entry : kCalibration) config.set(entry.field, std::to_string(entry.value));
  apply(config, parse(kSim96Toml, "sim96.toml"));
  config.check();
  return config;
}

Config Config::from_toml(std::string_view document, const std::string& name) {
  Config config = sim96();
  const toml::table table = parse(document, name);
  try {
    apply(config, table);
    config.check();
  } catch (const ConfigError& error) {
    throw ConfigError(name + ": " + error.what());
  }
  return config;
}

Config Config::from_file(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) throw ConfigError(path + ": expected a TOML file, got a directory");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) throw ConfigError(path + ": " + std::strerror(errno != 0 ? errno : EIO));
  const std::string content{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return from_toml(content, path);
}

void Config::set(std::string_view name, std::string_view value) {
  const size_t dot = name.find('.');
  require(dot != std::string_view::npos, printable(name) + ": expected a field as SECTION.NAME");
  const Field& field = find(name.substr(0, dot), name.substr(dot + 1));
  // Words may come without their quotation marks, as a command line has them.
  const bool bare = !field.is_number() && value.find('"') == std::string_view::npos;
  const std::string quote = bare ? "\"" : "";
  const toml::table table = parse("value = " + quote + std::string(value) + quote, full_name(field));
  require(table.size() == 1, full_name(field) + ": expected " + wanted(field) + ", got " + printable(value));
  assign(*this, field, *table.get("value"));
}

void Config::check() const {
  const auto number = [](uint64_t value) { return std::to_string(value); };
  require(noc.clusters <= chip.cores, "noc.clusters: expected at most one for each of the " + number(chip.cores) +
                                          " cores of chip.cores, got " + number(noc.clusters));
  require(core.buffers >= core.contexts, "core.buffers: expected at least core.contexts, which is " +
                                             number(core.contexts) + ", got " + number(core.buffers));
  require(key_cache.kib * 1024 >= calibration.known_table_bytes,
          "key_cache.kib: expected room for one table of calibration.known_table_bytes, " +
              number((calibration.known_table_bytes + 1023) / 1024) + " KiB, got " + number(key_cache.kib));
  require(dram.row_bytes >= dram.interleave_bytes, "dram.row_bytes: expected at least dram.interleave_bytes, " +
                                                       number(dram.interleave_bytes) + ", got " +
                                                       number(dram.row_bytes));
}

uint64_t Config::link_bits_per_second() const {
  return static_cast<LinkKind>(link.kind) == LinkKind::kLanes ? link.lanes * link.lane_mbps * 1'000'000
                                                              : link.baud * 8 / 10;
}

std::vector<FieldValue> fields(const Config& config) {
  std::vector<FieldValue> all;
  Config copy = config;
  for (const Field& field : kSchema) {
    const uint64_t value = field.member(copy);
    all.push_back(
        {full_name(field), field.is_number() ? std::to_string(value) : "\"" + std::string(field.words[value]) + "\""});
  }
  return all;
}

std::string_view basis(std::string_view field, uint64_t value) {
  for (const CalibrationEntry& entry : kCalibration)
    if (entry.field == field) return entry.value == value ? entry.basis : "configured";
  return "configured";
}

}  // namespace accel::model
