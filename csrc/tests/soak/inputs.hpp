// What is asked of devices, with the right answers: fixed before anything runs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "accel/accel.h"

namespace accel::soak {

using Bytes = std::vector<uint8_t>;

// Digests and roots are those of libaccel_golden, which shares no code with libaccel. Signatures are made, some of them
// damaged in a way that has one verdict, and a sample of every kind is put to libaccel_golden as well.
class Inputs {
 public:
  // A batch is any window of the `count` items. Throws std::runtime_error when making and checking disagree.
  Inputs(size_t count, uint64_t seed);
  ~Inputs();
  Inputs(const Inputs&) = delete;
  Inputs& operator=(const Inputs&) = delete;

  struct Tree {
    size_t begin, count;
    uint32_t rule;
    std::array<uint8_t, 32> root;
  };

  size_t count() const { return expected.size(); }
  // Messages [begin, ...) of different lengths, and of one length.
  accel_messages ragged(size_t begin) const;
  accel_messages equal(size_t begin) const;

  static constexpr size_t kSigners = 24, kEqualLength = 64;

  Bytes signers;                  // 64 each
  std::vector<uint32_t> indices;  // of each item's signer
  Bytes keys, signatures, digests;
  Bytes expected, ring_expected;  // statuses by key, and by the signer's key of a ring
  Bytes messages;
  std::vector<int64_t> offsets = {0};
  Bytes ragged_hashes, equal_hashes;  // 32 each
  std::array<Bytes, 4> leaf_hashes;   // by accel_merkle_rule, of the ragged messages
  std::vector<Tree> trees;
  accel_sm2_keyring* ring = nullptr;

 private:
  void make_messages(size_t count, uint64_t seed);
  void sign(size_t count, uint64_t seed);
  void damage(size_t item, uint64_t way);
  void ask_golden(size_t step) const;
  void make_trees(uint64_t seed);
};

}  // namespace accel::soak
