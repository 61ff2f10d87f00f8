// Sums of many lists of points in eight lanes: neighbours of a list are added in pairs, affine, a round at a time over
// all lists, with one inversion for every kBatch pairs.
//
// Unlike the additions of batch52.hpp these are exact for all operands: equal points are doubled and opposite ones
// vanish within the batch. Who chooses the points can bring either about as often as they like, so an item cannot be
// sent to a slow path of its own; a batch that meets one costs about half as much again.
#pragma once

#include "sm2/ifma/tables52.hpp"

namespace accel::sm2 {
namespace {

// 2 i for point i of a pool, 2 i + 1 for its negative.
using PointRef = uint32_t;

// -p if the mask is all ones; (0, 0), which stands for infinity, is not allowed.
// Coordinates below 2^256 before, below p after.
ACCEL_INLINE Affine260 reduced_and_negated_if(uint64_t mask, const Affine260& p) {
  U256 x, y, negative;
  std::memcpy(&x, &p.x, sizeof(x));
  std::memcpy(&y, &p.y, sizeof(y));
  x = reduce_once(0, x, kP), y = reduce_once(0, y, kP);
  sub(negative, kP, y);  // y != 0: there is no point of order 2
  y = select(mask, negative, y);
  Affine260 r;
  std::memcpy(&r.x, &x, sizeof(x));
  std::memcpy(&r.y, &y, sizeof(y));
  return r;
}

// Lists of references, one after the other: list i ends at ends[i], where the next begins. Both arrays of references
// have room for kSlack more than there are.
struct PointLists {
  PointRef *refs, *spare;
  uint32_t* ends;
  size_t count;
  static constexpr size_t kSlack = 32;
};

template <class V>
class RunSums52 {
 public:
  using F = Field52<V>;
  using Fe = typename F::Fe;
  using Mask = typename V::Mask;

  // Pairs that share an inversion, which costs as much as some 70 additions.
  static constexpr size_t kBatch = 2048;
  // Pairs are copied from lists to a batch so many at a time, whatever the list's length: most lists need one copy.
  static constexpr size_t kCopy = 16;
  static constexpr size_t kGroups = kBatch / 8 + kCopy / 8;
  static_assert(2 * kCopy <= PointLists::kSlack);

  struct Scratch {
    alignas(64) PointRef pairs[2 * (kBatch + kCopy)];
    alignas(64) Fe products[kGroups];
    Mask equal[kGroups], opposite[kGroups];
  };

  // Sums are written to pool[first_sum] and on; points 0 and 1 of the pool are kPad.
  RunSums52(Affine260* pool, size_t first_sum, Scratch* scratch)
      : pool_(pool), first_sum_(first_sum), scratch_(*scratch) {}

  // What fills up a batch's last group: points with different abscissas. They are on no curve, and their sum is not
  // used.
  static constexpr Affine260 kPad[2] = {{{{0, 0, 0, 0}}, {{1, 0, 0, 0}}}, {{{1, 0, 0, 0}}, {{1, 0, 0, 0}}}};

  // Replaces every list by its sum, a list of one or (for infinity) of none. The sums of n references take up less than
  // n + 8 places from first_sum on, which must not be among the references.
  void add_up(PointLists& lists) {
    next_ = first_sum_;
    for (size_t longest = 2; longest > 1;) {
      longest = add_pairs(lists);
      if (vanished_) longest = drop_infinities(lists);
    }
  }

  // out[i] becomes the sum that list i has been replaced by; lists of one reference at most.
  void write_sums(const PointLists& lists, Affine260* out) const {
    uint32_t begin = 0;
    for (size_t i = 0; i < lists.count; ++i) {
      if (lists.ends[i] == begin) {
        out[i] = {{{0, 0, 0, 0}}, {{0, 0, 0, 0}}};
      } else {
        const PointRef ref = lists.refs[begin];
        out[i] = reduced_and_negated_if(0 - static_cast<uint64_t>(ref & 1), pool_[ref >> 1]);
      }
      begin = lists.ends[i];
    }
  }

 private:
  Affine260* pool_;
  size_t first_sum_, next_ = 0;
  Scratch& scratch_;
  bool vanished_ = false;

  // One round: halves the lists. Returns the length of the longest then.
  size_t add_pairs(PointLists& lists) {
    PointRef* const pairs = scratch_.pairs;
    const PointRef* from = lists.refs;
    PointRef* to = lists.spare;
    size_t pending = 0, longest = 0;
    for (size_t i = 0; i < lists.count; ++i) {
      const size_t length = static_cast<size_t>(lists.refs + lists.ends[i] - from), half = length / 2;
      // Copies of fixed size, and what they write too much is overwritten: no branch depends on the length, unless it
      // is large.
      size_t done = 0;
      do {
        std::memcpy(pairs + 2 * pending, from + 2 * done, 2 * kCopy * sizeof(PointRef));
        const PointRef sum = static_cast<PointRef>(2 * (next_ + pending));
        for (PointRef k = 0; k < kCopy; ++k) to[done + k] = sum + 2 * k;
        const size_t left = half - done, taken = left < kCopy ? left : kCopy;
        pending += taken, done += taken;
        if (pending >= kBatch) {
          add_batch(pending);
          pending = 0;
        }
      } while (done < half);
      to[half] = from[length - (length != 0)];  // the last of an odd number
      const size_t rest = length - half;
      longest = rest > longest ? rest : longest;
      from += length, to += rest;
      lists.ends[i] = static_cast<uint32_t>(to - lists.spare);
    }
    if (pending > 0) add_batch(pending);
    PointRef* const sums = lists.spare;
    lists.spare = lists.refs, lists.refs = sums;
    return longest;
  }

  size_t drop_infinities(PointLists& lists) {
    uint32_t read = 0, write = 0;
    size_t longest = 0;
    for (size_t i = 0; i < lists.count; ++i) {
      const uint32_t begin = write;
      for (; read < lists.ends[i]; ++read) {
        const PointRef ref = lists.refs[read];
        if (!is_infinity_var(pool_[ref >> 1])) lists.refs[write++] = ref;
      }
      lists.ends[i] = write;
      longest = write - begin > longest ? write - begin : longest;
    }
    vanished_ = false;
    return longest;
  }

  // The abscissas or (kOrdinate) ordinates of eight pairs' first or second points, without signs; below 2^256.
  template <int kWhich, int kOrdinate>
  ACCEL_INLINE Fe gather(const PointRef* pairs) const {
    static_assert(sizeof(Affine260) == 64);
    const void* rows[8];
    for (int i = 0; i < 8; ++i) {
      rows[i] = reinterpret_cast<const uint8_t*>(pool_ + (pairs[2 * i + kWhich] >> 1)) + 32 * kOrdinate;
    }
    V words[4];
    V::load_quads(words, rows);
    return F::unpack(words[0], words[1], words[2], words[3]);
  }
  // All ones in the lanes whose point is negated.
  template <int kWhich>
  static ACCEL_INLINE V negative(const PointRef* pairs) {
    const V both = V::load(pairs) & V::broadcast(uint64_t{1} << 32 * kWhich);  // a lane holds a pair
    if constexpr (kWhich == 0) return V::zero() - both;
    return V::zero() - both.template shr<32>();
  }
  static ACCEL_INLINE typename F::Sum negate_if(const V& mask, const Fe& a) {
    typename F::Sum r;
    for (int i = 0; i < kLimbs; ++i) r.l[i] = (a.l[i] ^ mask) - mask;
    return r;
  }

  // Eight pairs: abscissas, and ordinates with their signs.
  struct Operands {
    Fe x1, x2;
    typename F::Sum y1, y2;
  };
  ACCEL_INLINE Operands operands(const PointRef* pairs) const {
    return {gather<0, 0>(pairs), gather<1, 0>(pairs), negate_if(negative<0>(pairs), gather<0, 1>(pairs)),
            negate_if(negative<1>(pairs), gather<1, 1>(pairs))};
  }

  // Coordinates below 2^257, of which 2^256 are let through: all that is read here may be p or a little more.
  static ACCEL_INLINE void store(Affine260* out, Fe x, Fe y) {
    const V most = V::broadcast((uint64_t{1} << 48) - 1);
    if ((V::less(most, x.l[4]) | V::less(most, y.l[4])) != 0) [[unlikely]]
      x = F::canonical(x), y = F::canonical(y);
    V words[4];
    F::pack(words, x);
    V::store_quads(words, reinterpret_cast<uint8_t*>(out), sizeof(Affine260));
    F::pack(words, y);
    V::store_quads(words, reinterpret_cast<uint8_t*>(out) + 32, sizeof(Affine260));
  }

  // Adds the first `count` of the scratch's pairs to pool[next_] and on.
  void add_batch(size_t count) {
    PointRef* const pairs = scratch_.pairs;
    const size_t groups = (count + 7) / 8;
    for (size_t i = count; i < 8 * groups; ++i) pairs[2 * i] = 0, pairs[2 * i + 1] = 2;
    const Fe product = multiply_up<false>(groups);
    if (F::zero_mask(product) == 0) [[likely]] {
      add_all<false>(groups, F::inverse_var(product));
    } else {
      add_all<true>(groups, F::inverse_var(multiply_up<true>(groups)));
    }
    next_ += count;
  }

  // The product of all denominators, and in the scratch's products those of the groups before each.
  template <bool kExact>
  ACCEL_NOINLINE Fe multiply_up(size_t groups) {
    Fe running = F::one();
    for (size_t group = 0; group < groups; ++group) {
      const PointRef* pairs = scratch_.pairs + 16 * group;
      scratch_.products[group] = running;
      if constexpr (kExact) {
        const Operands o = operands(pairs);
        classify(o, group);
        running = F::mul(running, denominator<true>(o, group));
      } else {
        running = F::mul(running, F::template sub<2>(gather<1, 0>(pairs), gather<0, 0>(pairs)));
      }
    }
    return running;
  }

  // Which lanes of a group have equal points, which opposite ones.
  void classify(const Operands& o, size_t group) {
    const Mask same_x = F::zero_mask(F::template sub<2>(o.x2, o.x1));
    const Mask same_y = F::zero_mask(F::template tighten<3>(F::minus(o.y2, o.y1)));
    scratch_.equal[group] = static_cast<Mask>(same_x & same_y);
    scratch_.opposite[group] = static_cast<Mask>(same_x & ~same_y);
    if (scratch_.opposite[group] != 0) vanished_ = true;
  }

  // What the slope's numerator is divided by: x2 - x1, or 2 y of a point that is doubled. Below 6 p.
  template <bool kExact>
  ACCEL_INLINE Fe denominator(const Operands& o, size_t group) const {
    const Fe d = F::template sub<2>(o.x2, o.x1);
    if constexpr (!kExact) return d;
    const Fe tangent = F::select(scratch_.equal[group], F::template tighten<3>(F::plus(o.y1, o.y1)), d);
    return F::select(scratch_.opposite[group], F::one(), tangent);
  }
  // y2 - y1, or 3 x^2 - 3. Below 6 p.
  template <bool kExact>
  ACCEL_INLINE Fe numerator(const Operands& o, size_t group) const {
    const Fe d = F::template tighten<3>(F::minus(o.y2, o.y1));
    if constexpr (!kExact) return d;
    const typename F::Sum third = F::minus(F::sqr_sum(o.x1), F::one());
    return F::select(scratch_.equal[group], F::reduce(F::plus(F::template times_power<1>(third), third)), d);
  }

  // `rest` is the inverse of the product of all denominators. With x1 = x2 the sum's formulas are those of doubling.
  template <bool kExact>
  ACCEL_NOINLINE void add_all(size_t groups, Fe rest) {
    for (size_t group = groups; group-- > 0;) {
      const Operands o = operands(scratch_.pairs + 16 * group);
      const Fe inverse = F::mul(rest, scratch_.products[group]);
      rest = F::mul(rest, denominator<kExact>(o, group));
      const Fe slope = F::mul(numerator<kExact>(o, group), inverse);
      Fe x = F::reduce(F::minus(F::minus(F::sqr_sum(slope), o.x1), o.x2));
      Fe y = F::reduce(F::minus(F::mul_sum(slope, F::template sub<2>(o.x1, x)), o.y1));
      if constexpr (kExact) clear_opposite(group, x, y);
      store(pool_ + next_ + 8 * group, x, y);
    }
  }
  void clear_opposite(size_t group, Fe& x, Fe& y) const {
    const Fe zero = F::broadcast(U256{});
    x = F::select(scratch_.opposite[group], zero, x);
    y = F::select(scratch_.opposite[group], zero, y);
  }
};

}  // namespace
}  // namespace accel::sm2
