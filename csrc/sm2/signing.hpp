// Signing above the kernel: where nonces come from, and what happens to the one signature in 2^254 that needs another.
//
// Nonces are hedged (in the spirit of RFC 6979, section 3.6, and of draft-irtf-cfrg-det-sigs-with-noise): with the
// generator in order they are random; with a generator that repeats itself or is known to an attacker they are still
// secret, and different for different digests, since they depend on the private key and the digest as a pseudorandom
// function does. With HMAC-SM3 keyed by d (32 bytes, big-endian), and its two halves written out:
//
//   inner = SM3((d ^ ipad) || random (32) || e (32) || "accel sm2 nonce" || attempt (1))
//   nonce = SM3((d ^ opad) || inner || 0) || SM3((d ^ opad) || inner || 1)
//
// A nonce has 64 bytes, so that k = nonce mod n is uniform up to 2^-256. `attempt` counts repeats for the same item.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sm2/kernel.hpp"
#include "sm2/keys.hpp"

namespace accel::sm2 {

constexpr size_t kNonceSize = 64;
constexpr size_t kSignChunk = 128;  // items in one call of sign_chunk at most

using Random = void (*)(uint8_t* out, size_t size);

// Signs item i's digest, 32 bytes each, with keys[i]; `count` at most kSignChunk. Counted for accel_kernel_items.
// Constant-time. `random` is system_random but in tests.
void sign_chunk(const Kernel& kernel, Random random, uint8_t* signatures, const PrivateKey* const* keys,
                const uint8_t* digests, size_t count);

}  // namespace accel::sm2
