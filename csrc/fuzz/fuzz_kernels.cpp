// All kernels of this CPU give the same answers, and where the answer is known, that one.
//
// The input chooses scalars, not bytes that a signature would hardly ever be made of: for a private key d and any s, t
// there is a digest that makes (t - s, s) valid, R = [s + t d]G, r = t - s, e = r - x(R). Among the scalars offered are
// those that lead the kernels' trees and windows into exceptional additions.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "accel/accel.h"
#include "sm2/kernel.hpp"
#include "sm2/scalar.hpp"
#include "sm2/select.hpp"
#include "sm3/select.hpp"
#include "sm3/sm3.hpp"

namespace accel {
namespace {

constexpr size_t kMaxItems = 80;

void require(bool condition, const char* what, const char* kernel) {
  if (condition) return;
  std::fprintf(stderr, "%s: %s\n", kernel, what);
  std::abort();
}

// The input, byte by byte; zeros when it is used up.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  uint8_t byte() {
    if (size_ == 0) return 0;
    --size_;
    return *data_++;
  }
  size_t below(size_t limit) { return (byte() | size_t{byte()} << 8) % limit; }
  // No more than the bytes left can tell apart.
  size_t item_count() {
    const size_t chosen = 1 + below(kMaxItems);
    return std::min(chosen, 1 + size_ / 8);
  }
  void fill(uint8_t* out, size_t size) {
    for (size_t i = 0; i < size; ++i) out[i] = byte();
  }

 private:
  const uint8_t* data_;
  size_t size_;
};

// --- SM3 ---

// One stream over the portable compression, the slow and plain way: what every kernel's hash_range is held against.
void plain_hash(uint8_t digest[32], const sm3::Midstate& initial, const uint8_t* prefix, size_t prefix_size,
                const std::vector<uint8_t>& message) {
  std::vector<uint8_t> bytes(prefix, prefix + prefix_size);
  bytes.insert(bytes.end(), message.begin(), message.end());
  const uint64_t bits = 8 * (initial.bytes + bytes.size());
  bytes.push_back(0x80);
  while (bytes.size() % 64 != 56) bytes.push_back(0);
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<uint8_t>(bits >> shift));
  uint32_t state[8];
  std::memcpy(state, initial.h, sizeof(state));
  sm3::kPortable.compress(state, bytes.data(), bytes.size() / 64);
  for (size_t i = 0; i < 32; ++i) digest[i] = static_cast<uint8_t>(state[i / 4] >> (24 - 8 * (i % 4)));
}

void fuzz_sm3(Input input) {
  sm3::Midstate initial = sm3::kInitial;
  for (uint32_t& word : initial.h) word ^= input.byte();
  initial.bytes = 64 * input.below(5);
  const size_t prefix_size = input.below(65);
  uint8_t prefixes[kMaxItems + 64];
  input.fill(prefixes, 16);
  for (size_t i = 16; i < sizeof(prefixes); ++i) prefixes[i] = static_cast<uint8_t>(prefixes[i - 16] + i);
  const size_t prefix_stride = input.byte() % 2;
  const size_t count = input.item_count();
  std::vector<std::vector<uint8_t>> messages(count);
  std::vector<const uint8_t*> pointers;
  std::vector<uint64_t> lengths;
  for (std::vector<uint8_t>& message : messages) {
    const uint8_t choice = input.byte();
    message.resize(choice < 200 ? choice : input.below(1200));
    const uint8_t seed = input.byte();
    for (size_t i = 0; i < message.size(); ++i) message[i] = static_cast<uint8_t>(seed * (i + 1) + i / 7);
    message.shrink_to_fit();  // so that the address sanitizer sees a read beyond the end
    pointers.push_back(message.data());
    lengths.push_back(message.size());
  }
  accel_messages view = {};
  view.struct_size = sizeof(view);
  view.layout = ACCEL_LAYOUT_POINTERS;
  view.pointers = pointers.data();
  view.lengths = lengths.data();
  const Messages all(&view, count, "messages");
  std::vector<uint8_t> expected(32 * count);
  for (size_t i = 0; i < count; ++i) {
    plain_hash(&expected[32 * i], initial, prefixes + prefix_stride * i, prefix_size, messages[i]);
  }
  const size_t begin = input.below(count);
  auto& family = sm3::family();
  for (size_t k = 0; k < family.kernel_count(); ++k) {
    if (!family.supported(k)) continue;
    std::vector<uint8_t> digests(32 * (count - begin));
    family.kernel(k)->hash_range(digests.data(), initial,
                                 {prefixes + prefix_stride * begin, prefix_stride, prefix_size}, all, begin, count);
    require(std::equal(digests.begin(), digests.end(), expected.begin() + static_cast<ptrdiff_t>(32 * begin)),
            "wrong digest", family.kernel_name(k));
  }
}

// Pairs of digests, the byte before them and their last bytes as the input has them.
void fuzz_pairs(Input input) {
  const uint8_t choice = input.byte(), prefix = input.byte();
  const bool prefixed = choice % 2 != 0, copied = choice / 2 % 2 != 0;
  const size_t count = 1 + input.below(kMaxItems);
  std::vector<uint8_t> pairs(64 * count), expected(32 * count);
  for (size_t i = 0; i < pairs.size(); ++i) {
    pairs[i] = input.byte();
    if (i >= 64) pairs[i] = static_cast<uint8_t>(pairs[i] + 7 * pairs[i - 64] + i / 64);
  }
  for (size_t i = 0; i < count; ++i) {
    plain_hash(&expected[32 * i], sm3::kInitial, &prefix, prefixed ? 1 : 0,
               {pairs.begin() + static_cast<ptrdiff_t>(64 * i), pairs.begin() + static_cast<ptrdiff_t>(64 * i + 64)});
  }
  auto& family = sm3::family();
  for (size_t k = 0; k < family.kernel_count(); ++k) {
    if (!family.supported(k)) continue;
    std::vector<uint8_t> digests(32 * count), copy(64 * count);
    family.kernel(k)->hash_pairs(digests.data(),
                                 {pairs.data(), count, prefixed ? &prefix : nullptr, copied ? copy.data() : nullptr});
    require(digests == expected, "wrong digest of a pair", family.kernel_name(k));
    require(!copied || copy == pairs, "wrong copy of a pair", family.kernel_name(k));
  }
}

// --- SM2 ---

namespace sm2 = accel::sm2;
using sm2::add_mod, sm2::kOrder, sm2::kU256One, sm2::load_be, sm2::mul_mod, sm2::store_be, sm2::sub_mod, sm2::U256;
const U256& n = kOrder.m;

constexpr size_t kKeys = 4;

struct Keys {
  U256 d[kKeys];
  uint8_t points[kKeys][64];

  Keys() {
    const uint64_t seeds[kKeys] = {1, 2, 0x123456789abcdef, 0xfedcba9876543210};
    for (size_t i = 0; i < kKeys; ++i) {
      d[i] = {{seeds[i], i < 2 ? 0 : ~seeds[i], i < 2 ? 0 : seeds[i] * 7, i < 2 ? 0 : seeds[i] >> 3}};
      uint8_t bytes[32];
      store_be(bytes, d[i]);
      sm2::kPortable.public_keys(points[i], {bytes, 0}, 1);
    }
  }
};
const Keys& keys() {
  static const Keys all;
  return all;
}

// n - 2a or 2a with a = n mod 2^bits: windows below `bits` and above it meet in one point.
U256 splitting_scalar(size_t bits, bool flipped) {
  U256 a = n;
  for (size_t i = bits; i < 256; ++i) a.v[i / 64] &= ~(uint64_t{1} << (i % 64));
  a = sm2::reduce(a, kOrder);
  const U256 twice = add_mod(a, a, n);
  return flipped ? twice : sub_mod(U256{}, twice, n);
}

// In [0, n).
U256 choose_scalar(Input& input) {
  U256 r = {};
  switch (input.byte() % 6) {
    case 0:  // small, or n less a small one
      r.v[0] = input.byte();
      return input.byte() % 2 != 0 ? r : sub_mod(U256{}, r, n);
    case 1:
      return splitting_scalar(1 + input.below(255), input.byte() % 2 != 0);
    case 2:  // one bit
      r.v[input.byte() % 4] = uint64_t{1} << (input.byte() % 64);
      return sm2::reduce(r, kOrder);
    default:
      for (uint64_t& limb : r.v) {
        uint8_t bytes[8];
        input.fill(bytes, 8);
        std::memcpy(&limb, bytes, 8);
      }
      return sm2::reduce(r, kOrder);
  }
}

bool is_zero(const U256& a) { return sm2::zero_mask(a) != 0; }

struct Item {
  uint8_t key[64], signature[64], digest[32];
  size_t key_index;  // of keys()
  uint8_t expected;  // ACCEL_NOT_CHECKED: only that all agree
};

Item make_item(Input& input) {
  Item item = {};
  item.key_index = input.byte() % kKeys;
  const U256& d = keys().d[item.key_index];
  std::memcpy(item.key, keys().points[item.key_index], 64);
  U256 s = choose_scalar(input), t = choose_scalar(input);
  switch (input.byte() % 8) {  // [s]G and [t]P equal, opposite
    case 0:
      s = mul_mod(t, d, kOrder);
      break;
    case 1:
      s = sub_mod(U256{}, mul_mod(t, d, kOrder), n);
      break;
    default:
      break;
  }
  const U256 r = sub_mod(t, s, n), k = add_mod(s, mul_mod(t, d, kOrder), n);
  U256 x = {};
  if (!is_zero(k)) {
    uint8_t scalar[32], point[64];
    store_be(scalar, k);
    sm2::kPortable.public_keys(point, {scalar, 0}, 1);
    x = sm2::reduce(load_be(point), kOrder);
  }
  store_be(item.signature, r);
  store_be(item.signature + 32, s);
  store_be(item.digest, sub_mod(r, x, n));
  const bool in_range = !is_zero(r) && !is_zero(s) && !is_zero(t);
  item.expected = !in_range ? ACCEL_BAD_RANGE : is_zero(k) ? ACCEL_BAD_SIGNATURE : ACCEL_OK;
  return item;
}

// Perhaps damages the item somewhere.
void damage(Item& item, Input& input) {
  const uint8_t choice = input.byte();
  const size_t bit = input.below(256);
  const auto mask = static_cast<uint8_t>(1 << bit % 8);
  switch (choice % 8) {
    case 0:
      item.digest[bit / 8] ^= mask;  // e mod n changes, except between e and e + n
      if (item.expected == ACCEL_OK) item.expected = ACCEL_NOT_CHECKED;
      break;
    case 1:
      item.signature[bit / 8 + 32 * (choice / 8 % 2)] ^= mask;
      item.expected = ACCEL_NOT_CHECKED;
      break;
    case 2:
      std::memset(item.signature + 32 * (choice / 8 % 2), choice >= 128 ? 0xff : 0, 32);
      item.expected = ACCEL_BAD_RANGE;
      break;
    case 3:
      item.key[bit / 8 + 32 * (choice / 8 % 2)] ^= mask;  // off the curve: another point with this x or y has 254 bits
      item.expected = ACCEL_BAD_KEY;
      item.key_index = kKeys;
      break;
    default:
      break;
  }
}

class Tables {
 public:
  Tables(const sm2::Kernel& kernel, const sm2::TableScheme& scheme) {
    for (size_t i = 0; i < kKeys; ++i) {
      tables_[i].reset(std::aligned_alloc(64, (scheme.bytes + 63) / 64 * 64));
      require(tables_[i] != nullptr && scheme.build(tables_[i].get(), keys().points[i]), "no table", kernel.name);
    }
  }
  const void* operator[](size_t key) const { return tables_[key].get(); }

 private:
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> tables_[kKeys];
};

struct Tested {
  const sm2::Kernel* kernel;
  std::vector<std::pair<const sm2::TableScheme*, std::unique_ptr<Tables>>> schemes;
};

const std::vector<Tested>& tested_kernels() {
  static const std::vector<Tested> all = [] {
    std::vector<Tested> kernels;
    for (size_t i = 0; i < sm2::family().kernel_count(); ++i) {
      if (!sm2::family().supported(i)) continue;
      const sm2::Kernel* const kernel = sm2::family().kernel(i);
      Tested tested{kernel, {}};
      for (const sm2::TableScheme* scheme : {&kernel->standard, &kernel->wide}) {
        if (scheme->bytes != 0) tested.schemes.emplace_back(scheme, std::make_unique<Tables>(*kernel, *scheme));
      }
      kernels.push_back(std::move(tested));
    }
    return kernels;
  }();
  return all;
}

sm2::Strided rows(const std::vector<Item>& items, const uint8_t* first) { return {first, sizeof(items[0])}; }

// The statuses of ordinary verification, with the right hints and with such as the input makes of them.
void check_hints(const sm2::Kernel& kernel, const std::vector<Item>& items, const std::vector<uint8_t>& agreed,
                 Input input) {
  const size_t count = items.size();
  const sm2::Strided keys = rows(items, items[0].key), signatures = rows(items, items[0].signature),
                     digests = rows(items, items[0].digest);
  std::vector<uint8_t> hints(count), status(count, 0xee);
  kernel.recovery_hints(hints.data(), status.data(), keys, signatures, digests, count);
  require(status == agreed, "recovery hints: another status", kernel.name);
  if (kernel.hinted.most == 0) return;
  static const std::unique_ptr<void, void (*)(void*)> scratch(
      std::aligned_alloc(64, (kernel.hinted.scratch_bytes() + 63) / 64 * 64), std::free);
  static const std::vector<uint8_t> coefficients = [] {
    std::mt19937_64 generator(1);  // which the input cannot know
    std::vector<uint8_t> bytes(16 * kMaxItems);
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(generator());
    return bytes;
  }();
  for (int round = 0; round < 2; ++round) {
    kernel.hinted.verify(status.data(), keys, signatures, digests, hints.data(), coefficients.data(), count,
                         scratch.get());
    require(status == agreed, "hints: another status", kernel.name);
    for (uint8_t& hint : hints) hint = static_cast<uint8_t>(hint ^ (input.byte() % 8 == 0 ? input.byte() : 0));
  }
}

void fuzz_verify(Input input) {
  std::vector<Item> items;
  for (size_t count = input.item_count(); items.size() < count;) {
    items.push_back(make_item(input));
    damage(items.back(), input);
  }
  std::vector<Item> known;  // those whose key has a table
  std::copy_if(items.begin(), items.end(), std::back_inserter(known),
               [](const Item& i) { return i.key_index < kKeys; });
  std::vector<uint8_t> agreed(items.size());
  for (const Tested& tested : tested_kernels()) {
    const sm2::Kernel& kernel = *tested.kernel;
    std::vector<uint8_t> status(items.size(), 0xee);
    kernel.verify(status.data(), rows(items, items[0].key), rows(items, items[0].signature),
                  rows(items, items[0].digest), items.size());
    if (&tested == &tested_kernels().front()) agreed = status;
    for (size_t i = 0; i < items.size(); ++i) {
      require(status[i] == agreed[i], "verify: another status than the first kernel's", kernel.name);
      require(items[i].expected == ACCEL_NOT_CHECKED || status[i] == items[i].expected, "verify: wrong", kernel.name);
    }
    check_hints(kernel, items, agreed, input);
    for (const auto& [scheme, tables] : tested.schemes) {
      if (known.empty()) continue;
      std::vector<const void*> pointers;
      for (const Item& item : known) pointers.push_back((*tables)[item.key_index]);
      std::vector<uint8_t> known_status(known.size(), 0xee);
      scheme->verify(known_status.data(), pointers.data(), rows(known, known[0].signature),
                     rows(known, known[0].digest), known.size());
      for (size_t i = 0, k = 0; i < items.size(); ++i) {
        if (items[i].key_index >= kKeys) continue;
        require(known_status[k++] == agreed[i], "known keys: another status than unknown ones", kernel.name);
      }
    }
  }
}

void fuzz_sign(Input input) {
  const size_t count = input.item_count();
  std::vector<uint8_t> nonces(64 * count), digests(32 * count), agreed(64 * count);
  for (size_t i = 0; i < count; ++i) {
    store_be(&nonces[64 * i + 32], choose_scalar(input));
    if (input.byte() % 2 != 0) input.fill(&nonces[64 * i], 64);
    input.fill(&digests[32 * i], 32);
  }
  std::vector<size_t> signers;
  for (size_t i = 0; i < count; ++i) signers.push_back(input.byte() % kKeys);
  for (const Tested& tested : tested_kernels()) {
    const sm2::Kernel& kernel = *tested.kernel;
    sm2::SignKey sign_keys[kKeys];
    uint8_t secrets[kKeys][32], points[kKeys][64], valid[kKeys];
    for (size_t i = 0; i < kKeys; ++i) {
      store_be(secrets[i], keys().d[i]);
    }
    kernel.derive_sign_keys(sign_keys, valid, {secrets[0], 32}, kKeys);
    kernel.public_keys(points[0], {secrets[0], 32}, kKeys);
    for (size_t i = 0; i < kKeys; ++i) {
      require(valid[i] == 1, "refuses a private key", kernel.name);
      require(std::memcmp(points[i], keys().points[i], 64) == 0, "wrong public key", kernel.name);
    }
    std::vector<const sm2::SignKey*> pointers;
    for (const size_t signer : signers) pointers.push_back(&sign_keys[signer]);
    std::vector<uint8_t> status(count, 0xee), signatures(64 * count);
    kernel.sign(status.data(), signatures.data(), pointers.data(), {nonces.data(), 64}, {digests.data(), 32}, count);
    if (&tested == &tested_kernels().front()) agreed = signatures;
    require(signatures == agreed, "sign: another signature than the first kernel's", kernel.name);
    for (size_t i = 0; i < count; ++i) {
      if (status[i] != ACCEL_OK) continue;
      uint8_t verdict = 0;
      kernel.verify(&verdict, {keys().points[signers[i]], 0}, {&signatures[64 * i], 0}, {&digests[32 * i], 0}, 1);
      require(verdict == ACCEL_OK, "does not accept its own signature", kernel.name);
    }
  }
}

}  // namespace
}  // namespace accel

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const accel::Input input(data + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      accel::fuzz_sm3(input);
      break;
    case 1:
      accel::fuzz_verify(input);
      break;
    case 2:
      accel::fuzz_sign(input);
      break;
    default:
      accel::fuzz_pairs(input);
      break;
  }
  return 0;
}
