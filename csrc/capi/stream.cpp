// accel.h: streams and futures.
#include <memory>
#include <string>

#include "capi/arrays.hpp"
#include "capi/devices.hpp"
#include "capi/guard.hpp"
#include "runtime/clock.hpp"
#include "runtime/hasher.hpp"

using accel::Error;
using accel::Messages;
using accel::capi::begin_status;
using accel::capi::guard;
using accel::capi::require;
using accel::capi::require_array;
using accel::runtime::Device;
using accel::runtime::Gate;
using accel::runtime::Priority;
using accel::runtime::Request;
using accel::runtime::Work;

struct accel_stream {
  std::shared_ptr<Device> device;
  std::shared_ptr<Gate> gate;
};

struct accel_future {
  std::shared_ptr<Device> device;  // for what it knows about forks
  std::shared_ptr<Request> request;
};

namespace {

constexpr uint32_t kMaxDepth = uint32_t{1} << 20;

[[noreturn]] void bad_option(const char* field, const std::string& wanted, uint64_t got) {
  throw Error(ACCEL_BAD_ARGUMENT,
              std::string("options: ") + field + ": expected " + wanted + ", got " + std::to_string(got));
}

accel_submit_options options_of(const accel_submit_options* options) {
  accel_submit_options result = {};
  if (options != nullptr) {
    if (options->struct_size != sizeof(accel_submit_options)) {
      bad_option("struct_size", std::to_string(sizeof(accel_submit_options)), options->struct_size);
    }
    result = *options;
  }
  if (result.priority == 0) result.priority = ACCEL_PRIORITY_TRANSACTION;
  if (result.priority > ACCEL_PRIORITY_TRANSACTION) bad_option("priority", "0 to 3", result.priority);
  if (result.non_blocking > 1) bad_option("non_blocking", "0 or 1", result.non_blocking);
  if (result.reserved != 0) bad_option("reserved", "0", result.reserved);
  return result;
}

// `make` gives the work; it runs after everything else of the arguments was checked.
template <typename Make>
void submit(accel_stream* stream, accel_future** future_out, const accel_submit_options* options, Make&& make) {
  require(stream, "stream");
  const accel_submit_options checked = options_of(options);
  const uint64_t deadline =
      checked.deadline_ns == 0 ? UINT64_MAX : accel::runtime::after_ns(accel::runtime::now_ns(), checked.deadline_ns);
  auto future = std::make_unique<accel_future>(accel_future{stream->device, nullptr});
  future->request = stream->device->submit(make(), static_cast<Priority>(checked.priority - 1), deadline,
                                           checked.non_blocking == 0, stream->gate);
  if (future->request == nullptr) {
    const bool full = stream->gate->inside() >= stream->gate->limit();
    throw Error(ACCEL_QUEUE_FULL,
                std::string(full ? "stream" : "device") + ": as many requests are on their way as it holds");
  }
  *future_out = future.release();
}

void begin_future(accel_future** future_out) {
  require(future_out, "future_out");
  *future_out = nullptr;
}

}  // namespace

accel_status accel_stream_new(accel_device* device, accel_stream** stream_out, uint32_t depth) {
  return guard([&] {
    require(stream_out, "stream_out");
    *stream_out = nullptr;
    if (depth < 1 || depth > kMaxDepth) {
      throw Error(ACCEL_BAD_ARGUMENT, "depth: expected 1 to 1048576, got " + std::to_string(depth));
    }
    *stream_out = new accel_stream{accel::capi::runtime_device_of(device), std::make_shared<Gate>(depth)};
  });
}

void accel_stream_free(accel_stream* stream) {
  if (stream == nullptr) return;
  if (stream->device->forked()) return;  // its locks may be held by threads that are not there
  stream->gate->wait_idle();
  delete stream;
}

accel_status accel_stream_sm3_hash_messages(accel_stream* stream, accel_future** future_out, uint8_t* digests_out,
                                            const accel_messages* messages, uint64_t count,
                                            const accel_submit_options* options) {
  return guard([&] {
    begin_future(future_out);
    require_array(digests_out, count, "digests_out");
    submit(stream, future_out, options,
           [&] { return accel::capi::hash_work(digests_out, Messages(messages, count, "messages")); });
  });
}

accel_status accel_stream_sm2_verify_digest_many(accel_stream* stream, accel_future** future_out, uint8_t* status_out,
                                                 const uint8_t* keys, uint64_t keys_stride, const uint8_t* signatures,
                                                 uint64_t signatures_stride, const uint8_t* digests,
                                                 uint64_t digests_stride, uint64_t count,
                                                 const accel_submit_options* options) {
  return guard([&] {
    begin_status(status_out, count);
    begin_future(future_out);
    submit(stream, future_out, options, [&] {
      return accel::capi::verify_digest_work(status_out, keys, keys_stride, signatures, signatures_stride, digests,
                                             digests_stride, count);
    });
  });
}

accel_status accel_stream_sm2_verify_many(accel_stream* stream, accel_future** future_out, uint8_t* status_out,
                                          const uint8_t* keys, uint64_t keys_stride, const uint8_t* signatures,
                                          uint64_t signatures_stride, const accel_messages* messages, const uint8_t* id,
                                          uint64_t id_length, uint64_t count, const accel_submit_options* options) {
  return guard([&] {
    begin_status(status_out, count);
    begin_future(future_out);
    submit(stream, future_out, options, [&] {
      return accel::capi::verify_work(status_out, keys, keys_stride, signatures, signatures_stride, messages, id,
                                      id_length, count);
    });
  });
}

accel_status accel_stream_sm2_keyring_verify_digest_many(accel_stream* stream, accel_future** future_out,
                                                         uint8_t* status_out, const accel_sm2_keyring* ring,
                                                         const uint32_t* indices, const uint8_t* signatures,
                                                         uint64_t signatures_stride, const uint8_t* digests,
                                                         uint64_t digests_stride, uint64_t count,
                                                         const accel_submit_options* options) {
  return guard([&] {
    begin_status(status_out, count);
    begin_future(future_out);
    submit(stream, future_out, options, [&] {
      return accel::capi::ring_digest_work(status_out, ring, indices, signatures, signatures_stride, digests,
                                           digests_stride, count);
    });
  });
}

accel_status accel_stream_sm2_keyring_verify_many(accel_stream* stream, accel_future** future_out, uint8_t* status_out,
                                                  const accel_sm2_keyring* ring, const uint32_t* indices,
                                                  const uint8_t* signatures, uint64_t signatures_stride,
                                                  const accel_messages* messages, uint64_t count,
                                                  const accel_submit_options* options) {
  return guard([&] {
    begin_status(status_out, count);
    begin_future(future_out);
    submit(stream, future_out, options, [&] {
      return accel::capi::ring_work(status_out, ring, indices, signatures, signatures_stride, messages, count);
    });
  });
}

accel_status accel_stream_merkle_leaf_hashes(accel_stream* stream, accel_future** future_out, uint8_t* hashes_out,
                                             uint32_t rule, const accel_messages* leaves, uint64_t count,
                                             const accel_submit_options* options) {
  return guard([&] {
    begin_future(future_out);
    require_array(hashes_out, count, "hashes_out");
    submit(stream, future_out, options, [&] {
      return accel::runtime::leaf_work(hashes_out, accel::merkle::find_rule(rule), Messages(leaves, count, "leaves"));
    });
  });
}

accel_status accel_future_wait(accel_future* future, uint64_t timeout_ns) {
  return guard([&] {
    require(future, "future");
    future->device->require_usable();
    if (!future->request->wait(timeout_ns)) throw Error(ACCEL_PENDING, "future: not done yet");
    if (future->request->status() == ACCEL_OK) return;
    throw Error(future->request->status(), future->request->sentence());
  });
}

accel_status accel_future_descriptor(accel_future* future, int32_t* descriptor_out) {
  return guard([&] {
    require(future, "future");
    require(descriptor_out, "descriptor_out");
    future->device->require_usable();
    *descriptor_out = future->request->descriptor();
  });
}

accel_status accel_future_on_done(accel_future* future, accel_done_function function, void* context) {
  return guard([&] {
    require(future, "future");
    if (function == nullptr) throw Error(ACCEL_BAD_ARGUMENT, "function: is NULL");
    future->device->require_usable();
    future->request->on_done([=] { function(context); });
  });
}

accel_status accel_future_cancel(accel_future* future) {
  return guard([&] {
    require(future, "future");
    future->device->require_usable();
    if (!future->request->close(ACCEL_CANCELLED, "the request was cancelled")) {
      future->request->wait(UINT64_MAX);  // for what is being closed by its deadline
      throw Error(ACCEL_BAD_ARGUMENT, "future: it is done");
    }
  });
}

void accel_future_free(accel_future* future) {
  if (future == nullptr) return;
  if (future->device->forked()) return;  // see accel_stream_free
  future->request->close(ACCEL_CANCELLED, "the future was freed");
  future->request->wait(UINT64_MAX);  // where somebody else is closing it just now
  delete future;
}
