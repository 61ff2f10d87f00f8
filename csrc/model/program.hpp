// The microcode of a verification: groups of products, cut into steps where points of tables are wanted.
#pragma once

#include <cstdint>
#include <vector>

#include "model/config.hpp"

namespace accel::model {

// Products of a group do not wait for each other; a group waits for the one before it.
struct Step {
  uint32_t first_group, end_group;
  uint8_t base_reads;  // of the shared table, when the step begins
  uint8_t key_reads;   // of the signer's table
};

struct Program {
  std::vector<uint8_t> groups;  // products of each
  std::vector<Step> steps;
  uint64_t products = 0, base_reads = 0, key_reads = 0;
};

// With a signer's key that came with the item: its small table is made in the core.
Program unknown_key_program(const Config& config);
// With a key whose table is on the chip.
Program known_key_program(const Config& config);

// Core cycles of a program that has its core for itself and waits for no table.
uint64_t cycles_alone(const Program& program, const Config& config);

}  // namespace accel::model
