/* 256-bit integers, and arithmetic modulo the two primes of the curve. */
#ifndef ACCEL_GOLDEN_MODULAR_H
#define ACCEL_GOLDEN_MODULAR_H

#include <stdint.h>
#include <string.h>

/* Word 0 is the least significant. Passed and returned by value, so that formulas read like formulas. */
typedef struct number {
  uint32_t word[8];
} number;

typedef struct product {
  uint32_t word[16];
} product;

typedef struct modulus {
  number m;    /* 2^256 > m > 2^256 - 2^225 */
  number fold; /* 2^256 - m: what 2^256 is modulo m */
} modulus;

/* GB/T 32918.5-2017, section 4.2. */
static const modulus kP = {
    {{0xffffffff, 0xffffffff, 0x00000000, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xfffffffe}},
    {{0x00000001, 0x00000000, 0xffffffff, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000001}}};
static const modulus kN = {
    {{0x39d54123, 0x53bbf409, 0x21c6052b, 0x7203df6b, 0xffffffff, 0xffffffff, 0xffffffff, 0xfffffffe}},
    {{0xc62abedd, 0xac440bf6, 0xde39fad4, 0x8dfc2094, 0x00000000, 0x00000000, 0x00000000, 0x00000001}}};

static const number kZero = {{0}};
static const number kOne = {{1}};

static inline number load(const uint32_t words[8]) {
  number a;
  memcpy(a.word, words, sizeof(a.word));
  return a;
}

static inline void store(uint32_t words[8], number a) { memcpy(words, a.word, sizeof(a.word)); }

static inline int compare(number a, number b) {
  for (int i = 7; i >= 0; i--) {
    if (a.word[i] != b.word[i]) return a.word[i] < b.word[i] ? -1 : 1;
  }
  return 0;
}

static inline int is_zero(number a) { return compare(a, kZero) == 0; }

static inline uint32_t bit(number a, int i) { return a.word[i / 32] >> (i % 32) & 1; }

/* a + b and a - b, modulo 2^256. *carry_out: what is carried or borrowed. */
static inline number add(number a, number b, uint32_t* carry_out) {
  number sum;
  uint64_t carry = 0;
  for (int i = 0; i < 8; i++) {
    carry += (uint64_t)a.word[i] + b.word[i];
    sum.word[i] = (uint32_t)carry;
    carry >>= 32;
  }
  *carry_out = (uint32_t)carry;
  return sum;
}

static inline number subtract(number a, number b, uint32_t* borrow_out) {
  number difference;
  uint64_t borrow = 0;
  for (int i = 0; i < 8; i++) {
    const uint64_t word = (uint64_t)a.word[i] - b.word[i] - borrow;
    difference.word[i] = (uint32_t)word;
    borrow = word >> 63;
  }
  *borrow_out = (uint32_t)borrow;
  return difference;
}

/* a * b, by hand as in school. */
static inline product multiply(number a, number b) {
  product t = {{0}};
  for (int i = 0; i < 8; i++) {
    uint64_t carry = 0;
    for (int j = 0; j < 8; j++) {
      carry += (uint64_t)a.word[i] * b.word[j] + t.word[i + j];
      t.word[i + j] = (uint32_t)carry;
      carry >>= 32;
    }
    t.word[i + 8] = (uint32_t)carry;
  }
  return t;
}

/* t mod m, from the top word down: word * 2^(32 i) is word * fold * 2^(32 (i - 8)). What that carries into the word
 * again is 1 at most, so a second turn, or a third, leaves it zero. */
static inline number reduce(const modulus* m, product t) {
  for (int i = 15; i >= 8; i--) {
    while (t.word[i] != 0) {
      const uint64_t word = t.word[i];
      uint64_t carry = 0;
      for (int j = 0; j < 8; j++) {
        carry += word * m->fold.word[j] + t.word[i - 8 + j];
        t.word[i - 8 + j] = (uint32_t)carry;
        carry >>= 32;
      }
      t.word[i] = (uint32_t)carry;
    }
  }
  const number low = load(t.word);
  uint32_t borrow;
  return compare(low, m->m) < 0 ? low : subtract(low, m->m, &borrow); /* low < 2^256 < 2 m */
}

static inline number reduce_once(const modulus* m, number a) {
  product t = {{0}};
  store(t.word, a);
  return reduce(m, t);
}

static inline number mod_add(const modulus* m, number a, number b) {
  product t = {{0}};
  store(t.word, add(a, b, &t.word[8]));
  return reduce(m, t);
}

static inline number mod_sub(const modulus* m, number a, number b) {
  uint32_t borrow; /* none */
  return mod_add(m, a, subtract(m->m, reduce_once(m, b), &borrow));
}

static inline number mod_mul(const modulus* m, number a, number b) { return reduce(m, multiply(a, b)); }

static inline number mod_pow(const modulus* m, number a, number exponent) {
  number power = kOne;
  for (int i = 255; i >= 0; i--) {
    power = mod_mul(m, power, power);
    if (bit(exponent, i)) power = mod_mul(m, power, a);
  }
  return power;
}

/* a^(m - 2), which is a^-1 by Fermat's little theorem, and 0 for 0. */
static inline number mod_inv(const modulus* m, number a) {
  const number two = {{2}};
  uint32_t borrow;
  return mod_pow(m, a, subtract(m->m, two, &borrow));
}

#endif
