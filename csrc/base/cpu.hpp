// What this CPU can run, with the operating system's consent (XGETBV).
#pragma once

#include <cstdint>
#include <string>

namespace accel {

struct CpuFeatures {
  bool bmi2 = false, adx = false;
  bool avx2 = false;
  bool avx512 = false;      // F, BW, DQ, VL and the opmask and zmm state
  bool avx512ifma = false;  // avx512 and IFMA
  // By the maker's name: what is known of its pipelines chooses between kernels of the same instructions. No
  // instruction set, so neither named by describe() nor masked.
  bool intel = false;
};

// What CPUID says: leaf 1's ecx, leaf 7's ebx (subleaf 0), and leaf 0's ebx, edx and ecx, the maker's name.
struct CpuidWords {
  uint32_t leaf1_ecx = 0, leaf7_ebx = 0;
  uint32_t vendor[3] = {};
};
// The features that both the CPU and the system give: a register that the system does not save is not used, whatever
// CPUID says. `xcr0_of_system` is called only if CPUID says that the system has enabled XGETBV.
CpuFeatures features_of(const CpuidWords& words, uint64_t (*xcr0_of_system)());

// Detected once, less the features named in ACCEL_CPU_MASK ("avx512,avx2": for tests of the choice of kernels on a
// CPU that has more than the one they play). Throws Error(ACCEL_BAD_ARGUMENT) for an unknown name in it.
const CpuFeatures& cpu_features();
// Names separated by spaces.
std::string describe(const CpuFeatures& features);

}  // namespace accel
