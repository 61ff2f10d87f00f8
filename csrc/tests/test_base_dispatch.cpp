// The choice of kernels, on families of pretended kernels in a registry of their own.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "base/cpu.hpp"
#include "base/dispatch.hpp"
#include "base/error.hpp"

namespace accel::dispatch {
namespace {

struct Toy {
  const char* name;
  bool (*supported)(const CpuFeatures&);
  bool right;  // whether it passes its self-test
};

bool yes(const CpuFeatures&) { return true; }
bool no(const CpuFeatures&) { return false; }

constexpr Toy kFast = {"fast", yes, true};
constexpr Toy kExotic = {"exotic", no, true};
constexpr Toy kPlain = {"portable", yes, true};
constexpr Toy kWrong = {"wrong", yes, false};

constexpr const char* kVariable = "ACCEL_TEST_KERNEL";

class Dispatch : public ::testing::Test {
 protected:
  void TearDown() override { unsetenv(kVariable); }

  // The sentence and status of the error that `action` throws.
  template <typename Action>
  static std::string refusal(accel_status status, Action&& action) {
    try {
      action();
    } catch (const Error& error) {
      EXPECT_EQ(error.status(), status);
      return error.what();
    }
    return "no error";
  }

  static inline int selftests = 0;
  static bool selftest(const Toy& toy) {
    selftests++;
    return toy.right;
  }

  Registry registry{kVariable};
  Family<Toy> hash{registry, "hash", {"hash.run"}, {&kExotic, &kFast, &kPlain}, selftest};
  Family<Toy> sign{registry, "sign", {"sign.make", "sign.check"}, {&kPlain}, selftest};
};

TEST_F(Dispatch, TakesTheFirstThatRuns) {
  EXPECT_STREQ(hash.active().name, "fast");
  EXPECT_STREQ(sign.active().name, "portable");
  EXPECT_STREQ(hash.available_names(), "fast,portable");
}

TEST_F(Dispatch, EnvironmentForcesAtFirstUse) {
  setenv(kVariable, "hash=portable", 1);
  EXPECT_STREQ(hash.active().name, "portable");
  setenv(kVariable, "hash=fast", 1);
  EXPECT_STREQ(hash.active().name, "portable");  // chosen once
}

TEST_F(Dispatch, BareNameHoldsForAll) {
  setenv(kVariable, "portable", 1);
  EXPECT_STREQ(hash.active().name, "portable");
  EXPECT_STREQ(sign.active().name, "portable");
}

TEST_F(Dispatch, BareNameMustExistEverywhere) {
  setenv(kVariable, "fast", 1);
  for (int again = 0; again < 2; again++) {  // an error stays one; nothing falls back
    EXPECT_EQ(refusal(ACCEL_BAD_KERNEL, [&] { hash.active(); }),
              "ACCEL_TEST_KERNEL: sign has no kernel \"fast\", got \"fast\"; there is hash=exotic (not on this "
              "CPU)|fast|portable; sign=portable");
  }
}

TEST_F(Dispatch, RefusesUnknownAndUnsupported) {
  const std::string there_is = "; there is hash=exotic (not on this CPU)|fast|portable; sign=portable";
  EXPECT_EQ(refusal(ACCEL_BAD_KERNEL, [&] { registry.set("hash=nothing"); }),
            "kernels: hash has no kernel \"nothing\", got \"hash=nothing\"" + there_is);
  EXPECT_EQ(refusal(ACCEL_BAD_KERNEL, [&] { registry.set("hash=exotic"); }),
            "kernels: this CPU or its operating system cannot run hash=exotic, got \"hash=exotic\"" + there_is);
  for (const char* spec : {"cook=fast", "=", "=fast", "hash=fast,hash=portable", "fast,sign=portable", ",hash=fast"}) {
    EXPECT_NE(refusal(ACCEL_BAD_KERNEL, [&] { registry.set(spec); }).find(there_is), std::string::npos) << spec;
  }
  for (const char* spec : {"Portable", " portable", "portable,portable", "hash=", "hash=fast=1", "hash= fast"}) {
    EXPECT_NE(refusal(ACCEL_BAD_KERNEL, [&] { registry.set(spec); }), "no error") << spec;
  }
}

TEST_F(Dispatch, SetIsAllOrNothing) {
  registry.set("hash=portable");
  EXPECT_THROW(registry.set("hash=fast,sign=fast"), Error);
  EXPECT_STREQ(hash.active().name, "portable");
  registry.set("");
  EXPECT_STREQ(hash.active().name, "fast");
}

TEST_F(Dispatch, SetOverridesTheEnvironment) {
  setenv(kVariable, "nonsense", 1);
  registry.set("hash=portable");
  EXPECT_STREQ(hash.active().name, "portable");
  EXPECT_STREQ(sign.active().name, "portable");
}

TEST_F(Dispatch, SelftestOnceBeforeFirstUse) {
  selftests = 0;
  hash.active();
  hash.active();
  registry.set("hash=fast");
  hash.active();
  EXPECT_EQ(selftests, 1);
}

TEST_F(Dispatch, WrongKernelIsNeverUsed) {
  Registry other(kVariable);
  Family<Toy> family(other, "hash", {"hash.run"}, {&kWrong, &kPlain}, selftest);
  for (int again = 0; again < 2; again++) {
    EXPECT_EQ(refusal(ACCEL_SELFTEST_FAILED, [&] { family.active(); }),
              "kernel hash=wrong gave a wrong answer to a known question and is not used");
  }
  EXPECT_THROW(other.selftest(), Error);
  other.set("portable");
  EXPECT_STREQ(family.active().name, "portable");
}

TEST_F(Dispatch, CountsByOpAndKernel) {
  sign.count(1, kPlain, 5);
  sign.count(1, kPlain, 2);
  size_t op;
  EXPECT_EQ(&registry.family_of("sign.check", &op), &sign);
  EXPECT_EQ(sign.items(op, sign.find_kernel("portable")), 7u);
  EXPECT_EQ(sign.items(0, 0), 0u);
  EXPECT_EQ(refusal(ACCEL_BAD_ARGUMENT, [&] { registry.family_of("sign", &op); }),
            "op: expected one of hash.run, sign.make, sign.check, got \"sign\"");
}

TEST(Cpu, FeaturesAreConsistent) {
  const CpuFeatures& features = cpu_features();
  EXPECT_TRUE(features.avx2 || !features.avx512);
  EXPECT_TRUE(features.avx512 || !features.avx512ifma);
  EXPECT_EQ(describe({}), "");
  EXPECT_EQ(describe({.adx = true, .avx2 = true}), "adx avx2");
}

}  // namespace
}  // namespace accel::dispatch
