// What a caller wants computed, and how the CPU computes it: the truth that devices are held to.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/messages.hpp"
#include "devices/cpu_sm2.hpp"
#include "merkle/rule.hpp"
#include "merkle/tree.hpp"
#include "sm2/digest.hpp"
#include "sm2/keyring.hpp"

namespace accel::runtime {

using sm2::Strided;

enum class Op : uint8_t {
  kHash,          // SM3 of messages, a prefix before each
  kVerifyDigest,  // signatures over digests
  kVerify,        // signatures over messages
  kMerkle         // patches of a Merkle tree: their levels above the leaf hashes
};
constexpr size_t kOps = 4;
using Rates = std::array<double, kOps>;  // items a second; 0: not known

// Arrays, messages, ring and outputs are the caller's, and stay as they are until the request is done.
struct Work {
  Op op = Op::kHash;
  size_t count = 0;

  std::optional<Messages> messages;
  sm3::Prefix prefix;  // kHash: of every message, at most one byte
  Strided keys{};      // 64 bytes each; unless there is a ring
  const sm2::KeyRing* ring = nullptr;
  cpu::Indices indices{};   // into the ring
  Strided signatures{};     // 64 bytes each
  Strided digests{};        // 32 bytes each; kMerkle: the leaf hashes
  std::vector<uint8_t> id;  // kVerify
  bool has_za = true;
  std::optional<sm2::Identity> identity;  // the same, hashed
  const merkle::Rule* rule = nullptr;

  uint8_t* status = nullptr;  // kVerifyDigest, kVerify
  uint8_t* digests_out = nullptr;
  std::vector<uint8_t*> levels;  // kMerkle: where level 1, 2 ... of the whole tree begin

  // Filled by measure().
  bool uniform = true;  // all messages have one length
  uint64_t longest = 0;

  bool verifies() const { return op == Op::kVerifyDigest || op == Op::kVerify; }
  bool has_messages() const { return op == Op::kHash || op == Op::kVerify; }
  // Looks at the lengths of all messages once, where they may differ. Throws what Messages throws.
  void measure();
  // Of one message with its prefix.
  uint64_t message_size(size_t i) const { return prefix.size + messages->item(i).size; }
};

// Leaves of a patch of a tree, which is one piece of work: a power of two. A patch's levels end with one node.
constexpr size_t kPatchLeaves = merkle::Hasher::kPatch;

// Items [begin, end) of some work have their answers in one buffer: 32 bytes for each digest or node, one for each
// status. So many things there are, each of which may be checked by itself:
size_t answer_count(const Work& work, size_t begin, size_t end);
size_t answer_bytes(const Work& work, size_t begin, size_t end);
// Copies them to where the caller wants them.
void deliver(const Work& work, size_t begin, size_t end, const uint8_t* answers);

// Computes items [begin, end) on the CPU.
void compute(const Work& work, size_t begin, size_t end, uint8_t* answers);
// The same for `chosen` items, counted from `begin`. Not for kMerkle. `hints`: one for each when not null.
void compute_chosen(const Work& work, size_t begin, const std::vector<size_t>& chosen, uint8_t* answers,
                    const uint8_t* hints = nullptr);
// kMerkle: are the chosen nodes, counted over the levels of the patch, the parents of what stands below them?
bool parents_hold(const Work& work, size_t begin, size_t end, const std::vector<size_t>& chosen,
                  const uint8_t* answers);

}  // namespace accel::runtime
