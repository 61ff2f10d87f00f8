#include "device.hpp"

#include <pybind11/stl.h>

#include <utility>

namespace accel::python {
namespace {

// The Python callable that gets events; never destroyed, because threads may log while the interpreter ends. Guarded by
// the GIL.
py::object& log_target() {
  static auto* const target = new py::object;
  return *target;
}

// On a thread of the runtime. What the callable raises has nowhere to go.
void log_event(void*, const accel_log_event* event) {
  const py::gil_scoped_acquire acquired;
  try {
    if (log_target()) log_target()(event->level, event->event, event->device, event->message);
  } catch (py::error_already_set& error) {
    error.discard_as_unraisable("accel's log of devices");
  }
}

void set_log(py::object target) {
  const bool any = !target.is_none();
  run([&] { return accel_set_log(any ? log_event : nullptr, nullptr); });
  log_target() = any ? std::move(target) : py::object();
}

accel_device_options options_of(uint32_t audit, uint32_t sample_rate, uint32_t hold_window, uint32_t queue_depth,
                                bool fallback, uint64_t command_timeout_ns) {
  accel_device_options options = {};
  options.struct_size = sizeof options;
  options.audit = audit;
  options.sample_rate = sample_rate;
  options.hold_window = hold_window;
  options.queue_depth = queue_depth;
  options.no_fallback = fallback ? 0 : 1;
  options.command_timeout_ns = command_timeout_ns;
  return options;
}

std::string device_names() {
  const char* names = nullptr;
  check(accel_device_names(&names));
  return names;
}

// (name, product, version, time kind, opcodes, quarantined) of each.
py::list device_infos(const Device* device) {
  accel_device* const handle = handle_of(device);
  uint64_t count = 0;
  run([&] { return accel_device_count(handle, &count); });
  py::list infos;
  for (uint64_t i = 0; i < count; ++i) {
    accel_device_info info = {};
    info.struct_size = sizeof info;
    check(accel_device_get_info(handle, i, &info));
    infos.append(
        py::make_tuple(info.name, info.product, info.version, info.time_kind, info.opcodes, info.quarantined != 0));
  }
  return infos;
}

// (device, name, unit, description, value) of each.
py::list device_stats(const Device* device) {
  accel_device* const handle = handle_of(device);
  std::vector<accel_device_stat> stats(256);
  uint64_t count = 0;
  for (;;) {
    accel_status status;
    {
      const WithoutGil released;
      status = accel_device_stats(handle, stats.data(), stats.size(), &count);
    }
    if (status != ACCEL_BAD_ARGUMENT || count <= stats.size()) {
      check(status);
      break;
    }
    stats.resize(count);
  }
  py::list list;
  for (uint64_t i = 0; i < count; ++i) {
    const accel_device_stat& stat = stats[i];
    list.append(py::make_tuple(stat.device, stat.name, stat.unit, stat.description, stat.value));
  }
  return list;
}

}  // namespace

Device::Device(const std::string& name, const accel_device_options& options) {
  run([&] { return accel_device_open(&handle_, name.c_str(), &options); });
}

void Device::close() {
  accel_device* const handle = std::exchange(handle_, nullptr);
  if (handle == nullptr) return;
  const WithoutGil released;
  accel_device_free(handle);
}

accel_device* Device::handle() const {
  if (handle_ == nullptr) raise("DeviceError", "device: it is closed");
  return handle_;
}

Future::~Future() {
  const WithoutGil released;
  accel_future_free(handle_);
}

bool Future::wait(uint64_t timeout_ns) {
  accel_status status;
  {
    const WithoutGil released;
    status = accel_future_wait(handle_, timeout_ns);
  }
  if (status == ACCEL_PENDING) return false;
  check(status);
  return true;
}

int Future::descriptor() {
  int32_t descriptor = -1;
  check(accel_future_descriptor(handle_, &descriptor));
  return descriptor;
}

bool Future::cancel() {
  accel_status status;
  {
    const WithoutGil released;
    status = accel_future_cancel(handle_);
  }
  if (status == ACCEL_BAD_ARGUMENT) return false;
  check(status);
  return true;
}

void Stream::close() {
  accel_stream* const handle = std::exchange(handle_, nullptr);
  if (handle == nullptr) return;
  const WithoutGil released;
  accel_stream_free(handle);
}

void bind_device(py::module_& module) {
  py::class_<Device>(module, "Device", "An open device.")
      .def(py::init([](const std::string& name, uint32_t audit, uint32_t sample_rate, uint32_t hold_window,
                       uint32_t queue_depth, bool fallback, uint64_t command_timeout_ns) {
             return std::make_unique<Device>(
                 name, options_of(audit, sample_rate, hold_window, queue_depth, fallback, command_timeout_ns));
           }),
           py::arg("name"), py::arg("audit"), py::arg("sample_rate"), py::arg("hold_window"), py::arg("queue_depth"),
           py::arg("fallback"), py::arg("command_timeout_ns"))
      .def("close", &Device::close)
      .def("closed", &Device::closed);
  py::class_<Future>(module, "Future", "A call that was submitted.")
      .def("wait", &Future::wait, py::arg("timeout_ns"))
      .def("descriptor", &Future::descriptor)
      .def("cancel", &Future::cancel);
  py::class_<SubmitOptions>(module, "SubmitOptions", "How a call is submitted.")
      .def(py::init([](uint32_t priority, bool blocking, uint64_t deadline_ns) {
             return SubmitOptions{priority, blocking, deadline_ns};
           }),
           py::arg("priority"), py::arg("blocking"), py::arg("deadline_ns"));
  py::class_<Stream>(module, "Stream", "Calls that nobody waits for.")
      .def(py::init<const Device*, uint32_t>(), py::arg("device").none(true), py::arg("depth"))
      .def("close", &Stream::close);
  module.def("device_names", &device_names);
  module.def("device_infos", &device_infos, py::arg("device").none(true));
  module.def("device_stats", &device_stats, py::arg("device").none(true));
  module.def("set_log", &set_log, py::arg("target").none(true));
}

}  // namespace accel::python
