// Verification with tables of the keys (verify.hpp's KnownKeys) in eight lanes.
#pragma once

#include "sm2/ifma/forest52.hpp"
#include "sm2/ifma/scalar52.hpp"
#include "sm2/ifma/single52.hpp"
#include "sm2/ifma/tables52.hpp"
#include "sm2/verify.hpp"

namespace accel::sm2 {
namespace {

inline constexpr int kWideKeyWidth = 10;  // 26 windows, 832 KB a key

// Claims of eight items: plain integers, s and t in [1, n - 1], x < n.
template <class V>
struct ClaimVec {
  typename Field52<V>::Fe s, t, x;
};

// Eight big-endian integers of 32 bytes, one at each address.
template <class V>
inline typename Field52<V>::Fe load_integers(const uint8_t* const (&addresses)[8]) {
  alignas(64) uint64_t words[4][8];
  for (size_t lane = 0; lane < 8; ++lane) {
    const U256 a = load_be(addresses[lane]);
    for (int i = 0; i < 4; ++i) words[i][lane] = a.v[i];
  }
  return Field52<V>::unpack(V::load(words[0]), V::load(words[1]), V::load(words[2]), V::load(words[3]));
}

// read_claim for the items from `begin` on. Lanes beyond `items` repeat the last item. Returns the lanes whose range is
// bad; their claims can be computed.
template <class V, class Group>
inline typename V::Mask read_claims(ClaimVec<V>& claims, Strided signatures, Strided digests, size_t begin,
                                    size_t items) {
  using S = Scalar52<V>;
  using F = Field52<V>;
  using Mask = typename V::Mask;
  const U256& n = Group::kModulus.m;
  const uint8_t *rs[8], *ss[8], *es[8];
  for (size_t lane = 0; lane < 8; ++lane) {
    const size_t item = begin + (lane < items ? lane : items - 1);
    rs[lane] = at(signatures, item);
    ss[lane] = rs[lane] + 32;
    es[lane] = at(digests, item);
  }
  const auto r = load_integers<V>(rs), s = load_integers<V>(ss), e = load_integers<V>(es);
  const auto t = S::add_mod(r, s, n);
  const Mask good = static_cast<Mask>(S::less(r, n) & S::less(s, n));
  const Mask zero = static_cast<Mask>(S::zero_mask(r) | S::zero_mask(s) | S::zero_mask(t));
  const Mask bad = static_cast<Mask>(~good | zero);
  const auto one = F::broadcast(kU256One);
  claims.s = F::select(bad, one, s);
  claims.t = F::select(bad, one, t);
  // e < 2^256 < 2n
  claims.x = F::select(bad, one, S::sub_mod(r, S::reduce_once(F::sum(e), n), n));
  return bad;
}

// Is x = X / Z^2, with zz = Z^2 != 0, equal to claim_x mod n? x < p < 2 n leaves two candidates, the second only if
// claim_x + n < p.
template <class V, class Group>
inline typename V::Mask abscissas_match(const typename Field52<V>::Fe& x, const typename Field52<V>::Fe& zz,
                                        const typename Field52<V>::Fe& claim_x) {
  using F = Field52<V>;
  const auto matches = [&](const typename F::Fe& candidate) {
    return F::zero_mask(F::template sub<2>(x, F::mul(F::from_integer(candidate), zz)));
  };
  const auto second = F::add(claim_x, F::broadcast(Group::kModulus.m));
  const auto first_matches = matches(claim_x), possible = Scalar52<V>::less(second, kP);
  if (possible == 0) [[likely]]
    return first_matches;
  return static_cast<typename V::Mask>(first_matches | (possible & matches(second)));
}

template <class V, class F, class Group, int kBaseWidth, int kTableWidth>
struct KnownKeys52 {
  using F52 = Field52<V>;
  using Fe52 = typename F52::Fe;
  using Mask = typename V::Mask;
  using Table = FixedBase52<V, F, kTableWidth>;
  // Of a chunk. More make inversions cheaper, and what is in work leave the second-level cache.
  static constexpr size_t kGroups = 4;
  static constexpr size_t kChunk = 8 * kGroups;
  // So many items are quicker one at a time: as a batch of their own, and when left by full groups side by side.
  static constexpr size_t kMostSingle = 7, kMostLeft = 5;
  static constexpr size_t kKeySlots = OddRecoding<kTableWidth>::kWindows;
  static constexpr size_t kBaseSlots = OddRecoding<kBaseWidth>::kWindows;
  static constexpr size_t kSlots = kKeySlots + kBaseSlots;
  using Forest = Forest52<V, kSlots, kGroups>;

  // [k]P by a table of P added to `sum`, without exceptions.
  template <int kWidth>
  static Jacobian add_multiple_var(Jacobian sum, const Affine260* table, const U256& k) {
    const OddRecoding<kWidth> digits(k, Group::kModulus.m);
    for (int window = 0; window < OddRecoding<kWidth>::kWindows; ++window) {
      const Digit digit = digits[window];
      Affine p = from_affine260<F>(table[window * OddRecoding<kWidth>::kEntries + digit.index]);
      if (digit.negative != 0) p.y = F::neg(p.y);
      sum = sm2::add_mixed_var<F>(sum, p);
    }
    return sum;
  }

  static bool check_slowly(const Affine260* base, const Affine260* table, const Claim& claim) {
    const Jacobian sum = add_multiple_var<kTableWidth>({kFeOne, kFeOne, kFeZero}, table, claim.t);
    return claim_holds_var<F, Group>(add_multiple_var<kBaseWidth>(sum, base, claim.s), claim);
  }

  // The leaves of [k]P from window kWindow on, `stride` apart. In a small group, an entry may be infinity, which a tree
  // does not take: then the item is exceptional and another point stands in.
  template <int kWidth, bool kPrefetch = true, int kWindow = 0>
  static ACCEL_INLINE void put_leaves(Leaf52<V>* leaves, size_t stride, const V& tables,
                                      const OddRecoding52<V, kWidth>& digits, Mask* exceptional) {
    if constexpr (kWindow < OddRecoding<kWidth>::kWindows) {
      const DigitVec<V> digit = digits.template digit<kWindow>();
      constexpr uint64_t kOffset = kWindow * sizeof(Affine260) << (kWidth - 1);
      (tables + digit.index.template shl<6>() + V::broadcast(kOffset)).store(leaves->entries.address);
      leaves->negative = digit.negative;
      if constexpr (Group::kSmall) replace_infinity(leaves->entries, exceptional);
      if constexpr (kPrefetch) __builtin_prefetch(leaves->entries[0]);
      put_leaves<kWidth, kPrefetch, kWindow + 1>(leaves + stride, stride, tables, digits, exceptional);
    }
  }
  static void replace_infinity(Entries52& entries, Mask* exceptional) {
    static const Affine260 stand_in = to_affine260<F>(Group::kGenerator);
    for (size_t lane = 0; lane < 8; ++lane) {
      if (!is_infinity_var(*entries[lane])) continue;
      *exceptional = static_cast<Mask>(*exceptional | 1 << lane);
      entries.address[lane] = reinterpret_cast<uintptr_t>(&stand_in);
    }
  }

  // The last addition a + b needs no inversion: x = ((yb - ya) / (xb - xa))^2 - xa - xb. Coordinates below 1.0001 p.
  static Mask check_last(const PointVec<V>& a, const PointVec<V>& b, const Fe52& claim_x, Mask* exceptional) {
    const Fe52 d = F52::template sub<2>(b.x, a.x), dd = F52::sqr(d);
    *exceptional = static_cast<Mask>(*exceptional | F52::zero_mask(dd));
    const Fe52 slope_dd = F52::sqr(F52::template sub<2>(b.y, a.y));
    const Fe52 x_dd = F52::template sub<2>(slope_dd, F52::mul(dd, F52::add(a.x, b.x)));
    return abscissas_match<V, Group>(x_dd, dd, claim_x);
  }
  static Claim lane_of(const ClaimVec<V>& claims, size_t lane) {
    return {F52::lane(claims.s, lane), F52::lane(claims.t, lane), F52::lane(claims.x, lane)};
  }

  static bool build_table(void* table, const uint8_t key[64]) {
    Affine point;
    if (!read_key_var<F, Group>(point, key)) return false;
    Table::build_var(static_cast<Affine260*>(table), point);
    return true;
  }

  // A chunk of items on its way through the levels.
  struct Batch {
    typename Forest::Chunk chunk;
    size_t items;
    ClaimVec<V> claims[kGroups];
    Entries52 tables[kGroups];
    Mask bad[kGroups];
  };

  // Source has
  //   read(claims, tables, begin, items)     eight claims and tables; lanes beyond `items` repeat the last; returns the
  //                                          lanes whose claims could not be read, with others in their place
  //   decide(item, bad, holds)
  template <class Source>
  static void fill(Batch& batch, Leaf52<V>* leaves, const Affine260* base, const Source& source, size_t begin,
                   size_t items) {
    batch.items = items;
    batch.chunk.groups = (items + 8 * kTwin - 1) / (8 * kTwin) * kTwin;
    for (size_t i = 0; i < batch.chunk.groups; ++i) {
      const size_t first = 8 * i < items ? 8 * i : 8 * i - 8;  // a twin without items repeats the one before
      batch.bad[i] = source.read(batch.claims[i], batch.tables[i], begin + first, items - first);
      batch.chunk.exceptional[i] = 0;
      put_all_leaves<false>(leaves + i, batch.chunk.groups, batch.claims[i], batch.tables[i], base,
                            batch.chunk.exceptional + i);
    }
  }

  template <bool kPrefetch>
  static void put_all_leaves(Leaf52<V>* leaves, size_t stride, const ClaimVec<V>& claims, const Entries52& tables,
                             const Affine260* base, Mask* exceptional) {
    const OddRecoding52<V, kTableWidth> key_digits(claims.t, Group::kModulus.m);
    put_leaves<kTableWidth, kPrefetch>(leaves, stride, V::load(tables.address), key_digits, exceptional);
    const OddRecoding52<V, kBaseWidth> base_digits(claims.s, Group::kModulus.m);
    put_leaves<kBaseWidth, kPrefetch>(leaves + kKeySlots * stride, stride,
                                      V::broadcast(reinterpret_cast<uintptr_t>(base)), base_digits, exceptional);
  }

  template <class Source>
  static void finish(Batch& batch, const Forest& forest, const Affine260* base, const Source& source, size_t begin) {
    for (size_t i = 0; 8 * i < batch.items; ++i) {
      Mask exceptional = batch.chunk.exceptional[i];
      const Mask holds = check_last(forest.left(i), forest.right(i), batch.claims[i].x, &exceptional);
      for (size_t lane = 0; lane < 8 && 8 * i + lane < batch.items; ++lane) {
        bool holds_here = (holds >> lane & 1) != 0;
        const bool bad = (batch.bad[i] >> lane & 1) != 0;
        if (!bad && (exceptional >> lane & 1) != 0) {
          holds_here = check_slowly(base, batch.tables[i][lane], lane_of(batch.claims[i], lane));
        }
        source.decide(begin + 8 * i + lane, bad, holds_here);
      }
    }
  }

  template <class Source>
  static void run(const Source& source, size_t count) {
    if (count == 0) return;
    constexpr size_t kLevels = Forest::kLevels, kInFlight = kLevels + 1;
    Forest forest;
    Leaf52<V> leaves[kSlots * kGroups];
    LeafPoint52<V> points[2][kSlots * kGroups];
    Batch batches[kInFlight];
    const Affine260* base = GeneratorTable52<V, F, Group, kBaseWidth>::get();
    const size_t chunks = (count + kChunk - 1) / kChunk;
    const auto prepare = [&](size_t number) -> Gatherer52<V> {
      if (number >= chunks) return {nullptr, nullptr, 0};
      const size_t begin = number * kChunk;
      Batch& batch = batches[number % kInFlight];
      fill(batch, leaves, base, source, begin, count - begin < kChunk ? count - begin : kChunk);
      batch.chunk.leaves = points[number % 2];
      return {leaves, points[number % 2], kSlots * batch.chunk.groups};
    };
    prepare(0).take_rest();
    for (size_t step = 0; step + 1 < chunks + kLevels; ++step) {
      typename Forest::Chunk* at[kLevels];
      for (size_t level = 0; level < kLevels; ++level) {
        const bool there = level <= step && step - level < chunks;
        at[level] = there ? &batches[(step - level) % kInFlight].chunk : nullptr;
      }
      Gatherer52<V> gatherer = prepare(step + 1);
      forest.step(at, gatherer);
      if (step + 1 >= kLevels) {
        const size_t number = step + 1 - kLevels;
        finish(batches[number % kInFlight], forest, base, source, number * kChunk);
      }
    }
  }

  // One item by itself.
  template <class Source>
  static void run_single(const Source& source, size_t item) {
    const Affine260* base = GeneratorTable52<V, F, Group, kBaseWidth>::get();
    Batch batch;
    Leaf52<V> leaves[kSlots];
    Mask exceptional = 0;
    const Mask bad = source.read(batch.claims[0], batch.tables[0], item, 1);
    put_all_leaves<true>(leaves, 1, batch.claims[0], batch.tables[0], base, &exceptional);
    using Sum = LaneSum52<V, kSlots>;
    Leaf52<V> rows[Sum::kRows];
    for (size_t row = 0; row < Sum::kRows; ++row) {
      rows[row].negative = 0;
      for (size_t lane = 0; lane < 8; ++lane) {
        const Leaf52<V>& leaf = leaves[8 * row + lane < kSlots ? 8 * row + lane : kSlots - 1];
        rows[row].entries.address[lane] = leaf.entries.address[0];
        rows[row].negative = static_cast<Mask>(rows[row].negative | (leaf.negative & 1) << lane);
      }
    }
    const JacobianVec<V> sum = Sum::of(rows);
    bool holds = (abscissas_match<V, Group>(sum.x, sum.zz, batch.claims[0].x) & 1) != 0;
    if (((exceptional | F52::zero_mask(sum.zz)) & ~bad & 1) != 0) {
      holds = check_slowly(base, batch.tables[0][0], lane_of(batch.claims[0], 0));
    }
    source.decide(item, (bad & 1) != 0, holds);
  }

  // Claims as such. Not for the kernel, which has signatures: for tests in groups where there are none.
  struct Claims {
    Mask* holds;  // of groups
    const Affine260* const* tables;
    const ClaimVec<V>* claims;

    Mask read(ClaimVec<V>& to, Entries52& entries, size_t begin, size_t) const {
      for (size_t lane = 0; lane < 8; ++lane) {
        entries.address[lane] = reinterpret_cast<uintptr_t>(tables[begin / 8 * 8 + lane]);
      }
      to = claims[begin / 8];
      return 0;
    }
    void decide(size_t item, bool, bool holds_here) const {
      const Mask bit = static_cast<Mask>(1 << item % 8);
      holds[item / 8] = static_cast<Mask>(holds_here ? holds[item / 8] | bit : holds[item / 8] & ~bit);
    }
  };
  // holds[group]: the lanes of claims[group] that are true for the keys of tables[8 group + lane].
  static void check(Mask* holds, const Affine260* const* tables, const ClaimVec<V>* claims, size_t groups) {
    run(Claims{holds, tables, claims}, 8 * groups);
  }

  // The items of Kernel's functions.
  struct Signatures {
    uint8_t* status;
    const void* const* tables;
    Strided signatures, digests;

    Mask read(ClaimVec<V>& claims, Entries52& entries, size_t begin, size_t items) const {
      for (size_t lane = 0; lane < 8; ++lane) {
        entries.address[lane] = reinterpret_cast<uintptr_t>(tables[begin + (lane < items ? lane : items - 1)]);
      }
      return read_claims<V, Group>(claims, signatures, digests, begin, items);
    }
    void decide(size_t item, bool bad, bool holds) const {
      status[item] = bad ? uint8_t{ACCEL_BAD_RANGE} : verdict(holds);
    }
  };

  static void verify(uint8_t* status, const void* const* tables, Strided signatures, Strided digests, size_t count) {
    const Signatures source = {status, tables, signatures, digests};
    constexpr size_t kStep = 8 * kTwin;
    const size_t rest = count % kStep, singles = rest <= (count < kStep ? kMostSingle : kMostLeft) ? rest : 0;
    run(source, count - singles);
    for (size_t item = count - singles; item < count; ++item) run_single(source, item);
  }
};

}  // namespace
}  // namespace accel::sm2
