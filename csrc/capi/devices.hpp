// Handles of accel.h: devices, and the work that calls with one are turned into.
#pragma once

#include <memory>

#include "accel/accel.h"
#include "capi/keyring.hpp"
#include "runtime/device.hpp"

namespace accel::capi {

// The device that a call runs on: that of the handle, or of ACCEL_DEVICE where the handle is NULL. Null: the CPU, whose
// kernels are called right away. Throws Error(ACCEL_BAD_DEVICE) for what is no handle, and for ACCEL_DEVICE.
std::shared_ptr<runtime::Device> device_of(const accel_device* handle);
// The same where a device is needed in any case: that of the CPU behind the runtime.
std::shared_ptr<runtime::Device> runtime_device_of(const accel_device* handle);
// For calls that no driver has an opcode for: the handle must be one.
inline void require_device(const accel_device* handle) { device_of(handle); }

// Each checks its arguments as the call of accel.h says, whose status array is filled already.
runtime::Work hash_work(uint8_t* digests_out, const Messages& messages);
runtime::Work verify_digest_work(uint8_t* status_out, const uint8_t* keys, uint64_t keys_stride,
                                 const uint8_t* signatures, uint64_t signatures_stride, const uint8_t* digests,
                                 uint64_t digests_stride, uint64_t count);
runtime::Work verify_work(uint8_t* status_out, const uint8_t* keys, uint64_t keys_stride, const uint8_t* signatures,
                          uint64_t signatures_stride, const accel_messages* messages, const uint8_t* id,
                          uint64_t id_length, uint64_t count);
runtime::Work ring_digest_work(uint8_t* status_out, const accel_sm2_keyring* ring, const uint32_t* indices,
                               const uint8_t* signatures, uint64_t signatures_stride, const uint8_t* digests,
                               uint64_t digests_stride, uint64_t count);
runtime::Work ring_work(uint8_t* status_out, const accel_sm2_keyring* ring, const uint32_t* indices,
                        const uint8_t* signatures, uint64_t signatures_stride, const accel_messages* messages,
                        uint64_t count);

}  // namespace accel::capi
