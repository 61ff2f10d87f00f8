// The extension module accel._native: a client of accel.h.
#include "bindings.hpp"

PYBIND11_MODULE(_native, module) {
  using namespace accel::python;
  module.doc() = "Bindings of accel.h; use the package's public modules instead.";
  bind_core(module);
  bind_device(module);
  bind_sm3(module);
  bind_sm2(module);
  bind_verifier(module);
  bind_merkle(module);
  bind_loops(module);
}
