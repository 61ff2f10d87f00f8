// Inversion mod p by division steps: D. J. Bernstein, B.-Y. Yang, "Fast constant-time gcd computation and modular
// inversion", CHES 2019; for public values in a variable-time form that skips runs of zero bits.
//
// State: f odd, g, and d, e with d a = f and e a = g mod p; f = p, g = a, d = 0, e = 1 at first, and f = +-1, g = 0 at
// last. 62 division steps at a time run on the lowest limbs alone and give a matrix; the matrix is then applied to the
// long numbers, whose division by 2^62 is exact.
#pragma once

#include "sm2/field_u256.hpp"

namespace accel::sm2 {
namespace {

using i128 = __int128;

// Five limbs of 62 bits, the value is the sum of v[i] 2^(62 i); v[0..3] in [0, 2^62), v[4] carries the sign.
struct Signed62 {
  int64_t v[5];
};

inline constexpr int64_t kMask62 = INT64_MAX >> 1;
inline constexpr Signed62 kP62 = {
    {0x3fffffffffffffff, 0x3ffffffc00000003, 0x3fffffffffffffff, 0x3fffffbfffffffff, 0x00000000000000ff}};

// 62 division steps take (f, g) to (u f + v g, q f + r g) / 2^62. |u| + |v| and |q| + |r| are at most 2^62.
struct Transition {
  int64_t u, v, q, r;
};

// eta is minus the paper's delta; returns the next one.
inline int64_t division_steps_var(Transition& t, int64_t eta, uint64_t f, uint64_t g) {
  uint64_t u = 1, v = 0, q = 0, r = 1;
  int left = 62;
  for (;;) {
    const int zeros = __builtin_ctzll(g | (UINT64_MAX << left));
    g >>= zeros;
    u <<= zeros;
    v <<= zeros;
    eta -= zeros;
    left -= zeros;
    if (left == 0) break;
    if (eta < 0) {
      eta = -eta;
      const uint64_t f_old = f, u_old = u, v_old = v;
      f = g, u = q, v = r;
      g = 0 - f_old, q = 0 - u_old, r = 0 - v_old;
    }
    // Until eta changes sign, the steps only add f to g: cancel up to six of g's low bits at once. f (2 - f^2) is
    // 1 / f mod 2^6.
    const int limit = eta + 1 > left ? left : static_cast<int>(eta + 1);
    const uint64_t mask = (UINT64_MAX >> (64 - limit)) & 63;
    const uint64_t w = (g * f * (f * f - 2)) & mask;
    g += f * w;
    q += u * w;
    r += v * w;
  }
  t = {static_cast<int64_t>(u), static_cast<int64_t>(v), static_cast<int64_t>(q), static_cast<int64_t>(r)};
  return eta;
}

// The same in constant time, with a step's delta starting at 1/2 instead of 1, which takes fewer steps; zeta is
// -(delta + 1/2).
inline int64_t division_steps(Transition& t, int64_t zeta, uint64_t f, uint64_t g) {
  uint64_t u = 1, v = 0, q = 0, r = 1;
  for (int i = 0; i < 62; ++i) {
    // swap: all ones where delta > 0; odd: where g is odd. Where both, (f, g) = (g, (g - f) / 2), else g = (g + f) / 2
    // or g / 2.
    const uint64_t swap = opaque(static_cast<uint64_t>(zeta >> 63)), odd = opaque(0 - (g & 1));
    g += ((f ^ swap) - swap) & odd;
    q += ((u ^ swap) - swap) & odd;
    r += ((v ^ swap) - swap) & odd;
    const uint64_t both = swap & odd;
    zeta = (zeta ^ static_cast<int64_t>(both)) - 1;
    f += g & both;
    u += q & both;
    v += r & both;
    g >>= 1;
    u <<= 1;
    v <<= 1;
  }
  t = {static_cast<int64_t>(u), static_cast<int64_t>(v), static_cast<int64_t>(q), static_cast<int64_t>(r)};
  return zeta;
}

// (d, e) = t (d, e) / 2^62 mod p, for d, e in (-2p, p) before and after. p = -1 mod 2^62, so the multiple of p that
// makes the lowest limb vanish is that limb itself.
inline void update_coefficients(Signed62& d, Signed62& e, const Transition& t) {
  // p is added first for each negative operand, which keeps the results within (-2p, p).
  const int64_t d_sign = d.v[4] >> 63, e_sign = e.v[4] >> 63;
  int64_t md = (t.u & d_sign) + (t.v & e_sign);
  int64_t me = (t.q & d_sign) + (t.r & e_sign);
  i128 cd = static_cast<i128>(t.u) * d.v[0] + static_cast<i128>(t.v) * e.v[0];
  i128 ce = static_cast<i128>(t.q) * d.v[0] + static_cast<i128>(t.r) * e.v[0];
  // c + p m = 0 mod 2^62 asks for m = c: move m there by a change in [-(2^62 - 1), 0].
  md -= static_cast<int64_t>((static_cast<uint64_t>(md) - static_cast<uint64_t>(cd)) & kMask62);
  me -= static_cast<int64_t>((static_cast<uint64_t>(me) - static_cast<uint64_t>(ce)) & kMask62);
  cd += static_cast<i128>(kP62.v[0]) * md;
  ce += static_cast<i128>(kP62.v[0]) * me;
  cd >>= 62;
  ce >>= 62;
  for (int i = 1; i < 5; ++i) {
    cd += static_cast<i128>(t.u) * d.v[i] + static_cast<i128>(t.v) * e.v[i] + static_cast<i128>(kP62.v[i]) * md;
    ce += static_cast<i128>(t.q) * d.v[i] + static_cast<i128>(t.r) * e.v[i] + static_cast<i128>(kP62.v[i]) * me;
    d.v[i - 1] = static_cast<int64_t>(cd) & kMask62;
    e.v[i - 1] = static_cast<int64_t>(ce) & kMask62;
    cd >>= 62;
    ce >>= 62;
  }
  d.v[4] = static_cast<int64_t>(cd);
  e.v[4] = static_cast<int64_t>(ce);
}

// (f, g) = t (f, g) / 2^62, exactly; only the lowest `length` limbs are in use, the last of them signed. Time depends
// on nothing but that length.
inline void update_values(Signed62& f, Signed62& g, const Transition& t, int length) {
  i128 cf = static_cast<i128>(t.u) * f.v[0] + static_cast<i128>(t.v) * g.v[0];
  i128 cg = static_cast<i128>(t.q) * f.v[0] + static_cast<i128>(t.r) * g.v[0];
  ACCEL_INVARIANT((static_cast<int64_t>(cf) & kMask62) == 0 && (static_cast<int64_t>(cg) & kMask62) == 0);
  cf >>= 62;
  cg >>= 62;
  for (int i = 1; i < length; ++i) {
    cf += static_cast<i128>(t.u) * f.v[i] + static_cast<i128>(t.v) * g.v[i];
    cg += static_cast<i128>(t.q) * f.v[i] + static_cast<i128>(t.r) * g.v[i];
    f.v[i - 1] = static_cast<int64_t>(cf) & kMask62;
    g.v[i - 1] = static_cast<int64_t>(cg) & kMask62;
    cf >>= 62;
    cg >>= 62;
  }
  f.v[length - 1] = static_cast<int64_t>(cf);
  g.v[length - 1] = static_cast<int64_t>(cg);
}

// Drops the top limb of f and g when it is only a sign in both.
inline int shorten_var(Signed62& f, Signed62& g, int length) {
  const int64_t fn = f.v[length - 1], gn = g.v[length - 1];
  const bool signs_only = fn == fn >> 63 && gn == gn >> 63;
  if (length == 1 || !signs_only) return length;
  f.v[length - 2] |= static_cast<int64_t>(static_cast<uint64_t>(fn) << 62);
  g.v[length - 2] |= static_cast<int64_t>(static_cast<uint64_t>(gn) << 62);
  return length - 1;
}

inline Signed62 to_signed62(const U256& a) {
  constexpr uint64_t kMask = kMask62;
  return {{static_cast<int64_t>(a.v[0] & kMask), static_cast<int64_t>((a.v[0] >> 62 | a.v[1] << 2) & kMask),
           static_cast<int64_t>((a.v[1] >> 60 | a.v[2] << 4) & kMask),
           static_cast<int64_t>((a.v[2] >> 58 | a.v[3] << 6) & kMask), static_cast<int64_t>(a.v[3] >> 56)}};
}

// d = sign d + multiple p, with limbs normalised.
inline void add_p(Signed62& d, int64_t sign, int64_t multiple) {
  int64_t carry = 0;
  for (int i = 0; i < 4; ++i) {
    carry += sign * d.v[i] + multiple * kP62.v[i];
    d.v[i] = carry & kMask62;
    carry >>= 62;
  }
  d.v[4] = sign * d.v[4] + multiple * kP62.v[4] + carry;
}

inline U256 from_signed62(const Signed62& a) {
  const auto limb = [&a](int i) { return static_cast<uint64_t>(a.v[i]); };
  return {{limb(0) | limb(1) << 62, limb(1) >> 2 | limb(2) << 60, limb(2) >> 4 | limb(3) << 58,
           limb(3) >> 6 | limb(4) << 56}};
}

// +-d mod p for d in (-2p, p).
inline U256 reduce_signed62_var(Signed62 d, bool negate) {
  if (d.v[4] < 0) add_p(d, 1, 1);  // (-p, p)
  if (negate) add_p(d, -1, 0);
  if (d.v[4] < 0) add_p(d, 1, 1);  // [0, p)
  return from_signed62(d);
}

// The same in constant time; sign is 1 or -1.
inline U256 reduce_signed62(Signed62 d, int64_t sign) {
  const auto is_negative = [&d] { return static_cast<int64_t>(opaque(static_cast<uint64_t>(d.v[4]) >> 63)); };
  add_p(d, 1, is_negative());
  add_p(d, sign, 0);
  add_p(d, 1, is_negative());
  return from_signed62(d);
}

// a^-1 mod p for a < p; 0 for 0.
inline U256 inverse_mod_p_var(const U256& a) {
  Signed62 f = kP62, g = to_signed62(a), d = {}, e = {{1, 0, 0, 0, 0}};
  int64_t eta = -1;
  int length = 5;
  for (;;) {
    Transition t;
    eta = division_steps_var(t, eta, static_cast<uint64_t>(f.v[0]), static_cast<uint64_t>(g.v[0]));
    update_coefficients(d, e, t);
    update_values(f, g, t, length);
    int64_t any = 0;
    for (int i = 0; i < length; ++i) any |= g.v[i];
    if (any == 0) break;
    length = shorten_var(f, g, length);
  }
  // f = +-gcd(a, p): +-1, or +-p for a = 0, when d = 0.
  return reduce_signed62_var(d, f.v[length - 1] < 0);
}

// The same in constant time. 590 steps are enough for 256 bits (P. Wuille's bound by convex hulls, which starts at
// delta = 1/2); ten times 62 are taken, and those too many leave f and d alone but for doublings that cancel.
inline U256 inverse_mod_p(const U256& a) {
  Signed62 f = kP62, g = to_signed62(a), d = {}, e = {{1, 0, 0, 0, 0}};
  int64_t zeta = -1;
  for (int i = 0; i < 10; ++i) {
    Transition t;
    zeta = division_steps(t, zeta, static_cast<uint64_t>(f.v[0]), static_cast<uint64_t>(g.v[0]));
    update_coefficients(d, e, t);
    update_values(f, g, t, 5);
  }
  const U256 inverse = reduce_signed62(d, (f.v[4] >> 63) | 1);
  explicit_bzero(&f, sizeof(f));
  explicit_bzero(&g, sizeof(g));
  explicit_bzero(&d, sizeof(d));
  explicit_bzero(&e, sizeof(e));
  return inverse;
}

}  // namespace
}  // namespace accel::sm2
