#include "merkle/proof.hpp"

#include <cstring>

#include "base/error.hpp"
#include "merkle/shape.hpp"

namespace accel::merkle {
namespace {

constexpr uint8_t kVersion = 1;

bool fail(std::string* why, const char* field, const std::string& expected, uint64_t got) {
  if (why != nullptr) {
    *why = std::string("proof: ") + field + ": expected " + expected + ", got " + std::to_string(got);
  }
  return false;
}

bool parse_siblings(Bytes encoded, Proof* proof, unsigned expected, std::string* why) {
  const uint64_t count = encoded.data[3];
  if (count != expected) return fail(why, "sibling count", std::to_string(expected), count);
  const uint64_t size = encoded_size(proof->kind, 1, count);
  if (encoded.size != size) return fail(why, "length", std::to_string(size) + " bytes", encoded.size);
  proof->siblings = encoded.data + kHeadSize;
  proof->sibling_count = count;
  return true;
}

bool parse_inclusion(Bytes encoded, Proof* proof, std::string* why) {
  proof->indices = encoded.data + 12;
  proof->index_count = 1;
  proof->index = load_be64(proof->indices);
  if (proof->index >= proof->tree_size) {
    return fail(why, "index", "less than the tree size of " + std::to_string(proof->tree_size), proof->index);
  }
  return parse_siblings(encoded, proof, path_length(proof->index, proof->tree_size), why);
}

bool parse_consistency(Bytes encoded, Proof* proof, std::string* why) {
  proof->first_size = load_be64(encoded.data + 12);
  if (proof->rule->id != ACCEL_MERKLE_RFC9162) {
    return fail(why, "rule", "1 (rfc9162) in a consistency proof", static_cast<uint64_t>(proof->rule->id));
  }
  if (proof->first_size < 1 || proof->first_size > proof->tree_size) {
    return fail(why, "first size", "1 to " + std::to_string(proof->tree_size), proof->first_size);
  }
  return parse_siblings(encoded, proof, consistency_length(proof->first_size, proof->tree_size), why);
}

// Leaves the indices' values, and the number of siblings that they ask for, to load_indices.
bool parse_multi(Bytes encoded, Proof* proof, std::string* why) {
  if (encoded.data[3] != 0) return fail(why, "byte 3", "0", encoded.data[3]);
  if (encoded.size < kMultiHeadSize) return fail(why, "length", "at least 28 bytes", encoded.size);
  const uint64_t indices = load_be64(encoded.data + 12), siblings = load_be64(encoded.data + 20);
  // Bounds first, so that the sum below cannot wrap around.
  const uint64_t room = encoded.size - kMultiHeadSize;
  if (indices < 1 || indices > proof->tree_size || indices > room / kIndexSize) {
    return fail(why, "index count", "1 to the tree size, and what the length holds", indices);
  }
  if (siblings > room / kHashSize) return fail(why, "sibling count", "what the length holds", siblings);
  const uint64_t size = encoded_size(ACCEL_MERKLE_MULTI, indices, siblings);
  if (encoded.size != size) return fail(why, "length", std::to_string(size) + " bytes", encoded.size);
  proof->indices = encoded.data + kMultiHeadSize;
  proof->index_count = indices;
  proof->siblings = proof->indices + kIndexSize * indices;
  proof->sibling_count = siblings;
  return true;
}

}  // namespace

bool parse(Bytes encoded, Proof* proof, std::string* why) {
  *proof = Proof{};
  if (encoded.size < kHeadSize) return fail(why, "length", "at least 20 bytes", encoded.size);
  const uint8_t version = encoded.data[0], kind = encoded.data[1], rule = encoded.data[2];
  if (version != kVersion) return fail(why, "version", std::to_string(kVersion), version);
  proof->rule = find_rule_or_null(rule);
  if (proof->rule == nullptr) return fail(why, "rule", "1 (rfc9162), 2 (chainmaker) or 3 (bcos)", rule);
  proof->tree_size = load_be64(encoded.data + 4);
  if (proof->tree_size < 1 || proof->tree_size > kMaxTreeSize) {
    return fail(why, "tree size", "1 to 2^63 - 1", proof->tree_size);
  }
  switch (kind) {
    case ACCEL_MERKLE_INCLUSION:
      proof->kind = ACCEL_MERKLE_INCLUSION;
      return parse_inclusion(encoded, proof, why);
    case ACCEL_MERKLE_MULTI:
      proof->kind = ACCEL_MERKLE_MULTI;
      return parse_multi(encoded, proof, why);
    case ACCEL_MERKLE_CONSISTENCY:
      proof->kind = ACCEL_MERKLE_CONSISTENCY;
      return parse_consistency(encoded, proof, why);
    default:
      return fail(why, "kind", "1 (inclusion), 2 (multiproof) or 3 (consistency)", kind);
  }
}

bool load_indices(const Proof& proof, std::vector<uint64_t>* indices, std::string* why) {
  indices->clear();
  indices->reserve(proof.index_count);
  for (uint64_t i = 0; i < proof.index_count; ++i) {
    const uint64_t index = load_be64(proof.indices + i * kIndexSize);
    if (index >= proof.tree_size) {
      return fail(why, "index", "less than the tree size of " + std::to_string(proof.tree_size), index);
    }
    if (i != 0 && index <= indices->back()) {
      return fail(why, "index", "more than the one before it, " + std::to_string(indices->back()), index);
    }
    indices->push_back(index);
  }
  uint64_t expected = 0;
  std::vector<uint64_t> known(*indices);
  walk_multiproof(proof.tree_size, known.data(), known.size(), [&](unsigned, uint64_t) { ++expected; });
  if (proof.sibling_count == expected) return true;
  return fail(why, "sibling count", std::to_string(expected), proof.sibling_count);
}

Proof decode(Bytes encoded) {
  Proof proof;
  std::string why;
  std::vector<uint64_t> indices;
  if (!parse(encoded, &proof, &why) || (proof.kind == ACCEL_MERKLE_MULTI && !load_indices(proof, &indices, &why))) {
    throw Error(ACCEL_BAD_ENCODING, why);
  }
  return proof;
}

uint64_t encode(std::span<uint8_t> out, const Proof& proof) {
  const uint64_t size = encoded_size(proof.kind, proof.index_count, proof.sibling_count);
  if (out.size() < size) return size;
  uint8_t* end = write_head(out.data(), proof);
  if (proof.kind == ACCEL_MERKLE_MULTI) {
    std::memcpy(end, proof.indices, proof.index_count * kIndexSize);
    end += proof.index_count * kIndexSize;
  }
  if (proof.sibling_count != 0) std::memcpy(end, proof.siblings, proof.sibling_count * kHashSize);
  return size;
}

uint8_t* write_head(uint8_t* out, const Proof& proof) {
  out[0] = kVersion;
  out[1] = static_cast<uint8_t>(proof.kind);
  out[2] = static_cast<uint8_t>(proof.rule->id);
  store_be64(out + 4, proof.tree_size);
  if (proof.kind == ACCEL_MERKLE_MULTI) {
    out[3] = 0;
    store_be64(out + 12, proof.index_count);
    store_be64(out + 20, proof.sibling_count);
    return out + kMultiHeadSize;
  }
  out[3] = static_cast<uint8_t>(proof.sibling_count);
  store_be64(out + 12, proof.kind == ACCEL_MERKLE_INCLUSION ? proof.index : proof.first_size);
  return out + kHeadSize;
}

}  // namespace accel::merkle
