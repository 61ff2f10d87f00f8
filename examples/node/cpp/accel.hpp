// What a node in C++ puts around accel.h: handles that free themselves, spans for arrays, exceptions for calls that did
// not run. A bad signature is no exception but a status, one for each item.
#pragma once

#include <accel/accel.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace accel {

using Bytes = std::span<const uint8_t>;
using Key = std::array<uint8_t, 64>;        // x || y
using Signature = std::array<uint8_t, 64>;  // r || s
using Hash = std::array<uint8_t, ACCEL_SM3_SIZE>;

// A call that did not run.
class Error : public std::runtime_error {
 public:
  Error(accel_status status, const std::string& sentence)
      : std::runtime_error(std::string(accel_status_name(status)) + ": " + sentence), status_(status) {}
  accel_status status() const noexcept { return status_; }

 private:
  accel_status status_;
};

// accel_last_error() belongs to the thread and to its last call: this reads it at once.
inline void check(accel_status status) {
  if (status != ACCEL_OK) throw Error(status, accel_last_error());
}

// Call it first: is the library that was loaded the one that this program was compiled for?
inline void require_abi() { check(accel_require_abi(ACCEL_ABI_VERSION)); }

// An item's verdict: accel_status in the byte that the library writes.
enum class Status : uint8_t {
  not_checked = ACCEL_NOT_CHECKED,
  ok = ACCEL_OK,
  bad_signature = ACCEL_BAD_SIGNATURE,
  bad_key = ACCEL_BAD_KEY,
  bad_range = ACCEL_BAD_RANGE,
};

inline std::string_view name(Status status) { return accel_status_name(static_cast<int>(status)); }
inline uint8_t* bytes(std::vector<Status>& statuses) { return reinterpret_cast<uint8_t*>(statuses.data()); }
inline const uint8_t* bytes(std::span<const Key> arrays) { return reinterpret_cast<const uint8_t*>(arrays.data()); }

// The signers' ID, or none: then digests are SM3(M).
class Id {
 public:
  explicit Id(std::string id = ACCEL_SM2_DEFAULT_ID) : id_(std::move(id)) {}
  static Id no_za() {
    Id id;
    id.id_.reset();
    return id;
  }
  const uint8_t* data() const { return id_ ? reinterpret_cast<const uint8_t*>(id_->data()) : nullptr; }
  uint64_t length() const { return id_ ? id_->size() : ACCEL_SM2_NO_ZA; }

 private:
  std::optional<std::string> id_;
};

// A batch of messages where they lie; what it was made from has to live as long.
class Messages {
 public:
  // Message i is data[offsets[i] .. offsets[i + 1]).
  Messages(Bytes data, std::span<const int64_t> offsets) : count_(offsets.empty() ? 0 : offsets.size() - 1) {
    raw_.struct_size = sizeof raw_;
    raw_.layout = ACCEL_LAYOUT_RAGGED64;
    raw_.data = data.data();
    raw_.data_size = data.size();
    raw_.offsets = offsets.data();
  }
  explicit Messages(std::span<const Bytes> messages) : count_(messages.size()) {
    for (const Bytes message : messages) {
      pointers_.push_back(message.data());
      lengths_.push_back(message.size());
    }
    raw_.struct_size = sizeof raw_;
    raw_.layout = ACCEL_LAYOUT_POINTERS;
    raw_.pointers = pointers_.data();
    raw_.lengths = lengths_.data();
  }
  Messages(const Messages&) = delete;  // raw_ points into the vectors
  Messages& operator=(const Messages&) = delete;

  size_t size() const { return count_; }
  const accel_messages* raw() const { return &raw_; }

 private:
  accel_messages raw_{};
  size_t count_;
  std::vector<const uint8_t*> pointers_;
  std::vector<uint64_t> lengths_;
};

inline void require_sizes(const char* call, std::initializer_list<size_t> sizes) {
  for (const size_t size : sizes) {
    if (size != *sizes.begin()) throw std::invalid_argument(std::string(call) + ": arrays of different lengths");
  }
}

// One status for each signature, each with a key of its own.
inline std::vector<Status> verify_many(std::span<const Key> keys, std::span<const Signature> signatures,
                                       const Messages& messages, const Id& id) {
  require_sizes("verify_many", {keys.size(), signatures.size(), messages.size()});
  std::vector<Status> statuses(keys.size());
  check(accel_sm2_verify_many(nullptr, bytes(statuses), bytes(keys), sizeof(Key), bytes(signatures), sizeof(Signature),
                              messages.raw(), id.data(), id.length(), keys.size()));
  return statuses;
}

// Known signers: their keys checked once, tables kept. Verification by it is several times faster.
class KeyRing {
 public:
  // Throws an Error of ACCEL_BAD_KEY for a key that is no point of the curve. memory_limit is in bytes, for tables; 0
  // is the default of 1 GiB.
  KeyRing(std::span<const Key> keys, const Id& id, uint64_t memory_limit = 0) {
    accel_sm2_keyring* ring = nullptr;
    check(accel_sm2_keyring_new(nullptr, &ring, nullptr, bytes(keys), sizeof(Key), id.data(), id.length(), memory_limit,
                                keys.size()));
    ring_.reset(ring);
  }
  // Item i is checked against key indices[i]. Any number of threads may verify at once.
  std::vector<Status> verify_many(std::span<const uint32_t> indices, std::span<const Signature> signatures,
                                  const Messages& messages) const {
    require_sizes("KeyRing::verify_many", {indices.size(), signatures.size(), messages.size()});
    std::vector<Status> statuses(indices.size());
    check(accel_sm2_keyring_verify_many(nullptr, bytes(statuses), ring_.get(), indices.data(), bytes(signatures),
                                        sizeof(Signature), messages.raw(), indices.size()));
    return statuses;
  }

 private:
  struct Free {
    void operator()(accel_sm2_keyring* ring) const { accel_sm2_keyring_free(ring); }
  };
  std::unique_ptr<accel_sm2_keyring, Free> ring_;
};

// A Merkle tree that keeps its right edge: enough for the root.
class RootTree {
 public:
  explicit RootTree(uint32_t rule) {
    accel_merkle_tree* tree = nullptr;
    check(accel_merkle_tree_new(nullptr, &tree, rule, ACCEL_MERKLE_KEEP_ROOT));
    tree_.reset(tree);
  }
  void append(const Messages& leaves) { check(accel_merkle_tree_append(tree_.get(), leaves.raw(), leaves.size())); }
  Hash root() const {
    Hash root{};
    check(accel_merkle_tree_head(tree_.get(), root.data(), nullptr));
    return root;
  }

 private:
  struct Free {
    void operator()(accel_merkle_tree* tree) const { accel_merkle_tree_free(tree); }
  };
  std::unique_ptr<accel_merkle_tree, Free> tree_;
};

inline std::string rule_name(uint32_t rule) {
  const char* name = nullptr;
  check(accel_merkle_rule_name(&name, rule));
  return name;
}

}  // namespace accel
