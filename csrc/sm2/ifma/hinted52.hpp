// Verification with hints, for unknown keys. A signature determines x(R) mod n of R = [s]G + [t]P; a hint of two bits
// tells which R it is. With R known, the equations of many signatures are checked together, each weighted by a
// random z:
//
//   sum of z_i ([s_i]G + [t_i]P_i - R_i) = 0
//
// The group's order is a prime above 2^128: if one bracket is not zero, at most one z_i of 2^128 makes the sum zero,
// whatever the others are. So a sum that is zero proves all its signatures valid but for a probability of 2^-128, as
// long as nobody knew the z when the signatures were made. It is one sum of multiples (msm52.hpp), where [t]P alone
// would cost an unhinted verification 255 doublings.
//
// A sum that is not zero is cut in halves with the same z, and the right half's error is the whole's less the left's.
// Halves of few items, those for which the budget of sums is used up, and whatever has no usable hint, go to ordinary
// verification, which alone ever says that a signature is bad. So a wrong hint costs time, never the verdict.
//
// Everything here is public but for the z, which must not be known before the signatures are. Variable time.
#pragma once

#include "sm2/ifma/msm52.hpp"
#include "sm2/verify.hpp"

namespace accel::sm2 {
namespace {

// Square roots in kAbreast * 8 lanes: squarings that do not wait for each other.
template <class V, size_t kAbreast>
struct SquareRoots52 {
  using F = Field52<V>;
  using Fe = typename F::Fe;
  struct Elements {
    Fe e[kAbreast];
  };

  static ACCEL_NOINLINE Elements sqr_times(Elements a, int count) {
    for (int i = 0; i < count; ++i) {
      for (size_t k = 0; k < kAbreast; ++k) a.e[k] = F::sqr(a.e[k]);
    }
    return a;
  }
  // a^(2^count) b
  static Elements shift_in(const Elements& a, int count, const Elements& b) {
    Elements r = sqr_times(a, count);
    for (size_t k = 0; k < kAbreast; ++k) r.e[k] = F::mul(r.e[k], b.e[k]);
    return r;
  }
  // a^((p + 1) / 4): Field::sqrt_var's chain.
  static Elements candidates(const Elements& a) {
    const Elements a2 = shift_in(a, 1, a);
    const Elements a4 = shift_in(a2, 2, a2);
    const Elements a8 = shift_in(a4, 4, a4);
    const Elements a16 = shift_in(a8, 8, a8);
    const Elements a24 = shift_in(a16, 8, a8);
    const Elements a28 = shift_in(a24, 4, a4);
    const Elements a30 = shift_in(a28, 2, a2);
    const Elements a31 = shift_in(a30, 1, a);
    const Elements a32 = shift_in(a31, 1, a);
    Elements x = shift_in(a31, 33, a32);
    for (int i = 0; i < 3; ++i) x = shift_in(x, 32, a32);
    x = shift_in(x, 32, a);
    return sqr_times(x, 62);
  }
};

// kVerify(status, keys, signatures, digests, count): ordinary verification.
template <class V, class F, class Group, void (*kVerify)(uint8_t*, Strided, Strided, Strided, size_t)>
class Hinted52 {
 public:
  static constexpr size_t kMost = 4096;  // items at a time
  static constexpr size_t kLeast = 48;

  static size_t scratch_bytes() { return sizeof(Scalars) + Msm::bytes(kPoints); }

  // See HintedScheme.
  static void verify(uint8_t* status, Strided keys, Strided signatures, Strided digests, const uint8_t* hints,
                     const uint8_t* coefficients, size_t count, void* memory) {
    Hinted52(status, {keys, signatures, digests, hints, coefficients, count}, static_cast<uint8_t*>(memory)).run();
  }

 private:
  using Field = Field52<V>;
  using Fe52 = typename Field::Fe;
  using Mask = typename V::Mask;
  using Msm = Msm52<V, F>;
  static constexpr size_t kAbreast = 4;  // groups of eight items whose square roots are taken side by side
  static constexpr size_t kKeysAt = Msm::kPads, kNoncesAt = kKeysAt + kMost, kGeneratorAt = kNoncesAt + kMost;
  static constexpr size_t kPoints = 2 * kMost + 1;
  // So few items are not halved: as fast by ordinary verification.
  static constexpr size_t kLeaf = 64;
  // Items gathered for one call of ordinary verification.
  static constexpr size_t kGathered = 128;
  static_assert(kMost % (8 * kAbreast) == 0);

  struct Batch {
    Strided keys, signatures, digests;
    const uint8_t *hints, *coefficients;
    size_t count;
  };
  // The equations: [s]G + [t]P - R = 0, weighted.
  struct Scalars {
    U256 s[kMost];  // of the claim
    U256 t[kMost];  // of the claim; then z t mod n
    U256 z[kMost];  // 0: the item takes no part
    uint8_t hinted[kMost];
  };

  uint8_t* const status_;
  const Batch batch_;
  // Items that halves may still be summed for. One bad item takes up to as many as there are, a flood would take three
  // times that: then ordinary verification is what is left, and the whole call costs at most about twice as much.
  size_t budget_ = 2 * batch_.count;
  Scalars& scalars_;
  const typename Msm::Space space_;

  Hinted52(uint8_t* status, const Batch& batch, uint8_t* memory)
      : status_(status),
        batch_(batch),
        scalars_(*reinterpret_cast<Scalars*>(memory)),
        space_(Msm::make_space(memory + sizeof(Scalars), kPoints)) {}
  static_assert(sizeof(Scalars) % 64 == 0);

  void run() {
    read_items();
    const size_t groups = (batch_.count + 7) / 8;
    for (size_t group = 0; group < groups; ++group) check_keys(group);
    for (size_t group = 0; group < groups; group += kAbreast) recover_nonces(group);
    weight();
    space_.pool[kGeneratorAt] = to_affine260<F>(Group::kGenerator);
    settle(0, batch_.count, sum_of(0, batch_.count));
    verify_the_rest();
  }

  // --- points ---

  // Integers, four words each, where the point will stand.
  void put_integers(size_t at, const U256& x, const U256& y) {
    std::memcpy(space_.pool + at, &x, 32);
    std::memcpy(reinterpret_cast<uint8_t*>(space_.pool + at) + 32, &y, 32);
  }

  void read_items() {
    const U256 zero = {};
    for (size_t i = 0; i < batch_.count; ++i) {
      status_[i] = ACCEL_NOT_CHECKED;
      const U256 x = load_be(at(batch_.keys, i)), y = load_be(at(batch_.keys, i) + 32);
      const bool below_p = (less_mask(x, kP) & less_mask(y, kP)) != 0;
      if (!below_p) status_[i] = ACCEL_BAD_KEY;
      put_integers(kKeysAt + i, below_p ? x : zero, below_p ? y : zero);
      const Claim claim = read_claim<Group>(status_ + i, at(batch_.signatures, i), at(batch_.digests, i));
      scalars_.s[i] = claim.s, scalars_.t[i] = claim.t;
      const uint8_t hint = batch_.hints[i];
      U256 nonce_x = claim.x;
      const bool carry = (hint & kHintSecond) != 0 && add(nonce_x, claim.x, Group::kModulus.m) != 0;
      scalars_.hinted[i] = hint <= kMaxHint && !carry && less_mask(nonce_x, kP) != 0;
      put_integers(kNoncesAt + i, nonce_x, U256{{hint & uint64_t{kHintOdd}, 0, 0, 0}});
    }
    const size_t multiple = 8 * kAbreast, padded = (batch_.count + multiple - 1) / multiple * multiple;
    for (size_t i = batch_.count; i < padded; ++i) {
      put_integers(kKeysAt + i, zero, zero);
      put_integers(kNoncesAt + i, zero, zero);
    }
  }

  ACCEL_INLINE PointVec<V> load(size_t at) const {
    V rows[8];
    for (size_t i = 0; i < 8; ++i) rows[i] = V::load(space_.pool + at + i);
    V::transpose(rows);
    return {Field::unpack(rows[0], rows[1], rows[2], rows[3]), Field::unpack(rows[4], rows[5], rows[6], rows[7])};
  }
  ACCEL_INLINE void store(size_t at, const PointVec<V>& p) {
    Affine260* entries[8];
    for (size_t i = 0; i < 8; ++i) entries[i] = space_.pool + at + i;
    store_entries<V>(entries, 8, p);
  }

  // x^3 - 3x + b; below 2 p.
  static ACCEL_INLINE Fe52 right_side(const Fe52& x) {
    const Fe260 b = to_fe260<F>(Group::kB);
    const typename Field::Sum thrice = Field::plus(Field::template times_power<1>(x), x);
    const Fe52 cube = Field::mul(Field::sqr(x), x);
    return Field::reduce(
        Field::plus(Field::minus(cube, thrice), Field::broadcast(U256{{b.v[0], b.v[1], b.v[2], b.v[3]}})));
  }

  // A key that is no point of the curve wins over a bad range.
  void check_keys(size_t group) {
    const PointVec<V> integers = load(kKeysAt + 8 * group);
    const PointVec<V> key = {Field::from_integer(integers.x), Field::from_integer(integers.y)};
    store(kKeysAt + 8 * group, key);
    const Mask good = Field::zero_mask(Field::template sub<2>(Field::sqr(key.y), right_side(key.x)));
    for (size_t i = 0; i < 8 && 8 * group + i < batch_.count; ++i) {
      if ((good >> i & 1) == 0) status_[8 * group + i] = ACCEL_BAD_KEY;
    }
  }

  // -R from x and the parity of R's y; items without such a point lose their hint.
  void recover_nonces(size_t first) {
    using Roots = SquareRoots52<V, kAbreast>;
    typename Roots::Elements x, square;
    V odd[kAbreast];
    for (size_t k = 0; k < kAbreast; ++k) {
      const PointVec<V> integers = load(kNoncesAt + 8 * (first + k));
      odd[k] = integers.y.l[0];
      x.e[k] = Field::from_integer(integers.x);
      square.e[k] = right_side(x.e[k]);
    }
    const typename Roots::Elements root = Roots::candidates(square);
    for (size_t k = 0; k < kAbreast; ++k) {
      const size_t group = first + k;
      const Fe52 y = Field::canonical(root.e[k]), zero = Field::broadcast(U256{});
      const Mask good = Field::zero_mask(Field::template sub<2>(Field::sqr(y), square.e[k]));
      const Mask same = V::equal((Field::to_integer(y).l[0] ^ odd[k]) & V::broadcast(1), V::zero());
      store(kNoncesAt + 8 * group, {x.e[k], Field::select(same, Field::template sub<1>(zero, y), y)});
      for (size_t i = 0; i < 8 && 8 * group + i < batch_.count; ++i) {
        if ((good >> i & 1) == 0) scalars_.hinted[8 * group + i] = 0;
      }
    }
  }

  // --- the combined check ---

  void weight() {
    for (size_t i = 0; i < batch_.count; ++i) {
      U256 z = {};
      if (status_[i] == ACCEL_NOT_CHECKED && scalars_.hinted[i] != 0) {
        std::memcpy(z.v, batch_.coefficients + 16 * i, 16);
      } else {
        scalars_.hinted[i] = 0;
      }
      scalars_.z[i] = z;
      scalars_.t[i] = mul_mod(z, scalars_.t[i], Group::kModulus);
    }
  }

  // (0, 0) if the weighted equations of items [begin, end) hold together.
  Affine sum_of(size_t begin, size_t end) const {
    const size_t count = end - begin;
    U256 generator = {};
    for (size_t i = begin; i < end; ++i) {
      const U256 product = montgomery_mul(scalars_.z[i], scalars_.s[i], Group::kModulus);
      generator = add_mod(generator, product, Group::kModulus.m);
    }
    generator = montgomery_mul(generator, Group::kModulus.r_squared, Group::kModulus);
    const ScaledPoints terms[] = {{kKeysAt + begin, scalars_.t + begin, count, 256},
                                  {kNoncesAt + begin, scalars_.z + begin, count, 128},
                                  {kGeneratorAt, &generator, 1, 256}};
    return to_affine_var<F>(Msm::sum_var(space_, terms, 3));
  }

  // Items [begin, end), whose sum is `error`: accepted, or halved, or left to verify_the_rest.
  void settle(size_t begin, size_t end, const Affine& error) {
    if (is_infinity_var(error)) {
      for (size_t i = begin; i < end; ++i) {
        if (scalars_.hinted[i] != 0) status_[i] = ACCEL_OK;
      }
      return;
    }
    const size_t middle = begin + (end - begin) / 2;
    if (end - begin <= kLeaf || budget_ < middle - begin) return;
    budget_ -= middle - begin;
    const Affine left = sum_of(begin, middle);
    const Affine negative = is_infinity_var(left) ? left : Affine{left.x, F::neg(left.y)};
    const Affine right = to_affine_var<F>(add_mixed_var<F>({error.x, error.y, kFeOne}, negative));
    settle(begin, middle, left);
    settle(middle, end, right);
  }

  void verify_the_rest() {
    size_t items[kGathered], gathered = 0;
    for (size_t i = 0; i < batch_.count; ++i) {
      if (status_[i] == ACCEL_NOT_CHECKED) items[gathered++] = i;
      if (gathered == kGathered) {
        verify_plainly(items, gathered);
        gathered = 0;
      }
    }
    if (gathered > 0) verify_plainly(items, gathered);
  }
  void verify_plainly(const size_t* items, size_t count) {
    uint8_t keys[kGathered][64], signatures[kGathered][64], digests[kGathered][32], verdicts[kGathered];
    for (size_t i = 0; i < count; ++i) {
      std::memcpy(keys[i], at(batch_.keys, items[i]), 64);
      std::memcpy(signatures[i], at(batch_.signatures, items[i]), 64);
      std::memcpy(digests[i], at(batch_.digests, items[i]), 32);
    }
    kVerify(verdicts, {keys[0], 64}, {signatures[0], 64}, {digests[0], 32}, count);
    for (size_t i = 0; i < count; ++i) status_[items[i]] = verdicts[i];
  }
};

}  // namespace
}  // namespace accel::sm2
