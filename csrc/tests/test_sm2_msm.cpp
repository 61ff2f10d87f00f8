// Sums of multiples (ifma/msm52.hpp) over emulated vectors, on any CPU, against the oracle. Points and scalars are what
// an adversary would send: equal and opposite points, infinity as a result, digits of all sizes, every width of window.

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <vector>

#include "brief.hpp"
#include "sm2/field_portable.hpp"
#include "sm2/ifma/msm52.hpp"
#include "sm2/ifma/vec_emulated.hpp"
#include "sm2_oracle.hpp"

namespace accel::sm2::testing {
namespace {

using F = PortableField;
using Msm = Msm52<VecEmulated, F>;

U256 u256(const Integer& a) { return {{a.limbs[0], a.limbs[1], a.limbs[2], a.limbs[3]}}; }

Affine affine(const Point& p) {
  if (!p) return {kFeZero, kFeZero};
  return {F::from_integer(u256(p->x)), F::from_integer(u256(p->y))};
}

struct Term {
  Point point;
  Integer scalar;
};

// Sums of at most `most` multiples.
class Sums {
 public:
  explicit Sums(size_t most)
      : memory_(std::aligned_alloc(64, (Msm::bytes(most) + 63) / 64 * 64)),
        space_(Msm::make_space(memory_.get(), most)) {}

  // As lists of long scalars, and of short ones below 2^short_bits; width 0: the usual one.
  void expect(const std::vector<Term>& long_terms, const std::vector<Term>& short_terms, int short_bits, int width,
              const Point& expected) const {
    std::vector<U256> scalars;
    for (const auto* terms : {&long_terms, &short_terms}) {
      for (const Term& term : *terms) {
        space_.pool[Msm::kPads + scalars.size()] = to_affine260<F>(affine(term.point));
        scalars.push_back(u256(term.scalar));
      }
    }
    const size_t count = long_terms.size();
    const ScaledPoints points[] = {{Msm::kPads, scalars.data(), count, 256},
                                   {Msm::kPads + count, scalars.data() + count, short_terms.size(), short_bits}};
    const Jacobian sum = width == 0 ? Msm::sum_var(space_, points, 2) : Msm::sum_var(space_, points, 2, width);
    const Affine got = to_affine_var<F>(sum), wanted = affine(expected);
    EXPECT_TRUE(equal_var(got.x, wanted.x) && equal_var(got.y, wanted.y))
        << long_terms.size() << " + " << short_terms.size() << " terms, width " << width;
  }

 private:
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> memory_;
  Msm::Space space_;
};

// A curve of tests/sm2_exhaustive: the group of `order` points that (x, y) generates.
struct SmallGroup {
  uint64_t order;
  std::vector<Point> points;  // [i] is i times the generator

  SmallGroup(uint64_t group_order, const char* x, const char* y) : order(group_order) {
    const Point generator = Coordinates{Integer::from_hex(x), Integer::from_hex(y)};
    Point p;
    for (uint64_t i = 0; i < order; ++i, p = add_points(p, generator)) points.push_back(p);
    EXPECT_FALSE(p) << "not the group's order";
  }

  const Point& multiple(const Integer& k) const { return points[Ring{Integer::of(order)}.reduce(k).limbs[0]]; }
};
SmallGroup group_of_7() {
  return {7, "79fd3b6f52b4273ea9b6300d2227efbb7dbd9263e394c11b156bf05b3c2d7a9f",
          "4aaca6187595caf332925c0233705721c6364ee29bd0b751f48f89946bd8b268"};
}
SmallGroup group_of_127() {
  return {127, "09876ab02c1eecaf2e09dcf679adb22d1b869377310147256a11369bc261ac3a",
          "4b5242619164cd8502ae4422a4dd308b7f82fb1dafa4f972adb53ab86f78964a"};
}

// Every pair of points with every pair of scalars, the widths in turn.
TEST(Sm2Msm, EveryPairInASmallGroup) {
  const SmallGroup group = group_of_7();
  const Sums sums(2);
  Dense dense(1);
  int width = Msm::kMinWidth;
  for (uint64_t a = 1; a < 7; ++a) {
    for (uint64_t b = 1; b < 7; ++b) {
      for (uint64_t k = 0; k < 49; ++k) {
        // The same multiples by other digits: k + 7 j.
        const Integer first = Integer::of(k % 7 + 7 * (dense.word() >> 4));
        const Integer second = Integer::of(k / 7 + 7 * (dense.word() >> 4));
        const Point& expected = group.points[(a * (k % 7) + b * (k / 7)) % 7];
        sums.expect({{group.points[a], first}}, {{group.points[b], second}}, 64, width, expected);
        width = width == Msm::kMaxWidth ? Msm::kMinWidth : width + 1;
      }
    }
  }
}

// Hundreds of points among 6 or 126: in every bucket there are equal and opposite ones, at every level.
TEST(Sm2Msm, ManyPointsOfASmallGroup) {
  Dense dense(2);
  const Sums sums(700);
  for (const SmallGroup& group : {group_of_7(), group_of_127()}) {
    for (int width = Msm::kMinWidth; width <= Msm::kMaxWidth; ++width) {
      std::vector<Term> terms[2];
      Integer total;
      for (size_t i = 0; i < 600 + dense.word() % 100; ++i) {
        const uint64_t a = 1 + dense.word() % (group.order - 1);
        Integer k = dense.below_2_256();
        if (i % 3 == 0) k.limbs[2] = k.limbs[3] = 0;
        terms[i % 3 == 0].push_back({group.points[a], k});
        const Ring ring{Integer::of(group.order)};
        total = ring.add(total, ring.mul(k, Integer::of(a)));
      }
      sums.expect(terms[0], terms[1], 128, width, group.multiple(total));
    }
  }
}

// Terms of SM2's group with the discrete logarithms of their points.
class Terms {
 public:
  void add(const Integer& logarithm, const Integer& scalar) {
    terms.push_back({multiply_generator(logarithm), scalar});
    total_ = kOrderRing.add(total_, kOrderRing.mul(scalar, logarithm));
  }
  Point sum() const { return multiply_generator(total_); }
  std::vector<Term> terms;

 private:
  Integer total_;
};

TEST(Sm2Msm, EverySize) {
  const Sums sums(260);
  for (const size_t count : {0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 32, 33, 127, 128, 129, 255, 257}) {
    Dense dense(count);
    Terms terms;
    for (size_t i = 0; i < count; ++i) terms.add(dense.below(kOracleN), dense.below_2_256());
    sums.expect(terms.terms, {}, 256, 0, terms.sum());
  }
}

// Scalars with digits at their ends: 0, small, near the order, all ones, runs of ones.
TEST(Sm2Msm, ScalarsAtTheEnds) {
  Dense dense(3);
  std::vector<Integer> scalars = {
      {}, kOracleN, Integer::power_of_two(255), Integer::power_of_two(256) - Integer::of(1)};
  for (uint64_t i = 1; i < 5; ++i) {
    scalars.insert(scalars.end(), {Integer::of(i), kOracleN - Integer::of(i), kOracleN + Integer::of(i)});
  }
  for (size_t bit = 1; bit < 256; bit += 17) {
    const Integer power = Integer::power_of_two(bit);
    scalars.insert(scalars.end(), {power, power - Integer::of(1), power + Integer::of(1)});
  }
  const Sums sums(scalars.size());
  for (int width = Msm::kMinWidth; width <= Msm::kMaxWidth; ++width) {
    Terms all;
    for (const Integer& scalar : scalars) {
      Terms one;
      const Integer logarithm = dense.below(kOracleN);
      if (width % 3 == 0 && !kBrief) {
        one.add(logarithm, scalar);
        sums.expect(one.terms, {}, 256, width, one.sum());
      }
      all.add(logarithm, scalar);
    }
    sums.expect(all.terms, {}, 256, width, all.sum());
  }
}

// One point many times with one scalar fills one bucket; with its negative it empties it.
TEST(Sm2Msm, OnePointManyTimes) {
  Dense dense(4);
  const Sums sums(300);
  for (const size_t count : {2, 3, 16, 37, 300}) {
    if (kBrief && count > 37) break;
    const Integer logarithm = dense.below(kOracleN), scalar = dense.below(kOracleN);
    Terms same, cancelling, doubled;
    for (size_t i = 0; i < count; ++i) {
      same.add(logarithm, scalar);
      cancelling.add(i % 2 == 0 ? logarithm : kOracleN - logarithm, scalar);
      doubled.add(logarithm, i % 2 == 0 ? scalar : kOracleN - scalar);
    }
    for (const Terms* terms : {&same, &cancelling, &doubled}) {
      for (const int width : {0, 4, 7, 11}) sums.expect(terms->terms, {}, 256, width, terms->sum());
    }
    if (count % 2 == 0) {
      EXPECT_FALSE(cancelling.sum());
    }
  }
}

// Points whose sums meet at later rounds: P, 2 P, 3 P, ... all in one bucket.
TEST(Sm2Msm, SumsThatMeet) {
  Dense dense(5);
  const Sums sums(128);
  const Integer one = Integer::of(1);
  for (const size_t count : {4, 8, 11, 64, 128}) {
    Terms rising, closing;
    const Integer scalar = dense.below(kOracleN);
    for (size_t i = 0; i < count; ++i) rising.add(Integer::of(i + 1), scalar);
    // a, b, a + b, -(a + b), ...: pairs whose sums are equal, opposite, or infinity.
    const Integer a = dense.below(kOracleN), b = dense.below(kOracleN), c = kOrderRing.add(a, b);
    const Integer cycle[] = {a, b, kOrderRing.sub(c, one), one, kOrderRing.neg(c), kOrderRing.neg(c), c, c};
    for (size_t i = 0; i < count; ++i) closing.add(cycle[i % 8], scalar);
    for (const int width : {0, 4, 8}) {
      sums.expect(rising.terms, {}, 256, width, rising.sum());
      sums.expect(closing.terms, {}, 256, width, closing.sum());
    }
  }
}

}  // namespace
}  // namespace accel::sm2::testing
