// SM3: hash_many and the streaming object.
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "bindings.hpp"
#include "device.hpp"

namespace accel::python {
namespace {

// From this many bytes on, an update releases the GIL (as hashlib's objects do).
constexpr uint64_t kReleaseSize = 2048;

void hash_messages(py::array out, const MessagesView& messages, const Device* device) {
  uint8_t* const digests = output(out, messages.count() * ACCEL_SM3_SIZE, "out");
  accel_device* const handle = handle_of(device);
  run([&] { return accel_sm3_hash_messages(handle, digests, messages.view(), messages.count()); });
}

std::unique_ptr<Future> submit_hash(Stream& stream, const SubmitOptions& options, py::array out,
                                    const py::object& messages) {
  const auto& view = messages.cast<const MessagesView&>();
  uint8_t* const digests = output(out, view.count() * ACCEL_SM3_SIZE, "out");
  return stream.submit(options, {out, messages}, [&](accel_stream* handle, accel_future** future, const auto* native) {
    return accel_stream_sm3_hash_messages(handle, future, digests, view.view(), view.count(), native);
  });
}

py::bytes to_bytes(const uint8_t digest[ACCEL_SM3_SIZE]) {
  return py::bytes(reinterpret_cast<const char*>(digest), ACCEL_SM3_SIZE);
}

// Does a call that names no device wait for one (device.hpp)? As the library, this reads the environment once.
bool has_default_device() {
  static const bool has = [] {
    const char* const name = std::getenv("ACCEL_DEVICE");
    return name != nullptr && *name != '\0' && std::strcmp(name, "cpu") != 0;
  }();
  return has;
}

py::bytes hash_one(const py::object& data) {
  const BytesView bytes(data, "data");
  uint8_t digest[ACCEL_SM3_SIZE];
  const auto call = [&] { return accel_sm3_hash_many(nullptr, digest, bytes.data(), 0, bytes.size(), 1); };
  if (bytes.size() >= kReleaseSize || has_default_device()) {
    run(call);
  } else {
    check(call());
  }
  return to_bytes(digest);
}

// Any number of threads may use one object; each method is one step that others see whole.
class Sm3 {
 public:
  Sm3() { check(accel_sm3_new(&hash_)); }
  ~Sm3() { accel_sm3_free(hash_); }
  Sm3(const Sm3&) = delete;
  Sm3& operator=(const Sm3&) = delete;

  void update(const py::object& data) {
    const BytesView bytes(data, "data");
    const auto call = [&] { return accel_sm3_update(hash_, bytes.data(), bytes.size()); };
    if (bytes.size() >= kReleaseSize) {
      run([&] {
        const std::lock_guard lock(mutex_);
        return call();
      });
    } else {
      const auto lock = lock_with_gil();
      check(call());
    }
  }

  py::bytes digest() {
    uint8_t digest[ACCEL_SM3_SIZE];
    {
      const auto lock = lock_with_gil();
      check(accel_sm3_digest(hash_, digest));
    }
    return to_bytes(digest);
  }

  std::unique_ptr<Sm3> copy() {
    accel_sm3* hash;
    {
      const auto lock = lock_with_gil();
      check(accel_sm3_clone(&hash, hash_));
    }
    return std::unique_ptr<Sm3>(new Sm3(hash));
  }

 private:
  explicit Sm3(accel_sm3* hash) : hash_(hash) {}

  // Waits without the GIL: who holds the mutex in a long update may need the GIL to go on.
  std::unique_lock<std::mutex> lock_with_gil() {
    std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock()) {
      const WithoutGil released;
      lock.lock();
    }
    return lock;
  }

  std::mutex mutex_;
  accel_sm3* hash_ = nullptr;
};

}  // namespace

void bind_sm3(py::module_& module) {
  module.def("sm3_hash_messages", &hash_messages, py::arg("out"), py::arg("messages"),
             py::arg("device").none(true) = nullptr);
  module.def("submit_sm3_hash_messages", &submit_hash, py::arg("stream"), py::arg("options"), py::arg("out"),
             py::arg("messages"));
  module.def("sm3_digest", &hash_one, py::arg("data"));
  py::class_<Sm3>(module, "Sm3", "State of a running SM3 computation.")
      .def(py::init<>())
      .def("update", &Sm3::update, py::arg("data"))
      .def("digest", &Sm3::digest)
      .def("copy", &Sm3::copy);
}

}  // namespace accel::python
