// What the binding files share. Bindings are thin: they turn Python objects into the arguments of accel.h, release the
// GIL around every batch and turn statuses into exceptions. src/accel/batch.py normalises arguments before they come
// here; what is checked here keeps memory safe should something else come.
#pragma once

#include <Python.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <vector>

#include "accel/accel.h"

namespace accel::python {

namespace py = pybind11;

void bind_core(py::module_& module);
void bind_device(py::module_& module);
void bind_sm3(py::module_& module);
void bind_sm2(py::module_& module);
void bind_verifier(py::module_& module);
void bind_merkle(py::module_& module);
void bind_loops(py::module_& module);

// Raises the class `name` of accel.errors.
[[noreturn]] void raise(const char* name, const std::string& sentence);
// ACCEL_OK: nothing. Otherwise raises the exception that stands for the status (see accel/errors.py) with
// accel_last_error(). Needs the GIL, and must run on the thread of the call.
void check(accel_status status);

// Lets go of the GIL for a scope. Where the interpreter has begun to end meanwhile, a daemon thread never comes back:
// CPython would end it by unwinding its stack, through destructors that touch Python objects without the GIL.
class WithoutGil {
 public:
  WithoutGil() : state_(PyEval_SaveThread()) {}
  ~WithoutGil();
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

 private:
  PyThreadState* state_;
};

// Calls `call` without the GIL and checks its status.
template <typename Call>
void run(Call&& call) {
  accel_status status;
  {
    const WithoutGil released;
    status = call();
  }
  check(status);
}

// (N, width) uint8: each row contiguous, rows `stride` bytes apart.
struct Rows {
  const uint8_t* data;
  uint64_t stride;
  uint64_t count;
};
Rows rows(const py::array& array, size_t width, const char* name);
// A writable, C-contiguous uint8 array of exactly `size` bytes, whatever its shape.
uint8_t* output(py::array& array, uint64_t size, const char* name);

// The handle of an Sm2KeyRing. Raises TypeError for another object.
const accel_sm2_keyring* ring_handle(const py::object& ring);

// A read-only view of a contiguous bytes-like object, held until it goes out of scope.
class BytesView {
 public:
  BytesView(py::handle object, const std::string& name);
  ~BytesView() { PyBuffer_Release(&buffer_); }
  BytesView(const BytesView&) = delete;
  BytesView& operator=(const BytesView&) = delete;
  const uint8_t* data() const { return static_cast<const uint8_t*>(buffer_.buf); }
  uint64_t size() const { return static_cast<uint64_t>(buffer_.len); }

 private:
  Py_buffer buffer_;
};

// A batch of messages where Python has them (class `_native.Messages`): an accel_messages and references that keep its
// memory in place.
class MessagesView {
 public:
  static MessagesView from_rows(py::array array, const char* name);                      // (N, L) uint8
  static MessagesView from_ragged(py::array data, py::array offsets, const char* name);  // int32 or int64 offsets
  static MessagesView from_items(const py::object& sequence, const std::string& name);   // bytes-likes
  // Message i is lengths[i] bytes at the address addresses[i], in memory that `owner` keeps alive. uint64 arrays.
  static MessagesView from_addresses(py::array addresses, py::array lengths, py::object owner);

  ~MessagesView();
  MessagesView(MessagesView&& other) noexcept;
  MessagesView& operator=(MessagesView&&) = delete;
  MessagesView(const MessagesView&) = delete;
  MessagesView& operator=(const MessagesView&) = delete;

  const accel_messages* view() const { return &view_; }
  uint64_t count() const { return count_; }
  // Does some message share memory with these bytes?
  bool overlaps(const uint8_t* data, uint64_t size) const;

 private:
  MessagesView();

  accel_messages view_;
  uint64_t count_ = 0;
  std::vector<const uint8_t*> pointers_;
  std::vector<uint64_t> lengths_;
  std::vector<Py_buffer> buffers_;
  std::vector<py::object> owners_;
};

}  // namespace accel::python
