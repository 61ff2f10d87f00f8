// Merkle trees and their proofs. Proofs travel as bytes.
#include <pybind11/stl.h>

#include <bit>
#include <cstring>

#include "bindings.hpp"
#include "device.hpp"

namespace accel::python {
namespace {

constexpr size_t kHashSize = 32, kIndexSize = 8;
constexpr uint64_t kMaxConsistencyProof = 20 + kHashSize * 64;

using Indices = py::array_t<uint64_t, py::array::c_style>;
using Bytes = py::array_t<uint8_t, py::array::c_style>;

py::bytes to_bytes(const uint8_t* data, uint64_t size) {
  return py::bytes(reinterpret_cast<const char*>(data), static_cast<size_t>(size));
}

const uint8_t* hash_of(const BytesView& bytes, const char* name) {
  if (bytes.size() == kHashSize) return bytes.data();
  raise("ArgumentError", std::string(name) + ": expected 32 bytes, got " + std::to_string(bytes.size()));
}

// Asks `call(out, capacity, length_out)` with more room until it has enough: the tree may grow in between.
template <typename Call>
py::bytes with_room(uint64_t capacity, Call&& call) {
  for (;;) {
    std::vector<uint8_t> out(capacity);
    uint64_t length = 0;
    accel_status status;
    {
      const WithoutGil released;
      status = call(out.data(), capacity, &length);
    }
    if (status == ACCEL_BAD_ARGUMENT && length > capacity) {
      capacity = length;
      continue;
    }
    check(status);
    return to_bytes(out.data(), length);
  }
}

// Appends wait for readers and readers for appends, so every call on the tree gives the GIL away.
class MerkleTree {
 public:
  MerkleTree(uint32_t rule, uint32_t keep, const Device* device) {
    accel_device* const handle = handle_of(device);
    run([&] { return accel_merkle_tree_new(handle, &tree_, rule, keep); });
  }
  ~MerkleTree() { accel_merkle_tree_free(tree_); }
  MerkleTree(const MerkleTree&) = delete;
  MerkleTree& operator=(const MerkleTree&) = delete;

  void append(const MessagesView& leaves) {
    run([&] { return accel_merkle_tree_append(tree_, leaves.view(), leaves.count()); });
  }

  void append_hashes(const py::array& hashes) {
    const Rows leaves = rows(hashes, kHashSize, "leaf_hashes");
    run([&] { return accel_merkle_tree_append_hashes(tree_, leaves.data, leaves.stride, leaves.count); });
  }

  py::tuple head() const {
    uint8_t root[kHashSize];
    uint64_t size;
    run([&] { return accel_merkle_tree_head(tree_, root, &size); });
    return py::make_tuple(to_bytes(root, kHashSize), size);
  }

  py::bytes leaf_hash(uint64_t index) const {
    uint8_t hash[kHashSize];
    run([&] { return accel_merkle_tree_leaf_hash(tree_, hash, index); });
    return to_bytes(hash, kHashSize);
  }

  py::tuple prove_many(const Indices& indices) const {
    const auto count = static_cast<uint64_t>(indices.size());
    py::array_t<int64_t> offsets(static_cast<py::ssize_t>(count + 1));
    int64_t* const starts = offsets.mutable_data();
    for (uint64_t capacity = 0;;) {
      Bytes proofs(static_cast<py::ssize_t>(capacity));
      uint8_t* const out = proofs.mutable_data();
      starts[count] = 0;
      accel_status status;
      {
        const WithoutGil released;
        status = accel_merkle_tree_prove_many(tree_, out, capacity, starts, indices.data(), count);
      }
      const auto needed = static_cast<uint64_t>(starts[count]);
      if (status != ACCEL_BAD_ARGUMENT || needed <= capacity) {
        check(status);
        return py::make_tuple(proofs[py::slice(0, static_cast<py::ssize_t>(needed), 1)], offsets);
      }
      capacity = needed;
    }
  }

  py::bytes multiproof(const Indices& indices) const {
    return with_room(0, [&](uint8_t* out, uint64_t capacity, uint64_t* length) {
      return accel_merkle_tree_multiproof(tree_, out, capacity, length, indices.data(),
                                          static_cast<uint64_t>(indices.size()));
    });
  }

  py::bytes consistency(uint64_t first_size, uint64_t second_size) const {
    return with_room(kMaxConsistencyProof, [&](uint8_t* out, uint64_t capacity, uint64_t* length) {
      return accel_merkle_tree_consistency(tree_, out, capacity, length, first_size, second_size);
    });
  }

 private:
  accel_merkle_tree* tree_ = nullptr;
};

uint32_t rule_from_name(const std::string& name) {
  uint32_t rule;
  check(accel_merkle_rule_from_name(&rule, name.c_str()));
  return rule;
}

std::string rule_name(uint32_t rule) {
  const char* name;
  check(accel_merkle_rule_name(&name, rule));
  return name;
}

void leaf_hashes(py::array out, uint32_t rule, const MessagesView& leaves, const Device* device) {
  accel_device* const handle = handle_of(device);
  uint8_t* const hashes = output(out, leaves.count() * kHashSize, "out");
  run([&] { return accel_merkle_leaf_hashes(handle, hashes, rule, leaves.view(), leaves.count()); });
}

std::unique_ptr<Future> submit_leaf_hashes(Stream& stream, const SubmitOptions& options, py::array out, uint32_t rule,
                                           const py::object& leaves) {
  const auto& view = leaves.cast<const MessagesView&>();
  uint8_t* const hashes = output(out, view.count() * kHashSize, "out");
  return stream.submit(options, {out, leaves}, [&](accel_stream* handle, accel_future** future, const auto* native) {
    return accel_stream_merkle_leaf_hashes(handle, future, hashes, rule, view.view(), view.count(), native);
  });
}

uint64_t swap_from_big_endian(uint64_t value) {
  return std::endian::native == std::endian::little ? __builtin_bswap64(value) : value;
}

// (kind, rule, tree size, first size, indices, siblings)
py::tuple decode(const py::object& encoded) {
  const BytesView bytes(encoded, "proof");
  accel_merkle_proof proof = {};
  proof.struct_size = sizeof(proof);
  check(accel_merkle_proof_decode(&proof, bytes.data(), bytes.size()));
  Indices indices(static_cast<py::ssize_t>(proof.index_count));
  for (uint64_t i = 0; i < proof.index_count; i++) {
    uint64_t index;
    std::memcpy(&index, proof.indices + i * kIndexSize, kIndexSize);
    indices.mutable_data()[i] = swap_from_big_endian(index);
  }
  Bytes siblings({static_cast<py::ssize_t>(proof.sibling_count), static_cast<py::ssize_t>(kHashSize)});
  if (proof.sibling_count != 0) {
    std::memcpy(siblings.mutable_data(), proof.siblings, proof.sibling_count * kHashSize);
  }
  return py::make_tuple(proof.kind, rule_name(proof.rule), proof.tree_size, proof.first_size, indices, siblings);
}

py::bytes encode(uint32_t kind, uint32_t rule, uint64_t tree_size, uint64_t first_size, const Indices& indices,
                 const py::array& siblings) {
  const Rows hashes = rows(siblings, kHashSize, "siblings");
  std::vector<uint8_t> packed(hashes.count * kHashSize);
  for (uint64_t i = 0; i < hashes.count; i++) {
    std::memcpy(packed.data() + i * kHashSize, hashes.data + i * hashes.stride, kHashSize);
  }
  std::vector<uint64_t> swapped(indices.data(), indices.data() + indices.size());
  for (uint64_t& index : swapped) index = swap_from_big_endian(index);
  accel_merkle_proof proof = {};
  proof.struct_size = sizeof(proof);
  proof.kind = kind;
  proof.rule = rule;
  proof.tree_size = tree_size;
  proof.first_size = first_size;
  proof.indices = reinterpret_cast<const uint8_t*>(swapped.data());
  proof.index_count = swapped.size();
  proof.siblings = packed.data();
  proof.sibling_count = hashes.count;
  return with_room(0, [&](uint8_t* out, uint64_t capacity, uint64_t* length) {
    return accel_merkle_proof_encode(out, capacity, length, &proof);
  });
}

// One row for all, or a row for each of `count` items.
Rows rows_for(const py::array& array, uint64_t count, const char* name) {
  Rows found = rows(array, kHashSize, name);
  if (found.count == 1) found.stride = 0;
  if (found.count == 1 || found.count == count) return found;
  raise("ArgumentError", std::string(name) + ": expected one for each of " + std::to_string(count) + ", got " +
                             std::to_string(found.count));
}

void verify_many(py::array out, uint32_t rule, const py::array& roots, const std::optional<Indices>& tree_sizes,
                 const py::array& hashes, const MessagesView& proofs) {
  const uint64_t count = proofs.count();
  uint8_t* const status = output(out, count, "out");
  const Rows root_rows = rows_for(roots, count, "root");
  const Rows leaves = rows(hashes, kHashSize, "leaf_hashes");
  if (leaves.count != count) {
    raise("ArgumentError", "leaf_hashes: expected " + std::to_string(count) + ", one for each proof, got " +
                               std::to_string(leaves.count));
  }
  const uint64_t* sizes = nullptr;
  uint64_t sizes_stride = 0;
  if (tree_sizes) {
    const auto given = static_cast<uint64_t>(tree_sizes->size());
    if (given != 1 && given != count) {
      raise("ArgumentError",
            "tree_size: expected one, or one for each of " + std::to_string(count) + ", got " + std::to_string(given));
    }
    sizes = tree_sizes->data();
    sizes_stride = given == 1 ? 0 : kIndexSize;
  }
  run([&] {
    return accel_merkle_verify_many(nullptr, status, rule, root_rows.data, root_rows.stride, sizes, sizes_stride,
                                    leaves.data, leaves.stride, proofs.view(), count);
  });
}

int verify_multiproof(uint32_t rule, const py::object& root, uint64_t tree_size, const py::array& hashes,
                      const py::object& encoded) {
  const BytesView root_bytes(root, "root"), proof(encoded, "proof");
  const uint8_t* const wanted = hash_of(root_bytes, "root");
  const Rows leaves = rows(hashes, kHashSize, "leaf_hashes");
  uint8_t status = ACCEL_NOT_CHECKED;
  run([&] {
    return accel_merkle_verify_multiproof(nullptr, &status, rule, wanted, tree_size, leaves.data, leaves.stride,
                                          leaves.count, proof.data(), proof.size());
  });
  return status;
}

int verify_consistency(const py::object& first_root, uint64_t first_size, const py::object& second_root,
                       uint64_t second_size, const py::object& encoded) {
  const BytesView first(first_root, "first_root"), second(second_root, "second_root"), proof(encoded, "proof");
  const uint8_t *const wanted_first = hash_of(first, "first_root"), *const wanted_second =
                                                                        hash_of(second, "second_root");
  uint8_t status = ACCEL_NOT_CHECKED;
  run([&] {
    return accel_merkle_verify_consistency(nullptr, &status, wanted_first, first_size, wanted_second, second_size,
                                           proof.data(), proof.size());
  });
  return status;
}

}  // namespace

void bind_merkle(py::module_& module) {
  py::class_<MerkleTree>(module, "MerkleTree", "A Merkle tree that grows; any number of threads may use one.")
      .def(py::init<uint32_t, uint32_t, const Device*>(), py::arg("rule"), py::arg("keep"),
           py::arg("device").none(true) = nullptr)
      .def("append", &MerkleTree::append, py::arg("leaves"))
      .def("append_hashes", &MerkleTree::append_hashes, py::arg("hashes"))
      .def("head", &MerkleTree::head)
      .def("leaf_hash", &MerkleTree::leaf_hash, py::arg("index"))
      .def("prove_many", &MerkleTree::prove_many, py::arg("indices"))
      .def("multiproof", &MerkleTree::multiproof, py::arg("indices"))
      .def("consistency", &MerkleTree::consistency, py::arg("first_size"), py::arg("second_size"));
  module.attr("MERKLE_ANY_SIZE") = ACCEL_MERKLE_ANY_SIZE;
  module.def("merkle_rule_from_name", &rule_from_name, py::arg("name"));
  module.def("merkle_leaf_hashes", &leaf_hashes, py::arg("out"), py::arg("rule"), py::arg("leaves"),
             py::arg("device").none(true) = nullptr);
  module.def("submit_merkle_leaf_hashes", &submit_leaf_hashes, py::arg("stream"), py::arg("options"), py::arg("out"),
             py::arg("rule"), py::arg("leaves"));
  module.def("merkle_proof_decode", &decode, py::arg("encoded"));
  module.def("merkle_proof_encode", &encode, py::arg("kind"), py::arg("rule"), py::arg("tree_size"),
             py::arg("first_size"), py::arg("indices"), py::arg("siblings"));
  module.def("merkle_verify_many", &verify_many, py::arg("out"), py::arg("rule"), py::arg("roots"),
             py::arg("tree_sizes"), py::arg("leaf_hashes"), py::arg("proofs"));
  module.def("merkle_verify_multiproof", &verify_multiproof, py::arg("rule"), py::arg("root"), py::arg("tree_size"),
             py::arg("leaf_hashes"), py::arg("encoded"));
  module.def("merkle_verify_consistency", &verify_consistency, py::arg("first_root"), py::arg("first_size"),
             py::arg("second_root"), py::arg("second_size"), py::arg("encoded"));
}

}  // namespace accel::python
