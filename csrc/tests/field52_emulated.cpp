// The field of eight lanes over plain C++.
#include "field52_ops_of.hpp"
#include "sm2/ifma/vec_emulated.hpp"

namespace accel::sm2::testing {

namespace {
bool is_supported(const CpuFeatures&) { return true; }
}  // namespace

extern const Field52Ops kField52Emulated = field52_ops<VecEmulated>("emulated", is_supported);

}  // namespace accel::sm2::testing
