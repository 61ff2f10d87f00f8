// What a run has counted, and what went wrong in it. Thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace accel::soak {

class Ledger {
 public:
  void count(const std::string& name, uint64_t n = 1);
  // Something that must never happen: printed at once, and the run has failed.
  void violation(const std::string& sentence);
  uint64_t violations() const;
  // "name value", one to a line.
  void print() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, uint64_t> counts_;
  uint64_t violations_ = 0;
};

}  // namespace accel::soak
