// From the arguments of accel.h to work for the runtime.
#include "capi/arrays.hpp"
#include "capi/devices.hpp"
#include "capi/guard.hpp"

namespace accel::capi {

using runtime::Strided;

namespace {

using runtime::Op;
using runtime::Work;

Work verification(Op op, uint8_t* status_out, const uint8_t* signatures, uint64_t signatures_stride, uint64_t count) {
  Work work;
  work.op = op;
  work.count = count;
  work.status = status_out;
  work.signatures = strided(signatures, signatures_stride, 64, count, "signatures");
  return work;
}

// An index beyond the ring is an error before anything runs.
void set_ring(Work& work, const accel_sm2_keyring* ring, const uint32_t* indices) {
  work.ring = &ring->ring;
  work.indices = {indices};
  for (size_t i = 0; i < work.count; ++i) {
    if (const uint32_t index = work.indices[i]; index >= ring->ring.size()) {
      throw Error(ACCEL_BAD_ARGUMENT, "indices[" + std::to_string(i) + "] = " + std::to_string(index) + ": there are " +
                                          std::to_string(ring->ring.size()) + " keys in the ring");
    }
  }
}

}  // namespace

Work hash_work(uint8_t* digests_out, const Messages& messages) {
  Work work;
  work.op = Op::kHash;
  work.count = messages.count();
  work.messages.emplace(messages);
  work.digests_out = digests_out;
  return work;
}

Work verify_digest_work(uint8_t* status_out, const uint8_t* keys, uint64_t keys_stride, const uint8_t* signatures,
                        uint64_t signatures_stride, const uint8_t* digests, uint64_t digests_stride, uint64_t count) {
  const Strided checked_keys = strided(keys, keys_stride, 64, count, "keys");
  Work work = verification(Op::kVerifyDigest, status_out, signatures, signatures_stride, count);
  work.keys = checked_keys;
  work.digests = strided(digests, digests_stride, 32, count, "digests");
  return work;
}

Work verify_work(uint8_t* status_out, const uint8_t* keys, uint64_t keys_stride, const uint8_t* signatures,
                 uint64_t signatures_stride, const accel_messages* messages, const uint8_t* id, uint64_t id_length,
                 uint64_t count) {
  const sm2::Identity identity(id, id_length);
  const Strided checked_keys = strided(keys, keys_stride, 64, count, "keys");
  Work work = verification(Op::kVerify, status_out, signatures, signatures_stride, count);
  work.keys = checked_keys;
  work.messages.emplace(messages, count, "messages");
  work.identity = identity;
  work.has_za = identity.has_za();
  if (work.has_za && id_length != 0) work.id.assign(id, id + id_length);
  return work;
}

Work ring_digest_work(uint8_t* status_out, const accel_sm2_keyring* ring, const uint32_t* indices,
                      const uint8_t* signatures, uint64_t signatures_stride, const uint8_t* digests,
                      uint64_t digests_stride, uint64_t count) {
  require(ring, "ring");
  require_array(indices, count, "indices");
  Work work = verification(Op::kVerifyDigest, status_out, signatures, signatures_stride, count);
  work.digests = strided(digests, digests_stride, 32, count, "digests");
  set_ring(work, ring, indices);
  return work;
}

Work ring_work(uint8_t* status_out, const accel_sm2_keyring* ring, const uint32_t* indices, const uint8_t* signatures,
               uint64_t signatures_stride, const accel_messages* messages, uint64_t count) {
  require(ring, "ring");
  require_array(indices, count, "indices");
  Work work = verification(Op::kVerify, status_out, signatures, signatures_stride, count);
  work.messages.emplace(messages, count, "messages");
  work.has_za = ring->ring.has_za();
  work.id = ring->id;
  set_ring(work, ring, indices);
  return work;
}

}  // namespace accel::capi
