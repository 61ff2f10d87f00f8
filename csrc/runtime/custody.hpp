// The pieces of work that a device has: each is there once, and leaves once.
#pragma once

#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/queue.hpp"

namespace accel::runtime {

class Custody {
 public:
  // False: the device was given up meanwhile, and the piece is still the caller's.
  bool add(uint64_t tag, const Piece& piece) {
    const std::lock_guard lock(mutex_);
    if (!given_up_) pieces_.emplace(tag, piece);
    return !given_up_;
  }
  // Nothing: somebody else has it.
  std::optional<Piece> release(uint64_t tag) {
    const std::lock_guard lock(mutex_);
    auto node = pieces_.extract(tag);
    if (node.empty()) return std::nullopt;
    return std::move(node.mapped());
  }
  std::vector<Piece> release_all() {
    const std::lock_guard lock(mutex_);
    std::vector<Piece> all;
    for (auto& [tag, piece] : pieces_) all.push_back(std::move(piece));
    pieces_.clear();
    return all;
  }
  // From now on nothing is added.
  std::vector<Piece> give_up() {
    {
      const std::lock_guard lock(mutex_);
      given_up_ = true;
    }
    return release_all();
  }

 private:
  std::mutex mutex_;
  std::unordered_map<uint64_t, Piece> pieces_;
  bool given_up_ = false;
};

}  // namespace accel::runtime
