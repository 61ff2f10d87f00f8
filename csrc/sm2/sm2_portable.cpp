// The SM2 kernel for any 64-bit CPU.
#include "sm2/field_portable.hpp"
#include "sm2/sign.hpp"
#include "sm2/verify.hpp"

namespace accel::sm2 {

namespace {
bool is_supported(const CpuFeatures&) { return true; }
}  // namespace

extern const Kernel kPortable = {
    .name = "portable",
    .supported = is_supported,
    .verify = Verifier<PortableField>::verify,
    .hinted = {},
    .recovery_hints = Verifier<PortableField>::recovery_hints,
    .standard = {.width = kKeyWidth,
                 .bytes = FixedBase<kKeyWidth>::kBytes,
                 .build = Verifier<PortableField>::build_table,
                 .verify = Verifier<PortableField>::verify_known},
    .wide = {},
    .on_curve = Verifier<PortableField>::on_curve,
    .decompress = Verifier<PortableField>::decompress,
    .derive_sign_keys = Signer<PortableField>::derive_sign_keys,
    .public_keys = Signer<PortableField>::public_keys,
    .sign = Signer<PortableField>::sign,
};

}  // namespace accel::sm2
