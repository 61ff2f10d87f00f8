// SM2 (GB/T 32918): what a kernel implements, and what the layers above it see.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/cpu.hpp"

namespace accel::sm2 {

// Item i stands at data + i * stride.
struct Strided {
  const uint8_t* data;
  size_t stride;
  const uint8_t* operator[](size_t i) const { return data + i * stride; }
};

// Private key d and what signing derives from it once. Big-endian; both are secret.
struct SignKey {
  uint8_t d[32];
  uint8_t inverse[32];  // (1 + d)^-1 mod n
};

// Known keys have fixed-base tables, 64-byte aligned; a kernel may offer two schemes, of which the wide one spends more
// memory on fewer additions.
struct TableScheme {
  int width;     // bits of a window
  size_t bytes;  // of one key's table; 0: the kernel does not offer this scheme
  // False if the key is no point of the curve.
  bool (*build)(void* table, const uint8_t key[64]);
  // tables[i] is item i's table. Variable time.
  void (*verify)(uint8_t* status, const void* const* tables, Strided signatures, Strided digests, size_t count);
};

// Verification with hints: one randomised check for a block of items (ifma/hinted52.hpp).
struct HintedScheme {
  size_t most;                // items in a block at most; 0: the kernel does not offer this scheme
  size_t least;               // fewer items are verified faster without hints
  size_t (*scratch_bytes)();  // that a call works in, 64-byte aligned
  // coefficients: 16 uniformly random bytes an item, drawn when the other arguments stood: whoever knew them in advance
  // could make invalid signatures that pass together. Statuses are those of Kernel::verify, whatever the hints.
  void (*verify)(uint8_t* status, Strided keys, Strided signatures, Strided digests, const uint8_t* hints,
                 const uint8_t* coefficients, size_t count, void* scratch);
};

// A hint tells which point R = [s]G + [t]P is, of those with the x that the signature gives mod n.
inline constexpr uint8_t kHintOdd = 1, kHintSecond = 2;  // y(R) is odd; x(R) >= n
inline constexpr uint8_t kMaxHint = 3;

// Every function: any number of threads at once; no allocation once the generator's table stands (built on first use);
// any count, chunked inside. Statuses are accel_status values.
struct Kernel {
  const char* name;
  bool (*supported)(const CpuFeatures&);

  // Unknown keys (x || y). Order of checks: key, range, equation. Variable time.
  void (*verify)(uint8_t* status, Strided keys, Strided signatures, Strided digests, size_t count);

  HintedScheme hinted;
  // The hints of valid signatures, 0 for others. Order of checks and time as for verify.
  void (*recovery_hints)(uint8_t* hints, uint8_t* status, Strided keys, Strided signatures, Strided digests,
                         size_t count);

  // Known keys. Every kernel has the standard scheme.
  TableScheme standard, wide;

  bool (*on_curve)(const uint8_t key[64]);
  // y from x and the parity of y; false if there is none. Variable time.
  bool (*decompress)(uint8_t key_out[64], const uint8_t x[32], bool odd);

  // --- constant-time from here ---
  // valid[i]: 1, or 0 where d is outside 1 .. n-2 (only that one bit is revealed) and keys[i] zero.
  void (*derive_sign_keys)(SignKey* keys, uint8_t* valid, Strided secrets, size_t count);
  // keys_out: 64 bytes an item; d in 1 .. n-2.
  void (*public_keys)(uint8_t* keys_out, Strided secrets, size_t count);
  // nonces: 64 uniformly random bytes each, reduced to k in 1 .. n-1. Item i is signed with keys[i]. status ACCEL_OK,
  // or ACCEL_NOT_CHECKED where r = 0, r + k = n or s = 0: ask again with another nonce (probability about 2^-254).
  void (*sign)(uint8_t* status, uint8_t* signatures, const SignKey* const* keys, Strided nonces, Strided digests,
               size_t count);
};

extern const Kernel kPortable;
#if defined(__x86_64__)
extern const Kernel kAdx;
extern const Kernel kAvx512Ifma;
#endif

// The kernel in force; self-tested. Throws Error(ACCEL_BAD_KERNEL) or Error(ACCEL_SELFTEST_FAILED).
const Kernel& active_kernel();

}  // namespace accel::sm2
