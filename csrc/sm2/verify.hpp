// Verification (GB/T 32918.2, section 7): R = [s]G + [t]P with t = r + s, and r = e + x(R) mod n. Everything here is
// public and takes variable time.
//
// Items are worked on in chunks that share inversions. What an item's values can do to its neighbours in a chunk is
// said in tables.hpp; every item that meets an exceptional case is computed again by itself, without exceptions.
#pragma once

#include "accel/accel.h"
#include "sm2/tables.hpp"

namespace accel::sm2 {
namespace {

inline constexpr int kGeneratorWidth = 13;  // 20 windows, a table of 5 MB
inline constexpr int kKeyWidth = 8;         // 32 windows, 256 KB a key

// The claim that x([s]G + [t]P) mod n = x, with s, t in [1, n - 1].
struct Claim {
  U256 s, t, x;
};

// Reads the claim of a signature, or marks its range as bad and gives a claim that can be computed in its place.
template <class Group>
inline Claim read_claim(uint8_t* status, const uint8_t signature[64], const uint8_t digest[32]) {
  const U256& n = Group::kModulus.m;
  const U256 r = load_be(signature), s = load_be(signature + 32);
  const uint64_t in_range = less_mask(r, n) & less_mask(s, n) & ~zero_mask(r) & ~zero_mask(s);
  const U256 t = add_mod(r, s, n);
  if (in_range == 0 || zero_mask(t) != 0) {
    if (*status == ACCEL_NOT_CHECKED) *status = ACCEL_BAD_RANGE;
    return {kU256One, kU256One, kU256One};
  }
  const U256 e = reduce_once(0, load_be(digest), n);  // e < 2^256 < 2n
  return {s, t, sub_mod(r, e, n)};
}

// Is x = X / Z^2 equal to claim_x mod n? X / Z^2 < p < 2n leaves two candidates, the second only if claim_x + n < p.
template <class F, class Group>
inline bool abscissa_matches_var(const Fe& x, const Fe& zz, const U256& claim_x) {
  if (equal_var(F::mul(F::from_integer(claim_x), zz), x)) return true;
  U256 second;
  if (add(second, claim_x, Group::kModulus.m) != 0 || less_mask(second, kP) == 0) return false;
  return equal_var(F::mul(F::from_integer(second), zz), x);
}

template <class F, class Group>
inline bool claim_holds_var(const Jacobian& sum, const Claim& claim) {
  return !is_infinity_var(sum) && abscissa_matches_var<F, Group>(sum.x, F::sqr(sum.z), claim.x);
}

// The leaves of [k]P by a table of P. In a small group, a leaf may be infinity, which a tree does not take: then the
// item is exceptional and another point stands in.
template <class Group, int kWidth>
inline void put_leaves(Leaf* leaves, size_t stride, const Affine* table, const U256& k, uint64_t* exceptional) {
  const OddRecoding<kWidth> digits(k, Group::kModulus.m);
  for (int window = 0; window < OddRecoding<kWidth>::kWindows; ++window) {
    const Digit digit = digits[window];
    const Affine* entry = table + window * OddRecoding<kWidth>::kEntries + digit.index;
    if constexpr (Group::kSmall) {
      if (is_infinity_var(*entry)) {
        *exceptional = ~uint64_t{0};
        entry = &Group::kGenerator;
      }
    }
    __builtin_prefetch(entry, 0, 2);  // into the second level: a chunk's entries do not fit into the first
    leaves[window * stride] = make_leaf(entry, digit.negative);
  }
}

// [k]P by a table of P added to `sum`, without exceptions.
template <class F, class Group, int kWidth>
inline Jacobian add_multiple_var(Jacobian sum, const Affine* table, const U256& k) {
  const OddRecoding<kWidth> digits(k, Group::kModulus.m);
  for (int window = 0; window < OddRecoding<kWidth>::kWindows; ++window) {
    const Digit digit = digits[window];
    Affine p = table[window * OddRecoding<kWidth>::kEntries + digit.index];
    if (digit.negative != 0) p.y = F::neg(p.y);
    sum = add_mixed_var<F>(sum, p);
  }
  return sum;
}

// Known keys: both multiples by tables, without doublings, as a tree of affine additions per item with one inversion
// per level and chunk.
template <class F, class Group, int kBaseWidth, int kTableWidth>
struct KnownKeys {
  static constexpr size_t kChunk = 128;
  static constexpr size_t kKeySlots = OddRecoding<kTableWidth>::kWindows;
  static constexpr size_t kBaseSlots = OddRecoding<kBaseWidth>::kWindows;
  static constexpr size_t kSlots = kKeySlots + kBaseSlots;
  static_assert(kSlots % 2 == 0);

  static bool check_slowly(const Affine* base, const Affine* table, const Claim& claim) {
    const Jacobian sum = add_multiple_var<F, Group, kTableWidth>({kFeOne, kFeOne, kFeZero}, table, claim.t);
    return claim_holds_var<F, Group>(add_multiple_var<F, Group, kBaseWidth>(sum, base, claim.s), claim);
  }

  // The last addition a + b needs no inversion: x = ((yb - ya) / (xb - xa))^2 - xa - xb.
  static bool check_last(const Affine& a, const Affine& b, const Claim& claim, uint64_t* exceptional) {
    const Fe d = mark_zero<F>(F::sub(b.x, a.x), exceptional);
    const Fe dd = F::sqr(d);
    const Fe x_dd = F::sub(F::sqr(F::sub(b.y, a.y)), F::mul(dd, F::add(a.x, b.x)));
    return abscissa_matches_var<F, Group>(x_dd, dd, claim.x);
  }

  // holds[i]: whether claims[i] is true for the key of tables[i]. items <= kChunk.
  static void check(bool* holds, const Affine* const* tables, const Claim* claims, size_t items) {
    Leaf leaves[kSlots * kChunk];
    alignas(64) Affine nodes[kSlots / 2 * kChunk];
    Fe products[kSlots / 2 * kChunk];
    uint64_t exceptional[kChunk] = {};
    const Affine* base = GeneratorTable<F, Group, kBaseWidth>::get();
    for (size_t i = 0; i < items; ++i) {
      put_leaves<Group, kTableWidth>(leaves + i, items, tables[i], claims[i].t, exceptional + i);
      put_leaves<Group, kBaseWidth>(leaves + kKeySlots * items + i, items, base, claims[i].s, exceptional + i);
    }
    add_up_leaves<F>(nodes, leaves, kSlots, 2, items, exceptional, products);
    for (size_t i = 0; i < items; ++i) {
      holds[i] = check_last(nodes[i], nodes[items + i], claims[i], exceptional + i);
      if (exceptional[i] != 0) holds[i] = check_slowly(base, tables[i], claims[i]);
    }
  }
};

// Unknown keys: [t]P by Jacobian doublings and a non-adjacent form over affine odd multiples of P, which a chunk makes
// with shared inversions; [s]G by a tree over the generator's table.
template <class F, class Group, int kBaseWidth>
struct UnknownKeys {
  static constexpr size_t kChunk = 64;
  static constexpr size_t kBaseSlots = OddRecoding<kBaseWidth>::kWindows;
  static_assert(kBaseSlots % 2 == 0);

  // Operands of P, 3 P, ...: multiple `step` + 2 P gives multiple step + 1.
  struct Operands {
    Affine (*multiples)[kNafEntries];
    const Affine* doubles;
    size_t step;

    ACCEL_INLINE void x(size_t, size_t item, Fe& x1, Fe& x2) const {
      x1 = multiples[item][step].x;
      x2 = doubles[item].x;
    }
    ACCEL_INLINE void points(size_t, size_t item, Affine& p1, Affine& p2) const {
      p1 = multiples[item][step];
      p2 = doubles[item];
    }
    ACCEL_INLINE void store(size_t, size_t item, const Affine& sum) const { multiples[item][step + 1] = sum; }
  };

  static void make_odd_multiples(Affine (*multiples)[kNafEntries], const Affine* keys, size_t items,
                                 uint64_t* exceptional) {
    Affine doubles[kChunk];
    Fe products[kChunk];
    double_points<F, PublicInverse>(doubles, keys, items, products);
    for (size_t i = 0; i < items; ++i) multiples[i][0] = keys[i];
    for (size_t step = 0; step + 1 < kNafEntries; ++step) {
      add_pairs<F, PublicInverse>(Operands{multiples, doubles, step}, 1, items, exceptional, products);
    }
  }

  // [t]P for multiples P, 3 P, ..., 15 P.
  static Jacobian multiply(const Affine multiples[kNafEntries], const U256& t) {
    int8_t digits[kNafDigits];
    Jacobian sum = {kFeOne, kFeOne, kFeZero};
    for (int i = recode_naf_var(digits, t) - 1; i >= 0; --i) {
      sum = double_jacobian<F>(sum);
      if (digits[i] == 0) continue;
      const int magnitude = digits[i] < 0 ? -digits[i] : digits[i];
      Affine p = multiples[magnitude / 2];
      if (digits[i] < 0) p.y = F::neg(p.y);
      sum = add_mixed_var<F>(sum, p);
    }
    return sum;
  }

  // By bits, without any table of the key's.
  static Jacobian sum_slowly(const Affine* base, const Affine& key, const Claim& claim) {
    Jacobian sum = {kFeOne, kFeOne, kFeZero};
    for (int i = 255; i >= 0; --i) {
      sum = double_jacobian<F>(sum);
      if (claim.t.v[i / 64] >> (i % 64) & 1) sum = add_mixed_var<F>(sum, key);
    }
    return add_multiple_var<F, Group, kBaseWidth>(sum, base, claim.s);
  }
  static bool check_slowly(const Affine* base, const Affine& key, const Claim& claim) {
    return claim_holds_var<F, Group>(sum_slowly(base, key, claim), claim);
  }

  // sums[i] = [s]G + [t]P for claims[i] and P = keys[i]. items <= kChunk.
  static void add(Jacobian* sums, const Affine* keys, const Claim* claims, size_t items) {
    Leaf leaves[kBaseSlots * kChunk];
    alignas(64) Affine nodes[kBaseSlots / 2 * kChunk];
    alignas(64) Affine multiples[kChunk][kNafEntries];
    Fe products[kBaseSlots / 2 * kChunk];
    uint64_t exceptional[kChunk] = {};
    const Affine* base = GeneratorTable<F, Group, kBaseWidth>::get();
    for (size_t i = 0; i < items; ++i) {
      put_leaves<Group, kBaseWidth>(leaves + i, items, base, claims[i].s, exceptional + i);
    }
    add_up_leaves<F>(nodes, leaves, kBaseSlots, 1, items, exceptional, products);
    make_odd_multiples(multiples, keys, items, exceptional);
    for (size_t i = 0; i < items; ++i) {
      sums[i] = exceptional[i] != 0 ? sum_slowly(base, keys[i], claims[i])
                                    : add_mixed_var<F>(multiply(multiples[i], claims[i].t), nodes[i]);
    }
  }

  // holds[i]: whether claims[i] is true for keys[i]. items <= kChunk.
  static void check(bool* holds, const Affine* keys, const Claim* claims, size_t items) {
    Jacobian sums[kChunk];
    add(sums, keys, claims, items);
    for (size_t i = 0; i < items; ++i) holds[i] = claim_holds_var<F, Group>(sums[i], claims[i]);
  }
};

// False if the coordinates are not below p or not on the curve.
template <class F, class Group>
inline bool read_key_var(Affine& key, const uint8_t bytes[64]) {
  const U256 x = load_be(bytes), y = load_be(bytes + 32);
  if ((less_mask(x, kP) & less_mask(y, kP)) == 0) return false;
  key = {F::from_integer(x), F::from_integer(y)};
  return is_on_curve_var<F, Group>(key);
}

template <class F, class Group>
inline void write_point(uint8_t bytes[64], const Affine& p) {
  store_be(bytes, F::to_integer(p.x));
  store_be(bytes + 32, F::to_integer(p.y));
}

inline uint8_t verdict(bool holds) { return holds ? ACCEL_OK : ACCEL_BAD_SIGNATURE; }

// The functions of Kernel.
template <class F>
struct Verifier {
  using Known = KnownKeys<F, Sm2Group, kGeneratorWidth, kKeyWidth>;
  using Unknown = UnknownKeys<F, Sm2Group, kGeneratorWidth>;
  using KeyTable = FixedBase<kKeyWidth>;

  // A chunk of items with unknown keys. Items whose key or range is bad have a verdict, and stand-ins.
  struct Items {
    size_t count;
    Affine keys[Unknown::kChunk];
    Claim claims[Unknown::kChunk];

    Items(uint8_t* verdicts, Strided key_bytes, Strided signatures, Strided digests, size_t begin, size_t end)
        : count(end - begin < Unknown::kChunk ? end - begin : Unknown::kChunk) {
      for (size_t i = 0; i < count; ++i) {
        verdicts[i] = ACCEL_NOT_CHECKED;
        if (!read_key_var<F, Sm2Group>(keys[i], at(key_bytes, begin + i))) {
          verdicts[i] = ACCEL_BAD_KEY;
          keys[i] = Sm2Group::kGenerator;
        }
        claims[i] = read_claim<Sm2Group>(verdicts + i, at(signatures, begin + i), at(digests, begin + i));
      }
    }
  };

  static void verify(uint8_t* status, Strided keys, Strided signatures, Strided digests, size_t count) {
    bool holds[Unknown::kChunk];
    for (size_t begin = 0; begin < count; begin += Unknown::kChunk) {
      uint8_t* const verdicts = status + begin;
      const Items items(verdicts, keys, signatures, digests, begin, count);
      Unknown::check(holds, items.keys, items.claims, items.count);
      for (size_t i = 0; i < items.count; ++i) {
        if (verdicts[i] == ACCEL_NOT_CHECKED) verdicts[i] = verdict(holds[i]);
      }
    }
  }

  static void recovery_hints(uint8_t* hints, uint8_t* status, Strided keys, Strided signatures, Strided digests,
                             size_t count) {
    Jacobian sums[Unknown::kChunk];
    for (size_t begin = 0; begin < count; begin += Unknown::kChunk) {
      uint8_t* const verdicts = status + begin;
      const Items items(verdicts, keys, signatures, digests, begin, count);
      Unknown::add(sums, items.keys, items.claims, items.count);
      for (size_t i = 0; i < items.count; ++i) {
        hints[begin + i] = 0;
        if (verdicts[i] != ACCEL_NOT_CHECKED) continue;
        verdicts[i] = verdict(claim_holds_var<F, Sm2Group>(sums[i], items.claims[i]));
        if (verdicts[i] == ACCEL_OK) hints[begin + i] = hint_of(to_affine_var<F>(sums[i]));
      }
    }
  }
  static uint8_t hint_of(const Affine& sum) {
    const uint8_t odd = (F::to_integer(sum.y).v[0] & 1) != 0 ? kHintOdd : uint8_t{0};
    const uint8_t second = less_mask(F::to_integer(sum.x), Sm2Group::kModulus.m) == 0 ? kHintSecond : uint8_t{0};
    return static_cast<uint8_t>(odd | second);
  }

  static bool build_table(void* table, const uint8_t key[64]) {
    Affine point;
    if (!read_key_var<F, Sm2Group>(point, key)) return false;
    KeyTable::build_var<F>(static_cast<Affine*>(table), point);
    return true;
  }

  static void verify_known(uint8_t* status, const void* const* tables, Strided signatures, Strided digests,
                           size_t count) {
    const Affine* key_tables[Known::kChunk];
    Claim claims[Known::kChunk];
    bool holds[Known::kChunk];
    for (size_t begin = 0; begin < count; begin += Known::kChunk) {
      const size_t items = count - begin < Known::kChunk ? count - begin : Known::kChunk;
      uint8_t* verdicts = status + begin;
      for (size_t i = 0; i < items; ++i) {
        verdicts[i] = ACCEL_NOT_CHECKED;
        key_tables[i] = static_cast<const Affine*>(tables[begin + i]);
        claims[i] = read_claim<Sm2Group>(verdicts + i, at(signatures, begin + i), at(digests, begin + i));
      }
      Known::check(holds, key_tables, claims, items);
      for (size_t i = 0; i < items; ++i) {
        if (verdicts[i] == ACCEL_NOT_CHECKED) verdicts[i] = verdict(holds[i]);
      }
    }
  }

  static bool on_curve(const uint8_t key[64]) {
    Affine point;
    return read_key_var<F, Sm2Group>(point, key);
  }

  static bool decompress(uint8_t key_out[64], const uint8_t x_bytes[32], bool odd) {
    const U256 x = load_be(x_bytes);
    if (less_mask(x, kP) == 0) return false;
    Affine p;
    p.x = F::from_integer(x);
    const Fe square = F::add(F::sub(F::mul(F::sqr(p.x), p.x), F::thrice(p.x)), Sm2Group::kB);
    if (!F::sqrt_var(p.y, square)) return false;
    // y = 0 does not occur: it would be a point of order 2.
    if ((F::to_integer(p.y).v[0] & 1) != (odd ? 1u : 0u)) p.y = F::neg(p.y);
    write_point<F, Sm2Group>(key_out, p);
    return true;
  }
};

}  // namespace
}  // namespace accel::sm2
