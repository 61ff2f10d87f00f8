// SM2 on the CPU: batches cut into chunks over the pool. A chunk's inputs are copied before they are looked at, so the
// bytes that are hashed are the bytes that are checked, even if the caller's memory changes meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/messages.hpp"
#include "sm2/digest.hpp"
#include "sm2/kernel.hpp"
#include "sm2/keyring.hpp"
#include "sm2/keys.hpp"

namespace accel::cpu {

using sm2::Strided;

// uint32_t[count] that need not be aligned.
struct Indices {
  const void* data;
  uint32_t operator[](size_t i) const;
};

// Every status array is filled with ACCEL_NOT_CHECKED first.
void sm2_verify_digests(uint8_t* status, Strided keys, Strided signatures, Strided digests, size_t count);
void sm2_verify(uint8_t* status, Strided keys, Strided signatures, const Messages& messages,
                const sm2::Identity& identity);
// The same verdicts, whatever the hints; good ones make large batches faster where the kernel knows how. Throw
// Error(ACCEL_NO_RANDOM): items not checked by then stay so.
void sm2_verify_hinted_digests(uint8_t* status, Strided keys, Strided signatures, Strided digests, const uint8_t* hints,
                               size_t count);
void sm2_verify_hinted(uint8_t* status, Strided keys, Strided signatures, const Messages& messages,
                       const sm2::Identity& identity, const uint8_t* hints);
void sm2_recovery_hints(uint8_t* hints, uint8_t* status, Strided keys, Strided signatures, Strided digests,
                        size_t count);
// Throw Error(ACCEL_BAD_ARGUMENT) for an index beyond the ring, before anything is checked.
void sm2_ring_verify_digests(uint8_t* status, const sm2::KeyRing& ring, Indices indices, Strided signatures,
                             Strided digests, size_t count);
void sm2_ring_verify(uint8_t* status, const sm2::KeyRing& ring, Indices indices, Strided signatures,
                     const Messages& messages);
void sm2_digests(uint8_t* digests, Strided keys, const Messages& messages, const sm2::Identity& identity);

// The private keys of a batch: item i's is key(indices[i]), or key(0) where indices.data is null. They stand behind the
// caller's handles, which are not copied.
struct Signers {
  const void* handles;
  const sm2::PrivateKey* (*key_of)(const void* handles, size_t i);
  size_t count;
  Indices indices;
  const sm2::PrivateKey* key(size_t i) const { return key_of(handles, i); }
};
// Throw Error(ACCEL_BAD_ARGUMENT) for an index beyond the keys, before anything is signed. Signatures are zero until
// they are made.
void sm2_sign_digests(uint8_t* signatures, const Signers& signers, Strided digests, size_t count);
void sm2_sign(uint8_t* signatures, const Signers& signers, const Messages& messages, const sm2::Identity& identity);

// keys[i] for i < count; on an exception some of them may be made.
void sm2_generate(std::unique_ptr<sm2::PrivateKey>* keys, size_t count);

void sm2_signatures_from_der(uint8_t* signatures, uint8_t* status, const Messages& ders);
void sm2_signatures_to_der(uint8_t* ders, uint8_t* lengths, Strided signatures, size_t count);

}  // namespace accel::cpu
