// Verification with hints: what a combined check alone can get wrong, and the calls of accel.h. (The adversary's other
// items go through it too: sm2_adversary.hpp.)
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "accel/accel.h"
#include "brief.hpp"
#include "sm2_adversary.hpp"
#include "sm2_signed.hpp"

namespace accel::sm2::testing {
namespace {

// --- combined checks, kernel by kernel ---

class Sm2Hinted : public Sm2Adversary {};
INSTANTIATE_TEST_SUITE_P(All, Sm2Hinted, ::testing::ValuesIn(supported_kernels()), kernel_name);

// An item that says R = [s]G + [t]P + [error]G: its bracket in the combined check is -[error]G.
struct Off {
  Item item;
  uint8_t hint;

  Off(const Key& key, const Integer& s, const Integer& t, const Integer& error) {
    const Integer k = n_ring.add(n_ring.add(s, n_ring.mul(t, key.d)), error);
    const Coordinates nonce = *multiply_generator(k);
    const Integer r = n_ring.sub(t, s);
    const uint8_t expected = error.is_zero() ? ACCEL_OK : ACCEL_BAD_SIGNATURE;
    item = {"off", key.point, r, s, n_ring.sub(r, n_ring.reduce(nonce.x)), expected};
    hint = nonce.y.is_even() ? 0 : 1;
  }
};

// Errors that cancel: [e] and [-e]; [e], [f] and [-e - f]. With equal coefficients they pass, which shows that the
// items are what they should be; with random ones they are found.
TEST_P(Sm2Hinted, ErrorsThatCancel) {
  const HintedScheme& hinted = kernel().hinted;
  if (hinted.most == 0) GTEST_SKIP() << "no hints in this kernel";
  Dense dense(11);
  for (const size_t valid : {0, 5, kBrief ? 60 : 300}) {
    const Integer e = dense.below(n), f = dense.below(n);
    std::vector<Off> all;
    for (const Integer& error : {e, n_ring.neg(e), e, f, n_ring.neg(n_ring.add(e, f))}) {
      all.emplace_back(Key(dense.below(n)), dense.below(n), dense.below(n), error);
    }
    const Key key(dense.below(n));
    for (size_t i = 0; i < valid; ++i) all.emplace_back(key, dense.below(n), dense.below(n), Integer{});
    Batch batch;
    Bytes hints;
    for (const Off& off : all) batch.add(off.item), hints.push_back(off.hint);
    batch.expect(verify_hinted(hinted, batch, hints, random_coefficients(all.size())));
    const Bytes equal(16 * all.size(), 1);
    EXPECT_EQ(verify_hinted(hinted, batch, hints, equal), Bytes(all.size(), ACCEL_OK));
  }
}

// The right hint of a valid item is what makes the combined check pass: with coefficients of zero everything does.
TEST_P(Sm2Hinted, HintsAreWhatTheOracleSays) {
  Dense dense(12);
  for (int i = 0; i < 20; ++i) {
    const Off off(Key(dense.below(n)), dense.below(n), dense.below(n), Integer{});
    Batch batch;
    batch.add(off.item);
    uint8_t hint = 0xee, status = 0xee;
    kernel().recovery_hints(&hint, &status, {batch.keys.data(), 64}, {batch.signatures.data(), 64},
                            {batch.digests.data(), 32}, 1);
    EXPECT_EQ(status, ACCEL_OK);
    EXPECT_EQ(hint, off.hint);
  }
}

// One key, one R, one item many times over, and opposite ones: equal and opposite points in every bucket.
TEST_P(Sm2Hinted, EqualAndOppositePoints) {
  Dense dense(13);
  const Key key(dense.below(n)), opposite(n - key.d);
  std::vector<Item> items;
  const Integer s = dense.below(n), t = dense.below(n);
  const Item item = make_item("item", key, s, t);
  // [s]G + [t]P is the same for s + d and t - 1, and its negative for -s and -t.
  const Item same = make_item("same R", key, n_ring.add(s, key.d), n_ring.sub(t, Integer::of(1)));
  const Item negative = make_item("negative R", key, n_ring.neg(s), n_ring.neg(t));
  const Item negative_key = make_item("negative key", opposite, s, n_ring.neg(t));
  // R = P: s + t d = d.
  const Item nonce_is_key = make_item("R = P", key, n_ring.mul(n_ring.sub(Integer::of(1), t), key.d), t);
  for (const size_t count : {2, 64, 257, 1000}) {
    if (kBrief && count > 257) break;
    Batch batch;
    for (size_t i = 0; i < count; ++i) {
      for (const Item* each : {&item, &same, &negative, &negative_key, &nonce_is_key}) batch.add(*each);
    }
    expect_hinted(batch);
  }
}

// One bad item, wherever it stands, and a batch of bad items alone.
TEST_P(Sm2Hinted, BadItemsAreFound) {
  Dense dense(14);
  const Key key(dense.below(n));
  const Item valid = make_item("valid", key, dense.below(n), dense.below(n)), bad = damaged(valid);
  for (const size_t count : {65, 130, 520}) {
    for (size_t at = 0; at < count; at += 1 + count / (kBrief ? 3 : 9)) {
      Batch batch;
      for (size_t i = 0; i < count; ++i) batch.add(i == at ? bad : valid);
      expect_hinted(batch);
    }
    Batch flood;
    for (size_t i = 0; i < count; ++i) flood.add(bad);
    expect_hinted(flood);
  }
}

// --- accel.h ---

class Threads {
 public:
  explicit Threads(uint32_t threads) {
    EXPECT_EQ(accel_num_threads(&before_), ACCEL_OK);
    EXPECT_EQ(accel_set_num_threads(threads), ACCEL_OK);
  }
  ~Threads() { accel_set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  uint32_t before_ = 1;
};

struct Hints {
  Bytes hints, status;
  explicit Hints(const Signed& batch) : hints(batch.count(), 0xee), status(batch.count(), 0xee) {
    EXPECT_EQ(accel_sm2_recovery_hints_many(nullptr, hints.data(), status.data(), batch.keys.data(), 64,
                                            batch.signatures.data(), 64, batch.digests.data(), 32, batch.count()),
              ACCEL_OK)
        << accel_last_error();
    EXPECT_EQ(status, batch.expected);
  }
};

Bytes verify(const Signed& batch, const Bytes& hints, size_t count) {
  Bytes status(count, 0xee);
  EXPECT_EQ(accel_sm2_verify_hinted_digest_many(nullptr, status.data(), batch.keys.data(), 64, batch.signatures.data(),
                                                64, batch.digests.data(), 32, hints.data(), count),
            ACCEL_OK)
      << accel_last_error();
  return status;
}

TEST(Sm2HintedCalls, EverySizeOnAnyNumberOfThreads) {
  Signed batch(40, 8200);
  batch.break_keys(50);
  const Hints right(batch);
  for (const uint32_t threads : {2, 1, 3}) {
    if (kBrief && threads != 2) break;
    const Threads set(threads);
    for (const size_t count :
         {0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49, 127, 128, 129, 255, 257, 4095, 4096, 4097, 8193}) {
      EXPECT_EQ(verify(batch, right.hints, count), Bytes(&batch.expected[0], &batch.expected[0] + count)) << count;
    }
  }
}

// Whatever the hints: all equal, random bytes, every second one wrong.
TEST(Sm2HintedCalls, HintsNeverChangeAVerdict) {
  Signed batch(10, 700);
  batch.break_keys(31);
  const Hints right(batch);
  Dense dense(15);
  std::vector<Bytes> wrong;
  for (const uint8_t value : Bytes{0, 1, 2, 3, 4, 255}) wrong.emplace_back(batch.count(), value);
  for (int i = 0; i < 4; ++i) {
    wrong.push_back(right.hints);
    for (uint8_t& hint : wrong.back()) {
      if (dense.word() % 4 < static_cast<uint64_t>(i)) hint = static_cast<uint8_t>(dense.word());
    }
  }
  for (const Bytes& hints : wrong) EXPECT_EQ(verify(batch, hints, batch.count()), batch.expected);
}

TEST(Sm2HintedCalls, MessagesGiveTheStatusesOfVerifyMany) {
  constexpr size_t kCount = 600;
  Bytes data(40 * kCount), signatures(64 * kCount), keys, digests(32 * kCount);
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<uint8_t>(i * 31 + i / 40);
  accel_sm2_private_key* key = nullptr;
  ASSERT_EQ(accel_sm2_private_key_generate(&key), ACCEL_OK);
  uint8_t raw[64];
  ASSERT_EQ(accel_sm2_private_key_public(key, raw), ACCEL_OK);
  for (size_t i = 0; i < kCount; ++i) keys.insert(keys.end(), raw, raw + 64);
  accel_messages messages = {};
  messages.struct_size = sizeof messages;
  messages.layout = ACCEL_LAYOUT_STRIDED;
  messages.data = data.data();
  messages.stride = messages.length = 40;
  const uint8_t id[] = {'i', 'd'};
  for (const uint64_t id_length : {uint64_t{2}, uint64_t{ACCEL_SM2_NO_ZA}}) {
    ASSERT_EQ(accel_sm2_sign_many(nullptr, signatures.data(), &key, 1, nullptr, &messages, id, id_length, kCount),
              ACCEL_OK);
    for (size_t i = 0; i < kCount; i += 100) signatures[64 * i + 50] ^= 1;
    ASSERT_EQ(accel_sm2_digest_many(nullptr, digests.data(), keys.data(), 64, &messages, id, id_length, kCount),
              ACCEL_OK);
    Bytes hints(kCount), status(kCount), expected(kCount);
    ASSERT_EQ(accel_sm2_recovery_hints_many(nullptr, hints.data(), status.data(), keys.data(), 64, signatures.data(),
                                            64, digests.data(), 32, kCount),
              ACCEL_OK);
    ASSERT_EQ(accel_sm2_verify_many(nullptr, expected.data(), keys.data(), 64, signatures.data(), 64, &messages, id,
                                    id_length, kCount),
              ACCEL_OK);
    ASSERT_EQ(accel_sm2_verify_hinted_many(nullptr, status.data(), keys.data(), 64, signatures.data(), 64, &messages,
                                           hints.data(), id, id_length, kCount),
              ACCEL_OK)
        << accel_last_error();
    EXPECT_EQ(status, expected);
    EXPECT_EQ(status[0], ACCEL_BAD_SIGNATURE);
    EXPECT_EQ(status[1], ACCEL_OK);
  }
  accel_sm2_private_key_free(key);
}

TEST(Sm2HintedCalls, BadArguments) {
  const Signed batch(1, 2);
  const Bytes hints(2);
  Bytes status(2, 0xee);
  EXPECT_EQ(accel_sm2_verify_hinted_digest_many(nullptr, status.data(), batch.keys.data(), 64, batch.signatures.data(),
                                                64, batch.digests.data(), 32, nullptr, 2),
            ACCEL_BAD_ARGUMENT);
  EXPECT_EQ(std::string(accel_last_error()).rfind("hints", 0), 0u) << accel_last_error();
  EXPECT_EQ(accel_sm2_recovery_hints_many(nullptr, nullptr, status.data(), batch.keys.data(), 64,
                                          batch.signatures.data(), 64, batch.digests.data(), 32, 2),
            ACCEL_BAD_ARGUMENT);
  EXPECT_EQ(std::string(accel_last_error()).rfind("hints_out", 0), 0u) << accel_last_error();
  EXPECT_EQ(status, Bytes(2, ACCEL_NOT_CHECKED));  // what stood there before reads no longer as a verdict
  EXPECT_EQ(accel_sm2_verify_hinted_digest_many(nullptr, nullptr, nullptr, 64, nullptr, 64, nullptr, 32, nullptr, 0),
            ACCEL_OK);
}

}  // namespace
}  // namespace accel::sm2::testing
