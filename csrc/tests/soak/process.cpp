#include "soak/process.hpp"

#include <dirent.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <numeric>
#include <sstream>

namespace accel::soak {
namespace {

std::vector<std::string> entries(const char* directory) {
  std::vector<std::string> names;
  DIR* const open = opendir(directory);
  if (open == nullptr) return names;
  while (const dirent* const entry = readdir(open)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  closedir(open);
  return names;
}

struct Process {
  pid_t pid, parent;
  char state;
  std::string name;
};

// Of /proc/PID/stat: "pid (name) state parent ...".
Process read_process(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(file, line);
  const size_t open = line.find('('), close = line.rfind(')');
  Process process = {pid, -1, '?', ""};
  if (open == std::string::npos || close == std::string::npos) return process;
  process.name = line.substr(open + 1, close - open - 1);
  std::istringstream rest(line.substr(close + 1));
  rest >> process.state >> process.parent;
  return process;
}

std::vector<Process> children() {
  std::vector<Process> found;
  for (const std::string& name : entries("/proc")) {
    const pid_t pid = std::atoi(name.c_str());
    if (pid <= 0) continue;
    Process process = read_process(pid);
    if (process.parent == getpid()) found.push_back(std::move(process));
  }
  return found;
}

uint64_t status_field(const std::string& name) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(name + ":", 0) == 0) return std::strtoull(line.c_str() + name.size() + 1, nullptr, 10);
  }
  return 0;
}

size_t driver_mappings() {
  std::ifstream file("/proc/self/maps");
  size_t count = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.find("memfd:accel-driver") != std::string::npos) ++count;
  }
  return count;
}

}  // namespace

std::string Usage::text() const {
  return std::to_string(descriptors) + " descriptors, " + std::to_string(threads) + " threads, " +
         std::to_string(children) + " children, " + std::to_string(driver_mappings) + " mappings of drivers";
}

Usage usage() {
  return {entries("/proc/self/fd").size(), status_field("Threads"), children().size(), driver_mappings(),
          status_field("VmRSS")};
}

std::vector<pid_t> driver_hosts() {
  std::vector<pid_t> pids;
  for (const Process& process : children()) {
    if (process.name == "accel-driverhos" && process.state != 'Z') pids.push_back(process.pid);  // 15 bytes of a name
  }
  return pids;
}

bool send_to_child(pid_t pid, int signal) {
#if defined(SYS_pidfd_open) && defined(SYS_pidfd_send_signal)
  const int descriptor = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (descriptor < 0) return false;
  // Its number may have come to mean another process before it was opened, and cannot any more.
  const bool ours = read_process(pid).parent == getpid();
  const bool sent = ours && syscall(SYS_pidfd_send_signal, descriptor, signal, nullptr, 0) == 0;
  close(descriptor);
  return sent;
#else
  return kill(pid, signal) == 0;
#endif
}

double slope(const std::vector<double>& x, const std::vector<double>& y) {
  const auto n = static_cast<double>(x.size());
  const double mean_x = std::accumulate(x.begin(), x.end(), 0.0) / n;
  const double mean_y = std::accumulate(y.begin(), y.end(), 0.0) / n;
  double above = 0, below = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    above += (x[i] - mean_x) * (y[i] - mean_y);
    below += (x[i] - mean_x) * (x[i] - mean_x);
  }
  return below == 0 ? 0 : above / below;
}

}  // namespace accel::soak
