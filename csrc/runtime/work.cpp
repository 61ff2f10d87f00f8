#include "runtime/work.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "devices/command.hpp"
#include "devices/cpu_sm3.hpp"
#include "merkle/shape.hpp"

namespace accel::runtime {
namespace {

using merkle::kHashSize;

// Copies of chosen items, one after the other.
std::vector<uint8_t> gather(Strided from, size_t size, size_t begin, const std::vector<size_t>& chosen) {
  std::vector<uint8_t> rows(size * chosen.size());
  for (size_t k = 0; k < chosen.size(); ++k) std::memcpy(&rows[size * k], from[begin + chosen[k]], size);
  return rows;
}

std::vector<uint32_t> gather_indices(const Work& work, size_t begin, const std::vector<size_t>& chosen) {
  std::vector<uint32_t> indices(chosen.size());
  for (size_t k = 0; k < chosen.size(); ++k) indices[k] = work.indices[begin + chosen[k]];
  return indices;
}

// Chosen messages where they lie.
class ChosenMessages {
 public:
  ChosenMessages(const Work& work, size_t begin, const std::vector<size_t>& chosen) {
    for (const size_t i : chosen) {
      const Bytes bytes = work.messages->item(begin + i);
      pointers_.push_back(bytes.data);
      lengths_.push_back(bytes.size);
    }
  }
  Messages view() const {
    accel_messages fields = {};
    fields.struct_size = sizeof fields;
    fields.layout = ACCEL_LAYOUT_POINTERS;
    fields.pointers = pointers_.data();
    fields.lengths = lengths_.data();
    return Messages(&fields, pointers_.size(), "messages");
  }

 private:
  std::vector<const uint8_t*> pointers_;
  std::vector<uint64_t> lengths_;
};

void hash_chosen(const Work& work, size_t begin, const std::vector<size_t>& chosen, uint8_t* answers) {
  const ChosenMessages messages(work, begin, chosen);
  if (work.prefix.size == 0) {
    cpu::sm3_hash(answers, messages.view());
  } else {
    merkle::hash_leaves(*work.rule, answers, messages.view(), 0, chosen.size());
  }
}

void verify_chosen(const Work& work, size_t begin, const std::vector<size_t>& chosen, uint8_t* status,
                   const uint8_t* hints) {
  const std::vector<uint8_t> signatures = gather(work.signatures, 64, begin, chosen);
  const Strided rows{signatures.data(), 64};
  const size_t count = chosen.size();
  if (work.op == Op::kVerifyDigest) {
    const std::vector<uint8_t> digests = gather(work.digests, 32, begin, chosen);
    const Strided e{digests.data(), 32};
    if (work.ring != nullptr) {
      cpu::sm2_ring_verify_digests(status, *work.ring, {gather_indices(work, begin, chosen).data()}, rows, e, count);
      return;
    }
    const std::vector<uint8_t> keys = gather(work.keys, 64, begin, chosen);
    if (hints != nullptr) {
      cpu::sm2_verify_hinted_digests(status, {keys.data(), 64}, rows, e, hints, count);
    } else {
      cpu::sm2_verify_digests(status, {keys.data(), 64}, rows, e, count);
    }
    return;
  }
  const ChosenMessages messages(work, begin, chosen);
  if (work.ring != nullptr) {
    cpu::sm2_ring_verify(status, *work.ring, {gather_indices(work, begin, chosen).data()}, rows, messages.view());
    return;
  }
  const std::vector<uint8_t> keys = gather(work.keys, 64, begin, chosen);
  if (hints != nullptr) {
    cpu::sm2_verify_hinted(status, {keys.data(), 64}, rows, messages.view(), *work.identity, hints);
  } else {
    cpu::sm2_verify(status, {keys.data(), 64}, rows, messages.view(), *work.identity);
  }
}

// Calls visit(children, their number, parents) for each level of a patch, from the leaves up. Node: uint8_t, const or
// not.
template <typename Node, typename Visit>
void walk_levels(const std::vector<uint8_t>& leaves, Node* nodes, Visit&& visit) {
  const uint8_t* children = leaves.data();
  for (size_t width = leaves.size() / kHashSize; width > 1; width = (width + 1) / 2) {
    visit(children, width, nodes);
    children = nodes;
    nodes += kHashSize * ((width + 1) / 2);
  }
}

std::vector<uint8_t> leaves_of(const Work& work, size_t begin, size_t end) {
  std::vector<uint8_t> leaves(kHashSize * (end - begin));
  for (size_t i = begin; i < end; ++i) std::memcpy(&leaves[kHashSize * (i - begin)], work.digests[i], kHashSize);
  return leaves;
}

void compute_levels(const Work& work, size_t begin, size_t end, uint8_t* answers) {
  walk_levels(leaves_of(work, begin, end), answers, [&](const uint8_t* children, size_t width, uint8_t* parents) {
    const size_t pairs = width / 2;
    merkle::hash_pairs(*work.rule, parents, children, pairs);
    if (width % 2 == 0) return;
    merkle::hash_lone(*work.rule, parents + kHashSize * pairs, children + 2 * kHashSize * pairs, 1);
  });
}

}  // namespace

void Work::measure() {
  if (!has_messages() || count == 0) return;
  if (messages->is_strided()) {
    longest = message_size(0);
    return;
  }
  constexpr size_t kBlock = 256;
  Bytes items[kBlock];
  const uint64_t first = messages->item(0).size;
  for (size_t begin = 0; begin < count; begin += kBlock) {
    const size_t block = std::min(kBlock, count - begin);
    messages->items(begin, block, items);
    for (size_t k = 0; k < block; ++k) {
      uniform = uniform && items[k].size == first;
      longest = std::max<uint64_t>(longest, items[k].size);
    }
  }
  longest += prefix.size;
}

size_t answer_count(const Work& work, size_t begin, size_t end) {
  return work.op == Op::kMerkle ? devices::nodes_above(end - begin) : end - begin;
}

size_t answer_bytes(const Work& work, size_t begin, size_t end) {
  return answer_count(work, begin, end) * (work.verifies() ? 1 : kHashSize);
}

void deliver(const Work& work, size_t begin, size_t end, const uint8_t* answers) {
  if (work.verifies()) {
    std::memcpy(work.status + begin, answers, end - begin);
  } else if (work.op == Op::kHash) {
    std::memcpy(work.digests_out + kHashSize * begin, answers, kHashSize * (end - begin));
  } else {
    size_t width = end - begin, position = begin;
    for (unsigned level = 1; width > 1; ++level) {
      width = (width + 1) / 2;
      position /= 2;
      std::memcpy(work.levels[level - 1] + kHashSize * position, answers, kHashSize * width);
      answers += kHashSize * width;
    }
  }
}

void compute(const Work& work, size_t begin, size_t end, uint8_t* answers) {
  if (work.op == Op::kMerkle) {
    compute_levels(work, begin, end, answers);
    return;
  }
  std::vector<size_t> all(end - begin);
  std::iota(all.begin(), all.end(), size_t{0});
  compute_chosen(work, begin, all, answers);
}

void compute_chosen(const Work& work, size_t begin, const std::vector<size_t>& chosen, uint8_t* answers,
                    const uint8_t* hints) {
  if (chosen.empty()) return;
  if (work.op == Op::kHash) {
    hash_chosen(work, begin, chosen, answers);
  } else {
    verify_chosen(work, begin, chosen, answers, hints);
  }
}

bool parents_hold(const Work& work, size_t begin, size_t end, const std::vector<size_t>& chosen,
                  const uint8_t* answers) {
  size_t k = 0, first = 0;  // the next chosen node; the first of this level
  bool hold = true;
  walk_levels(leaves_of(work, begin, end), answers, [&](const uint8_t* children, size_t width, const uint8_t* parents) {
    const size_t above = (width + 1) / 2;
    for (; k < chosen.size() && chosen[k] < first + above; ++k) {
      const size_t at = chosen[k] - first;
      const bool lone = 2 * at + 1 == width;
      uint8_t expected[kHashSize];
      const uint8_t* const child = children + 2 * kHashSize * at;
      lone ? merkle::hash_lone(*work.rule, expected, child, 1) : merkle::hash_pairs(*work.rule, expected, child, 1);
      hold = hold && std::memcmp(expected, parents + kHashSize * at, kHashSize) == 0;
    }
    first += above;
  });
  return hold;
}

}  // namespace accel::runtime
