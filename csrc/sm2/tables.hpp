// Affine additions with shared inversions, trees of them, and tables of odd multiples.
//
// An affine addition divides by x2 - x1. Many at once share one inversion (P. L. Montgomery's trick): 3 multiplications
// each in its place, 5M + 1S an addition in all, against 8M + 3S for a mixed Jacobian one. One zero among the
// denominators would make the shared product zero and every result of the batch wrong, and the scalars that lead there
// are an adversary's to choose. So a zero is replaced by a non-zero value, and the item is marked exceptional; whoever
// asked computes marked items again by formulas without exceptions.
#pragma once

#include <pthread.h>
#include <sys/mman.h>

#include <new>

#include "sm2/point.hpp"

namespace accel::sm2 {
namespace {

// How the shared product is inverted: variable-time for public points, constant-time for secret ones.
struct PublicInverse {
  template <class F>
  static Fe of(const Fe& a) {
    return F::inverse_var(a);
  }
};
struct SecretInverse {
  template <class F>
  static Fe of(const Fe& a) {
    return F::inverse(a);
  }
};

// d, or some non-zero value if d = 0, when *exceptional becomes all ones. Constant-time.
template <class F>
ACCEL_INLINE Fe mark_zero(Fe d, uint64_t* exceptional) {
  const uint64_t zero = zero_mask(d);
  *exceptional |= zero;
  d.v[0] |= zero & 1;
  return d;
}

// The two passes of add_pairs. Operands has
//   x(pair, item, x1, x2)        the abscissas
//   points(pair, item, p1, p2)   the points
//   store(pair, item, sum)
template <class F, class Operands>
struct PairSums {
  const Operands& operands;
  size_t items;
  uint64_t* exceptional;
  Fe* products;

  // Items 2j and 2j + 1 are worked on side by side, each with a running product of its own: a multiplication takes
  // longer than its instructions keep the processor busy, and most here depend on the one before.
  static constexpr size_t kLanes = 2;

  ACCEL_INLINE Fe denominator(size_t pair, size_t item) const {
    Fe x1, x2;
    operands.x(pair, item, x1, x2);
    return mark_zero<F>(F::sub(x2, x1), exceptional + item);
  }

  // running[lane] takes in the denominators of items item + lane.
  template <size_t kCount>
  ACCEL_INLINE void multiply_up(Fe* running, size_t pair, size_t item) const {
    for (size_t lane = 0; lane < kCount; ++lane) {
      products[pair * items + item + lane] = running[lane];
      running[lane] = F::mul(running[lane], denominator(pair, item + lane));
    }
  }

  // rest[lane] is the inverse of the product of all denominators of the lane not yet used up.
  template <size_t kCount>
  ACCEL_INLINE void add(Fe* rest, size_t pair, size_t item) const {
    Affine p1[kCount], p2[kCount], sum[kCount];
    Fe d[kCount], inverse[kCount], slope[kCount], square[kCount], product[kCount];
    for (size_t i = 0; i < kCount; ++i) d[i] = denominator(pair, item + i);
    for (size_t i = 0; i < kCount; ++i) inverse[i] = F::mul(rest[i], products[pair * items + item + i]);
    for (size_t i = 0; i < kCount; ++i) rest[i] = F::mul(rest[i], d[i]);
    for (size_t i = 0; i < kCount; ++i) operands.points(pair, item + i, p1[i], p2[i]);
    for (size_t i = 0; i < kCount; ++i) slope[i] = F::mul(F::sub(p2[i].y, p1[i].y), inverse[i]);
    for (size_t i = 0; i < kCount; ++i) square[i] = F::sqr(slope[i]);
    for (size_t i = 0; i < kCount; ++i) sum[i].x = F::sub(F::sub(square[i], p1[i].x), p2[i].x);
    for (size_t i = 0; i < kCount; ++i) product[i] = F::mul(slope[i], F::sub(p1[i].x, sum[i].x));
    for (size_t i = 0; i < kCount; ++i) {
      sum[i].y = F::sub(product[i], p1[i].y);
      operands.store(pair, item + i, sum[i]);
    }
  }
};

// For pair < pairs and item < items: the sum of the operands' points, given to operands.store, pair 0 first.
// products: pairs * items elements of scratch. exceptional[item] is marked where x1 = x2 in some pair. Constant-time if
// Inverse and Operands are.
template <class F, class Inverse, class Operands>
inline void add_pairs(const Operands& operands, size_t pairs, size_t items, uint64_t* exceptional, Fe* products) {
  using Sums = PairSums<F, Operands>;
  const Sums sums = {operands, items, exceptional, products};
  const size_t even = items & ~size_t{1};
  Fe running[Sums::kLanes] = {kFeOne, kFeOne};
  for (size_t pair = pairs; pair-- > 0;) {
    for (size_t item = 0; item < even; item += 2) sums.template multiply_up<2>(running, pair, item);
    if (even < items) sums.template multiply_up<1>(running, pair, even);
  }
  const Fe inverse = Inverse::template of<F>(F::mul(running[0], running[1]));
  Fe rest[Sums::kLanes] = {F::mul(inverse, running[1]), F::mul(inverse, running[0])};
  for (size_t pair = 0; pair < pairs; ++pair) {
    if (even < items) sums.template add<1>(rest, pair, even);
    for (size_t item = even; item > 0; item -= 2) sums.template add<2>(rest, pair, item - 2);
  }
}

// out[item] = 2 in[item] for points that are not infinity (there is no point of order 2). products: items of scratch.
template <class F, class Inverse>
inline void double_points(Affine* out, const Affine* in, size_t items, Fe* products) {
  Fe product = kFeOne;
  for (size_t item = 0; item < items; ++item) {
    products[item] = product;
    product = F::mul(product, F::twice(in[item].y));
  }
  Fe rest = Inverse::template of<F>(product);
  for (size_t item = items; item-- > 0;) {
    const Affine p = in[item];
    const Fe slope = F::mul(F::mul(F::thrice(F::sub(F::sqr(p.x), kFeOne)), rest), products[item]);
    rest = F::mul(rest, F::twice(p.y));
    out[item].x = F::sub(F::sqr(slope), F::twice(p.x));
    out[item].y = F::sub(F::mul(slope, F::sub(p.x, out[item].x)), p.y);
  }
}

// A point of a table and the sign it is used with: the address of the entry, with the lowest bit set for minus.
using Leaf = uintptr_t;
static_assert(alignof(Affine) > 1);

ACCEL_INLINE Leaf make_leaf(const Affine* entry, uint32_t negative) {
  return reinterpret_cast<uintptr_t>(entry) | negative;
}
ACCEL_INLINE const Affine* entry_of(Leaf leaf) { return reinterpret_cast<const Affine*>(leaf & ~uintptr_t{1}); }
template <class F>
ACCEL_INLINE Affine point_of(Leaf leaf) {
  const Affine* entry = entry_of(leaf);
  return {entry->x, F::negate_nonzero_if(0 - static_cast<uint64_t>(leaf & 1), entry->y)};
}

// Operands of the lowest level of a tree: leaves[slot * items + item], slots 2 pair and 2 pair + 1.
template <class F>
struct LeafOperands {
  const Leaf* leaves;
  size_t items;
  Affine* sums;

  // Items ahead at which a table's lines are asked for: each takes about 60 cycles, a line from memory several hundred.
  static constexpr size_t kAhead = 8;

  ACCEL_INLINE void x(size_t pair, size_t item, Fe& x1, Fe& x2) const {
    const Leaf* first = leaves + 2 * pair * items + item;
    if (item + kAhead < items) {
      __builtin_prefetch(entry_of(first[kAhead]));
      __builtin_prefetch(entry_of(first[items + kAhead]));
    }
    x1 = entry_of(first[0])->x;
    x2 = entry_of(first[items])->x;
  }
  ACCEL_INLINE void points(size_t pair, size_t item, Affine& p1, Affine& p2) const {
    const Leaf* first = leaves + 2 * pair * items + item;
    p1 = point_of<F>(first[0]);
    p2 = point_of<F>(first[items]);
  }
  ACCEL_INLINE void store(size_t pair, size_t item, const Affine& sum) const { sums[pair * items + item] = sum; }
};

// Operands of the levels above: points[slot * items + item], in place. Sum `pair` overwrites slot `pair`, which was an
// operand of pair / 2 <= pair, already summed.
struct NodeOperands {
  Affine* nodes;
  size_t items;

  ACCEL_INLINE void x(size_t pair, size_t item, Fe& x1, Fe& x2) const {
    const Affine* first = nodes + 2 * pair * items + item;
    x1 = first[0].x;
    x2 = first[items].x;
  }
  ACCEL_INLINE void points(size_t pair, size_t item, Affine& p1, Affine& p2) const {
    const Affine* first = nodes + 2 * pair * items + item;
    p1 = first[0];
    p2 = first[items];
  }
  ACCEL_INLINE void store(size_t pair, size_t item, const Affine& sum) const { nodes[pair * items + item] = sum; }
};

// nodes[slot * items + item], slot < slots: pairs of neighbours are added until `remaining` slots are left. A last slot
// without a neighbour moves up as it is.
template <class F, class Inverse>
inline void add_up(Affine* nodes, size_t slots, size_t remaining, size_t items, uint64_t* exceptional, Fe* products) {
  while (slots > remaining) {
    const size_t pairs = slots / 2;
    add_pairs<F, Inverse>(NodeOperands{nodes, items}, pairs, items, exceptional, products);
    if (slots % 2 == 1) std::memcpy(nodes + pairs * items, nodes + (slots - 1) * items, items * sizeof(Affine));
    slots -= pairs;
  }
}

// The same from leaves, of which there must be an even number of slots. nodes has slots / 2 * items elements.
template <class F>
inline void add_up_leaves(Affine* nodes, const Leaf* leaves, size_t slots, size_t remaining, size_t items,
                          uint64_t* exceptional, Fe* products) {
  add_pairs<F, PublicInverse>(LeafOperands<F>{leaves, items, nodes}, slots / 2, items, exceptional, products);
  add_up<F, PublicInverse>(nodes, slots / 2, remaining, items, exceptional, products);
}

// Fixed-base table of a point P: entry [i][j] is (2 j + 1) 2^(width i) P, affine.
template <int kWidth>
struct FixedBase {
  using Recoding = OddRecoding<kWidth>;
  static constexpr size_t kWindows = Recoding::kWindows;
  static constexpr size_t kEntries = Recoding::kEntries;
  static constexpr size_t kBytes = kWindows * kEntries * sizeof(Affine);

  // Entries added at a time, which bounds the scratch on the stack.
  static constexpr size_t kBlock = 64;

  // Operands of a table's doubling: entry m + j of each window is entry j plus 2m times the window's base.
  struct Operands {
    Affine* table;
    const Affine* powers;  // 2^i P
    size_t level, first;   // m = 2^level; item 0 is entry `first`

    ACCEL_INLINE void x(size_t window, size_t item, Fe& x1, Fe& x2) const {
      x1 = table[window * kEntries + first + item].x;
      x2 = powers[window * kWidth + level + 1].x;
    }
    ACCEL_INLINE void points(size_t window, size_t item, Affine& p1, Affine& p2) const {
      p1 = table[window * kEntries + first + item];
      p2 = powers[window * kWidth + level + 1];
    }
    ACCEL_INLINE void store(size_t window, size_t item, const Affine& sum) const {
      table[window * kEntries + (size_t{1} << level) + first + item] = sum;
    }
  };

  // powers[i] = 2^i P for i < kWindows kWidth. None is infinity: the order is odd.
  template <class F>
  static void make_powers(Affine* powers, const Affine& p) {
    constexpr size_t kCount = kWindows * kWidth;
    Jacobian points[kCount];
    Fe products[kCount], product = kFeOne;
    points[0] = {p.x, p.y, kFeOne};
    for (size_t i = 1; i < kCount; ++i) points[i] = double_jacobian<F>(points[i - 1]);
    for (size_t i = 0; i < kCount; ++i) {
      products[i] = product;
      product = F::mul(product, points[i].z);
    }
    Fe rest = F::inverse_var(product);
    for (size_t i = kCount; i-- > 0;) {
      const Fe inverse = F::mul(rest, products[i]);
      rest = F::mul(rest, points[i].z);
      const Fe squared = F::sqr(inverse);
      powers[i] = {F::mul(points[i].x, squared), F::mul(points[i].y, F::mul(squared, inverse))};
    }
  }

  // p is not infinity. Variable time.
  template <class F>
  static void build_var(Affine* table, const Affine& p) {
    Affine powers[kWindows * kWidth];
    Fe products[kWindows * kBlock];
    make_powers<F>(powers, p);
    for (size_t window = 0; window < kWindows; ++window) table[window * kEntries] = powers[window * kWidth];
    for (size_t level = 0; level + 1 < kWidth; ++level) {
      for (size_t first = 0; first < size_t{1} << level; first += kBlock) {
        const size_t left = (size_t{1} << level) - first;
        const size_t items = left < kBlock ? left : kBlock;
        const Operands operands = {table, powers, level, first};
        uint64_t exceptional[kBlock] = {};
        mark_infinite(operands, items, exceptional);
        add_pairs<F, PublicInverse>(operands, kWindows, items, exceptional, products);
        for (size_t item = 0; item < items; ++item) {
          if (exceptional[item] != 0) add_slowly<F>(operands, item);
        }
      }
    }
  }

  // In a small group a multiple may be infinity, which add_pairs does not take for an operand.
  static void mark_infinite(const Operands& operands, size_t items, uint64_t* exceptional) {
    for (size_t window = 0; window < kWindows; ++window) {
      const Affine* entries = operands.table + window * kEntries + operands.first;
      for (size_t item = 0; item < items; ++item) {
        if (is_infinity_var(entries[item])) exceptional[item] = ~uint64_t{0};
      }
    }
  }

  // In the group of SM2 this does not happen: neither the sum nor the difference of the two multiples, below 2^(width +
  // 1) times a power of two, is a multiple of its large prime order.
  template <class F>
  static void add_slowly(const Operands& operands, size_t item) {
    for (size_t window = 0; window < kWindows; ++window) {
      Affine p1, p2;
      operands.points(window, item, p1, p2);
      operands.store(window, item, to_affine_var<F>(add_mixed_var<F>({p2.x, p2.y, kFeOne}, p1)));
    }
  }
};

// The generator's table, built at first use and kept. (pthread_once because what std::call_once and local statics
// compile to would put symbols that the linker shares between translation units into this one.)
template <class F, class Group, int kWidth>
class GeneratorTable {
 public:
  // Throws std::bad_alloc, and then tries again at the next call.
  static const Affine* get() {
    pthread_once(&once_, build);
    return table_;
  }

 private:
  static void build() {
    // A table of several MB is hit at random: huge pages spare it most misses of the TLB.
    constexpr size_t kHugePage = size_t{1} << 21;
    constexpr size_t kBytes = FixedBase<kWidth>::kBytes;
    auto* table = static_cast<Affine*>(operator new(kBytes, std::align_val_t{kHugePage}));
#if defined(MADV_HUGEPAGE)
    if (kBytes >= kHugePage) madvise(table, kBytes, MADV_HUGEPAGE);
#endif
    FixedBase<kWidth>::template build_var<F>(table, Group::kGenerator);
    table_ = table;
  }

  static inline pthread_once_t once_ = PTHREAD_ONCE_INIT;
  static inline const Affine* table_ = nullptr;
};

}  // namespace
}  // namespace accel::sm2
