// Signing (GB/T 32918.2, section 6) and public keys: constant-time in the private key and the nonce. No branch and no
// address depends on either; what is revealed, and why it may be, stands at each declassify.
#pragma once

#include "accel/accel.h"
#include "base/ctime.hpp"
#include "sm2/tables.hpp"

namespace accel::sm2 {
namespace {

inline constexpr int kSignWidth = 6;  // 43 windows, a table of 86 KB: read as a whole for every signature

// Four 32-bit lanes; SSE2 and Advanced SIMD, the vectors of the baseline, are that wide.
using Lanes = uint32_t __attribute__((vector_size(16)));

// The entry of one window's row that `digit` names, without the sign: every entry is read.
template <int kWidth>
ACCEL_INLINE Affine select_entry(const Affine* row, const Digit& digit) {
  constexpr uint32_t kEntries = OddRecoding<kWidth>::kEntries;
  const Lanes wanted = {digit.index, digit.index, digit.index, digit.index};
  Lanes current = {}, chosen[4] = {};
  for (uint32_t entry = 0; entry < kEntries; ++entry) {
    const Lanes mask = reinterpret_cast<Lanes>(current == wanted);
    Lanes words[4];
    std::memcpy(words, row + entry, sizeof(words));
    for (int i = 0; i < 4; ++i) chosen[i] |= words[i] & mask;
    current += 1;
  }
  Affine p;
  std::memcpy(&p, chosen, sizeof(p));
  return p;
}

template <class F>
ACCEL_INLINE void apply_sign(Affine& p, const Digit& digit) {
  p.y = F::negate_nonzero_if(opaque(0 - static_cast<uint64_t>(digit.negative)), p.y);
}

// [k]G for k in [1, order - 1] by complete additions, one window after another.
template <class F, class Group, int kWidth>
inline Affine multiply_base_complete(const U256& k) {
  using Recoding = OddRecoding<kWidth>;
  const Affine* table = GeneratorTable<F, Group, kWidth>::get();
  Recoding digits(k, Group::kModulus.m);
  Projective sum = {kFeZero, kFeOne, kFeZero};
  for (int window = 0; window < Recoding::kWindows; ++window) {
    Affine p = select_entry<kWidth>(table + window * Recoding::kEntries, digits[window]);
    if constexpr (Group::kSmall) {
      if (is_infinity_var(p)) continue;
    }
    apply_sign<F>(p, digits[window]);
    sum = add_mixed_complete<F, Group>(sum, p);
  }
  const Fe inverse = F::inverse(sum.z);
  const Affine result = {F::mul(sum.x, inverse), F::mul(sum.y, inverse)};
  explicit_bzero(&sum, sizeof(sum));
  explicit_bzero(&digits, sizeof(digits));
  return result;
}

// [k_i]G for many k_i in [1, order - 1] at once: a tree of affine additions with one inversion per level.
template <class F, class Group, int kWidth>
struct BaseMultiples {
  using Recoding = OddRecoding<kWidth>;
  static constexpr size_t kChunk = 64;
  static constexpr size_t kSlots = Recoding::kWindows;
  // So few are faster one by one: the tree's six inversions cost more than they save.
  static constexpr size_t kFew = 2;

  // sums[i] = [scalars[i]]G; items <= kChunk. A tree meets an exceptional case for few scalars: at most two for each of
  // its additions and each sum of the windows below. Random nonces hit one with a probability of about 2^-250, so that
  // it is revealed, and it is computed again by complete formulas, so that even a chosen scalar gives the right point.
  static void compute(Affine* sums, const U256* scalars, size_t items) {
    if (items > kFew) return compute_tree(sums, scalars, items);
    for (size_t i = 0; i < items; ++i) sums[i] = multiply_base_complete<F, Group, kWidth>(scalars[i]);
  }

 private:
  static ACCEL_NOINLINE void compute_tree(Affine* sums, const U256* scalars, size_t items) {
    alignas(64) Affine nodes[kSlots * kChunk];
    Fe products[kSlots / 2 * kChunk];
    uint64_t exceptional[kChunk] = {};
    const Affine* table = GeneratorTable<F, Group, kWidth>::get();
    for (size_t i = 0; i < items; ++i) {
      Recoding digits(scalars[i], Group::kModulus.m);
      for (size_t window = 0; window < kSlots; ++window) {
        const Digit digit = digits[static_cast<int>(window)];
        Affine p = select_entry<kWidth>(table + window * Recoding::kEntries, digit);
        if constexpr (Group::kSmall) {
          if (is_infinity_var(p)) {
            exceptional[i] = ~uint64_t{0};
            p = Group::kGenerator;
          }
        }
        apply_sign<F>(p, digit);
        nodes[window * items + i] = p;
      }
      explicit_bzero(&digits, sizeof(digits));
    }
    add_up<F, SecretInverse>(nodes, kSlots, 1, items, exceptional, products);
    std::memcpy(sums, nodes, items * sizeof(Affine));
    declassify(exceptional, sizeof(exceptional));  // a nonce that random bytes do not give, see above
    for (size_t i = 0; i < items; ++i) {
      if (exceptional[i] != 0) sums[i] = multiply_base_complete<F, Group, kWidth>(scalars[i]);
    }
    explicit_bzero(nodes, sizeof(nodes));
    explicit_bzero(products, sizeof(products));
  }
};

// 64 uniformly random bytes, as a big-endian integer, mod n; 0 becomes 1, which adds 2^-256 to its probability.
inline U256 reduce_nonce(const uint8_t bytes[64]) {
  U256 k = reduce_wide(load_be(bytes), load_be(bytes + 32), kOrder);
  k.v[0] |= zero_mask(k) & 1;
  return k;
}

// r = e + x mod n, s = (1 + d)^-1 (k + r) - r mod n; all ones if that is a signature, and zeros in both if not: r + k =
// n would give the nonce away.
inline uint64_t finish_signature(uint8_t signature[64], const SignKey& key, const U256& k, const U256& x,
                                 const uint8_t digest[32]) {
  const U256& n = kOrder.m;
  const U256 r = add_mod(reduce_once(0, load_be(digest), n), reduce_once(0, x, n), n);
  U256 k_plus_r = add_mod(k, r, n);
  const U256 s = sub_mod(mul_mod(load_be(key.inverse), k_plus_r, kOrder), r, n);
  const uint64_t valid = ~(zero_mask(r) | zero_mask(k_plus_r) | zero_mask(s));
  explicit_bzero(&k_plus_r, sizeof(k_plus_r));  // as good as k, since r is published
  store_be(signature, select(valid, r, U256{}));
  store_be(signature + 32, select(valid, s, U256{}));
  return valid;
}

// The functions of Kernel.
template <class F>
struct Signer {
  using Multiples = BaseMultiples<F, Sm2Group, kSignWidth>;
  static constexpr size_t kKeyChunk = 128;  // keys that share an inversion

  static void derive_sign_keys(SignKey* keys, uint8_t* valid, Strided secrets, size_t count) {
    for (size_t begin = 0; begin < count; begin += kKeyChunk) {
      const size_t items = count - begin < kKeyChunk ? count - begin : kKeyChunk;
      derive_chunk(keys + begin, valid + begin, {at(secrets, begin), secrets.stride}, items);
    }
  }

  // d in [1, n - 2].
  static void public_keys(uint8_t* keys_out, Strided secrets, size_t count) {
    U256 scalars[Multiples::kChunk];
    Affine points[Multiples::kChunk];
    for (size_t begin = 0; begin < count; begin += Multiples::kChunk) {
      const size_t items = count - begin < Multiples::kChunk ? count - begin : Multiples::kChunk;
      for (size_t i = 0; i < items; ++i) scalars[i] = load_be(at(secrets, begin + i));
      Multiples::compute(points, scalars, items);
      for (size_t i = 0; i < items; ++i) {
        store_be(keys_out + 64 * (begin + i), F::to_integer(points[i].x));
        store_be(keys_out + 64 * (begin + i) + 32, F::to_integer(points[i].y));
      }
    }
    declassify(keys_out, 64 * count);  // public by definition
    explicit_bzero(scalars, sizeof(scalars));
  }

  static void sign(uint8_t* status, uint8_t* signatures, const SignKey* const* keys, Strided nonces, Strided digests,
                   size_t count) {
    U256 scalars[Multiples::kChunk];
    Affine points[Multiples::kChunk];
    for (size_t begin = 0; begin < count; begin += Multiples::kChunk) {
      const size_t items = count - begin < Multiples::kChunk ? count - begin : Multiples::kChunk;
      for (size_t i = 0; i < items; ++i) scalars[i] = reduce_nonce(at(nonces, begin + i));
      Multiples::compute(points, scalars, items);
      for (size_t i = 0; i < items; ++i) {
        const size_t item = begin + i;
        uint64_t valid = finish_signature(signatures + 64 * item, *keys[item], scalars[i], F::to_integer(points[i].x),
                                          at(digests, item));
        declassify(&valid, sizeof(valid));       // whether to ask again: seen by the caller anyway
        declassify(signatures + 64 * item, 64);  // the signature, which is published
        status[item] = valid != 0 ? ACCEL_OK : ACCEL_NOT_CHECKED;
      }
    }
    explicit_bzero(scalars, sizeof(scalars));
    explicit_bzero(points, sizeof(points));
  }

 private:
  // d, or 1 where d is outside [1, n - 2]; *valid says which.
  static ACCEL_INLINE U256 load_secret(uint8_t* valid, const uint8_t bytes[32]) {
    U256 n_minus_1{};
    sub(n_minus_1, kOrder.m, kU256One);
    const U256 d = load_be(bytes);
    const uint64_t in_range = less_mask(d, n_minus_1) & ~zero_mask(d);
    *valid = static_cast<uint8_t>(in_range & 1);
    return select(in_range, d, kU256One);
  }

  static void derive_chunk(SignKey* keys, uint8_t* valid, Strided secrets, size_t items) {
    U256 terms[kKeyChunk], products[kKeyChunk];  // 1 + d, and the product of those before, in Montgomery form
    U256 product = montgomery_mul(kOrder.r_squared, kU256One, kOrder);
    for (size_t i = 0; i < items; ++i) {
      terms[i] = load_secret(valid + i, at(secrets, i));
      store_be(keys[i].d, terms[i]);
      add(terms[i], terms[i], kU256One);
      terms[i] = montgomery_mul(terms[i], kOrder.r_squared, kOrder);
      products[i] = product;
      product = montgomery_mul(product, terms[i], kOrder);
    }
    U256 rest = inverse_mod(product, kOrder);  // 1 / (a R) from a R: two factors R are missing
    for (int i = 0; i < 2; ++i) rest = montgomery_mul(rest, kOrder.r_squared, kOrder);
    for (size_t i = items; i-- > 0;) {
      store_be(keys[i].inverse, montgomery_mul(montgomery_mul(rest, products[i], kOrder), kU256One, kOrder));
      rest = montgomery_mul(rest, terms[i], kOrder);
    }
    declassify(valid, items);  // whether d is a private key: the result
    for (size_t i = 0; i < items; ++i) {
      if (valid[i] == 0) explicit_bzero(&keys[i], sizeof(keys[i]));
    }
    explicit_bzero(terms, sizeof(terms));
    explicit_bzero(products, sizeof(products));
    explicit_bzero(&product, sizeof(product));
    explicit_bzero(&rest, sizeof(rest));
  }
};

}  // namespace
}  // namespace accel::sm2
