// Field52Ops of a vector type. No standard library in here: one of the translation units that include it is compiled
// with AVX-512.
#pragma once

#include "field52_ops.hpp"
#include "sm2/ifma/field52.hpp"

namespace accel::sm2::testing {
namespace {

template <class V>
struct Field52OpsOf {
  using F = Field52<V>;
  using Fe = typename F::Fe;
  using Sum = typename F::Sum;

  template <class Element>
  static Element load(const Lanes52& a) {
    Element r;
    for (int i = 0; i < kLimbs; ++i) r.l[i] = V::load(a.limbs[i]);
    return r;
  }
  static void store(Lanes52& r, const Fe& a) {
    for (int i = 0; i < kLimbs; ++i) a.l[i].store(r.limbs[i]);
  }

  static void mul(Lanes52& r, const Lanes52& a, const Lanes52& b) { store(r, F::mul(load<Fe>(a), load<Fe>(b))); }
  static void mul_and_carry(Lanes52& r, const Lanes52& a, const Lanes52& b, Lanes52& tight, Lanes52& low,
                            Lanes52& reduced, const Lanes52 (&sums)[3]) {
    const Sum s0 = load<Sum>(sums[0]), s1 = load<Sum>(sums[1]), s2 = load<Sum>(sums[2]);
    Fe t, l, q;
    const Sum product =
        F::mul_sum(load<Fe>(a), load<Fe>(b), F::template tighten_steps<9>(t, [&](int i) { return s0.l[i]; }),
                   F::template tighten_steps<0>(l, [&](int i) { return s1.l[i]; }),
                   F::reduce_steps(q, [&](int i) { return s2.l[i]; }));
    store(r, F::template tighten<0>(product));
    store(tight, t);
    store(low, l);
    store(reduced, q);
  }
  static void sqr(Lanes52& r, const Lanes52& a) { store(r, F::sqr(load<Fe>(a))); }
  static void add(Lanes52& r, const Lanes52& a, const Lanes52& b) { store(r, F::add(load<Fe>(a), load<Fe>(b))); }
  static void sub5(Lanes52& r, const Lanes52& a, const Lanes52& b) {
    store(r, F::template sub<5>(load<Fe>(a), load<Fe>(b)));
  }
  static void canonical(Lanes52& r, const Lanes52& a) { store(r, F::canonical(load<Fe>(a))); }
  static void inverse(Lanes52& r, const Lanes52& a) { store(r, F::inverse(load<Fe>(a))); }
  static void inverse_var(Lanes52& r, const Lanes52& a) { store(r, F::inverse_var(load<Fe>(a))); }
  static void from_integer(Lanes52& r, const Lanes52& a) { store(r, F::from_integer(load<Fe>(a))); }
  static void to_integer(Lanes52& r, const Lanes52& a) { store(r, F::to_integer(load<Fe>(a))); }
  static uint8_t zero_mask(const Lanes52& a) { return F::zero_mask(load<Fe>(a)); }
  static void load_quads(Lanes52& r, const uint64_t* const (&addresses)[8]) {
    const void* plain[8];
    for (size_t i = 0; i < 8; ++i) plain[i] = addresses[i];
    V words[4];
    V::load_quads(words, plain);
    store(r, F::unpack(words[0], words[1], words[2], words[3]));
  }
  static void pack(uint64_t (&words)[4][8], const Lanes52& a) {
    V packed[4];
    F::pack(packed, load<Fe>(a));
    for (int i = 0; i < 4; ++i) packed[i].store(words[i]);
  }
};

template <class V>
constexpr Field52Ops field52_ops(const char* name, bool (*supported)(const CpuFeatures&)) {
  using Ops = Field52OpsOf<V>;
  return {name,           supported,       Ops::mul,     Ops::mul_and_carry, Ops::sqr,          Ops::add,
          Ops::sub5,      Ops::canonical,  Ops::inverse, Ops::inverse_var,   Ops::from_integer, Ops::to_integer,
          Ops::zero_mask, Ops::load_quads, Ops::pack};
}

}  // namespace
}  // namespace accel::sm2::testing
