#include "soak/client.hpp"

#include <poll.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <thread>

namespace accel::soak {
namespace {

using std::chrono::milliseconds;

constexpr size_t kGuard = 64, kUnderWay = 6, kStreams = 6;
constexpr uint8_t kGuardByte = 0xa5, kUnwritten = 0x5a;
constexpr uint64_t kMillisecond = 1'000'000;
// How long the output of a call that has ended is watched for somebody who still writes there.
constexpr milliseconds kWatched(150);

constexpr const char* kKindNames[kKinds] = {
    "hash_ragged", "hash_equal", "merkle_leaves", "verify_digest", "verify", "keyring_verify_digest", "keyring_verify"};

bool hashes(Kind kind) { return kind <= Kind::kLeaves; }

}  // namespace

struct Client::Call {
  std::shared_ptr<Handle> handle;
  Kind kind;
  uint32_t rule = 0;
  size_t begin, count;
  Bytes memory;
  accel_future* future = nullptr;
  uint64_t deadline_ns = 0;
  bool cancelled = false, freed = false, called_back = false;
  std::atomic<uint32_t> callbacks{0};
  accel_status end = ACCEL_PENDING;
  Clock::time_point submitted, settled;
  size_t fingerprint = 0;

  size_t output_size() const { return hashes(kind) ? 32 * count : count; }
  uint8_t* output() { return memory.data() + kGuard; }
  const uint8_t* output() const { return memory.data() + kGuard; }
  size_t hash() const {
    return std::hash<std::string_view>()({reinterpret_cast<const char*>(memory.data()), memory.size()});
  }
};

Client::Client(World& world, uint64_t seed) : world_(world), random_(seed) {}

Client::~Client() { drop_streams(true); }

void Client::complain(const Call& call, const std::string& what) {
  world_.ledger.violation(call.handle->plan.name + " audit=" + std::to_string(call.handle->plan.options.audit) + ": " +
                          kKindNames[static_cast<size_t>(call.kind)] + " of items " + std::to_string(call.begin) +
                          " to " + std::to_string(call.begin + call.count) + ": " + what);
}

void Client::work_until(Clock::time_point end) {
  while (Clock::now() < end) {
    if (under_way_.size() < kUnderWay && !random_.once_in(4)) submit();
    if (random_.once_in(16)) call_at_once();
    if (random_.once_in(24)) grow_tree();
    if (random_.once_in(8)) ask();
    for (auto& call : under_way_) attend(*call);
    settle();
    release_settled(false);
    if (random_.once_in(32)) drop_streams(false);
  }
  while (!under_way_.empty()) {
    for (auto& call : under_way_) ended(*call, 20 * kMillisecond);
    settle();
  }
  release_settled(true);
  drop_streams(true);
}

void Client::open_stream() {
  Post& post = *world_.posts[random_.below(world_.posts.size())];
  post.use([&](accel_device* device, const std::shared_ptr<Handle>& handle) {
    accel_stream* stream = nullptr;
    if (accel_stream_new(device, &stream, static_cast<uint32_t>(random_.between(1, 8))) != ACCEL_OK) {
      world_.ledger.violation(std::string("stream: ") + accel_last_error());
      return;
    }
    streams_.push_back({stream, handle});
  });
}

Client::Stream* Client::stream() {
  if (streams_.size() < kStreams && (streams_.empty() || random_.once_in(8))) open_stream();
  if (streams_.empty()) return nullptr;
  return &*std::next(streams_.begin(), static_cast<long>(random_.below(streams_.size())));
}

// Those of closed handles, or all. Freeing waits for what is on its way.
void Client::drop_streams(bool all) {
  const Activity::Scope scope(activity_, "accel_stream_free");
  for (auto it = streams_.begin(); it != streams_.end();) {
    if (!all && !it->handle->closing) {
      ++it;
      continue;
    }
    accel_stream_free(it->stream);
    it = streams_.erase(it);
  }
}

void Client::submit() {
  Stream* const to = stream();
  if (to == nullptr) {
    std::this_thread::sleep_for(milliseconds(1));
    return;
  }
  auto call = std::make_unique<Call>();
  call->handle = to->handle;
  call->kind = static_cast<Kind>(random_.below(kKinds));
  const size_t most = !hashes(call->kind) && to->handle->plan.is_slow ? 256 : world_.largest;
  call->count = random_.size(std::min(most, world_.inputs.count()));
  call->begin = random_.below(world_.inputs.count() - call->count + 1);
  call->rule = static_cast<uint32_t>(random_.between(ACCEL_MERKLE_RFC9162, ACCEL_MERKLE_BCOS));
  call->memory.assign(call->output_size() + 2 * kGuard, kGuardByte);
  std::memset(call->output(), kUnwritten, call->output_size());
  accel_submit_options options = {};
  options.struct_size = sizeof options;
  options.priority = static_cast<uint32_t>(random_.between(0, 3));
  options.non_blocking = random_.once_in(2) ? 1 : 0;
  if (random_.once_in(4))
    options.deadline_ns = random_.once_in(2) ? random_.between(1, 5 * kMillisecond) : 60 * kMillisecond;
  call->deadline_ns = options.deadline_ns;
  const bool was_closing = to->handle->closing;
  (hashes(call->kind) ? to->handle->hashes : to->handle->verdicts) += call->count;
  call->submitted = Clock::now();
  accel_status status;
  {
    const Activity::Scope scope(activity_, "submit");
    status = submit(*to, *call, options);
  }
  if (status != ACCEL_OK) {
    refused(*to, status, options.non_blocking != 0, was_closing);
    return;
  }
  world_.ledger.count("calls.submitted");
  world_.ledger.count("items.submitted", call->count);
  if (random_.once_in(2)) {
    call->called_back = true;
    const auto count_up = [](void* context) { ++static_cast<Call*>(context)->callbacks; };
    if (accel_future_on_done(call->future, count_up, call.get()) != ACCEL_OK) complain(*call, accel_last_error());
  }
  under_way_.push_back(std::move(call));
}

accel_status Client::submit(Stream& to, Call& call, const accel_submit_options& options) {
  const Inputs& in = world_.inputs;
  const size_t at = call.begin, count = call.count;
  const accel_messages ragged = in.ragged(at), equal = in.equal(at);
  const uint8_t* const signatures = &in.signatures[64 * at];
  uint8_t* const out = call.output();
  switch (call.kind) {
    case Kind::kHashRagged:
      return accel_stream_sm3_hash_messages(to.stream, &call.future, out, &ragged, count, &options);
    case Kind::kHashEqual:
      return accel_stream_sm3_hash_messages(to.stream, &call.future, out, &equal, count, &options);
    case Kind::kLeaves:
      return accel_stream_merkle_leaf_hashes(to.stream, &call.future, out, call.rule, &ragged, count, &options);
    case Kind::kVerifyDigest:
      return accel_stream_sm2_verify_digest_many(to.stream, &call.future, out, &in.keys[64 * at], 64, signatures, 64,
                                                 &in.digests[32 * at], 32, count, &options);
    case Kind::kVerify:
      return accel_stream_sm2_verify_many(to.stream, &call.future, out, &in.keys[64 * at], 64, signatures, 64, &ragged,
                                          reinterpret_cast<const uint8_t*>(ACCEL_SM2_DEFAULT_ID),
                                          ACCEL_SM2_DEFAULT_ID_LENGTH, count, &options);
    case Kind::kRingDigest:
      return accel_stream_sm2_keyring_verify_digest_many(to.stream, &call.future, out, in.ring, &in.indices[at],
                                                         signatures, 64, &in.digests[32 * at], 32, count, &options);
    default:
      return accel_stream_sm2_keyring_verify_many(to.stream, &call.future, out, in.ring, &in.indices[at], signatures,
                                                  64, &ragged, count, &options);
  }
}

void Client::refused(const Stream& to, accel_status status, bool non_blocking, bool was_closing) {
  world_.ledger.count(std::string("calls.refused.") + accel_status_name(status));
  const bool full = status == ACCEL_QUEUE_FULL && non_blocking;
  const bool closed = status == ACCEL_BAD_DEVICE && (was_closing || to.handle->closing);
  if (full || closed) return;
  world_.ledger.violation(to.handle->plan.name + ": submit: " + accel_status_name(status) + ": " + accel_last_error());
}

void Client::attend(Call& call) {
  if (call.end != ACCEL_PENDING) return;
  switch (random_.below(24)) {
    case 0:
      cancel(call);
      return;
    case 1:
    case 2: {
      int32_t descriptor = -1;
      if (accel_future_descriptor(call.future, &descriptor) != ACCEL_OK) {
        complain(call, accel_last_error());
        return;
      }
      pollfd readable = {descriptor, POLLIN, 0};
      if (poll(&readable, 1, 2) == 1 && !ended(call, 0)) complain(call, "its descriptor is readable before its end");
      return;
    }
    case 3:
      if (!random_.once_in(4)) return;
      call.freed = true;  // which cancels it
      accel_future_free(call.future);
      call.future = nullptr;
      call.end = ACCEL_CANCELLED;
      return;
    default:
      ended(call, random_.once_in(2) ? 0 : kMillisecond);
  }
}

bool Client::ended(Call& call, uint64_t timeout_ns) {
  if (call.end != ACCEL_PENDING) return true;
  const accel_status status = accel_future_wait(call.future, timeout_ns);
  if (status != ACCEL_PENDING) {
    call.end = status;
    return true;
  }
  if (Clock::now() - call.submitted > world_.patience) {
    complain(call, "no answer");
    world_.ledger.count("calls.without_answer");
    accel_future_cancel(call.future);
    call.cancelled = true;
    call.end = accel_future_wait(call.future, 0);
  }
  return false;
}

void Client::cancel(Call& call) {
  const accel_status status = accel_future_cancel(call.future);
  if (status != ACCEL_OK && status != ACCEL_BAD_ARGUMENT) complain(call, std::string("cancel: ") + accel_last_error());
  call.cancelled = status == ACCEL_OK;
  call.end = accel_future_wait(call.future, 0);
  if (call.end == ACCEL_PENDING) complain(call, "still on its way after cancel");
  if (call.cancelled != (call.end == ACCEL_CANCELLED)) complain(call, "cancel and its end disagree");
}

// Ended calls are checked, and then watched for a while.
void Client::settle() {
  for (auto it = under_way_.begin(); it != under_way_.end();) {
    if ((*it)->end == ACCEL_PENDING) {
      ++it;
      continue;
    }
    check(**it);
    settled_.push_back(std::move(*it));
    it = under_way_.erase(it);
  }
}

void Client::check(Call& call) {
  world_.ledger.count("calls.answered");
  world_.ledger.count(std::string("calls.") + (call.freed ? "freed_under_way" : accel_status_name(call.end)));
  check_end(call);
  const auto is_guard = [](uint8_t byte) { return byte == kGuardByte; };
  if (!std::all_of(call.memory.begin(), call.memory.begin() + kGuard, is_guard) ||
      !std::all_of(call.memory.end() - kGuard, call.memory.end(), is_guard)) {
    complain(call, "bytes beside its output were written");
  }
  if (hashes(call.kind)) {
    check_digests(call);
  } else {
    check_verdicts(call);
  }
  if (call.end == ACCEL_OK) {
    (hashes(call.kind) ? call.handle->hashes_done : call.handle->verdicts_done) += call.count;
    world_.ledger.count("items.answered", call.count);
  }
  call.settled = Clock::now();
  call.fingerprint = call.hash();
}

void Client::check_end(Call& call) {
  const auto took = Clock::now() - call.submitted;
  switch (call.end) {
    case ACCEL_OK:
      return;
    case ACCEL_CANCELLED:
      if (!call.cancelled && !call.freed) complain(call, "cancelled, which nobody has asked for");
      return;
    case ACCEL_TIMED_OUT:
      if (call.deadline_ns == 0) complain(call, "timed out without a deadline");
      if (took < std::chrono::nanoseconds(call.deadline_ns)) complain(call, "timed out before its deadline");
      return;
    case ACCEL_BAD_DEVICE:
      if (call.handle->plan.options.no_fallback == 0) complain(call, "no device, in spite of the fallback");
      return;
    default:
      complain(call, std::string("ended with ") + accel_status_name(call.end) + ": " + accel_last_error());
  }
}

// Every rejection is computed again under each audit, so a wrong one is never delivered. A wrong acceptance may be,
// where the plan says so.
void Client::check_verdicts(const Call& call) {
  const bool by_ring = call.kind == Kind::kRing || call.kind == Kind::kRingDigest;
  const uint8_t* const expected = (by_ring ? world_.inputs.ring_expected : world_.inputs.expected).data() + call.begin;
  uint64_t believed = 0;
  for (size_t i = 0; i < call.count; ++i) {
    const uint8_t status = call.output()[i];
    if (status == expected[i] || (status == ACCEL_NOT_CHECKED && call.end != ACCEL_OK)) continue;
    if (status == ACCEL_OK && call.handle->plan.may_lie) {
      ++believed;
      continue;
    }
    complain(call, "item " + std::to_string(i) + ": " + accel_status_name(status) + ", expected " +
                       accel_status_name(expected[i]));
    return;
  }
  if (believed != 0) world_.ledger.count("items.wrong_as_documented", believed);
}

void Client::check_digests(const Call& call) {
  if (call.end != ACCEL_OK) return;
  const Bytes& all = call.kind == Kind::kHashRagged  ? world_.inputs.ragged_hashes
                     : call.kind == Kind::kHashEqual ? world_.inputs.equal_hashes
                                                     : world_.inputs.leaf_hashes[call.rule];
  if (std::memcmp(call.output(), &all[32 * call.begin], 32 * call.count) == 0) return;
  if (!call.handle->plan.may_lie) {
    complain(call, "a wrong digest");
    return;
  }
  world_.ledger.count("items.wrong_as_documented");
}

// A second answer, or a device that writes late, would change what was left alone.
void Client::release_settled(bool all) {
  const Activity::Scope scope(activity_, "waiting for a callback");
  while (!settled_.empty()) {
    Call& call = *settled_.front();
    if (!all && Clock::now() - call.settled < kWatched) return;
    const uint32_t wanted = call.called_back ? 1 : 0;
    while (call.callbacks < wanted) std::this_thread::sleep_for(milliseconds(1));
    if (call.callbacks != wanted) complain(call, std::to_string(call.callbacks) + " callbacks");
    if (call.hash() != call.fingerprint) complain(call, "its output was written after its end");
    if (call.future != nullptr && accel_future_wait(call.future, 0) != call.end) complain(call, "its end has changed");
    accel_future_free(call.future);
    settled_.pop_front();
  }
}

// A call without a stream, which waits.
void Client::call_at_once() {
  const Inputs& in = world_.inputs;
  Post& post = *world_.posts[random_.below(world_.posts.size())];
  const Activity::Scope scope(activity_, "accel_sm2_verify_digest_many");
  post.use([&](accel_device* device, const std::shared_ptr<Handle>& handle) {
    Call call;
    call.handle = handle;
    call.kind = Kind::kVerifyDigest;
    call.count = random_.size(std::min<size_t>(256, in.count()));
    call.begin = random_.below(in.count() - call.count + 1);
    call.memory.assign(call.count + 2 * kGuard, kGuardByte);
    handle->verdicts += call.count;
    call.end =
        accel_sm2_verify_digest_many(device, call.output(), &in.keys[64 * call.begin], 64,
                                     &in.signatures[64 * call.begin], 64, &in.digests[32 * call.begin], 32, call.count);
    world_.ledger.count("calls.at_once");
    check_end(call);
    check_verdicts(call);
    if (call.end == ACCEL_OK) handle->verdicts_done += call.count;
  });
}

void Client::grow_tree() {
  const Inputs& in = world_.inputs;
  const Inputs::Tree& wanted = in.trees[random_.below(in.trees.size())];
  Post& post = *world_.posts[random_.below(world_.posts.size())];
  const Activity::Scope scope(activity_, "accel_merkle_tree_append");
  post.use([&](accel_device* device, const std::shared_ptr<Handle>& handle) {
    accel_merkle_tree* tree = nullptr;
    const accel_messages leaves = in.ragged(wanted.begin);
    uint8_t root[32];
    uint64_t size = 0;
    const uint32_t keep = random_.once_in(2) ? ACCEL_MERKLE_KEEP_ALL : ACCEL_MERKLE_KEEP_ROOT;
    handle->hashes += wanted.count;
    accel_status status = accel_merkle_tree_new(device, &tree, wanted.rule, keep);
    if (status == ACCEL_OK) status = accel_merkle_tree_append(tree, &leaves, wanted.count);
    if (status == ACCEL_OK) status = accel_merkle_tree_head(tree, root, &size);
    const bool without_device = status == ACCEL_BAD_DEVICE && handle->plan.options.no_fallback != 0;
    world_.ledger.count("trees");
    if (status == ACCEL_OK) {
      handle->hashes_done += wanted.count;
      const bool right = size == wanted.count && std::memcmp(root, wanted.root.data(), 32) == 0;
      if (!right && handle->plan.may_lie) world_.ledger.count("items.wrong_as_documented");
      if (!right && !handle->plan.may_lie) world_.ledger.violation(handle->plan.name + ": a wrong root");
    } else if (!without_device) {
      world_.ledger.violation(handle->plan.name + ": tree: " + accel_status_name(status) + ": " + accel_last_error());
    }
    accel_merkle_tree_free(tree);
  });
}

// What a monitor asks, at any time.
void Client::ask() {
  const Activity::Scope scope(activity_, "accel_device_stats");
  Post& post = *world_.posts[random_.below(world_.posts.size())];
  post.use([&](accel_device* device, const std::shared_ptr<Handle>& handle) {
    accel_device_stat stats[512];
    uint64_t count = 0, members = 0;
    accel_device_info info = {};
    info.struct_size = sizeof info;
    const bool answered = accel_device_stats(device, stats, std::size(stats), &count) == ACCEL_OK &&
                          accel_device_count(device, &members) == ACCEL_OK &&
                          accel_device_get_info(device, members - 1, &info) == ACCEL_OK;
    if (!answered || members < handle->plan.labels.size()) {
      world_.ledger.violation(handle->plan.name + ": stats: " + accel_last_error());
    }
  });
}

}  // namespace accel::soak
