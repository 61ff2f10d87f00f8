// The choice of the SM3 kernel, and the known questions that each is asked before its first use.
#include "sm3/select.hpp"

#include <cstring>

namespace accel::sm3 {
namespace {

constexpr size_t kOpHash = 0;

dispatch::Family<Kernel> the_family(dispatch::Registry::global(), "sm3", {"sm3.hash"},
#if defined(__x86_64__)
                                    {&kAvx512x16, &kAvx512, &kAvx2, &kPortable},
#else
                                    {&kPortable},
#endif
                                    selftest);

// More than any kernel has lanes, so that lanes are refilled, and no multiple of their number.
constexpr size_t kItems = 200;
constexpr size_t kPattern = 512;  // bytes
constexpr size_t kGrowing = SIZE_MAX;

// Right answers, computed with OpenSSL 3.0. Byte k of the pattern is 167 k + 13 mod 256; each answer is the SM3 of the
// digests of all items, in order. Item i is ...
struct Question {
  size_t midstate_size;               // ... this many bytes of the pattern,
  size_t prefix_size, prefix_stride;  // ... then prefix_size from its byte i * prefix_stride on,
  size_t length;                      // ... then this many (kGrowing: i) from its byte i on
  uint8_t answer[kDigestSize];
};
constexpr Question kQuestions[] = {
    {0, 0, 1, kGrowing, {0x80, 0x28, 0x28, 0x97, 0xc5, 0xe0, 0xdf, 0x0e, 0x79, 0x31, 0x9e,
                         0xb2, 0xb5, 0x30, 0x18, 0x23, 0xaa, 0xa8, 0x00, 0xff, 0x3c, 0xb1,
                         0x30, 0x36, 0x78, 0xe0, 0x3c, 0x10, 0xf2, 0x95, 0x9f, 0xb7}},
    {64, 33, 1, kGrowing, {0x49, 0x5a, 0x8c, 0x0e, 0x20, 0x9a, 0x18, 0x71, 0x3f, 0x5b, 0xe9,
                           0xb9, 0x79, 0x7b, 0x0d, 0xc2, 0x1d, 0xed, 0xe0, 0x19, 0xb8, 0x61,
                           0xee, 0x52, 0xc5, 0xa2, 0x18, 0x3f, 0x33, 0x67, 0x70, 0x7a}},
    {0, 0, 1, 64, {0xaf, 0xfd, 0xb4, 0xb7, 0x4f, 0x95, 0x0b, 0xdb, 0x22, 0x93, 0x3e, 0xd5, 0xc4, 0x89, 0xf1, 0x81,
                   0x19, 0x1d, 0x07, 0x5e, 0xaa, 0x0f, 0xfe, 0x64, 0x40, 0x02, 0xa5, 0xef, 0xad, 0xfd, 0xc5, 0xb6}},
    {0, 1, 0, 64, {0x7d, 0xe5, 0xd4, 0x64, 0x6b, 0xe1, 0xc4, 0xfb, 0xf1, 0x82, 0x31, 0x0b, 0x38, 0x5c, 0x54, 0x27,
                   0x4a, 0x05, 0x88, 0x0d, 0x4d, 0x3f, 0x9e, 0x88, 0xfd, 0xea, 0x21, 0x33, 0xca, 0xa2, 0x3c, 0xe1}},
    {0, 32, 1, 128, {0xcf, 0x3b, 0x90, 0x93, 0x67, 0x3d, 0x6c, 0x96, 0xd4, 0xc3, 0xd8, 0xcc, 0x12, 0xd9, 0x90, 0x01,
                     0x37, 0xd3, 0xe0, 0xf1, 0x9f, 0xfa, 0x98, 0xd6, 0xed, 0x03, 0x06, 0x13, 0x29, 0x0a, 0xc0, 0xbd}},
    {64, 0, 0, 120, {0x40, 0x6c, 0xdb, 0xcc, 0xfb, 0x00, 0x81, 0x2c, 0x09, 0x62, 0x92, 0x2b, 0x80, 0xbe, 0x3c, 0x22,
                     0x09, 0x10, 0x3b, 0xb2, 0xf7, 0x10, 0x20, 0x7a, 0x8d, 0xb1, 0x90, 0xb4, 0xf1, 0x94, 0x49, 0x2f}},
    {0, 0, 0, 128, {0x5e, 0x92, 0x30, 0x19, 0x05, 0x0d, 0x5a, 0xad, 0xff, 0xb2, 0x10, 0x53, 0x23, 0x61, 0xfd, 0x6f,
                    0xbf, 0x80, 0xbc, 0x0d, 0xb9, 0x5b, 0xfd, 0x45, 0x8a, 0x1f, 0x04, 0x2d, 0xca, 0x42, 0x5b, 0x7a}},
};
// The same of pairs: byte k of pair i is 167 (64 i + k) + 5 i + 13 mod 256, so that their last bytes take all values.
// The first answer is that without a prefix, the second that after the byte 1.
constexpr size_t kPairs = 272, kPairsAtOnce = 68, kPairSize = 2 * kDigestSize;
constexpr uint8_t kPairPrefix = 1;
constexpr uint8_t kPairAnswers[2][kDigestSize] = {
    {0x31, 0xf5, 0xb9, 0x46, 0xff, 0x6e, 0x35, 0x2c, 0x45, 0x13, 0x41, 0xef, 0x92, 0xdd, 0xa7, 0xdc,
     0xd9, 0x9f, 0x79, 0xcf, 0x2e, 0x50, 0xce, 0xdf, 0x68, 0x23, 0x08, 0x72, 0xd8, 0xf4, 0xf4, 0xa4},
    {0xa6, 0xd0, 0x57, 0x6d, 0x1f, 0x1f, 0xba, 0x3e, 0xe5, 0x71, 0x71, 0x63, 0x39, 0x64, 0xf1, 0xa7,
     0x65, 0x0d, 0xb1, 0xa9, 0xe4, 0x7f, 0xea, 0xc1, 0x55, 0x5e, 0x20, 0x52, 0x9f, 0xd3, 0x00, 0x51},
};
static_assert(kPairs % kPairsAtOnce == 0);
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
    lengths[i] = question.length == kGrowing ? i : question.length;
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
  kernel.hash_range(digests, initial, {pattern, question.prefix_stride, question.prefix_size},
                    Messages(&view, kItems, "messages"), 0, kItems);
  kernel.hash_range(answer, kInitial, {}, Messages(digests, 0, sizeof(digests), 1), 0, 1);
  return std::memcmp(answer, question.answer, kDigestSize) == 0;
}

// Half of the pairs where they lie, half copied.
bool answers_pairs(const Kernel& kernel, bool prefixed) {
  uint8_t digests[kPairs * kDigestSize], answer[kDigestSize];
  bool right = true;
  for (size_t first = 0; first < kPairs; first += kPairsAtOnce) {
    uint8_t pairs[kPairsAtOnce * kPairSize], copy[sizeof(pairs)];
    for (size_t k = 0; k < sizeof(pairs); k++) {
      pairs[k] = static_cast<uint8_t>(167 * (first * kPairSize + k) + 5 * (first + k / kPairSize) + 13);
    }
    const bool copied = first >= kPairs / 2;
    kernel.hash_pairs(digests + first * kDigestSize,
                      {pairs, kPairsAtOnce, prefixed ? &kPairPrefix : nullptr, copied ? copy : nullptr});
    if (copied) right = std::memcmp(copy, pairs, sizeof(pairs)) == 0 && right;
  }
  kernel.hash_range(answer, kInitial, {}, Messages(digests, 0, sizeof(digests), 1), 0, 1);
  return std::memcmp(answer, kPairAnswers[prefixed ? 1 : 0], kDigestSize) == 0 && right;
}

}  // namespace

bool selftest(const Kernel& kernel) {
  const uint8_t abc[] = {'a', 'b', 'c'};
  uint8_t digest[kDigestSize];
  kernel.hash_range(digest, kInitial, {}, Messages(abc, 0, sizeof(abc), 1), 0, 1);
  bool right = std::memcmp(digest, kAbcDigest, kDigestSize) == 0;
  for (const Question& question : kQuestions) right = answers(kernel, question) && right;
  for (const bool prefixed : {false, true}) right = answers_pairs(kernel, prefixed) && right;
  return right;
}

dispatch::Family<Kernel>& family() { return the_family; }

const Kernel& active_kernel() { return the_family.active(); }

void count_items(const Kernel& kernel, uint64_t items) { the_family.count(kOpHash, kernel, items); }

}  // namespace accel::sm3
