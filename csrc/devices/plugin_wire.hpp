// What a driver's host process and this library say to each other: packets over a socket for everything that is rare,
// and rings in shared memory for commands and completions.
//
// The host is not trusted. Whatever the library reads from it is copied first and then checked; no index or size from
// there is used before that. The host trusts the library.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "accel/driver.h"
#include "devices/command.hpp"

namespace accel::devices::wire {

inline constexpr uint32_t kVersion = 1;
inline constexpr int kSocket = 3;  // the host's descriptor of it
inline constexpr uint32_t kMaxQueues = 16, kMaxDepth = 1024;
inline constexpr size_t kMaxPacket = 65536, kMaxText = 4096;
inline constexpr uint32_t kMaxStats = 128;
inline constexpr uint32_t kNoBuffer = UINT32_MAX;

// Requests, each answered by one packet of the same kind; kLog comes unasked.
enum Kind : uint32_t {
  kOpen = 1,
  kStart,
  kRegister,
  kUnregister,
  kLoadKeys,
  kUnloadKeys,
  kCancel,
  kStats,
  kClose,
  kLog
};

// Followed by `size` bytes: texts, caps, stats.
struct Packet {
  uint32_t kind;
  uint32_t queue;
  int32_t status;    // of answers: what the driver's function returned
  uint32_t version;  // kVersion
  uint64_t a, b;
  uint64_t size;
};

struct Stat {
  char name[64], unit[24], description[160];
  uint64_t value;
};

// A pointer of a command: an offset in a registered buffer.
struct Place {
  uint32_t buffer, reserved;
  uint64_t offset;
};

struct Command {
  uint16_t opcode, flags;
  uint32_t rule;
  uint64_t tag, count;
  uint64_t messages_stride, message_length, keys_stride, signatures_stride, digests_stride, id_length, output_size,
      deadline_ns;
  Place places[kFieldCount];  // by FieldName
};

// One queue: each counter is written by one side only and increases for ever; a slot is its value modulo kMaxDepth.
struct Queue {
  alignas(64) std::atomic<uint64_t> submitted;  // by the library
  alignas(64) std::atomic<uint64_t> completed;  // by the host
  alignas(64) std::atomic<uint64_t> consumed;   // completions, by the library
  alignas(64) std::atomic<uint32_t> fault;      // by the host: the driver refuses to go on
  Command commands[kMaxDepth];
  accel_completion completions[kMaxDepth];
};
static_assert(std::atomic<uint64_t>::is_always_lock_free && std::atomic<uint32_t>::is_always_lock_free);

}  // namespace accel::devices::wire
