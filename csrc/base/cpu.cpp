#include "base/cpu.hpp"

#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/error.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace accel {
namespace {

struct NamedFeature {
  std::string_view name;
  bool CpuFeatures::* flag;
};

constexpr NamedFeature kNames[] = {
    {"bmi2", &CpuFeatures::bmi2},
    {"adx", &CpuFeatures::adx},
    {"avx2", &CpuFeatures::avx2},
    {"avx512", &CpuFeatures::avx512},
    {"avx512ifma", &CpuFeatures::avx512ifma},
};

constexpr bool bit(uint32_t word, unsigned index) { return ((word >> index) & 1) != 0; }

#if defined(__x86_64__)

// XCR0: which register states the operating system saves on a context switch. Only valid with OSXSAVE.
uint64_t read_xcr0() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
}

CpuFeatures detect() {
  CpuidWords words;
  uint32_t eax, ebx, ecx, edx;
  if (__get_cpuid_count(0, 0, &eax, &words.vendor[0], &words.vendor[2], &words.vendor[1]) == 0) return {};
  if (__get_cpuid_count(1, 0, &eax, &ebx, &ecx, &edx) == 0) return {};
  words.leaf1_ecx = ecx;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return {};
  words.leaf7_ebx = ebx;
  return features_of(words, read_xcr0);
}

#else

CpuFeatures detect() { return {}; }

#endif

void drop_feature(CpuFeatures* features, std::string_view name) {
  for (const NamedFeature& known : kNames) {
    if (name != known.name) continue;
    features->*known.flag = false;
    // What is built on a feature goes with it.
    if (name == "avx2") features->avx512 = features->avx512ifma = false;
    if (name == "avx512") features->avx512ifma = false;
    return;
  }
  throw Error(ACCEL_BAD_ARGUMENT,
              "ACCEL_CPU_MASK: expected names out of bmi2, adx, avx2, avx512, avx512ifma, separated by commas, got \"" +
                  std::string(name) + "\"");
}

CpuFeatures detect_and_mask() {
  CpuFeatures features = detect();
  const char* mask = std::getenv("ACCEL_CPU_MASK");
  std::string_view rest = mask != nullptr ? mask : "";
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    drop_feature(&features, rest.substr(0, comma));
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  return features;
}

}  // namespace

// Bit numbers: Intel SDM volume 2A, CPUID; XCR0: volume 1, 13.3.
CpuFeatures features_of(const CpuidWords& words, uint64_t (*xcr0_of_system)()) {
  CpuFeatures features;
  const bool osxsave = bit(words.leaf1_ecx, 27);
  const bool avx = bit(words.leaf1_ecx, 28);
  const uint64_t xcr0 = osxsave ? xcr0_of_system() : 0;
  const bool ymm_saved = (xcr0 & 0x06) == 0x06;  // SSE and upper halves of ymm
  const bool zmm_saved = (xcr0 & 0xe6) == 0xe6;  // and opmask, upper halves of zmm0-15, zmm16-31
  const uint32_t ebx = words.leaf7_ebx;
  features.bmi2 = bit(ebx, 8);
  features.adx = bit(ebx, 19);
  features.avx2 = avx && ymm_saved && bit(ebx, 5);
  const bool f_dq_bw_vl = bit(ebx, 16) && bit(ebx, 17) && bit(ebx, 30) && bit(ebx, 31);
  features.avx512 = features.avx2 && zmm_saved && f_dq_bw_vl;
  features.avx512ifma = features.avx512 && bit(ebx, 21);
  features.intel = std::memcmp(words.vendor, "GenuineIntel", sizeof(words.vendor)) == 0;
  return features;
}

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = detect_and_mask();
  return features;
}

std::string describe(const CpuFeatures& features) {
  std::string text;
  for (const NamedFeature& known : kNames) {
    if (!(features.*known.flag)) continue;
    if (!text.empty()) text += ' ';
    text += known.name;
  }
  return text;
}

}  // namespace accel
