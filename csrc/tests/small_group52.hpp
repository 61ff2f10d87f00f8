// SmallGroupVerifier over the templates that ship, for a vector type V and a scalar field F. Included by one
// translation unit for each V; no standard library in here, because one of them is compiled with AVX-512.
#pragma once

#include "sm2/ifma/known.hpp"
#include "sm2/ifma/unknown.hpp"
#include "sm2_small_group.hpp"

namespace accel::sm2::testing {
namespace {

// Of the curve with the number kCurve. Only m of kModulus is used: there is no signing in a small group.
template <int kCurve>
struct SmallGroup52 {
  static constexpr bool kSmall = true;
  static inline Modulus kModulus = {};
  static inline Fe kB = {};
  static inline Affine kGenerator = {};
};

inline U256 plain(const uint64_t (&a)[4]) { return {{a[0], a[1], a[2], a[3]}}; }

template <class F>
inline Affine element(const PlainPoint& p) {
  return {F::from_integer(plain(p.x)), F::from_integer(plain(p.y))};
}

template <class F, int kCurve>
void set_curve(const PlainCurve& curve) {
  using Group = SmallGroup52<kCurve>;
  Group::kModulus.m = {{curve.order, 0, 0, 0}};
  Group::kB = F::from_integer(U256{{curve.b, 0, 0, 0}});
  Group::kGenerator = element<F>(curve.generator);
}

// Lanes beyond `items` repeat the last.
template <class V>
ClaimVec<V> load_claims(const PlainClaim* claims, size_t items) {
  uint64_t words[3][4][8];
  for (size_t lane = 0; lane < 8; ++lane) {
    const PlainClaim& claim = claims[lane < items ? lane : items - 1];
    for (size_t i = 0; i < 4; ++i) {
      words[0][i][lane] = claim.s[i];
      words[1][i][lane] = claim.t[i];
      words[2][i][lane] = claim.x[i];
    }
  }
  const auto load = [&](size_t k) {
    return Field52<V>::unpack(V::load(words[k][0]), V::load(words[k][1]), V::load(words[k][2]), V::load(words[k][3]));
  };
  return {load(0), load(1), load(2)};
}

template <class V, class F, int kCurve, int kWidth>
struct KnownInSmallGroup {
  using Known = KnownKeys52<V, F, SmallGroup52<kCurve>, kGeneratorWidth, kWidth>;
  using Table = typename Known::Table;

  static void build_table(void* table, const PlainPoint& key) {
    Table::build_var(static_cast<Affine260*>(table), element<F>(key));
  }
  static PlainPoint entry(const void* table, size_t window, size_t entry) {
    const Affine p = from_affine260<F>(static_cast<const Affine260*>(table)[window * Table::kEntries + entry]);
    const U256 x = F::to_integer(p.x), y = F::to_integer(p.y);
    PlainPoint r;
    for (int i = 0; i < 4; ++i) r.x[i] = x.v[i], r.y[i] = y.v[i];
    return r;
  }
  struct Source {
    bool* holds;
    const void* table;
    const PlainClaim* claims;

    typename V::Mask read(ClaimVec<V>& vectors, Entries52& tables, size_t begin, size_t items) const {
      for (uintptr_t& address : tables.address) address = reinterpret_cast<uintptr_t>(table);
      vectors = load_claims<V>(claims + begin, items);
      return 0;
    }
    void decide(size_t item, bool, bool verdict) const { holds[item] = verdict; }
  };
  static void check(bool* holds, const void* table, const PlainPoint&, const PlainClaim* claims, size_t count) {
    Known::run(Source{holds, table, claims}, count);
  }
};

template <class V, class F, int kCurve>
struct UnknownInSmallGroup {
  using Unknown = UnknownKeys52<V, F, SmallGroup52<kCurve>, kGeneratorWidth>;

  static void check(bool* holds, const void*, const PlainPoint& key, const PlainClaim* claims, size_t count) {
    using Field = Field52<V>;
    using Mask = typename V::Mask;
    PointVec<V> keys[Unknown::kGroups];
    ClaimVec<V> vectors[Unknown::kGroups];
    Mask ignored[Unknown::kGroups] = {}, masks[Unknown::kGroups];
    const PointVec<V> point = {Field::from_integer(Field::broadcast(plain(key.x))),
                               Field::from_integer(Field::broadcast(plain(key.y)))};
    for (PointVec<V>& each : keys) each = point;
    for (size_t begin = 0; begin < count; begin += Unknown::kChunk) {
      const size_t items = count - begin < Unknown::kChunk ? count - begin : Unknown::kChunk, groups = (items + 7) / 8;
      for (size_t i = 0; i < groups; ++i) vectors[i] = load_claims<V>(claims + begin + 8 * i, items - 8 * i);
      Unknown::check(masks, keys, vectors, ignored, groups);
      for (size_t i = 0; i < items; ++i) holds[begin + i] = (masks[i / 8] >> i % 8 & 1) != 0;
    }
  }
};

template <class V, class F, int kCurve, int kWidth>
constexpr SmallGroupVerifier known_verifier(const char* name, bool (*supported)(const CpuFeatures&)) {
  using Known = KnownInSmallGroup<V, F, kCurve, kWidth>;
  return {name,   supported,          set_curve<F, kCurve>, Known::Table::kBytes,
          kWidth, Known::build_table, Known::entry,         Known::check};
}
template <class V, class F, int kCurve>
constexpr SmallGroupVerifier unknown_verifier(const char* name, bool (*supported)(const CpuFeatures&)) {
  return {name, supported, set_curve<F, kCurve>, 0, 0, nullptr, nullptr, UnknownInSmallGroup<V, F, kCurve>::check};
}

template <class V, class F>
constexpr SmallGroupVerifiers verifiers_of(const char* name, bool (*supported)(const CpuFeatures&)) {
  return {{{known_verifier<V, F, 0, kKeyWidth>(name, supported),
            known_verifier<V, F, 0, kWideKeyWidth>(name, supported), unknown_verifier<V, F, 0>(name, supported)},
           {known_verifier<V, F, 1, kKeyWidth>(name, supported),
            known_verifier<V, F, 1, kWideKeyWidth>(name, supported), unknown_verifier<V, F, 1>(name, supported)}}};
}

}  // namespace
}  // namespace accel::sm2::testing
