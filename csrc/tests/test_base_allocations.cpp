// Hot calls allocate nothing once they have run: malloc is counted, for all threads, while they run again.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "accel/accel.h"

#if defined(ACCEL_SANITIZE_THREAD) || defined(ACCEL_SANITIZE_ADDRESS)
#define ACCEL_COUNTS_ALLOCATIONS 0
#elif defined(__GLIBC__)
#define ACCEL_COUNTS_ALLOCATIONS 1
#else
#define ACCEL_COUNTS_ALLOCATIONS 0
#endif

#if ACCEL_COUNTS_ALLOCATIONS

namespace {

std::atomic<uint64_t> allocations{0};

}  // namespace

// Stand in front of glibc's, which operator new calls too.
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* memory, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(count, size);
}
void* realloc(void* memory, size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_realloc(memory, size);
}
void* memalign(size_t alignment, size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** out, size_t alignment, size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  *out = __libc_memalign(alignment, size);
  return *out == nullptr ? 12 : 0;  // ENOMEM
}
}

namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kCount = 1100, kSigners = 8, kLength = 100;

accel_messages view_of(const Bytes& data) {
  accel_messages messages = {};
  messages.struct_size = sizeof messages;
  messages.layout = ACCEL_LAYOUT_STRIDED;
  messages.data = data.data();
  messages.stride = messages.length = kLength;
  return messages;
}

// Eight signers, and a signature of each in turn over each message.
class Allocations : public ::testing::Test {
 protected:
  void SetUp() override {
    for (size_t i = 0; i < kSigners; ++i) {
      ASSERT_EQ(ACCEL_OK, accel_sm2_private_key_generate(&signers_[i]));
      ASSERT_EQ(ACCEL_OK, accel_sm2_private_key_public(signers_[i], &publics_[64 * i]));
    }
    for (size_t i = 0; i < kCount; ++i) {
      indices_[i] = static_cast<uint32_t>(i % kSigners);
      std::memcpy(&keys_[64 * i], &publics_[64 * indices_[i]], 64);
      data_[kLength * i] = static_cast<uint8_t>(i);
    }
    messages_ = view_of(data_);
    ASSERT_EQ(ACCEL_OK, sign(kCount));
    ASSERT_EQ(ACCEL_OK,
              accel_sm2_digest_many(nullptr, digests_.data(), keys_.data(), 64, &messages_, id(), 16, kCount));
    // Room for four tables: they move while the ring is used.
    ASSERT_EQ(ACCEL_OK, accel_sm2_keyring_new(nullptr, &ring_, nullptr, publics_.data(), 64, id(), 16, 4 << 18, 8));
    ASSERT_EQ(ACCEL_OK, accel_sm2_keyring_new(nullptr, &full_ring_, nullptr, publics_.data(), 64, id(), 16, 0, 8));
  }
  void TearDown() override {
    for (accel_sm2_private_key* key : signers_) accel_sm2_private_key_free(key);
    accel_sm2_keyring_free(ring_);
    accel_sm2_keyring_free(full_ring_);
  }

  static const uint8_t* id() { return reinterpret_cast<const uint8_t*>(ACCEL_SM2_DEFAULT_ID); }

  accel_status sign(uint64_t count) {
    return accel_sm2_sign_many(nullptr, signatures_.data(), signers_, kSigners, indices_, &messages_, id(), 16, count);
  }

  // `call` three times uncounted, then three times counted, with batches of several sizes.
  void expect_none(const char* what, const std::function<accel_status(uint64_t)>& call) {
    for (const uint64_t count : {uint64_t{1}, uint64_t{8}, uint64_t{kCount}}) {
      for (int i = 0; i < 3; ++i) ASSERT_EQ(ACCEL_OK, call(count)) << what << ": " << accel_last_error();
      const uint64_t before = allocations.load();
      for (int i = 0; i < 3; ++i) {
        if (call(count) != ACCEL_OK) FAIL() << what;
      }
      EXPECT_EQ(before, allocations.load()) << what << ", " << count << " items";
    }
    EXPECT_EQ(Bytes(kCount, ACCEL_OK), status_) << what;
  }

  accel_sm2_private_key* signers_[kSigners] = {};
  accel_sm2_keyring *ring_ = nullptr, *full_ring_ = nullptr;
  uint32_t indices_[kCount + 1] = {};
  Bytes publics_ = Bytes(64 * kSigners), keys_ = Bytes(64 * kCount), data_ = Bytes(kLength * kCount, 5);
  Bytes signatures_ = Bytes(64 * kCount), digests_ = Bytes(32 * kCount), status_ = Bytes(kCount, ACCEL_OK);
  accel_messages messages_ = {};
};

TEST_F(Allocations, AreSeen) {
  const uint64_t before = allocations.load();
  const std::string text(1000, 'x');
  EXPECT_LT(before, allocations.load()) << text;
}

TEST_F(Allocations, NoneInVerifying) {
  expect_none("verify_many", [&](uint64_t count) {
    return accel_sm2_verify_many(nullptr, status_.data(), keys_.data(), 64, signatures_.data(), 64, &messages_, id(),
                                 16, count);
  });
  expect_none("verify_digest_many", [&](uint64_t count) {
    return accel_sm2_verify_digest_many(nullptr, status_.data(), keys_.data(), 64, signatures_.data(), 64,
                                        digests_.data(), 32, count);
  });
  uint64_t tables = 0;
  ASSERT_EQ(ACCEL_OK, accel_sm2_adaptive_tables(&tables, nullptr, nullptr, nullptr));
  EXPECT_NE(0u, tables);  // tables came while allocations were counted, or before
}

// A thread's memory for blocks comes with its first block. With several threads, one may get its first late.
TEST_F(Allocations, NoneInVerifyingWithHints) {
  uint32_t threads = 0;
  ASSERT_EQ(ACCEL_OK, accel_num_threads(&threads));
  ASSERT_EQ(ACCEL_OK, accel_set_num_threads(1));
  Bytes hints(kCount);
  ASSERT_EQ(ACCEL_OK, accel_sm2_recovery_hints_many(nullptr, hints.data(), status_.data(), keys_.data(), 64,
                                                    signatures_.data(), 64, digests_.data(), 32, kCount));
  expect_none("verify_hinted_many", [&](uint64_t count) {
    return accel_sm2_verify_hinted_many(nullptr, status_.data(), keys_.data(), 64, signatures_.data(), 64, &messages_,
                                        hints.data(), id(), 16, count);
  });
  expect_none("verify_hinted_digest_many", [&](uint64_t count) {
    return accel_sm2_verify_hinted_digest_many(nullptr, status_.data(), keys_.data(), 64, signatures_.data(), 64,
                                               digests_.data(), 32, hints.data(), count);
  });
  EXPECT_EQ(ACCEL_OK, accel_set_num_threads(threads));
}

TEST_F(Allocations, NoneInVerifyingByARing) {
  for (const accel_sm2_keyring* ring : {ring_, full_ring_}) {
    expect_none("keyring_verify_many", [&](uint64_t count) {
      return accel_sm2_keyring_verify_many(nullptr, status_.data(), ring, indices_, signatures_.data(), 64, &messages_,
                                           count);
    });
    expect_none("keyring_verify_digest_many", [&](uint64_t count) {
      return accel_sm2_keyring_verify_digest_many(nullptr, status_.data(), ring, indices_, signatures_.data(), 64,
                                                  digests_.data(), 32, count);
    });
  }
}

TEST_F(Allocations, NoneInVerifiers) {
  accel_sm2_verifier_options options = {};
  options.struct_size = sizeof options;
  options.runners = 1;  // more would get their threads when there is work for them, which may be late
  accel_sm2_verifier* verifier = nullptr;
  ASSERT_EQ(ACCEL_OK, accel_sm2_verifier_new(nullptr, &verifier, &options));
  expect_none("verifier_verify", [&](uint64_t count) {
    accel_status status = ACCEL_OK;
    for (uint64_t i = 0; i < count && status == ACCEL_OK; ++i) {
      status = accel_sm2_verifier_verify(verifier, &status_[i], &keys_[64 * i], &signatures_[64 * i],
                                         &data_[kLength * i], kLength, id(), 16, ACCEL_PRIORITY_VOTE, ACCEL_NO_TIMEOUT);
    }
    return status;
  });
  accel_sm2_queue* queue = nullptr;
  ASSERT_EQ(ACCEL_OK, accel_sm2_queue_new(&queue, verifier, kCount));
  expect_none("queue_submit and queue_poll", [&](uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      const accel_status status =
          accel_sm2_queue_ring_submit_digest(queue, full_ring_, indices_[i], &signatures_[64 * i], &digests_[32 * i],
                                             ACCEL_PRIORITY_VOTE, ACCEL_NO_TIMEOUT, i);
      if (status != ACCEL_OK) return status;
    }
    for (uint64_t polled = 0; polled < count;) {
      uint64_t tags[16], some = 0;
      uint8_t status[16];
      const accel_status call = accel_sm2_queue_poll(queue, tags, status, &some, 16, ACCEL_NO_TIMEOUT);
      if (call != ACCEL_OK) return call;
      for (uint64_t i = 0; i < some; ++i) status_[tags[i]] = status[i];
      polled += some;
    }
    return ACCEL_OK;
  });
  accel_sm2_queue_free(queue);
  accel_sm2_verifier_free(verifier);
}

TEST_F(Allocations, NoneInSigning) {
  expect_none("sign_many", [&](uint64_t count) { return sign(count); });
  Bytes out(64 * kCount);
  expect_none("sign_digest_many", [&](uint64_t count) {
    return accel_sm2_sign_digest_many(nullptr, out.data(), signers_, kSigners, indices_, digests_.data(), 32, count);
  });
}

TEST_F(Allocations, NoneInHashing) {
  Bytes out(32 * kCount);
  expect_none("hash_many", [&](uint64_t count) {
    return accel_sm3_hash_many(nullptr, out.data(), data_.data(), kLength, kLength, count);
  });
  std::vector<int32_t> offsets(kCount + 1);
  for (size_t i = 0; i <= kCount; ++i) offsets[i] = static_cast<int32_t>(i * kLength - (i != kCount ? i * 7 % 90 : 0));
  for (size_t i = 1; i < kCount; ++i) offsets[i] = std::max(offsets[i], offsets[i - 1]);
  accel_messages ragged = {};
  ragged.struct_size = sizeof ragged;
  ragged.layout = ACCEL_LAYOUT_RAGGED32;
  ragged.data = data_.data();
  ragged.data_size = data_.size();
  ragged.offsets = offsets.data();
  expect_none("hash_messages",
              [&](uint64_t count) { return accel_sm3_hash_messages(nullptr, out.data(), &ragged, count); });
  expect_none("digest_many", [&](uint64_t count) {
    return accel_sm2_digest_many(nullptr, out.data(), keys_.data(), 64, &messages_, id(), 16, count);
  });
}

}  // namespace

#endif  // ACCEL_COUNTS_ALLOCATIONS
