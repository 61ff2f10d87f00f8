// Memory that a device works on: inputs are copied in, outputs out, so the device never sees a caller's array, and what
// it writes late reaches nobody.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "accel/driver.h"
#include "runtime/work.hpp"

namespace accel::runtime {

// Items of one command at most: enough for the widest kernels, few enough that a batch is spread over devices.
constexpr size_t kSlotItems = 4096;
// Bytes of all messages of one command at most.
constexpr size_t kSlotBytes = size_t{4} << 20;
// Commands in flight on a device at most: one that runs, one behind it, and two that come or go.
constexpr size_t kSlots = 4;

// What a slot has room for, within what the device can take.
struct SlotLimits {
  size_t items, message_bytes, longest_message, slots;
  explicit SlotLimits(const accel_device_caps& caps);
};

struct StageOptions {
  const uint32_t* handles = nullptr;  // of the ring's keys; null: keys by value
  bool points = false;                // ask for R of each item
  bool in_place = false;              // inputs need not be copied where a command can say how they lie
  bool clear = true;                  // no answer of an earlier command is left where this one's will be
};

class Arena {
 public:
  explicit Arena(const accel_device_caps& caps);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  const SlotLimits& limits() const { return limits_; }
  uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

  // Copies items [begin, end) of `work` into slot `slot`, fills its outputs with ACCEL_NOT_CHECKED (0), and describes
  // them.
  accel_command stage(size_t slot, const Work& work, size_t begin, size_t end, const StageOptions& options) const;
  // Where the command's answers stand: statuses, digests or nodes.
  const uint8_t* answers(const accel_command& command) const;

 private:
  struct Layout {
    size_t messages, offsets, keys, signatures, digests, output, status, points, id, size;
  };
  static Layout layout_of(const SlotLimits& limits);
  void stage_messages(uint8_t* slot, accel_command& command, const Work& work, size_t begin, size_t end) const;
  static bool point_to_messages(accel_command& command, const Work& work, size_t begin);
  void stage_keys(uint8_t* slot, accel_command& command, const Work& work, size_t begin, size_t end,
                  const StageOptions& options) const;
  void stage_outputs(uint8_t* slot, accel_command& command, const Work& work, size_t begin, size_t end,
                     bool clear) const;

  const SlotLimits limits_;
  const Layout layout_;
  uint8_t* data_ = nullptr;
  size_t size_ = 0, mapped_ = 0;
  void* mapping_ = nullptr;
};

}  // namespace accel::runtime
