// The SM2 kernel for x86-64 with AVX-512 IFMA (and BMI2 and ADX, for what it computes one at a time): the only
// translation unit compiled for them.
#include "sm2/field_adx.hpp"
#include "sm2/ifma/hinted52.hpp"
#include "sm2/ifma/known.hpp"
#include "sm2/ifma/sign52.hpp"
#include "sm2/ifma/unknown.hpp"
#include "sm2/ifma/vec_avx512.hpp"
#include "sm2/verify.hpp"

namespace accel::sm2 {

namespace {

using Unknown = UnknownKeys52<VecAvx512, AdxField, Sm2Group, kGeneratorWidth>;
using Known = KnownKeys52<VecAvx512, AdxField, Sm2Group, kGeneratorWidth, kKeyWidth>;
using KnownWide = KnownKeys52<VecAvx512, AdxField, Sm2Group, kGeneratorWidth, kWideKeyWidth>;

// Eight lanes take as long for one item as for eight, 1.6 times as long as one alone with ADX.
void verify(uint8_t* status, Strided keys, Strided signatures, Strided digests, size_t count) {
  constexpr size_t kFewest = 2;
  const auto function = count < kFewest ? Verifier<AdxField>::verify : Unknown::verify;
  function(status, keys, signatures, digests, count);
}

using Hinted = Hinted52<VecAvx512, AdxField, Sm2Group, Unknown::verify>;

bool is_supported(const CpuFeatures& features) { return features.avx512ifma && features.bmi2 && features.adx; }

}  // namespace

extern const Kernel kAvx512Ifma = {
    .name = "avx512ifma",
    .supported = is_supported,
    .verify = verify,
    .hinted = {.most = Hinted::kMost,
               .least = Hinted::kLeast,
               .scratch_bytes = Hinted::scratch_bytes,
               .verify = Hinted::verify},
    .recovery_hints = Verifier<AdxField>::recovery_hints,
    .standard = {.width = kKeyWidth,
                 .bytes = Known::Table::kBytes,
                 .build = Known::build_table,
                 .verify = Known::verify},
    .wide = {.width = kWideKeyWidth,
             .bytes = KnownWide::Table::kBytes,
             .build = KnownWide::build_table,
             .verify = KnownWide::verify},
    .on_curve = Verifier<AdxField>::on_curve,
    .decompress = Verifier<AdxField>::decompress,
    .derive_sign_keys = Signer<AdxField>::derive_sign_keys,
    .public_keys = Signer52<VecAvx512, AdxField>::public_keys,
    .sign = Signer52<VecAvx512, AdxField>::sign,
};

}  // namespace accel::sm2
