// The counters that every device keeps.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "devices/command.hpp"

namespace accel::devices {

struct Counters {
  std::atomic<uint64_t> commands{0}, sm3{0}, sm2_verify{0}, merkle{0}, resets{0};

  // A completion with status DONE.
  void count(const accel_command& command) {
    commands.fetch_add(1, std::memory_order_relaxed);
    auto& items = is_verify(command.opcode) ? sm2_verify : is_merkle(command.opcode) ? merkle : sm3;
    items.fetch_add(command.count, std::memory_order_relaxed);
  }

  int32_t stats(accel_driver_stat* out, uint32_t count) const {
    const accel_driver_stat all[] = {
        {"commands", "commands", "Commands completed.", commands.load()},
        {"items.sm3", "items", "Messages hashed.", sm3.load()},
        {"items.sm2_verify", "items", "Signatures verified.", sm2_verify.load()},
        {"items.merkle", "items", "Leaves of Merkle trees.", merkle.load()},
        {"resets", "resets", "Resets of the device.", resets.load()},
    };
    constexpr uint32_t kCount = sizeof all / sizeof *all;
    std::copy_n(all, std::min(count, kCount), out);
    return kCount;
  }
};

}  // namespace accel::devices
