#include "devices/cpu_execute.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <vector>

#include "base/error.hpp"
#include "devices/chunks.hpp"
#include "devices/command.hpp"
#include "devices/cpu_sm2.hpp"
#include "devices/cpu_sm3.hpp"
#include "merkle/rule.hpp"
#include "merkle/tree.hpp"
#include "sm2/field_u256.hpp"
#include "sm2/scalar.hpp"
#include "sm2/select.hpp"

namespace accel::cpu {
namespace {

constexpr uint64_t kVerifyPiece = 8192;             // signatures: tens of milliseconds
constexpr uint64_t kHashPiece = uint64_t{1} << 18;  // messages
constexpr uint64_t kPieceBytes = uint64_t{1} << 26;
constexpr uint64_t kNodePiece = uint64_t{1} << 18;  // Merkle nodes

// Copies made before the kernels look: what is checked is what was hashed, even if a caller breaks the contract and
// writes meanwhile. The pieces' buffers live as long as the command.
struct Scratch {
  std::vector<uint8_t> keys, digests, signatures, status, hints;
  std::vector<uint32_t> indices;
};

uint64_t message_bytes(const accel_command& command, uint64_t begin, uint64_t end) {
  if ((command.flags & ACCEL_COMMAND_RAGGED) == 0) return command.message_length * (end - begin);
  uint64_t first, last;
  std::memcpy(&first, reinterpret_cast<const uint8_t*>(command.offsets) + 8 * begin, 8);
  std::memcpy(&last, reinterpret_cast<const uint8_t*>(command.offsets) + 8 * end, 8);
  return last - first;
}

// Items from `begin` on that make a piece.
uint64_t piece_end(const accel_command& command, uint64_t begin, uint64_t most) {
  uint64_t count = std::min(most, command.count - begin);
  if (command.opcode == ACCEL_OP_SM2_VERIFY_DIGEST) return begin + count;
  while (count > 1 && message_bytes(command, begin, begin + count) > kPieceBytes) count = count / 2;
  return begin + count;
}

accel_command piece_of(const accel_command& whole, uint64_t begin, uint64_t end) {
  accel_command piece = whole;
  const auto forward = [begin](auto*& pointer, uint64_t stride) {
    using Pointer = std::remove_reference_t<decltype(pointer)>;
    if (pointer != nullptr) pointer = reinterpret_cast<Pointer>(reinterpret_cast<uintptr_t>(pointer) + begin * stride);
  };
  piece.count = end - begin;
  if ((whole.flags & ACCEL_COMMAND_RAGGED) == 0) forward(piece.messages, whole.messages_stride);
  forward(piece.offsets, 8);
  forward(piece.keys, whole.keys_stride);
  forward(piece.key_handles, 4);
  forward(piece.signatures, whole.signatures_stride);
  forward(piece.digests, whole.digests_stride);
  forward(piece.output, 32);
  forward(piece.status_out, 1);
  forward(piece.points_out, 64);
  return piece;
}

// Throws Error(ACCEL_BAD_ARGUMENT) where offsets have changed since they were checked.
Messages messages_of(const accel_command& command) {
  if ((command.flags & ACCEL_COMMAND_RAGGED) == 0) {
    return {command.messages, command.messages_stride, command.message_length, command.count};
  }
  accel_messages view = {};
  view.struct_size = sizeof view;
  view.layout = ACCEL_LAYOUT_RAGGED64;
  view.data = command.messages;
  view.offsets = command.offsets;
  std::memcpy(&view.data_size, reinterpret_cast<const uint8_t*>(command.offsets) + 8 * command.count, 8);
  return {&view, command.count, "offsets"};
}

sm2::Strided keys_of(const accel_command& command) { return {command.keys, command.keys_stride}; }
sm2::Strided signatures_of(const accel_command& command) { return {command.signatures, command.signatures_stride}; }

uint32_t handle_at(const accel_command& command, uint64_t i) {
  uint32_t handle;
  std::memcpy(&handle, reinterpret_cast<const uint8_t*>(command.key_handles) + 4 * i, 4);
  return handle;
}

bool all_loaded(const accel_command& command, const LoadedKeys& keys) {
  for (uint64_t i = 0; i < command.count; ++i) {
    if (keys.find(handle_at(command, i)) == nullptr) return false;
  }
  return true;
}

const LoadedKey& loaded_at(const accel_command& command, const LoadedKeys& keys, uint64_t i) {
  const LoadedKey* key = keys.find(handle_at(command, i));
  if (key == nullptr) throw Error(ACCEL_BAD_ARGUMENT, "key_handles: changed while the command ran");
  return *key;
}

// The one ring of all items, and their places in it; nullptr when there are several, or keys off the curve.
const sm2::KeyRing* common_ring(const accel_command& command, const LoadedKeys& keys, Scratch& scratch) {
  const sm2::KeyRing* ring = loaded_at(command, keys, 0).ring.get();
  scratch.indices.resize(command.count);
  for (uint64_t i = 0; i < command.count; ++i) {
    const LoadedKey& key = loaded_at(command, keys, i);
    if (key.ring.get() != ring) return nullptr;
    scratch.indices[i] = key.index;
  }
  return ring;
}

// Items whose keys stand in different rings: each ring's together.
void verify_rings(const accel_command& command, const LoadedKeys& keys, sm2::Strided digests, Scratch& scratch) {
  std::map<const sm2::KeyRing*, std::vector<uint64_t>> items_of;
  for (uint64_t i = 0; i < command.count; ++i) items_of[loaded_at(command, keys, i).ring.get()].push_back(i);
  for (const auto& [ring, items] : items_of) {
    if (ring == nullptr) {
      for (const uint64_t i : items) command.status_out[i] = ACCEL_BAD_KEY;
      continue;
    }
    scratch.indices.clear();
    scratch.signatures.resize(64 * items.size());
    std::vector<uint8_t> e(32 * items.size());
    scratch.status.resize(items.size());
    for (size_t k = 0; k < items.size(); ++k) {
      scratch.indices.push_back(loaded_at(command, keys, items[k]).index);
      std::memcpy(&scratch.signatures[64 * k], signatures_of(command)[items[k]], 64);
      std::memcpy(&e[32 * k], digests[items[k]], 32);
    }
    sm2_ring_verify_digests(scratch.status.data(), *ring, {scratch.indices.data()}, {scratch.signatures.data(), 64},
                            {e.data(), 32}, items.size());
    for (size_t k = 0; k < items.size(); ++k) command.status_out[items[k]] = scratch.status[k];
  }
}

// Keys by handle, written out.
sm2::Strided gather_keys(const accel_command& command, const LoadedKeys& keys, Scratch& scratch) {
  scratch.keys.resize(64 * command.count);
  for (uint64_t i = 0; i < command.count; ++i) {
    std::memcpy(&scratch.keys[64 * i], loaded_at(command, keys, i).bytes, 64);
  }
  return {scratch.keys.data(), 64};
}

sm2::Strided digests_of(const accel_command& command, sm2::Strided keys, Scratch& scratch) {
  if (command.opcode == ACCEL_OP_SM2_VERIFY_DIGEST) return {command.digests, command.digests_stride};
  scratch.digests.resize(32 * command.count);
  sm2_digests(scratch.digests.data(), keys, messages_of(command), sm2::Identity(command.id, command.id_length));
  return {scratch.digests.data(), 32};
}

// R from the x that r gives, r = e + x mod n, and what the hint adds to it.
void write_point(uint8_t point[64], const sm2::Kernel& kernel, const uint8_t* r, const uint8_t* e, uint8_t hint) {
  using namespace sm2;
  const U256 n = kOrder.m;
  U256 digest = load_be(e), x;
  if (less_mask(digest, n) == 0) sub(digest, digest, n);  // below 2n
  if (sub(x, load_be(r), digest) != 0) add(x, x, n);
  if ((hint & kHintSecond) != 0) add(x, x, n);
  uint8_t bytes[32];
  store_be(bytes, x);
  if (!kernel.decompress(point, bytes, (hint & kHintOdd) != 0)) {
    throw Error(ACCEL_INTERNAL, "a kernel gives a hint that leads to no point of the curve");
  }
}

void verify_with_points(const accel_command& command, sm2::Strided keys, sm2::Strided digests, Scratch& scratch) {
  const sm2::Kernel& kernel = sm2::active_kernel();
  const uint64_t count = command.count;
  scratch.hints.resize(count);
  scratch.signatures.resize(64 * count);
  std::vector<uint8_t> e(32 * count);
  for (uint64_t i = 0; i < count; ++i) {
    std::memcpy(&scratch.signatures[64 * i], signatures_of(command)[i], 64);
    std::memcpy(&e[32 * i], digests[i], 32);
  }
  sm2_recovery_hints(scratch.hints.data(), command.status_out, keys, {scratch.signatures.data(), 64}, {e.data(), 32},
                     count);
  parallel_for(count, kLanes, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      if (command.status_out[i] != ACCEL_OK) continue;
      write_point(command.points_out + 64 * i, kernel, &scratch.signatures[64 * i], &e[32 * i], scratch.hints[i]);
    }
  });
}

void verify_handles(const accel_command& command, const LoadedKeys& loaded, Scratch& scratch) {
  const sm2::KeyRing* ring = common_ring(command, loaded, scratch);
  const auto signatures = signatures_of(command);
  if (ring != nullptr && command.opcode == ACCEL_OP_SM2_VERIFY_DIGEST) {
    sm2_ring_verify_digests(command.status_out, *ring, {scratch.indices.data()}, signatures,
                            {command.digests, command.digests_stride}, command.count);
  } else if (ring != nullptr && sm2::Identity(command.id, command.id_length).is_default()) {
    sm2_ring_verify(command.status_out, *ring, {scratch.indices.data()}, signatures, messages_of(command));
  } else {
    verify_rings(command, loaded, digests_of(command, gather_keys(command, loaded, scratch), scratch), scratch);
  }
}

void verify(const accel_command& command, const LoadedKeys& loaded, Scratch& scratch) {
  const bool handles = (command.flags & ACCEL_COMMAND_HANDLES) != 0;
  if ((command.flags & ACCEL_COMMAND_POINTS) != 0) {
    const sm2::Strided keys = handles ? gather_keys(command, loaded, scratch) : keys_of(command);
    verify_with_points(command, keys, digests_of(command, keys, scratch), scratch);
  } else if (handles) {
    verify_handles(command, loaded, scratch);
  } else if (command.opcode == ACCEL_OP_SM2_VERIFY_DIGEST) {
    sm2_verify_digests(command.status_out, keys_of(command), signatures_of(command),
                       {command.digests, command.digests_stride}, command.count);
  } else {
    sm2_verify(command.status_out, keys_of(command), signatures_of(command), messages_of(command),
               sm2::Identity(command.id, command.id_length));
  }
}

// One level of a tree from the one below it.
bool hash_level(const merkle::Rule& rule, uint8_t* parents, const uint8_t* nodes, uint64_t width,
                const std::atomic<bool>& stop) {
  const uint64_t pairs = width / 2;
  for (uint64_t done = 0; done < pairs; done += kNodePiece) {
    if (stop.load(std::memory_order_relaxed)) return false;
    merkle::hash_pairs(rule, parents + 32 * done, nodes + 64 * done, std::min(kNodePiece, pairs - done));
  }
  if (width % 2 != 0) merkle::hash_lone(rule, parents + 32 * pairs, nodes + 64 * pairs, 1);
  return true;
}

bool merkle_levels(const accel_command& command, const std::atomic<bool>& stop) {
  const merkle::Rule& rule = merkle::find_rule(command.rule);
  std::vector<uint8_t> leaves;
  const uint8_t* nodes = command.digests;
  if (command.digests_stride != 32) {
    leaves.resize(32 * command.count);
    for (uint64_t i = 0; i < command.count; ++i) {
      std::memcpy(&leaves[32 * i], command.digests + command.digests_stride * i, 32);
    }
    nodes = leaves.data();
  }
  uint8_t* parents = command.output;
  for (uint64_t width = command.count; width > 1; width = width / 2 + width % 2) {
    if (!hash_level(rule, parents, nodes, width, stop)) return false;
    nodes = parents;
    parents += 32 * (width / 2 + width % 2);
  }
  return true;
}

bool merkle_root(const accel_command& command, const std::atomic<bool>& stop) {
  merkle::Tree tree(merkle::find_rule(command.rule), merkle::Keep::kRoot);
  for (uint64_t begin = 0; begin < command.count; begin += kNodePiece) {
    if (stop.load(std::memory_order_relaxed)) return false;
    tree.append_hashes(command.digests + command.digests_stride * begin, command.digests_stride,
                       std::min(kNodePiece, command.count - begin));
  }
  std::memcpy(command.output, tree.head().root.data(), 32);
  return true;
}

bool in_pieces(const accel_command& command, uint64_t most, const std::atomic<bool>& stop,
               const std::function<void(const accel_command&)>& run) {
  for (uint64_t begin = 0, end; begin < command.count; begin = end) {
    if (stop.load(std::memory_order_relaxed)) return false;
    end = piece_end(command, begin, most);
    run(piece_of(command, begin, end));
  }
  return true;
}

}  // namespace

accel_completion_status execute(const accel_command& command, const LoadedKeys& keys, const std::atomic<bool>& stop) {
  if ((command.flags & ACCEL_COMMAND_HANDLES) != 0 && !all_loaded(command, keys)) return ACCEL_COMPLETION_BAD_COMMAND;
  bool done;
  Scratch scratch;
  switch (command.opcode) {
    case ACCEL_OP_SM3:
      done = in_pieces(command, kHashPiece, stop,
                       [](const accel_command& piece) { sm3_hash(piece.output, messages_of(piece)); });
      break;
    case ACCEL_OP_MERKLE_LEVELS:
      done = merkle_levels(command, stop);
      break;
    case ACCEL_OP_MERKLE_ROOT:
      done = merkle_root(command, stop);
      break;
    default:
      done = in_pieces(command, kVerifyPiece, stop, [&](const accel_command& piece) { verify(piece, keys, scratch); });
  }
  return done ? ACCEL_COMPLETION_DONE : ACCEL_COMPLETION_CANCELLED;
}

}  // namespace accel::cpu
