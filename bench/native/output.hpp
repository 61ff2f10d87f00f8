// What the benchmark prints: a table for people, or JSON.
#pragma once

#include <string>
#include <vector>

#include "measure.hpp"

namespace accel::bench {

struct Report {
  std::vector<Row> rows;
  std::vector<std::string> peers;  // with versions
  std::vector<std::string> notes;  // sentences: what could not be measured, and why
  size_t rounds;
  int core;
};

void print_json(const Report& report);
void print_table(const Report& report);

}  // namespace accel::bench
