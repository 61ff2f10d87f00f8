// Errors, arrays, batches of messages, and the library's own functions.
#include <dlfcn.h>
#include <unistd.h>

#include <cstring>

#include "bindings.hpp"

namespace accel::python {
namespace {

const char* error_class(accel_status status) {
  switch (status) {
    case ACCEL_BAD_ARGUMENT:
      return "ArgumentError";
    case ACCEL_BAD_ENCODING:
      return "EncodingError";
    case ACCEL_BAD_KEY:
      return "BadKeyError";
    case ACCEL_BAD_KERNEL:
      return "KernelError";
    case ACCEL_BAD_DEVICE:
      return "DeviceError";
    case ACCEL_SELFTEST_FAILED:
      return "SelfTestError";
    case ACCEL_TIMED_OUT:
      return "TimedOutError";
    case ACCEL_QUEUE_FULL:
      return "QueueFullError";
    case ACCEL_CLOSED:
      return "ClosedError";
    case ACCEL_CANCELLED:
      return "RequestCancelled";
    default:
      return "AccelError";
  }
}

// By kind, size and byte order: numpy has more than one dtype object for the same integers.
bool has_type(const py::array& array, char kind, py::ssize_t size) {
  const py::dtype type = array.dtype();
  return type.kind() == kind && type.itemsize() == size && (type.byteorder() == '=' || type.byteorder() == '|');
}

bool is_uint8(const py::array& array) { return has_type(array, 'u', 1); }

std::string describe(const py::array& array) {
  return py::str("{} {}").format(array.dtype(), array.attr("shape")).cast<std::string>();
}

bool overlap(const uint8_t* a, uint64_t a_size, const uint8_t* b, uint64_t b_size) {
  const auto a_begin = reinterpret_cast<uintptr_t>(a), b_begin = reinterpret_cast<uintptr_t>(b);
  return a_size != 0 && b_size != 0 && a_begin < b_begin + b_size && b_begin < a_begin + a_size;
}

// Bytes-like: contiguous, items of one byte. False: a Python exception is set.
bool get_bytes(PyObject* object, Py_buffer* buffer, const std::string& name) {
  if (PyObject_CheckBuffer(object) == 0) {
    PyErr_Format(PyExc_TypeError, "%s: expected a bytes-like object, got %s", name.c_str(), Py_TYPE(object)->tp_name);
    return false;
  }
  if (PyObject_GetBuffer(object, buffer, PyBUF_FORMAT | PyBUF_STRIDES) != 0) return false;
  const char* format = buffer->format;
  const bool is_arrow = std::strncmp(Py_TYPE(object)->tp_name, "pyarrow.", 8) == 0;  // calls its bytes signed
  const bool is_bytes = format == nullptr || std::strcmp(format, "B") == 0 || std::strcmp(format, "<B") == 0 ||
                        std::strcmp(format, "c") == 0 || (is_arrow && std::strcmp(format, "b") == 0);
  if (!is_bytes) {
    PyErr_Format(PyExc_TypeError, "%s: expected bytes (items of format B), got items of format %s", name.c_str(),
                 format);
    PyBuffer_Release(buffer);
    return false;
  }
  if (PyBuffer_IsContiguous(buffer, 'C') == 0) {
    PyBuffer_Release(buffer);
    raise("ArgumentError", name + ": expected contiguous bytes, got a strided buffer");
  }
  return true;
}

accel_messages make_view(accel_layout layout) {
  accel_messages view = {};
  view.struct_size = sizeof(view);
  view.layout = layout;
  return view;
}

}  // namespace

void raise(const char* name, const std::string& sentence) {
  const py::object type = py::module_::import("accel.errors").attr(name);
  PyErr_SetString(type.ptr(), sentence.c_str());
  throw py::error_already_set();
}

WithoutGil::~WithoutGil() {
  try {
    PyEval_RestoreThread(state_);
  } catch (...) {      // not an exception: pthread_exit unwinding
    for (;;) pause();  // until the process is gone
  }
}

void check(accel_status status) {
  if (status == ACCEL_OK) return;
  const std::string sentence = accel_last_error();
  if (status == ACCEL_NO_MEMORY || status == ACCEL_NO_RANDOM) {
    PyErr_SetString(status == ACCEL_NO_MEMORY ? PyExc_MemoryError : PyExc_OSError, sentence.c_str());
    throw py::error_already_set();
  }
  raise(error_class(status), sentence);
}

Rows rows(const py::array& array, size_t width, const char* name) {
  const std::string wanted = ": expected a uint8 array of shape (N, " + std::to_string(width) + "), got ";
  if (!is_uint8(array)) throw py::type_error(name + wanted + describe(array));
  const bool fits = array.ndim() == 2 && static_cast<size_t>(array.shape(1)) == width;
  // An array without items may have any strides: numpy 2.4 gives it zeros.
  const bool spread = array.size() > 0 && width > 1 && array.strides(1) != 1;
  if (!fits || (array.shape(0) > 1 && array.strides(0) < 0) || spread) {
    raise("ArgumentError", name + wanted + describe(array));
  }
  const uint64_t stride = array.shape(0) > 1 ? static_cast<uint64_t>(array.strides(0)) : width;
  return {static_cast<const uint8_t*>(array.data()), stride, static_cast<uint64_t>(array.shape(0))};
}

uint8_t* output(py::array& array, uint64_t size, const char* name) {
  const bool contiguous = (array.flags() & py::array::c_style) != 0;
  if (!is_uint8(array) || !contiguous || !array.writeable() || static_cast<uint64_t>(array.nbytes()) != size) {
    raise("ArgumentError", std::string(name) + ": expected a writable C-contiguous uint8 array of " +
                               std::to_string(size) + " bytes, got " + describe(array));
  }
  return static_cast<uint8_t*>(array.mutable_data());
}

BytesView::BytesView(py::handle object, const std::string& name) {
  if (!get_bytes(object.ptr(), &buffer_, name)) throw py::error_already_set();
}

MessagesView::MessagesView() : view_(make_view(ACCEL_LAYOUT_STRIDED)) {}

MessagesView::MessagesView(MessagesView&& other) noexcept
    : view_(other.view_),
      count_(other.count_),
      pointers_(std::move(other.pointers_)),
      lengths_(std::move(other.lengths_)),
      buffers_(std::move(other.buffers_)),
      owners_(std::move(other.owners_)) {}

MessagesView::~MessagesView() {
  for (Py_buffer& buffer : buffers_) PyBuffer_Release(&buffer);
}

MessagesView MessagesView::from_rows(py::array array, const char* name) {
  const size_t width = array.ndim() == 2 ? static_cast<size_t>(array.shape(1)) : 0;
  const Rows items = rows(array, width, name);
  MessagesView messages;
  messages.count_ = items.count;
  messages.view_.data = items.data;
  messages.view_.stride = items.stride;
  messages.view_.length = width;
  messages.owners_.push_back(std::move(array));
  return messages;
}

MessagesView MessagesView::from_ragged(py::array data, py::array offsets, const char* name) {
  const bool wide = has_type(offsets, 'i', 8);
  if (!is_uint8(data) || !(wide || has_type(offsets, 'i', 4))) {
    throw py::type_error(std::string(name) + ": expected a uint8 buffer and int32 or int64 offsets, got " +
                         describe(data) + " and " + describe(offsets));
  }
  const int contiguous = py::array::c_style;
  if (data.ndim() != 1 || offsets.ndim() != 1 || offsets.shape(0) < 1 || (data.flags() & contiguous) == 0 ||
      (offsets.flags() & contiguous) == 0) {
    raise("ArgumentError", std::string(name) +
                               ": expected a contiguous buffer and contiguous offsets of shape (N + 1,), got " +
                               describe(data) + " and " + describe(offsets));
  }
  MessagesView messages;
  messages.count_ = static_cast<uint64_t>(offsets.shape(0)) - 1;
  messages.view_ = make_view(wide ? ACCEL_LAYOUT_RAGGED64 : ACCEL_LAYOUT_RAGGED32);
  messages.view_.data = static_cast<const uint8_t*>(data.data());
  messages.view_.data_size = static_cast<uint64_t>(data.nbytes());
  messages.view_.offsets = offsets.data();
  messages.owners_ = {std::move(data), std::move(offsets)};
  return messages;
}

MessagesView MessagesView::from_items(const py::object& sequence, const std::string& name) {
  // A tuple of its own: the caller's list may change while the GIL is released.
  const auto items = py::reinterpret_steal<py::object>(PySequence_Tuple(sequence.ptr()));
  if (!items) throw py::error_already_set();
  MessagesView messages;
  messages.count_ = static_cast<uint64_t>(PyTuple_GET_SIZE(items.ptr()));
  messages.pointers_.reserve(messages.count_);
  messages.lengths_.reserve(messages.count_);
  for (uint64_t i = 0; i < messages.count_; i++) {
    PyObject* const item = PyTuple_GET_ITEM(items.ptr(), static_cast<Py_ssize_t>(i));
    if (PyBytes_CheckExact(item)) {
      messages.pointers_.push_back(reinterpret_cast<const uint8_t*>(PyBytes_AS_STRING(item)));
      messages.lengths_.push_back(static_cast<uint64_t>(PyBytes_GET_SIZE(item)));
      continue;
    }
    Py_buffer buffer;
    if (!get_bytes(item, &buffer, name + "[" + std::to_string(i) + "]")) throw py::error_already_set();
    messages.buffers_.push_back(buffer);
    messages.pointers_.push_back(static_cast<const uint8_t*>(buffer.buf));
    messages.lengths_.push_back(static_cast<uint64_t>(buffer.len));
  }
  messages.view_ = make_view(ACCEL_LAYOUT_POINTERS);
  messages.view_.pointers = messages.pointers_.data();
  messages.view_.lengths = messages.lengths_.data();
  messages.owners_.push_back(items);
  return messages;
}

MessagesView MessagesView::from_addresses(py::array addresses, py::array lengths, py::object owner) {
  const int contiguous = py::array::c_style;
  if (!has_type(addresses, 'u', 8) || !has_type(lengths, 'u', 8) || addresses.ndim() != 1 || lengths.ndim() != 1 ||
      addresses.shape(0) != lengths.shape(0) || (addresses.flags() & lengths.flags() & contiguous) == 0) {
    raise("ArgumentError", "addresses, lengths: expected two contiguous uint64 arrays of shape (N,), got " +
                               describe(addresses) + " and " + describe(lengths));
  }
  MessagesView messages;
  messages.count_ = static_cast<uint64_t>(addresses.shape(0));
  messages.view_ = make_view(ACCEL_LAYOUT_POINTERS);
  messages.view_.pointers = static_cast<const uint8_t* const*>(addresses.data());
  messages.view_.lengths = static_cast<const uint64_t*>(lengths.data());
  messages.owners_ = {std::move(addresses), std::move(lengths), std::move(owner)};
  return messages;
}

bool MessagesView::overlaps(const uint8_t* data, uint64_t size) const {
  if (count_ == 0) return false;
  if (view_.layout == ACCEL_LAYOUT_STRIDED) {
    return overlap(view_.data, view_.length == 0 ? 0 : view_.stride * (count_ - 1) + view_.length, data, size);
  }
  if (view_.layout != ACCEL_LAYOUT_POINTERS) return overlap(view_.data, view_.data_size, data, size);
  for (uint64_t i = 0; i < count_; i++) {
    if (overlap(view_.pointers[i], view_.lengths[i], data, size)) return true;
  }
  return false;
}

namespace {

void bind_messages(py::module_& module) {
  py::class_<MessagesView>(module, "Messages", "A batch of messages in memory that Python owns.")
      .def_static("from_rows", &MessagesView::from_rows, py::arg("array"), py::arg("name"))
      .def_static("from_ragged", &MessagesView::from_ragged, py::arg("data"), py::arg("offsets"), py::arg("name"))
      .def_static("from_items", &MessagesView::from_items, py::arg("sequence"), py::arg("name"))
      .def_static("from_addresses", &MessagesView::from_addresses, py::arg("addresses"), py::arg("lengths"),
                  py::arg("owner"))
      .def(
          "overlaps",
          [](const MessagesView& messages, const py::array& array) {
            return messages.overlaps(static_cast<const uint8_t*>(array.data()), static_cast<uint64_t>(array.nbytes()));
          },
          py::arg("array"))
      .def("__len__", &MessagesView::count);
}

// Where the library that is loaded lies.
std::string library_path() {
  Dl_info info = {};
  if (dladdr(reinterpret_cast<void*>(&accel_version), &info) == 0 || info.dli_fname == nullptr) return "unknown";
  return info.dli_fname;
}

std::string active_kernel(const std::string& op) {
  const char* name;
  run([&] { return accel_active_kernel(&name, op.c_str()); });
  return name;
}

std::string available_kernels(const std::string& op) {
  const char* names;
  check(accel_available_kernels(&names, op.c_str()));
  return names;
}

uint64_t kernel_items(const std::string& op, const std::string& kernel) {
  uint64_t items;
  check(accel_kernel_items(&items, op.c_str(), kernel.c_str()));
  return items;
}

std::string cpu_features() {
  const std::string features = accel_cpu_features();
  if (*accel_last_error() != '\0') raise("ArgumentError", accel_last_error());
  return features;
}

uint32_t num_threads() {
  uint32_t threads;
  check(accel_num_threads(&threads));
  return threads;
}

}  // namespace

void bind_core(py::module_& module) {
  module.def("abi_version", &accel_abi_version);
  module.def("version", [] { return std::string(accel_version()); });
  module.def("built_for", [] { return py::make_tuple(ACCEL_ABI_VERSION, ACCEL_VERSION); });
  module.def("library_path", &library_path);
  module.def("status_name", [](int status) { return std::string(accel_status_name(status)); }, py::arg("status"));
  module.def("active_kernel", &active_kernel, py::arg("op"));
  module.def("available_kernels", &available_kernels, py::arg("op"));
  module.def("set_kernels", [](const std::string& spec) { check(accel_set_kernels(spec.c_str())); }, py::arg("spec"));
  module.def("kernel_items", &kernel_items, py::arg("op"), py::arg("kernel"));
  module.def("cpu_features", &cpu_features);
  module.def("selftest", [] { run(accel_selftest); });
  module.def("num_threads", &num_threads);
  module.def("set_num_threads", [](uint32_t threads) { check(accel_set_num_threads(threads)); }, py::arg("threads"));
  bind_messages(module);
}

}  // namespace accel::python
