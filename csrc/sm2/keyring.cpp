#include "sm2/keyring.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <string>

#include "base/error.hpp"
#include "base/pool.hpp"
#include "sm2/select.hpp"

namespace accel::sm2 {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kCheckGrain = 64;  // keys: a check takes about a microsecond, a table hundreds

}  // namespace

void KeyRing::Unmap::operator()(uint8_t* memory) const { munmap(memory, size); }

KeyRing::KeyRing(Strided keys, size_t count, const Identity& identity, uint64_t memory_limit, size_t* bad_index)
    : kernel_(active_kernel()),
      count_(count),
      has_za_(identity.has_za()),
      keys_(new uint8_t[64 * count]),
      table_stride_((kernel_.standard.bytes + 63) / 64 * 64),
      arena_(nullptr, Unmap{0}) {
  for (size_t i = 0; i < count; ++i) std::memcpy(keys_.get() + 64 * i, keys[i], 64);
  require_points(bad_index);
  if (has_za_) {
    za_.reset(new uint8_t[kZaSize * count]);
    parallel_for(count, kCheckGrain, [&](size_t begin, size_t end) {
      identity.za_range(za_.get() + kZaSize * begin, key(begin), end - begin);
    });
  }
  map_tables(memory_limit == 0 ? kDefaultTableMemory : memory_limit);
  parallel_for(table_count_, 1, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      if (!kernel_.standard.build(arena_.get() + table_stride_ * i, key(i))) {
        throw Error(ACCEL_INTERNAL, "a kernel builds no table for a key that it has found on the curve");
      }
    }
  });
}

void KeyRing::require_points(size_t* bad_index) const {
  std::atomic<size_t> first_bad{count_};
  parallel_for(count_, kCheckGrain, [&](size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      if (kernel_.on_curve(key(i))) continue;
      size_t known = first_bad.load();
      while (i < known && !first_bad.compare_exchange_weak(known, i)) {
      }
      return;
    }
  });
  if (first_bad.load() == count_) return;
  *bad_index = first_bad.load();
  throw Error(ACCEL_BAD_KEY, "public_keys[" + std::to_string(*bad_index) + "]: x || y is not a point of the curve SM2");
}

// One mapping for all tables, in huge pages where the system has them: lookups are scattered, and with small pages most
// of them would miss the TLB.
void KeyRing::map_tables(uint64_t memory_limit) {
  table_count_ = static_cast<size_t>(std::min<uint64_t>(count_, memory_limit / table_stride_));
  if (table_count_ == 0) return;
  const size_t size = (table_count_ * table_stride_ + kHugePage - 1) / kHugePage * kHugePage;
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  madvise(memory, size, MADV_HUGEPAGE);  // a wish: without it everything works, more slowly
  arena_ = std::unique_ptr<uint8_t, Unmap>(static_cast<uint8_t*>(memory), Unmap{size});
}

void KeyRing::verify_chunk(uint8_t* status, const uint32_t* indices, const uint8_t* signatures, const uint8_t* digests,
                           size_t count) const {
  const void* tables[kVerifyChunk];
  size_t known = 0;
  for (size_t i = 0; i < count; ++i) {
    if (indices[i] < table_count_) tables[known++] = table(indices[i]);
  }
  count_verified(kernel_, count);
  if (known == count) {
    kernel_.standard.verify(status, tables, {signatures, 64}, {digests, 32}, count);
    return;
  }
  // Some keys have no table: both sorts are put together, known ones from the front and others from the back, and
  // their statuses are put back in place.
  uint8_t keys[kVerifyChunk][64], sorted_signatures[kVerifyChunk][64], sorted_digests[kVerifyChunk][32];
  uint8_t sorted_status[kVerifyChunk];
  size_t place[kVerifyChunk];
  size_t front = 0, back = count;
  for (size_t i = 0; i < count; ++i) {
    const size_t at = indices[i] < table_count_ ? front++ : --back;
    place[i] = at;
    std::memcpy(keys[at], key(indices[i]), 64);
    std::memcpy(sorted_signatures[at], signatures + 64 * i, 64);
    std::memcpy(sorted_digests[at], digests + 32 * i, 32);
  }
  std::memset(sorted_status, ACCEL_NOT_CHECKED, count);
  kernel_.standard.verify(sorted_status, tables, {sorted_signatures[0], 64}, {sorted_digests[0], 32}, known);
  kernel_.verify(sorted_status + known, {keys[known], 64}, {sorted_signatures[known], 64}, {sorted_digests[known], 32},
                 count - known);
  for (size_t i = 0; i < count; ++i) status[i] = sorted_status[place[i]];
}

}  // namespace accel::sm2
