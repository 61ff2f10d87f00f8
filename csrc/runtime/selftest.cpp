// The signature is the example of GB/T 32918.5-2017, annex A; the digests are those of GB/T 32905-2016, annex A. What
// the standards have no example of (damaged signatures, ragged batches, trees) is held to the CPU's kernels, which have
// passed known-answer tests of their own.
#include "runtime/selftest.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "runtime/clock.hpp"
#include "sm2/example.hpp"

namespace accel::runtime {
namespace {

using sm2::example::kDigest;
using sm2::example::kPublic;
using sm2::example::kSignature;

constexpr char kMessage[] = "message digest";
constexpr char kLong[] = "abcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcdabcd";
constexpr uint8_t kLongDigest[32] = {0xde, 0xbe, 0x9f, 0xf9, 0x22, 0x75, 0xb8, 0xa1, 0x38, 0x60, 0x48,
                                     0x89, 0xc1, 0x8e, 0x5a, 0x4d, 0x6f, 0xdb, 0x70, 0xe5, 0x38, 0x7e,
                                     0x57, 0x65, 0x29, 0x3d, 0xcb, 0xa3, 0x9c, 0x0c, 0x57, 0x32};
// Two vectors of eight lanes and one lane more.
constexpr size_t kCount = 17;

// Runs commands one at a time on a device that does nothing else.
class Examiner {
 public:
  Examiner(Link& link, const Arena& arena, Tags* tags, uint64_t timeout_ns)
      : link_(link), arena_(arena), tags_(tags), timeout_ns_(timeout_ns) {}

  // The answers of the device to all of `work` must be `expected`.
  void expect(const char* what, const Work& work, const std::vector<uint8_t>& expected,
              const uint32_t* handles = nullptr, bool points = false) {
    const accel_command command = arena_.stage(0, work, 0, work.count, {handles, points});
    const uint64_t begun = now_ns();
    run(what, command);
    note(work, now_ns() - begun);
    if (std::memcmp(arena_.answers(command), expected.data(), expected.size()) != 0) fail(what, "a wrong answer");
    if (!points) return;
    for (size_t i = 0; i < work.count; ++i) {  // R of the example has an even y
      if (expected[i] == ACCEL_OK && (command.points_out[64 * i + 63] & 1) != 0) fail(what, "a wrong point R");
    }
  }
  void run(const char* what, accel_command command) {
    command.tag = tags_->next();
    command.deadline_ns = timeout_ns_;
    const uint64_t until = after_ns(now_ns(), timeout_ns_);
    while (link_.enqueue(&command, 1) == 0) {
      if (now_ns() > until) fail(what, "a full queue");
      link_.wait(1'000'000);
    }
    accel_completion completion = {};
    while (link_.dequeue(&completion, 1) == 0) {
      const uint64_t now = now_ns();
      if (now >= until) fail(what, "no completion in time");
      link_.wait(until - now);
    }
    if (completion.tag != command.tag || completion.count != command.count || completion.opcode != command.opcode) {
      fail(what, "a completion of another command");
    }
    if (completion.status != ACCEL_COMPLETION_DONE) {
      fail(what, "completion status " + std::to_string(completion.status));
    }
  }
  const Rates& rates() const { return rates_; }
  [[noreturn]] static void fail(const char* what, const std::string& got) {
    throw Fault(kSelftestsFailed, std::string("known-answer test of ") + what + ": got " + got);
  }

 private:
  void note(const Work& work, uint64_t nanoseconds) {
    double& rate = rates_[static_cast<size_t>(work.op)];
    const double now = static_cast<double>(work.count) * 1e9 / static_cast<double>(std::max<uint64_t>(nanoseconds, 1));
    rate = rate == 0 ? now : std::min(rate, now);
  }

  Link& link_;
  const Arena& arena_;
  Tags* const tags_;
  const uint64_t timeout_ns_;
  Rates rates_{};
};

// Copies of the example, some of them damaged, with their verdicts.
struct Signatures {
  std::vector<uint8_t> keys, signatures, digests, messages, expected;
  sm2::Identity identity{reinterpret_cast<const uint8_t*>(ACCEL_SM2_DEFAULT_ID), ACCEL_SM2_DEFAULT_ID_LENGTH};

  explicit Signatures(size_t count) : expected(count, ACCEL_OK) {
    for (size_t i = 0; i < count; ++i) {
      keys.insert(keys.end(), kPublic, kPublic + 64);
      signatures.insert(signatures.end(), kSignature, kSignature + 64);
      digests.insert(digests.end(), kDigest, kDigest + 32);
      messages.insert(messages.end(), kMessage, kMessage + sizeof kMessage - 1);
    }
    const auto damage = [&](size_t i, accel_status verdict, auto&& change) {
      if (i >= count) return;
      change();
      expected[i] = static_cast<uint8_t>(verdict);
    };
    damage(1, ACCEL_BAD_SIGNATURE, [&] { signatures[64 * 1 + 31] ^= 1; });
    damage(3, ACCEL_BAD_SIGNATURE, [&] { signatures[64 * 3 + 63] ^= 1; });
    damage(9, ACCEL_BAD_RANGE, [&] { std::memset(&signatures[64 * 9], 0, 32); });
    damage(11, ACCEL_BAD_RANGE, [&] { std::memset(&signatures[64 * 11 + 32], 0xff, 32); });
    damage(14, ACCEL_BAD_KEY, [&] { keys[64 * 14 + 63] ^= 1; });
  }

  Work work(Op op) const {
    Work work;
    work.op = op;
    work.count = expected.size();
    work.keys = {keys.data(), 64};
    work.signatures = {signatures.data(), 64};
    if (op == Op::kVerifyDigest) {
      work.digests = {digests.data(), 32};
    } else {
      const size_t length = sizeof kMessage - 1;
      work.messages.emplace(messages.data(), length, length, work.count);
      work.id.assign(ACCEL_SM2_DEFAULT_ID, ACCEL_SM2_DEFAULT_ID + ACCEL_SM2_DEFAULT_ID_LENGTH);
      work.identity = identity;
    }
    work.measure();
    return work;
  }
};

void examine_hashes(Examiner& examiner, const Link& link, size_t count) {
  Work work;
  work.count = count;
  work.messages.emplace(reinterpret_cast<const uint8_t*>(kLong), 0, 64, count);
  work.measure();
  std::vector<uint8_t> expected;
  for (size_t i = 0; i < count; ++i) expected.insert(expected.end(), kLongDigest, kLongDigest + 32);
  if (link.caps().max_message >= 64 && link.caps().max_bytes >= 64 * count) {
    examiner.expect("SM3", work, expected);
  }
  if (!link.has_flag(ACCEL_COMMAND_RAGGED)) return;
  // Lengths about the ends of blocks.
  const int64_t lengths[kCount] = {0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 127, 128, 3, 14, 0, 32, 33};
  std::vector<int64_t> offsets = {0};
  for (size_t i = 0; i < count; ++i) offsets.push_back(offsets.back() + lengths[i]);
  std::vector<uint8_t> data(static_cast<size_t>(offsets.back()));
  std::iota(data.begin(), data.end(), uint8_t{1});
  accel_messages view = {};
  view.struct_size = sizeof view;
  view.layout = ACCEL_LAYOUT_RAGGED64;
  view.data = data.data();
  view.data_size = data.size();
  view.offsets = offsets.data();
  work.messages.emplace(&view, count, "messages");
  work.measure();
  if (work.longest > link.caps().max_message || data.size() > link.caps().max_bytes) return;
  compute(work, 0, count, expected.data());
  examiner.expect("SM3 of ragged messages", work, expected);
}

void examine_handles(Examiner& examiner, Link& link, Op op, const char* what, size_t count) {
  if (!link.has_flag(ACCEL_COMMAND_HANDLES) || link.caps().max_keys < 1) return;
  const Signatures signatures(std::min<size_t>(count, 14));  // before the damaged key
  size_t bad_index;
  const sm2::KeyRing ring({kPublic, 64}, 1, signatures.identity, 1, &bad_index);
  uint32_t handle;
  if (!link.load_keys(kPublic, 1, &handle)) Examiner::fail(what, "no memory for one key");
  Work work = signatures.work(op);
  const std::vector<uint32_t> indices(work.count);
  work.ring = &ring;
  work.indices = {indices.data()};
  examiner.expect(what, work, signatures.expected, &handle);
  link.unload_keys(&handle, 1);
}

void examine_signatures(Examiner& examiner, Link& link, Op op, const char* what, size_t count) {
  const Signatures signatures(count);
  const Work work = signatures.work(op);
  if (op == Op::kVerify && (link.caps().max_message < work.longest || link.caps().max_bytes < work.longest * count)) {
    return;
  }
  examiner.expect(what, work, signatures.expected);
  if (link.has_flag(ACCEL_COMMAND_POINTS)) examiner.expect(what, work, signatures.expected, nullptr, true);
  examine_handles(examiner, link, op, what, count);
}

void examine_trees(Examiner& examiner, const Link& link, const Arena& arena, size_t count) {
  std::vector<uint8_t> leaves(merkle::kHashSize * count);
  std::iota(leaves.begin(), leaves.end(), uint8_t{7});
  for (const uint32_t rule : {ACCEL_MERKLE_RFC9162, ACCEL_MERKLE_CHAINMAKER, ACCEL_MERKLE_BCOS}) {
    Work work;
    work.op = Op::kMerkle;
    work.count = count;
    work.digests = {leaves.data(), merkle::kHashSize};
    work.rule = &merkle::find_rule(rule);
    std::vector<uint8_t> expected(answer_bytes(work, 0, count));
    compute(work, 0, count, expected.data());
    if (link.supports(ACCEL_OP_MERKLE_LEVELS)) examiner.expect("Merkle levels", work, expected);
    if (!link.supports(ACCEL_OP_MERKLE_ROOT) || count < 2) continue;
    accel_command command = arena.stage(0, work, 0, count, {});
    command.opcode = ACCEL_OP_MERKLE_ROOT;
    command.output_size = merkle::kHashSize;
    examiner.run("a Merkle root", command);
    const uint8_t* const root = expected.data() + expected.size() - merkle::kHashSize;
    if (std::memcmp(command.output, root, merkle::kHashSize) != 0) Examiner::fail("a Merkle root", "a wrong answer");
  }
}

}  // namespace

Rates selftest(Link& link, const Arena& arena, Tags* tags, uint64_t timeout_ns) {
  Examiner examiner(link, arena, tags, timeout_ns);
  const size_t count = std::min(kCount, arena.limits().items);
  if (link.supports(ACCEL_OP_SM3)) examine_hashes(examiner, link, count);
  if (link.supports(ACCEL_OP_SM2_VERIFY_DIGEST)) {
    examine_signatures(examiner, link, Op::kVerifyDigest, "SM2 over digests", count);
  }
  if (link.supports(ACCEL_OP_SM2_VERIFY)) {
    examine_signatures(examiner, link, Op::kVerify, "SM2 over messages", count);
  }
  if (link.supports(ACCEL_OP_MERKLE_LEVELS) || link.supports(ACCEL_OP_MERKLE_ROOT)) {
    examine_trees(examiner, link, arena, count);
  }
  return examiner.rates();
}

}  // namespace accel::runtime
