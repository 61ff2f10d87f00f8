// The signature is the example of GB/T 32918.5-2017, annex A; the digests are those of GB/T 32905-2016, annex A. What
// the standards have no example of (damaged signatures, ragged batches, trees) is held to the CPU's kernels, which have
// passed known-answer tests of their own.
#include "runtime/selftest.hpp"

#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "runtime/clock.hpp"

namespace accel::runtime {
namespace {

constexpr uint8_t kKey[64] = {0x09, 0xf9, 0xdf, 0x31, 0x1e, 0x54, 0x21, 0xa1, 0x50, 0xdd, 0x7d, 0x16, 0x1e,
                              0x4b, 0xc5, 0xc6, 0x72, 0x17, 0x9f, 0xad, 0x18, 0x33, 0xfc, 0x07, 0x6b, 0xb0,
                              0x8f, 0xf3, 0x56, 0xf3, 0x50, 0x20, 0xcc, 0xea, 0x49, 0x0c, 0xe2, 0x67, 0x75,
                              0xa5, 0x2d, 0xc6, 0xea, 0x71, 0x8c, 0xc1, 0xaa, 0x60, 0x0a, 0xed, 0x05, 0xfb,
                              0xf3, 0x5e, 0x08, 0x4a, 0x66, 0x32, 0xf6, 0x07, 0x2d, 0xa9, 0xad, 0x13};
constexpr uint8_t kSignature[64] = {0xf5, 0xa0, 0x3b, 0x06, 0x48, 0xd2, 0xc4, 0x63, 0x0e, 0xea, 0xc5, 0x13, 0xe1,
                                    0xbb, 0x81, 0xa1, 0x59, 0x44, 0xda, 0x38, 0x27, 0xd5, 0xb7, 0x41, 0x43, 0xac,
                                    0x7e, 0xac, 0xee, 0xe7, 0x20, 0xb3, 0xb1, 0xb6, 0xaa, 0x29, 0xdf, 0x21, 0x2f,
                                    0xd8, 0x76, 0x31, 0x82, 0xbc, 0x0d, 0x42, 0x1c, 0xa1, 0xbb, 0x90, 0x38, 0xfd,
                                    0x1f, 0x7f, 0x42, 0xd4, 0x84, 0x0b, 0x69, 0xc4, 0x85, 0xbb, 0xc1, 0xaa};
constexpr uint8_t kDigest[32] = {0xf0, 0xb4, 0x3e, 0x94, 0xba, 0x45, 0xac, 0xca, 0xac, 0xe6, 0x92,
                                 0xed, 0x53, 0x43, 0x82, 0xeb, 0x17, 0xe6, 0xab, 0x5a, 0x19, 0xce,
                                 0x7b, 0x31, 0xf4, 0x48, 0x6f, 0xdf, 0xc0, 0xd2, 0x86, 0x40};
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
  Examiner(Link& link, const Arena& arena, uint64_t* tag, uint64_t timeout_ns)
      : link_(link), arena_(arena), tag_(tag), timeout_ns_(timeout_ns) {}

  // The answers of the device to all of `work` must be `expected`.
  void expect(const char* what, const Work& work, const std::vector<uint8_t>& expected,
              const uint32_t* handles = nullptr, bool points = false) {
    const accel_command command = arena_.stage(0, work, 0, work.count, handles, points);
    run(what, command);
    if (std::memcmp(arena_.answers(command), expected.data(), expected.size()) != 0) fail(what, "a wrong answer");
    if (!points) return;
    for (size_t i = 0; i < work.count; ++i) {  // R of the example has an even y
      if (expected[i] == ACCEL_OK && (command.points_out[64 * i + 63] & 1) != 0) fail(what, "a wrong point R");
    }
  }
  void run(const char* what, accel_command command) {
    command.tag = (*tag_)++;
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
  [[noreturn]] static void fail(const char* what, const std::string& got) {
    throw Fault(kSelftestsFailed, std::string("known-answer test of ") + what + ": got " + got);
  }

 private:
  Link& link_;
  const Arena& arena_;
  uint64_t* tag_;
  const uint64_t timeout_ns_;
};

// Copies of the example, some of them damaged, with their verdicts.
struct Signatures {
  std::vector<uint8_t> keys, signatures, digests, messages, expected;
  sm2::Identity identity{reinterpret_cast<const uint8_t*>(ACCEL_SM2_DEFAULT_ID), ACCEL_SM2_DEFAULT_ID_LENGTH};

  explicit Signatures(size_t count) : expected(count, ACCEL_OK) {
    for (size_t i = 0; i < count; ++i) {
      keys.insert(keys.end(), kKey, kKey + 64);
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
  const sm2::KeyRing ring({kKey, 64}, 1, signatures.identity, 1, &bad_index);
  uint32_t handle;
  if (!link.load_keys(kKey, 1, &handle)) Examiner::fail(what, "no memory for one key");
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
    accel_command command = arena.stage(0, work, 0, count, nullptr, false);
    command.opcode = ACCEL_OP_MERKLE_ROOT;
    command.output_size = merkle::kHashSize;
    examiner.run("a Merkle root", command);
    const uint8_t* const root = expected.data() + expected.size() - merkle::kHashSize;
    if (std::memcmp(command.output, root, merkle::kHashSize) != 0) Examiner::fail("a Merkle root", "a wrong answer");
  }
}

}  // namespace

void selftest(Link& link, const Arena& arena, uint64_t* tag, uint64_t timeout_ns) {
  Examiner examiner(link, arena, tag, timeout_ns);
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
}

}  // namespace accel::runtime
