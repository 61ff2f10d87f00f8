// Verification with unknown keys in eight lanes: [t]P by Jacobian doublings and a fixed signed window, [s]G by a tree
// over the generator's table, with one inversion for the whole chunk at each step of both.
//
// Whatever meets an exceptional case is marked and computed again by itself, without exceptions. No case is argued
// away: a zero denominator is seen in the shared product, an addition of equal or opposite points leaves z = 0.
#pragma once

#include "sm2/ifma/jacobian52.hpp"
#include "sm2/ifma/tables52.hpp"
#include "sm2/verify.hpp"

namespace accel::sm2 {
namespace {

// Coordinates as integers.
struct alignas(64) IntegerPoint {
  U256 x, y;
};

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

// -a in the lanes of the mask, for 0 < a < p.
template <class V>
ACCEL_INLINE typename Field52<V>::Fe negate_lanes(typename V::Mask mask, const typename Field52<V>::Fe& a) {
  using F = Field52<V>;
  constexpr Limbs52 kModulus = multiple_of_p(1);
  typename F::Sum r;
  for (int i = 0; i < kLimbs; ++i) r.l[i] = V::select(mask, V::broadcast(kModulus.l[i]) - a.l[i], a.l[i]);
  return F::template tighten<0>(r);
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
  Digits52(const V (&k)[4], const U256& order) {
    using F = Field52<V>;
    const typename F::Fe limbs = F::unpack(k[0], k[1], k[2], k[3]);
    const Limbs52 n = to_limbs52(order);
    flip = V::equal(k[0] & V::broadcast(1), V::zero());
    typename F::Sum odd;
    for (int i = 0; i < kLimbs; ++i) odd.l[i] = V::select(flip, V::broadcast(n.l[i]) - limbs.l[i], limbs.l[i]);
    F::pack(words, F::template tighten<0>(odd));
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

template <class V, class F, class Group, int kBaseWidth>
struct UnknownKeys52 {
  using Field = Field52<V>;
  using Fe52 = typename Field::Fe;
  using Mask = typename V::Mask;
  using Point = PointVec<V>;
  using Digits = Digits52<V>;
  using Slow = UnknownKeys<F, Group, kBaseWidth>;

  static constexpr size_t kLanes = 8, kGroups = 8;
  static constexpr size_t kChunk = kLanes * kGroups;
  static constexpr size_t kEntries = Digits::kEntries;
  static constexpr size_t kBaseSlots = OddRecoding<kBaseWidth>::kWindows;
  static constexpr size_t kSteps = 5;  // from P to its 16 odd multiples
  static_assert(kEntries == 1 << (kSteps - 1));
  static_assert(kBaseSlots % 2 == 0 && kBaseSlots <= 1 << kSteps);

  // Leaves of the generator's tree: a table's entry for each lane.
  struct Leaf52 {
    Entries52 entries;
    Mask negative;
  };

  // A chunk in work: group g holds items 8 g to 8 g + 7.
  struct Chunk {
    IntegerPoint keys[kChunk];
    Claim claims[kChunk];
    Mask bad_key[kGroups], exceptional[kGroups];
    Leaf52 leaves[kBaseSlots * kGroups];
    Point nodes[kBaseSlots / 2 * kGroups];
    Point doubled[2][kGroups];            // 2^i P: of this step and of the next
    Point multiples[kEntries * kGroups];  // (2 j + 1) P
    alignas(64) Affine260 tables[kChunk][kEntries];
    Fe52 denominators[(kBaseSlots / 2 + kEntries) * kGroups], products[(kBaseSlots / 2 + kEntries) * kGroups];
  };

  // --- reading ---

  // Four words of each lane's item, from 64 bytes that hold two numbers.
  template <class Item>
  static ACCEL_INLINE void load_pairs(V (&words)[8], const Item* items) {
    for (size_t i = 0; i < kLanes; ++i) words[i] = V::load(items + i);
    V::transpose(words);
  }

  // Montgomery form; a key that is no point is marked, and the generator stands in for it.
  static Point read_keys(Chunk& chunk, size_t group) {
    V words[8];
    load_pairs(words, chunk.keys + kLanes * group);
    const Fe52 x = Field::unpack(words[0], words[1], words[2], words[3]);
    const Fe52 y = Field::unpack(words[4], words[5], words[6], words[7]);
    const Point p = {Field::from_integer(x), Field::from_integer(y)};
    const Fe52 factor = Field::reduce(Field::minus(Field::sqr_sum(p.x), Field::broadcast(kThree)));
    const Fe260 b = to_fe260<F>(Group::kB);
    const Fe52 right = Field::reduce(Field::plus(Field::mul_sum(p.x, factor), Field::broadcast(U256{{b.v[0], b.v[1], b.v[2], b.v[3]}})));
    const Mask on_curve = Field::zero_mask(Field::template sub<2>(Field::sqr(p.y), right));
    const Mask valid = static_cast<Mask>(on_curve & below_p(x) & below_p(y));
    chunk.bad_key[group] = static_cast<Mask>(~valid);
    const Affine260 generator = to_affine260<F>(Group::kGenerator);
    return {Field::select(valid, p.x, broadcast(generator.x)), Field::select(valid, p.y, broadcast(generator.y))};
  }
  static constexpr U256 kThree = {{0x30, 0x2fffffffd0, 0, 0x3000000000}};  // 3 R mod p
  static Fe52 broadcast(const Fe260& a) { return Field::broadcast(U256{{a.v[0], a.v[1], a.v[2], a.v[3]}}); }
  static Mask below_p(const Fe52& a) {
    const Fe52 reduced = Field::canonical(a);
    Mask same = 0xff;
    for (int i = 0; i < kLimbs; ++i) same = static_cast<Mask>(same & V::equal(a.l[i], reduced.l[i]));
    return same;
  }

  static void read_leaves(Chunk& chunk, const Affine260* base, size_t item) {
    const size_t group = item / kLanes, lane = item % kLanes;
    const OddRecoding<kBaseWidth> digits(chunk.claims[item].s, Group::kModulus.m);
    for (size_t window = 0; window < kBaseSlots; ++window) {
      const Digit digit = digits[static_cast<int>(window)];
      const Affine260* entry = base + window * OddRecoding<kBaseWidth>::kEntries + digit.index;
      if constexpr (Group::kSmall) {
        if (is_infinity_var(*entry)) {
          chunk.exceptional[group] = static_cast<Mask>(chunk.exceptional[group] | 1 << lane);
          entry = base;  // the generator
        }
      }
      __builtin_prefetch(entry);
      Leaf52& leaf = chunk.leaves[window * kGroups + group];
      leaf.entries.address[lane] = reinterpret_cast<uintptr_t>(entry);
      leaf.negative = static_cast<Mask>((leaf.negative & ~(1 << lane)) | digit.negative << lane);
    }
  }

  // --- multiples of the keys and of the generator, step by step ---

  static ACCEL_INLINE Point leaf(const Leaf52& leaf) {
    Point p = load_entries<V>(leaf.entries);
    p.y = negate_lanes<V>(leaf.negative, p.y);
    return p;
  }

  // Step 0 doubles P. Step i > 0 doubles 2^i P and adds it to the 2^(i-1) multiples known so far; the last does not
  // double. Meanwhile the generator's tree goes up a level each step.
  struct Step {
    size_t index;
    size_t pairs;  // of the tree's nodes

    bool doubles() const { return index + 1 < kSteps; }
    size_t sums() const { return index == 0 ? 0 : size_t{1} << (index - 1); }
    size_t count() const { return ((doubles() ? 1 : 0) + sums() + pairs) * kGroups; }
  };

  template <bool kLeaves>
  static ACCEL_INLINE void node_pair(const Chunk& chunk, size_t pair, size_t group, Point& p1, Point& p2) {
    const size_t first = 2 * pair * kGroups + group, second = first + kGroups;
    if constexpr (kLeaves) {
      p1 = leaf(chunk.leaves[first]);
      p2 = leaf(chunk.leaves[second]);
    } else {
      p1 = chunk.nodes[first];
      p2 = chunk.nodes[second];
    }
  }

  template <bool kLeaves>
  static void put_denominators(Chunk& chunk, const Step& step) {
    Fe52* d = chunk.denominators;
    const Point* doubled = chunk.doubled[step.index % 2];
    for (size_t group = 0; group < kGroups && step.doubles(); ++group) {
      *d++ = Field::add(doubled[group].y, doubled[group].y);
    }
    for (size_t j = 0; j < step.sums(); ++j) {
      for (size_t group = 0; group < kGroups; ++group) {
        *d++ = Field::template sub<2>(doubled[group].x, chunk.multiples[j * kGroups + group].x);
      }
    }
    for (size_t pair = 0; pair < step.pairs; ++pair) {
      for (size_t group = 0; group < kGroups; ++group) {
        Point p1, p2;
        node_pair<kLeaves>(chunk, pair, group, p1, p2);
        *d++ = Field::template sub<2>(p2.x, p1.x);
      }
    }
  }

  template <bool kLeaves>
  static void use_inverses(Chunk& chunk, const Step& step) {
    const Fe52* inverse = chunk.denominators;
    const Point* doubled = chunk.doubled[step.index % 2];
    for (size_t group = 0; group < kGroups && step.doubles(); ++group) {
      chunk.doubled[(step.index + 1) % 2][group] = double_affine<V>(doubled[group], *inverse++);
    }
    Point* sums = chunk.multiples + step.sums() * kGroups;
    for (size_t j = 0; j < step.sums(); ++j) {
      for (size_t group = 0; group < kGroups; ++group) {
        const size_t i = j * kGroups + group;
        sums[i] = add_affine<V>(chunk.multiples[i], doubled[group], *inverse++);
      }
    }
    for (size_t pair = 0; pair < step.pairs; ++pair) {
      for (size_t group = 0; group < kGroups; ++group) {
        Point p1, p2;
        node_pair<kLeaves>(chunk, pair, group, p1, p2);
        chunk.nodes[pair * kGroups + group] = add_affine<V>(p1, p2, *inverse++);
      }
    }
  }

  // Zero denominators become 1 and their lanes are marked.
  static void mark_zeros(Chunk& chunk, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      const Mask zero = Field::zero_mask(chunk.denominators[i]);
      Mask& exceptional = chunk.exceptional[i % kGroups];
      exceptional = static_cast<Mask>(exceptional | zero);
      chunk.denominators[i] = Field::select(zero, Field::one(), chunk.denominators[i]);
    }
  }

  template <bool kLeaves>
  static void run(Chunk& chunk, const Step& step) {
    put_denominators<kLeaves>(chunk, step);
    while (!invert_all_var<V>(chunk.denominators, chunk.products, step.count())) mark_zeros(chunk, step.count());
    use_inverses<kLeaves>(chunk, step);
  }

  // Leaves the odd multiples in chunk.tables and [s]G in the first of chunk.nodes.
  static void make_multiples(Chunk& chunk) {
    run<true>(chunk, {0, kBaseSlots / 2});
    size_t slots = kBaseSlots / 2;
    for (size_t index = 1; index < kSteps; ++index) {
      const size_t pairs = slots / 2;
      run<false>(chunk, {index, pairs});
      if (slots % 2 == 1 && pairs > 0) {
        std::memcpy(chunk.nodes + pairs * kGroups, chunk.nodes + (slots - 1) * kGroups, kGroups * sizeof(Point));
      }
      slots -= pairs;
    }
    for (size_t group = 0; group < kGroups; ++group) {
      for (size_t j = 0; j < kEntries; ++j) {
        Affine260* entries[kLanes];
        for (size_t lane = 0; lane < kLanes; ++lane) entries[lane] = &chunk.tables[kLanes * group + lane][j];
        Point p = chunk.multiples[j * kGroups + group];
        p.y = Field::reduce(Field::plus(p.y, p.y));
        store_entries<V>(entries, kLanes, p);
      }
    }
  }

  // --- [s]G + [t]P ---

  using Formulas = Jacobian52<V>;

  static ACCEL_INLINE void load_multiples(Point& p, Digits& digits, const Chunk& chunk, size_t group) {
    static constexpr uint64_t kStride = sizeof(chunk.tables[0]);
    static constexpr uint64_t kOffsets[kLanes] = {0,           kStride,     2 * kStride, 3 * kStride,
                                                  4 * kStride, 5 * kStride, 6 * kStride, 7 * kStride};
    Entries52 entries;
    Mask positive;
    const V index = digits.next(positive);
    const V base = V::broadcast(reinterpret_cast<uintptr_t>(chunk.tables[kLanes * group])) + V::load(kOffsets);
    (base + index).store(entries.address);
    p = load_entries<V>(entries);
    p.y = negate_lanes<V>(positive, p.y);  // minus the digit: see multiply_and_add
  }

  // [s]G + [t]P, or minus that.
  static JacobianVec<V> multiply_and_add(const Chunk& chunk, Digits digits, size_t group) {
    const Point& p = chunk.multiples[group];
    const Fe52 y = negate_lanes<V>(digits.flip, Field::canonical(p.y));
    JacobianVec<V> sum = {Field::reduce(Field::sum(p.x)), Field::add(y, y), Field::one(), Field::one()};
    Point added;
    // Five doublings that negate and the addition that negates leave 32 T - q of T: q is minus the digit's multiple.
    for (size_t window = 0; window < Digits::kWindows; ++window) {
      for (int i = 0; i < Digits::kWidth; ++i) Formulas::double_and_negate(sum);
      load_multiples(added, digits, chunk, group);
      Formulas::add_and_negate(sum, added);
    }
    sum.y = Field::reduce(Field::sum(sum.y));
    added = chunk.nodes[group];
    added.y = Field::add(added.y, added.y);
    Formulas::add_and_negate(sum, added);
    return sum;
  }

  // Is x = X / Z^2 equal to claim mod n? X / Z^2 < p < 2 n leaves two candidates, the second only if claim + n < p.
  static Mask abscissas_match(const JacobianVec<V>& sum, const Claim* claims, const Fe52& claim) {
    Mask match = Field::zero_mask(Field::template sub<2>(sum.x, Field::mul(Field::from_integer(claim), sum.zz)));
    Mask possible = 0;
    alignas(64) U256 seconds[kLanes] = {};
    for (size_t i = 0; i < kLanes; ++i) {
      const bool carry = add(seconds[i], claims[i].x, Group::kModulus.m) != 0;
      if (!carry && less_mask(seconds[i], kP) != 0) possible = static_cast<Mask>(possible | 1 << i);
    }
    if (possible != 0) {
      IntegerPoint pairs[kLanes];
      for (size_t i = 0; i < kLanes; ++i) pairs[i] = {seconds[i], seconds[i]};
      V words[8];
      load_pairs(words, pairs);
      const Fe52 second = Field::from_integer(Field::unpack(words[0], words[1], words[2], words[3]));
      const Mask also = Field::zero_mask(Field::template sub<2>(sum.x, Field::mul(second, sum.zz)));
      match = static_cast<Mask>(match | (also & possible));
    }
    return match;
  }

  static Mask check_group(Chunk& chunk, size_t group) {
    const Claim* claims = chunk.claims + kLanes * group;
    V words[8];  // of t and x, which stand side by side
    for (size_t i = 0; i < kLanes; ++i) words[i] = V::load(&claims[i].t);
    V::transpose(words);
    const Digits digits({words[0], words[1], words[2], words[3]}, Group::kModulus.m);
    const JacobianVec<V> sum = multiply_and_add(chunk, digits, group);
    chunk.exceptional[group] = static_cast<Mask>(chunk.exceptional[group] | Field::zero_mask(sum.z));
    return abscissas_match(sum, claims, Field::unpack(words[4], words[5], words[6], words[7]));
  }

  static bool check_slowly(const IntegerPoint& key, const Claim& claim) {
    const Affine* base = GeneratorTable<F, Group, kBaseWidth>::get();
    return Slow::check_slowly(base, {F::from_integer(key.x), F::from_integer(key.y)}, claim);
  }

  // Fills in verdicts[i] for i < items where the key is bad, or where it is ACCEL_NOT_CHECKED. The first `items` of
  // keys and claims are set.
  static void check(uint8_t* verdicts, Chunk& chunk, size_t items) {
    const Affine260* base = GeneratorTable52<V, F, Group, kBaseWidth>::get();
    for (size_t i = items; i < kChunk; ++i) {
      chunk.keys[i] = chunk.keys[0];
      chunk.claims[i] = chunk.claims[0];
    }
    Mask match[kGroups];
    for (size_t group = 0; group < kGroups; ++group) {
      chunk.exceptional[group] = 0;
      chunk.multiples[group] = chunk.doubled[0][group] = read_keys(chunk, group);
    }
    for (size_t i = 0; i < kChunk; ++i) read_leaves(chunk, base, i);
    make_multiples(chunk);
    for (size_t group = 0; group < kGroups; ++group) match[group] = check_group(chunk, group);
    for (size_t i = 0; i < items; ++i) {
      const size_t group = i / kLanes, lane = i % kLanes;
      if (chunk.bad_key[group] >> lane & 1) {
        verdicts[i] = ACCEL_BAD_KEY;
      } else if (verdicts[i] == ACCEL_NOT_CHECKED) {
        const bool exceptional = (chunk.exceptional[group] >> lane & 1) != 0;
        verdicts[i] = verdict(exceptional ? check_slowly(chunk.keys[i], chunk.claims[i]) : (match[group] >> lane & 1) != 0);
      }
    }
  }

  static void verify(uint8_t* status, Strided keys, Strided signatures, Strided digests, size_t count) {
    Chunk chunk;
    for (size_t begin = 0; begin < count; begin += kChunk) {
      const size_t items = count - begin < kChunk ? count - begin : kChunk;
      for (size_t i = 0; i < items; ++i) {
        const uint8_t* key = at(keys, begin + i);
        status[begin + i] = ACCEL_NOT_CHECKED;
        chunk.keys[i] = {load_be(key), load_be(key + 32)};
        chunk.claims[i] = read_claim<Group>(status + begin + i, at(signatures, begin + i), at(digests, begin + i));
      }
      check(status + begin, chunk, items);
    }
  }
};

}  // namespace
}  // namespace accel::sm2
