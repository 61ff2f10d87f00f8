#include "runtime/verifier.hpp"

#include <pthread.h>

#include <cstring>
#include <mutex>
#include <new>
#include <utility>

#include "base/pool.hpp"
#include "devices/cpu_sm2.hpp"

namespace accel::runtime {
namespace {

std::atomic<uint32_t> fork_count{0};

// Of threads of a child that all find an old coalescer, one makes the new one. Never destroyed, made anew in a child.
alignas(std::mutex) unsigned char mutex_storage[sizeof(std::mutex)];
std::mutex* const making = new (mutex_storage) std::mutex;

void count_fork_in_child() {
  fork_count.fetch_add(1, std::memory_order_relaxed);
  new (mutex_storage) std::mutex;
}
[[maybe_unused]] const int fork_handler_registered = pthread_atfork(nullptr, nullptr, count_fork_in_child);

void run_on_cpu(uint8_t* status, const Batch& batch) {
  const OneThread this_one;
  const sm2::Strided signatures{batch.signatures, 64}, digests{batch.digests, 32};
  if (batch.ring != nullptr) {
    cpu::sm2_ring_verify_digests(status, *batch.ring, {batch.indices}, signatures, digests, batch.count);
  } else {
    cpu::sm2_verify_digests(status, {batch.keys, 64}, signatures, digests, batch.count);
  }
}

void run_on_device(Device& device, uint8_t* status, const Batch& batch) {
  Work work;
  work.op = Op::kVerifyDigest;
  work.count = batch.count;
  work.status = status;
  work.signatures = {batch.signatures, 64};
  work.digests = {batch.digests, 32};
  work.ring = batch.ring;
  if (batch.ring != nullptr) {
    work.indices = {batch.indices};
  } else {
    work.keys = {batch.keys, 64};
  }
  device.run(std::move(work), batch.priority);
}

void digest_of(uint8_t digest[32], const uint8_t* za, Bytes message) {
  sm2::digest_range(digest, za, Messages(message.data, message.size, message.size, 1), 0, 1);
}

const sm2::Identity& default_identity() {
  static const sm2::Identity identity(reinterpret_cast<const uint8_t*>(ACCEL_SM2_DEFAULT_ID),
                                      ACCEL_SM2_DEFAULT_ID_LENGTH);
  return identity;
}

}  // namespace

uint32_t forks() { return fork_count.load(std::memory_order_relaxed); }

Verifier::Verifier(const CoalescerOptions& options, std::shared_ptr<Device> device)
    : options_(options), device_(std::move(device)), made_after_(forks()) {
  sm2::active_kernel();  // what is wrong with it is wrong now, and not with the first signature
  coalescer_ = make();
}

std::shared_ptr<Coalescer> Verifier::make() const {
  if (device_ == nullptr) return std::make_shared<Coalescer>(options_, run_on_cpu);
  return std::make_shared<Coalescer>(
      options_, [device = device_](uint8_t* status, const Batch& batch) { run_on_device(*device, status, batch); });
}

Verifier::~Verifier() {
  if (made_after_.load(std::memory_order_relaxed) != forks()) new std::shared_ptr<Coalescer>(std::move(coalescer_));
}

const std::shared_ptr<Coalescer>& Verifier::coalescer() {
  if (made_after_.load(std::memory_order_acquire) != forks()) make_anew();
  return coalescer_;
}

void Verifier::make_anew() {
  const std::lock_guard lock(*making);
  if (made_after_.load(std::memory_order_relaxed) == forks()) return;
  auto anew = make();
  new std::shared_ptr<Coalescer>(std::move(coalescer_));  // kept for good
  coalescer_ = std::move(anew);
  made_after_.store(forks(), std::memory_order_release);
}

void message_digest(uint8_t digest[32], const uint8_t key[64], Bytes message, const uint8_t* id, uint64_t id_length) {
  const auto hash = [&](const sm2::Identity& identity) {
    uint8_t za[sm2::kZaSize];
    if (identity.has_za()) identity.za_range(za, key, 1);
    digest_of(digest, identity.has_za() ? za : nullptr, message);
  };
  const bool is_default = id_length == ACCEL_SM2_DEFAULT_ID_LENGTH && id != nullptr &&
                          std::memcmp(id, ACCEL_SM2_DEFAULT_ID, ACCEL_SM2_DEFAULT_ID_LENGTH) == 0;
  if (is_default) {
    hash(default_identity());
  } else {
    hash(sm2::Identity(id, id_length));
  }
}

void message_digest(uint8_t digest[32], const sm2::KeyRing& ring, uint32_t index, Bytes message) {
  digest_of(digest, ring.has_za() ? ring.za(index) : nullptr, message);
}

}  // namespace accel::runtime
