#include "sm3/sm3.hpp"

#include <algorithm>
#include <cstring>

#include "base/wipe.hpp"
#include "sm3/select.hpp"

namespace accel::sm3 {

void hash_range(uint8_t* digests, const Midstate& initial, const Prefix& prefix, const Messages& messages, size_t begin,
                size_t end) {
  const Kernel& kernel = active_kernel();
  kernel.hash_range(digests, initial, prefix, messages, begin, end);
  count_items(kernel, end - begin);
}

void hash_pairs(uint8_t* digests, const Pairs& pairs) {
  const Kernel& kernel = active_kernel();
  kernel.hash_pairs(digests, pairs);
  count_items(kernel, pairs.count);
}

Stream::Stream() : Stream(kInitial) {}

Stream::Stream(const Midstate& initial) : state_(initial), buffer_{} {}

Stream::~Stream() { wipe(this, sizeof(*this)); }

void Stream::update(const uint8_t* data, size_t size) {
  if (size == 0) return;
  const Kernel& kernel = active_kernel();
  state_.bytes += size;
  if (buffered_ != 0) {
    const size_t taken = std::min(size, kBlockSize - buffered_);
    std::memcpy(buffer_ + buffered_, data, taken);
    buffered_ += taken;
    data += taken;
    size -= taken;
    if (buffered_ < kBlockSize) return;
    kernel.compress(state_.h, buffer_, 1);
    buffered_ = 0;
  }
  const size_t blocks = size / kBlockSize;
  if (blocks != 0) kernel.compress(state_.h, data, blocks);
  buffered_ = size % kBlockSize;
  if (buffered_ != 0) std::memcpy(buffer_, data + blocks * kBlockSize, buffered_);
}

void Stream::digest(uint8_t out[kDigestSize]) const {
  const Kernel& kernel = active_kernel();
  const Bytes rest{buffer_, buffered_};
  const Midstate state{
      {state_.h[0], state_.h[1], state_.h[2], state_.h[3], state_.h[4], state_.h[5], state_.h[6], state_.h[7]},
      state_.bytes - buffered_};
  const Messages one(rest.data, 0, rest.size, 1);
  kernel.hash_range(out, state, Prefix{}, one, 0, 1);
  count_items(kernel, 1);
}

}  // namespace accel::sm3
