// The vector formulas in small groups: what the exhaustive test sees of them. The types are plain, because the code
// behind them is compiled in translation units of its own, one of them with AVX-512.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu.hpp"

namespace accel::sm2::testing {

// Integers, the least significant limb first.
struct PlainPoint {
  uint64_t x[4], y[4];
};
// x([s]G + [t]P) mod order = x, with s, t in [1, order - 1] or odd and below 2^256.
struct PlainClaim {
  uint64_t s[4], t[4], x[4];
};

// y^2 = x^3 - 3x + b and a generator of its subgroup.
struct PlainCurve {
  uint64_t order, b;
  PlainPoint generator;
};

// One way of verifying in one group. The curve is set once, before anything else.
struct SmallGroupVerifier {
  const char* name;
  bool (*supported)(const CpuFeatures&);
  void (*set_curve)(const PlainCurve&);
  // Known keys; table_bytes = 0: keys are unknown, and `table` is not used.
  size_t table_bytes;
  int width;
  // (0, 0) stands for infinity, which some entries of a small group's tables are.
  void (*build_table)(void* table, const PlainPoint& key);
  PlainPoint (*entry)(const void* table, size_t window, size_t entry);
  // All for one key.
  void (*check)(bool* holds, const void* table, const PlainPoint& key, const PlainClaim* claims, size_t count);
};

constexpr size_t kSmallGroups = 2;
constexpr size_t kSmallVerifiers = 3;  // known keys of both widths, unknown keys

struct SmallGroupVerifiers {
  SmallGroupVerifier of[kSmallGroups][kSmallVerifiers];
};
extern const SmallGroupVerifiers kEmulatedVerifiers;
#if defined(__x86_64__)
extern const SmallGroupVerifiers kIfmaVerifiers;
#endif

}  // namespace accel::sm2::testing
