// The rows of SM3 and of Merkle trees over it.
#pragma once

#include <vector>

#include "crypto_mb_peer.hpp"
#include "measure.hpp"
#include "workload.hpp"

namespace accel::bench {

// As sm2_rows.
std::vector<Row> sm3_rows(const Sizes& sizes, const CryptoMb* crypto_mb);

}  // namespace accel::bench
