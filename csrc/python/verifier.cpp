// SM2: one signature at a time.
#include <pybind11/stl.h>

#include <array>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "bindings.hpp"
#include "device.hpp"

namespace accel::python {
namespace {

// What is verified: by a key of 64 bytes, or by a ring and an index; a digest, or a message under an ID.
struct Question {
  Question(const py::object& key, const py::object& ring_object, uint32_t ring_index, const py::object& signature_bytes,
           const py::object& digest_bytes, const py::object& message_bytes, const std::optional<py::bytes>& id)
      : ring(ring_object.is_none() ? nullptr : ring_handle(ring_object)), index(ring_index) {
    if (ring == nullptr) sized(&key_, key, 64, "key");
    sized(&signature_, signature_bytes, 64, "signature");
    if (!digest_bytes.is_none()) {
      sized(&digest_, digest_bytes, 32, "digest");
      return;
    }
    message_.emplace(message_bytes, "message");
    if (!id) return;
    char* text = nullptr;
    Py_ssize_t size = 0;
    if (PyBytes_AsStringAndSize(id->ptr(), &text, &size) != 0) throw py::error_already_set();
    id_data = reinterpret_cast<const uint8_t*>(text);
    id_length = static_cast<uint64_t>(size);
  }

  const uint8_t* key() const { return key_->data(); }
  const uint8_t* signature() const { return signature_->data(); }
  bool has_digest() const { return digest_.has_value(); }
  const uint8_t* digest() const { return digest_->data(); }
  const BytesView& message() const { return *message_; }

  const accel_sm2_keyring* ring;
  uint32_t index;
  const uint8_t* id_data = nullptr;
  uint64_t id_length = ACCEL_SM2_NO_ZA;

 private:
  static void sized(std::optional<BytesView>* view, const py::object& bytes, uint64_t size, const char* name) {
    view->emplace(bytes, name);
    if ((*view)->size() == size) return;
    raise("ArgumentError",
          std::string(name) + ": expected " + std::to_string(size) + " bytes, got " + std::to_string((*view)->size()));
  }
  std::optional<BytesView> key_, signature_, digest_, message_;
};

// A queue of a verifier. It holds on to what was submitted with an item, and to the item's ring, until the answer has
// been polled.
class Queue {
 public:
  Queue(accel_sm2_verifier* verifier, uint64_t capacity) { check(accel_sm2_queue_new(&queue_, verifier, capacity)); }
  ~Queue() {
    const WithoutGil released;
    accel_sm2_queue_free(queue_);
  }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  int descriptor() const {
    int descriptor = -1;
    check(accel_sm2_queue_descriptor(queue_, &descriptor));
    return descriptor;
  }
  size_t under_way() const { return waiters_.size(); }

  // False if it is full.
  bool submit(const py::object& waiter, const py::object& key, const py::object& ring, uint32_t index,
              const py::object& signature, const py::object& digest, const py::object& message,
              const std::optional<py::bytes>& id, uint32_t priority, uint64_t timeout_ns) {
    const Question asked(key, ring, index, signature, digest, message, id);
    const uint64_t tag = next_tag_++;
    const auto place = waiters_.emplace(tag, std::pair(waiter, ring)).first;
    const accel_status status = submit_native(asked, priority, timeout_ns, tag);
    if (status == ACCEL_OK) return true;
    waiters_.erase(place);
    if (status != ACCEL_QUEUE_FULL) check(status);
    return false;
  }

  // [(waiter, status)]: what has been answered.
  py::list poll() {
    py::list answers;
    std::array<uint64_t, 256> tags;
    std::array<uint8_t, 256> status;
    uint64_t count = tags.size();
    while (count == tags.size()) {
      check(accel_sm2_queue_poll(queue_, tags.data(), status.data(), &count, tags.size(), 0));
      for (uint64_t i = 0; i < count; ++i) {
        const auto waiter = waiters_.extract(tags[i]);
        answers.append(py::make_tuple(waiter.mapped().first, status[i]));
      }
    }
    return answers;
  }

 private:
  accel_status submit_native(const Question& asked, uint32_t priority, uint64_t timeout_ns, uint64_t tag) const {
    if (asked.has_digest()) {
      return asked.ring != nullptr
                 ? accel_sm2_queue_ring_submit_digest(queue_, asked.ring, asked.index, asked.signature(),
                                                      asked.digest(), priority, timeout_ns, tag)
                 : accel_sm2_queue_submit_digest(queue_, asked.key(), asked.signature(), asked.digest(), priority,
                                                 timeout_ns, tag);
    }
    const BytesView& message = asked.message();
    return asked.ring != nullptr
               ? accel_sm2_queue_ring_submit(queue_, asked.ring, asked.index, asked.signature(), message.data(),
                                             message.size(), priority, timeout_ns, tag)
               : accel_sm2_queue_submit(queue_, asked.key(), asked.signature(), message.data(), message.size(),
                                        asked.id_data, asked.id_length, priority, timeout_ns, tag);
  }

  accel_sm2_queue* queue_ = nullptr;
  uint64_t next_tag_ = 0;
  std::unordered_map<uint64_t, std::pair<py::object, py::object>> waiters_;  // and rings, by tag
};

class Verifier {
 public:
  Verifier(bool refuse_when_full, uint64_t linger_ns, uint64_t capacity, uint32_t lanes, uint32_t batch,
           uint32_t runners, const Device* device) {
    accel_sm2_verifier_options options = {};
    options.struct_size = sizeof options;
    options.when_full = refuse_when_full ? ACCEL_WHEN_FULL_REFUSE : ACCEL_WHEN_FULL_WAIT;
    options.linger_ns = linger_ns;
    options.capacity = capacity;
    options.lanes = lanes;
    options.batch = batch;
    options.runners = runners;
    accel_device* const handle = handle_of(device);
    run([&] { return accel_sm2_verifier_new(handle, &verifier_, &options); });
  }
  ~Verifier() {
    const WithoutGil released;
    accel_sm2_verifier_free(verifier_);
  }
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;

  uint8_t verify(const py::object& key, const py::object& ring, uint32_t index, const py::object& signature,
                 const py::object& digest, const py::object& message, const std::optional<py::bytes>& id,
                 uint32_t priority, uint64_t timeout_ns) {
    const Question asked(key, ring, index, signature, digest, message, id);
    uint8_t status = ACCEL_NOT_CHECKED;
    run([&] { return verify_native(&status, asked, priority, timeout_ns); });
    return status;
  }

  void close(bool drain) {
    run([&] { return accel_sm2_verifier_close(verifier_, drain ? 1 : 0); });
  }

  std::unique_ptr<Queue> queue(uint64_t capacity) { return std::make_unique<Queue>(verifier_, capacity); }

  // (batches, items, waiting, refused, timed_out, taken, wait_ns, longest_wait_ns); the last three by priority.
  py::tuple stats() {
    accel_sm2_verifier_counts counts = {};
    counts.struct_size = sizeof counts;
    check(accel_sm2_verifier_stats(verifier_, &counts));
    const auto by_priority = [](const uint64_t* values) { return py::make_tuple(values[0], values[1], values[2]); };
    return py::make_tuple(counts.batches, counts.items, counts.waiting, counts.refused, counts.timed_out,
                          by_priority(counts.taken), by_priority(counts.wait_ns), by_priority(counts.longest_wait_ns));
  }

 private:
  accel_status verify_native(uint8_t* status, const Question& asked, uint32_t priority, uint64_t timeout_ns) {
    if (asked.has_digest()) {
      return asked.ring != nullptr
                 ? accel_sm2_verifier_ring_verify_digest(verifier_, status, asked.ring, asked.index, asked.signature(),
                                                         asked.digest(), priority, timeout_ns)
                 : accel_sm2_verifier_verify_digest(verifier_, status, asked.key(), asked.signature(), asked.digest(),
                                                    priority, timeout_ns);
    }
    const BytesView& message = asked.message();
    return asked.ring != nullptr
               ? accel_sm2_verifier_ring_verify(verifier_, status, asked.ring, asked.index, asked.signature(),
                                                message.data(), message.size(), priority, timeout_ns)
               : accel_sm2_verifier_verify(verifier_, status, asked.key(), asked.signature(), message.data(),
                                           message.size(), asked.id_data, asked.id_length, priority, timeout_ns);
  }

  accel_sm2_verifier* verifier_ = nullptr;
};

}  // namespace

void bind_verifier(py::module_& module) {
  py::class_<Queue>(module, "Sm2Queue", "Answers for an event loop.")
      .def("descriptor", &Queue::descriptor)
      .def("under_way", &Queue::under_way)
      .def("submit", &Queue::submit, py::arg("waiter"), py::arg("key"), py::arg("ring"), py::arg("index"),
           py::arg("signature"), py::arg("digest"), py::arg("message"), py::arg("id"), py::arg("priority"),
           py::arg("timeout_ns"))
      .def("poll", &Queue::poll);
  py::class_<Verifier>(module, "Sm2Verifier", "Gathers single signatures into batches.")
      .def(py::init<bool, uint64_t, uint64_t, uint32_t, uint32_t, uint32_t, const Device*>(),
           py::arg("refuse_when_full"), py::arg("linger_ns"), py::arg("capacity"), py::arg("lanes"), py::arg("batch"),
           py::arg("runners"), py::arg("device").none(true) = nullptr)
      .def("verify", &Verifier::verify, py::arg("key"), py::arg("ring"), py::arg("index"), py::arg("signature"),
           py::arg("digest"), py::arg("message"), py::arg("id"), py::arg("priority"), py::arg("timeout_ns"))
      .def("close", &Verifier::close, py::arg("drain"))
      .def("queue", &Verifier::queue, py::arg("capacity"), py::keep_alive<0, 1>())
      .def("stats", &Verifier::stats);
}

}  // namespace accel::python
