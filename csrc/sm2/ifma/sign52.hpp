// Signing and public keys in eight lanes: sign.hpp in vectors, constant-time in the private keys and the nonces.
#pragma once

#include "accel/accel.h"
#include "sm2/ifma/base52.hpp"
#include "sm2/ifma/order52.hpp"

namespace accel::sm2 {
namespace {

inline constexpr int kSignWidth52 = 8;  // 32 windows, a table of 328 KB

// The functions of Kernel. F is the scalar field of the slow path.
template <class V, class F>
class Signer52 {
  using Multiples = BaseMultiples52<V, F, Sm2Group, kSignWidth52>;
  using Field = Field52<V>;
  using Order = Order52<V>;
  using FeVec = typename Field::Fe;
  using Mask = typename V::Mask;
  static constexpr size_t kLanes = V::kLanes;
  static constexpr size_t kChunk = Multiples::kChunk;
  static_assert(kLanes == 8);

 public:
  static ACCEL_NOINLINE void sign(uint8_t* status, uint8_t* signatures, const SignKey* const* keys, Strided nonces,
                                  Strided digests, size_t count) {
    Scratch scratch;
    for (size_t begin = 0; begin < count; begin += kChunk) {
      const size_t items = count - begin < kChunk ? count - begin : kChunk;
      const Strided chunk_nonces = {at(nonces, begin), nonces.stride};
      const Strided chunk_digests = {at(digests, begin), digests.stride};
      if (items <= kFew) {
        Signer<F>::sign(status + begin, signatures + 64 * begin, keys + begin, chunk_nonces, chunk_digests, items);
        continue;
      }
      const size_t groups = (items + kLanes - 1) / kLanes;
      load_nonces(scratch.scalars, chunk_nonces, items);
      Multiples::compute(scratch.tree, scratch.scalars, groups);
      for (size_t group = 0; group < groups; ++group) {
        finish(status + begin, signatures + 64 * begin, keys + begin, chunk_digests, scratch.scalars[group],
               scratch.tree.nodes[group].x, group, items);
      }
    }
    wipe_used(scratch, count);
  }

  // d in [1, n - 2].
  static ACCEL_NOINLINE void public_keys(uint8_t* keys_out, Strided secrets, size_t count) {
    Scratch scratch;
    for (size_t begin = 0; begin < count; begin += kChunk) {
      const size_t items = count - begin < kChunk ? count - begin : kChunk;
      const Strided chunk_secrets = {at(secrets, begin), secrets.stride};
      if (items <= kFew) {
        Signer<F>::public_keys(keys_out + 64 * begin, chunk_secrets, items);
        continue;
      }
      const size_t groups = (items + kLanes - 1) / kLanes;
      load_secrets(scratch.scalars, chunk_secrets, items);
      Multiples::compute(scratch.tree, scratch.scalars, groups);
      for (size_t group = 0; group < groups; ++group) {
        store_points(keys_out + 64 * begin, scratch.tree.nodes[group], group, items);
      }
    }
    declassify(keys_out, 64 * count);  // public by definition
    wipe_used(scratch, count);
  }

 private:
  struct Scratch {
    typename Multiples::Scratch tree;
    FeVec scalars[Multiples::kGroups];
  };

  // Integers on their way between memory and lanes.
  struct alignas(64) Words {
    uint64_t v[4][kLanes];

    ACCEL_INLINE void set(size_t lane, const uint8_t bytes[32]) {
      const U256 a = load_be(bytes);
      for (int i = 0; i < 4; ++i) v[i][lane] = a.v[i];
    }
    ACCEL_INLINE void get(uint8_t bytes[32], size_t lane) const {
      store_be(bytes, U256{{v[0][lane], v[1][lane], v[2][lane], v[3][lane]}});
    }
    ACCEL_INLINE FeVec load() const {
      return Field::unpack(V::load(v[0]), V::load(v[1]), V::load(v[2]), V::load(v[3]));
    }
    ACCEL_INLINE void store(const FeVec& a) {
      V words[4];
      Field::pack(words, a);
      for (int i = 0; i < 4; ++i) words[i].store(v[i]);
    }
  };

  // Lanes without an item work on the last one.
  static ACCEL_INLINE size_t item_of(size_t group, size_t lane, size_t items) {
    const size_t item = kLanes * group + lane;
    return item < items ? item : items - 1;
  }

  // 64 uniformly random bytes mod n; 0 becomes 1, see reduce_nonce.
  static void load_nonces(FeVec* scalars, Strided nonces, size_t items) {
    Words high, low;
    for (size_t group = 0; group * kLanes < items; ++group) {
      for (size_t lane = 0; lane < kLanes; ++lane) {
        const uint8_t* bytes = at(nonces, item_of(group, lane, items));
        high.set(lane, bytes);
        low.set(lane, bytes + 32);
      }
      FeVec k = Order::reduce_wide(high.load(), low.load());
      k.l[0] = V::select(Order::zero_mask(k), V::broadcast(1), k.l[0]);
      scalars[group] = k;
    }
    explicit_bzero(&high, sizeof(high));
    explicit_bzero(&low, sizeof(low));
  }

  // finish_signature for a group of items. x: of the points [k]G.
  static void finish(uint8_t* status, uint8_t* signatures, const SignKey* const* keys, Strided digests,
                     const FeVec& scalars, const FeVec& x, size_t group, size_t items) {
    Words inverse, digest, r_words, s_words;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const size_t item = item_of(group, lane, items);
      inverse.set(lane, keys[item]->inverse);
      digest.set(lane, at(digests, item));
    }
    const FeVec r = Order::add(digest.load(), Field::to_integer(x));
    const FeVec k_plus_r = Order::add(scalars, r);
    const FeVec s = Order::mul_sub(inverse.load(), k_plus_r, r);
    Mask invalid = static_cast<Mask>(Order::zero_mask(r) | Order::zero_mask(k_plus_r) | Order::zero_mask(s));
    const FeVec zero = Field::broadcast(U256{});
    r_words.store(Field::select(invalid, zero, r));
    s_words.store(Field::select(invalid, zero, s));
    declassify(&invalid, sizeof(invalid));  // whether to ask again: seen by the caller anyway
    declassify(&r_words, sizeof(r_words));  // the signatures, which are published
    declassify(&s_words, sizeof(s_words));
    explicit_bzero(&inverse, sizeof(inverse));
    for (size_t lane = 0; lane < kLanes && kLanes * group + lane < items; ++lane) {
      const size_t item = kLanes * group + lane;
      r_words.get(signatures + 64 * item, lane);
      s_words.get(signatures + 64 * item + 32, lane);
      status[item] = (invalid >> lane & 1) == 0 ? ACCEL_OK : ACCEL_NOT_CHECKED;
    }
  }

  // A single one is faster by complete formulas: see BaseMultiples.
  static constexpr size_t kFew = 1;

  static void load_secrets(FeVec* scalars, Strided secrets, size_t items) {
    Words words;
    for (size_t group = 0; group * kLanes < items; ++group) {
      for (size_t lane = 0; lane < kLanes; ++lane) words.set(lane, at(secrets, item_of(group, lane, items)));
      scalars[group] = words.load();
    }
    explicit_bzero(&words, sizeof(words));
  }

  static void store_points(uint8_t* keys_out, const PointVec<V>& points, size_t group, size_t items) {
    Words x, y;
    x.store(Field::to_integer(points.x));
    y.store(Field::to_integer(points.y));
    for (size_t lane = 0; lane < kLanes && kLanes * group + lane < items; ++lane) {
      x.get(keys_out + 64 * (kLanes * group + lane), lane);
      y.get(keys_out + 64 * (kLanes * group + lane) + 32, lane);
    }
  }

  // What a call with `count` items has written to.
  static void wipe_used(Scratch& scratch, size_t count) {
    const size_t groups = ((count < kChunk ? count : kChunk) + kLanes - 1) / kLanes;
    explicit_bzero(scratch.tree.nodes, Multiples::kSlots * groups * sizeof(scratch.tree.nodes[0]));
    explicit_bzero(scratch.tree.products, Multiples::kSlots / 2 * groups * sizeof(scratch.tree.products[0]));
    explicit_bzero(scratch.tree.digits, groups * sizeof(scratch.tree.digits[0]));
    explicit_bzero(scratch.scalars, groups * sizeof(scratch.scalars[0]));
  }
};

}  // namespace
}  // namespace accel::sm2
