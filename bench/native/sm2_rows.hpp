// The rows of SM2: verify, sign, key generation.
#pragma once

#include <vector>

#include "crypto_mb_peer.hpp"
#include "measure.hpp"
#include "workload.hpp"

namespace accel::bench {

// Every kernel beside OpenSSL, the best one beside crypto_mb (which may be null) as well. All answers are checked
// first: throws std::runtime_error if one is wrong. `work` and `crypto_mb` must outlive the rows.
std::vector<Row> sm2_rows(const Workload& work, const CryptoMb* crypto_mb);

}  // namespace accel::bench
