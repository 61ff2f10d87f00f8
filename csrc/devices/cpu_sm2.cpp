#include "devices/cpu_sm2.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "base/error.hpp"
#include "base/pool.hpp"
#include "devices/chunks.hpp"
#include "sm2/adaptive.hpp"
#include "sm2/der.hpp"
#include "sm2/random.hpp"
#include "sm2/select.hpp"
#include "sm2/signing.hpp"

namespace accel::cpu {
namespace {

constexpr size_t kDerGrain = 4096;

// One chunk's items, private to the thread that works on it: 57 KB on its stack, of which only what is used is touched.
struct Chunk {
  uint8_t keys[sm2::kVerifyChunk][64];
  uint8_t signatures[sm2::kVerifyChunk][64];
  uint8_t za[sm2::kVerifyChunk][sm2::kZaSize];
  uint8_t digests[sm2::kVerifyChunk][32];
  uint32_t indices[sm2::kVerifyChunk];
};

[[noreturn]] void bad_index(size_t i, uint32_t index, size_t size, const char* of) {
  throw Error(ACCEL_BAD_ARGUMENT, "indices[" + std::to_string(i) + "] = " + std::to_string(index) + ": there are " +
                                      std::to_string(size) + " " + of);
}

void check_indices(Indices indices, size_t size, size_t count, const char* of) {
  uint32_t highest = 0;
  for (size_t i = 0; i < count; ++i) highest = std::max(highest, indices[i]);
  if (highest < size) return;
  for (size_t i = 0; i < count; ++i) {
    if (const uint32_t index = indices[i]; index >= size) bad_index(i, index, size, of);
  }
}

// Copies indices [begin, end) and checks the copies: the caller's may have changed since check_indices.
void gather_indices(uint32_t* out, Indices indices, size_t begin, size_t end, size_t size, const char* of) {
  for (size_t i = begin; i < end; ++i) {
    const uint32_t index = indices[i];
    if (index >= size) bad_index(i, index, size, of);
    out[i - begin] = index;
  }
}

constexpr char kOfRing[] = "keys in the ring", kOfSigners[] = "private keys";

void verify_unknown(uint8_t* status, const sm2::Kernel& kernel, const Chunk& chunk, size_t count) {
  kernel.verify(status, {chunk.keys[0], 64}, {chunk.signatures[0], 64}, {chunk.digests[0], 32}, count);
  sm2::count_verified(kernel, count);
}

// The same with tables for keys that come often.
void verify_adaptive(uint8_t* status, sm2::AdaptiveTables& tables, const Chunk& chunk, size_t count) {
  sm2::AdaptiveChunk(tables, chunk.keys[0], count).verify(status, chunk.signatures[0], chunk.digests[0]);
}

// The digests of messages [begin, end) under the keys in chunk.keys, and then their verdicts.
void verify_adaptive(uint8_t* status, sm2::AdaptiveTables& tables, Chunk& chunk, const sm2::Identity& identity,
                     const Messages& messages, size_t begin, size_t end) {
  sm2::AdaptiveChunk adaptive(tables, chunk.keys[0], end - begin);
  if (identity.has_za()) adaptive.za_range(chunk.za[0], identity);
  sm2::digest_range(chunk.digests[0], identity.has_za() ? chunk.za[0] : nullptr, messages, begin, end);
  adaptive.verify(status, chunk.signatures[0], chunk.digests[0]);
}

// The digests of messages [begin, end) under the keys in chunk.keys.
void hash_messages(Chunk& chunk, const sm2::Identity& identity, const Messages& messages, size_t begin, size_t end) {
  if (identity.has_za()) identity.za_range(chunk.za[0], chunk.keys[0], end - begin);
  sm2::digest_range(chunk.digests[0], identity.has_za() ? chunk.za[0] : nullptr, messages, begin, end);
}

}  // namespace

uint32_t Indices::operator[](size_t i) const {
  uint32_t index;
  std::memcpy(&index, static_cast<const uint8_t*>(data) + sizeof index * i, sizeof index);
  return index;
}

void sm2_verify_digests(uint8_t* status, Strided keys, Strided signatures, Strided digests, size_t count) {
  if (count == 0) return;
  std::memset(status, ACCEL_NOT_CHECKED, count);
  const sm2::Kernel& kernel = sm2::active_kernel();
  sm2::AdaptiveTables* const tables = sm2::AdaptiveTables::of(kernel);
  parallel_for(count, chunk_size(count, sm2::kVerifyChunk), [&](size_t begin, size_t end) {
    Chunk chunk;
    gather(chunk.keys, keys, begin, end);
    gather(chunk.signatures, signatures, begin, end);
    gather(chunk.digests, digests, begin, end);
    if (tables != nullptr) {
      verify_adaptive(status + begin, *tables, chunk, end - begin);
    } else {
      verify_unknown(status + begin, kernel, chunk, end - begin);
    }
  });
}

void sm2_verify(uint8_t* status, Strided keys, Strided signatures, const Messages& messages,
                const sm2::Identity& identity) {
  if (messages.count() == 0) return;
  std::memset(status, ACCEL_NOT_CHECKED, messages.count());
  const sm2::Kernel& kernel = sm2::active_kernel();
  sm2::AdaptiveTables* const tables = sm2::AdaptiveTables::of(kernel);
  parallel_for(messages.count(), chunk_size(messages, sm2::kVerifyChunk), [&](size_t begin, size_t end) {
    Chunk chunk;
    gather(chunk.keys, keys, begin, end);
    gather(chunk.signatures, signatures, begin, end);
    if (tables != nullptr) {
      verify_adaptive(status + begin, *tables, chunk, identity, messages, begin, end);
    } else {
      hash_messages(chunk, identity, messages, begin, end);
      verify_unknown(status + begin, kernel, chunk, end - begin);
    }
  });
}

void sm2_ring_verify_digests(uint8_t* status, const sm2::KeyRing& ring, Indices indices, Strided signatures,
                             Strided digests, size_t count) {
  if (count == 0) return;
  std::memset(status, ACCEL_NOT_CHECKED, count);
  check_indices(indices, ring.size(), count, kOfRing);
  parallel_for(count, chunk_size(count, sm2::kVerifyChunk), [&](size_t begin, size_t end) {
    Chunk chunk;
    gather_indices(chunk.indices, indices, begin, end, ring.size(), kOfRing);
    gather(chunk.signatures, signatures, begin, end);
    gather(chunk.digests, digests, begin, end);
    ring.verify_chunk(status + begin, chunk.indices, chunk.signatures[0], chunk.digests[0], end - begin);
  });
}

void sm2_ring_verify(uint8_t* status, const sm2::KeyRing& ring, Indices indices, Strided signatures,
                     const Messages& messages) {
  if (messages.count() == 0) return;
  std::memset(status, ACCEL_NOT_CHECKED, messages.count());
  check_indices(indices, ring.size(), messages.count(), kOfRing);
  parallel_for(messages.count(), chunk_size(messages, sm2::kVerifyChunk), [&](size_t begin, size_t end) {
    Chunk chunk;
    gather_indices(chunk.indices, indices, begin, end, ring.size(), kOfRing);
    gather(chunk.signatures, signatures, begin, end);
    if (ring.has_za()) {
      for (size_t i = 0; i < end - begin; ++i) std::memcpy(chunk.za[i], ring.za(chunk.indices[i]), sm2::kZaSize);
    }
    sm2::digest_range(chunk.digests[0], ring.has_za() ? chunk.za[0] : nullptr, messages, begin, end);
    ring.verify_chunk(status + begin, chunk.indices, chunk.signatures[0], chunk.digests[0], end - begin);
  });
}

void sm2_digests(uint8_t* digests, Strided keys, const Messages& messages, const sm2::Identity& identity) {
  if (messages.count() == 0) return;
  parallel_for(messages.count(), chunk_size(messages, sm2::kVerifyChunk), [&](size_t begin, size_t end) {
    Chunk chunk;
    gather(chunk.keys, keys, begin, end);
    hash_messages(chunk, identity, messages, begin, end);
    std::memcpy(digests + 32 * begin, chunk.digests, 32 * (end - begin));
  });
}

namespace {

// The keys of items [begin, end).
void gather_signers(const sm2::PrivateKey** keys, const Signers& signers, size_t begin, size_t end) {
  if (signers.indices.data == nullptr) {
    std::fill(keys, keys + (end - begin), signers.key(0));
    return;
  }
  uint32_t indices[sm2::kSignChunk];
  gather_indices(indices, signers.indices, begin, end, signers.count, kOfSigners);
  for (size_t i = 0; i < end - begin; ++i) keys[i] = signers.key(indices[i]);
}

void check_signers(const Signers& signers, size_t count) {
  if (signers.indices.data != nullptr) check_indices(signers.indices, signers.count, count, kOfSigners);
}

}  // namespace

void sm2_sign_digests(uint8_t* signatures, const Signers& signers, Strided digests, size_t count) {
  if (count == 0) return;
  std::memset(signatures, 0, 64 * count);
  check_signers(signers, count);
  const sm2::Kernel& kernel = sm2::active_kernel();
  parallel_for(count, chunk_size(count, sm2::kSignChunk), [&](size_t begin, size_t end) {
    const sm2::PrivateKey* keys[sm2::kSignChunk];
    uint8_t chunk[sm2::kSignChunk][32];
    gather_signers(keys, signers, begin, end);
    gather(chunk, digests, begin, end);
    sm2::sign_chunk(kernel, sm2::system_random, signatures + 64 * begin, keys, chunk[0], end - begin);
  });
}

void sm2_sign(uint8_t* signatures, const Signers& signers, const Messages& messages, const sm2::Identity& identity) {
  if (messages.count() == 0) return;
  std::memset(signatures, 0, 64 * messages.count());
  check_signers(signers, messages.count());
  const sm2::Kernel& kernel = sm2::active_kernel();
  parallel_for(messages.count(), chunk_size(messages, sm2::kSignChunk), [&](size_t begin, size_t end) {
    const sm2::PrivateKey* keys[sm2::kSignChunk];
    gather_signers(keys, signers, begin, end);
    Chunk chunk;
    for (size_t i = 0; i < end - begin; ++i) std::memcpy(chunk.keys[i], keys[i]->public_key(), 64);
    hash_messages(chunk, identity, messages, begin, end);
    sm2::sign_chunk(kernel, sm2::system_random, signatures + 64 * begin, keys, chunk.digests[0], end - begin);
  });
}

void sm2_generate(std::unique_ptr<sm2::PrivateKey>* keys, size_t count) {
  if (count == 0) return;
  parallel_for(count, chunk_size(count, sm2::kGenerateChunk),
               [&](size_t begin, size_t end) { sm2::PrivateKey::generate_chunk(keys + begin, end - begin); });
}

void sm2_signatures_from_der(uint8_t* signatures, uint8_t* status, const Messages& ders) {
  if (ders.count() == 0) return;
  std::memset(status, ACCEL_NOT_CHECKED, ders.count());
  parallel_for(ders.count(), kDerGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      status[i] = sm2::parse_signature(signatures + 64 * i, ders.item(i)) ? ACCEL_OK : ACCEL_BAD_SIGNATURE;
    }
  });
}

void sm2_signatures_to_der(uint8_t* ders, uint8_t* lengths, Strided signatures, size_t count) {
  parallel_for(count, kDerGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      uint8_t signature[64];
      std::memcpy(signature, signatures[i], 64);
      lengths[i] = static_cast<uint8_t>(sm2::write_signature(ders + sm2::kMaxSignatureDerSize * i, signature));
    }
  });
}

}  // namespace accel::cpu
