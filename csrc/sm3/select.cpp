// The choice of the SM3 kernel, and the known questions that each is asked before its first use.
#include "sm3/select.hpp"

#include <cstring>

namespace accel::sm3 {
namespace {

constexpr size_t kOpHash = 0;

dispatch::Family<Kernel> the_family(dispatch::Registry::global(), "sm3", {"sm3.hash"},
#if defined(__x86_64__)
                                    {&kAvx512, &kAvx2, &kPortable},
#else
                                    {&kPortable},
#endif
                                    selftest);

constexpr size_t kItems = 200;    // more than any kernel has lanes, so that lanes are refilled
constexpr size_t kPattern = 512;  // bytes

// Right answers, computed with OpenSSL 3.0. Byte k of the pattern is 167 k + 13 mod 256; each answer is the SM3 of the
// digests of all items, in order. Item i is ...
struct Question {
  size_t midstate_size;  // ... this many bytes of the pattern,
  size_t prefix_size;    // ... then this many from its byte i on,
  bool growing;          // ... then i (growing) or 64 bytes from its byte i on
  uint8_t answer[kDigestSize];
};
constexpr Question kQuestions[] = {
    {0, 0, true, {0x80, 0x28, 0x28, 0x97, 0xc5, 0xe0, 0xdf, 0x0e, 0x79, 0x31, 0x9e, 0xb2, 0xb5, 0x30, 0x18, 0x23,
                  0xaa, 0xa8, 0x00, 0xff, 0x3c, 0xb1, 0x30, 0x36, 0x78, 0xe0, 0x3c, 0x10, 0xf2, 0x95, 0x9f, 0xb7}},
    {64, 33, true, {0x49, 0x5a, 0x8c, 0x0e, 0x20, 0x9a, 0x18, 0x71, 0x3f, 0x5b, 0xe9, 0xb9, 0x79, 0x7b, 0x0d, 0xc2,
                    0x1d, 0xed, 0xe0, 0x19, 0xb8, 0x61, 0xee, 0x52, 0xc5, 0xa2, 0x18, 0x3f, 0x33, 0x67, 0x70, 0x7a}},
    {0, 0, false, {0xaf, 0xfd, 0xb4, 0xb7, 0x4f, 0x95, 0x0b, 0xdb, 0x22, 0x93, 0x3e, 0xd5, 0xc4, 0x89, 0xf1, 0x81,
                   0x19, 0x1d, 0x07, 0x5e, 0xaa, 0x0f, 0xfe, 0x64, 0x40, 0x02, 0xa5, 0xef, 0xad, 0xfd, 0xc5, 0xb6}},
};
// GB/T 32905-2016, A.1: "abc".
constexpr uint8_t kAbcDigest[kDigestSize] = {0x66, 0xc7, 0xf0, 0xf4, 0x62, 0xee, 0xed, 0xd9, 0xd1, 0xf2, 0xd4,
                                             0x6b, 0xdc, 0x10, 0xe4, 0xe2, 0x41, 0x67, 0xc4, 0x87, 0x5c, 0xf2,
                                             0xf7, 0xa2, 0x29, 0x7d, 0xa0, 0x2b, 0x8f, 0x4b, 0xa8, 0xe0};

bool answers(const Kernel& kernel, const Question& question) {
  uint8_t pattern[kPattern];
  for (size_t k = 0; k < kPattern; k++) pattern[k] = static_cast<uint8_t>(167 * k + 13);
  const uint8_t* pointers[kItems];
  uint64_t lengths[kItems];
  for (size_t i = 0; i < kItems; i++) {
    pointers[i] = pattern + i;
    lengths[i] = question.growing ? i : 64;
  }
  accel_messages view = {};
  view.struct_size = sizeof(view);
  view.layout = ACCEL_LAYOUT_POINTERS;
  view.pointers = pointers;
  view.lengths = lengths;
  Midstate initial = kInitial;
  kernel.compress(initial.h, pattern, question.midstate_size / kBlockSize);
  initial.bytes = question.midstate_size;
  uint8_t digests[kItems * kDigestSize], answer[kDigestSize];
  kernel.hash_range(digests, initial, {pattern, 1, question.prefix_size}, Messages(&view, kItems, "messages"), 0,
                    kItems);
  kernel.hash_range(answer, kInitial, {}, Messages(digests, 0, sizeof(digests), 1), 0, 1);
  return std::memcmp(answer, question.answer, kDigestSize) == 0;
}

}  // namespace

bool selftest(const Kernel& kernel) {
  const uint8_t abc[] = {'a', 'b', 'c'};
  uint8_t digest[kDigestSize];
  kernel.hash_range(digest, kInitial, {}, Messages(abc, 0, sizeof(abc), 1), 0, 1);
  bool right = std::memcmp(digest, kAbcDigest, kDigestSize) == 0;
  for (const Question& question : kQuestions) right = answers(kernel, question) && right;
  return right;
}

dispatch::Family<Kernel>& family() { return the_family; }

const Kernel& active_kernel() { return the_family.active(); }

void count_items(const Kernel& kernel, uint64_t items) { the_family.count(kOpHash, kernel, items); }

}  // namespace accel::sm3
