// [k]G for many secret k in eight lanes: fixed-base windows, one entry of each, summed by a tree of affine additions.
// No branch and no address depends on a scalar.
//
// The table is laid out so that an entry's limb is found by permutations of registers: limb by limb, the entries of a
// window stand one after the other, eight in a register, and all of them are read for every digit.
#pragma once

#include "sm2/ifma/batch52.hpp"
#include "sm2/sign.hpp"

namespace accel::sm2 {
namespace {

// Entry e of a window: x[i][e] and y[i][e], limbs of 52 bits, R = 2^260, below p.
template <int kWidth>
struct alignas(64) LaneRow {
  static constexpr size_t kEntries = OddRecoding<kWidth>::kEntries;
  uint64_t x[kLimbs][kEntries], y[kLimbs][kEntries];
};

// The generator's rows, built at first use and kept: see GeneratorTable.
template <class F, class Group, int kWidth>
class GeneratorRows {
 public:
  // Throws std::bad_alloc, and then tries again at the next call.
  static const LaneRow<kWidth>* get() {
    pthread_once(&once_, build);
    return rows_;
  }

 private:
  using Base = FixedBase<kWidth>;

  struct Free {
    void* memory;
    ~Free() { operator delete(memory, std::align_val_t{64}); }
  };

  static void fill(LaneRow<kWidth>* rows, const Affine* entries) {
    constexpr Fe kIntoR260 = {{kR260.v[0], kR260.v[1], kR260.v[2], kR260.v[3]}};
    for (size_t window = 0; window < Base::kWindows; ++window) {
      for (size_t entry = 0; entry < Base::kEntries; ++entry) {
        const Affine& p = entries[window * Base::kEntries + entry];
        const Fe x = F::mul(p.x, kIntoR260), y = F::mul(p.y, kIntoR260);
        const Limbs52 x_limbs = to_limbs52(U256{{x.v[0], x.v[1], x.v[2], x.v[3]}});
        const Limbs52 y_limbs = to_limbs52(U256{{y.v[0], y.v[1], y.v[2], y.v[3]}});
        for (int i = 0; i < kLimbs; ++i) {
          rows[window].x[i][entry] = x_limbs.l[i];
          rows[window].y[i][entry] = y_limbs.l[i];
        }
      }
    }
  }

  static void build() {
    const Free entries = {operator new(Base::kBytes, std::align_val_t{64})};
    auto* rows =
        static_cast<LaneRow<kWidth>*>(operator new(Base::kWindows * sizeof(LaneRow<kWidth>), std::align_val_t{64}));
    Base::template build_var<F>(static_cast<Affine*>(entries.memory), Group::kGenerator);
    fill(rows, static_cast<const Affine*>(entries.memory));
    rows_ = rows;
  }

  static inline pthread_once_t once_ = PTHREAD_ONCE_INIT;
  static inline const LaneRow<kWidth>* rows_ = nullptr;
};

// OddRecoding in lanes, whose digits are taken one after the other, the lowest first.
template <class V, int kWidth>
class Recoding52 {
 public:
  using F = Field52<V>;
  using Mask = typename V::Mask;
  using Recoding = OddRecoding<kWidth>;

  struct Digits {
    V index;        // of each lane's entry
    Mask negative;  // lanes whose point is negated
  };

  // The digits of k mod the odd order, k in [1, 2^256): see OddRecoding.
  void start(const typename F::Fe& k, const U256& order) {
    flip_ = V::equal(k.l[0] & V::broadcast(1), V::zero());
    const auto negated = F::minus(F::broadcast(order), k);
    typename F::Sum chosen;
    for (int i = 0; i < kLimbs; ++i) chosen.l[i] = V::select(flip_, negated.l[i], k.l[i]);
    F::pack(half_, F::template tighten<0>(chosen));
    shift<1>();
  }

  ACCEL_INLINE Digits next(bool last) {
    const V low = V::broadcast((uint64_t{1} << kWidth) - 1), top = V::broadcast(uint64_t{1} << (kWidth - 1));
    V b = half_[0] & low;
    if (last) b = b | top;
    shift<kWidth>();
    const Mask negative = V::equal(b & top, V::zero());
    Digits r;
    r.index = V::select(negative, b ^ low, b) & (low ^ top);
    r.negative = static_cast<Mask>(negative ^ flip_);
    return r;
  }

 private:
  template <int kBits>
  ACCEL_INLINE void shift() {
    for (int i = 0; i < 3; ++i) half_[i] = half_[i].template shr<kBits>() | half_[i + 1].template shl<64 - kBits>();
    half_[3] = half_[3].template shr<kBits>();
  }

  V half_[4];  // k >> 1 for the odd k in use, as far as it is not yet taken
  Mask flip_;
};

// Every lane's entry of a row, for kCount groups at once, which share the loads.
template <class V, int kWidth, size_t kCount>
struct RowSelection {
  using Mask = typename V::Mask;
  static constexpr size_t kEntries = LaneRow<kWidth>::kEntries;
  static constexpr size_t kPairs = kEntries / 16;  // of registers
  static_assert(kWidth >= 5);

  V indices[kCount];
  Mask bits[kWidth][kCount];  // lanes whose index has bit 4 + i

  explicit ACCEL_INLINE RowSelection(const V (&wanted)[kCount]) {
    for (size_t k = 0; k < kCount; ++k) {
      indices[k] = wanted[k];
      for (int i = 0; i + 5 < kWidth; ++i) {
        const V bit = V::broadcast(uint64_t{16} << i);
        bits[i][k] = V::equal(wanted[k] & bit, bit);
      }
    }
  }

  ACCEL_INLINE void limb(V (&out)[kCount], const uint64_t (&entries)[kEntries]) const { node<kPairs>(out, entries); }
  // Of the first 16 kLeft entries: the halves first, one after the other, so that few registers are in use.
  template <size_t kLeft>
  ACCEL_INLINE void node(V (&out)[kCount], const uint64_t* entries) const {
    if constexpr (kLeft == 1) {
      const V low = V::load(entries), high = V::load(entries + 8);
      for (size_t k = 0; k < kCount; ++k) out[k] = V::permute2(indices[k], low, high);
    } else {
      V upper[kCount];
      node<kLeft / 2>(out, entries);
      node<kLeft / 2>(upper, entries + 8 * kLeft);
      constexpr int kBit = __builtin_ctzll(kLeft) - 1;
      for (size_t k = 0; k < kCount; ++k) out[k] = V::select(bits[kBit][k], upper[k], out[k]);
    }
  }
};

// sums[i] = [scalars[i]]G. F is the scalar field of the slow path.
template <class V, class F, class Group, int kWidth>
struct BaseMultiples52 {
  using Field = Field52<V>;
  using FeVec = typename Field::Fe;
  using Mask = typename V::Mask;
  using Row = LaneRow<kWidth>;
  using Recoding = Recoding52<V, kWidth>;
  static constexpr size_t kLanes = V::kLanes;
  static constexpr size_t kSlots = OddRecoding<kWidth>::kWindows;
  // Groups at a time: their nodes, 20 KB each, and the table are to stay in the second-level cache.
  static constexpr size_t kGroups = 16;
  static constexpr size_t kChunk = kGroups * kLanes;
  // Groups that choose their entries side by side.
  static constexpr size_t kAbreast = 4;

  struct Scratch {
    PointVec<V> nodes[kSlots * kGroups];
    FeVec products[kSlots / 2 * kGroups];
    Recoding digits[kGroups];
    Mask exceptional[kGroups];
  };

  // One entry of the row for each lane of groups [group, group + kCount).
  template <size_t kCount>
  static ACCEL_INLINE void select_points(Scratch& scratch, PointVec<V>* points, const Row& row, size_t group,
                                         bool last) {
    V indices[kCount];
    Mask negative[kCount];
    for (size_t k = 0; k < kCount; ++k) {
      const auto digits = scratch.digits[group + k].next(last);
      indices[k] = digits.index;
      negative[k] = digits.negative;
    }
    const RowSelection<V, kWidth, kCount> selection(indices);
    FeVec y[kCount];
    for (int i = 0; i < kLimbs; ++i) {
      V limb[kCount];
      selection.limb(limb, row.x[i]);
      for (size_t k = 0; k < kCount; ++k) points[group + k].x.l[i] = limb[k];
    }
    for (int i = 0; i < kLimbs; ++i) {
      V limb[kCount];
      selection.limb(limb, row.y[i]);
      for (size_t k = 0; k < kCount; ++k) y[k].l[i] = limb[k];
    }
    for (size_t k = 0; k < kCount; ++k) {
      if constexpr (Group::kSmall) replace_infinity(points[group + k].x, y[k], &scratch.exceptional[group + k]);
      points[group + k].y = negate_if(negative[k], y[k]);
    }
  }

  static ACCEL_INLINE FeVec negate_if(Mask negative, const FeVec& y) {
    constexpr Limbs52 kModulus = multiple_of_p(1);
    typename Field::Sum r;
    for (int i = 0; i < kLimbs; ++i) {
      r.l[i] = V::select(negative, V::broadcast(kModulus.l[i]) - y.l[i], y.l[i]);
    }
    return Field::template tighten<0>(r);
  }

  // In a small group an entry may be infinity, which the tree does not take for an operand.
  static void replace_infinity(FeVec& x, FeVec& y, Mask* exceptional) {
    const Mask infinite = static_cast<Mask>(Field::zero_mask(x) & Field::zero_mask(y));
    *exceptional = static_cast<Mask>(*exceptional | infinite);
    x = Field::select(infinite, Field::one(), x);
    y = Field::select(infinite, Field::one(), y);
  }

  // scalars in [1, order - 1]; groups <= kGroups. sums stand in scratch.nodes. On exceptional cases of the tree see
  // BaseMultiples: what is revealed has a probability of about 2^-250 for a random scalar, and even a chosen one gives
  // the right point.
  static void compute(Scratch& scratch, const FeVec* scalars, size_t groups) {
    const Row* rows = GeneratorRows<F, Group, kWidth>::get();
    for (size_t group = 0; group < groups; ++group) {
      scratch.digits[group].start(scalars[group], Group::kModulus.m);
      scratch.exceptional[group] = 0;
    }
    for (size_t window = 0; window < kSlots; ++window) {
      PointVec<V>* points = scratch.nodes + window * groups;
      const bool last = window + 1 == kSlots;
      size_t group = 0;
      for (; group + kAbreast <= groups; group += kAbreast) {
        select_points<kAbreast>(scratch, points, rows[window], group, last);
      }
      for (; group < groups; ++group) select_points<1>(scratch, points, rows[window], group, last);
    }
    add_up52<V, SecretInverse52>(scratch.nodes, kSlots, 1, groups, scratch.exceptional, scratch.products);
    declassify(scratch.exceptional, sizeof(scratch.exceptional));  // scalars that random bytes do not give, see above
    for (size_t group = 0; group < groups; ++group) {
      if (scratch.exceptional[group] != 0) {
        compute_slowly(scratch.nodes[group], scratch.exceptional[group], scalars[group]);
      }
    }
  }

  // The lanes of mask by complete formulas.
  static ACCEL_NOINLINE void compute_slowly(PointVec<V>& sum, Mask mask, const FeVec& scalars) {
    alignas(64) uint64_t x[4][kLanes] = {}, y[4][kLanes] = {};
    for (size_t lane = 0; lane < kLanes; ++lane) {
      if ((mask >> lane & 1) == 0) continue;
      const Affine p = multiply_base_complete<F, Group, kSignWidth>(Field::lane(scalars, lane));
      const U256 x_integer = F::to_integer(p.x), y_integer = F::to_integer(p.y);
      for (int i = 0; i < 4; ++i) x[i][lane] = x_integer.v[i], y[i][lane] = y_integer.v[i];
    }
    sum.x = Field::select(mask, lanes(x), sum.x);
    sum.y = Field::select(mask, lanes(y), sum.y);
    explicit_bzero(x, sizeof(x));
    explicit_bzero(y, sizeof(y));
  }
  static ACCEL_INLINE FeVec lanes(const uint64_t (&words)[4][kLanes]) {
    return Field::from_integer(
        Field::unpack(V::load(words[0]), V::load(words[1]), V::load(words[2]), V::load(words[3])));
  }
};

}  // namespace
}  // namespace accel::sm2
