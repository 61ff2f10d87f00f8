// SM2: batches, key rings and keys.
#include <pybind11/stl.h>

#include <algorithm>
#include <optional>

#include "bindings.hpp"
#include "device.hpp"

namespace accel::python {
namespace {

using OptionalBytes = std::optional<py::bytes>;

// An ID as accel.h takes it. None: no ZA.
struct Id {
  explicit Id(const OptionalBytes& id) {
    if (!id) return;
    char* text = nullptr;
    Py_ssize_t size = 0;
    if (PyBytes_AsStringAndSize(id->ptr(), &text, &size) != 0) throw py::error_already_set();
    data = reinterpret_cast<const uint8_t*>(text);
    length = static_cast<uint64_t>(size);
  }
  const uint8_t* data = nullptr;
  uint64_t length = ACCEL_SM2_NO_ZA;
};

py::bytes to_bytes(const void* data, uint64_t size) { return py::bytes(static_cast<const char*>(data), size); }

void require_count(uint64_t got, uint64_t wanted, const char* name) {
  if (got != wanted) {
    raise("ArgumentError",
          std::string(name) + ": expected " + std::to_string(wanted) + " items, got " + std::to_string(got));
  }
}

Rows rows_of(const py::array& array, size_t width, uint64_t count, const char* name) {
  const Rows items = rows(array, width, name);
  require_count(items.count, count, name);
  return items;
}

// --- verifying ---------------------------------------------------------------------------------------------------

void verify_digests(py::array out, const py::array& keys, const py::array& signatures, const py::array& digests,
                    const Device* device) {
  const Rows key = rows(keys, 64, "keys");
  const Rows signature = rows_of(signatures, 64, key.count, "signatures");
  const Rows digest = rows_of(digests, 32, key.count, "digests");
  uint8_t* const status = output(out, key.count, "out");
  accel_device* const handle = handle_of(device);
  run([&] {
    return accel_sm2_verify_digest_many(handle, status, key.data, key.stride, signature.data, signature.stride,
                                        digest.data, digest.stride, key.count);
  });
}

void verify(py::array out, const py::array& keys, const py::array& signatures, const MessagesView& messages,
            const OptionalBytes& id, const Device* device) {
  const Rows key = rows(keys, 64, "keys");
  const Rows signature = rows_of(signatures, 64, key.count, "signatures");
  require_count(messages.count(), key.count, "messages");
  uint8_t* const status = output(out, key.count, "out");
  const Id name(id);
  accel_device* const handle = handle_of(device);
  run([&] {
    return accel_sm2_verify_many(handle, status, key.data, key.stride, signature.data, signature.stride,
                                 messages.view(), name.data, name.length, key.count);
  });
}

std::unique_ptr<Future> submit_verify_digests(Stream& stream, const SubmitOptions& options, py::array out,
                                              const py::array& keys, const py::array& signatures,
                                              const py::array& digests) {
  const Rows key = rows(keys, 64, "keys");
  const Rows signature = rows_of(signatures, 64, key.count, "signatures");
  const Rows digest = rows_of(digests, 32, key.count, "digests");
  uint8_t* const status = output(out, key.count, "out");
  return stream.submit(
      options, {out, keys, signatures, digests}, [&](accel_stream* handle, accel_future** future, const auto* native) {
        return accel_stream_sm2_verify_digest_many(handle, future, status, key.data, key.stride, signature.data,
                                                   signature.stride, digest.data, digest.stride, key.count, native);
      });
}

std::unique_ptr<Future> submit_verify(Stream& stream, const SubmitOptions& options, py::array out,
                                      const py::array& keys, const py::array& signatures, const py::object& messages,
                                      const OptionalBytes& id) {
  const Rows key = rows(keys, 64, "keys");
  const Rows signature = rows_of(signatures, 64, key.count, "signatures");
  const auto& view = messages.cast<const MessagesView&>();
  require_count(view.count(), key.count, "messages");
  uint8_t* const status = output(out, key.count, "out");
  const Id name(id);
  return stream.submit(
      options, {out, keys, signatures, messages}, [&](accel_stream* handle, accel_future** future, const auto* native) {
        return accel_stream_sm2_verify_many(handle, future, status, key.data, key.stride, signature.data,
                                            signature.stride, view.view(), name.data, name.length, key.count, native);
      });
}

struct HintedItems {
  Rows keys, signatures, hints;

  HintedItems(const py::array& key_rows, const py::array& signature_rows, const py::array& hint_bytes)
      : keys(rows(key_rows, 64, "keys")),
        signatures(rows_of(signature_rows, 64, keys.count, "signatures")),
        hints(rows_of(hint_bytes, 1, keys.count, "hints")) {
    if (hints.stride != 1 && hints.count > 1) raise("ArgumentError", "hints: expected bytes one after the other");
  }
};

void verify_hinted_digests(py::array out, const py::array& keys, const py::array& signatures, const py::array& digests,
                           const py::array& hints) {
  const HintedItems items(keys, signatures, hints);
  const Rows digest = rows_of(digests, 32, items.keys.count, "digests");
  uint8_t* const status = output(out, items.keys.count, "out");
  run([&] {
    return accel_sm2_verify_hinted_digest_many(nullptr, status, items.keys.data, items.keys.stride,
                                               items.signatures.data, items.signatures.stride, digest.data,
                                               digest.stride, items.hints.data, items.keys.count);
  });
}

void verify_hinted(py::array out, const py::array& keys, const py::array& signatures, const MessagesView& messages,
                   const py::array& hints, const OptionalBytes& id) {
  const HintedItems items(keys, signatures, hints);
  require_count(messages.count(), items.keys.count, "messages");
  uint8_t* const status = output(out, items.keys.count, "out");
  const Id name(id);
  run([&] {
    return accel_sm2_verify_hinted_many(nullptr, status, items.keys.data, items.keys.stride, items.signatures.data,
                                        items.signatures.stride, messages.view(), items.hints.data, name.data,
                                        name.length, items.keys.count);
  });
}

void recovery_hints(py::array hints, py::array out, const py::array& keys, const py::array& signatures,
                    const py::array& digests) {
  const Rows key = rows(keys, 64, "keys");
  const Rows signature = rows_of(signatures, 64, key.count, "signatures");
  const Rows digest = rows_of(digests, 32, key.count, "digests");
  uint8_t* const hint = output(hints, key.count, "hints");
  uint8_t* const status = output(out, key.count, "out");
  run([&] {
    return accel_sm2_recovery_hints_many(nullptr, hint, status, key.data, key.stride, signature.data, signature.stride,
                                         digest.data, digest.stride, key.count);
  });
}

void digests(py::array out, const py::array& keys, const MessagesView& messages, const OptionalBytes& id) {
  const Rows key = rows(keys, 64, "keys");
  require_count(messages.count(), key.count, "messages");
  uint8_t* const e = output(out, 32 * key.count, "out");
  const Id name(id);
  run([&] {
    return accel_sm2_digest_many(nullptr, e, key.data, key.stride, messages.view(), name.data, name.length, key.count);
  });
}

// (tables, bytes, built, limit).
py::tuple adaptive_tables() {
  uint64_t tables = 0, bytes = 0, built = 0, limit = 0;
  check(accel_sm2_adaptive_tables(&tables, &bytes, &built, &limit));
  return py::make_tuple(tables, bytes, built, limit);
}

// (N,) uint32, contiguous.
struct Indices {
  explicit Indices(const py::array& array) {
    const py::dtype type = array.dtype();
    if (type.kind() != 'u' || type.itemsize() != 4 || array.ndim() != 1 || (array.flags() & py::array::c_style) == 0) {
      throw py::type_error("indices: expected a contiguous uint32 array of shape (N,)");
    }
    data = static_cast<const uint32_t*>(array.data());
    count = static_cast<uint64_t>(array.shape(0));
  }
  const uint32_t* data;
  uint64_t count;
};

// Is it a contiguous (N,) array of uint32, all below `size`?
bool are_indices(const py::object& value, uint64_t size) {
  using Array = py::array_t<uint32_t, py::array::c_style>;
  if (!Array::check_(value) || py::reinterpret_borrow<Array>(value).ndim() != 1) return false;
  const Indices indices(py::reinterpret_borrow<Array>(value));
  uint32_t highest = 0;
  for (uint64_t i = 0; i < indices.count; ++i) highest = std::max(highest, indices.data[i]);
  return indices.count == 0 || highest < size;
}

[[noreturn]] void raise_bad_key(uint64_t index) {
  const py::object type = py::module_::import("accel.errors").attr("BadKeyError");
  const py::object error = type(std::string(accel_last_error()), index);
  PyErr_SetObject(type.ptr(), error.ptr());
  throw py::error_already_set();
}

class KeyRing {
 public:
  KeyRing(const py::array& public_keys, const OptionalBytes& id, uint64_t memory_limit) {
    const Rows keys = rows(public_keys, 64, "public_keys");
    const Id name(id);
    uint64_t bad_index = 0;
    accel_status status;
    {
      const WithoutGil released;
      status = accel_sm2_keyring_new(nullptr, &ring_, &bad_index, keys.data, keys.stride, name.data, name.length,
                                     memory_limit, keys.count);
    }
    if (status == ACCEL_BAD_KEY) raise_bad_key(bad_index);
    check(status);
  }
  ~KeyRing() { accel_sm2_keyring_free(ring_); }
  KeyRing(const KeyRing&) = delete;
  KeyRing& operator=(const KeyRing&) = delete;

  const accel_sm2_keyring* handle() const { return ring_; }
  uint64_t tables() const {
    uint64_t count = 0;
    check(accel_sm2_keyring_size(ring_, nullptr, &count, nullptr));
    return count;
  }
  uint64_t table_bytes() const {
    uint64_t bytes = 0;
    check(accel_sm2_keyring_size(ring_, nullptr, nullptr, &bytes));
    return bytes;
  }

  void verify_digests(py::array out, const py::array& indices, const py::array& signatures, const py::array& digests,
                      const Device* device) const {
    const Indices index(indices);
    const Rows signature = rows_of(signatures, 64, index.count, "signatures");
    const Rows digest = rows_of(digests, 32, index.count, "digests");
    uint8_t* const status = output(out, index.count, "out");
    accel_device* const handle = handle_of(device);
    run([&] {
      return accel_sm2_keyring_verify_digest_many(handle, status, ring_, index.data, signature.data, signature.stride,
                                                  digest.data, digest.stride, index.count);
    });
  }

  void verify(py::array out, const py::array& indices, const py::array& signatures, const MessagesView& messages,
              const Device* device) const {
    const Indices index(indices);
    const Rows signature = rows_of(signatures, 64, index.count, "signatures");
    require_count(messages.count(), index.count, "messages");
    uint8_t* const status = output(out, index.count, "out");
    accel_device* const handle = handle_of(device);
    run([&] {
      return accel_sm2_keyring_verify_many(handle, status, ring_, index.data, signature.data, signature.stride,
                                           messages.view(), index.count);
    });
  }

 private:
  accel_sm2_keyring* ring_ = nullptr;
};

std::unique_ptr<Future> submit_ring_digests(Stream& stream, const SubmitOptions& options, const py::object& ring,
                                            py::array out, const py::array& indices, const py::array& signatures,
                                            const py::array& digests) {
  const accel_sm2_keyring* const keys = ring.cast<const KeyRing&>().handle();
  const Indices index(indices);
  const Rows signature = rows_of(signatures, 64, index.count, "signatures");
  const Rows digest = rows_of(digests, 32, index.count, "digests");
  uint8_t* const status = output(out, index.count, "out");
  return stream.submit(options, {ring, out, indices, signatures, digests},
                       [&](accel_stream* handle, accel_future** future, const auto* native) {
                         return accel_stream_sm2_keyring_verify_digest_many(
                             handle, future, status, keys, index.data, signature.data, signature.stride, digest.data,
                             digest.stride, index.count, native);
                       });
}

std::unique_ptr<Future> submit_ring(Stream& stream, const SubmitOptions& options, const py::object& ring, py::array out,
                                    const py::array& indices, const py::array& signatures, const py::object& messages) {
  const accel_sm2_keyring* const keys = ring.cast<const KeyRing&>().handle();
  const Indices index(indices);
  const Rows signature = rows_of(signatures, 64, index.count, "signatures");
  const auto& view = messages.cast<const MessagesView&>();
  require_count(view.count(), index.count, "messages");
  uint8_t* const status = output(out, index.count, "out");
  return stream.submit(options, {ring, out, indices, signatures, messages},
                       [&](accel_stream* handle, accel_future** future, const auto* native) {
                         return accel_stream_sm2_keyring_verify_many(handle, future, status, keys, index.data,
                                                                     signature.data, signature.stride, view.view(),
                                                                     index.count, native);
                       });
}

// --- private keys and signing ------------------------------------------------------------------------------------

class PrivateKey {
 public:
  // `make` writes a new handle.
  template <typename Make>
  static std::unique_ptr<PrivateKey> make(Make&& make) {
    std::unique_ptr<PrivateKey> key(new PrivateKey);
    check(make(&key->key_));
    return key;
  }
  // Owns `key` from now on.
  static std::unique_ptr<PrivateKey> adopt(accel_sm2_private_key* key) {
    return make([&](accel_sm2_private_key** out) {
      *out = key;
      return ACCEL_OK;
    });
  }
  ~PrivateKey() { accel_sm2_private_key_free(key_); }
  PrivateKey(const PrivateKey&) = delete;
  PrivateKey& operator=(const PrivateKey&) = delete;

  const accel_sm2_private_key* handle() const { return key_; }

 private:
  PrivateKey() = default;
  accel_sm2_private_key* key_ = nullptr;
};

std::unique_ptr<PrivateKey> private_key_generate() {
  return PrivateKey::make([](accel_sm2_private_key** key) { return accel_sm2_private_key_generate(key); });
}

std::vector<std::unique_ptr<PrivateKey>> private_keys_generate(uint64_t count) {
  if (count > PY_SSIZE_T_MAX / sizeof(void*)) throw std::bad_alloc();
  std::vector<accel_sm2_private_key*> made(count);
  run([&] { return accel_sm2_private_key_generate_many(nullptr, made.data(), count); });
  std::vector<std::unique_ptr<PrivateKey>> keys;
  keys.reserve(count);
  for (accel_sm2_private_key* key : made) keys.push_back(PrivateKey::adopt(key));
  return keys;
}

std::unique_ptr<PrivateKey> private_key_from_bytes(const py::object& secret) {
  const BytesView bytes(secret, "secret");
  if (bytes.size() != 32) {
    raise("ArgumentError", "secret: expected 32 bytes, got " + std::to_string(bytes.size()));
  }
  return PrivateKey::make(
      [&](accel_sm2_private_key** key) { return accel_sm2_private_key_from_bytes(key, bytes.data()); });
}

std::unique_ptr<PrivateKey> private_key_from_der(const py::object& der) {
  const BytesView bytes(der, "der");
  return PrivateKey::make(
      [&](accel_sm2_private_key** key) { return accel_sm2_private_key_from_der(key, bytes.data(), bytes.size()); });
}

std::unique_ptr<PrivateKey> private_key_from_pem(const py::object& pem) {
  const BytesView bytes(pem, "pem");
  return PrivateKey::make([&](accel_sm2_private_key** key) {
    return accel_sm2_private_key_from_pem(key, reinterpret_cast<const char*>(bytes.data()), bytes.size());
  });
}

py::bytes private_key_secret(const PrivateKey& key) {
  uint8_t secret[32];
  check(accel_sm2_private_key_bytes(key.handle(), secret));
  const py::bytes result = to_bytes(secret, sizeof secret);
  explicit_bzero(secret, sizeof secret);
  return result;
}

py::bytes private_key_public(const PrivateKey& key) {
  uint8_t public_key[64];
  check(accel_sm2_private_key_public(key.handle(), public_key));
  return to_bytes(public_key, sizeof public_key);
}

// What `encode` (an accel.h function with capacity and length) writes. Enough room for every encoding of a key.
template <typename Char, typename Encode>
py::bytes encoded(Encode&& encode) {
  Char buffer[512];
  uint64_t length = 0;
  check(encode(buffer, sizeof buffer, &length));
  const py::bytes result = to_bytes(buffer, length);
  explicit_bzero(buffer, sizeof buffer);
  return result;
}

py::bytes private_key_to_der(const PrivateKey& key) {
  return encoded<uint8_t>([&](uint8_t* out, uint64_t capacity, uint64_t* length) {
    return accel_sm2_private_key_to_der(out, capacity, length, key.handle());
  });
}

py::bytes private_key_to_pem(const PrivateKey& key) {
  return encoded<char>([&](char* out, uint64_t capacity, uint64_t* length) {
    return accel_sm2_private_key_to_pem(out, capacity, length, key.handle());
  });
}

using PrivateKeys = std::vector<const PrivateKey*>;

std::vector<const accel_sm2_private_key*> handles(const PrivateKeys& keys) {
  std::vector<const accel_sm2_private_key*> out;
  out.reserve(keys.size());
  for (const PrivateKey* key : keys) out.push_back(key != nullptr ? key->handle() : nullptr);
  return out;
}

// Indices of a batch of `count` items; null: private_keys[0] signs all.
const uint32_t* indices_of(const std::optional<py::array>& array, uint64_t count) {
  if (!array) return nullptr;
  const Indices indices(*array);
  require_count(indices.count, count, "indices");
  return indices.data;
}

void sign_digests(py::array out, const PrivateKeys& private_keys, const std::optional<py::array>& indices,
                  const py::array& digests) {
  const Rows digest = rows(digests, 32, "digests");
  uint8_t* const signatures = output(out, 64 * digest.count, "out");
  const uint32_t* const index = indices_of(indices, digest.count);
  const auto keys = handles(private_keys);
  run([&] {
    return accel_sm2_sign_digest_many(nullptr, signatures, keys.data(), keys.size(), index, digest.data, digest.stride,
                                      digest.count);
  });
}

void sign(py::array out, const PrivateKeys& private_keys, const std::optional<py::array>& indices,
          const MessagesView& messages, const OptionalBytes& id) {
  uint8_t* const signatures = output(out, 64 * messages.count(), "out");
  const uint32_t* const index = indices_of(indices, messages.count());
  const auto keys = handles(private_keys);
  const Id name(id);
  run([&] {
    return accel_sm2_sign_many(nullptr, signatures, keys.data(), keys.size(), index, messages.view(), name.data,
                               name.length, messages.count());
  });
}

// --- public keys -------------------------------------------------------------------------------------------------

py::bytes public_key_from_point(const py::object& point) {
  const BytesView bytes(point, "point");
  uint8_t key[64];
  check(accel_sm2_public_key_from_point(key, bytes.data(), bytes.size()));
  return to_bytes(key, sizeof key);
}

py::bytes public_key_from_der(const py::object& der) {
  const BytesView bytes(der, "der");
  uint8_t key[64];
  check(accel_sm2_public_key_from_der(key, bytes.data(), bytes.size()));
  return to_bytes(key, sizeof key);
}

py::bytes public_key_from_pem(const py::object& pem) {
  const BytesView bytes(pem, "pem");
  uint8_t key[64];
  check(accel_sm2_public_key_from_pem(key, reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  return to_bytes(key, sizeof key);
}

const uint8_t* raw_key(const BytesView& bytes) {
  if (bytes.size() != 64) raise("ArgumentError", "raw: expected 64 bytes, got " + std::to_string(bytes.size()));
  return bytes.data();
}

py::bytes public_key_to_der(const py::object& raw) {
  const BytesView bytes(raw, "raw");
  return encoded<uint8_t>([&](uint8_t* out, uint64_t capacity, uint64_t* length) {
    return accel_sm2_public_key_to_der(out, capacity, length, raw_key(bytes));
  });
}

py::bytes public_key_to_pem(const py::object& raw) {
  const BytesView bytes(raw, "raw");
  return encoded<char>([&](char* out, uint64_t capacity, uint64_t* length) {
    return accel_sm2_public_key_to_pem(out, capacity, length, raw_key(bytes));
  });
}

// --- signatures in DER -------------------------------------------------------------------------------------------

void signatures_from_der(py::array out, py::array status_out, const MessagesView& ders) {
  uint8_t* const signatures = output(out, 64 * ders.count(), "out");
  uint8_t* const status = output(status_out, ders.count(), "status_out");
  run([&] { return accel_sm2_signatures_from_der(nullptr, signatures, status, ders.view(), ders.count()); });
}

void signatures_to_der(py::array out, py::array lengths_out, const py::array& signatures) {
  const Rows signature = rows(signatures, 64, "signatures");
  uint8_t* const ders = output(out, 72 * signature.count, "out");
  uint8_t* const lengths = output(lengths_out, signature.count, "lengths_out");
  run([&] {
    return accel_sm2_signatures_to_der(nullptr, ders, lengths, signature.data, signature.stride, signature.count);
  });
}

void bind_keys(py::module_& module) {
  py::class_<PrivateKey>(module, "Sm2PrivateKey", "A private key in memory that is wiped.")
      .def_static("generate", &private_key_generate)
      .def_static("generate_many", &private_keys_generate, py::arg("count"))
      .def_static("from_bytes", &private_key_from_bytes, py::arg("secret"))
      .def_static("from_der", &private_key_from_der, py::arg("der"))
      .def_static("from_pem", &private_key_from_pem, py::arg("pem"))
      .def("secret", &private_key_secret)
      .def("public_key", &private_key_public)
      .def("to_der", &private_key_to_der)
      .def("to_pem", &private_key_to_pem);
  module.def("sm2_public_key_from_point", &public_key_from_point, py::arg("point"));
  module.def("sm2_public_key_from_der", &public_key_from_der, py::arg("der"));
  module.def("sm2_public_key_from_pem", &public_key_from_pem, py::arg("pem"));
  module.def("sm2_public_key_to_der", &public_key_to_der, py::arg("raw"));
  module.def("sm2_public_key_to_pem", &public_key_to_pem, py::arg("raw"));
}

void bind_submissions(py::module_& module) {
  module.def("submit_sm2_verify_digests", &submit_verify_digests, py::arg("stream"), py::arg("options"), py::arg("out"),
             py::arg("keys"), py::arg("signatures"), py::arg("digests"));
  module.def("submit_sm2_verify", &submit_verify, py::arg("stream"), py::arg("options"), py::arg("out"),
             py::arg("keys"), py::arg("signatures"), py::arg("messages"), py::arg("id"));
  module.def("submit_sm2_ring_verify_digests", &submit_ring_digests, py::arg("stream"), py::arg("options"),
             py::arg("ring"), py::arg("out"), py::arg("indices"), py::arg("signatures"), py::arg("digests"));
  module.def("submit_sm2_ring_verify", &submit_ring, py::arg("stream"), py::arg("options"), py::arg("ring"),
             py::arg("out"), py::arg("indices"), py::arg("signatures"), py::arg("messages"));
}

}  // namespace

const accel_sm2_keyring* ring_handle(const py::object& ring) { return ring.cast<const KeyRing&>().handle(); }

void bind_sm2(py::module_& module) {
  module.def("sm2_verify_digests", &verify_digests, py::arg("out"), py::arg("keys"), py::arg("signatures"),
             py::arg("digests"), py::arg("device").none(true) = nullptr);
  module.def("sm2_verify", &verify, py::arg("out"), py::arg("keys"), py::arg("signatures"), py::arg("messages"),
             py::arg("id"), py::arg("device").none(true) = nullptr);
  module.def("sm2_adaptive_tables", &adaptive_tables);
  module.def("sm2_verify_hinted_digests", &verify_hinted_digests, py::arg("out"), py::arg("keys"),
             py::arg("signatures"), py::arg("digests"), py::arg("hints"));
  module.def("sm2_verify_hinted", &verify_hinted, py::arg("out"), py::arg("keys"), py::arg("signatures"),
             py::arg("messages"), py::arg("hints"), py::arg("id"));
  module.def("sm2_recovery_hints", &recovery_hints, py::arg("hints"), py::arg("out"), py::arg("keys"),
             py::arg("signatures"), py::arg("digests"));
  module.def("sm2_digests", &digests, py::arg("out"), py::arg("keys"), py::arg("messages"), py::arg("id"));
  module.def("sm2_are_indices", &are_indices, py::arg("value"), py::arg("size"));
  py::class_<KeyRing>(module, "Sm2KeyRing", "Known signers, with their tables.")
      .def(py::init<const py::array&, const OptionalBytes&, uint64_t>(), py::arg("public_keys"), py::arg("id"),
           py::arg("memory_limit"))
      .def("tables", &KeyRing::tables)
      .def("table_bytes", &KeyRing::table_bytes)
      .def("verify_digests", &KeyRing::verify_digests, py::arg("out"), py::arg("indices"), py::arg("signatures"),
           py::arg("digests"), py::arg("device").none(true) = nullptr)
      .def("verify", &KeyRing::verify, py::arg("out"), py::arg("indices"), py::arg("signatures"), py::arg("messages"),
           py::arg("device").none(true) = nullptr);
  bind_submissions(module);
  bind_keys(module);
  module.def("sm2_sign_digests", &sign_digests, py::arg("out"), py::arg("private_keys"), py::arg("indices"),
             py::arg("digests"));
  module.def("sm2_sign", &sign, py::arg("out"), py::arg("private_keys"), py::arg("indices"), py::arg("messages"),
             py::arg("id"));
  module.def("sm2_signatures_from_der", &signatures_from_der, py::arg("out"), py::arg("status_out"), py::arg("ders"));
  module.def("sm2_signatures_to_der", &signatures_to_der, py::arg("out"), py::arg("lengths_out"),
             py::arg("signatures"));
}

}  // namespace accel::python
