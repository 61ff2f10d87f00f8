// Scalars whose windows meet: sums of table entries that are equal or opposite where a kernel adds them up, for every
// width of window that ships and every way of putting windows together.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sm2_adversary.hpp"

namespace accel::sm2::testing {
namespace {

constexpr size_t kGeneratorWidth = 13;

// The window widths that kernels use for a key: for unknown ones, in tables.
std::vector<size_t> key_widths(const Kernel& kernel) {
  std::vector<size_t> widths = {4, 5, 6};
  for (const TableScheme* scheme : schemes_of(kernel)) widths.push_back(static_cast<size_t>(scheme->width));
  return widths;
}

class Sm2Windows : public Sm2Adversary {};
INSTANTIATE_TEST_SUITE_P(All, Sm2Windows, ::testing::ValuesIn(supported_kernels()), kernel_name);

TEST_P(Sm2Windows, MeetInTheGeneratorsTree) {
  Dense dense(1);
  const Key key(dense.below(n));
  std::vector<Item> items;
  const std::vector<Integer> scalars = splitting_scalars(kGeneratorWidth);
  EXPECT_GE(scalars.size(), 20u);
  for (const Integer& s : scalars) {
    items.push_back(make_item("s meets itself in a window", key, s, dense.below(n)));
    if (items.size() % 4 == 1) items.push_back(damaged(items.back()));
  }
  expect_among_neighbours(items);
}

TEST_P(Sm2Windows, MeetInTheKeysTree) {
  Dense dense(2);
  const Key key(dense.below(n));
  for (const size_t width : key_widths(kernel())) {
    std::vector<Item> items;
    const std::vector<Integer> scalars = splitting_scalars(width);
    EXPECT_GE(scalars.size(), 20u) << width;
    for (const Integer& t : scalars) {
      items.push_back(make_item("t meets itself in a window", key, dense.below(n), t));
      if (items.size() % 4 == 1) items.push_back(damaged(items.back()));
    }
    // Both at once, and in both scalars the widest split.
    items.push_back(make_item("s and t", key, splitting_scalars(kGeneratorWidth).back(), scalars.back()));
    expect_among_neighbours(items);
  }
}

// One of them spelt out, for width 8.
TEST_P(Sm2Windows, NamedVector) {
  const Integer t = Integer::from_hex("fffffffefffffffffffffffffffffffe8dfc2094de39fad4ac440bf6c62abedd");
  const Key key(Integer::of(12345));
  expect_among_neighbours({make_item("named vector", key, Integer::of(777), t)});
}

// The digits of an odd scalar in odd signed windows, from the definition: with L(i) = (k mod 2^(w i + 1)) - 2^(w i) for
// the sum of the lowest i digits, and L(all) = k, digit i is L(i + 1) - L(i).
class Windows {
 public:
  Windows(const Integer& odd, size_t width) : k_(odd), width_(width), count_((256 + width - 1) / width) {}
  size_t count() const { return count_; }
  // The sum of digits first, first + step, ... below last, with their powers of two, mod n.
  Integer sum(size_t first, size_t last, size_t step) const {
    Integer r;
    for (size_t i = first; i < last; i += step) r = n_ring.add(r, n_ring.sub(lowest(i + 1), lowest(i)));
    return r;
  }

 private:
  // L(i) mod n.
  Integer lowest(size_t i) const {
    if (i == 0) return {};
    if (i == count_) return k_;
    Integer low = k_;
    for (size_t bit = width_ * i + 1; bit < 256; ++bit) {
      if (low.bit(bit)) low = low - Integer::power_of_two(bit);
    }
    return n_ring.sub(n_ring.reduce(low), Integer::power_of_two(width_ * i));
  }

  Integer k_;
  size_t width_, count_;
};

struct Part {
  size_t first, last, step;
};

// What the kernels add to one another: single windows, blocks of a tree and its upper end, every eighth window (a lane
// of a vector), and beginnings of these.
std::vector<Part> parts_of(size_t count) {
  std::vector<Part> parts = {{0, 1, 1}, {count - 1, count, 1}, {count - 2, count, 1}, {0, count, 1}, {2, 4, 1}};
  for (size_t block = 4; block < count; block *= 2) {
    parts.push_back({0, block, 1});
    parts.push_back({block, std::min(2 * block, count), 1});
    parts.push_back({count / block * block, count, 1});
  }
  for (size_t lane = 0; lane < 8; lane += 3) parts.push_back({lane, count, 8});
  parts.push_back({5, 16, 8});
  std::erase_if(parts, [](const Part& part) { return part.first >= part.last; });
  return parts;
}

// The private key is the adversary's too: with d = +-S / T mod n a part of [s]G is equal or opposite to a part of [t]P.
// An addition that meets the two divides by zero.
TEST_P(Sm2Windows, OfTheGeneratorMeetThoseOfTheKey) {
  Dense dense(3);
  const auto odd = [&dense] {
    for (;;) {
      if (const Integer k = dense.below(n); !k.is_even()) return k;
    }
  };
  for (const TableScheme* scheme : schemes_of(kernel())) {
    const Integer s = odd(), t = odd();
    const Windows base(s, kGeneratorWidth), of_key(t, static_cast<size_t>(scheme->width));
    ASSERT_EQ(base.sum(0, base.count(), 1), s);
    ASSERT_EQ(of_key.sum(0, of_key.count(), 1), t);
    std::vector<Item> items;
    const std::vector<Part> base_parts = parts_of(base.count()), key_parts = parts_of(of_key.count());
    for (size_t i = 0; i < base_parts.size() * key_parts.size(); i += 3) {
      const Part& a = base_parts[i % base_parts.size()];
      const Part& b = key_parts[i / base_parts.size()];
      const Integer quotient =
          n_ring.mul(base.sum(a.first, a.last, a.step), n_ring.inverse(of_key.sum(b.first, b.last, b.step)));
      const Key key(i % 2 == 0 ? quotient : n_ring.neg(quotient));
      items.push_back(make_item("part " + std::to_string(i), key, s, t));
      if (items.size() % 5 == 1) items.push_back(damaged(items.back()));
    }
    EXPECT_GE(items.size(), 60u);
    expect_among_neighbours(items);
  }
}

}  // namespace
}  // namespace accel::sm2::testing
