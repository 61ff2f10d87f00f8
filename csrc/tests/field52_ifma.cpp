// The field of eight lanes as the kernel "avx512ifma" has it. This file is compiled with AVX-512.
#include "field52_ops_of.hpp"
#include "sm2/ifma/vec_avx512.hpp"

namespace accel::sm2::testing {

namespace {
bool is_supported(const CpuFeatures& features) { return features.avx512ifma; }
}  // namespace

extern const Field52Ops kField52Ifma = field52_ops<VecAvx512>("ifma", is_supported);

}  // namespace accel::sm2::testing
