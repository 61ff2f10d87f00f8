// Items that an adversary would make, for the tests that put them among valid neighbours.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "accel/accel.h"
#include "sm2_testing.hpp"

namespace accel::sm2::testing {

inline const Ring& n_ring = kOrderRing;
inline const Integer& n = kOracleN;

struct Key {
  Integer d;
  Coordinates point;

  explicit Key(const Integer& secret) : d(secret), point(*multiply_generator(secret)) {}
};

struct Item {
  std::string what;
  Coordinates key;
  Integer r, s, e;
  uint8_t expected;
};

inline Item make_item(std::string what, const Key& key, const Integer& s, const Integer& t) {
  const Point sum = multiply_generator(n_ring.add(s, n_ring.mul(t, key.d)));
  const Integer r = n_ring.sub(t, s);
  const Integer x = sum ? n_ring.reduce(sum->x) : Integer{};
  const bool in_range = !r.is_zero() && !s.is_zero() && !t.is_zero();
  const uint8_t expected = !in_range ? ACCEL_BAD_RANGE : sum ? ACCEL_OK : ACCEL_BAD_SIGNATURE;
  return {std::move(what), key.point, r, s, n_ring.sub(r, x), expected};
}

// The same with another digest: the equation fails, the arithmetic up to the comparison is the same.
inline Item damaged(Item item) {
  item.what += ", damaged";
  item.e = n_ring.add(item.e, Integer::of(1));
  if (item.expected == ACCEL_OK) item.expected = ACCEL_BAD_SIGNATURE;
  return item;
}

inline Bytes join(const Integer& a, const Integer& b) {
  Bytes r = a.bytes();
  const Bytes second = b.bytes();
  r.insert(r.end(), second.begin(), second.end());
  return r;
}

// The items as the C face takes them.
struct Batch {
  Bytes keys, signatures, digests;
  std::vector<const Item*> items;

  void add(const Item& item) {
    const auto append = [](Bytes& to, const Bytes& from) { to.insert(to.end(), from.begin(), from.end()); };
    append(keys, join(item.key.x, item.key.y));
    append(signatures, join(item.r, item.s));
    append(digests, item.e.bytes());
    items.push_back(&item);
  }
  void expect(const Bytes& status) const {
    for (size_t i = 0; i < items.size(); ++i) {
      EXPECT_EQ(int{status[i]}, int{items[i]->expected}) << "item " << i << ": " << items[i]->what;
    }
  }
};

class Sm2Adversary : public ::testing::TestWithParam<const Kernel*> {
 protected:
  const Kernel& kernel() const { return *GetParam(); }

  // Each item between two valid neighbours in one batch, and each alone (few items are added up in another way), by
  // every way of verifying.
  void expect_among_neighbours(const std::vector<Item>& items) const {
    Dense dense(99);
    std::vector<Item> neighbours;
    for (int i = 0; i < 5; ++i) {
      const Key key(dense.below(n));
      neighbours.push_back(make_item("neighbour", key, dense.below(n), dense.below(n)));
    }
    Batch batch;
    for (size_t i = 0; i < items.size(); ++i) {
      batch.add(neighbours[i % 5]);
      batch.add(items[i]);
    }
    batch.add(neighbours[0]);
    expect_all(batch);
    for (const Item& item : items) {
      Batch alone;
      alone.add(item);
      expect_all(alone);
    }
  }

  void expect_all(const Batch& batch) const {
    expect_unknown(batch);
    expect_hinted(batch);
    for (const TableScheme* scheme : schemes_of(kernel())) expect_known(batch, *scheme);
  }

  void expect_unknown(const Batch& batch) const {
    Bytes status(batch.items.size(), 0xee);
    kernel().verify(status.data(), {batch.keys.data(), 64}, {batch.signatures.data(), 64}, {batch.digests.data(), 32},
                    batch.items.size());
    batch.expect(status);
  }

  // The same verdicts with the right hints, with wrong ones, and with a mixture.
  void expect_hinted(const Batch& batch) const {
    const size_t count = batch.items.size();
    Bytes hints(count, 0xee), status(count, 0xee);
    kernel().recovery_hints(hints.data(), status.data(), {batch.keys.data(), 64}, {batch.signatures.data(), 64},
                            {batch.digests.data(), 32}, count);
    batch.expect(status);
    expect_hinted(batch, hints);
    const bool is_long = count > 600;
    for (int change = 1; change < (is_long ? 2 : 4); ++change) {
      Bytes changed = hints;
      for (size_t i = 0; i < count; i += is_long ? 97 : 1) changed[i] = static_cast<uint8_t>(changed[i] ^ change);
      expect_hinted(batch, changed);
    }
    for (size_t i = 0; i < count; ++i) hints[i] = static_cast<uint8_t>(i % 3 != 0 ? hints[i] : i % 2 == 0 ? 0xff : i);
    if (!is_long) expect_hinted(batch, hints);
  }
  void expect_hinted(const Batch& batch, const Bytes& hints) const {
    const HintedScheme& hinted = kernel().hinted;
    if (hinted.most == 0) return;
    batch.expect(verify_hinted(hinted, batch, hints, random_coefficients(batch.items.size())));
  }
  static Bytes random_coefficients(size_t count) {
    Dense dense(count);
    Bytes coefficients(16 * count);
    for (uint8_t& byte : coefficients) byte = static_cast<uint8_t>(dense.word());
    return coefficients;
  }
  static Bytes verify_hinted(const HintedScheme& hinted, const Batch& batch, const Bytes& hints,
                             const Bytes& coefficients) {
    const std::unique_ptr<void, decltype(&std::free)> scratch(
        std::aligned_alloc(64, (hinted.scratch_bytes() + 63) / 64 * 64), std::free);
    Bytes status(batch.items.size(), 0xee);
    for (size_t begin = 0; begin < status.size(); begin += hinted.most) {
      hinted.verify(&status[begin], {&batch.keys[64 * begin], 64}, {&batch.signatures[64 * begin], 64},
                    {&batch.digests[32 * begin], 32}, &hints[begin], &coefficients[16 * begin],
                    std::min(hinted.most, status.size() - begin), scratch.get());
    }
    return status;
  }

  // Keys that are no points get no table: their items are left out.
  void expect_known(const Batch& all, const TableScheme& scheme) const {
    Batch batch;
    std::vector<const void*> tables;
    for (const Item* item : all.items) {
      const Bytes key = join(item->key.x, item->key.y);
      if (!kernel().on_curve(key.data())) continue;
      tables.push_back(table(scheme, key));
      batch.add(*item);
    }
    Bytes status(batch.items.size(), 0xee);
    scheme.verify(status.data(), tables.data(), {batch.signatures.data(), 64}, {batch.digests.data(), 32},
                  batch.items.size());
    batch.expect(status);
  }

 private:
  const void* table(const TableScheme& scheme, const Bytes& key) const {
    std::unique_ptr<KeyTable>& kept = tables_[{&scheme, key}];
    if (!kept) kept = std::make_unique<KeyTable>(scheme, key);
    return kept->get();
  }

  mutable std::map<std::pair<const TableScheme*, Bytes>, std::unique_ptr<KeyTable>> tables_;
};

// With a = n mod 2^(w m) and bit w m of n set, the windows of n - 2a below m sum to -a and those above to n - a, the
// same point: the addition that joins them divides by zero. 2a gets there after the flip to n - 2a.
inline std::vector<Integer> splitting_scalars(size_t width) {
  std::vector<Integer> r;
  for (size_t bit = width; bit < 256; bit += width) {
    if (!n.bit(bit)) continue;
    Integer a = n;
    for (size_t i = bit; i < 256; ++i) {
      if (n.bit(i)) a = a - Integer::power_of_two(i);
    }
    const Integer twice = a + a;
    if (!(twice < n)) continue;
    r.push_back(n - twice);
    r.push_back(twice);
  }
  return r;
}

}  // namespace accel::sm2::testing
