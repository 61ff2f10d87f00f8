// What the operating system knows of this process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace accel::soak {

struct Usage {
  size_t descriptors, threads, children, driver_mappings;
  uint64_t resident_kib;
  std::string text() const;
};

Usage usage();
// Driver hosts that this process has started and that live.
std::vector<pid_t> driver_hosts();
// Sends the signal, unless the process is no child of ours any more.
bool send_to_child(pid_t pid, int signal);

// Growth of y a unit of x: least squares.
double slope(const std::vector<double>& x, const std::vector<double>& y);

}  // namespace accel::soak
