// The extension module accel._model: model::Machine for src/accel/model.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "model/machine.hpp"

namespace py = pybind11;

namespace {

using namespace accel::model;

using Numbers = py::array_t<uint32_t, py::array::c_style>;

// Files of settings, then single ones: what comes later wins.
Config make_config(const std::optional<std::string>& path,
                   const std::vector<std::pair<std::string, std::string>>& settings) {
  Config config = path.has_value() ? Config::from_file(*path) : Config::sim96();
  for (const auto& [field, value] : settings) config.set(field, value);
  config.check();
  return config;
}

std::vector<uint32_t> to_vector(const std::optional<Numbers>& array) {
  if (!array.has_value()) return {};
  return {array->data(), array->data() + array->size()};
}

void submit(Machine& machine, int opcode, uint64_t count, uint64_t tag, uint64_t length,
            const std::optional<Numbers>& lengths, const std::optional<Numbers>& keys, uint64_t node_bytes,
            uint64_t arrival_cycle) {
  Command command;
  command.opcode = static_cast<Opcode>(opcode);
  command.tag = tag;
  command.count = count;
  command.length = length;
  command.lengths = to_vector(lengths);
  command.keys = to_vector(keys);
  command.node_bytes = node_bytes;
  command.arrival_cycle = arrival_cycle;
  machine.submit(std::move(command));
}

// (N, 5) uint64: tag, opcode, count, arrival and completion in ticks.
py::array_t<uint64_t> completions(Machine& machine) {
  const std::vector<Completion> all = machine.take_completions();
  py::array_t<uint64_t> array({static_cast<py::ssize_t>(all.size()), py::ssize_t{5}});
  auto rows = array.mutable_unchecked<2>();
  for (size_t i = 0; i < all.size(); ++i) {
    const auto row = static_cast<py::ssize_t>(i);
    rows(row, 0) = all[i].tag;
    rows(row, 1) = static_cast<uint64_t>(all[i].opcode);
    rows(row, 2) = all[i].count;
    rows(row, 3) = all[i].arrived;
    rows(row, 4) = all[i].completed;
  }
  return array;
}

py::list statistics(const Machine& machine) {
  py::list all;
  for (const Statistic& it : machine.statistics())
    all.append(py::make_tuple(it.name, it.unit, it.description, it.value));
  return all;
}

py::list pressures(const Machine& machine) {
  py::list all;
  for (const Pressure& it : machine.pressures()) all.append(py::make_tuple(it.resource, it.ppm));
  return all;
}

// (kind, track, id, start, duration), times in ticks.
py::list timeline(const Machine& machine) {
  py::list all;
  for (const Span& it : machine.timeline().spans())
    all.append(py::make_tuple(static_cast<int>(it.kind), it.track, it.id, it.start, it.duration));
  return all;
}

py::list config_fields(const Machine& machine) {
  py::list all;
  for (const FieldValue& it : fields(machine.config())) all.append(py::make_tuple(it.field, it.value));
  return all;
}

}  // namespace

PYBIND11_MODULE(_model, module) {
  module.doc() = "Bindings of the accelerator model; use accel.model instead.";
  py::register_local_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const ConfigError& error) {
      py::set_error(py::module_::import("accel.errors").attr("ArgumentError"), error.what());
    } catch (const std::invalid_argument& error) {
      py::set_error(py::module_::import("accel.errors").attr("ArgumentError"), error.what());
    }
  });
  module.attr("OPCODES") = py::tuple(py::cast(std::vector<std::string>(kOpcodeNames.begin(), kOpcodeNames.end())));
  module.attr("UNKNOWN_KEY") = kUnknownKey;
  py::class_<Machine>(module, "Machine", "A modelled accelerator: see csrc/model/machine.hpp.")
      .def(py::init([](const std::optional<std::string>& path,
                       const std::vector<std::pair<std::string, std::string>>& settings) {
             return std::make_unique<Machine>(make_config(path, settings));
           }),
           py::arg("path"), py::arg("settings"))
      .def("submit", &submit, py::arg("opcode"), py::arg("count"), py::arg("tag"), py::arg("length"),
           py::arg("lengths"), py::arg("keys"), py::arg("node_bytes"), py::arg("arrival_cycle"))
      .def("run", &Machine::run, py::call_guard<py::gil_scoped_release>())
      .def("take_completions", &completions)
      .def("statistics", &statistics)
      .def("pressures", &pressures)
      .def("bottleneck", &Machine::bottleneck)
      .def("core_busy", &Machine::core_busy)
      .def("timeline", &timeline)
      .def("timeline_dropped", [](const Machine& machine) { return machine.timeline().dropped(); })
      .def("fields", &config_fields)
      .def("steps", &Machine::steps);
}
