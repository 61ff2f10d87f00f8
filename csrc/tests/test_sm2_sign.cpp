// Signatures with given nonces, and key pairs, in batches of every size, by the tests' own arithmetic.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "sm2_adversary.hpp"

namespace accel::sm2::testing {
namespace {

class Sm2Sign : public ::testing::TestWithParam<const Kernel*> {};
INSTANTIATE_TEST_SUITE_P(All, Sm2Sign, ::testing::ValuesIn(supported_kernels()), kernel_name);

constexpr size_t kKeys = 3;

// What to sign, again and again, and what must come out. Item j is signed with key j % kKeys.
struct Expected {
  Expected() {
    Dense random(77);
    std::vector<Integer> inverses;
    for (size_t i = 0; i < kKeys; ++i) {
      d.push_back(i == 0 ? n - Integer::of(2) : random.below(n - Integer::of(1)));
      inverses.push_back(n_ring.inverse(n_ring.add(d[i], Integer::of(1))));
      const Point point = multiply_generator(d[i]);
      append(keys, join(point->x, point->y));
      append(secrets, d[i].bytes());
    }
    std::vector<Integer> nonces = {Integer::of(1), n - Integer::of(1), Integer::of(2), n - Integer::of(2)};
    while (nonces.size() < 39) nonces.push_back(random.below(n));
    for (const Integer& k : nonces) {
      // Some digests are above the order; some nonces have an upper half: n 2^256 + k is k mod n.
      const Integer e = count % 5 == 1 ? Integer::power_of_two(256) - Integer::of(count) : random.below_2_256();
      const Integer r = n_ring.add(n_ring.reduce(e), n_ring.reduce(multiply_generator(k)->x));
      append(signatures, join(r, n_ring.sub(n_ring.mul(inverses[count % kKeys], n_ring.add(k, r)), r)));
      append(digests, e.bytes());
      append(wide_nonces, wide(k, count % 4 == 3));
      ++count;
    }
  }

  // 64 bytes that are k mod n: k itself, or with n in the upper half.
  static Bytes wide(const Integer& k, bool high) { return join(high ? n : Integer{}, k); }
  static void append(Bytes& to, const Bytes& from) { to.insert(to.end(), from.begin(), from.end()); }

  size_t count = 0;
  std::vector<Integer> d;
  Bytes secrets, keys, wide_nonces, digests, signatures;
};

const Expected& expected() {
  static const Expected all;
  return all;
}

// Items taken[0], taken[1], ... of expected().
void expect_signatures(const Kernel& kernel, const std::vector<size_t>& taken) {
  const Expected& all = expected();
  std::vector<SignKey> sign_keys(kKeys);
  Bytes valid(kKeys, 0xee), nonces, digests, signatures, status(taken.size(), 0xee), found(64 * taken.size());
  kernel.derive_sign_keys(sign_keys.data(), valid.data(), {all.secrets.data(), 32}, kKeys);
  ASSERT_EQ(Bytes(kKeys, 1), valid);
  std::vector<const SignKey*> keys;
  for (const size_t j : taken) {
    keys.push_back(&sign_keys[j % kKeys]);
    nonces.insert(nonces.end(), &all.wide_nonces[64 * j], &all.wide_nonces[64 * j] + 64);
    digests.insert(digests.end(), &all.digests[32 * j], &all.digests[32 * j] + 32);
    signatures.insert(signatures.end(), &all.signatures[64 * j], &all.signatures[64 * j] + 64);
  }
  kernel.sign(status.data(), found.data(), keys.data(), {nonces.data(), 64}, {digests.data(), 32}, taken.size());
  EXPECT_EQ(Bytes(taken.size(), ACCEL_OK), status) << taken.size();
  EXPECT_EQ(signatures, found) << taken.size();
}

constexpr size_t kSizes[] = {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 257, 4097};

TEST_P(Sm2Sign, SignaturesAtEverySize) {
  for (const size_t size : kSizes) {
    std::vector<size_t> taken;
    for (size_t i = 0; i < size; ++i) taken.push_back(i % expected().count);
    expect_signatures(*GetParam(), taken);
  }
}

// Equal nonces make equal points: that is no exception of any addition, since those are of one item's own points.
TEST_P(Sm2Sign, EqualNonces) {
  for (const size_t item : {size_t{0}, size_t{1}, expected().count - 1}) {
    expect_signatures(*GetParam(), std::vector<size_t>(131, item));
  }
}

TEST_P(Sm2Sign, KeyPairsAtEverySize) {
  const Expected& all = expected();
  for (const size_t size : kSizes) {
    Bytes secrets, keys, valid(size, 0xee), found(64 * size);
    std::vector<SignKey> sign_keys(size);
    for (size_t i = 0; i < size; ++i) {
      secrets.insert(secrets.end(), &all.secrets[32 * (i % kKeys)], &all.secrets[32 * (i % kKeys)] + 32);
      keys.insert(keys.end(), &all.keys[64 * (i % kKeys)], &all.keys[64 * (i % kKeys)] + 64);
    }
    GetParam()->derive_sign_keys(sign_keys.data(), valid.data(), {secrets.data(), 32}, size);
    GetParam()->public_keys(found.data(), {secrets.data(), 32}, size);
    EXPECT_EQ(Bytes(size, 1), valid) << size;
    EXPECT_EQ(keys, found) << size;
    for (size_t i = 0; i < size; ++i) {
      ASSERT_EQ(0, std::memcmp(sign_keys[i].d, &secrets[32 * i], 32)) << i << " of " << size;
      ASSERT_EQ(0, std::memcmp(sign_keys[i].inverse, sign_keys[i % kKeys].inverse, 32)) << i << " of " << size;
    }
  }
}

}  // namespace
}  // namespace accel::sm2::testing
