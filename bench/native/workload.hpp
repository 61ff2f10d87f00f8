// What both sides work on: keys, messages, signatures, and what is to be hashed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "accel/accel.h"
#include "openssl_peer.hpp"

namespace accel::bench {

using Bytes = std::vector<uint8_t>;

// Throws std::runtime_error with the library's sentence.
void check(accel_status status);

// Names of the kernels of `op` that this CPU runs, best first.
std::vector<std::string> kernels_of(const char* op);

constexpr size_t kRing = 64;          // known keys
constexpr size_t kOpensslItems = 64;  // of one run by OpenSSL, one at a time

struct Sizes {
  size_t items;       // SM2: signatures in a batch, keys
  size_t hash_bytes;  // SM3: all messages of a batch together
  size_t leaves;      // Merkle
  size_t settled;     // SM2: known keys have their final tables when nothing has changed for this many items
  double window;      // seconds: what is timed takes at least this long
};
// A MiB of messages: a block of transactions, which stays in a second-level cache.
constexpr Sizes kFull = {4096, size_t{1} << 20, size_t{1} << 20, size_t{1} << 19, 0.03};
constexpr Sizes kQuick = {128, size_t{1} << 16, size_t{1} << 10, 0, 0.0005};

// `count` messages of `length` bytes, `stride` apart.
struct MessageRows {
  const uint8_t* data;
  size_t stride, length, count;
  accel_messages view() const;
};

// Item i is signed by key signers[i].
struct Signed {
  std::vector<uint32_t> signers;
  Bytes keys, digests, signatures;  // 64, 32 and 64 bytes an item
};

struct FreePrivateKey {
  void operator()(accel_sm2_private_key* key) const { accel_sm2_private_key_free(key); }
};
using PrivateKey = std::unique_ptr<accel_sm2_private_key, FreePrivateKey>;

enum Signers : size_t { kUnknown, kKnown };  // key i signs item i; key i % kRing does
enum Length : size_t { kShort, kLong };      // of messages: 16 bytes; 256

struct Workload {
  explicit Workload(const Sizes& sizes);

  const Sizes sizes;
  Bytes secrets, public_keys;  // 32 and 64 bytes an item
  Bytes nonces;                // 32 bytes an item, big-endian, below the order
  std::vector<PrivateKey> private_keys;
  std::vector<const accel_sm2_private_key*> key_pointers;
  MessageRows messages[2];                            // by Length
  Signed sets[2][2];                                  // by Signers and Length
  std::vector<std::unique_ptr<OpensslKey>> evp_keys;  // kOpensslItems: of the first items of every set
  std::vector<Bytes> ders;                            // their signatures in sets[kUnknown][kShort]

 private:
  Bytes text_;
  void make_keys();
  void sign(Signers signers, Length length);
};

Bytes random_bytes(size_t size, uint64_t seed);

}  // namespace accel::bench
