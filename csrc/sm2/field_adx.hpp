// Field arithmetic for x86-64 with BMI2 and ADX: mulx leaves the flags alone, so that a row of a product adds its low
// halves on the carry flag (adcx) and its high halves on the overflow flag (adox) at once. Compilers do not schedule
// two carry chains, hence assembler.
//
// Conventions: operands are read from memory; x0..x3 become the result; t4..t7 are the
// high half of a product.
#pragma once

#include "sm2/field.hpp"

namespace accel::sm2 {
namespace {

// Row k > 0 of a schoolbook product: t_k..t_{k+4} += a b_k, where t_{k+4} is new.
#define ACCEL_ADX_ROW(bk, tk0, tk1, tk2, tk3, tk4) \
  "movq " bk                                       \
  ", %%rdx\n\t"                                    \
  "xorl %k[zero], %k[zero]\n\t"                    \
  "mulxq %[a0], %[lo], %[hi]\n\t"                  \
  "adcxq %[lo], " tk0                              \
  "\n\t"                                           \
  "adoxq %[hi], " tk1                              \
  "\n\t"                                           \
  "mulxq %[a1], %[lo], %[hi]\n\t"                  \
  "adcxq %[lo], " tk1                              \
  "\n\t"                                           \
  "adoxq %[hi], " tk2                              \
  "\n\t"                                           \
  "mulxq %[a2], %[lo], %[hi]\n\t"                  \
  "adcxq %[lo], " tk2                              \
  "\n\t"                                           \
  "adoxq %[hi], " tk3                              \
  "\n\t"                                           \
  "mulxq %[a3], %[lo], " tk4                       \
  "\n\t"                                           \
  "adcxq %[lo], " tk3                              \
  "\n\t"                                           \
  "adoxq %[zero], " tk4                            \
  "\n\t"                                           \
  "adcxq %[zero], " tk4 "\n\t"

// One step of Montgomery's reduction (field_portable.hpp says why it needs no multiplication): with m = x0,
// (x1, x2, x3, m) + (m, 0, 0, 0) - (low, high, low, high) where low = m 2^32 mod 2^64 and high = m / 2^32. The limbs
// come out as x1, x2, x3, x0. rdx holds 32.
#define ACCEL_ADX_REDUCE_STEP(x0, x1, x2, x3) \
  "shlxq %%rdx, " x0                          \
  ", %[lo]\n\t"                               \
  "shrxq %%rdx, " x0                          \
  ", %[hi]\n\t"                               \
  "addq " x0 ", " x1                          \
  "\n\t"                                      \
  "adcq $0, " x2                              \
  "\n\t"                                      \
  "adcq $0, " x3                              \
  "\n\t"                                      \
  "adcq $0, " x0                              \
  "\n\t"                                      \
  "subq %[lo], " x1                           \
  "\n\t"                                      \
  "sbbq %[hi], " x2                           \
  "\n\t"                                      \
  "sbbq %[lo], " x3                           \
  "\n\t"                                      \
  "sbbq %[hi], " x0 "\n\t"

// y0..y3 += 2^256 - p = 2^224 + 2^96 - 2^64 + 1, which takes p away mod 2^256; does not carry out for y < p.
#define ACCEL_ADX_MINUS_P(y0, y1, y2, y3) \
  "addq $1, " y0                          \
  "\n\t"                                  \
  "adcq %[k1], " y1                       \
  "\n\t"                                  \
  "adcq $0, " y2                          \
  "\n\t"                                  \
  "adcq %[k3], " y3 "\n\t"

// x += p where the mask is all ones: p's limbs are -1, -2^32, -1, -2^32 - 1. p1 and p3 are scratch.
#define ACCEL_ADX_PLUS_P_IF(mask, p1, p3) \
  "movq " mask ", " p1                    \
  "\n\t"                                  \
  "shlq $32, " p1                         \
  "\n\t"                                  \
  "leaq (" mask "," p1 "), " p3           \
  "\n\t"                                  \
  "addq " mask                            \
  ", %[x0]\n\t"                           \
  "adcq " p1                              \
  ", %[x1]\n\t"                           \
  "adcq " mask                            \
  ", %[x2]\n\t"                           \
  "adcq " p3 ", %[x3]\n\t"

inline constexpr uint64_t kMinusP1 = 0x00000000ffffffff, kMinusP3 = 0x0000000100000000;

// x = (x + 2^256 t) / R mod p, with t < p: the sum is below 2p, and t - p + x carries out if it is p or more.
#define ACCEL_ADX_REDUCE \
  "movl $32, %%edx\n\t"                                      \
  ACCEL_ADX_REDUCE_STEP("%[x0]", "%[x1]", "%[x2]", "%[x3]")  \
  ACCEL_ADX_REDUCE_STEP("%[x1]", "%[x2]", "%[x3]", "%[x0]")  \
  ACCEL_ADX_REDUCE_STEP("%[x2]", "%[x3]", "%[x0]", "%[x1]")  \
  ACCEL_ADX_REDUCE_STEP("%[x3]", "%[x0]", "%[x1]", "%[x2]")  \
  ACCEL_ADX_MINUS_P("%[t4]", "%[t5]", "%[t6]", "%[t7]")      \
  "addq %[t4], %[x0]\n\t"                                    \
  "adcq %[t5], %[x1]\n\t"                                    \
  "adcq %[t6], %[x2]\n\t"                                    \
  "adcq %[t7], %[x3]\n\t"                                    \
  "cmc\n\t"                                                  \
  "sbbq %[zero], %[zero]\n\t"                                \
  ACCEL_ADX_PLUS_P_IF("%[zero]", "%[lo]", "%[hi]")

struct AdxCore {
  static ACCEL_INLINE Fe mul(const Fe& a, const Fe& b) {
    Fe r;
    uint64_t t4, t5, t6, t7, lo, hi, zero;
    __asm__(
        "movq %[b0], %%rdx\n\t"
        "mulxq %[a0], %[x0], %[x1]\n\t"
        "mulxq %[a1], %[lo], %[x2]\n\t"
        "addq %[lo], %[x1]\n\t"
        "mulxq %[a2], %[lo], %[x3]\n\t"
        "adcq %[lo], %[x2]\n\t"
        "mulxq %[a3], %[lo], %[t4]\n\t"
        "adcq %[lo], %[x3]\n\t"
        "adcq $0, %[t4]\n\t" ACCEL_ADX_ROW("%[b1]", "%[x1]", "%[x2]", "%[x3]", "%[t4]", "%[t5]")
            ACCEL_ADX_ROW("%[b2]", "%[x2]", "%[x3]", "%[t4]", "%[t5]", "%[t6]")
                ACCEL_ADX_ROW("%[b3]", "%[x3]", "%[t4]", "%[t5]", "%[t6]", "%[t7]") ACCEL_ADX_REDUCE
        : [x0] "=&r"(r.v[0]), [x1] "=&r"(r.v[1]), [x2] "=&r"(r.v[2]), [x3] "=&r"(r.v[3]), [t4] "=&r"(t4),
          [t5] "=&r"(t5), [t6] "=&r"(t6), [t7] "=&r"(t7), [lo] "=&r"(lo), [hi] "=&r"(hi), [zero] "=&r"(zero)
        : [a0] "m"(a.v[0]), [a1] "m"(a.v[1]), [a2] "m"(a.v[2]), [a3] "m"(a.v[3]), [b0] "m"(b.v[0]), [b1] "m"(b.v[1]),
          [b2] "m"(b.v[2]), [b3] "m"(b.v[3]), [k1] "m"(kMinusP1), [k3] "m"(kMinusP3)
        : "rdx", "cc");
    return r;
  }

  static ACCEL_INLINE Fe sqr(const Fe& a) {
    Fe r;
    uint64_t t4, t5, t6, t7, lo, hi, zero;
    __asm__(
        // The products of different limbs, in x1..t6.
        "movq %[a0], %%rdx\n\t"
        "mulxq %[a1], %[x1], %[x2]\n\t"
        "mulxq %[a2], %[lo], %[x3]\n\t"
        "addq %[lo], %[x2]\n\t"
        "mulxq %[a3], %[lo], %[t4]\n\t"
        "adcq %[lo], %[x3]\n\t"
        "adcq $0, %[t4]\n\t"
        "movq %[a1], %%rdx\n\t"
        "xorl %k[t7], %k[t7]\n\t"
        "mulxq %[a2], %[lo], %[hi]\n\t"
        "adcxq %[lo], %[x3]\n\t"
        "adoxq %[hi], %[t4]\n\t"
        "mulxq %[a3], %[lo], %[t5]\n\t"
        "adcxq %[lo], %[t4]\n\t"
        "adoxq %[t7], %[t5]\n\t"
        "movq %[a2], %%rdx\n\t"
        "mulxq %[a3], %[lo], %[t6]\n\t"
        "adcxq %[lo], %[t5]\n\t"
        "adcxq %[t7], %[t6]\n\t"
        // Doubled on the overflow flag, the squares added on the carry flag.
        "xorl %k[zero], %k[zero]\n\t"
        "movq %[a0], %%rdx\n\t"
        "mulxq %%rdx, %[x0], %[hi]\n\t"
        "adoxq %[x1], %[x1]\n\t"
        "adcxq %[hi], %[x1]\n\t"
        "movq %[a1], %%rdx\n\t"
        "mulxq %%rdx, %[lo], %[hi]\n\t"
        "adoxq %[x2], %[x2]\n\t"
        "adcxq %[lo], %[x2]\n\t"
        "adoxq %[x3], %[x3]\n\t"
        "adcxq %[hi], %[x3]\n\t"
        "movq %[a2], %%rdx\n\t"
        "mulxq %%rdx, %[lo], %[hi]\n\t"
        "adoxq %[t4], %[t4]\n\t"
        "adcxq %[lo], %[t4]\n\t"
        "adoxq %[t5], %[t5]\n\t"
        "adcxq %[hi], %[t5]\n\t"
        "movq %[a3], %%rdx\n\t"
        "mulxq %%rdx, %[lo], %[hi]\n\t"
        "adoxq %[t6], %[t6]\n\t"
        "adcxq %[lo], %[t6]\n\t"
        "adoxq %[t7], %[t7]\n\t"
        "adcxq %[hi], %[t7]\n\t" ACCEL_ADX_REDUCE
        : [x0] "=&r"(r.v[0]), [x1] "=&r"(r.v[1]), [x2] "=&r"(r.v[2]), [x3] "=&r"(r.v[3]), [t4] "=&r"(t4),
          [t5] "=&r"(t5), [t6] "=&r"(t6), [t7] "=&r"(t7), [lo] "=&r"(lo), [hi] "=&r"(hi), [zero] "=&r"(zero)
        : [a0] "m"(a.v[0]), [a1] "m"(a.v[1]), [a2] "m"(a.v[2]), [a3] "m"(a.v[3]), [k1] "m"(kMinusP1), [k3] "m"(kMinusP3)
        : "rdx", "cc");
    return r;
  }

  static ACCEL_INLINE Fe add(const Fe& a, const Fe& b) {
    Fe r;
    uint64_t mask, p1, p3;
    __asm__(
        "movq %[a0], %[x0]\n\t"
        "movq %[a1], %[x1]\n\t"
        "movq %[a2], %[x2]\n\t"
        "movq %[a3], %[x3]\n\t"
        ACCEL_ADX_MINUS_P("%[x0]", "%[x1]", "%[x2]", "%[x3]")
        "addq %[b0], %[x0]\n\t"
        "adcq %[b1], %[x1]\n\t"
        "adcq %[b2], %[x2]\n\t"
        "adcq %[b3], %[x3]\n\t"
        "cmc\n\t"
        "sbbq %[mask], %[mask]\n\t"
        ACCEL_ADX_PLUS_P_IF("%[mask]", "%[p1]", "%[p3]")
        : [x0] "=&r"(r.v[0]), [x1] "=&r"(r.v[1]), [x2] "=&r"(r.v[2]), [x3] "=&r"(r.v[3]), [mask] "=&r"(mask),
          [p1] "=&r"(p1), [p3] "=&r"(p3)
        : [a0] "m"(a.v[0]), [a1] "m"(a.v[1]), [a2] "m"(a.v[2]), [a3] "m"(a.v[3]), [b0] "m"(b.v[0]),
          [b1] "m"(b.v[1]), [b2] "m"(b.v[2]), [b3] "m"(b.v[3]), [k1] "m"(kMinusP1), [k3] "m"(kMinusP3)
        : "cc");
    return r;
  }

  static ACCEL_INLINE Fe sub(const Fe& a, const Fe& b) {
    Fe r;
    uint64_t mask, p1, p3;
    __asm__(
        "movq %[a0], %[x0]\n\t"
        "movq %[a1], %[x1]\n\t"
        "movq %[a2], %[x2]\n\t"
        "movq %[a3], %[x3]\n\t"
        "subq %[b0], %[x0]\n\t"
        "sbbq %[b1], %[x1]\n\t"
        "sbbq %[b2], %[x2]\n\t"
        "sbbq %[b3], %[x3]\n\t"
        "sbbq %[mask], %[mask]\n\t" ACCEL_ADX_PLUS_P_IF("%[mask]", "%[p1]", "%[p3]")
        : [x0] "=&r"(r.v[0]), [x1] "=&r"(r.v[1]), [x2] "=&r"(r.v[2]), [x3] "=&r"(r.v[3]), [mask] "=&r"(mask),
          [p1] "=&r"(p1), [p3] "=&r"(p3)
        : [a0] "m"(a.v[0]), [a1] "m"(a.v[1]), [a2] "m"(a.v[2]), [a3] "m"(a.v[3]), [b0] "m"(b.v[0]), [b1] "m"(b.v[1]),
          [b2] "m"(b.v[2]), [b3] "m"(b.v[3])
        : "cc");
    return r;
  }
};

#undef ACCEL_ADX_ROW
#undef ACCEL_ADX_REDUCE_STEP
#undef ACCEL_ADX_MINUS_P
#undef ACCEL_ADX_PLUS_P_IF
#undef ACCEL_ADX_REDUCE

using AdxField = Field<AdxCore>;

}  // namespace
}  // namespace accel::sm2
