// The field of eight lanes (sm2/ifma/field52.hpp) as plain data: what its test sees, because the code behind it is
// compiled in translation units of its own, one of them with AVX-512.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu.hpp"

namespace accel::sm2::testing {

// Eight elements: limb i of lane j is limbs[i][j], 52 bits a limb; sums are signed, in two's complement.
struct Lanes52 {
  uint64_t limbs[5][8];
};

struct Field52Ops {
  const char* name;
  bool (*supported)(const CpuFeatures&);
  void (*mul)(Lanes52& r, const Lanes52& a, const Lanes52& b);  // a b / 2^260
  // Sums are carried between its rows: `tight` and `low` become the sums + 9 p and + 0, `reduced` the third less the
  // multiple of p that leaves it below (1 + 2^-26) p.
  void (*mul_and_carry)(Lanes52& r, const Lanes52& a, const Lanes52& b, Lanes52& tight, Lanes52& low, Lanes52& reduced,
                        const Lanes52 (&sums)[3]);
  void (*sqr)(Lanes52& r, const Lanes52& a);
  void (*add)(Lanes52& r, const Lanes52& a, const Lanes52& b);
  void (*sub5)(Lanes52& r, const Lanes52& a, const Lanes52& b);  // a - b + 5 p
  void (*canonical)(Lanes52& r, const Lanes52& a);
  void (*inverse)(Lanes52& r, const Lanes52& a);
  void (*inverse_var)(Lanes52& r, const Lanes52& a);
  void (*from_integer)(Lanes52& r, const Lanes52& a);
  void (*to_integer)(Lanes52& r, const Lanes52& a);
  uint8_t (*zero_mask)(const Lanes52& a);
  // Eight numbers of 256 bits, each at its address, the least significant word first; and back by pack().
  void (*load_quads)(Lanes52& r, const uint64_t* const (&addresses)[8]);
  void (*pack)(uint64_t (&words)[4][8], const Lanes52& a);
};

extern const Field52Ops kField52Emulated;
#if defined(__x86_64__)
extern const Field52Ops kField52Ifma;
#endif

}  // namespace accel::sm2::testing
