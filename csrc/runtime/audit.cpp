#include "runtime/audit.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "merkle/rule.hpp"

namespace accel::runtime {
namespace {

// n of the recommended curve (GB/T 32918.5): an R whose x is n or above needs the other hint.
constexpr uint8_t kOrderBytes[32] = {0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                     0xff, 0xff, 0xff, 0xff, 0xff, 0x72, 0x03, 0xdf, 0x6b, 0x21, 0xc6,
                                     0x05, 0x2b, 0x53, 0xbb, 0xf4, 0x09, 0x39, 0xd5, 0x41, 0x23};

// What of R the combined check needs to know. A wrong R costs time and changes no verdict.
std::vector<uint8_t> hints_of(const uint8_t* points, const std::vector<size_t>& chosen) {
  std::vector<uint8_t> hints(chosen.size());
  for (size_t k = 0; k < chosen.size(); ++k) {
    const uint8_t* const point = points + 64 * chosen[k];
    const bool second = std::memcmp(point, kOrderBytes, 32) >= 0;
    hints[k] = static_cast<uint8_t>((point[63] & 1 ? sm2::kHintOdd : 0) | (second ? sm2::kHintSecond : 0));
  }
  return hints;
}

}  // namespace

Sampler::Sampler(uint32_t rate, uint64_t seed) : rate_(rate), random_(seed), place_(random_() % rate) {}

std::vector<size_t> Sampler::choose(size_t count) {
  std::vector<size_t> chosen;
  for (size_t begin = 0; begin < count;) {
    const size_t part = std::min<uint64_t>(count - begin, rate_ - position_);
    if (place_ >= position_ && place_ < position_ + part) chosen.push_back(begin + place_ - position_);
    begin += part;
    position_ += part;
    if (position_ == rate_) {
      position_ = 0;
      place_ = random_() % rate_;
    }
  }
  return chosen;
}

std::vector<size_t> items_to_check(const Work& work, size_t begin, size_t end, const uint8_t* answers, bool all,
                                   Sampler& sampler) {
  const size_t count = answer_count(work, begin, end);
  std::vector<size_t> chosen = sampler.choose(count);
  if (all) {
    chosen.resize(count);
    std::iota(chosen.begin(), chosen.end(), size_t{0});
  } else if (work.verifies()) {
    std::vector<size_t> rejected;
    for (size_t i = 0; i < count; ++i) {
      if (answers[i] != ACCEL_OK) rejected.push_back(i);
    }
    std::vector<size_t> both;
    std::set_union(chosen.begin(), chosen.end(), rejected.begin(), rejected.end(), std::back_inserter(both));
    chosen = std::move(both);
  }
  return chosen;
}

size_t wrong_answers(const Work& work, size_t begin, size_t end, const std::vector<size_t>& chosen,
                     const uint8_t* answers, const uint8_t* points) {
  if (work.op == Op::kMerkle) return parents_hold(work, begin, end, chosen, answers) ? 0 : 1;
  const size_t size = work.verifies() ? 1 : merkle::kHashSize;
  std::vector<uint8_t> truth(size * chosen.size());
  const std::vector<uint8_t> hints = points != nullptr ? hints_of(points, chosen) : std::vector<uint8_t>();
  compute_chosen(work, begin, chosen, truth.data(), points != nullptr ? hints.data() : nullptr);
  size_t wrong = 0;
  for (size_t k = 0; k < chosen.size(); ++k) {
    if (std::memcmp(&truth[size * k], answers + size * chosen[k], size) != 0) ++wrong;
  }
  return wrong;
}

}  // namespace accel::runtime
