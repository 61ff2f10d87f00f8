#include "model/program.hpp"

#include <algorithm>

namespace accel::model {
namespace {

class Assembler {
 public:
  explicit Assembler(const Config& config) : calibration_(config.calibration) {}

  // As few groups as there can be, the small one first.
  void operation(uint64_t products, uint64_t times = 1) {
    const uint64_t widest = calibration_.independent_products;
    for (; times > 0; --times) {
      if (products % widest != 0) program_.groups.push_back(static_cast<uint8_t>(products % widest));
      program_.groups.insert(program_.groups.end(), products / widest, static_cast<uint8_t>(widest));
      program_.products += products;
    }
  }
  // Ends a step of what was written since the last one.
  void end_step(uint64_t base_reads, uint64_t key_reads) {
    const auto end = static_cast<uint32_t>(program_.groups.size());
    program_.steps.push_back({begin_, end, static_cast<uint8_t>(base_reads), static_cast<uint8_t>(key_reads)});
    program_.base_reads += base_reads;
    program_.key_reads += key_reads;
    begin_ = end;
  }
  Program take() { return std::move(program_); }

 private:
  const decltype(Config::calibration)& calibration_;
  Program program_;
  uint32_t begin_ = 0;
};

// The share of `total` that step i of n has when they are spread evenly.
uint64_t share(uint64_t total, uint64_t i, uint64_t n) { return total * (i + 1) / n - total * i / n; }

}  // namespace

Program unknown_key_program(const Config& config) {
  const auto& c = config.calibration;
  Assembler code(config);
  code.operation(c.double_products);
  code.operation(c.addition_products, c.unknown_table_additions);
  for (uint64_t i = 0; i < c.base_additions; ++i) {
    for (uint64_t window = share(c.unknown_windows, i, c.base_additions); window > 0; --window) {
      code.operation(c.double_products, c.unknown_window_doublings);
      code.operation(c.addition_products);
    }
    code.operation(c.mixed_addition_products);
    if (i + 1 == c.base_additions) code.operation(c.final_products);
    code.end_step(1, 0);
  }
  return code.take();
}

Program known_key_program(const Config& config) {
  const auto& c = config.calibration;
  Assembler code(config);
  for (uint64_t i = 0; i < c.base_additions; ++i) {
    const uint64_t key_additions = share(c.known_additions, i, c.base_additions);
    code.operation(c.mixed_addition_products, 1 + key_additions);
    if (i + 1 == c.base_additions) code.operation(c.final_products);
    code.end_step(1, key_additions);
  }
  return code.take();
}

uint64_t cycles_alone(const Program& program, const Config& config) {
  const auto& c = config.calibration;
  // The sequencer's steps of a group are done while it is on its way, unless they take longer.
  uint64_t cycles = 0;
  for (const uint64_t products : program.groups) {
    const uint64_t result = c.multiplier_interval_cycles * (products - 1) + c.multiplier_latency_cycles;
    cycles += std::max(result, c.sequencer_product_cycles * products);
  }
  return cycles;
}

}  // namespace accel::model
