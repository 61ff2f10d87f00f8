#include "soak/inputs.hpp"

#include <accel/golden.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>

#include "soak/random.hpp"

namespace accel::soak {
namespace {

constexpr size_t kLongestMessage = 300, kTrees = 12;
constexpr uint64_t kRingMemory = uint64_t{4} << 20;  // no tables that grow while it is used
constexpr uint32_t kRules[] = {ACCEL_MERKLE_RFC9162, ACCEL_MERKLE_CHAINMAKER, ACCEL_MERKLE_BCOS};

void require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(std::string("inputs: ") + what + " failed: " + accel_last_error());
}

Bytes golden_digest(const uint8_t key[64], const uint8_t* message, uint64_t length) {
  uint32_t words[16], e[8];
  Bytes digest(32);
  accel_golden_number_from_bytes(words, key);
  accel_golden_number_from_bytes(words + 8, key + 32);
  accel_golden_sm2_e(e, reinterpret_cast<const uint8_t*>(ACCEL_SM2_DEFAULT_ID), ACCEL_SM2_DEFAULT_ID_LENGTH, words,
                     message, length);
  accel_golden_number_to_bytes(digest.data(), e);
  return digest;
}

class Keys {
 public:
  Keys(size_t count, Random& random) {
    for (size_t i = 0; i < count; ++i) {
      uint8_t secret[32];
      for (uint8_t& byte : secret) byte = static_cast<uint8_t>(random.word());
      secret[0] &= 0x7f;  // below n
      accel_sm2_private_key* key = nullptr;
      require(accel_sm2_private_key_from_bytes(&key, secret) == ACCEL_OK, "making a key");
      keys.push_back(key);
    }
  }
  ~Keys() {
    for (accel_sm2_private_key* key : keys) accel_sm2_private_key_free(key);
  }
  Keys(const Keys&) = delete;
  Keys& operator=(const Keys&) = delete;
  std::vector<accel_sm2_private_key*> keys;
};

}  // namespace

Inputs::Inputs(size_t count, uint64_t seed) {
  make_messages(count, seed);
  sign(count, seed + 1);
  ask_golden(std::max<size_t>(1, count / 256));
  make_trees(seed + 2);
  const auto* const id = reinterpret_cast<const uint8_t*>(ACCEL_SM2_DEFAULT_ID);
  require(accel_sm2_keyring_new(nullptr, &ring, nullptr, signers.data(), 64, id, ACCEL_SM2_DEFAULT_ID_LENGTH,
                                kRingMemory, kSigners) == ACCEL_OK,
          "making a ring");
}

Inputs::~Inputs() { accel_sm2_keyring_free(ring); }

accel_messages Inputs::ragged(size_t begin) const {
  accel_messages view = {};
  view.struct_size = sizeof view;
  view.layout = ACCEL_LAYOUT_RAGGED64;
  view.data = messages.data();
  view.data_size = messages.size();
  view.offsets = &offsets[begin];
  return view;
}

accel_messages Inputs::equal(size_t begin) const {
  accel_messages view = {};
  view.struct_size = sizeof view;
  view.layout = ACCEL_LAYOUT_STRIDED;
  view.data = &messages[begin];  // they overlap, which nobody forbids
  view.stride = 1;
  view.length = kEqualLength;
  return view;
}

void Inputs::make_messages(size_t count, uint64_t seed) {
  Random random(seed);
  for (size_t i = 0; i < count; ++i) {
    offsets.push_back(offsets.back() + static_cast<int64_t>(random.below(kLongestMessage + 1)));
  }
  messages.resize(std::max(static_cast<size_t>(offsets.back()), count + kEqualLength));
  for (uint8_t& byte : messages) byte = static_cast<uint8_t>(random.word());
  ragged_hashes.resize(32 * count);
  equal_hashes.resize(32 * count);
  for (Bytes& hashes : leaf_hashes) hashes.resize(32 * count);
  for (size_t i = 0; i < count; ++i) {
    const uint8_t* const message = &messages[static_cast<size_t>(offsets[i])];
    const auto length = static_cast<uint64_t>(offsets[i + 1] - offsets[i]);
    accel_golden_sm3_hash(&ragged_hashes[32 * i], message, length);
    accel_golden_sm3_hash(&equal_hashes[32 * i], &messages[i], kEqualLength);
    for (const uint32_t rule : kRules) accel_golden_merkle_leaf(&leaf_hashes[rule][32 * i], rule, message, length);
  }
}

void Inputs::sign(size_t count, uint64_t seed) {
  Random random(seed);
  const Keys private_keys(kSigners, random);
  signers.resize(64 * kSigners);
  for (size_t i = 0; i < kSigners; ++i) accel_sm2_private_key_public(private_keys.keys[i], &signers[64 * i]);
  for (size_t i = 0; i < count; ++i) {
    indices.push_back(static_cast<uint32_t>(random.below(kSigners)));
    const uint8_t* const key = &signers[64 * indices.back()];
    keys.insert(keys.end(), key, key + 64);
    const Bytes e = golden_digest(key, &messages[static_cast<size_t>(offsets[i])],
                                  static_cast<uint64_t>(offsets[i + 1] - offsets[i]));
    digests.insert(digests.end(), e.begin(), e.end());
  }
  signatures.resize(64 * count);
  require(accel_sm2_sign_digest_many(nullptr, signatures.data(), private_keys.keys.data(), kSigners, indices.data(),
                                     digests.data(), 32, count) == ACCEL_OK,
          "signing");
  expected.assign(count, ACCEL_OK);
  ring_expected.assign(count, ACCEL_OK);
  // The first half stays valid throughout, for combined checks that succeed as a whole.
  for (size_t i = count / 2; i < count; ++i) {
    if (random.once_in(16)) damage(i, random.below(4));
  }
}

void Inputs::damage(size_t item, uint64_t way) {
  uint8_t* const signature = &signatures[64 * item];
  uint8_t verdict = ACCEL_BAD_SIGNATURE;
  switch (way) {
    case 0:
      signature[50] ^= 4;  // s
      break;
    case 1:
      std::memset(signature, 0, 32);  // r = 0
      verdict = ACCEL_BAD_RANGE;
      break;
    case 2:
      std::memset(signature + 32, 0xff, 32);  // s >= n
      verdict = ACCEL_BAD_RANGE;
      break;
    default:  // off the curve; the ring has a key of its own, and the signature is good under that
      keys[64 * item + 63] ^= 1;
      expected[item] = ACCEL_BAD_KEY;
      return;
  }
  expected[item] = ring_expected[item] = verdict;
}

// One item in `step`, and the first of every verdict: the golden functions take a millisecond for each.
void Inputs::ask_golden(size_t step) const {
  bool asked[256] = {};
  for (size_t i = 0; i < count(); ++i) {
    if (i % step != 0 && asked[expected[i]]) continue;
    asked[expected[i]] = true;
    const int32_t verdict =
        accel_golden_sm2_verify_bytes(nullptr, &keys[64 * i], &signatures[64 * i], &digests[32 * i]);
    const int32_t wanted = expected[i] == ACCEL_OK          ? ACCEL_GOLDEN_OK
                           : expected[i] == ACCEL_BAD_KEY   ? ACCEL_GOLDEN_BAD_KEY
                           : expected[i] == ACCEL_BAD_RANGE ? ACCEL_GOLDEN_BAD_RANGE
                                                            : ACCEL_GOLDEN_BAD_SIGNATURE;
    require(verdict == wanted, "agreeing with the golden functions about a signature");
  }
}

void Inputs::make_trees(uint64_t seed) {
  Random random(seed);
  for (size_t i = 0; i < kTrees; ++i) {
    Tree tree = {};
    tree.count = random.size(std::min<size_t>(count(), 8192));
    tree.begin = random.below(count() - tree.count + 1);
    tree.rule = kRules[i % 3];
    accel_golden_merkle_root(tree.root.data(), tree.rule, &leaf_hashes[tree.rule][32 * tree.begin], tree.count);
    trees.push_back(tree);
  }
}

}  // namespace accel::soak
