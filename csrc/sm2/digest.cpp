#include "sm2/digest.hpp"

#include <cstring>
#include <string>

#include "base/error.hpp"

namespace accel::sm2 {
namespace {

// a || b || xG || yG of the recommended curve (GB/T 32918.5-2017, section 2).
constexpr uint8_t kCurve[128] = {
    0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,  //
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfc,  // a
    0x28, 0xe9, 0xfa, 0x9e, 0x9d, 0x9f, 0x5e, 0x34, 0x4d, 0x5a, 0x9e, 0x4b, 0xcf, 0x65, 0x09, 0xa7,  //
    0xf3, 0x97, 0x89, 0xf5, 0x15, 0xab, 0x8f, 0x92, 0xdd, 0xbc, 0xbd, 0x41, 0x4d, 0x94, 0x0e, 0x93,  // b
    0x32, 0xc4, 0xae, 0x2c, 0x1f, 0x19, 0x81, 0x19, 0x5f, 0x99, 0x04, 0x46, 0x6a, 0x39, 0xc9, 0x94,  //
    0x8f, 0xe3, 0x0b, 0xbf, 0xf2, 0x66, 0x0b, 0xe1, 0x71, 0x5a, 0x45, 0x89, 0x33, 0x4c, 0x74, 0xc7,  // xG
    0xbc, 0x37, 0x36, 0xa2, 0xf4, 0xf6, 0x77, 0x9c, 0x59, 0xbd, 0xce, 0xe3, 0x6b, 0x69, 0x21, 0x53,  //
    0xd0, 0xa9, 0x87, 0x7c, 0xc6, 0x2a, 0x47, 0x40, 0x02, 0xdf, 0x32, 0xe5, 0x21, 0x39, 0xf0, 0xa0,  // yG
};

// ENTL || ID || a || b || xG || yG, and its length.
struct Head {
  uint8_t bytes[2 + ACCEL_SM2_MAX_ID_LENGTH + sizeof kCurve];
  size_t size;

  Head(const uint8_t* id, size_t length) : size(2 + length + sizeof kCurve) {
    bytes[0] = static_cast<uint8_t>(length * 8 >> 8);  // ENTL: the ID's length in bits
    bytes[1] = static_cast<uint8_t>(length * 8);
    if (length != 0) std::memcpy(bytes + 2, id, length);
    std::memcpy(bytes + 2 + length, kCurve, sizeof kCurve);
  }
};

bool is_default_id(const uint8_t* id, uint64_t length) {
  return length == ACCEL_SM2_DEFAULT_ID_LENGTH && id != nullptr && std::memcmp(id, ACCEL_SM2_DEFAULT_ID, length) == 0;
}

}  // namespace

Identity::Identity(const uint8_t* id, uint64_t length)
    : has_za_(length != ACCEL_SM2_NO_ZA), is_default_(is_default_id(id, length)) {
  if (!has_za_) return;
  if (length > ACCEL_SM2_MAX_ID_LENGTH) {
    throw Error(ACCEL_BAD_ARGUMENT, "id: expected at most 8191 bytes, got " + std::to_string(length));
  }
  if (id == nullptr && length != 0) throw Error(ACCEL_BAD_ARGUMENT, "id: is NULL");
  const Head head(id, length);
  const size_t blocks = head.size / sm3::kBlockSize;
  sm3::active_kernel().compress(midstate_.h, head.bytes, blocks);
  midstate_.bytes = blocks * sm3::kBlockSize;
  tail_size_ = head.size - midstate_.bytes;
  std::memcpy(tail_, head.bytes + midstate_.bytes, tail_size_);
}

void Identity::za_range(uint8_t* za, const uint8_t* keys, size_t count) const {
  sm3::hash_range(za, midstate_, {tail_, 0, tail_size_}, Messages(keys, 64, 64, count), 0, count);
}

void digest_range(uint8_t* digests, const uint8_t* za, const Messages& messages, size_t begin, size_t end) {
  const sm3::Prefix prefix = za != nullptr ? sm3::Prefix{za, kZaSize, kZaSize} : sm3::Prefix{};
  sm3::hash_range(digests, sm3::kInitial, prefix, messages, begin, end);
}

}  // namespace accel::sm2
