// accel.h: one SM2 signature at a time.
#include "runtime/verifier.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>

#include "base/pool.hpp"
#include "capi/arrays.hpp"
#include "capi/devices.hpp"
#include "capi/guard.hpp"
#include "capi/keyring.hpp"
#include "runtime/completions.hpp"

using accel::Bytes;
using accel::Error;
using accel::capi::guard;
using accel::capi::require;
using accel::capi::require_array;
using accel::capi::require_bytes;
using accel::runtime::CoalescerOptions;
using accel::runtime::Completion;
using accel::runtime::Completions;
using accel::runtime::deadline_after;
using accel::runtime::forks;
using accel::runtime::Item;
using accel::runtime::kMaxLanes;
using accel::runtime::kPriorities;
using accel::runtime::message_digest;
using accel::runtime::Submission;
using accel::runtime::Verifier;

struct accel_sm2_verifier {
  Verifier verifier;
};

struct accel_sm2_queue {
  std::unique_ptr<Completions> completions;
  uint32_t made_after;  // so many forks
};

namespace {

constexpr uint64_t kMaxLinger = 1'000'000'000, kMaxCapacity = uint64_t{1} << 20, kMaxRunners = 1024;
static_assert(kPriorities == ACCEL_PRIORITIES);

[[noreturn]] void bad_value(const char* argument, const std::string& wanted, uint64_t got) {
  throw Error(ACCEL_BAD_ARGUMENT, std::string(argument) + ": expected " + wanted + ", got " + std::to_string(got));
}

void require_range(uint64_t value, uint64_t least, uint64_t most, const char* argument) {
  if (value >= least && value <= most) return;
  bad_value(argument, std::to_string(least) + " to " + std::to_string(most), value);
}

CoalescerOptions parse(const accel_sm2_verifier_options* given) {
  CoalescerOptions options;
  options.runners = accel::num_threads();
  if (given == nullptr) return options;
  if (given->struct_size != sizeof *given) {
    bad_value("options", "struct_size " + std::to_string(sizeof *given), given->struct_size);
  }
  require_range(given->when_full, ACCEL_WHEN_FULL_WAIT, ACCEL_WHEN_FULL_REFUSE, "options.when_full");
  options.refuse_when_full = given->when_full == ACCEL_WHEN_FULL_REFUSE;
  if (given->linger_ns == ACCEL_NO_LINGER) {
    options.linger = 0;
  } else if (given->linger_ns != 0) {
    require_range(given->linger_ns, 1, kMaxLinger, "options.linger_ns");
    options.linger = given->linger_ns;
  }
  const auto take = [](size_t* to, uint64_t value, uint64_t least, uint64_t most, const char* argument) {
    if (value == 0) return;
    require_range(value, least, most, argument);
    *to = value;
  };
  take(&options.capacity, given->capacity, 1, kMaxCapacity, "options.capacity");
  take(&options.lanes, given->lanes, 1, kMaxLanes, "options.lanes");
  options.most = std::max(options.most, options.lanes);
  take(&options.most, given->batch, options.lanes, kMaxLanes, "options.batch");
  take(&options.runners, given->runners, 1, kMaxRunners, "options.runners");
  if (given->reserved != 0) bad_value("options.reserved", "0", given->reserved);
  return options;
}

Verifier& of(accel_sm2_verifier* verifier) {
  require(verifier, "verifier");
  return verifier->verifier;
}

Completions& of(const accel_sm2_queue* queue) {
  require(queue, "queue");
  if (queue->made_after != forks()) throw Error(ACCEL_CLOSED, "queue: was made before a fork");
  return *queue->completions;
}

const accel::sm2::KeyRing* ring_of(const accel_sm2_keyring* ring, uint32_t index) {
  require(ring, "ring");
  if (index < ring->ring.size()) return &ring->ring;
  bad_value("index", "one of the ring's " + std::to_string(ring->ring.size()) + " keys", index);
}

// What all calls have in common, checked.
Submission question(const accel::sm2::KeyRing* ring, uint32_t index, const uint8_t* key, const uint8_t* signature,
                    const uint8_t* digest, uint32_t priority, uint64_t timeout_ns) {
  if (ring == nullptr) require(key, "key");
  require(signature, "signature");
  require(digest, "digest");
  require_range(priority, ACCEL_PRIORITY_VOTE, ACCEL_PRIORITY_TRANSACTION, "priority");
  return {ring,
          index,
          key,
          signature,
          digest,
          static_cast<uint8_t>(priority - ACCEL_PRIORITY_VOTE),
          deadline_after(timeout_ns),
          0};
}

void begin(uint8_t* status_out) {
  require(status_out, "status_out");
  *status_out = ACCEL_NOT_CHECKED;
}

uint8_t verify(Verifier& verifier, const Submission& asked) {
  Item item;
  item.ring = asked.ring;
  item.index = asked.index;
  item.priority = asked.priority;
  item.key = asked.key;
  item.signature = asked.signature;
  item.digest = asked.digest;
  item.deadline = asked.deadline;
  return verifier.coalescer()->verify(item);
}

void submit(Completions& completions, Submission asked, uint64_t tag) {
  asked.tag = tag;
  completions.submit(asked);
}

// A message, hashed.
struct Digest {
  Digest(const uint8_t* key, const uint8_t* message, uint64_t length, const uint8_t* id, uint64_t id_length) {
    require(key, "key");
    require_bytes(message, length, "message");
    message_digest(bytes, key, Bytes{message, length}, id, id_length);
  }
  Digest(const accel::sm2::KeyRing& ring, uint32_t index, const uint8_t* message, uint64_t length) {
    require_bytes(message, length, "message");
    message_digest(bytes, ring, index, Bytes{message, length});
  }
  uint8_t bytes[32];
};

}  // namespace

accel_status accel_sm2_verifier_new(accel_device* device, accel_sm2_verifier** verifier_out,
                                    const accel_sm2_verifier_options* options) {
  return guard([&] {
    require(verifier_out, "verifier_out");
    *verifier_out = nullptr;
    *verifier_out = new accel_sm2_verifier{Verifier(parse(options), accel::capi::device_of(device))};
  });
}

accel_status accel_sm2_verifier_close(accel_sm2_verifier* verifier, uint32_t drain) {
  return guard([&] { of(verifier).coalescer()->close(drain != 0); });
}

void accel_sm2_verifier_free(accel_sm2_verifier* verifier) { delete verifier; }

accel_status accel_sm2_verifier_verify_digest(accel_sm2_verifier* verifier, uint8_t* status_out, const uint8_t key[64],
                                              const uint8_t signature[64], const uint8_t digest[32], uint32_t priority,
                                              uint64_t timeout_ns) {
  return guard([&] {
    begin(status_out);
    *status_out = verify(of(verifier), question(nullptr, 0, key, signature, digest, priority, timeout_ns));
  });
}

accel_status accel_sm2_verifier_verify(accel_sm2_verifier* verifier, uint8_t* status_out, const uint8_t key[64],
                                       const uint8_t signature[64], const uint8_t* message, uint64_t message_length,
                                       const uint8_t* id, uint64_t id_length, uint32_t priority, uint64_t timeout_ns) {
  return guard([&] {
    begin(status_out);
    Verifier& target = of(verifier);
    const Digest digest(key, message, message_length, id, id_length);
    *status_out = verify(target, question(nullptr, 0, key, signature, digest.bytes, priority, timeout_ns));
  });
}

accel_status accel_sm2_verifier_ring_verify_digest(accel_sm2_verifier* verifier, uint8_t* status_out,
                                                   const accel_sm2_keyring* ring, uint32_t index,
                                                   const uint8_t signature[64], const uint8_t digest[32],
                                                   uint32_t priority, uint64_t timeout_ns) {
  return guard([&] {
    begin(status_out);
    Verifier& target = of(verifier);
    *status_out =
        verify(target, question(ring_of(ring, index), index, nullptr, signature, digest, priority, timeout_ns));
  });
}

accel_status accel_sm2_verifier_ring_verify(accel_sm2_verifier* verifier, uint8_t* status_out,
                                            const accel_sm2_keyring* ring, uint32_t index, const uint8_t signature[64],
                                            const uint8_t* message, uint64_t message_length, uint32_t priority,
                                            uint64_t timeout_ns) {
  return guard([&] {
    begin(status_out);
    Verifier& target = of(verifier);
    const accel::sm2::KeyRing* const keys = ring_of(ring, index);
    const Digest digest(*keys, index, message, message_length);
    *status_out = verify(target, question(keys, index, nullptr, signature, digest.bytes, priority, timeout_ns));
  });
}

accel_status accel_sm2_verifier_stats(accel_sm2_verifier* verifier, accel_sm2_verifier_counts* counts_out) {
  return guard([&] {
    Verifier& target = of(verifier);
    require(counts_out, "counts_out");
    if (counts_out->struct_size != sizeof *counts_out) {
      bad_value("counts_out", "struct_size " + std::to_string(sizeof *counts_out), counts_out->struct_size);
    }
    const accel::runtime::CoalescerCounts counts = target.coalescer()->counts();
    *counts_out = {};
    counts_out->struct_size = sizeof *counts_out;
    counts_out->batches = counts.batches;
    counts_out->items = counts.items;
    counts_out->waiting = counts.waiting;
    counts_out->refused = counts.refused;
    counts_out->timed_out = counts.timed_out;
    std::copy(counts.taken.begin(), counts.taken.end(), counts_out->taken);
    std::copy(counts.wait_ns.begin(), counts.wait_ns.end(), counts_out->wait_ns);
    std::copy(counts.longest_wait_ns.begin(), counts.longest_wait_ns.end(), counts_out->longest_wait_ns);
  });
}

accel_status accel_sm2_queue_new(accel_sm2_queue** queue_out, accel_sm2_verifier* verifier, uint64_t capacity) {
  return guard([&] {
    require(queue_out, "queue_out");
    *queue_out = nullptr;
    Verifier& target = of(verifier);
    require_range(capacity, 1, kMaxCapacity, "capacity");
    *queue_out = new accel_sm2_queue{std::make_unique<Completions>(target.coalescer(), capacity), forks()};
  });
}

void accel_sm2_queue_free(accel_sm2_queue* queue) {
  if (queue == nullptr) return;
  if (queue->made_after != forks()) (void)queue->completions.release();  // belongs to threads that are not here
  delete queue;
}

accel_status accel_sm2_queue_descriptor(const accel_sm2_queue* queue, int* descriptor_out) {
  return guard([&] {
    require(descriptor_out, "descriptor_out");
    *descriptor_out = of(queue).descriptor();
  });
}

accel_status accel_sm2_queue_submit_digest(accel_sm2_queue* queue, const uint8_t key[64], const uint8_t signature[64],
                                           const uint8_t digest[32], uint32_t priority, uint64_t timeout_ns,
                                           uint64_t tag) {
  return guard([&] { submit(of(queue), question(nullptr, 0, key, signature, digest, priority, timeout_ns), tag); });
}

accel_status accel_sm2_queue_submit(accel_sm2_queue* queue, const uint8_t key[64], const uint8_t signature[64],
                                    const uint8_t* message, uint64_t message_length, const uint8_t* id,
                                    uint64_t id_length, uint32_t priority, uint64_t timeout_ns, uint64_t tag) {
  return guard([&] {
    Completions& target = of(queue);
    const Digest digest(key, message, message_length, id, id_length);
    submit(target, question(nullptr, 0, key, signature, digest.bytes, priority, timeout_ns), tag);
  });
}

accel_status accel_sm2_queue_ring_submit_digest(accel_sm2_queue* queue, const accel_sm2_keyring* ring, uint32_t index,
                                                const uint8_t signature[64], const uint8_t digest[32],
                                                uint32_t priority, uint64_t timeout_ns, uint64_t tag) {
  return guard([&] {
    Completions& target = of(queue);
    submit(target, question(ring_of(ring, index), index, nullptr, signature, digest, priority, timeout_ns), tag);
  });
}

accel_status accel_sm2_queue_ring_submit(accel_sm2_queue* queue, const accel_sm2_keyring* ring, uint32_t index,
                                         const uint8_t signature[64], const uint8_t* message, uint64_t message_length,
                                         uint32_t priority, uint64_t timeout_ns, uint64_t tag) {
  return guard([&] {
    Completions& target = of(queue);
    const accel::sm2::KeyRing* const keys = ring_of(ring, index);
    const Digest digest(*keys, index, message, message_length);
    submit(target, question(keys, index, nullptr, signature, digest.bytes, priority, timeout_ns), tag);
  });
}

accel_status accel_sm2_queue_poll(accel_sm2_queue* queue, uint64_t* tags_out, uint8_t* status_out, uint64_t* count_out,
                                  uint64_t capacity, uint64_t timeout_ns) {
  return guard([&] {
    require(count_out, "count_out");
    *count_out = 0;
    Completions& target = of(queue);
    accel::require_count(capacity, "capacity");
    require_array(tags_out, capacity, "tags_out");
    require_array(status_out, capacity, "status_out");
    std::array<Completion, kMaxLanes> some;
    accel::runtime::Nanoseconds deadline = deadline_after(timeout_ns);
    while (*count_out < capacity) {
      const size_t room = static_cast<size_t>(std::min<uint64_t>(capacity - *count_out, some.size()));
      const size_t taken = target.poll(some.data(), room, deadline);
      for (size_t i = 0; i < taken; ++i) {
        std::memcpy(reinterpret_cast<uint8_t*>(tags_out) + 8 * (*count_out + i), &some[i].tag, 8);
        status_out[*count_out + i] = some[i].status;
      }
      *count_out += taken;
      if (taken < room) return;
      deadline = 0;
    }
  });
}
