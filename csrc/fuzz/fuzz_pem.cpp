// PEM: no text may crash, and what is accepted comes back the same from what is written.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "sm2/keys.hpp"
#include "sm2/pem.hpp"

namespace {

void decode(std::string_view text) {
  constexpr std::string_view kLabel = accel::sm2::kPublicKeyLabel;
  try {
    const accel::sm2::SecretBytes der = accel::sm2::decode_pem(text, &kLabel, 1, "pem");
    if (der.size() == 0) return;
    std::string written(accel::sm2::pem_size(kLabel, der.size()), '?');
    accel::sm2::encode_pem(written.data(), kLabel, der.data(), der.size());
    const accel::sm2::SecretBytes back = accel::sm2::decode_pem(written, &kLabel, 1, "pem");
    if (back.size() != der.size() || std::memcmp(back.data(), der.data(), der.size()) != 0) std::abort();
  } catch (const accel::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  decode(text);
  decode("-----BEGIN PUBLIC KEY-----\n" + std::string(text) + "\n-----END PUBLIC KEY-----\n");
  try {
    accel::sm2::PrivateKey::from_pem(text, "pem");
  } catch (const accel::Error&) {
  }
  return 0;
}
