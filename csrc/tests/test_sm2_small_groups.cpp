// Every pair of scalars in small groups through the vector formulas, tables and trees, as test_sm2_exhaustive.cpp does
// for one item at a time: over the emulated vector on every CPU, and over AVX-512 IFMA where there is one.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "sm2_oracle.hpp"
#include "sm2_small_group.hpp"

namespace accel::sm2::testing {
namespace {

struct Curve {
  uint64_t order, b;
  const char *x, *y;
};
constexpr Curve kCurves[kSmallGroups] = {
    {13, 62, "c69a8480cd480ee42968cda8ad43525d764a61b3f8c08041e411c13a4fa83a02",
     "d306573dfa7ef25b77a58b6791c06db5cd021c1c33a67ec85e20e6aa20850532"},
    {127, 9, "09876ab02c1eecaf2e09dcf679adb22d1b869377310147256a11369bc261ac3a",
     "4b5242619164cd8502ae4422a4dd308b7f82fb1dafa4f972adb53ab86f78964a"},
};

void put(uint64_t (&out)[4], const Integer& a) { std::copy_n(a.limbs.begin(), 4, out); }
PlainPoint plain(const Point& p) {
  PlainPoint r = {};
  if (p) put(r.x, p->x), put(r.y, p->y);
  return r;
}
bool operator==(const PlainPoint& a, const PlainPoint& b) {
  return std::equal(a.x, a.x + 4, b.x) && std::equal(a.y, a.y + 4, b.y);
}

struct Verifier {
  const SmallGroupVerifier* functions;
  size_t curve;
};

std::vector<Verifier> all_verifiers() {
  std::vector<Verifier> all;
  for (size_t curve = 0; curve < kSmallGroups; ++curve) {
    for (size_t i = 0; i < kSmallVerifiers; ++i) {
      all.push_back({&kEmulatedVerifiers.of[curve][i], curve});
#if defined(__x86_64__)
      all.push_back({&kIfmaVerifiers.of[curve][i], curve});
#endif
    }
  }
  return all;
}

std::string verifier_name(const ::testing::TestParamInfo<Verifier>& info) {
  const SmallGroupVerifier& verifier = *info.param.functions;
  const std::string keys = verifier.table_bytes == 0 ? "unknown" : "known" + std::to_string(verifier.width);
  return verifier.name + std::string("_") + keys + "_order" + std::to_string(kCurves[info.param.curve].order);
}

class Sm2SmallGroups : public ::testing::TestWithParam<Verifier> {
 protected:
  void SetUp() override {
    if (!verifier().supported(cpu_features())) GTEST_SKIP() << "this CPU lacks AVX-512 IFMA";
    const Coordinates generator = {Integer::from_hex(curve().x), Integer::from_hex(curve().y)};
    Point p;
    for (uint64_t i = 0; i < order(); ++i) {
      multiples_.push_back(p);
      p = add_points(p, generator);
    }
    ASSERT_FALSE(p) << "not the group's order";
    verifier().set_curve({order(), curve().b, plain(generator)});
  }

  const SmallGroupVerifier& verifier() const { return *GetParam().functions; }
  const Curve& curve() const { return kCurves[GetParam().curve]; }
  uint64_t order() const { return curve().order; }
  const Point& multiple(uint64_t k) const { return multiples_[k % order()]; }

  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  using Table = std::unique_ptr<void, Free>;
  Table table_of(uint64_t key) const {
    if (verifier().table_bytes == 0) return {};
    Table table(std::aligned_alloc(64, (verifier().table_bytes + 63) / 64 * 64));
    verifier().build_table(table.get(), plain(multiple(key)));
    return table;
  }

 private:
  std::vector<Point> multiples_;
};

INSTANTIATE_TEST_SUITE_P(All, Sm2SmallGroups, ::testing::ValuesIn(all_verifiers()), verifier_name);

TEST_P(Sm2SmallGroups, Tables) {
  if (verifier().table_bytes == 0) return;
  const size_t width = static_cast<size_t>(verifier().width), entries = size_t{1} << (width - 1);
  for (const uint64_t key : {uint64_t{1}, order() - 2}) {
    const Table table = table_of(key);
    uint64_t base = key;
    for (size_t window = 0; window < (256 + width - 1) / width; ++window) {
      for (size_t entry = 0; entry < entries; ++entry) {
        const uint64_t expected = (2 * entry + 1) * base;
        ASSERT_TRUE(verifier().entry(table.get(), window, entry) == plain(multiple(expected)))
            << "key " << key << ", window " << window << ", entry " << entry;
      }
      for (size_t i = 0; i < width; ++i) base = 2 * base % order();
    }
  }
}

// k + j q, odd and as large as fits into 256 bits: the same multiple by other digits.
Integer large_representative(uint64_t k, uint64_t order, uint64_t random) {
  Integer r = Integer::of(k), term = Integer::of(order);
  const Integer j = Integer::power_of_two(240) + Integer::of(random);
  for (size_t bit = 0; bit <= 247; ++bit, term = term + term) {
    if (j.bit(bit)) r = r + term;
  }
  return r.is_even() ? r + Integer::of(order) : r;
}

// Claims of one key, gathered and checked together.
struct Claims {
  std::vector<PlainClaim> claims;
  std::vector<bool> expected;

  void add(const Integer& s, const Integer& t, const Integer& x, bool holds) {
    PlainClaim claim;
    put(claim.s, s), put(claim.t, t), put(claim.x, x);
    claims.push_back(claim);
    expected.push_back(holds);
  }
};

TEST_P(Sm2SmallGroups, EveryPairOfScalars) {
  for (uint64_t key = 1; key < order(); key += order() > 100 ? 90 : 1) {
    Dense dense(key);
    Claims all;
    for (uint64_t s = 1; s < order(); ++s) {
      for (uint64_t t = 1; t < order(); ++t) {
        const Point& sum = multiple(s + t * key);
        // Of a sum at infinity nothing is true, whatever x is claimed.
        const Integer x = (sum ? sum : multiple(1))->x;
        all.add(Integer::of(s), Integer::of(t), x, sum.has_value());
        if ((s + 3 * t) % 8 == 0) all.add(Integer::of(s), Integer::of(t), x + Integer::of(1), false);
        if (order() > 100 && (s * 31 + t) % 16 != 0) continue;
        all.add(large_representative(s, order(), dense.word()), large_representative(t, order(), dense.word()), x,
                sum.has_value());
      }
    }
    const Table table = table_of(key);
    const std::unique_ptr<bool[]> holds(new bool[all.claims.size()]);
    verifier().check(holds.get(), table.get(), plain(multiple(key)), all.claims.data(), all.claims.size());
    for (size_t i = 0; i < all.claims.size(); ++i) {
      ASSERT_EQ(holds[i], all.expected[i])
          << "key " << key << ", s " << all.claims[i].s[0] << ", t " << all.claims[i].t[0];
    }
  }
}

// Batches of every size up to two vectors and one more: few items are added up in another way.
TEST_P(Sm2SmallGroups, FewItems) {
  const uint64_t key = 5;
  const Table table = table_of(key);
  for (size_t count = 1; count <= 17; ++count) {
    Claims all;
    for (uint64_t i = 0; i < 20 * count; ++i) {
      const uint64_t s = 1 + i % (order() - 1), t = 1 + (i / 3) % (order() - 1);
      const Point& sum = multiple(s + t * key);
      all.add(Integer::of(s), Integer::of(t), (sum ? sum : multiple(1))->x, sum.has_value());
    }
    for (size_t begin = 0; begin < all.claims.size(); begin += count) {
      bool holds[17];
      verifier().check(holds, table.get(), plain(multiple(key)), all.claims.data() + begin, count);
      for (size_t i = 0; i < count; ++i) ASSERT_EQ(holds[i], all.expected[begin + i]) << begin + i << " of " << count;
    }
  }
}

}  // namespace
}  // namespace accel::sm2::testing
