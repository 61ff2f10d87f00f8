// A raw block in memory: the directory that `accel make-block --raw` writes (docs/raw-blocks.md).
#pragma once

#include <filesystem>

#include "accel.hpp"

struct Block {
  uint32_t merkle_rule = 0;
  accel::Id id;
  std::vector<accel::Key> public_keys;
  std::vector<accel::Signature> signatures;
  std::vector<uint8_t> messages;        // message i: offsets[i] to offsets[i + 1]
  std::vector<int64_t> offsets;         // checked: from 0, never decreasing, to messages.size()
  std::vector<accel::Status> statuses;  // what verification has to give
  std::vector<accel::Key> signers;      // the keys that are known
  accel::Hash root{};

  // Throws std::runtime_error for a directory that is no raw block.
  static Block read(const std::filesystem::path& directory);

  size_t rows() const { return public_keys.size(); }
  accel::Bytes message(size_t row) const {
    return accel::Bytes(messages).subspan(static_cast<size_t>(offsets[row]),
                                          static_cast<size_t>(offsets[row + 1] - offsets[row]));
  }
};
