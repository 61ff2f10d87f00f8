// Encoded proofs (docs/proofs.md). One proof has one encoding, and nothing else decodes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/messages.hpp"
#include "merkle/rule.hpp"

namespace accel::merkle {

constexpr size_t kHeadSize = 20;       // inclusion and consistency proofs: before the siblings
constexpr size_t kMultiHeadSize = 28;  // multiproofs: before the indices
constexpr size_t kIndexSize = 8;

inline uint64_t load_be64(const uint8_t* bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i) value = value << 8 | bytes[i];
  return value;
}

inline void store_be64(uint8_t* bytes, uint64_t value) {
  for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<uint8_t>(value >> (56 - 8 * i));
}

// A proof's fields; the arrays lie in the caller's memory.
struct Proof {
  accel_merkle_proof_kind kind{};
  const Rule* rule = nullptr;
  uint64_t tree_size = 0;
  uint64_t first_size = 0;           // consistency
  uint64_t index = 0;                // inclusion; read once, unlike what `indices` points at
  const uint8_t* indices = nullptr;  // big-endian
  uint64_t index_count = 0;
  const uint8_t* siblings = nullptr;
  uint64_t sibling_count = 0;
};

// Both return false, with a sentence in *why unless it is null, for anything but a well-formed proof. A proof that has
// parsed keeps every promise about its sizes even if the caller's memory changes afterwards; the indices of a
// multiproof must be taken from load_indices, which checks the copy that it gives.
bool parse(Bytes encoded, Proof* proof, std::string* why);
bool load_indices(const Proof& proof, std::vector<uint64_t>* indices, std::string* why);

// The whole check, for those who only want the fields. Throws Error(ACCEL_BAD_ENCODING).
Proof decode(Bytes encoded);

// Bytes of the encoding of a proof with these counts.
constexpr uint64_t encoded_size(accel_merkle_proof_kind kind, uint64_t index_count, uint64_t sibling_count) {
  return (kind == ACCEL_MERKLE_MULTI ? kMultiHeadSize + kIndexSize * index_count : kHeadSize) +
         kHashSize * sibling_count;
}
// Writes what stands before the siblings (and, in a multiproof, before the indices); returns its end.
uint8_t* write_head(uint8_t* out, const Proof& proof);
// Writes the encoding if it fits; returns its length. Does not ask whether the proof is well-formed.
uint64_t encode(std::span<uint8_t> out, const Proof& proof);

}  // namespace accel::merkle
