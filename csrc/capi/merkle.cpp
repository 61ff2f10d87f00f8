// accel.h: Merkle trees.
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "capi/arrays.hpp"
#include "capi/devices.hpp"
#include "capi/guard.hpp"
#include "merkle/proof.hpp"
#include "merkle/tree.hpp"
#include "merkle/verify.hpp"
#include "runtime/hasher.hpp"

using accel::Bytes;
using accel::Error;
using accel::Messages;
using accel::require_count;
using accel::capi::begin_status;
using accel::capi::guard;
using accel::capi::require;
using accel::capi::require_array;
using accel::capi::require_bytes;
using accel::merkle::Hash;
using accel::merkle::kHashSize;
using accel::merkle::kIndexSize;
using accel::merkle::Proof;
using accel::merkle::Strided;
using accel::merkle::Tree;

struct accel_merkle_tree {
  Tree tree;
};

namespace {

// An array of `count` items of `size` bytes that does not wrap around the address space.
Strided require_strided(const void* data, uint64_t stride, uint64_t size, uint64_t count, const char* argument) {
  const auto array = accel::capi::strided(static_cast<const uint8_t*>(data), stride, size, count, argument);
  return {array.data, array.stride};
}

Hash load_hash(const uint8_t* bytes, const char* argument) {
  require(bytes, argument);
  Hash hash;
  std::memcpy(hash.data(), bytes, kHashSize);
  return hash;
}

// A copy: the caller's indices need not be aligned, and may change during the call.
std::vector<uint64_t> load_indices(const uint64_t* indices, uint64_t count) {
  std::vector<uint64_t> leaves(count);
  if (count != 0) std::memcpy(leaves.data(), indices, count * sizeof(uint64_t));
  return leaves;
}

void require_capacity(uint64_t capacity, uint64_t needed) {
  if (capacity >= needed) return;
  throw Error(ACCEL_BAD_ARGUMENT,
              "capacity: expected at least " + std::to_string(needed) + " bytes, got " + std::to_string(capacity));
}

// `write(span)` returns the length that it needs and writes only if the span has it.
template <typename Write>
void write_proof(uint8_t* out, const char* argument, uint64_t capacity, uint64_t* length_out, Write&& write) {
  require_array(out, capacity, argument);
  require(length_out, "length_out");
  const uint64_t length = write(std::span<uint8_t>(out, capacity));
  *length_out = length;
  require_capacity(capacity, length);
}

// The sizes are checked here, what they say about each other by decoding the result.
Proof proof_from_fields(const accel_merkle_proof& fields) {
  const auto bad = [](const std::string& what) -> Error { return Error(ACCEL_BAD_ARGUMENT, "proof: " + what); };
  if (fields.struct_size != sizeof(accel_merkle_proof)) {
    throw bad("struct_size: expected " + std::to_string(sizeof(accel_merkle_proof)) + ", got " +
              std::to_string(fields.struct_size));
  }
  if (fields.reserved != 0) throw bad("reserved: expected 0, got " + std::to_string(fields.reserved));
  const bool consistency = fields.kind == ACCEL_MERKLE_CONSISTENCY, multi = fields.kind == ACCEL_MERKLE_MULTI;
  if (!consistency && !multi && fields.kind != ACCEL_MERKLE_INCLUSION) {
    throw bad("kind: expected 1 (inclusion), 2 (multiproof) or 3 (consistency), got " + std::to_string(fields.kind));
  }
  if (!consistency && fields.first_size != 0) throw bad("first_size: expected 0 unless it is a consistency proof");
  if (!multi && fields.index_count != (consistency ? 0u : 1u)) {
    throw bad("index_count: expected " + std::string(consistency ? "0" : "1") + ", got " +
              std::to_string(fields.index_count));
  }
  if (fields.index_count > accel::kMaxCount) throw bad("index_count: expected at most 2^40");
  if (fields.sibling_count > accel::kMaxCount) throw bad("sibling_count: expected at most 2^40");
  if (!multi && fields.sibling_count > accel::merkle::kMaxHeight + 1) {
    throw bad("sibling_count: expected at most 64, got " + std::to_string(fields.sibling_count));
  }
  require_array(fields.indices, fields.index_count, "proof: indices");
  require_array(fields.siblings, fields.sibling_count, "proof: siblings");

  Proof proof;
  proof.kind = static_cast<accel_merkle_proof_kind>(fields.kind);
  proof.rule = &accel::merkle::find_rule(fields.rule);
  proof.tree_size = fields.tree_size;
  proof.first_size = fields.first_size;
  proof.indices = fields.indices;
  proof.index_count = fields.index_count;
  proof.siblings = fields.siblings;
  proof.sibling_count = fields.sibling_count;
  if (proof.kind == ACCEL_MERKLE_INCLUSION) proof.index = accel::merkle::load_be64(fields.indices);
  return proof;
}

}  // namespace

accel_status accel_merkle_rule_from_name(uint32_t* rule_out, const char* name) {
  return guard([&] {
    require(rule_out, "rule_out");
    require(name, "name");
    *rule_out = accel::merkle::find_rule(name).id;
  });
}

accel_status accel_merkle_rule_name(const char** name_out, uint32_t rule) {
  return guard([&] {
    require(name_out, "name_out");
    *name_out = accel::merkle::find_rule(rule).name;
  });
}

accel_status accel_merkle_leaf_hashes(accel_device* device, uint8_t* hashes_out, uint32_t rule,
                                      const accel_messages* leaves, uint64_t count) {
  return guard([&] {
    const auto on = accel::capi::device_of(device);
    require_array(hashes_out, count, "hashes_out");
    const auto& found = accel::merkle::find_rule(rule);
    const Messages checked(leaves, count, "leaves");
    if (on != nullptr) {
      on->run(accel::runtime::leaf_work(hashes_out, found, checked));
    } else {
      accel::merkle::hash_leaves(found, hashes_out, checked, 0, count);
    }
  });
}

accel_status accel_merkle_tree_new(accel_device* device, accel_merkle_tree** tree_out, uint32_t rule, uint32_t keep) {
  return guard([&] {
    require(tree_out, "tree_out");
    *tree_out = nullptr;
    auto on = accel::capi::device_of(device);
    const auto& found = accel::merkle::find_rule(rule);
    if (keep != ACCEL_MERKLE_KEEP_ALL && keep != ACCEL_MERKLE_KEEP_ROOT) {
      throw Error(ACCEL_BAD_ARGUMENT, "keep: expected 1 (all) or 2 (root), got " + std::to_string(keep));
    }
    auto hasher = on == nullptr ? nullptr : std::make_shared<accel::runtime::DeviceHasher>(std::move(on));
    *tree_out = new accel_merkle_tree{Tree(found, static_cast<accel::merkle::Keep>(keep), std::move(hasher))};
  });
}

void accel_merkle_tree_free(accel_merkle_tree* tree) { delete tree; }

accel_status accel_merkle_tree_append(accel_merkle_tree* tree, const accel_messages* leaves, uint64_t count) {
  return guard([&] {
    require(tree, "tree");
    tree->tree.append(Messages(leaves, count, "leaves"));
  });
}

accel_status accel_merkle_tree_append_hashes(accel_merkle_tree* tree, const uint8_t* leaf_hashes,
                                             uint64_t leaf_hashes_stride, uint64_t count) {
  return guard([&] {
    require(tree, "tree");
    const Strided hashes = require_strided(leaf_hashes, leaf_hashes_stride, kHashSize, count, "leaf_hashes");
    tree->tree.append_hashes(hashes.data, hashes.stride, count);
  });
}

accel_status accel_merkle_tree_head(const accel_merkle_tree* tree, uint8_t root_out[32], uint64_t* size_out) {
  return guard([&] {
    require(tree, "tree");
    const accel::merkle::Head head = tree->tree.head();
    if (root_out != nullptr) std::memcpy(root_out, head.root.data(), kHashSize);
    if (size_out != nullptr) *size_out = head.size;
  });
}

accel_status accel_merkle_tree_leaf_hash(const accel_merkle_tree* tree, uint8_t hash_out[32], uint64_t index) {
  return guard([&] {
    require(tree, "tree");
    require(hash_out, "hash_out");
    const Hash hash = tree->tree.leaf_hash(index);
    std::memcpy(hash_out, hash.data(), kHashSize);
  });
}

accel_status accel_merkle_tree_prove_many(const accel_merkle_tree* tree, uint8_t* proofs_out, uint64_t capacity,
                                          int64_t* offsets_out, const uint64_t* indices, uint64_t count) {
  return guard([&] {
    require(tree, "tree");
    require_array(proofs_out, capacity, "proofs_out");
    require(offsets_out, "offsets_out");
    require_count(count);
    require_array(indices, count, "indices");
    require_capacity(capacity,
                     tree->tree.prove_many({proofs_out, capacity}, offsets_out, load_indices(indices, count)));
  });
}

accel_status accel_merkle_tree_multiproof(const accel_merkle_tree* tree, uint8_t* proof_out, uint64_t capacity,
                                          uint64_t* length_out, const uint64_t* indices, uint64_t count) {
  return guard([&] {
    require(tree, "tree");
    require_count(count);
    require_array(indices, count, "indices");
    const std::vector<uint64_t> leaves = load_indices(indices, count);
    write_proof(proof_out, "proof_out", capacity, length_out,
                [&](std::span<uint8_t> out) { return tree->tree.multiproof(out, leaves); });
  });
}

accel_status accel_merkle_tree_consistency(const accel_merkle_tree* tree, uint8_t* proof_out, uint64_t capacity,
                                           uint64_t* length_out, uint64_t first_size, uint64_t second_size) {
  return guard([&] {
    require(tree, "tree");
    write_proof(proof_out, "proof_out", capacity, length_out,
                [&](std::span<uint8_t> out) { return tree->tree.consistency(out, first_size, second_size); });
  });
}

accel_status accel_merkle_proof_decode(accel_merkle_proof* proof_out, const uint8_t* encoded, uint64_t length) {
  return guard([&] {
    require(proof_out, "proof_out");
    if (proof_out->struct_size != sizeof(accel_merkle_proof)) {
      throw Error(ACCEL_BAD_ARGUMENT, "proof_out: struct_size: expected " + std::to_string(sizeof(accel_merkle_proof)) +
                                          ", got " + std::to_string(proof_out->struct_size));
    }
    require_bytes(encoded, length, "encoded");
    const Proof proof = accel::merkle::decode({encoded, length});
    proof_out->kind = proof.kind;
    proof_out->rule = proof.rule->id;
    proof_out->reserved = 0;
    proof_out->tree_size = proof.tree_size;
    proof_out->first_size = proof.first_size;
    proof_out->indices = proof.indices;
    proof_out->index_count = proof.index_count;
    proof_out->siblings = proof.siblings;
    proof_out->sibling_count = proof.sibling_count;
  });
}

accel_status accel_merkle_proof_encode(uint8_t* encoded_out, uint64_t capacity, uint64_t* length_out,
                                       const accel_merkle_proof* proof) {
  return guard([&] {
    require(proof, "proof");
    const Proof fields = proof_from_fields(*proof);
    write_proof(encoded_out, "encoded_out", capacity, length_out,
                [&](std::span<uint8_t> out) { return accel::merkle::encode(out, fields); });
    try {
      accel::merkle::decode({encoded_out, *length_out});
    } catch (const Error& error) {  // the fields are the caller's argument here
      throw Error(ACCEL_BAD_ARGUMENT, error.what());
    }
  });
}

accel_status accel_merkle_verify_many(accel_device* device, uint8_t* status_out, uint32_t rule, const uint8_t* roots,
                                      uint64_t roots_stride, const uint64_t* tree_sizes, uint64_t tree_sizes_stride,
                                      const uint8_t* leaf_hashes, uint64_t leaf_hashes_stride,
                                      const accel_messages* proofs, uint64_t count) {
  return guard([&] {
    begin_status(status_out, count);
    accel::capi::require_device(device);
    const auto& found = accel::merkle::find_rule(rule);
    const Strided checked_roots = require_strided(roots, roots_stride, kHashSize, count, "roots");
    const Strided sizes = tree_sizes == nullptr
                              ? Strided{nullptr, 0}
                              : require_strided(tree_sizes, tree_sizes_stride, kIndexSize, count, "tree_sizes");
    const Strided hashes = require_strided(leaf_hashes, leaf_hashes_stride, kHashSize, count, "leaf_hashes");
    const Messages checked_proofs(proofs, count, "proofs");
    accel::merkle::verify_inclusion(status_out, {found, checked_roots, sizes, hashes, checked_proofs});
  });
}

accel_status accel_merkle_verify_multiproof(accel_device* device, uint8_t* status_out, uint32_t rule,
                                            const uint8_t root[32], uint64_t tree_size, const uint8_t* leaf_hashes,
                                            uint64_t leaf_hashes_stride, uint64_t leaf_count, const uint8_t* encoded,
                                            uint64_t length) {
  return guard([&] {
    begin_status(status_out, 1);
    accel::capi::require_device(device);
    const auto& found = accel::merkle::find_rule(rule);
    const Hash checked_root = load_hash(root, "root");
    require_count(leaf_count, "leaf_count");
    const Strided hashes = require_strided(leaf_hashes, leaf_hashes_stride, kHashSize, leaf_count, "leaf_hashes");
    require_bytes(encoded, length, "encoded");
    *status_out = static_cast<uint8_t>(
        accel::merkle::verify_multiproof(found, checked_root, tree_size, hashes, leaf_count, Bytes{encoded, length}));
  });
}

accel_status accel_merkle_verify_consistency(accel_device* device, uint8_t* status_out, const uint8_t first_root[32],
                                             uint64_t first_size, const uint8_t second_root[32], uint64_t second_size,
                                             const uint8_t* encoded, uint64_t length) {
  return guard([&] {
    begin_status(status_out, 1);
    accel::capi::require_device(device);
    const Hash first = load_hash(first_root, "first_root"), second = load_hash(second_root, "second_root");
    require_bytes(encoded, length, "encoded");
    *status_out = static_cast<uint8_t>(
        accel::merkle::verify_consistency(first, first_size, second, second_size, Bytes{encoded, length}));
  });
}
