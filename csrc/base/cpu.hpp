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

// Detected once, less the features named in ACCEL_CPU_MASK ("avx512,avx2": for tests of the choice of kernels on a
// CPU that has more than the one they play). Throws Error(ACCEL_BAD_ARGUMENT) for an unknown name in it.
const CpuFeatures& cpu_features();
// Names separated by spaces.
std::string describe(const CpuFeatures& features);

}  // namespace accel
