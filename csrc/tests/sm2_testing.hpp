// What the SM2 tests share.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "sm2_kernels.hpp"
#include "sm2_oracle.hpp"

namespace accel::sm2::testing {

// Names the instances of a test that is parametrised over kernels.
inline std::string kernel_name(const ::testing::TestParamInfo<const Kernel*>& kernel) { return kernel.param->name; }

inline std::vector<const TableScheme*> schemes_of(const Kernel& kernel) {
  std::vector<const TableScheme*> schemes = {&kernel.standard};
  if (kernel.wide.bytes != 0) schemes.push_back(&kernel.wide);
  return schemes;
}

// A known key's table.
class KeyTable {
 public:
  KeyTable(const TableScheme& scheme, const Bytes& key)
      : memory_(std::aligned_alloc(64, (scheme.bytes + 63) / 64 * 64)) {
    if (memory_ == nullptr || !scheme.build(memory_.get(), key.data())) {
      throw std::invalid_argument("no point of the curve");
    }
  }
  const void* get() const { return memory_.get(); }

 private:
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> memory_;
};

}  // namespace accel::sm2::testing
