// Tables of odd multiples in eight lanes: tables.hpp's fixed-base tables with entries in R = 2^260.
#pragma once

#include "sm2/ifma/batch52.hpp"

namespace accel::sm2 {
namespace {

// Table entries hold the same values as the scalar field's elements in another form: a 2^260 for a 2^256.
template <class F>
inline Fe260 to_fe260(const Fe& a) {
  const Fe r = F::twice(F::twice(F::twice(F::twice(a))));
  return {{r.v[0], r.v[1], r.v[2], r.v[3]}};
}
template <class F>
inline Fe from_fe260(const Fe260& a) {
  return F::half(F::half(F::half(F::half(Fe{{a.v[0], a.v[1], a.v[2], a.v[3]}}))));
}
template <class F>
inline Affine260 to_affine260(const Affine& p) {
  return {to_fe260<F>(p.x), to_fe260<F>(p.y)};
}
template <class F>
inline Affine from_affine260(const Affine260& p) {
  return {from_fe260<F>(p.x), from_fe260<F>(p.y)};
}
inline bool is_infinity_var(const Affine260& p) {
  uint64_t any = 0;
  for (int i = 0; i < 4; ++i) any |= p.x.v[i] | p.y.v[i];
  return any == 0;
}

// Eight entries of tables, one for each lane: addresses.
struct alignas(64) Entries52 {
  uintptr_t address[8];

  const Affine260* operator[](size_t lane) const { return reinterpret_cast<const Affine260*>(address[lane]); }
};

template <class V>
ACCEL_INLINE PointVec<V> load_entries(const Entries52& entries) {
  V rows[8];
  for (size_t i = 0; i < 8; ++i) rows[i] = V::load(entries[i]);
  V::transpose(rows);
  return {Field52<V>::unpack(rows[0], rows[1], rows[2], rows[3]),
          Field52<V>::unpack(rows[4], rows[5], rows[6], rows[7])};
}

// y before carries, |limb| < 2^53.
template <class V>
struct LeafPoint52 {
  typename Field52<V>::Fe x;
  typename Field52<V>::Sum y;
};

// Entries and the lanes in which they are negated.
template <class V>
struct Leaf52 {
  using F = Field52<V>;

  Entries52 entries;
  typename V::Mask negative;

  // Coordinates of at most p.
  ACCEL_INLINE PointVec<V> point() const {
    PointVec<V> p = load_entries<V>(entries);
    p.y = F::select(negative, F::template tighten<1>(F::minus(F::zero_sum(), p.y)), p.y);
    return p;
  }

  // The same, but y before carries: y, or p - y where negative.
  ACCEL_INLINE LeafPoint52<V> signed_point() const {
    LeafPoint52<V> p;
    V w[4];
    load_quads(w, 0);
#pragma GCC unroll 5
    for (int k = 0; k < kLimbs; ++k) p.x.l[k] = F::unpack_limb(w, k);
    load_quads(w, sizeof(Fe260));
#pragma GCC unroll 5
    for (int k = 0; k < kLimbs; ++k) {
      const V limb = F::unpack_limb(w, k);
      p.y.l[k] = V::select(negative, V::broadcast(sparse_multiple(1, k)) - limb, limb);
    }
    return p;
  }

 private:
  // Of every lane's entry the 32 bytes from `offset` on.
  ACCEL_INLINE void load_quads(V (&words)[4], size_t offset) const {
    const void* addresses[8];
    for (size_t lane = 0; lane < 8; ++lane) {
      addresses[lane] = reinterpret_cast<const void*>(entries.address[lane] + offset);
    }
    V::load_quads(words, addresses);
  }
};

// Coordinates below 2 p; the first `lanes` lanes alone are written.
template <class V>
ACCEL_INLINE void store_entries(Affine260* const* entries, size_t lanes, const PointVec<V>& p) {
  using F = Field52<V>;
  V rows[8], y[4];
  {
    V x[4];
    F::pack(x, F::canonical(p.x));
    F::pack(y, F::canonical(p.y));
    for (int i = 0; i < 4; ++i) rows[i] = x[i], rows[4 + i] = y[i];
  }
  V::transpose(rows);
  for (size_t i = 0; i < lanes; ++i) rows[i].store(entries[i]);
}

// Fixed-base table of a point P: entry [i][j] is (2 j + 1) 2^(width i) P, affine.
template <class V, class F, int kWidth>
struct FixedBase52 {
  using Recoding = OddRecoding<kWidth>;
  static constexpr size_t kWindows = Recoding::kWindows;
  static constexpr size_t kEntries = Recoding::kEntries;
  static constexpr size_t kBytes = kWindows * kEntries * sizeof(Affine260);

  // Eight windows are worked on in the lanes of a vector.
  static constexpr size_t kParts = (kWindows + 7) / 8;
  // Entries added at a time, which bounds the scratch on the stack.
  static constexpr size_t kBlock = 64;

  // Operands of a table's doubling: entry 2^level + j of each window is entry j plus 2^(level + 1) times the window's
  // base. Group j kParts + i stands for entry first + j in part i.
  struct Operands {
    Affine260* table;
    const PointVec<V>* added;  // of each part
    size_t level, first;

    static size_t lanes(size_t part) { return kWindows - 8 * part < 8 ? kWindows - 8 * part : 8; }
    // Lanes beyond the last window repeat it.
    ACCEL_INLINE Affine260* entry(size_t part, size_t lane, size_t index) const {
      const size_t window = 8 * part + lane;
      return table + (window < kWindows ? window : kWindows - 1) * kEntries + index;
    }
    ACCEL_INLINE PointVec<V> operand(size_t group) const {
      Entries52 entries;
      for (size_t lane = 0; lane < 8; ++lane) {
        entries.address[lane] = reinterpret_cast<uintptr_t>(entry(group % kParts, lane, first + group / kParts));
      }
      return load_entries<V>(entries);
    }
    ACCEL_INLINE void x(size_t, size_t group, typename Field52<V>::Fe& x1, typename Field52<V>::Fe& x2) const {
      x1 = operand(group).x;
      x2 = added[group % kParts].x;
    }
    ACCEL_INLINE void points(size_t, size_t group, PointVec<V>& p1, PointVec<V>& p2) const {
      p1 = operand(group);
      p2 = added[group % kParts];
    }
    ACCEL_INLINE void store(size_t, size_t group, const PointVec<V>& sum) const {
      const size_t part = group % kParts;
      Affine260* entries[8];
      for (size_t lane = 0; lane < 8; ++lane) {
        entries[lane] = entry(part, lane, (size_t{1} << level) + first + group / kParts);
      }
      store_entries<V>(entries, lanes(part), sum);
    }
  };

  // p is not infinity. Variable time.
  static void build_var(Affine260* table, const Affine& p) {
    Affine powers[kWindows * kWidth];
    FixedBase<kWidth>::template make_powers<F>(powers, p);
    for (size_t window = 0; window < kWindows; ++window) {
      table[window * kEntries] = to_affine260<F>(powers[window * kWidth]);
    }
    for (size_t level = 0; level + 1 < kWidth; ++level) {
      PointVec<V> added[kParts];
      for (size_t part = 0; part < kParts; ++part) added[part] = load_added(powers, part, level);
      for (size_t first = 0; first < size_t{1} << level; first += kBlock) {
        const size_t left = (size_t{1} << level) - first;
        add_block({table, added, level, first}, left < kBlock ? left : kBlock, powers);
      }
    }
  }

  // 2^(level + 1) times the bases of a part's windows.
  static PointVec<V> load_added(const Affine* powers, size_t part, size_t level) {
    Affine260 points[8];
    Entries52 entries;
    for (size_t lane = 0; lane < 8; ++lane) {
      const size_t window = 8 * part + lane < kWindows ? 8 * part + lane : kWindows - 1;
      points[lane] = to_affine260<F>(powers[window * kWidth + level + 1]);
      entries.address[lane] = reinterpret_cast<uintptr_t>(points + lane);
    }
    return load_entries<V>(entries);
  }

  static void add_block(const Operands& operands, size_t items, const Affine* powers) {
    typename Field52<V>::Fe products[kBlock * kParts];
    typename V::Mask exceptional[kBlock * kParts] = {};
    add_pairs52<V, PublicInverse52>(operands, 1, items * kParts, exceptional, products);
    for (size_t group = 0; group < items * kParts; ++group) {
      const size_t part = group % kParts;
      for (size_t lane = 0; lane < Operands::lanes(part); ++lane) {
        const Affine260* entry = operands.entry(part, lane, operands.first + group / kParts);
        if ((exceptional[group] >> lane & 1) == 0 && !is_infinity_var(*entry)) continue;
        add_slowly(operands, group, lane, powers);
      }
    }
  }

  // In a small group a multiple may be infinity or the added point itself. In the group of SM2 neither happens: see
  // FixedBase::add_slowly.
  static void add_slowly(const Operands& operands, size_t group, size_t lane, const Affine* powers) {
    const size_t part = group % kParts, index = operands.first + group / kParts;
    const Affine& p2 = powers[(8 * part + lane) * kWidth + operands.level + 1];
    const Affine p1 = from_affine260<F>(*operands.entry(part, lane, index));
    const Jacobian sum = add_mixed_var<F>({p2.x, p2.y, kFeOne}, p1);
    *operands.entry(part, lane, index + (size_t{1} << operands.level)) = to_affine260<F>(to_affine_var<F>(sum));
  }
};

// The generator's table, built at first use and kept (see GeneratorTable).
template <class V, class F, class Group, int kWidth>
class GeneratorTable52 {
 public:
  // Throws std::bad_alloc, and then tries again at the next call.
  static const Affine260* get() {
    pthread_once(&once_, build);
    return table_;
  }

 private:
  static void build() {
    constexpr size_t kHugePage = size_t{1} << 21;
    constexpr size_t kBytes = FixedBase52<V, F, kWidth>::kBytes;
    auto* table = static_cast<Affine260*>(operator new(kBytes, std::align_val_t{kHugePage}));
#if defined(MADV_HUGEPAGE)
    if (kBytes >= kHugePage) madvise(table, kBytes, MADV_HUGEPAGE);
#endif
    FixedBase52<V, F, kWidth>::build_var(table, Group::kGenerator);
    table_ = table;
  }

  static inline pthread_once_t once_ = PTHREAD_ONCE_INIT;
  static inline const Affine260* table_ = nullptr;
};

}  // namespace
}  // namespace accel::sm2
