// Every pair of scalars in small groups (of 7, 13 and 127 points; a share in one of 239), through the very formulas,
// tables and trees that ship.
//
// The formulas for a = -3 take b, if at all, as a parameter, so they hold on y^2 = x^3 - 3x + b for other b too. With a
// b whose curve has a subgroup of small prime order, all exceptional cases are met at once: sums that double, sums that
// vanish, at every level of a tree, infinity in the tables.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <vector>

#include "base/cpu.hpp"
#include "sm2/field_portable.hpp"
#include "sm2/ifma/sign52.hpp"
#include "sm2/ifma/vec_emulated.hpp"
#include "sm2/sign.hpp"
#include "sm2/verify.hpp"
#include "sm2_oracle.hpp"
#if defined(__x86_64__)
#include "sm2/field_adx.hpp"
#endif

namespace accel::sm2::testing {
namespace {

// Curve y^2 = x^3 - 3x + kCurveB over p and a generator of its subgroup of order kOrderValue.
struct Curve {
  uint64_t b, order;
  const char *x, *y;
};
constexpr Curve kCurves[] = {
    {47, 7, "79fd3b6f52b4273ea9b6300d2227efbb7dbd9263e394c11b156bf05b3c2d7a9f",
     "4aaca6187595caf332925c0233705721c6364ee29bd0b751f48f89946bd8b268"},
    {62, 13, "c69a8480cd480ee42968cda8ad43525d764a61b3f8c08041e411c13a4fa83a02",
     "d306573dfa7ef25b77a58b6791c06db5cd021c1c33a67ec85e20e6aa20850532"},
    {9, 127, "09876ab02c1eecaf2e09dcf679adb22d1b869377310147256a11369bc261ac3a",
     "4b5242619164cd8502ae4422a4dd308b7f82fb1dafa4f972adb53ab86f78964a"},
    {59, 239, "30216a3eee709611c9fe704b69b3485528b94df3230b35bfabd95ae0dad24969",
     "9920bce91ad1808fc10a08591ca5f3a2c9fc7ad8af3eec8a7a33c9efd8253d1b"},
};

U256 u256(const Integer& a) { return {{a.limbs[0], a.limbs[1], a.limbs[2], a.limbs[3]}}; }

// Montgomery's form by the oracle: a R mod p.
Fe element(const Integer& a) {
  const U256 r = u256(kFieldRing.mul(Integer::power_of_two(256) - kOracleP, a));
  return {{r.v[0], r.v[1], r.v[2], r.v[3]}};
}
Affine affine(const Point& p) { return p ? Affine{element(p->x), element(p->y)} : Affine{kFeZero, kFeZero}; }
bool equal(const Affine& a, const Affine& b) { return equal_var(a.x, b.x) && equal_var(a.y, b.y); }

Point generator_of(const Curve& curve) { return Coordinates{Integer::from_hex(curve.x), Integer::from_hex(curve.y)}; }

template <int kCurve>
struct SmallGroup {
  static constexpr bool kSmall = true;
  // Only m is used: there is no signing in a small group.
  static constexpr Modulus kModulus = {{{kCurves[kCurve].order, 0, 0, 0}}, 0, {}};
  static inline const Fe kB = element(Integer::of(kCurves[kCurve].b));
  static inline const Affine kGenerator = affine(generator_of(kCurves[kCurve]));
};

// All multiples of the generator, by the oracle.
struct Multiples {
  std::vector<Point> points;
  std::vector<Affine> elements;

  explicit Multiples(const Curve& curve) {
    Point p;
    for (uint64_t i = 0; i < curve.order; ++i) {
      points.push_back(p);
      elements.push_back(affine(p));
      p = add_points(p, generator_of(curve));
    }
  }
};

// k + j q, odd and as large as fits: the same multiple by other digits.
U256 large_representative(uint64_t k, uint64_t order, uint64_t random) {
  Integer j = Integer::power_of_two(240) + Integer::of(random);
  const Integer q = Integer::of(order);
  Integer r = Integer::of(k);
  for (size_t i = 256; i-- > 0;) {
    if (j.bit(i) && i <= 247) {
      Integer term = q;
      for (size_t doubling = 0; doubling < i; ++doubling) term = term + term;
      r = r + term;
    }
  }
  return u256(r.is_even() ? r + q : r);
}

template <class F, int kCurve>
struct Case {
  using Field = F;
  static constexpr int kIndex = kCurve;
};

template <class Case>
class Sm2Exhaustive : public ::testing::Test {
 protected:
  static constexpr uint64_t kOrderValue = kCurves[Case::kIndex].order;

  void SetUp() override {
#if defined(__x86_64__)
    if (std::is_same_v<typename Case::Field, AdxField> && !(cpu_features().bmi2 && cpu_features().adx)) {
      GTEST_SKIP() << "this CPU lacks BMI2 or ADX";
    }
#endif
    ASSERT_FALSE(add_points(multiples().points.back(), generator_of(kCurves[Case::kIndex]))) << "not the group's order";
  }

  static const Multiples& multiples() {
    static const Multiples all(kCurves[Case::kIndex]);
    return all;
  }

  // The claim about [s]G + [t]P, P = [key]G, that is true, or for a sum at infinity, some claim: none is true then.
  static Claim true_claim(const U256& s, const U256& t, uint64_t sum) {
    const Point& point = multiples().points[sum != 0 ? sum : 1];
    return {s, t, u256(point->x)};
  }
  static Claim false_claim(Claim claim) {
    claim.x.v[0] ^= 1;
    return claim;
  }

  // Calls check(claim, key, expected) for every pair of scalars, in both representations, true and false.
  template <class Add>
  static void for_all_claims(uint64_t key, const Add& add) {
    Dense dense(key);
    for (uint64_t s = 1; s < kOrderValue; ++s) {
      for (uint64_t t = 1; t < kOrderValue; ++t) {
        // Nearly all pairs are exceptional here and take the slow way: of the largest group, one in eight.
        if (kOrderValue > 200 && (s + t) % 8 != 0) continue;
        const uint64_t sum = (s + t * key) % kOrderValue;
        const Claim claim = true_claim({{s, 0, 0, 0}}, {{t, 0, 0, 0}}, sum);
        add(claim, sum != 0);
        if ((s + 3 * t) % 8 == 0) add(false_claim(claim), false);
        const U256 large_s = large_representative(s, kOrderValue, dense.word());
        const U256 large_t = large_representative(t, kOrderValue, dense.word());
        if (kOrderValue < 100 || (s * 31 + t) % 16 == 0) add(true_claim(large_s, large_t, sum), sum != 0);
      }
    }
  }

  template <int kWidth>
  static void check_table(uint64_t key) {
    using Table = FixedBase<kWidth>;
    const std::unique_ptr<Affine[]> table(new Affine[Table::kWindows * Table::kEntries]);
    Table::template build_var<typename Case::Field>(table.get(), multiples().elements[key]);
    uint64_t base = key;
    for (size_t window = 0; window < Table::kWindows; ++window) {
      for (size_t entry = 0; entry < Table::kEntries; ++entry) {
        const uint64_t multiple = (2 * entry + 1) * base % kOrderValue;
        ASSERT_TRUE(equal(table[window * Table::kEntries + entry], multiples().elements[multiple]))
            << "width " << kWidth << ", window " << window << ", entry " << entry;
      }
      for (int i = 0; i < kWidth; ++i) base = 2 * base % kOrderValue;
    }
  }
};

TYPED_TEST_SUITE_P(Sm2Exhaustive);

TYPED_TEST_P(Sm2Exhaustive, Tables) {
  this->template check_table<kKeyWidth>(1);
  this->template check_table<kKeyWidth>(this->kOrderValue - 2);
  this->template check_table<kSignWidth>(1);
  this->template check_table<kGeneratorWidth>(1);
}

// p + q for every p and q, in Jacobian coordinates with every small Z and in the complete formulas.
TYPED_TEST_P(Sm2Exhaustive, Additions) {
  using F = typename TypeParam::Field;
  using Group = SmallGroup<TypeParam::kIndex>;
  const std::vector<Affine>& all = this->multiples().elements;
  for (uint64_t i = 0; i < this->kOrderValue; ++i) {
    const Fe z = element(Integer::of(i + 2)), zz = F::sqr(z);
    const Affine& p = all[i];
    const Jacobian jacobian =
        i == 0 ? Jacobian{kFeOne, kFeOne, kFeZero} : Jacobian{F::mul(p.x, zz), F::mul(p.y, F::mul(zz, z)), z};
    const Projective projective =
        i == 0 ? Projective{kFeZero, z, kFeZero} : Projective{F::mul(p.x, z), F::mul(p.y, z), z};
    EXPECT_TRUE(equal(to_affine_var<F>(double_jacobian<F>(jacobian)), all[2 * i % this->kOrderValue]));
    for (uint64_t j = 0; j < this->kOrderValue; ++j) {
      const Affine& sum = all[(i + j) % this->kOrderValue];
      ASSERT_TRUE(equal(to_affine_var<F>(add_mixed_var<F>(jacobian, all[j])), sum)) << i << " + " << j;
      if (j == 0) continue;  // the complete formula takes an affine point
      const Projective complete = add_mixed_complete<F, Group>(projective, all[j]);
      const Fe inverse = F::inverse_var(complete.z);  // 0 for infinity
      ASSERT_TRUE(equal({F::mul(complete.x, inverse), F::mul(complete.y, inverse)}, sum)) << i << " + " << j;
    }
  }
}

TYPED_TEST_P(Sm2Exhaustive, ClaimsOfKnownKeys) {
  using F = typename TypeParam::Field;
  using Group = SmallGroup<TypeParam::kIndex>;
  using Known = KnownKeys<F, Group, kGeneratorWidth, kKeyWidth>;
  using Table = FixedBase<kKeyWidth>;
  const std::unique_ptr<Affine[]> table(new Affine[Table::kWindows * Table::kEntries]);
  const Affine* const pointers[Known::kChunk] = {table.get()};
  std::vector<const Affine*> tables(Known::kChunk, pointers[0]);
  for (uint64_t key = 2; key < this->kOrderValue; key += this->kOrderValue > 100 ? 200 : 1) {
    Table::template build_var<F>(table.get(), this->multiples().elements[key]);
    std::vector<Claim> claims;
    std::vector<bool> expected;
    const auto flush = [&] {
      bool holds[Known::kChunk];
      Known::check(holds, tables.data(), claims.data(), claims.size());
      for (size_t i = 0; i < claims.size(); ++i) {
        ASSERT_EQ(holds[i], expected[i]) << "key " << key << ", s " << claims[i].s.v[0] << ", t " << claims[i].t.v[0];
      }
      claims.clear();
      expected.clear();
    };
    this->for_all_claims(key, [&](const Claim& claim, bool holds) {
      claims.push_back(claim);
      expected.push_back(holds);
      if (claims.size() == Known::kChunk) flush();
    });
    flush();
  }
}

TYPED_TEST_P(Sm2Exhaustive, ClaimsOfUnknownKeys) {
  using F = typename TypeParam::Field;
  using Group = SmallGroup<TypeParam::kIndex>;
  using Unknown = UnknownKeys<F, Group, kGeneratorWidth>;
  for (uint64_t key = 1; key < this->kOrderValue; key += this->kOrderValue > 100 ? 300 : 1) {
    const std::vector<Affine> keys(Unknown::kChunk, this->multiples().elements[key]);
    std::vector<Claim> claims;
    std::vector<bool> expected;
    const auto flush = [&] {
      bool holds[Unknown::kChunk];
      Unknown::check(holds, keys.data(), claims.data(), claims.size());
      for (size_t i = 0; i < claims.size(); ++i) {
        ASSERT_EQ(holds[i], expected[i]) << "key " << key << ", s " << claims[i].s.v[0] << ", t " << claims[i].t.v[0];
      }
      claims.clear();
      expected.clear();
    };
    this->for_all_claims(key, [&](const Claim& claim, bool holds) {
      claims.push_back(claim);
      expected.push_back(holds);
      if (claims.size() == Unknown::kChunk) flush();
    });
    flush();
  }
}

TYPED_TEST_P(Sm2Exhaustive, MultiplesOfTheGenerator) {
  using F = typename TypeParam::Field;
  using Group = SmallGroup<TypeParam::kIndex>;
  using Base = BaseMultiples<F, Group, kSignWidth>;
  Dense dense(1);
  std::vector<U256> scalars;
  std::vector<uint64_t> values;
  for (uint64_t k = 1; k < this->kOrderValue; ++k) {
    scalars.push_back({{k, 0, 0, 0}});
    scalars.push_back(large_representative(k, this->kOrderValue, dense.word()));
    values.insert(values.end(), {k, k});
  }
  for (size_t begin = 0; begin < scalars.size(); begin += Base::kChunk) {
    const size_t items = std::min(scalars.size() - begin, Base::kChunk);
    Affine sums[Base::kChunk];
    Base::compute(sums, scalars.data() + begin, items);
    for (size_t i = 0; i < items; ++i) {
      const Affine& expected = this->multiples().elements[values[begin + i]];
      ASSERT_TRUE(equal(sums[i], expected)) << values[begin + i];
      ASSERT_TRUE(equal(multiply_base_complete<F, Group, kSignWidth>(scalars[begin + i]), expected));
    }
  }
}

REGISTER_TYPED_TEST_SUITE_P(Sm2Exhaustive, Tables, Additions, ClaimsOfKnownKeys, ClaimsOfUnknownKeys,
                            MultiplesOfTheGenerator);

template <class F>
using Cases = ::testing::Types<Case<F, 0>, Case<F, 1>, Case<F, 2>, Case<F, 3>>;
INSTANTIATE_TYPED_TEST_SUITE_P(Portable, Sm2Exhaustive, Cases<PortableField>);
#if defined(__x86_64__)
INSTANTIATE_TYPED_TEST_SUITE_P(Adx, Sm2Exhaustive, Cases<AdxField>);
#endif

// The generator's multiples through the formulas of the vectors.
template <int kCurve>
void check_multiples_in_lanes() {
  using F = PortableField;
  using Group = SmallGroup<kCurve>;
  using V = VecEmulated;
  using Field = Field52<V>;
  using Base = BaseMultiples52<V, F, Group, kSignWidth52>;
  const auto scratch = std::make_unique<typename Base::Scratch>();
  const Multiples multiples(kCurves[kCurve]);
  Dense dense(2);
  std::vector<U256> scalars;
  std::vector<uint64_t> values;
  for (uint64_t k = 1; k < kCurves[kCurve].order; ++k) {
    scalars.push_back({{k, 0, 0, 0}});
    scalars.push_back(large_representative(k, kCurves[kCurve].order, dense.word()));
    values.insert(values.end(), {k, k});
  }
  for (size_t begin = 0; begin < scalars.size(); begin += Base::kChunk) {
    const size_t items = std::min(scalars.size() - begin, Base::kChunk);
    const size_t groups = (items + V::kLanes - 1) / V::kLanes;
    typename Field::Fe lanes[Base::kGroups];
    for (size_t i = 0; i < groups * V::kLanes; ++i) {
      const Limbs52 limbs = to_limbs52(scalars[begin + std::min(i, items - 1)]);
      for (int limb = 0; limb < kLimbs; ++limb) lanes[i / V::kLanes].l[limb].v[i % V::kLanes] = limbs.l[limb];
    }
    Base::compute(*scratch, lanes, groups);
    for (size_t i = 0; i < items; ++i) {
      const Affine& expected = multiples.elements[values[begin + i]];
      const auto& sum = scratch->nodes[i / V::kLanes];
      const U256 x = Field::lane(Field::to_integer(sum.x), i % V::kLanes);
      const U256 y = Field::lane(Field::to_integer(sum.y), i % V::kLanes);
      ASSERT_TRUE(equal({F::from_integer(x), F::from_integer(y)}, expected)) << values[begin + i];
    }
  }
}
TEST(Sm2ExhaustiveLanes, MultiplesInAGroupOf7) { check_multiples_in_lanes<0>(); }
TEST(Sm2ExhaustiveLanes, MultiplesInAGroupOf127) { check_multiples_in_lanes<2>(); }

}  // namespace
}  // namespace accel::sm2::testing
