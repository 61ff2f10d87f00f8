// Who is served first: accel_priority, counted from 0.
#pragma once

#include <cstddef>
#include <cstdint>

namespace accel::runtime {

enum class Priority : uint8_t { kVote, kProposal, kTransaction };
inline constexpr size_t kPriorities = 3;

}  // namespace accel::runtime
