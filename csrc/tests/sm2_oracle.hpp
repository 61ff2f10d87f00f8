// The tests' own arithmetic: integers mod m and points of y^2 = x^3 - 3x + b by the schoolbook, sharing nothing with
// the kernels. Multiplication doubles and adds, inversion is the binary Euclidean algorithm, points are affine.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace accel::sm2::testing {

using Bytes = std::vector<uint8_t>;

inline Bytes unhex(const std::string& hex) {
  Bytes bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

// 320 bits, so that sums of 256-bit numbers fit. Limb 0 is the least significant.
struct Integer {
  std::array<uint64_t, 5> limbs{};

  static Integer of(uint64_t small) { return {{small}}; }
  static Integer from_bytes(const uint8_t* big_endian) {
    Integer r;
    for (size_t i = 0; i < 32; ++i) r.limbs[i / 8] |= static_cast<uint64_t>(big_endian[31 - i]) << i % 8 * 8;
    return r;
  }
  static Integer from_hex(const std::string& hex) { return from_bytes(unhex(hex).data()); }
  static Integer power_of_two(size_t exponent) {
    Integer r;
    r.limbs[exponent / 64] = uint64_t{1} << exponent % 64;
    return r;
  }
  Bytes bytes() const {
    Bytes r(32);
    for (size_t i = 0; i < 32; ++i) r[31 - i] = static_cast<uint8_t>(limbs[i / 8] >> i % 8 * 8);
    return r;
  }
  bool bit(size_t i) const { return limbs[i / 64] >> i % 64 & 1; }
  bool is_even() const { return !bit(0); }
  bool is_zero() const { return *this == Integer{}; }
  bool operator==(const Integer&) const = default;
  bool operator<(const Integer& other) const {
    for (size_t i = 5; i-- > 0;) {
      if (limbs[i] != other.limbs[i]) return limbs[i] < other.limbs[i];
    }
    return false;
  }
  Integer operator+(const Integer& other) const {
    Integer r;
    uint64_t carry = 0;
    for (size_t i = 0; i < 5; ++i) {
      const uint64_t partial = limbs[i] + carry;
      r.limbs[i] = partial + other.limbs[i];
      carry = (partial < carry) | (r.limbs[i] < partial);
    }
    return r;
  }
  Integer operator-(const Integer& other) const {
    Integer r;
    uint64_t borrow = 0;
    for (size_t i = 0; i < 5; ++i) {
      const uint64_t partial = limbs[i] - other.limbs[i];
      r.limbs[i] = partial - borrow;
      borrow = (limbs[i] < other.limbs[i]) | (partial < borrow);
    }
    return r;
  }
  Integer half() const {
    Integer r;
    for (size_t i = 0; i < 5; ++i) r.limbs[i] = limbs[i] >> 1 | (i < 4 ? limbs[i + 1] << 63 : 0);
    return r;
  }
};

inline const Integer kOracleP = Integer::from_hex("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF");
inline const Integer kOracleN = Integer::from_hex("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123");

// Arithmetic mod m; operands below m.
struct Ring {
  Integer m;

  Integer add(const Integer& a, const Integer& b) const {
    const Integer sum = a + b;
    return sum < m ? sum : sum - m;
  }
  Integer sub(const Integer& a, const Integer& b) const { return a < b ? a + m - b : a - b; }
  Integer neg(const Integer& a) const { return sub({}, a); }
  // a may be any 256-bit number.
  Integer mul(const Integer& a, const Integer& b) const {
    Integer r;
    for (size_t i = 256; i-- > 0;) {
      r = add(r, r);
      if (a.bit(i)) r = add(r, b);
    }
    return r;
  }
  Integer reduce(const Integer& a) const { return mul(a, Integer::of(1)); }
  // m odd, a != 0 and coprime to it.
  Integer inverse(const Integer& a) const {
    const auto halve = [this](const Integer& x) { return (x.is_even() ? x : x + m).half(); };
    Integer u = a, v = m, x = Integer::of(1), y;  // x a = u, y a = v mod m
    while (!(u == Integer::of(1)) && !(v == Integer::of(1))) {
      for (; u.is_even(); u = u.half()) x = halve(x);
      for (; v.is_even(); v = v.half()) y = halve(y);
      if (u < v) {
        v = v - u, y = sub(y, x);
      } else {
        u = u - v, x = sub(x, y);
      }
    }
    return u == Integer::of(1) ? x : y;
  }
};

inline const Ring kFieldRing{kOracleP};
inline const Ring kOrderRing{kOracleN};

// Without a value: infinity.
struct Coordinates {
  Integer x, y;
  bool operator==(const Coordinates&) const = default;
};
using Point = std::optional<Coordinates>;

inline Point add_points(const Point& a, const Point& b) {
  const Ring& f = kFieldRing;
  if (!a) return b;
  if (!b) return a;
  Integer slope;
  if (a->x == b->x) {
    if (f.add(a->y, b->y).is_zero()) return {};
    const Integer xx = f.mul(a->x, a->x);
    const Integer numerator = f.sub(f.add(f.add(xx, xx), xx), Integer::of(3));
    slope = f.mul(numerator, f.inverse(f.add(a->y, a->y)));
  } else {
    slope = f.mul(f.sub(b->y, a->y), f.inverse(f.sub(b->x, a->x)));
  }
  const Integer x = f.sub(f.sub(f.mul(slope, slope), a->x), b->x);
  return Coordinates{x, f.sub(f.mul(slope, f.sub(a->x, x)), a->y)};
}

inline Point negate_point(const Point& a) { return a ? Point(Coordinates{a->x, kFieldRing.neg(a->y)}) : a; }

inline Point multiply_point(const Integer& k, Point a) {
  Point r;
  for (size_t i = 0; i < 256; ++i) {
    if (k.bit(i)) r = add_points(r, a);
    a = add_points(a, a);
  }
  return r;
}

inline const Coordinates kOracleG = {
    Integer::from_hex("32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"),
    Integer::from_hex("BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0")};

// [k]G, the doublings of G kept.
inline Point multiply_generator(const Integer& k) {
  static const std::vector<Point> powers = [] {
    std::vector<Point> r = {kOracleG};
    while (r.size() < 256) r.push_back(add_points(r.back(), r.back()));
    return r;
  }();
  Point r;
  for (size_t i = 0; i < 256; ++i) {
    if (k.bit(i)) r = add_points(r, powers[i]);
  }
  return r;
}

// Random numbers in runs of equal bits of random length, which provoke carries that uniform ones never do.
class Dense {
 public:
  explicit Dense(uint64_t seed) : generator_(seed) {}
  uint64_t word() { return generator_(); }
  Integer below_2_256() {
    Integer r;
    bool one = word() & 1;
    for (size_t bit = 0; bit < 256; one = !one) {
      const size_t longest = word() % 4 == 0 ? 100 : 3;
      for (size_t run = 1 + word() % longest; run > 0 && bit < 256; --run, ++bit) {
        if (one) r.limbs[bit / 64] |= uint64_t{1} << bit % 64;
      }
    }
    return r;
  }
  // In [1, m - 1].
  Integer below(const Integer& m) {
    for (;;) {
      const Integer r = below_2_256();
      if (r < m && !r.is_zero()) return r;
    }
  }

 private:
  std::mt19937_64 generator_;
};

}  // namespace accel::sm2::testing
