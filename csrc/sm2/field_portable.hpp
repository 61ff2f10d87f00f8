// Field arithmetic for any 64-bit CPU.
#pragma once

#include "sm2/field.hpp"

namespace accel::sm2 {
namespace {

struct PortableCore {
  // Below 2^256 p.
  struct Product {
    uint64_t t[8];
  };

  // t + a b + carry in two limbs; never overflows.
  static ACCEL_INLINE uint64_t multiply_add(uint64_t t, uint64_t a, uint64_t b, uint64_t& carry) {
    const u128 sum = static_cast<u128>(a) * b + t + carry;
    carry = static_cast<uint64_t>(sum >> 64);
    return static_cast<uint64_t>(sum);
  }

  // One step of Montgomery's reduction on the low half: (x + m p) / 2^64 for m = x0, since -1 / p = 1 mod 2^64.
  // (p + 1) / 2^64 = 2^192 - 2^160 - 2^32 + 1, so m p needs shifts only. The result is below 2^192 + p < 2^256, so that
  // working mod 2^256 on the way is exact.
  static ACCEL_INLINE void reduce_step(uint64_t x[4]) {
    const uint64_t m = x[0], low = m << 32, high = m >> 32;
    uint64_t carry = 0, borrow = 0;
    x[1] = add_carry(x[1], m, carry);
    x[2] = add_carry(x[2], 0, carry);
    x[3] = add_carry(x[3], 0, carry);
    const uint64_t top = m + carry;
    x[0] = sub_borrow(x[1], low, borrow);
    x[1] = sub_borrow(x[2], high, borrow);
    x[2] = sub_borrow(x[3], low, borrow);
    x[3] = top - high - borrow;
  }

  // t / R mod p: (t + M p) / R < 2p for the M < R that the four steps make up.
  static ACCEL_INLINE Fe reduce(const Product& product) {
    const uint64_t* t = product.t;
    uint64_t x[4] = {t[0], t[1], t[2], t[3]};
    for (int i = 0; i < 4; ++i) reduce_step(x);
    U256 r{};
    const uint64_t carry = accel::sm2::add(r, U256{{x[0], x[1], x[2], x[3]}}, U256{{t[4], t[5], t[6], t[7]}});
    r = reduce_once(carry, r, kP);
    return Fe{{r.v[0], r.v[1], r.v[2], r.v[3]}};
  }

  // A function of its own, and so is sqr: without a carry flag to name, the compiler needs about 200 instructions here,
  // and inlined into every formula they cost minutes of compiling for a call's 5 cycles of 60.
  static ACCEL_NOINLINE Fe mul(const Fe& a, const Fe& b) {
    Product product = {};
    for (int i = 0; i < 4; ++i) {
      uint64_t carry = 0;
      for (int j = 0; j < 4; ++j) product.t[i + j] = multiply_add(product.t[i + j], a.v[j], b.v[i], carry);
      product.t[i + 4] = carry;
    }
    return reduce(product);
  }

  static ACCEL_NOINLINE Fe sqr(const Fe& a) {
    Product product = {};
    uint64_t* t = product.t;
    for (int i = 0; i < 3; ++i) {
      uint64_t carry = 0;
      for (int j = i + 1; j < 4; ++j) t[i + j] = multiply_add(t[i + j], a.v[j], a.v[i], carry);
      t[i + 4] = carry;
    }
    t[7] = t[6] >> 63;
    for (int i = 6; i > 1; --i) t[i] = t[i] << 1 | t[i - 1] >> 63;
    t[1] <<= 1;
    uint64_t carry = 0;
    for (int i = 0; i < 4; ++i) {
      const u128 square = static_cast<u128>(a.v[i]) * a.v[i];
      t[2 * i] = add_carry(t[2 * i], static_cast<uint64_t>(square), carry);
      t[2 * i + 1] = add_carry(t[2 * i + 1], static_cast<uint64_t>(square >> 64), carry);
    }
    return reduce(product);
  }

  static ACCEL_INLINE Fe add(const Fe& a, const Fe& b) {
    const U256 r = add_mod(U256{{a.v[0], a.v[1], a.v[2], a.v[3]}}, U256{{b.v[0], b.v[1], b.v[2], b.v[3]}}, kP);
    return Fe{{r.v[0], r.v[1], r.v[2], r.v[3]}};
  }

  static ACCEL_INLINE Fe sub(const Fe& a, const Fe& b) {
    uint64_t borrow = 0, carry = 0;
    Fe r;
    for (int i = 0; i < 4; ++i) r.v[i] = sub_borrow(a.v[i], b.v[i], borrow);
    const uint64_t mask = 0 - borrow;
    for (int i = 0; i < 4; ++i) r.v[i] = add_carry(r.v[i], kP.v[i] & mask, carry);
    return r;
  }
};

using PortableField = Field<PortableCore>;

}  // namespace
}  // namespace accel::sm2
