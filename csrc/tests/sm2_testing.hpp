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

namespace accel::sm2::testing {

using Bytes = std::vector<uint8_t>;

inline Bytes unhex(const std::string& hex) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

// Names the instances of a test that is parametrised over kernels.
inline std::string kernel_name(const ::testing::TestParamInfo<const Kernel*>& kernel) { return kernel.param->name; }

// A known key's table.
class KeyTable {
 public:
  KeyTable(const Kernel& kernel, const Bytes& key) : memory_(std::aligned_alloc(64, kernel.table_size)) {
    if (memory_ == nullptr || !kernel.build_table(memory_.get(), key.data())) {
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
