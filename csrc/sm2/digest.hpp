// What is signed: e = SM3(ZA || M), ZA = SM3(ENTL || ID || a || b || xG || yG || xA || yA) (GB/T 32918.2-2016,
// sections 5.5 and 6.1), or e = SM3(M) where a protocol leaves ZA out.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/messages.hpp"
#include "sm2/kernel.hpp"
#include "sm3/sm3.hpp"

namespace accel::sm2 {

constexpr size_t kZaSize = sm3::kDigestSize;

// A signer's ID, hashed as far as it is the same for every key.
class Identity {
 public:
  // `length` bytes at most ACCEL_SM2_MAX_ID_LENGTH, or ACCEL_SM2_NO_ZA. Throws Error(ACCEL_BAD_ARGUMENT) naming "id".
  Identity(const uint8_t* id, uint64_t length);

  bool has_za() const { return has_za_; }
  // Is it ACCEL_SM2_DEFAULT_ID?
  bool is_default() const { return is_default_; }
  // ZA of `count` keys, 64 bytes each, one after the other. Only if has_za().
  void za_range(uint8_t* za, const uint8_t* keys, size_t count) const;

 private:
  bool has_za_, is_default_;
  sm3::Midstate midstate_ = sm3::kInitial;  // after the whole blocks of ENTL || ID || a || b || xG || yG
  uint8_t tail_[sm3::kBlockSize];           // what is left of it
  size_t tail_size_ = 0;
};

// e of messages [begin, end). `za`: 32 bytes for each of them, from `begin` on; null: no ZA.
void digest_range(uint8_t* digests, const uint8_t* za, const Messages& messages, size_t begin, size_t end);

}  // namespace accel::sm2
