#include "measure.hpp"

#include <sched.h>

#include <algorithm>
#include <ctime>
#include <stdexcept>

#include "accel/accel.h"

namespace accel::bench {
namespace {

constexpr int kWarmUps = 2;

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double seconds_of(const Side& side) {
  const double start = thread_seconds();
  for (size_t i = 0; i < side.repeats; ++i) side.run();
  return thread_seconds() - start;
}

void time_round(Side& side) { side.rates.push_back(static_cast<double>(side.items * side.repeats) / seconds_of(side)); }

void warm_up(Side& side, double window) {
  for (int i = 0; i < kWarmUps; ++i) side.run();
  side.repeats = static_cast<size_t>(std::clamp(window / seconds_of(side), 1.0, 1e6));
}

void force(const Row& row) {
  require(accel_set_kernels(row.forced.c_str()) == ACCEL_OK, row.task + ": " + accel_last_error());
}

uint64_t counted(const Row& row) {
  uint64_t items = 0;
  require(accel_kernel_items(&items, row.op.c_str(), row.kernel.c_str()) == ACCEL_OK, accel_last_error());
  return items;
}

void prepare(Row& row, double window) {
  force(row);
  const uint64_t before = row.op.empty() ? 0 : counted(row);
  warm_up(row.ours, window);
  require(row.op.empty() || counted(row) > before, row.task + ": the kernel that ran is not " + row.kernel);
  warm_up(row.theirs, window);
}

void measure_round(Row& row, bool peer_first) {
  force(row);
  if (peer_first) time_round(row.theirs);
  time_round(row.ours);
  if (!peer_first) time_round(row.theirs);
}

}  // namespace

void require(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::vector<double> Row::ratios() const {
  std::vector<double> r;
  for (size_t i = 0; i < ours.rates.size(); ++i) r.push_back(ours.rates[i] / theirs.rates[i]);
  return r;
}

void measure(std::vector<Row>& rows, size_t rounds, double window) {
  for (Row& row : rows) prepare(row, window);
  for (size_t round = 0; round < rounds; ++round) {
    for (Row& row : rows) measure_round(row, round % 2 == 1);
  }
}

void settle_alternatives(std::vector<Row>& rows) {
  for (Row& row : rows) {
    const bool beaten = std::any_of(rows.begin(), rows.end(), [&](const Row& other) {
      return !row.alternative.empty() && other.alternative == row.alternative &&
             median(other.ratios()) > median(row.ratios());
    });
    if (beaten) row.goal = {};
  }
}

int pin(int core) {
  if (core < 0) core = sched_getcpu();
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  require(sched_setaffinity(0, sizeof(set), &set) == 0, "cannot pin to core " + std::to_string(core));
  return core;
}

}  // namespace accel::bench
