// Signatures, keys and digests that an adversary would choose (r and s are free, also in an invalid signature; with no
// ZA, or for whoever signs, the digest is too). Each stands among valid neighbours, which must stay valid: items of a
// chunk share inversions, and one zero denominator would spoil them all.
//
// For any key d and any s, t there is a digest that makes (t - s, s) valid: R = [s + t d]G, r = t - s, e = r - x(R). So
// every exceptional pair (s, t) is shown in both roles, valid and damaged.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "brief.hpp"
#include "sm2_adversary.hpp"

namespace accel::sm2::testing {
namespace {

INSTANTIATE_TEST_SUITE_P(All, Sm2Adversary, ::testing::ValuesIn(supported_kernels()), kernel_name);

// [s]G + [t]P with [s]G = [t]P asks the last addition to double; with [s]G = -[t]P the sum is infinity and has no x.
TEST_P(Sm2Adversary, HalvesThatAreEqualOrOpposite) {
  Dense dense(3);
  std::vector<Item> items;
  for (int i = 0; i < 6; ++i) {
    const Key key(dense.below(n));
    const Integer t = dense.below(n), td = n_ring.mul(t, key.d);
    items.push_back(make_item("s = t d", key, td, t));
    items.push_back(damaged(items.back()));
    items.push_back(make_item("s = -t d", key, n_ring.neg(td), t));
    items.push_back(damaged(items.back()));
  }
  expect_among_neighbours(items);
}

// Digit strings whose partial sum is again +-one of the table's multiples: t = n - 6 meets P = P in the last addition
// of a fixed window of 5; anyone can choose s = n - 6 - r. All small scalars and their negatives, in s and in t.
TEST_P(Sm2Adversary, ScalarsNextToZeroAndToTheOrder) {
  Dense dense(4);
  const Key key(dense.below(n)), generator(Integer::of(1)), opposite(n - Integer::of(1));
  std::vector<Item> items;
  for (uint64_t i = 1; i <= 34; ++i) {
    const Integer small = Integer::of(i), negative = n - small;
    items.push_back(make_item("t small", key, dense.below(n), small));
    items.push_back(make_item("t near n", key, dense.below(n), negative));
    items.push_back(make_item("s small", key, small, dense.below(n)));
    items.push_back(make_item("s near n", key, negative, dense.below(n)));
    items.push_back(make_item("P = G", generator, small, negative));
    items.push_back(make_item("P = -G", opposite, small, Integer::of(i + 1)));
  }
  expect_among_neighbours(items);
}

// r = e + x1 mod n with x1 < p: x1 in [n, p) is r - e + n, the second candidate. The public key is solved for:
// P = [1/t](R - [s]G).
Item item_with_sum(std::string what, const Coordinates& sum, Dense& dense) {
  const Integer s = dense.below(n), t = dense.below(n), r = n_ring.sub(t, s);
  const Point key = multiply_point(n_ring.inverse(t), add_points(sum, negate_point(multiply_generator(s))));
  return {std::move(what), *key, r, s, n_ring.sub(r, n_ring.reduce(sum.x)), ACCEL_OK};
}

// The next x >= start that has a point.
Coordinates point_from(Integer x) {
  const Ring& f = kFieldRing;
  const Integer b = Integer::from_hex("28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93");
  Integer exponent = (kOracleP + Integer::of(1)).half().half();
  for (;; x = x + Integer::of(1)) {
    const Integer square = f.add(f.sub(f.mul(f.mul(x, x), x), f.mul(Integer::of(3), x)), b);
    Integer root = Integer::of(1);
    for (size_t i = 256; i-- > 0;) {
      root = f.mul(root, root);
      if (exponent.bit(i)) root = f.mul(root, square);
    }
    if (f.mul(root, root) == square) return {x, root};
  }
}

TEST_P(Sm2Adversary, AbscissasAboveTheOrder) {
  Dense dense(5);
  std::vector<Item> items;
  for (const Integer& start : {n, n + Integer::power_of_two(60), n + Integer::power_of_two(126)}) {
    const Coordinates sum = point_from(start);
    ASSERT_TRUE(sum.x < kOracleP);
    items.push_back(item_with_sum("x1 in [n, p)", sum, dense));
    items.push_back(damaged(items.back()));
  }
  // Small x1: the first candidate is right and the second is in range too.
  items.push_back(item_with_sum("x1 small", point_from(Integer::of(1)), dense));
  items.push_back(damaged(items.back()));
  expect_among_neighbours(items);
}

// e is any 256-bit number: also in [n, 2^256), where it is reduced.
TEST_P(Sm2Adversary, DigestsAboveTheOrder) {
  Dense dense(6);
  const Key key(dense.below(n));
  std::vector<Item> items;
  for (uint64_t i = 0; i < 4; ++i) {
    // R = [k]G, e = n + i, r = i + x, s = (k - r d) / (1 + d).
    const Integer k = dense.below(n), e = n + Integer::of(i);
    const Integer r = n_ring.add(Integer::of(i), n_ring.reduce(multiply_generator(k)->x));
    const Integer s =
        n_ring.mul(n_ring.inverse(n_ring.add(key.d, Integer::of(1))), n_ring.sub(k, n_ring.mul(r, key.d)));
    items.push_back({"e >= n", key.point, r, s, e, ACCEL_OK});
    items.push_back({"e < n, the same mod n", key.point, r, s, Integer::of(i), ACCEL_OK});
    items.push_back({"e >= n, damaged", key.point, r, s, e + Integer::of(7), ACCEL_BAD_SIGNATURE});
  }
  expect_among_neighbours(items);
}

// Key, then range, then equation: the first that fails names the item.
TEST_P(Sm2Adversary, StatusesInTheirOrder) {
  Dense dense(7);
  const Key key(dense.below(n));
  const Item valid = make_item("valid", key, dense.below(n), dense.below(n));
  const Integer zero, last = n - Integer::of(1), ones = Integer::power_of_two(256) - Integer::of(1);
  std::vector<Item> items = {valid};
  const auto vary = [&items](Item item, const std::string& what, uint8_t expected) {
    item.what = what, item.expected = expected;
    items.push_back(item);
    return item;
  };
  std::vector<std::function<void(Item&)>> bad_ranges = {
      [&](Item& item) { item.r = zero; },       [&](Item& item) { item.s = zero; },
      [&](Item& item) { item.r = n; },          [&](Item& item) { item.s = n; },
      [&](Item& item) { item.r = ones; },       [&](Item& item) { item.s = ones; },
      [&](Item& item) { item.r = n - item.s; }, [&](Item& item) { item.r = item.s = zero; }};
  for (const auto& spoil : bad_ranges) {
    Item item = valid;
    spoil(item);
    vary(item, "range", ACCEL_BAD_RANGE);
    vary(damaged(item), "range and equation", ACCEL_BAD_RANGE);
    item.key.y = kFieldRing.add(item.key.y, Integer::of(1));
    vary(item, "key and range", ACCEL_BAD_KEY);
  }
  Item edge = valid;
  edge.r = last;
  vary(edge, "r = n - 1 is in range", ACCEL_BAD_SIGNATURE);
  edge = valid;
  edge.s = last;
  vary(edge, "s = n - 1 is in range", ACCEL_BAD_SIGNATURE);

  const Coordinates small = point_from(Integer::of(1));
  const std::vector<Coordinates> bad_keys = {{zero, zero},
                                             {ones, ones},
                                             {key.point.y, key.point.x},
                                             {kOracleP, key.point.y},
                                             {small.x + kOracleP, small.y},  // a point, were x reduced
                                             {zero, Integer::of(1)}};
  for (const Coordinates& bad : bad_keys) {
    Item item = valid;
    item.key = bad;
    vary(item, "key", ACCEL_BAD_KEY);
    vary(damaged(item), "key and equation", ACCEL_BAD_KEY);
  }
  expect_among_neighbours(items);
}

// Chunks, their tails, and the same item many times over (a replayed transaction).
TEST_P(Sm2Adversary, EveryBatchSizeAndReplays) {
  Dense dense(8);
  std::vector<Item> items;
  for (int i = 0; i < 3; ++i) {
    items.push_back(make_item("valid", Key(dense.below(n)), dense.below(n), dense.below(n)));
    items.push_back(damaged(items.back()));
  }
  for (size_t count :
       {0, 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 257, 511, 4097}) {
    if (kBrief && count > 257) break;
    Batch mixed, same;
    for (size_t i = 0; i < count; ++i) {
      mixed.add(items[i % items.size()]);
      same.add(items[0]);
    }
    expect_all(mixed);
    expect_all(same);
  }
}

// Windows of the generator's tables in signing: of the scalar kernels, and of the vectors.
constexpr size_t kSignWidths[] = {6, 8};

// Signing: a nonce that makes the windows of [k]G meet is computed all the same; one that gives no signature is told.
TEST_P(Sm2Adversary, NoncesThatAreExceptional) {
  Dense dense(9);
  const Key key(dense.below(n - Integer::of(1)));
  SignKey sign_key;
  uint8_t valid = 0;
  kernel().derive_sign_keys(&sign_key, &valid, {key.d.bytes().data(), 0}, 1);
  ASSERT_EQ(1, valid);
  std::vector<Integer> ks;
  for (const size_t width : kSignWidths) {
    const std::vector<Integer> meeting = splitting_scalars(width);
    EXPECT_GE(meeting.size(), 30u);
    ks.insert(ks.end(), meeting.begin(), meeting.end());
  }
  for (uint64_t i = 1; i < 20; ++i) ks.insert(ks.end(), {Integer::of(i), n - Integer::of(i)});
  const size_t usual = ks.size();
  Bytes nonces, digests, signatures((usual + 3) * 64), status(usual + 3, 0xee);
  const auto append = [](Bytes& to, const Bytes& from) { to.insert(to.end(), from.begin(), from.end()); };
  const auto add = [&](const Integer& high, const Integer& low, const Integer& e) {
    append(nonces, join(high, low));
    append(digests, e.bytes());
  };
  std::vector<Integer> es;
  for (const Integer& k : ks) {
    es.push_back(dense.below_2_256());
    add({}, k, es.back());
  }
  // r = 0; r + k = n; and a wide nonce, high 2^256 + low = 0 mod n, which becomes k = 1.
  const Integer k = dense.below(n), x = n_ring.reduce(multiply_generator(k)->x);
  add({}, k, n_ring.neg(x));
  add({}, k, n_ring.sub(n - k, x));
  add({}, n, Integer::of(5));
  ks.push_back(k);
  const std::vector<const SignKey*> keys(usual + 3, &sign_key);
  kernel().sign(status.data(), signatures.data(), keys.data(), {nonces.data(), 64}, {digests.data(), 32}, usual + 3);

  const auto expect_signature = [&](size_t i, const Integer& nonce, const Integer& e) {
    const Integer r = n_ring.add(n_ring.reduce(e), n_ring.reduce(multiply_generator(nonce)->x));
    const Integer s =
        n_ring.mul(n_ring.inverse(n_ring.add(key.d, Integer::of(1))), n_ring.sub(nonce, n_ring.mul(r, key.d)));
    EXPECT_EQ(int{status[i]}, int{ACCEL_OK}) << i;
    EXPECT_EQ(Bytes(signatures.begin() + 64 * i, signatures.begin() + 64 * (i + 1)), join(r, s)) << i;
  };
  for (size_t i = 0; i < usual; ++i) expect_signature(i, ks[i], es[i]);
  for (size_t i = usual; i < usual + 2; ++i) {
    EXPECT_EQ(int{status[i]}, int{ACCEL_NOT_CHECKED}) << i;
    EXPECT_EQ(Bytes(signatures.begin() + 64 * i, signatures.begin() + 64 * (i + 1)), Bytes(64)) << i;
  }
  expect_signature(usual + 2, Integer::of(1), Integer::of(5));
}

// Keys at the edges of their range, those whose windows meet in the tree of [d]G, and what is no key between them; one
// at a time and as one batch.
TEST_P(Sm2Adversary, PrivateKeysAtTheEdges) {
  const Integer one = Integer::of(1), two = Integer::of(2);
  std::vector<Integer> candidates = {Integer{}, n - one, n, n + one, Integer::power_of_two(256) - one};
  for (const size_t width : kSignWidths) {
    for (const Integer& d : splitting_scalars(width)) candidates.push_back(d);
  }
  candidates.insert(candidates.begin() + 3, {one, two, n - two, n - Integer::of(3)});
  Bytes secrets;
  for (const Integer& d : candidates) {
    const Bytes bytes = d.bytes();
    secrets.insert(secrets.end(), bytes.begin(), bytes.end());
  }
  const size_t count = candidates.size();
  std::vector<SignKey> sign_keys(count), batch(count);
  Bytes valid(count, 0xee), batch_valid(count, 0xee);
  for (size_t i = 0; i < count; ++i) kernel().derive_sign_keys(&sign_keys[i], &valid[i], {&secrets[32 * i], 0}, 1);
  kernel().derive_sign_keys(batch.data(), batch_valid.data(), {secrets.data(), 32}, count);
  EXPECT_EQ(valid, batch_valid);
  EXPECT_EQ(0, std::memcmp(sign_keys.data(), batch.data(), count * sizeof(SignKey)));
  Bytes good, expected;
  for (size_t i = 0; i < count; ++i) {
    const Integer& d = candidates[i];
    const bool is_key = !d.is_zero() && d < n - one;
    ASSERT_EQ(is_key ? 1 : 0, valid[i]) << i;
    const Bytes secret(sign_keys[i].d, sign_keys[i].d + 32), inverse(sign_keys[i].inverse, sign_keys[i].inverse + 32);
    EXPECT_EQ(is_key ? d.bytes() : Bytes(32), secret);
    EXPECT_EQ(is_key ? n_ring.inverse(d + one).bytes() : Bytes(32), inverse);
    if (!is_key) continue;
    good.insert(good.end(), secret.begin(), secret.end());
    const Point point = multiply_generator(d);
    const Bytes key = join(point->x, point->y);
    Bytes found(64);
    kernel().public_keys(found.data(), {secret.data(), 0}, 1);
    EXPECT_EQ(key, found);
    expected.insert(expected.end(), key.begin(), key.end());
  }
  Bytes found(expected.size());
  kernel().public_keys(found.data(), {good.data(), 32}, good.size() / 32);
  EXPECT_EQ(expected, found);
}

TEST_P(Sm2Adversary, PointsWithAndWithoutARoot) {
  Dense dense(10);
  Bytes out(64);
  for (int i = 0; i < 10; ++i) {
    const Coordinates point = point_from(dense.below(kOracleP));
    const bool odd = point.y.bit(0);
    ASSERT_TRUE(kernel().decompress(out.data(), point.x.bytes().data(), odd));
    EXPECT_EQ(out, join(point.x, point.y));
    EXPECT_TRUE(kernel().on_curve(out.data()));
    ASSERT_TRUE(kernel().decompress(out.data(), point.x.bytes().data(), !odd));
    EXPECT_EQ(out, join(point.x, kFieldRing.neg(point.y)));
  }
  size_t without = 0;
  for (uint64_t x = 0; x < 40; ++x) {
    const bool has = point_from(Integer::of(x)).x == Integer::of(x);
    EXPECT_EQ(kernel().decompress(out.data(), Integer::of(x).bytes().data(), false), has) << x;
    without += !has;
  }
  EXPECT_GT(without, 5u);
  EXPECT_FALSE(kernel().decompress(out.data(), (kOracleP + Integer::of(1)).bytes().data(), false));
}

}  // namespace
}  // namespace accel::sm2::testing
