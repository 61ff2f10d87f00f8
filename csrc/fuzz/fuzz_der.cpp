// DER of signatures and keys: no input may crash, and what is accepted is the only encoding of what it says.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/error.hpp"
#include "sm2/der.hpp"
#include "sm2/keys.hpp"

namespace {

using accel::Bytes;

void require(bool ok) {
  if (!ok) std::abort();
}

bool all(const uint8_t* bytes, size_t size, uint8_t value) {
  while (size > 0 && bytes[size - 1] == value) --size;
  return size == 0;
}

void signature(Bytes input) {
  uint8_t parsed[64], written[accel::sm2::kMaxSignatureDerSize];
  if (!accel::sm2::parse_signature(parsed, input)) return;
  // Integers that do not fit stand as ff .. ff, negative ones as 0: those do not come back.
  for (const uint8_t* half : {parsed, parsed + 32}) {
    if (all(half, 32, 0xff) || all(half, 32, 0)) return;
  }
  const size_t size = accel::sm2::write_signature(written, parsed);
  require(size == input.size && std::memcmp(written, input.data, size) == 0);
}

void public_key(Bytes input) {
  uint8_t key[64], written[accel::sm2::kPublicKeyDerSize];
  try {
    accel::sm2::public_key_from_der(key, input, "der");
  } catch (const accel::Error&) {
    return;
  }
  if (input.size != sizeof written) return;  // a compressed point
  accel::sm2::write_public_key(written, key);
  require(std::memcmp(written, input.data, sizeof written) == 0);
}

void private_key(Bytes input) {
  try {
    const auto key = accel::sm2::PrivateKey::from_der(input, "der");
    uint8_t written[accel::sm2::kPrivateKeyDerSize];
    accel::sm2::write_private_key(written, key->secret(), key->public_key());
    const auto back = accel::sm2::PrivateKey::from_der({written, sizeof written}, "der");
    require(std::memcmp(back->secret(), key->secret(), 32) == 0);
  } catch (const accel::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  signature({data, size});
  public_key({data, size});
  private_key({data, size});
  return 0;
}
