#include "soak/ledger.hpp"

#include <cinttypes>
#include <cstdio>

namespace accel::soak {

void Ledger::count(const std::string& name, uint64_t n) {
  const std::lock_guard lock(mutex_);
  counts_[name] += n;
}

void Ledger::violation(const std::string& sentence) {
  constexpr uint64_t kPrinted = 50;
  const std::lock_guard lock(mutex_);
  if (++violations_ > kPrinted) return;
  std::printf("VIOLATION: %s\n", sentence.c_str());
  std::fflush(stdout);
}

uint64_t Ledger::violations() const {
  const std::lock_guard lock(mutex_);
  return violations_;
}

void Ledger::print() const {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, value] : counts_) std::printf("%-48s %14" PRIu64 "\n", name.c_str(), value);
}

}  // namespace accel::soak
