#include "runtime/hasher.hpp"

namespace accel::runtime {

Work leaf_work(uint8_t* hashes_out, const merkle::Rule& rule, const Messages& leaves) {
  Work work;
  work.op = Op::kHash;
  work.count = leaves.count();
  work.messages.emplace(leaves);
  work.digests_out = hashes_out;
  work.rule = &rule;
  work.prefix = rule.leaf_prefix;
  return work;
}

void DeviceHasher::leaves(const merkle::Rule& rule, uint8_t* hashes, const Messages& leaves) {
  device_->run(leaf_work(hashes, rule, leaves));
}

void DeviceHasher::levels(const merkle::Rule& rule, const std::vector<uint8_t*>& levels, const uint8_t* leaf_hashes,
                          size_t count) {
  Work work;
  work.op = Op::kMerkle;
  work.count = count;
  work.digests = {leaf_hashes, merkle::kHashSize};
  work.rule = &rule;
  work.levels = levels;
  device_->run(std::move(work));
}

}  // namespace accel::runtime
