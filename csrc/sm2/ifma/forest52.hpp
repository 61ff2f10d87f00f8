// Trees of affine additions over entries of tables, one tree for each item, eight items in the lanes of a vector.
//
// A level of a tree costs one inversion for all the additions that share it, so items are taken in chunks; but a chunk
// that makes inversions cheap does not fit into the second-level cache. So chunks go through the levels as through a
// pipeline: a step works on every level, each with another chunk, and inverts once for all of them.
//
// Groups of eight items are worked on two at a time, side by side: a multiplication takes longer than its instructions
// keep the CPU busy, and most here depend on the one before.
#pragma once

#include "sm2/ifma/tables52.hpp"

namespace accel::sm2 {
namespace {

// What stands between the rows of a multiplication here was put there: gcc's scheduler before register allocation,
// which other code of this kernel is compiled with, takes 8 % more cycles.
#if defined(__GNUC__) && !defined(__clang__)
#define ACCEL_AS_WRITTEN ACCEL_NOINLINE __attribute__((optimize("no-schedule-insns")))
#else
#define ACCEL_AS_WRITTEN ACCEL_NOINLINE
#endif

inline constexpr size_t kTwin = 2;  // groups side by side

// Takes leaves out of tables, one after the other while a step works on others, so that neither their lines nor the
// translations of their addresses are waited for. Leaves asked for a chunk ahead and taken all at once wait for both.
template <class V>
class Gatherer52 {
 public:
  // A leaf is asked for so many leaves before it is taken. Those between take 8 KB of the first-level cache.
  static constexpr size_t kAhead = 16;

  Gatherer52(const Leaf52<V>* leaves, LeafPoint52<V>* points, size_t count)
      : asked_(leaves), taken_(leaves), end_(leaves + count), points_(points) {
    for (size_t i = 0; i < kAhead; ++i) ask();
  }

  // The next leaf, if one is left.
  ACCEL_INLINE void take() {
    if (taken_ == end_) return;
    ask();
    *points_++ = taken_++->signed_point();
  }
  void take_rest() {
    while (taken_ != end_) take();
  }

 private:
  ACCEL_INLINE void ask() {
    if (asked_ == end_) return;
    for (size_t lane = 0; lane < 8; ++lane) __builtin_prefetch(asked_->entries[lane]);
    ++asked_;
  }

  const Leaf52<V>*asked_, *taken_, *end_;
  LeafPoint52<V>* points_;
};

template <class V, size_t kGroups>
struct TreeSums52 {
  using F = Field52<V>;
  using Fe = typename F::Fe;
  using Sum = typename F::Sum;
  using Mask = typename V::Mask;
  static_assert(kGroups % kTwin == 0);

  // Bounds of a node's coordinates, in multiples of p: a leaf's sum has x < 4.1 p and y < 2.4 p, other sums less.
  static constexpr int kX = 5, kY = 3;

  // What the two passes over a level leave for each other, [pair * kGroups + group].
  struct Scratch {
    Fe* differences;  // x2 - x1 + kX p, or + p for leaves
    Fe* products;     // of the differences before, in the order of the first pass
  };

  // The first pass over a level.
  //   operands.abscissas(pair, group).limb(k)   limb k of x2 - x1
  template <int kMultiple, class Operands>
  static ACCEL_INLINE void multiply_up(Fe (&running)[kTwin], const Scratch& scratch, const Operands& operands,
                                       size_t pairs, size_t groups, Gatherer52<V>& gatherer) {
    Sum pending = F::sum(running[1]);
    size_t pair = 0, group = 0;
    auto first = operands.abscissas(0, 0);
    Fe d0, d1;
    F::run_steps(F::template tighten_steps<kMultiple>(d0, [&](int k) { return first.limb(k); }));
    for (size_t left = pairs * groups / kTwin; left > 0; --left) {
      gatherer.take();
      const size_t at = pair * kGroups + group;
      auto second = operands.abscissas(pair, group + 1);
      group += kTwin;
      if (group == groups) group = 0, pair += left > 1;
      auto next = operands.abscissas(pair, group);
      scratch.products[at] = running[0];
      scratch.differences[at] = d0;
      const Sum product0 =
          F::mul_sum(running[0], d0, F::template tighten_steps<kMultiple>(d1, [&](int k) { return second.limb(k); }),
                     F::template tighten_steps<0>(running[1], [&](int k) { return pending.l[k]; }));
      scratch.products[at + 1] = running[1];
      scratch.differences[at + 1] = d1;
      pending =
          F::mul_sum(running[1], d1, F::template tighten_steps<kMultiple>(d0, [&](int k) { return next.limb(k); }),
                     F::template tighten_steps<0>(running[0], [&](int k) { return product0.l[k]; }));
    }
    running[1] = F::template tighten<0>(pending);
  }

  // The same where zeros among the differences are replaced by 1, in the range of all others (the second pass takes
  // x2 from them), and their lanes marked.
  template <int kMultiple, class Operands>
  static inline void multiply_up_marked(Fe (&running)[kTwin], const Scratch& scratch, const Operands& operands,
                                        size_t pairs, size_t groups, Mask* exceptional) {
    for (size_t pair = 0; pair < pairs; ++pair) {
      for (size_t group = 0; group < groups; ++group) {
        auto x = operands.abscissas(pair, group);
        Fe d;
        F::run_steps(F::template tighten_steps<kMultiple>(d, [&](int k) { return x.limb(k); }));
        const Mask zero = F::zero_mask(d);
        exceptional[group] = static_cast<Mask>(exceptional[group] | zero);
        d = F::select(zero, F::template tighten<kMultiple>(F::one()), d);
        const size_t at = pair * kGroups + group;
        scratch.differences[at] = d;
        scratch.products[at] = running[group % kTwin];
        running[group % kTwin] = F::mul(running[group % kTwin], d);
      }
    }
  }

  // Sums of a twin; rest[i] is the inverse of the product of all differences not yet used up.
  //   y.difference(k)   limb k of y2 - y1
  //   y.first(k)        limb k of y1
  // kMultiple p was added to the differences of abscissas.
  template <int kMultiple, class Ordinates>
  static ACCEL_INLINE void add(PointVec<V>* sums, Fe (&rest)[kTwin], const Scratch& scratch, size_t at, const Fe* x1_0,
                               const Fe* x1_1, const Ordinates& y_0, const Ordinates& y_1) {
    constexpr bool kLeaves = kMultiple == 1;
    constexpr int kYMultiple = kLeaves ? 1 : kY;
    const auto limbs = [](const Sum& a) { return [&a](int k) { return a.l[k]; }; };
    const Fe &d_0 = scratch.differences[at], &d_1 = scratch.differences[at + 1];
    Fe dy[kTwin], inverse[kTwin], slope[kTwin], fall[kTwin];
    const Sum inverse_0 =
        F::mul_sum(rest[0], scratch.products[at],
                   F::template tighten_steps<kYMultiple>(dy[0], [&](int k) { return y_0.difference(k); }));
    const Sum inverse_1 =
        F::mul_sum(rest[1], scratch.products[at + 1], F::template tighten_steps<0>(inverse[0], limbs(inverse_0)),
                   F::template tighten_steps<kYMultiple>(dy[1], [&](int k) { return y_1.difference(k); }));
    const Sum slope_0 = F::mul_sum(dy[0], inverse[0], F::template tighten_steps<0>(inverse[1], limbs(inverse_1)));
    const Sum slope_1 = F::mul_sum(dy[1], inverse[1], F::template tighten_steps<0>(slope[0], limbs(slope_0)));
    const Sum square_0 = F::sqr_sum(slope[0], F::template tighten_steps<0>(slope[1], limbs(slope_1)));
    // x1 + x2 = 2 x1 + d - kMultiple p
    const auto x3_limb_0 = [&](int k) { return square_0.l[k] - d_0.l[k] - x1_0->l[k] - x1_0->l[k]; };
    const auto back_limb_0 = [&](int k) { return back<kLeaves ? 0 : kMultiple>(x1_0->l[k] - x3_limb_0(k), k); };
    const Sum square_1 = F::sqr_sum(slope[1], x3_steps<kLeaves>(sums[0].x, x3_limb_0),
                                    F::template tighten_steps<2>(fall[0], back_limb_0));
    const auto x3_limb_1 = [&](int k) { return square_1.l[k] - d_1.l[k] - x1_1->l[k] - x1_1->l[k]; };
    const auto back_limb_1 = [&](int k) { return back<kLeaves ? 0 : kMultiple>(x1_1->l[k] - x3_limb_1(k), k); };
    const Sum y3_0 = F::mul_sum(slope[0], fall[0], x3_steps<kLeaves>(sums[1].x, x3_limb_1),
                                F::template tighten_steps<2>(fall[1], back_limb_1));
    const auto y3_limb_0 = [&](int k) { return y3_0.l[k] - y_0.first(k); };
    const Sum y3_1 = F::mul_sum(slope[1], fall[1], y3_steps<kLeaves>(sums[0].y, y3_limb_0));
    const auto y3_limb_1 = [&](int k) { return y3_1.l[k] - y_1.first(k); };
    const Sum rest_0 = F::mul_sum(rest[0], d_0, y3_steps<kLeaves>(sums[1].y, y3_limb_1));
    const Sum rest_1 = F::mul_sum(rest[1], d_1, F::template tighten_steps<0>(rest[0], limbs(rest_0)));
    rest[1] = F::template tighten<0>(rest_1);
  }
  // x1 - x3 less kMultiple p, which for sums of leaves with the 2 p that are added keeps it below 15 p.
  template <int kMultiple>
  static ACCEL_INLINE V back(const V& limb, int k) {
    return limb - V::broadcast(sparse_multiple(kMultiple, k));
  }
  template <bool kLeaves, class Limb>
  static ACCEL_INLINE auto x3_steps(Fe& out, const Limb& limb) {
    if constexpr (kLeaves) {
      return F::template tighten_steps<3>(out, limb);
    } else {
      return F::reduce_steps(out, limb);
    }
  }
  template <bool kLeaves, class Limb>
  static ACCEL_INLINE auto y3_steps(Fe& out, const Limb& limb) {
    if constexpr (kLeaves) {
      return F::template tighten_steps<1>(out, limb);
    } else {
      return F::reduce_steps(out, limb);
    }
  }
};

// A level of a tree: slots 2 pair and 2 pair + 1 of the nodes below, whose abscissas are at most kMultiple p.
template <class V, size_t kGroups, class Node, int kMultiple>
struct Level52 {
  using Sums = TreeSums52<V, kGroups>;
  using F = Field52<V>;
  using Fe = typename F::Fe;
  using Mask = typename V::Mask;

  const Node* nodes;  // [slot * stride + group]
  size_t stride, pairs, groups;
  PointVec<V>* sums;
  typename Sums::Scratch scratch;

  struct Abscissas {
    const Fe &x1, &x2;

    ACCEL_INLINE V limb(int k) const { return x2.l[k] - x1.l[k]; }
  };
  ACCEL_INLINE Abscissas abscissas(size_t pair, size_t group) const {
    const Node* first = nodes + 2 * pair * stride + group;
    return {first[0].x, first[stride].x};
  }
  struct Ordinates {
    const decltype(Node::y)&y1, &y2;

    ACCEL_INLINE V difference(int k) const { return y2.l[k] - y1.l[k]; }
    ACCEL_INLINE const V& first(int k) const { return y1.l[k]; }
  };

  ACCEL_AS_WRITTEN void multiply_up(Fe (&running)[kTwin], Gatherer52<V>& gatherer) const {
    Sums::template multiply_up<kMultiple>(running, scratch, *this, pairs, groups, gatherer);
  }
  ACCEL_NOINLINE void multiply_up_marked(Fe (&running)[kTwin], Mask* exceptional) const {
    Sums::template multiply_up_marked<kMultiple>(running, scratch, *this, pairs, groups, exceptional);
  }
  ACCEL_AS_WRITTEN void add_all(Fe (&rest)[kTwin], Gatherer52<V>& gatherer) const {
    for (size_t pair = pairs; pair-- > 0;) {
      for (size_t group = groups; group > 0;) {
        group -= kTwin;
        gatherer.take();
        const size_t at = pair * kGroups + group;
        const Node *left = nodes + 2 * pair * stride + group, *right = left + stride;
        const Ordinates y_0 = {left[0].y, right[0].y}, y_1 = {left[1].y, right[1].y};
        Sums::template add<kMultiple>(sums + at, rest, scratch, at, &left[0].x, &left[1].x, y_0, y_1);
      }
    }
  }
};

// Trees over kSlots leaves each, up to the last two nodes. A step works on all levels; see the head of this file.
template <class V, size_t kSlots, size_t kGroups>
class Forest52 {
  using F = Field52<V>;
  using Fe = typename F::Fe;
  using Mask = typename V::Mask;

 public:
  static constexpr size_t slots(size_t level) { return level == 0 ? kSlots : (slots(level - 1) + 1) / 2; }
  static constexpr size_t levels() {
    size_t level = 0;
    while (slots(level) > 2) ++level;
    return level;
  }
  static constexpr size_t kLevels = levels();
  static_assert(kSlots % 2 == 0 && kLevels >= 2);

  // Chunk `number` is at level step - number.
  struct Chunk {
    size_t groups = 0;             // a multiple of kTwin
    const LeafPoint52<V>* leaves;  // [slot * groups + group]
    Mask exceptional[kGroups];
  };

  // chunks[level]: the chunk at that level, or null. What it had reached before goes up by one level.
  void step(Chunk* const (&chunks)[kLevels], Gatherer52<V>& gatherer) {
    Fe running[kTwin] = {F::one(), F::one()};
    for (size_t level = 0; level < kLevels; ++level) {
      if (chunks[level] == nullptr) continue;
      if (level == 0) {
        leaf_level(*chunks[0]).multiply_up(running, gatherer);
      } else {
        node_level(level, *chunks[level]).multiply_up(running, gatherer);
      }
    }
    Fe product = F::mul(running[0], running[1]);
    if (F::zero_mask(product) != 0) [[unlikely]] {
      multiply_up_marked(running, chunks);
      product = F::mul(running[0], running[1]);
    }
    const Fe inverse = PublicInverse52::of<V>(product);
    Fe rest[kTwin] = {F::mul(inverse, running[1]), F::mul(inverse, running[0])};
    for (size_t level = kLevels; level-- > 0;) {
      if (chunks[level] == nullptr) continue;
      if (level == 0) {
        leaf_level(*chunks[0]).add_all(rest, gatherer);
      } else {
        node_level(level, *chunks[level]).add_all(rest, gatherer);
        move_last(level, chunks[level]->groups);
      }
    }
    gatherer.take_rest();
  }

  // The last two nodes of the chunk that was at the highest level.
  const PointVec<V>& left(size_t group) const { return nodes_[offset(kLevels - 1, 1) + group]; }
  const PointVec<V>& right(size_t group) const { return nodes_[offset(kLevels - 1, 1) + kGroups + group]; }

 private:
  ACCEL_NOINLINE void multiply_up_marked(Fe (&running)[kTwin], Chunk* const (&chunks)[kLevels]) {
    running[0] = running[1] = F::one();
    for (size_t level = 0; level < kLevels; ++level) {
      if (chunks[level] == nullptr) continue;
      if (level == 0) {
        leaf_level(*chunks[0]).multiply_up_marked(running, chunks[0]->exceptional);
      } else {
        node_level(level, *chunks[level]).multiply_up_marked(running, chunks[level]->exceptional);
      }
    }
  }

  // Where the pairs (extra = 0) or the sums (extra = 1) of a level begin.
  static constexpr size_t offset(size_t level, size_t extra) {
    size_t sum = 0;
    for (size_t i = 0; i < level; ++i) sum += extra != 0 ? slots(i + 1) : slots(i) / 2;
    return sum * kGroups;
  }
  typename TreeSums52<V, kGroups>::Scratch scratch(size_t level) {
    return {differences_ + offset(level, 0), products_ + offset(level, 0)};
  }
  Level52<V, kGroups, LeafPoint52<V>, 1> leaf_level(const Chunk& chunk) {
    return {chunk.leaves, chunk.groups, kSlots / 2, chunk.groups, nodes_, scratch(0)};
  }
  Level52<V, kGroups, PointVec<V>, TreeSums52<V, kGroups>::kX> node_level(size_t level, const Chunk& chunk) {
    return {nodes_ + offset(level - 1, 1), kGroups,       slots(level) / 2, chunk.groups,
            nodes_ + offset(level, 1),     scratch(level)};
  }
  // A last slot without a neighbour goes up as it is.
  void move_last(size_t level, size_t groups) {
    if (slots(level) % 2 == 0) return;
    const size_t from = offset(level - 1, 1) + (slots(level) - 1) * kGroups;
    const size_t to = offset(level, 1) + (slots(level + 1) - 1) * kGroups;
    std::memcpy(nodes_ + to, nodes_ + from, groups * sizeof(PointVec<V>));
  }

  Fe differences_[offset(kLevels, 0)];
  Fe products_[offset(kLevels, 0)];
  PointVec<V> nodes_[offset(kLevels, 1)];
};

}  // namespace
}  // namespace accel::sm2
