// In place of crypto_mb_peer.cpp where the library was not found at configuration.
#include "crypto_mb_peer.hpp"

namespace accel::bench {

std::unique_ptr<CryptoMb> find_crypto_mb(std::string* why_not) {
  *why_not =
      "this program was built without crypto_mb (x86-64 only; pip install ipp-crypto-static ipp-crypto-include, "
      "or -DACCEL_CRYPTO_MB_ROOT=PREFIX, and configure again)";
  return nullptr;
}

}  // namespace accel::bench
