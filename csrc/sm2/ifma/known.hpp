// Verification with tables of the keys (verify.hpp's KnownKeys) in eight lanes.
#pragma once

#include "sm2/ifma/scalar52.hpp"
#include "sm2/ifma/tables52.hpp"
#include "sm2/verify.hpp"

namespace accel::sm2 {
namespace {

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

// Operands of the lowest level of a tree: leaves[slot * groups + group], slots 2 pair and 2 pair + 1.
template <class V>
struct Leaf52 {
  Entries52 entries;
  typename V::Mask negative;
};
template <class V>
struct LeafOperands52 {
  using F = Field52<V>;
  using Fe = typename F::Fe;
  const Leaf52<V>* leaves;
  size_t groups;
  PointVec<V>* sums;

  // Coordinates below p, and y below p + 1 where negated.
  static ACCEL_INLINE PointVec<V> point(const Leaf52<V>& leaf) {
    PointVec<V> p = load_entries<V>(leaf.entries);
    const Fe zero = {V::zero(), V::zero(), V::zero(), V::zero(), V::zero()};
    p.y = F::select(leaf.negative, F::template sub<1>(zero, p.y), p.y);
    return p;
  }
  ACCEL_INLINE void x(size_t pair, size_t group, Fe& x1, Fe& x2) const {
    const Leaf52<V>* first = leaves + 2 * pair * groups + group;
    x1 = load_entries<V>(first[0].entries).x;
    x2 = load_entries<V>(first[groups].entries).x;
  }
  ACCEL_INLINE void points(size_t pair, size_t group, PointVec<V>& p1, PointVec<V>& p2) const {
    const Leaf52<V>* first = leaves + 2 * pair * groups + group;
    p1 = point(first[0]);
    p2 = point(first[groups]);
  }
  ACCEL_INLINE void store(size_t pair, size_t group, const PointVec<V>& sum) const {
    sums[pair * groups + group] = sum;
  }
};

template <class V, class F, class Group, int kBaseWidth, int kTableWidth>
struct KnownKeys52 {
  using F52 = Field52<V>;
  using Fe52 = typename F52::Fe;
  using Mask = typename V::Mask;
  using Table = FixedBase52<V, F, kTableWidth>;
  static constexpr size_t kGroups = 16;
  static constexpr size_t kChunk = 8 * kGroups;
  static constexpr size_t kKeySlots = OddRecoding<kTableWidth>::kWindows;
  static constexpr size_t kBaseSlots = OddRecoding<kBaseWidth>::kWindows;
  static constexpr size_t kSlots = kKeySlots + kBaseSlots;
  static_assert(kSlots % 2 == 0);

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

  // The leaves of [k]P from window kWindow on. In a small group, an entry may be infinity, which a tree does not take:
  // then the item is exceptional and another point stands in.
  template <int kWidth, int kWindow = 0>
  static ACCEL_INLINE void put_leaves(Leaf52<V>* leaves, size_t groups, const V& tables,
                                      const OddRecoding52<V, kWidth>& digits, Mask* exceptional) {
    if constexpr (kWindow < OddRecoding<kWidth>::kWindows) {
      const DigitVec<V> digit = digits.template digit<kWindow>();
      constexpr uint64_t kOffset = kWindow * sizeof(Affine260) << (kWidth - 1);
      const V entries = tables + digit.index.template shl<6>() + V::broadcast(kOffset);
      entries.store(leaves->entries.address);
      leaves->negative = digit.negative;
      if constexpr (Group::kSmall) replace_infinity(*leaves, exceptional);
      for (size_t lane = 0; lane < 8; ++lane) __builtin_prefetch(leaves->entries[lane], 0, 2);
      put_leaves<kWidth, kWindow + 1>(leaves + groups, groups, tables, digits, exceptional);
    }
  }
  static void replace_infinity(Leaf52<V>& leaf, Mask* exceptional) {
    static const Affine260 stand_in = to_affine260<F>(Group::kGenerator);
    for (size_t lane = 0; lane < 8; ++lane) {
      if (!is_infinity_var(*leaf.entries[lane])) continue;
      *exceptional = static_cast<Mask>(*exceptional | 1 << lane);
      leaf.entries.address[lane] = reinterpret_cast<uintptr_t>(&stand_in);
    }
  }

  // The last addition a + b needs no inversion: x = ((yb - ya) / (xb - xa))^2 - xa - xb, which is compared with
  // claim_x, and with claim_x + n where that is below p.
  static Mask check_last(const PointVec<V>& a, const PointVec<V>& b, const Fe52& claim_x, Mask* exceptional) {
    using S = Scalar52<V>;
    const Fe52 d = F52::template sub<2>(b.x, a.x);
    const Fe52 dd = F52::sqr(d);
    *exceptional = static_cast<Mask>(*exceptional | F52::zero_mask(dd));
    const Fe52 slope_dd = F52::sqr(F52::template sub<2>(b.y, a.y));
    const Fe52 sum = F52::template tighten<0>(F52::plus(a.x, b.x));
    const auto matches = [&](const Fe52& x) {
      const Fe52 total = F52::template tighten<0>(F52::plus(sum, F52::from_integer(x)));
      return F52::zero_mask(F52::template sub<2>(slope_dd, F52::mul(dd, total)));
    };
    Mask holds = matches(claim_x);
    const Fe52 second = F52::template tighten<0>(F52::plus(claim_x, F52::broadcast(Group::kModulus.m)));
    const Mask possible = S::less(second, kP);
    if (possible != 0) [[unlikely]]
      holds = static_cast<Mask>(holds | (possible & matches(second)));
    return holds;
  }

  // holds[group]: the lanes of claims[group] that are true for the keys of tables[8 group + lane]. groups <= kGroups.
  static void check(Mask* holds, const Affine260* const* tables, const ClaimVec<V>* claims, size_t groups) {
    Leaf52<V> leaves[kSlots * kGroups];
    PointVec<V> nodes[kSlots / 2 * kGroups];
    Fe52 products[kSlots / 2 * kGroups];
    Mask exceptional[kGroups] = {};
    const Affine260* base = GeneratorTable52<V, F, Group, kBaseWidth>::get();
    for (size_t i = 0; i < groups; ++i) {
      const OddRecoding52<V, kTableWidth> key_digits(claims[i].t, Group::kModulus.m);
      put_leaves<kTableWidth>(leaves + i, groups, V::load(tables + 8 * i), key_digits, exceptional + i);
      const OddRecoding52<V, kBaseWidth> base_digits(claims[i].s, Group::kModulus.m);
      put_leaves<kBaseWidth>(leaves + kKeySlots * groups + i, groups, V::broadcast(reinterpret_cast<uintptr_t>(base)),
                             base_digits, exceptional + i);
    }
    add_pairs52<V, PublicInverse52>(LeafOperands52<V>{leaves, groups, nodes}, kSlots / 2, groups, exceptional,
                                    products);
    add_up52<V, PublicInverse52>(nodes, kSlots / 2, 2, groups, exceptional, products);
    for (size_t i = 0; i < groups; ++i) {
      holds[i] = check_last(nodes[i], nodes[groups + i], claims[i].x, exceptional + i);
      for (size_t lane = 0; lane < 8; ++lane) {
        if ((exceptional[i] >> lane & 1) == 0) continue;
        const Mask bit = static_cast<Mask>(1 << lane);
        const Claim claim = lane_of(claims[i], lane);
        holds[i] =
            static_cast<Mask>(check_slowly(base, tables[8 * i + lane], claim) ? holds[i] | bit : holds[i] & ~bit);
      }
    }
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

  static void verify(uint8_t* status, const void* const* tables, Strided signatures, Strided digests, size_t count) {
    const Affine260* key_tables[kChunk];
    ClaimVec<V> claims[kGroups];
    Mask bad[kGroups], holds[kGroups];
    for (size_t begin = 0; begin < count; begin += kChunk) {
      const size_t items = count - begin < kChunk ? count - begin : kChunk;
      const size_t groups = (items + 7) / 8;
      for (size_t i = 0; i < groups; ++i) {
        bad[i] = read_claims<V, Group>(claims[i], signatures, digests, begin + 8 * i, items - 8 * i);
        for (size_t lane = 0; lane < 8; ++lane) {
          const size_t item = 8 * i + lane < items ? 8 * i + lane : items - 1;
          key_tables[8 * i + lane] = static_cast<const Affine260*>(tables[begin + item]);
        }
      }
      check(holds, key_tables, claims, groups);
      for (size_t i = 0; i < items; ++i) {
        const size_t group = i / 8, lane = i % 8;
        status[begin + i] =
            (bad[group] >> lane & 1) != 0 ? uint8_t{ACCEL_BAD_RANGE} : verdict(holds[group] >> lane & 1);
      }
    }
  }
};

}  // namespace
}  // namespace accel::sm2
