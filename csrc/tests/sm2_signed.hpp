// Batches of signatures by the tests' own arithmetic, with the verdict of each item: for a key d and any s, t the
// digest e = t - s - x([s + t d]G) makes (t - s, s) valid.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "accel/accel.h"
#include "sm2_oracle.hpp"

namespace accel::sm2::testing {

struct Signed {
  // `count` items under `signer_count` keys: mostly valid ones, among them wrong digests and signatures, and numbers
  // out of range. The first two thirds of the keys sign most items.
  Signed(uint32_t signer_count, size_t count) : signers(64 * signer_count) {
    Dense random(count);
    std::vector<Nonce> nonces;
    for (int i = 0; i < 4; ++i) {
      const Integer k = random.below(kOracleN);
      nonces.push_back({k, kOrderRing.reduce(multiply_generator(k)->x)});
    }
    std::vector<Integer> inverses;  // of the private keys
    for (uint32_t i = 0; i < signer_count; ++i) {
      const Integer d = random.below(kOracleN);
      inverses.push_back(kOrderRing.inverse(d));
      put_point(&signers[64 * i], *multiply_generator(d));
    }
    for (size_t i = 0; i < count; ++i) {
      const auto key = static_cast<uint32_t>(random.word() % (i % 8 == 0 ? signer_count : (2 * signer_count + 2) / 3));
      signer.push_back(signer_count - 1 - key);
      add(inverses[signer.back()], nonces[i % nonces.size()], random.below(kOracleN));
      keys.insert(keys.end(), &signers[64 * signer.back()], &signers[64 * signer.back()] + 64);
      if (i % 5 == 3) damage(i, random.word() % 6);
    }
  }

  // Every `step`-th key is no point of the curve; that wins over all else.
  void break_keys(size_t step) {
    for (size_t i = 0; i < expected.size(); i += step) {
      keys[64 * i + 40] ^= 1;
      expected[i] = ACCEL_BAD_KEY;
    }
  }

  size_t count() const { return expected.size(); }

  Bytes signers;                 // 64 each
  std::vector<uint32_t> signer;  // of item i
  Bytes keys, signatures, digests, expected;

 private:
  struct Nonce {
    Integer k, x;  // x of [k]G mod n
  };
  static void put_point(uint8_t* key, const Coordinates& point) {
    const Bytes x = point.x.bytes(), y = point.y.bytes();
    std::copy(x.begin(), x.end(), key);
    std::copy(y.begin(), y.end(), key + 32);
  }
  static void append(Bytes* to, const Bytes& from) { to->insert(to->end(), from.begin(), from.end()); }

  void add(const Integer& inverse, const Nonce& nonce, const Integer& s) {
    const Integer t = kOrderRing.mul(kOrderRing.sub(nonce.k, s), inverse);
    const Integer r = kOrderRing.sub(t, s);
    append(&signatures, r.bytes());
    append(&signatures, s.bytes());
    append(&digests, kOrderRing.sub(r, nonce.x).bytes());
    expected.push_back(ACCEL_OK);
  }

  void damage(size_t i, uint64_t way) {
    uint8_t* const r = &signatures[64 * i];
    uint8_t* const s = r + 32;
    const auto write = [](uint8_t* to, const Integer& value) {
      const Bytes bytes = value.bytes();
      std::copy(bytes.begin(), bytes.end(), to);
    };
    expected[i] = way < 2 ? ACCEL_BAD_SIGNATURE : ACCEL_BAD_RANGE;
    switch (way) {
      case 0:
        digests[32 * i + 31] ^= 1;
        return;
      case 1:
        write(s, kOrderRing.add(Integer::from_bytes(s), Integer::of(2)));
        return;
      case 2:
        write(r, Integer{});
        return;
      case 3:
        write(s, Integer{});
        return;
      case 4:
        write(s, kOracleN);
        return;
      default:
        write(s, kOrderRing.neg(Integer::from_bytes(r)));  // t = 0
    }
  }
};

}  // namespace accel::sm2::testing
