// A coalescer over the CPU or a device, as accel.h has it: survives fork(), and makes digests of messages.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/messages.hpp"
#include "runtime/coalescer.hpp"
#include "runtime/device.hpp"
#include "sm2/digest.hpp"

namespace accel::runtime {

// How often the process has been forked since it was started, as a child sees it. What was made before a fork belongs
// to threads that a child does not have.
uint32_t forks();

class Verifier {
 public:
  // `device`: that batches run on; null: the CPU's kernels. Throws what Coalescer and the choice of a kernel throw.
  Verifier(const CoalescerOptions& options, std::shared_ptr<Device> device);
  // In a child, what was made before the fork is left alone: its threads are not there, its mutex may be locked.
  ~Verifier();
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;

  // This process's: in a child a new one, empty and open, takes the place of what was made before the fork.
  const std::shared_ptr<Coalescer>& coalescer();

 private:
  std::shared_ptr<Coalescer> make() const;
  void make_anew();

  const CoalescerOptions options_;
  const std::shared_ptr<Device> device_;
  std::atomic<uint32_t> made_after_;  // so many forks
  std::shared_ptr<Coalescer> coalescer_;
};

// e of one message, on this thread. `id` as in accel.h.
void message_digest(uint8_t digest[32], const uint8_t key[64], Bytes message, const uint8_t* id, uint64_t id_length);
// Under the ring's own ID.
void message_digest(uint8_t digest[32], const sm2::KeyRing& ring, uint32_t index, Bytes message);

}  // namespace accel::runtime
