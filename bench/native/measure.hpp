// Rows of the benchmark: what we do and what a peer does, timed in turn on the thread's CPU clock.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace accel::bench {

// Throws std::runtime_error.
void require(bool condition, const std::string& what);

// Ratios to the peer: what must be reached, and what is aimed at; 0: nothing asked.
struct Goal {
  double floor = 0, goal = 0;
};

struct Side {
  size_t items = 0;           // of one run
  std::function<void()> run;  // throws when an answer is wrong
  size_t repeats = 1;         // runs that are timed together
  std::vector<double> rates;  // items per second, one for each round
};

struct Row {
  std::string task, op;        // op: of accel_kernel_items; empty: not counted there
  std::string kernel, forced;  // name, and the spec that forces it
  size_t batch = 0;            // items of one call
  Side ours;
  std::string peer;
  Side theirs;
  Goal goal;
  // Of rows with the same alternative (not empty) the best one has to reach the goal, the others need not.
  std::string alternative;

  std::vector<double> ratios() const;  // one for each round
};

double median(std::vector<double> values);

// Warms each row up, finds the number of repeats that takes `window` seconds, and times `rounds` rounds over all rows;
// which side goes first alternates.
void measure(std::vector<Row>& rows, size_t rounds, double window);

// Leaves the goal of each set of alternatives to its best row.
void settle_alternatives(std::vector<Row>& rows);

// The thread runs on one core from now on: on `core`, or where it is if that is negative. Returns the core.
int pin(int core);

}  // namespace accel::bench
