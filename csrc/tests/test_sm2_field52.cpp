// The field of eight lanes against the tests' own integers, in both of its vector types, up to the bounds of its
// representation: values below 16 p in limbs of 52 bits.
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "field52_ops.hpp"
#include "sm2_oracle.hpp"

namespace accel::sm2::testing {
namespace {

using Eight = std::array<Integer, 8>;

constexpr uint64_t kLimb = (uint64_t{1} << 52) - 1;

Integer times(const Integer& a, uint64_t factor) {
  Integer r;
  for (uint64_t i = 0; i < factor; ++i) r = r + a;
  return r;
}
// Any value below 2^320.
Integer mod_p(Integer a) {
  for (size_t shift = 65; shift-- > 0;) {
    Integer multiple = kOracleP;
    if (shift > 60) continue;
    for (size_t i = 0; i < shift; ++i) multiple = multiple + multiple;
    if (!(a < multiple)) a = a - multiple;
  }
  return a;
}
const Integer kR = mod_p(Integer::power_of_two(260));
const Integer kRInverse = kFieldRing.inverse(kR);

Lanes52 split(const Eight& values) {
  Lanes52 r{};
  for (size_t lane = 0; lane < 8; ++lane) {
    for (size_t bit = 0; bit < 260; ++bit) {
      r.limbs[bit / 52][lane] |= static_cast<uint64_t>(values[lane].bit(bit)) << bit % 52;
    }
  }
  return r;
}
// The value of limbs that must be in range.
Eight join(const Lanes52& a) {
  Eight r;
  for (size_t lane = 0; lane < 8; ++lane) {
    for (size_t i = 5; i-- > 0;) {
      EXPECT_LE(a.limbs[i][lane], kLimb) << "limb " << i << " of lane " << lane;
      for (size_t bit = 0; bit < 52; ++bit) r[lane] = r[lane] + r[lane];
      r[lane] = r[lane] + Integer::of(a.limbs[i][lane] & kLimb);
    }
  }
  return r;
}

class Sm2Field52 : public ::testing::TestWithParam<const Field52Ops*> {
 protected:
  const Field52Ops& ops() const { return *GetParam(); }
  void SetUp() override {
    if (!ops().supported(cpu_features())) GTEST_SKIP() << "this CPU lacks AVX-512 IFMA";
  }

  // Values below bound p, with all that is at the ends: 0, multiples of p and their neighbours, all limbs full.
  static std::vector<Integer> values(uint64_t bound, size_t random, uint64_t seed) {
    std::vector<Integer> r = {{}, Integer::of(1), Integer::of(kLimb), Integer::power_of_two(52)};
    for (uint64_t k = 1; k <= bound; ++k) {
      r.push_back(times(kOracleP, k) - Integer::of(1));
      if (k < bound) r.push_back(times(kOracleP, k));
      if (k < bound) r.push_back(times(kOracleP, k) + Integer::of(1));
    }
    for (size_t bit = 52; bit <= 260; bit += 52) {
      const Integer full = Integer::power_of_two(bit) - Integer::of(1);
      if (full < times(kOracleP, bound)) r.push_back(full);
    }
    Dense dense(seed);
    for (size_t i = 0; i < random; ++i) {
      r.push_back(dense.below(kOracleP) + times(kOracleP, dense.word() % bound));
    }
    return r;
  }
  static std::vector<Eight> eights(const std::vector<Integer>& all) {
    std::vector<Eight> r;
    for (size_t i = 0; i < all.size(); i += 8) {
      Eight eight;
      for (size_t lane = 0; lane < 8; ++lane) eight[lane] = all[(i + lane) % all.size()];
      r.push_back(eight);
    }
    return r;
  }
  static Eight turned(const Eight& a, size_t by) {
    Eight r;
    for (size_t lane = 0; lane < 8; ++lane) r[lane] = a[(lane + by) % 8];
    return r;
  }
  static Integer product(const Integer& a, const Integer& b) {
    return kFieldRing.mul(kFieldRing.mul(mod_p(a), mod_p(b)), kRInverse);
  }
};

std::vector<const Field52Ops*> all_ops() {
  std::vector<const Field52Ops*> r = {&kField52Emulated};
#if defined(__x86_64__)
  r.push_back(&kField52Ifma);
#endif
  return r;
}
INSTANTIATE_TEST_SUITE_P(All, Sm2Field52, ::testing::ValuesIn(all_ops()),
                         [](const auto& tested) { return std::string(tested.param->name); });

TEST_P(Sm2Field52, MultipliesUpToItsBounds) {
  struct Bounds {
    uint64_t a, b;
  };
  for (const Bounds bounds : {Bounds{1, 1}, Bounds{4, 4}, Bounds{2, 8}, Bounds{2, 15}, Bounds{15, 15}}) {
    for (const Eight& a : eights(values(bounds.a, 20, 1))) {
      for (const Eight& from : eights(values(bounds.b, 20, 2))) {
        for (const size_t turn : {0, 3}) {
          const Eight b = turned(from, turn);
          Lanes52 r;
          ops().mul(r, split(a), split(b));
          const Eight result = join(r);
          // Below (1 + A B / 16) p, and a little more for p < 2^256.
          const Integer limit = times(kOracleP, 2 + bounds.a * bounds.b / 16);
          for (size_t lane = 0; lane < 8; ++lane) {
            ASSERT_EQ(mod_p(result[lane]), product(a[lane], b[lane]));
            ASSERT_TRUE(result[lane] < limit);
          }
        }
      }
    }
  }
}

TEST_P(Sm2Field52, SquaresAsItMultiplies) {
  for (const Eight& a : eights(values(15, 200, 3))) {
    Lanes52 square, same;
    ops().sqr(square, split(a));
    ops().mul(same, split(a), split(a));
    const Eight left = join(square), right = join(same);
    for (size_t lane = 0; lane < 8; ++lane) ASSERT_EQ(left[lane], right[lane]);
  }
}

TEST_P(Sm2Field52, AddsAndSubtracts) {
  for (const Eight& a : eights(values(7, 20, 4))) {
    for (const Eight& b : eights(values(5, 20, 5))) {
      Lanes52 sum, difference;
      ops().add(sum, split(a), split(b));
      ops().sub5(difference, split(a), split(b));
      const Eight sums = join(sum), differences = join(difference);
      for (size_t lane = 0; lane < 8; ++lane) {
        ASSERT_EQ(sums[lane], a[lane] + b[lane]);
        ASSERT_EQ(differences[lane], a[lane] + times(kOracleP, 5) - b[lane]);
      }
    }
  }
}

// a - b - b - b for a, b below 16 p / 3 and so on: the sums that the formulas make, with limbs far out of range.
TEST_P(Sm2Field52, CarriesBetweenTheRowsOfAMultiplication) {
  const auto sum_of = [](const Lanes52& a, const Lanes52& b, uint64_t times_b) {
    Lanes52 r;
    for (size_t i = 0; i < 5; ++i) {
      for (size_t lane = 0; lane < 8; ++lane) r.limbs[i][lane] = a.limbs[i][lane] - times_b * b.limbs[i][lane];
    }
    return r;
  };
  for (const Eight& a : eights(values(6, 20, 6))) {
    for (const Eight& b : eights(values(3, 20, 7))) {
      const Lanes52 la = split(a), lb = split(b), zero = {};
      const Lanes52 sums[3] = {sum_of(la, lb, 3), sum_of(la, zero, 0), sum_of(zero, lb, 5)};
      Lanes52 r, tight, low, reduced, alone;
      ops().mul_and_carry(r, la, lb, tight, low, reduced, sums);
      ops().mul(alone, la, lb);
      const Eight product_ = join(r), expected = join(alone), t = join(tight), l = join(low), q = join(reduced);
      const Integer limit = kOracleP + Integer::power_of_two(230);
      for (size_t lane = 0; lane < 8; ++lane) {
        const Integer thrice = times(b[lane], 3);
        ASSERT_EQ(product_[lane], expected[lane]);
        ASSERT_EQ(t[lane], a[lane] + times(kOracleP, 9) - thrice);
        ASSERT_EQ(l[lane], a[lane]);
        ASSERT_EQ(mod_p(q[lane]), kFieldRing.neg(mod_p(times(b[lane], 5))));
        ASSERT_TRUE(q[lane] < limit);
      }
    }
  }
}

TEST_P(Sm2Field52, ReducesAndSeesZero) {
  for (const Eight& a : eights(values(2, 60, 8))) {
    Lanes52 r;
    ops().canonical(r, split(a));
    const Eight result = join(r);
    for (size_t lane = 0; lane < 8; ++lane) ASSERT_EQ(result[lane], mod_p(a[lane]));
  }
  for (const Eight& a : eights(values(15, 60, 9))) {
    const uint8_t mask = ops().zero_mask(split(a));
    for (size_t lane = 0; lane < 8; ++lane) ASSERT_EQ((mask >> lane & 1) != 0, mod_p(a[lane]).is_zero());
  }
}

TEST_P(Sm2Field52, InvertsInBothWays) {
  for (const Eight& a : eights(values(4, 40, 10))) {
    Lanes52 constant, variable;
    ops().inverse(constant, split(a));
    ops().inverse_var(variable, split(a));
    const Eight c = join(constant), v = join(variable);
    bool any_zero = false;
    for (size_t lane = 0; lane < 8; ++lane) any_zero = any_zero || mod_p(a[lane]).is_zero();
    for (size_t lane = 0; lane < 8; ++lane) {
      // a stands for a / R, and a^-1 R^2 for its inverse. One zero among the lanes makes all of them zero.
      const Integer inverse =
          any_zero ? Integer{} : kFieldRing.mul(kFieldRing.mul(kFieldRing.inverse(mod_p(a[lane])), kR), kR);
      EXPECT_EQ(mod_p(c[lane]), inverse);
      EXPECT_EQ(mod_p(v[lane]), inverse);
    }
  }
}

TEST_P(Sm2Field52, ConvertsIntegersAndWords) {
  for (const Eight& a : eights(values(1, 60, 11))) {
    Lanes52 in, out;
    ops().from_integer(in, split(a));
    ops().to_integer(out, split(a));
    const Eight form = join(in), integer = join(out);
    uint64_t words[4][8];
    ops().pack(words, split(a));
    const uint64_t* addresses[8];
    for (size_t lane = 0; lane < 8; ++lane) addresses[lane] = a[lane].limbs.data();
    Lanes52 loaded;
    ops().load_quads(loaded, addresses);
    const Eight same = join(loaded);
    for (size_t lane = 0; lane < 8; ++lane) {
      EXPECT_EQ(mod_p(form[lane]), kFieldRing.mul(a[lane], kR));
      EXPECT_EQ(integer[lane], kFieldRing.mul(a[lane], kRInverse));
      EXPECT_EQ(same[lane], a[lane]);
      for (size_t i = 0; i < 4; ++i) EXPECT_EQ(words[i][lane], a[lane].limbs[i]);
    }
  }
}

}  // namespace
}  // namespace accel::sm2::testing
