// Which features are believed: CPUID's word is not enough, the system has to save the registers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/cpu.hpp"

namespace accel {
namespace {

constexpr uint32_t kOsxsave = 1u << 27, kAvx = 1u << 28;
constexpr uint32_t kAvx2 = 1u << 5, kBmi2 = 1u << 8, kAdx = 1u << 19, kIfma = 1u << 21;
constexpr uint32_t kAvx512[] = {1u << 16, 1u << 17, 1u << 30, 1u << 31};  // F, DQ, BW, VL
constexpr CpuidWords kEverything = {0xffffffff, 0xffffffff};

// XCR0 as systems set it.
uint64_t saves_nothing() { return 0x01; }  // x87 alone
uint64_t saves_sse() { return 0x03; }
uint64_t saves_ymm() { return 0x07; }
uint64_t saves_no_opmask() { return 0xc7; }
uint64_t saves_no_upper_zmm() { return 0x67; }
uint64_t saves_zmm() { return 0xe7; }
uint64_t must_not_be_asked() { std::abort(); }

TEST(CpuFeatures, EverythingThereAndSaved) {
  EXPECT_EQ("bmi2 adx avx2 avx512 avx512ifma", describe(features_of(kEverything, saves_zmm)));
}

TEST(CpuFeatures, RegistersThatTheSystemDoesNotSave) {
  EXPECT_EQ("bmi2 adx", describe(features_of(kEverything, saves_nothing)));
  EXPECT_EQ("bmi2 adx", describe(features_of(kEverything, saves_sse)));
  EXPECT_EQ("bmi2 adx avx2", describe(features_of(kEverything, saves_ymm)));
  EXPECT_EQ("bmi2 adx avx2", describe(features_of(kEverything, saves_no_opmask)));
  EXPECT_EQ("bmi2 adx avx2", describe(features_of(kEverything, saves_no_upper_zmm)));
}

TEST(CpuFeatures, XgetbvIsNotExecutedWithoutOsxsave) {
  CpuidWords words = kEverything;
  words.leaf1_ecx &= ~kOsxsave;
  EXPECT_EQ("bmi2 adx", describe(features_of(words, must_not_be_asked)));
}

TEST(CpuFeatures, EachInstructionSetIsAsked) {
  const auto without = [](uint32_t leaf1, uint32_t leaf7) {
    return describe(features_of({kEverything.leaf1_ecx & ~leaf1, kEverything.leaf7_ebx & ~leaf7}, saves_zmm));
  };
  EXPECT_EQ("bmi2 adx", without(kAvx, 0));
  EXPECT_EQ("bmi2 adx", without(0, kAvx2));
  EXPECT_EQ("adx avx2 avx512 avx512ifma", without(0, kBmi2));
  EXPECT_EQ("bmi2 avx2 avx512 avx512ifma", without(0, kAdx));
  EXPECT_EQ("bmi2 adx avx2 avx512", without(0, kIfma));
  for (const uint32_t part : kAvx512) EXPECT_EQ("bmi2 adx avx2", without(0, part));
  EXPECT_EQ("", describe(features_of({}, saves_zmm)));
}

TEST(CpuFeatures, TheMaker) {
  constexpr uint32_t kIntel[3] = {0x756e6547, 0x49656e69, 0x6c65746e};  // "GenuineIntel"
  CpuidWords words = kEverything;
  EXPECT_FALSE(features_of(words, saves_zmm).intel);
  std::copy_n(kIntel, 3, words.vendor);
  EXPECT_TRUE(features_of(words, saves_zmm).intel);
  words.vendor[2] ^= 1;
  EXPECT_FALSE(features_of(words, saves_zmm).intel);
}

}  // namespace
}  // namespace accel
