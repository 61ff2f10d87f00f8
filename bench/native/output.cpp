#include "output.hpp"

#include <sys/utsname.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>

#include "accel/accel.h"
#include "workload.hpp"

namespace accel::bench {
namespace {

// Value of a field of the first processor in /proc/cpuinfo; "" if there is none.
std::string cpu_field(const std::string& name) {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with(name) && line.find_first_not_of(" \t", name.size()) == line.find(':')) {
      return line.substr(line.find(':') + 2);
    }
  }
  return "";
}

std::string cpu() {
  const std::string model = cpu_field("model name"), family = cpu_field("cpu family");
  if (!model.empty()) return model + " (family " + family + ", model " + cpu_field("model") + ")";
  utsname system{};
  uname(&system);
  return system.machine;
}

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "gcc " __VERSION__;
#endif
}

std::string today() {
  const std::time_t now = std::time(nullptr);
  char text[11];
  std::strftime(text, sizeof(text), "%Y-%m-%d", std::gmtime(&now));
  return text;
}

const char* reached(const Row& row) {
  if (row.goal.floor == 0) return "";
  const double ratio = median(row.ratios());
  if (row.goal.goal > 0 && ratio >= row.goal.goal) return "goal";
  return ratio >= row.goal.floor ? "floor" : "below";
}

size_t count_reached(const Report& report, const std::string& what) {
  return static_cast<size_t>(
      std::count_if(report.rows.begin(), report.rows.end(), [&](const Row& row) { return reached(row) == what; }));
}

std::string join(const std::vector<std::string>& items, const char* separator) {
  std::string r;
  for (const std::string& item : items) r += (r.empty() ? "" : separator) + item;
  return r;
}

std::string quoted(const std::string& text) {
  std::string r = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') r += '\\';
    r += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return r + '"';
}

std::string quoted(const std::vector<std::string>& items) {
  std::string r = "[";
  for (const std::string& item : items) r.append(r.size() > 1 ? ", " : "").append(quoted(item));
  return r.append("]");
}

// Digits enough for the ratio of each round.
void print_rounds(const char* name, const std::vector<double>& rates) {
  std::printf(", \"%s\": [", name);
  for (size_t i = 0; i < rates.size(); ++i) std::printf("%s%.6g", i == 0 ? "" : ", ", rates[i]);
  std::printf("]");
}

void print_row_json(const Row& row) {
  const std::vector<double> ratios = row.ratios();
  const auto [low, high] = std::minmax_element(ratios.begin(), ratios.end());
  // Ratios to their last digit: rounded, one that just misses its goal would read as if it had reached it.
  std::printf(
      "{\"task\": %s, \"kernel\": %s, \"batch\": %zu, \"rate_per_s_p50\": %.0f, \"peer\": %s, "
      "\"peer_rate_per_s_p50\": %.0f, \"ratio_p50\": %.17g, \"ratio_min\": %.17g, \"ratio_max\": %.17g",
      quoted(row.task).c_str(), quoted(row.kernel).c_str(), row.batch, median(row.ours.rates), quoted(row.peer).c_str(),
      median(row.theirs.rates), median(ratios), *low, *high);
  print_rounds("rounds_per_s", row.ours.rates);
  print_rounds("peer_rounds_per_s", row.theirs.rates);
  if (row.goal.floor > 0) std::printf(", \"floor\": %g", row.goal.floor);
  if (row.goal.goal > 0) std::printf(", \"goal\": %g", row.goal.goal);
  if (row.goal.floor > 0) std::printf(", \"reached\": %s", quoted(reached(row)).c_str());
  std::printf("}");
}

void print_number(double value) {
  if (value > 0) {
    std::printf(" %5g", value);
  } else {
    std::printf("      ");
  }
}

void print_row(const Row& row) {
  const std::vector<double> ratios = row.ratios();
  const auto [low, high] = std::minmax_element(ratios.begin(), ratios.end());
  std::printf("%-42s %-10s %7zu %11.0f  %-9s %10.0f %7.2f %7.2f-%-7.2f", row.task.c_str(), row.kernel.c_str(),
              row.batch, median(row.ours.rates), row.peer.c_str(), median(row.theirs.rates), median(ratios), *low,
              *high);
  print_number(row.goal.floor);
  print_number(row.goal.goal);
  std::printf("  %s\n", reached(row));
}

}  // namespace

void print_json(const Report& report) {
  std::printf(
      "{\"date\": %s, \"cpu\": %s, \"features\": %s, \"core\": %d, \"compiler\": %s, \"accel\": %s, \"peers\": %s, "
      "\"kernels\": {\"sm2\": %s, \"sm3\": %s}, \"time\": \"thread CPU\", \"threads\": 1, \"rounds\": %zu, "
      "\"notes\": %s, \"results\": [",
      quoted(today()).c_str(), quoted(cpu()).c_str(), quoted(accel_cpu_features()).c_str(), report.core,
      quoted(compiler()).c_str(), quoted(accel_version()).c_str(), quoted(report.peers).c_str(),
      quoted(kernels_of("sm2.verify")).c_str(), quoted(kernels_of("sm3.hash")).c_str(), report.rounds,
      quoted(report.notes).c_str());
  const char* separator = "\n  ";
  for (const Row& row : report.rows) {
    std::printf("%s", separator);
    print_row_json(row);
    separator = ",\n  ";
  }
  std::printf("\n]}\n");
}

void print_table(const Report& report) {
  std::printf("%s, %s, %s\naccel %s; kernels: sm2 %s; sm3 %s\npeers: %s\n", today().c_str(), cpu().c_str(),
              compiler().c_str(), accel_version(), join(kernels_of("sm2.verify"), ", ").c_str(),
              join(kernels_of("sm3.hash"), ", ").c_str(), join(report.peers, "; ").c_str());
  for (const std::string& note : report.notes) std::printf("note: %s\n", note.c_str());
  std::printf(
      "one thread on core %d, thread CPU time; ratio: median, lowest and highest of %zu alternating rounds\n\n"
      "%-42s %-10s %7s %11s  %-9s %10s %7s %15s %5s %5s  %s\n",
      report.core, report.rounds, "task", "kernel", "batch", "accel /s", "peer", "peer /s", "ratio", "spread", "floor",
      "goal", "reached");
  for (const Row& row : report.rows) print_row(row);
  std::printf("\n%zu goals reached, %zu floors, %zu below their floor\n", count_reached(report, "goal"),
              count_reached(report, "floor"), count_reached(report, "below"));
}

}  // namespace accel::bench
