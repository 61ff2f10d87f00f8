// Loops of one kind of instruction and nothing else: how many of them a core does a second is the limit that `accel
// bench` sets the kernels' rates beside.
#include <string>
#include <vector>

#include "bindings.hpp"

namespace accel::python {
namespace {

struct Loop {
  const char* name;
  const char* feature;  // that accel_cpu_features() must name; "" for none
  uint64_t per_turn;    // operations
  void (*turn)(uint64_t turns);
};

#if defined(__x86_64__)

// Each depends on the one before: one a cycle. Not of an immediate number: some CPUs add those while renaming.
void dependent_add(uint64_t turns) {
  uint64_t sum = 1;
  __asm__ volatile("1:\n\t.rept 64\n\tadd %[one], %[sum]\n\t.endr\n\tdec %[turns]\n\tjnz 1b"
                   : [sum] "+&r"(sum), [turns] "+&r"(turns)
                   : [one] "r"(sum)
                   : "cc");
}

// What the CPU takes in, with nothing to wait for.
void instruction(uint64_t turns) {
  __asm__ volatile("1:\n\t.rept 62\n\tnop\n\t.endr\n\tdec %[turns]\n\tjnz 1b" : [turns] "+r"(turns) : : "cc");
}

// 48 operations a turn, in 12 chains: more than latency times ports of any CPU.
#define ACCEL_VECTOR_LOOP(name, features, operation)                                                                  \
  __attribute__((target(features))) void name(uint64_t turns) {                                                       \
    __asm__ volatile("1:\n\t.rept 4\n\t.irp r,0,1,2,3,4,5,6,7,8,9,10,11\n\t" operation                                \
                     "\n\t.endr\n\t.endr\n\tdec %[turns]\n\tjnz 1b\n\tvzeroupper"                                     \
                     : [turns] "+r"(turns)                                                                            \
                     :                                                                                                \
                     : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
                       "xmm11", "xmm12", "xmm13");                                                                    \
  }

ACCEL_VECTOR_LOOP(vector256, "avx2", "vpaddd %%ymm12, %%ymm\\r, %%ymm\\r")
ACCEL_VECTOR_LOOP(vector512, "avx512f", "vpaddd %%zmm12, %%zmm\\r, %%zmm\\r")
ACCEL_VECTOR_LOOP(ifma512, "avx512f,avx512ifma", "vpmadd52luq %%zmm12, %%zmm13, %%zmm\\r")

#undef ACCEL_VECTOR_LOOP

constexpr Loop kLoops[] = {
    {"dependent_add", "", 64, dependent_add}, {"instruction", "", 64, instruction},
    {"vector256", "avx2", 48, vector256},     {"vector512", "avx512", 48, vector512},
    {"ifma512", "avx512ifma", 48, ifma512},
};

#elif defined(__aarch64__)

void dependent_add(uint64_t turns) {
  uint64_t sum = 1;
  __asm__ volatile("1:\n\t.rept 64\n\tadd %[sum], %[sum], %[one]\n\t.endr\n\tsubs %[turns], %[turns], #1\n\tb.ne 1b"
                   : [sum] "+&r"(sum), [turns] "+&r"(turns)
                   : [one] "r"(uint64_t{3})
                   : "cc");
}

constexpr Loop kLoops[] = {{"dependent_add", "", 64, dependent_add}};

#else

constexpr Loop kLoops[] = {{"", "none", 0, nullptr}};

#endif

bool runs_here(const Loop& loop) {
  const std::string features = " " + std::string(accel_cpu_features()) + " ";
  return *loop.feature == '\0' || features.find(" " + std::string(loop.feature) + " ") != std::string::npos;
}

std::vector<std::string> core_loops() {
  std::vector<std::string> names;
  for (const Loop& loop : kLoops) {
    if (runs_here(loop)) names.emplace_back(loop.name);
  }
  return names;
}

uint64_t run_core_loop(const std::string& name, uint32_t turns) {
  for (const Loop& loop : kLoops) {
    if (name != loop.name || !runs_here(loop)) continue;
    if (turns == 0) raise("ArgumentError", "turns: expected at least 1, got 0");
    const WithoutGil released;
    loop.turn(turns);
    return loop.per_turn * turns;
  }
  raise("ArgumentError", "name: expected one of core_loops(), got " + name);
}

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#else
  return "gcc " __VERSION__;
#endif
}

}  // namespace

void bind_loops(py::module_& module) {
  module.def("compiler", &compiler);
  module.def("core_loops", [] {
    py::list names;
    for (const std::string& name : core_loops()) names.append(name);
    return names;
  });
  module.def("run_core_loop", &run_core_loop, py::arg("name"), py::arg("turns"));
}

}  // namespace accel::python
