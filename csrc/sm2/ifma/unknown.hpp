// Verification with unknown keys in eight lanes: [t]P by Jacobian doublings and a fixed signed window, [s]G by a tree
// over the generator's table, with one inversion for the whole chunk at each step of both.
//
// Whatever meets an exceptional case is marked and computed again by itself, without exceptions. No case is argued
// away: a zero denominator is seen in the shared product, an addition of equal or opposite points leaves z = 0.
#pragma once

#include "sm2/ifma/jacobian52.hpp"
#include "sm2/ifma/known.hpp"

namespace accel::sm2 {
namespace {

// values[i] = 1 / values[i] for i < count, by one inversion. False, and nothing changed, if any lane of any is zero.
template <class V>
inline bool invert_all_var(typename Field52<V>::Fe* values, typename Field52<V>::Fe* products, size_t count) {
  using F = Field52<V>;
  // Two chains, because a multiplication's latency is longer than its instructions keep the CPU busy.
  typename F::Fe running[2] = {F::one(), F::one()};
  for (size_t i = 0; i < count; ++i) {
    products[i] = running[i % 2];
    running[i % 2] = F::mul(running[i % 2], values[i]);
  }
  const typename F::Fe product = F::mul(running[0], running[1]);
  if (F::zero_mask(product) != 0) return false;
  const typename F::Fe inverse = F::inverse_var(product);
  typename F::Fe rest[2] = {F::mul(inverse, running[1]), F::mul(inverse, running[0])};
  for (size_t i = count; i-- > 0;) {
    const typename F::Fe value = values[i];
    values[i] = F::mul(rest[i % 2], products[i]);
    rest[i % 2] = F::mul(rest[i % 2], value);
  }
  return true;
}

// The affine sum of p1 and p2, given 1 / (x2 - x1); 2 p, given 1 / 2y.
template <class V>
ACCEL_INLINE PointVec<V> add_affine(const PointVec<V>& p1, const PointVec<V>& p2,
                                    const typename Field52<V>::Fe& inverse) {
  using F = Field52<V>;
  const typename F::Fe slope = F::mul(F::template sub<2>(p2.y, p1.y), inverse);
  PointVec<V> sum;
  sum.x = F::reduce(F::minus(F::minus(F::sqr_sum(slope), p1.x), p2.x));
  sum.y = F::reduce(F::minus(F::mul_sum(slope, F::template sub<2>(p1.x, sum.x)), p1.y));
  return sum;
}
template <class V>
ACCEL_INLINE PointVec<V> double_affine(const PointVec<V>& p, const typename Field52<V>::Fe& inverse) {
  using F = Field52<V>;
  const typename F::Sum minus_one = F::minus(F::sqr_sum(p.x), F::one());
  const typename F::Fe thrice = F::reduce(F::plus(F::template times_power<1>(minus_one), minus_one));
  const typename F::Fe slope = F::mul(thrice, inverse);
  PointVec<V> twice;
  twice.x = F::reduce(F::minus(F::sqr_sum(slope), F::template times_power<1>(p.x)));
  twice.y = F::reduce(F::minus(F::mul_sum(slope, F::template sub<2>(p.x, twice.x)), p.y));
  return twice;
}

// The signed digits of odd k < 2^256 in windows of 5 bits, the highest first, lane by lane (see OddRecoding). The 52nd
// digit is always 1.
template <class V>
struct Digits52 {
  using Mask = typename V::Mask;
  static constexpr int kWidth = 5;
  static constexpr size_t kWindows = 51;  // below the top one
  static constexpr size_t kEntries = 16;

  V words[4];
  Mask flip;  // lanes where k stands for order - k: all signs change

  // k as in OddRecoding.
  Digits52(const typename Field52<V>::Fe& k, const U256& order) {
    using F = Field52<V>;
    flip = V::equal(k.l[0] & V::broadcast(1), V::zero());
    F::pack(words, F::select(flip, Scalar52<V>::carry(F::minus(F::broadcast(order), k)), k));
  }

  // The next digit: its index among the odd multiples, as an offset in bytes; and the lanes where it is positive.
  ACCEL_INLINE V next(Mask& positive) {
    const V digit = words[3].template shr<64 - kWidth>();
    for (int i = 3; i > 0; --i) {
      words[i] = words[i].template shl<kWidth>() | words[i - 1].template shr<64 - kWidth>();
    }
    words[0] = words[0].template shl<kWidth>();
    const Mask minus = V::less(digit, V::broadcast(kEntries));
    positive = static_cast<Mask>(~(minus ^ flip));
    const V index = (digit ^ V::select(minus, V::broadcast(kEntries - 1), V::zero())) & V::broadcast(kEntries - 1);
    return index.template shl<6>();
  }
};
static_assert(sizeof(Affine260) == 1 << 6);

// Eight keys from `begin` on, in Montgomery form; lanes beyond `items` repeat the last. Returns the lanes whose
// coordinates are not below p or not on the curve: the generator stands in for them.
template <class V, class F, class Group>
inline typename V::Mask read_keys(PointVec<V>& keys, Strided bytes, size_t begin, size_t items) {
  using S = Scalar52<V>;
  using Field = Field52<V>;
  using Mask = typename V::Mask;
  static constexpr U256 kThree = {{0x30, 0x2fffffffd0, 0, 0x3000000000}};  // 3 R mod p
  const uint8_t *xs[8], *ys[8];
  for (size_t lane = 0; lane < 8; ++lane) {
    xs[lane] = at(bytes, begin + (lane < items ? lane : items - 1));
    ys[lane] = xs[lane] + 32;
  }
  const auto x = load_integers<V>(xs), y = load_integers<V>(ys);
  keys = {Field::from_integer(x), Field::from_integer(y)};
  const auto broadcast = [](const Fe& a) {
    const Fe260 r = to_fe260<F>(a);
    return Field::broadcast(U256{{r.v[0], r.v[1], r.v[2], r.v[3]}});
  };
  // y^2 = x (x^2 - 3) + b
  const auto factor = Field::reduce(Field::minus(Field::sqr_sum(keys.x), Field::broadcast(kThree)));
  const auto right = Field::reduce(Field::mul_add(keys.x, factor, Field::sum(broadcast(Group::kB))));
  const Mask on_curve = Field::zero_mask(Field::template sub<2>(Field::sqr(keys.y), right));
  const Mask good = static_cast<Mask>(on_curve & S::less(x, kP) & S::less(y, kP));
  keys.x = Field::select(good, keys.x, broadcast(Group::kGenerator.x));
  keys.y = Field::select(good, keys.y, broadcast(Group::kGenerator.y));
  return static_cast<Mask>(~good);
}

template <class V, class F, class Group, int kBaseWidth>
struct UnknownKeys52 {
  using Field = Field52<V>;
  using Fe52 = typename Field::Fe;
  using Mask = typename V::Mask;
  using Point = PointVec<V>;
  using Digits = Digits52<V>;
  using Formulas = Jacobian52<V>;
  using Known = KnownKeys52<V, F, Group, kBaseWidth, kKeyWidth>;

  static constexpr size_t kGroups = 8;
  static constexpr size_t kChunk = 8 * kGroups;
  static constexpr size_t kEntries = Digits::kEntries;
  static constexpr size_t kBaseSlots = OddRecoding<kBaseWidth>::kWindows;
  static constexpr size_t kSteps = 5;  // from P to its 16 odd multiples
  static_assert(kEntries == 1 << (kSteps - 1));
  static_assert(kBaseSlots % 2 == 0 && kBaseSlots <= 1 << kSteps);

  // Step 0 doubles P. Step i > 0 doubles 2^i P and adds it to the 2^(i - 1) odd multiples known so far; the last does
  // not double. Meanwhile the generator's tree goes up a level each step.
  struct Step {
    size_t index;
    size_t pairs;  // of the tree's nodes

    constexpr bool doubles() const { return index + 1 < kSteps; }
    constexpr size_t sums() const { return index == 0 ? 0 : size_t{1} << (index - 1); }
    constexpr size_t count() const { return (doubles() ? 1 : 0) + sums() + pairs; }
  };
  static constexpr size_t kMostInverted = Step{0, kBaseSlots / 2}.count();
  static_assert(kMostInverted >= Step{kSteps - 1, 1}.count());

  // A chunk in work. What there is of each group stands at [slot * groups + group].
  struct Work {
    size_t groups;
    Mask bad_key_sums[kGroups], bad_base_sums[kGroups];  // lanes that met equal or opposite points
    Leaf52<V> leaves[kBaseSlots * kGroups];
    Point nodes[kBaseSlots / 2 * kGroups];
    Point doubled[2][kGroups];                       // 2^i P: of this step and of the next
    Point multiples[kEntries * kGroups];             // (2 j + 1) P
    alignas(64) Affine260 tables[kChunk][kEntries];  // the same with y doubled, as Jacobian52 takes it
    Fe52 denominators[kMostInverted * kGroups], products[kMostInverted * kGroups];
  };

  // --- multiples of the keys and of the generator, step by step ---

  template <bool kLeaves>
  static ACCEL_INLINE void node_pair(const Work& work, size_t pair, size_t group, Point& p1, Point& p2) {
    const size_t first = 2 * pair * work.groups + group, second = first + work.groups;
    if constexpr (kLeaves) {
      p1 = work.leaves[first].point();
      p2 = work.leaves[second].point();
    } else {
      p1 = work.nodes[first];
      p2 = work.nodes[second];
    }
  }

  template <bool kLeaves>
  static void put_denominators(Work& work, const Step& step) {
    Fe52* d = work.denominators;
    const Point* doubled = work.doubled[step.index % 2];
    for (size_t group = 0; group < work.groups && step.doubles(); ++group) {
      *d++ = Field::add(doubled[group].y, doubled[group].y);
    }
    for (size_t j = 0; j < step.sums(); ++j) {
      for (size_t group = 0; group < work.groups; ++group) {
        *d++ = Field::template sub<2>(doubled[group].x, work.multiples[j * work.groups + group].x);
      }
    }
    for (size_t pair = 0; pair < step.pairs; ++pair) {
      for (size_t group = 0; group < work.groups; ++group) {
        Point p1, p2;
        node_pair<kLeaves>(work, pair, group, p1, p2);
        *d++ = Field::template sub<2>(p2.x, p1.x);
      }
    }
  }

  template <bool kLeaves>
  static void use_inverses(Work& work, const Step& step) {
    const Fe52* inverse = work.denominators;
    const Point* doubled = work.doubled[step.index % 2];
    for (size_t group = 0; group < work.groups && step.doubles(); ++group) {
      work.doubled[(step.index + 1) % 2][group] = double_affine<V>(doubled[group], *inverse++);
    }
    Point* sums = work.multiples + step.sums() * work.groups;
    for (size_t j = 0; j < step.sums(); ++j) {
      for (size_t group = 0; group < work.groups; ++group) {
        const size_t i = j * work.groups + group;
        sums[i] = add_affine<V>(work.multiples[i], doubled[group], *inverse++);
      }
    }
    for (size_t pair = 0; pair < step.pairs; ++pair) {
      for (size_t group = 0; group < work.groups; ++group) {
        Point p1, p2;
        node_pair<kLeaves>(work, pair, group, p1, p2);
        work.nodes[pair * work.groups + group] = add_affine<V>(p1, p2, *inverse++);
      }
    }
  }

  // Zero denominators become 1 and their lanes are marked.
  static void mark_zeros(Work& work, const Step& step) {
    const size_t of_keys = (step.count() - step.pairs) * work.groups;
    for (size_t i = 0; i < step.count() * work.groups; ++i) {
      const Mask zero = Field::zero_mask(work.denominators[i]);
      Mask* const marked = i < of_keys ? work.bad_key_sums : work.bad_base_sums;
      const size_t group = i % work.groups;
      marked[group] = static_cast<Mask>(marked[group] | zero);
      work.denominators[i] = Field::select(zero, Field::one(), work.denominators[i]);
    }
  }

  template <bool kLeaves>
  static void run(Work& work, const Step& step) {
    const size_t count = step.count() * work.groups;
    put_denominators<kLeaves>(work, step);
    if (!invert_all_var<V>(work.denominators, work.products, count)) {
      mark_zeros(work, step);
      invert_all_var<V>(work.denominators, work.products, count);
    }
    use_inverses<kLeaves>(work, step);
  }

  // Leaves the odd multiples of the keys, of which the first are given, and [s]G in the first of the nodes.
  static void make_multiples(Work& work) {
    std::memcpy(work.doubled[0], work.multiples, work.groups * sizeof(Point));
    run<true>(work, {0, kBaseSlots / 2});
    size_t slots = kBaseSlots / 2;
    for (size_t index = 1; index < kSteps; ++index) {
      const size_t pairs = slots / 2;
      run<false>(work, {index, pairs});
      if (slots % 2 == 1 && pairs > 0) {
        std::memcpy(work.nodes + pairs * work.groups, work.nodes + (slots - 1) * work.groups,
                    work.groups * sizeof(Point));
      }
      slots -= pairs;
    }
  }

  static void put_tables(Work& work) {
    for (size_t i = 0; i < kEntries * work.groups; ++i) {
      Affine260* entries[8];
      for (size_t lane = 0; lane < 8; ++lane)
        entries[lane] = &work.tables[8 * (i % work.groups) + lane][i / work.groups];
      Point p = work.multiples[i];
      p.y = Field::reduce(Field::plus(p.y, p.y));
      store_entries<V>(entries, 8, p);
    }
  }

  // --- [s]G + [t]P ---

  // Minus the next digit's multiple of P.
  static ACCEL_INLINE Point next_multiple(Digits& digits, const Work& work, size_t group) {
    static constexpr uint64_t kStride = sizeof(work.tables[0]);
    static constexpr uint64_t kOffsets[8] = {0,           kStride,     2 * kStride, 3 * kStride,
                                             4 * kStride, 5 * kStride, 6 * kStride, 7 * kStride};
    Leaf52<V> leaf;
    const V offset = digits.next(leaf.negative);
    const V tables = V::broadcast(reinterpret_cast<uintptr_t>(work.tables[8 * group])) + V::load(kOffsets);
    (tables + offset).store(leaf.entries.address);
    return leaf.point();
  }

  // A group's way to [s]G + [t]P: where its last window begins, what is added there, and the sum or minus the sum.
  struct Sums {
    JacobianVec<V> before_last;
    Point last;
    JacobianVec<V> all;
  };
  static void multiply_and_add(Sums& sums, const Work& work, Digits digits, size_t group) {
    const Point& p = work.multiples[group];
    const Fe52 minus_y = Field::template sub<2>({V::zero(), V::zero(), V::zero(), V::zero(), V::zero()}, p.y);
    const Fe52 y = Field::reduce(Field::sum(Field::select(digits.flip, minus_y, p.y)));
    JacobianVec<V> sum = {Field::reduce(Field::sum(p.x)), Field::add(y, y), Field::one(), Field::one()};
    // Five doublings that negate and the addition that negates leave 32 T - q of T: q is minus the digit's multiple.
    for (size_t window = 0; window < Digits::kWindows; ++window) {
      for (int i = 0; i < Digits::kWidth; ++i) Formulas::double_and_negate(sum);
      sums.last = next_multiple(digits, work, group);
      if (window + 1 == Digits::kWindows) sums.before_last = sum;
      Formulas::add_and_negate(sum, sums.last);
    }
    sum.y = Field::reduce(Field::sum(sum.y));
    Point base = work.nodes[group];
    base.y = Field::add(base.y, base.y);
    Formulas::add_and_negate(sum, base);
    sums.all = sum;
  }

  // --- items that met an exceptional case ---

  static Fe scalar_lane(const Fe52& a, size_t lane) { return F::from_integer(Field::lane(Field::to_integer(a), lane)); }

  // The last window and [s]G once more, without exceptions.
  static bool finish_slowly(const Affine260* base, const Sums& sums, const Claim& claim, size_t lane) {
    const Jacobian before = {scalar_lane(sums.before_last.x, lane), F::half(scalar_lane(sums.before_last.y, lane)),
                             scalar_lane(sums.before_last.z, lane)};
    const Affine last = {scalar_lane(sums.last.x, lane), F::half(scalar_lane(sums.last.y, lane))};
    Jacobian sum = add_mixed_var<F>(before, last);  // minus [t]P
    sum.y = F::neg(sum.y);
    return claim_holds_var<F, Group>(Known::template add_multiple_var<kBaseWidth>(sum, base, claim.s), claim);
  }

  // All of it, [t]P by bits.
  static bool check_slowly(const Affine260* base, const Point& keys, const Claim& claim, size_t lane) {
    const Affine key = {scalar_lane(keys.x, lane), scalar_lane(keys.y, lane)};
    Jacobian sum = {kFeOne, kFeOne, kFeZero};
    for (int i = 255; i >= 0; --i) {
      sum = double_jacobian<F>(sum);
      if (claim.t.v[i / 64] >> (i % 64) & 1) sum = add_mixed_var<F>(sum, key);
    }
    return claim_holds_var<F, Group>(Known::template add_multiple_var<kBaseWidth>(sum, base, claim.s), claim);
  }

  // Verdicts of the lanes in `lanes`. In the group of SM2 the odd multiples of a key never meet, and the windows only
  // at the last one: an addition joins 32 m P and d P with odd m >= 1 and |d| <= 31, so that they differ as integers,
  // and 32 m +- d = n asks for an m of 251 bits. So there the last window and [s]G are all that is computed again.
  static Mask redo(Mask lanes, const Work& work, const Sums& sums, const Point& keys, const ClaimVec<V>& claims,
                   const Affine260* base, size_t group) {
    const Mask lost = static_cast<Mask>(work.bad_key_sums[group] | Field::zero_mask(sums.before_last.z));
    Mask holds = 0;
    for (size_t lane = 0; lane < 8; ++lane) {
      if ((lanes >> lane & 1) == 0) continue;
      const Claim claim = Known::lane_of(claims, lane);
      const bool one =
          (lost >> lane & 1) != 0 ? check_slowly(base, keys, claim, lane) : finish_slowly(base, sums, claim, lane);
      holds = static_cast<Mask>(holds | (one ? 1 << lane : 0));
    }
    return holds;
  }

  // holds[group]: the lanes of claims[group] that are true for the keys in keys[group], points of the curve.
  // groups <= kGroups. Nothing is said about the lanes in `ignored`.
  static void check(Mask* holds, const Point* keys, const ClaimVec<V>* claims, const Mask* ignored, size_t groups) {
    Work work;
    const Affine260* base = GeneratorTable52<V, F, Group, kBaseWidth>::get();
    const V bases = V::broadcast(reinterpret_cast<uintptr_t>(base));
    work.groups = groups;
    for (size_t i = 0; i < groups; ++i) {
      work.bad_key_sums[i] = work.bad_base_sums[i] = 0;
      work.multiples[i] = keys[i];
      const OddRecoding52<V, kBaseWidth> digits(claims[i].s, Group::kModulus.m);
      Known::template put_leaves<kBaseWidth>(work.leaves + i, groups, bases, digits, work.bad_base_sums + i);
    }
    make_multiples(work);
    put_tables(work);
    for (size_t i = 0; i < groups; ++i) {
      Sums sums;
      multiply_and_add(sums, work, Digits(claims[i].t, Group::kModulus.m), i);
      const Mask marked = static_cast<Mask>(work.bad_key_sums[i] | work.bad_base_sums[i]);
      const Mask exceptional = static_cast<Mask>((marked | Field::zero_mask(sums.all.z)) & ~ignored[i]);
      holds[i] = abscissas_match<V, Group>(sums.all.x, sums.all.zz, claims[i].x);
      if (exceptional != 0) [[unlikely]] {
        const Mask redone = redo(exceptional, work, sums, keys[i], claims[i], base, i);
        holds[i] = static_cast<Mask>((holds[i] & ~exceptional) | redone);
      }
    }
  }

  static void verify(uint8_t* status, Strided keys, Strided signatures, Strided digests, size_t count) {
    Point points[kGroups];
    ClaimVec<V> claims[kGroups];
    Mask bad_key[kGroups], bad_range[kGroups], bad[kGroups], holds[kGroups];
    for (size_t begin = 0; begin < count; begin += kChunk) {
      const size_t items = count - begin < kChunk ? count - begin : kChunk;
      const size_t groups = (items + 7) / 8;
      for (size_t i = 0; i < groups; ++i) {
        const size_t first = begin + 8 * i, left = items - 8 * i;
        bad_key[i] = read_keys<V, F, Group>(points[i], keys, first, left);
        bad_range[i] = read_claims<V, Group>(claims[i], signatures, digests, first, left);
        bad[i] = static_cast<Mask>(bad_key[i] | bad_range[i] | (left < 8 ? 0xff << left : 0));
      }
      check(holds, points, claims, bad, groups);
      for (size_t i = 0; i < items; ++i) {
        const size_t group = i / 8, lane = i % 8;
        const auto has = [&](const Mask* masks) { return (masks[group] >> lane & 1) != 0; };
        status[begin + i] = has(bad_key)     ? uint8_t{ACCEL_BAD_KEY}
                            : has(bad_range) ? uint8_t{ACCEL_BAD_RANGE}
                                             : verdict(has(holds));
      }
    }
  }
};

}  // namespace
}  // namespace accel::sm2
