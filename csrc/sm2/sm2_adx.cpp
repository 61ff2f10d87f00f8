// The SM2 kernel for x86-64 with BMI2 and ADX: the only translation unit compiled for them.
#include "sm2/field_adx.hpp"
#include "sm2/sign.hpp"
#include "sm2/verify.hpp"

namespace accel::sm2 {

namespace {
bool is_supported(const CpuFeatures& features) { return features.bmi2 && features.adx; }
}  // namespace

extern const Kernel kAdx = {
    .name = "adx",
    .supported = is_supported,
    .verify = Verifier<AdxField>::verify,
    .table_size = FixedBase<kKeyWidth>::kBytes,
    .build_table = Verifier<AdxField>::build_table,
    .verify_known = Verifier<AdxField>::verify_known,
    .on_curve = Verifier<AdxField>::on_curve,
    .decompress = Verifier<AdxField>::decompress,
    .derive_sign_key = Signer<AdxField>::derive_sign_key,
    .public_key = Signer<AdxField>::public_key,
    .sign = Signer<AdxField>::sign,
};

}  // namespace accel::sm2
