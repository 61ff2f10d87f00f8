// Affine additions in eight lanes, with one inversion for many: tables.hpp in vectors.
//
// A group is eight items, one in each lane. Slots of points are laid out as points[slot * groups + group].
//
// A zero among the denominators makes the shared product zero. That, and not each denominator, is what is looked at:
// only when a product is zero are the denominators gone through again, zeros replaced by 1 and their lanes marked.
#pragma once

#include "base/ctime.hpp"
#include "sm2/ifma/field52.hpp"
#include "sm2/tables.hpp"

namespace accel::sm2 {
namespace {

// Coordinates below 2 p.
template <class V>
struct PointVec {
  typename Field52<V>::Fe x, y;
};

// How the shared product is inverted: variable-time for public points, constant-time for secret ones.
struct PublicInverse52 {
  template <class V>
  static typename Field52<V>::Fe of(const typename Field52<V>::Fe& a) {
    return Field52<V>::inverse_var(a);
  }
};
struct SecretInverse52 {
  template <class V>
  static typename Field52<V>::Fe of(const typename Field52<V>::Fe& a) {
    return Field52<V>::inverse(a);
  }
};

// Operands has
//   x(pair, group, x1, x2)        the abscissas
//   points(pair, group, p1, p2)   the points
//   store(pair, group, sum)
template <class V, class Operands>
struct PairSums52 {
  using F = Field52<V>;
  using Fe = typename F::Fe;
  using Mask = typename V::Mask;

  const Operands& operands;
  size_t pairs, groups;
  Mask* exceptional;
  Fe* products;

  // x2 - x1, below 4 p; with kMarked, 1 where that is a multiple of p.
  template <bool kMarked>
  ACCEL_INLINE Fe denominator(const Fe& x1, const Fe& x2, size_t group) const {
    const Fe d = F::template sub<2>(x2, x1);
    if constexpr (!kMarked) return d;
    const Mask zero = F::zero_mask(d);
    exceptional[group] = static_cast<Mask>(exceptional[group] | zero);
    return F::select(zero, F::one(), d);
  }

  // The product of all denominators, lane by lane; products[] holds that of those behind each.
  template <bool kMarked>
  Fe multiply_up() const {
    Fe running = F::one();
    for (size_t pair = pairs; pair-- > 0;) {
      for (size_t group = 0; group < groups; ++group) {
        Fe x1, x2;
        operands.x(pair, group, x1, x2);
        products[pair * groups + group] = running;
        running = F::mul(running, denominator<kMarked>(x1, x2, group));
      }
    }
    return running;
  }

  // `rest` is the inverse of the product of all denominators not yet used up.
  template <bool kMarked>
  void add_all(Fe rest) const {
    for (size_t pair = 0; pair < pairs; ++pair) {
      for (size_t group = groups; group-- > 0;) {
        PointVec<V> p1, p2, sum;
        operands.points(pair, group, p1, p2);
        const Fe d = denominator<kMarked>(p1.x, p2.x, group);
        const Fe inverse = F::mul(rest, products[pair * groups + group]);
        rest = F::mul(rest, d);
        const Fe slope = F::mul(F::template sub<2>(p2.y, p1.y), inverse);
        sum.x = F::reduce(F::minus(F::minus(F::sqr(slope), p1.x), p2.x));
        sum.y = F::reduce(F::minus(F::mul(slope, F::template sub<2>(p1.x, sum.x)), p1.y));
        operands.store(pair, group, sum);
      }
    }
  }
};

// For pair < pairs and group < groups: the sum of the operands' points, given to operands.store, pair 0 first.
// products: pairs * groups elements of scratch. exceptional[group] gets the lanes where x1 = x2 in some pair; their
// sums mean nothing.
template <class V, class Inverse, class Operands>
inline void add_pairs52(const Operands& operands, size_t pairs, size_t groups, typename V::Mask* exceptional,
                        typename Field52<V>::Fe* products) {
  using F = Field52<V>;
  const PairSums52<V, Operands> sums = {operands, pairs, groups, exceptional, products};
  const typename F::Fe product = sums.template multiply_up<false>();
  typename V::Mask zero = F::zero_mask(product);
  declassify(&zero, sizeof(zero));  // an operand that no random scalar gives: see sign.hpp
  if (zero == 0) [[likely]] {
    sums.template add_all<false>(Inverse::template of<V>(product));
  } else {
    sums.template add_all<true>(Inverse::template of<V>(sums.template multiply_up<true>()));
  }
}

// Operands of a tree's inner levels: points[slot * groups + group], in place. Sum `pair` overwrites slot `pair`, which
// was an operand of pair / 2 <= pair, already summed.
template <class V>
struct NodeOperands52 {
  using Fe = typename Field52<V>::Fe;
  PointVec<V>* nodes;
  size_t groups;

  ACCEL_INLINE void x(size_t pair, size_t group, Fe& x1, Fe& x2) const {
    const PointVec<V>* first = nodes + 2 * pair * groups + group;
    x1 = first[0].x;
    x2 = first[groups].x;
  }
  ACCEL_INLINE void points(size_t pair, size_t group, PointVec<V>& p1, PointVec<V>& p2) const {
    const PointVec<V>* first = nodes + 2 * pair * groups + group;
    p1 = first[0];
    p2 = first[groups];
  }
  ACCEL_INLINE void store(size_t pair, size_t group, const PointVec<V>& sum) const {
    nodes[pair * groups + group] = sum;
  }
};

// nodes[slot * groups + group], slot < slots: pairs of neighbours are added until `remaining` slots are left. A last
// slot without a neighbour moves up as it is.
template <class V, class Inverse>
inline void add_up52(PointVec<V>* nodes, size_t slots, size_t remaining, size_t groups, typename V::Mask* exceptional,
                     typename Field52<V>::Fe* products) {
  while (slots > remaining) {
    const size_t pairs = slots / 2;
    add_pairs52<V, Inverse>(NodeOperands52<V>{nodes, groups}, pairs, groups, exceptional, products);
    if (slots % 2 == 1) {
      std::memcpy(nodes + pairs * groups, nodes + (slots - 1) * groups, groups * sizeof(PointVec<V>));
    }
    slots -= pairs;
  }
}

// A point of a table in R = 2^260, coordinates below p: one cache line.
struct alignas(64) Affine260 {
  Fe260 x, y;
};

}  // namespace
}  // namespace accel::sm2
