// The vector formulas over the emulated vector: on every CPU.
#include "sm2/field_portable.hpp"
#include "sm2/ifma/vec_emulated.hpp"
#include "small_group52.hpp"

namespace accel::sm2::testing {

namespace {
bool is_supported(const CpuFeatures&) { return true; }
}  // namespace

extern const SmallGroupVerifiers kEmulatedVerifiers =
    verifiers_of<VecEmulated, PortableField>("emulated", is_supported);

}  // namespace accel::sm2::testing
