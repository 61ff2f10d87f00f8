// The vector formulas as the kernel "avx512ifma" has them. This file is compiled with AVX-512.
#include "sm2/field_adx.hpp"
#include "sm2/ifma/vec_avx512.hpp"
#include "small_group52.hpp"

namespace accel::sm2::testing {

namespace {
bool is_supported(const CpuFeatures& features) { return features.avx512ifma && features.bmi2 && features.adx; }
}  // namespace

extern const SmallGroupVerifiers kIfmaVerifiers = verifiers_of<VecAvx512, AdxField>("ifma", is_supported);

}  // namespace accel::sm2::testing
