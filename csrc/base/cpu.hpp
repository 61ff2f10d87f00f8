// What this CPU can run, with the operating system's consent (XGETBV).
#pragma once

#include <string>

namespace accel {

struct CpuFeatures {
  bool bmi2 = false, adx = false;
  bool avx2 = false;
  bool avx512 = false;      // F, BW, DQ, VL and the opmask and zmm state
  bool avx512ifma = false;  // avx512 and IFMA
};

// Detected once.
const CpuFeatures& cpu_features();
std::string describe(const CpuFeatures& features);

}  // namespace accel
