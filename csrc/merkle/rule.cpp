#include "merkle/rule.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/error.hpp"
#include "base/pool.hpp"

namespace accel::merkle {
namespace {

// Work for one task of the pool: about 256 KiB of message and padding, 0.6 ms of the portable kernel and 60 us of the
// widest, so that handing it out and filling the lanes cost little beside it.
constexpr size_t kTaskBytes = size_t{1} << 18;

constexpr uint8_t kLeafByte = 0x00, kNodeByte = 0x01;  // RFC 9162, section 2.1.1

const Rule kRules[] = {
    {ACCEL_MERKLE_RFC9162, "rfc9162", {&kLeafByte, 0, 1}, &kNodeByte, Lone::kPromote, false},
    {ACCEL_MERKLE_CHAINMAKER, "chainmaker", {}, nullptr, Lone::kTwice, true},
    {ACCEL_MERKLE_BCOS, "bcos", {}, nullptr, Lone::kAlone, true},
};

std::string list_rules() {
  std::string list;
  for (const Rule& rule : kRules) {
    if (!list.empty()) list += ", ";
    list += std::string(rule.name) + " (" + std::to_string(rule.id) + ")";
  }
  return list;
}

[[noreturn]] void throw_unknown(const std::string& got) {
  throw Error(ACCEL_BAD_ARGUMENT, "rule: expected one of " + list_rules() + ", got " + got);
}

size_t grain_for(uint64_t bytes_per_item) {
  return static_cast<size_t>(std::max<uint64_t>(1, kTaskBytes / (bytes_per_item + sm3::kBlockSize)));
}

// body(begin, end) over `count` items of so many bytes. Small batches stay on the calling thread, so that this may be
// called from inside a task of the pool.
template <typename Body>
void share_out(size_t count, size_t bytes_per_item, const Body& body) {
  const size_t grain = grain_for(bytes_per_item);
  if (count <= grain) {
    body(0, count);
  } else {
    parallel_for(count, grain, body);
  }
}

void hash_alone(uint8_t* parents, const uint8_t* nodes, size_t count) {
  const Messages messages(nodes, kHashSize, kHashSize, count);
  share_out(count, kHashSize, [&](size_t begin, size_t end) {
    sm3::hash_range(parents + begin * kHashSize, sm3::kInitial, {}, messages, begin, end);
  });
}

void hash_twice(const Rule& rule, uint8_t* parents, const uint8_t* nodes, size_t count) {
  constexpr size_t kChunk = 64;  // pairs on the stack
  uint8_t pairs[kChunk * kPairSize];
  for (size_t done = 0; done < count; done += kChunk) {
    const size_t chunk = std::min(kChunk, count - done);
    for (size_t i = 0; i < chunk; ++i) {
      const uint8_t* node = nodes + (done + i) * kHashSize;
      std::memcpy(pairs + i * kPairSize, node, kHashSize);
      std::memcpy(pairs + i * kPairSize + kHashSize, node, kHashSize);
    }
    hash_pairs(rule, parents + done * kHashSize, pairs, chunk);
  }
}

}  // namespace

const Rule* find_rule_or_null(uint32_t id) {
  const auto* rule = std::find_if(std::begin(kRules), std::end(kRules), [&](const Rule& r) { return r.id == id; });
  return rule == std::end(kRules) ? nullptr : rule;
}

const Rule& find_rule(uint32_t id) {
  const Rule* rule = find_rule_or_null(id);
  if (rule == nullptr) throw_unknown(std::to_string(id));
  return *rule;
}

const Rule& find_rule(const char* name) {
  for (const Rule& rule : kRules) {
    if (std::strcmp(rule.name, name) == 0) return rule;
  }
  throw_unknown(std::string("'").append(name, strnlen(name, 40)).append("'"));
}

void hash_leaves(const Rule& rule, uint8_t* hashes, const Messages& leaves, size_t begin, size_t end) {
  if (begin == end) return;
  parallel_for(end - begin, grain_for(leaves.total_size() / leaves.count()), [&](size_t first, size_t last) {
    sm3::hash_range(hashes + first * kHashSize, sm3::kInitial, rule.leaf_prefix, leaves, begin + first, begin + last);
  });
}

void hash_pairs(const Rule& rule, uint8_t* parents, const uint8_t* pairs, size_t count, uint8_t* copy) {
  if (count == 0) return;
  share_out(count, kPairSize, [&](size_t begin, size_t end) {
    uint8_t* const copied = copy == nullptr ? nullptr : copy + begin * kPairSize;
    sm3::hash_pairs(parents + begin * kHashSize, {pairs + begin * kPairSize, end - begin, rule.node_prefix, copied});
  });
}

void hash_lone(const Rule& rule, uint8_t* parents, const uint8_t* nodes, size_t count) {
  if (count == 0) return;
  switch (rule.lone) {
    case Lone::kPromote:
      std::memcpy(parents, nodes, count * kHashSize);
      return;
    case Lone::kAlone:
      hash_alone(parents, nodes, count);
      return;
    case Lone::kTwice:
      hash_twice(rule, parents, nodes, count);
      return;
  }
}

Hash empty_root(const Rule& rule) {
  Hash root{};
  if (!rule.empty_is_zero) {
    const uint8_t nothing = 0;
    sm3::hash_range(root.data(), sm3::kInitial, {}, Messages(&nothing, 0, 0, 1), 0, 1);
  }
  return root;
}

}  // namespace accel::merkle
