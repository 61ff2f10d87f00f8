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
    .hinted = {},
    .recovery_hints = Verifier<AdxField>::recovery_hints,
    .standard = {.width = kKeyWidth,
                 .bytes = FixedBase<kKeyWidth>::kBytes,
                 .build = Verifier<AdxField>::build_table,
                 .verify = Verifier<AdxField>::verify_known},
    .wide = {},
    .on_curve = Verifier<AdxField>::on_curve,
    .decompress = Verifier<AdxField>::decompress,
    .derive_sign_keys = Signer<AdxField>::derive_sign_keys,
    .public_keys = Signer<AdxField>::public_keys,
    .sign = Signer<AdxField>::sign,
};

}  // namespace accel::sm2
