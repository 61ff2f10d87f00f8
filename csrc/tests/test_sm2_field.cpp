// The layers below a kernel: field, scalars, recodings, each against the tests' own integers.
#include <gtest/gtest.h>

#include "sm2/field_portable.hpp"
#include "sm2/scalar.hpp"
#include "sm2_oracle.hpp"
#if defined(__x86_64__)
#include "sm2/field_adx.hpp"
#endif
#include "base/cpu.hpp"

namespace accel::sm2::testing {
namespace {

template <class F>
bool runs_here() {
#if defined(__x86_64__)
  if (std::is_same_v<F, AdxField>) return cpu_features().bmi2 && cpu_features().adx;
#endif
  return true;
}

U256 u256(const Integer& a) { return {{a.limbs[0], a.limbs[1], a.limbs[2], a.limbs[3]}}; }
Integer integer(const U256& a) { return {{a.v[0], a.v[1], a.v[2], a.v[3], 0}}; }
Fe raw_fe(const Integer& a) { return {{a.limbs[0], a.limbs[1], a.limbs[2], a.limbs[3]}}; }
Integer raw_integer(const Fe& a) { return {{a.v[0], a.v[1], a.v[2], a.v[3], 0}}; }

// 0, 1, 2, p - 1, p - 2, (p +- 1) / 2, powers of two and of 2^32 less one, then random ones.
std::vector<Integer> samples(const Integer& m, size_t random, uint64_t seed) {
  std::vector<Integer> r = {{},
                            Integer::of(1),
                            Integer::of(2),
                            m - Integer::of(1),
                            m - Integer::of(2),
                            m.half(),
                            (m + Integer::of(1)).half()};
  for (size_t bit = 31; bit < 256; bit += 32) {
    r.push_back(Integer::power_of_two(bit));
    r.push_back(Integer::power_of_two(bit) - Integer::of(1));
    r.push_back(Integer::power_of_two(bit + 1) - Integer::of(1));
  }
  std::erase_if(r, [&m](const Integer& a) { return !(a < m); });
  Dense dense(seed);
  for (size_t i = 0; i < random; ++i) r.push_back(dense.below(m));
  return r;
}

template <class F>
class Sm2Field : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!runs_here<F>()) GTEST_SKIP() << "this CPU lacks BMI2 or ADX";
  }
};

#if defined(__x86_64__)
using Fields = ::testing::Types<PortableField, AdxField>;
#else
using Fields = ::testing::Types<PortableField>;
#endif
TYPED_TEST_SUITE(Sm2Field, Fields);

// Montgomery's form is undone by the oracle: mul(a, b) is a b / R.
TYPED_TEST(Sm2Field, MultipliesAddsAndSubtracts) {
  using F = TypeParam;
  const Integer r_inverse = kFieldRing.inverse(Integer::power_of_two(256) - kOracleP);
  const std::vector<Integer> values = samples(kOracleP, 30, 1);
  for (const Integer& a : values) {
    const Integer aa = kFieldRing.mul(kFieldRing.mul(a, a), r_inverse);
    EXPECT_EQ(raw_integer(F::sqr(raw_fe(a))), aa);
    EXPECT_EQ(raw_integer(F::neg(raw_fe(a))), kFieldRing.neg(a));
    EXPECT_EQ(raw_integer(F::thrice(raw_fe(a))), kFieldRing.add(a, kFieldRing.add(a, a)));
    EXPECT_EQ(kFieldRing.mul(raw_integer(F::half(raw_fe(a))), Integer::of(2)), a);
    const Integer a_r_inverse = kFieldRing.mul(a, r_inverse);
    for (const Integer& b : values) {
      EXPECT_EQ(raw_integer(F::mul(raw_fe(a), raw_fe(b))), kFieldRing.mul(a_r_inverse, b));
      EXPECT_EQ(raw_integer(F::add(raw_fe(a), raw_fe(b))), kFieldRing.add(a, b));
      EXPECT_EQ(raw_integer(F::sub(raw_fe(a), raw_fe(b))), kFieldRing.sub(a, b));
    }
  }
}

// Multiplication is cheap in the kernel and dear in the oracle: (a + b)^2 - (a - b)^2 = 4 a b reaches more inputs.
TYPED_TEST(Sm2Field, MultipliesManyConsistently) {
  using F = TypeParam;
  Dense dense(2);
  for (int i = 0; i < 20000; ++i) {
    const Fe a = raw_fe(dense.below(kOracleP)), b = raw_fe(dense.below(kOracleP));
    const Fe left = F::sub(F::sqr(F::add(a, b)), F::sqr(F::sub(a, b)));
    const Fe right = F::twice(F::twice(F::mul(a, b)));
    ASSERT_TRUE(equal_var(left, right)) << i;
    ASSERT_TRUE(equal_var(F::mul(a, a), F::sqr(a))) << i;
  }
}

TYPED_TEST(Sm2Field, ConvertsAnyInteger) {
  using F = TypeParam;
  std::vector<Integer> values = samples(Integer::power_of_two(256), 20, 3);
  values.push_back(kOracleP);
  values.push_back(kOracleP + Integer::of(1));
  for (const Integer& a : values) {
    const Fe element = F::from_integer(u256(a));
    EXPECT_EQ(raw_integer(element), kFieldRing.mul(a, Integer::power_of_two(256) - kOracleP));
    EXPECT_EQ(integer(F::to_integer(element)), kFieldRing.reduce(a));
  }
}

TYPED_TEST(Sm2Field, InvertsAndTakesRoots) {
  using F = TypeParam;
  size_t squares = 0;
  for (const Integer& a : samples(kOracleP, 60, 4)) {
    const Fe element = F::from_integer(u256(a));
    const Integer inverse = a.is_zero() ? Integer{} : kFieldRing.inverse(a);
    EXPECT_EQ(integer(F::to_integer(F::inverse(element))), inverse);
    EXPECT_EQ(integer(F::to_integer(F::inverse_var(element))), inverse);
    Fe root;
    if (F::sqrt_var(root, element)) {
      ++squares;
      const Integer r = integer(F::to_integer(root));
      EXPECT_EQ(kFieldRing.mul(r, r), a);
    }
    EXPECT_TRUE(F::sqrt_var(root, F::sqr(element)));
  }
  EXPECT_GT(squares, 20u);
  EXPECT_LT(squares, 70u);
}

// Division steps skip runs of zero bits and shorten the numbers as they go: many inputs, cheaply checked.
TYPED_TEST(Sm2Field, InvertsManyInBothWays) {
  using F = TypeParam;
  Dense dense(5);
  for (int i = 0; i < 3000; ++i) {
    const Fe a = raw_fe(dense.below(kOracleP));
    ASSERT_TRUE(equal_var(F::mul(a, F::inverse_var(a)), kFeOne)) << i;
  }
}

TYPED_TEST(Sm2Field, NegatesOnDemand) {
  using F = TypeParam;
  for (const Integer& a : samples(kOracleP, 200, 6)) {
    if (a.is_zero()) continue;
    EXPECT_EQ(raw_integer(F::negate_nonzero_if(0, raw_fe(a))), a);
    EXPECT_EQ(raw_integer(F::negate_nonzero_if(~uint64_t{0}, raw_fe(a))), kFieldRing.neg(a));
  }
}

TEST(Sm2Scalar, MultipliesReducesAndInverts) {
  const std::vector<Integer> values = samples(kOracleN, 15, 7);
  const Integer r = Integer::power_of_two(256) - kOracleN;  // 2^256 mod n
  for (const Integer& a : values) {
    for (const Integer& b : values) {
      EXPECT_EQ(integer(mul_mod(u256(a), u256(b), kOrder)), kOrderRing.mul(a, b));
      const Integer wide = kOrderRing.add(kOrderRing.mul(a, r), b);
      EXPECT_EQ(integer(reduce_wide(u256(a), u256(b), kOrder)), wide);
    }
    if (!a.is_zero()) {
      EXPECT_EQ(integer(inverse_mod(u256(a), kOrder)), kOrderRing.inverse(a));
    }
  }
  // The halves of a wide number are any 256-bit numbers.
  std::vector<Integer> any = samples(Integer::power_of_two(256), 15, 8);
  for (uint64_t i = 0; i < 3; ++i) any.push_back(kOracleN + Integer::of(i));
  for (const Integer& high : any) {
    for (const Integer& low : any) {
      const Integer wide = kOrderRing.add(kOrderRing.mul(high, r), kOrderRing.reduce(low));
      EXPECT_EQ(integer(reduce_wide(u256(high), u256(low), kOrder)), wide);
    }
  }
}

// The sum of digit * 2^(width * window), mod n.
template <int kWidth>
Integer recombine(const OddRecoding<kWidth>& digits) {
  Integer sum;
  for (int window = OddRecoding<kWidth>::kWindows - 1; window >= 0; --window) {
    for (int i = 0; i < kWidth; ++i) sum = kOrderRing.add(sum, sum);
    const Digit digit = digits[window];
    EXPECT_LT(digit.index, static_cast<uint32_t>(OddRecoding<kWidth>::kEntries));
    const Integer magnitude = Integer::of(2 * uint64_t{digit.index} + 1);
    sum = digit.negative != 0 ? kOrderRing.sub(sum, magnitude) : kOrderRing.add(sum, magnitude);
  }
  return sum;
}

template <int kWidth>
void check_odd_recoding() {
  for (const Integer& k : samples(kOracleN, 100, 9)) {
    if (k.is_zero()) continue;
    EXPECT_EQ(recombine(OddRecoding<kWidth>(u256(k), kOrder.m)), k) << "width " << kWidth;
  }
}

TEST(Sm2Scalar, RecodesToOddDigits) {
  check_odd_recoding<5>();
  check_odd_recoding<6>();
  check_odd_recoding<7>();
  check_odd_recoding<8>();
  check_odd_recoding<13>();
  check_odd_recoding<16>();
}

TEST(Sm2Scalar, RecodesToNonAdjacentForm) {
  for (const Integer& k : samples(Integer::power_of_two(256), 300, 10)) {
    int8_t digits[kNafDigits];
    const int used = recode_naf_var(digits, u256(k));
    Integer sum;
    int last = -kNafWidth;
    for (int i = kNafDigits - 1; i >= 0; --i) {
      sum = kOrderRing.add(sum, sum);
      const uint64_t magnitude = static_cast<uint64_t>(digits[i] < 0 ? -digits[i] : digits[i]);
      const Integer term = Integer::of(magnitude);
      sum = digits[i] < 0 ? kOrderRing.sub(sum, term) : kOrderRing.add(sum, term);
    }
    for (int i = 0; i < kNafDigits; ++i) {
      if (digits[i] == 0) continue;
      EXPECT_TRUE(digits[i] % 2 != 0 && digits[i] > -16 && digits[i] < 16);
      EXPECT_GE(i - last, kNafWidth);
      EXPECT_LT(i, used);
      last = i;
    }
    EXPECT_EQ(sum, kOrderRing.reduce(k));
  }
}

}  // namespace
}  // namespace accel::sm2::testing
