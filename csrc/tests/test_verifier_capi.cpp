// accel.h's verifiers with real signatures: many threads, rings, messages, queues, fork.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "accel/accel.h"
#include "sanitizer.hpp"
#include "sm2_signed.hpp"

namespace accel::sm2::testing {
namespace {

// Few items under many callers: all kinds of verdicts, some of bad keys.
const Signed& items() {
  static const Signed made = [] {
    Signed all(6, 120);
    all.break_keys(17);
    return all;
  }();
  return made;
}

struct FreeVerifier {
  void operator()(accel_sm2_verifier* verifier) const { accel_sm2_verifier_free(verifier); }
};
using VerifierHandle = std::unique_ptr<accel_sm2_verifier, FreeVerifier>;

VerifierHandle make_verifier() {
  accel_sm2_verifier_options options = {};
  options.struct_size = sizeof options;
  options.runners = 2;
  accel_sm2_verifier* verifier = nullptr;
  EXPECT_EQ(accel_sm2_verifier_new(nullptr, &verifier, &options), ACCEL_OK) << accel_last_error();
  return VerifierHandle(verifier);
}

uint8_t verdict(accel_sm2_verifier* verifier, size_t i) {
  const Signed& all = items();
  uint8_t status = ACCEL_NOT_CHECKED;
  const accel_status call =
      accel_sm2_verifier_verify_digest(verifier, &status, &all.keys[64 * i], &all.signatures[64 * i],
                                       &all.digests[32 * i], static_cast<uint32_t>(1 + i % 3), ACCEL_NO_TIMEOUT);
  EXPECT_EQ(call, ACCEL_OK) << accel_last_error();
  return status;
}

// How many of `rounds` times all items get another verdict than they should, from `callers` threads.
uint64_t count_wrong(accel_sm2_verifier* verifier, size_t callers, size_t rounds) {
  std::atomic<uint64_t> wrong{0};
  std::vector<std::thread> threads;
  for (size_t caller = 0; caller < callers; ++caller) {
    threads.emplace_back([&, caller] {
      for (size_t i = caller; i < rounds * items().count(); i += callers) {
        const size_t item = i % items().count();
        if (verdict(verifier, item) != items().expected[item]) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return wrong;
}

TEST(VerifierApi, ManyCallersGetTheVerdictsOfBatches) {
  const VerifierHandle verifier = make_verifier();
  EXPECT_EQ(count_wrong(verifier.get(), 24, 4), 0u);
  accel_sm2_verifier_counts counts = {};
  counts.struct_size = sizeof counts;
  ASSERT_EQ(accel_sm2_verifier_stats(verifier.get(), &counts), ACCEL_OK);
  EXPECT_EQ(counts.items, 4 * items().count());
  EXPECT_LE(counts.batches, counts.items);
}

// Signed for the default ID by a key of the library's own.
struct SignedMessage {
  SignedMessage() {
    EXPECT_EQ(accel_sm2_private_key_generate(&signer), ACCEL_OK);
    EXPECT_EQ(accel_sm2_private_key_public(signer, key), ACCEL_OK);
    accel_messages messages = {};
    messages.struct_size = sizeof messages;
    messages.layout = ACCEL_LAYOUT_STRIDED;
    messages.data = message;
    messages.length = sizeof message;
    EXPECT_EQ(accel_sm2_sign_many(nullptr, signature, &signer, 1, nullptr, &messages, id(), 16, 1), ACCEL_OK);
    EXPECT_EQ(accel_sm2_keyring_new(nullptr, &ring, nullptr, key, 64, id(), 16, 0, 1), ACCEL_OK);
  }
  ~SignedMessage() {
    accel_sm2_keyring_free(ring);
    accel_sm2_private_key_free(signer);
  }
  static const uint8_t* id() { return reinterpret_cast<const uint8_t*>(ACCEL_SM2_DEFAULT_ID); }

  accel_sm2_private_key* signer = nullptr;
  accel_sm2_keyring* ring = nullptr;
  uint8_t key[64], signature[64], message[5] = {'h', 'e', 'l', 'l', 'o'};
};

TEST(VerifierApi, MessagesAndRings) {
  const VerifierHandle verifier = make_verifier();
  const SignedMessage one;
  uint8_t status = 0;
  const auto by_key = [&](uint64_t length, const char* id, uint64_t id_length) {
    EXPECT_EQ(accel_sm2_verifier_verify(verifier.get(), &status, one.key, one.signature, one.message, length,
                                        reinterpret_cast<const uint8_t*>(id), id_length, ACCEL_PRIORITY_VOTE,
                                        ACCEL_NO_TIMEOUT),
              ACCEL_OK);
    return status;
  };
  EXPECT_EQ(by_key(5, "1234567812345678", 16), ACCEL_OK);
  EXPECT_EQ(by_key(4, "1234567812345678", 16), ACCEL_BAD_SIGNATURE);
  EXPECT_EQ(by_key(5, "1234567812345679", 16), ACCEL_BAD_SIGNATURE);
  EXPECT_EQ(by_key(5, nullptr, ACCEL_SM2_NO_ZA), ACCEL_BAD_SIGNATURE);
  const auto by_ring = [&](uint64_t length) {
    EXPECT_EQ(accel_sm2_verifier_ring_verify(verifier.get(), &status, one.ring, 0, one.signature, one.message, length,
                                             ACCEL_PRIORITY_VOTE, ACCEL_NO_TIMEOUT),
              ACCEL_OK);
    return status;
  };
  EXPECT_EQ(by_ring(5), ACCEL_OK);
  EXPECT_EQ(by_ring(4), ACCEL_BAD_SIGNATURE);
}

// Keys, two rings and messages in the same batches, through one queue.
TEST(VerifierApi, QueuesGiveEachTagItsVerdict) {
  const VerifierHandle verifier = make_verifier();
  const SignedMessage one, other;
  const Signed& all = items();
  accel_sm2_queue* queue = nullptr;
  ASSERT_EQ(accel_sm2_queue_new(&queue, verifier.get(), 1024), ACCEL_OK);
  const uint64_t digests = all.count();
  for (uint64_t i = 0; i < digests; ++i) {
    ASSERT_EQ(accel_sm2_queue_submit_digest(queue, &all.keys[64 * i], &all.signatures[64 * i], &all.digests[32 * i],
                                            static_cast<uint32_t>(1 + i % 3), ACCEL_NO_TIMEOUT, i),
              ACCEL_OK);
    const bool ours = i % 2 == 0;  // the other's signature under our key is wrong
    ASSERT_EQ(accel_sm2_queue_ring_submit(queue, i % 4 < 2 ? one.ring : other.ring, 0,
                                          (ours == (i % 4 < 2)) ? one.signature : other.signature, one.message, 5, 2,
                                          ACCEL_NO_TIMEOUT, digests + i),
              ACCEL_OK);
  }
  int descriptor = -1;
  ASSERT_EQ(accel_sm2_queue_descriptor(queue, &descriptor), ACCEL_OK);
  std::vector<uint8_t> seen(2 * digests, ACCEL_NOT_CHECKED);
  for (uint64_t answered = 0; answered < seen.size();) {
    pollfd readable = {descriptor, POLLIN, 0};
    ASSERT_EQ(poll(&readable, 1, 20000), 1);
    uint64_t tags[50], count = 0;
    uint8_t status[50];
    ASSERT_EQ(accel_sm2_queue_poll(queue, tags, status, &count, 50, 0), ACCEL_OK);
    ASSERT_GT(count, 0u);
    for (uint64_t i = 0; i < count; ++i) {
      ASSERT_EQ(seen.at(tags[i]), ACCEL_NOT_CHECKED);
      seen[tags[i]] = status[i];
    }
    answered += count;
  }
  pollfd readable = {descriptor, POLLIN, 0};
  EXPECT_EQ(poll(&readable, 1, 0), 0);
  accel_sm2_queue_free(queue);
  for (uint64_t i = 0; i < digests; ++i) {
    EXPECT_EQ(seen[i], all.expected[i]) << i;
    EXPECT_EQ(seen[digests + i], i % 2 == 0 ? ACCEL_OK : ACCEL_BAD_SIGNATURE) << i;
  }
}

int exit_status_of_child(accel_sm2_verifier* verifier, accel_sm2_queue* queue) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);  // a child that hangs ends with a signal
    uint64_t count = 0;
    const bool closed = accel_sm2_queue_poll(queue, nullptr, nullptr, &count, 0, 0) == ACCEL_CLOSED;
    accel_sm2_queue_free(queue);
    const bool right = count_wrong(verifier, 4, 1) == 0;
    accel_sm2_verifier_free(verifier);
    _exit(right && closed ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

TEST(VerifierApi, ForkWhileCallersWait) {
  if (kThreadSanitizer) GTEST_SKIP() << "the thread sanitizer does not follow threads into a forked child";
  const VerifierHandle verifier = make_verifier();
  accel_sm2_queue* queue = nullptr;
  ASSERT_EQ(accel_sm2_queue_new(&queue, verifier.get(), 16), ACCEL_OK);
  items();  // made before anybody forks: a child would wait for ever for who was making them
  std::atomic<bool> stop{false};
  std::vector<std::thread> callers;
  for (size_t caller = 0; caller < 6; ++caller) {
    callers.emplace_back([&, caller] {
      for (size_t i = caller; !stop; i = (i + 1) % items().count()) {
        EXPECT_EQ(verdict(verifier.get(), i), items().expected[i]);
      }
    });
  }
  for (int round = 0; round < 5; ++round) EXPECT_EQ(exit_status_of_child(verifier.get(), queue), 0);
  stop = true;
  for (std::thread& caller : callers) caller.join();
  accel_sm2_queue_free(queue);
}

}  // namespace
}  // namespace accel::sm2::testing
