#include "sm3_rows.hpp"

#include <algorithm>
#include <random>

#include "openssl_peer.hpp"

namespace accel::bench {
namespace {

// Ratios that csrc/sm3/README.md explains.
constexpr Goal kGoal64 = {1.4, 1.6}, kGoal256 = {1.1, 1.3}, kGoal1024 = {1.0, 1.15}, kGoalMixed = {1.5, 1.8};
constexpr Goal kGoalNodes = {1.35, 1.55}, kGoalPrefixedNodes = {1.2, 1.4};

constexpr size_t kHashLanes = 16;  // crypto_mb takes messages in sixteens

// A batch of messages, one after the other, and its digests as every side has to give them.
struct Batch {
  // Lengths from `shortest` to `longest`, drawn evenly.
  Batch(size_t bytes, size_t shortest, size_t longest) {
    std::mt19937_64 random(longest);
    const size_t count = 2 * bytes / (shortest + longest) / kHashLanes * kHashLanes;
    offsets.push_back(0);
    for (size_t i = 0; i < count; ++i) {
      lengths.push_back(shortest + random() % (longest - shortest + 1));
      offsets.push_back(offsets.back() + static_cast<int64_t>(lengths.back()));
    }
    data = random_bytes(static_cast<size_t>(offsets.back()), 7);
    for (size_t i = 0; i < count; ++i) pointers.push_back(&data[static_cast<size_t>(offsets[i])]);
    uniform = shortest == longest;
    digests.resize(32 * count);
    for (size_t i = 0; i < count; ++i) openssl.hash(&digests[32 * i], pointers[i], lengths[i]);
    out = Bytes(32 * count);
  }
  size_t count() const { return lengths.size(); }

  void hash() {
    if (uniform) {
      check(accel_sm3_hash_many(nullptr, out.data(), data.data(), lengths[0], lengths[0], count()));
      return;
    }
    accel_messages view = {};
    view.struct_size = sizeof(view);
    view.layout = ACCEL_LAYOUT_RAGGED64;
    view.data = data.data();
    view.data_size = data.size();
    view.offsets = offsets.data();
    check(accel_sm3_hash_messages(nullptr, out.data(), &view, count()));
  }
  void hash_by_openssl() {
    for (size_t i = 0; i < count(); ++i) openssl.hash(&out[32 * i], pointers[i], lengths[i]);
  }
  void require_right(const std::string& who) {
    require(out == digests, who + ": a digest is wrong");
    std::fill(out.begin(), out.end(), uint8_t{0});
  }

  Bytes data, digests, out;
  std::vector<uint64_t> lengths;
  std::vector<int64_t> offsets;
  std::vector<const uint8_t*> pointers;
  bool uniform;
  OpensslSm3 openssl;
};

struct Tree {
  const char* task;
  accel_merkle_rule rule;
  accel_merkle_keep keep;
  Goal goal;
};
constexpr Tree kTrees[] = {
    {"merkle nodes, no prefix, root kept", ACCEL_MERKLE_CHAINMAKER, ACCEL_MERKLE_KEEP_ROOT, kGoalNodes},
    {"merkle nodes, no prefix, all kept", ACCEL_MERKLE_CHAINMAKER, ACCEL_MERKLE_KEEP_ALL, kGoalNodes},
    {"merkle nodes, rfc9162, root kept", ACCEL_MERKLE_RFC9162, ACCEL_MERKLE_KEEP_ROOT, kGoalPrefixedNodes},
    {"merkle nodes, rfc9162, all kept", ACCEL_MERKLE_RFC9162, ACCEL_MERKLE_KEEP_ALL, kGoalPrefixedNodes},
};

// A tree over leaf hashes; its root must be the one that OpenSSL's hashes lead to.
struct Forest {
  explicit Forest(size_t leaves) : hashes(random_bytes(32 * leaves, 11)) {}
  size_t leaves() const { return hashes.size() / 32; }

  void build(accel_merkle_rule rule, accel_merkle_keep keep) {
    accel_merkle_tree* tree = nullptr;
    check(accel_merkle_tree_new(nullptr, &tree, rule, keep));
    const std::unique_ptr<accel_merkle_tree, void (*)(accel_merkle_tree*)> owner(tree, accel_merkle_tree_free);
    check(accel_merkle_tree_append_hashes(tree, hashes.data(), 32, leaves()));
    check(accel_merkle_tree_head(tree, root, nullptr));
  }
  // The number of leaves is a power of two, so both rules only hash pairs.
  void require_right(accel_merkle_rule rule) {
    OpensslSm3 openssl;
    const bool prefix = rule == ACCEL_MERKLE_RFC9162;
    Bytes level = hashes;
    for (; level.size() > 32; level.resize(level.size() / 2)) {
      for (size_t i = 0; i < level.size() / 64; ++i) {
        uint8_t node[65] = {1};
        std::copy_n(&level[64 * i], 64, node + 1);
        openssl.hash(&level[32 * i], prefix ? node : node + 1, prefix ? 65 : 64);
      }
    }
    require(std::equal(level.begin(), level.end(), root), "a Merkle root is wrong");
  }

  Bytes hashes;
  uint8_t root[32] = {};
};

class Builder {
 public:
  Builder(const Sizes& sizes, const std::string& kernel, const CryptoMb* crypto_mb)
      : sizes_(sizes), kernel_(kernel), forced_("sm3=" + kernel), crypto_mb_(crypto_mb) {
    check(accel_set_kernels(forced_.c_str()));
  }

  void add_hashes(const std::string& what, size_t shortest, size_t longest, Goal goal) {
    const auto batch = std::make_shared<Batch>(sizes_.hash_bytes, shortest, longest);
    const std::string task = "sm3.hash " + what;
    const Side ours = {batch->count(), [batch] { batch->hash(); }, 1, {}};
    batch->hash();
    batch->require_right(kernel_);
    if (crypto_mb_ != nullptr) {
      const Side theirs = crypto_mb(batch);
      theirs.run();
      batch->require_right("crypto_mb");
      rows.push_back({task, "sm3.hash", kernel_, forced_, batch->count(), ours, "crypto_mb", theirs, goal, ""});
    }
    const Side openssl = {batch->count(), [batch] { batch->hash_by_openssl(); }, 1, {}};
    rows.push_back({task, "sm3.hash", kernel_, forced_, batch->count(), ours, "OpenSSL", openssl, {}, ""});
  }

  // Nodes a second beside messages of 64 bytes a second.
  void add_trees() {
    const auto batch = std::make_shared<Batch>(sizes_.hash_bytes, 64, 64);
    const auto forest = std::make_shared<Forest>(sizes_.leaves);
    const Side peer =
        crypto_mb_ != nullptr ? crypto_mb(batch) : Side{batch->count(), [batch] { batch->hash_by_openssl(); }, 1, {}};
    for (const Tree& tree : kTrees) {
      forest->build(tree.rule, tree.keep);
      forest->require_right(tree.rule);
      const Side ours = {sizes_.leaves - 1, [forest, &tree] { forest->build(tree.rule, tree.keep); }, 1, {}};
      rows.push_back({tree.task, "sm3.hash", kernel_, forced_, sizes_.leaves, ours,
                      crypto_mb_ != nullptr ? "crypto_mb" : "OpenSSL", peer, crypto_mb_ != nullptr ? tree.goal : Goal{},
                      ""});
    }
  }

  std::vector<Row> rows;

 private:
  Side crypto_mb(const std::shared_ptr<Batch>& batch) const {
    return {batch->count(),
            [batch, call = crypto_mb_->hasher(batch->pointers, batch->lengths)] { call(batch->out.data()); },
            1,
            {}};
  }

  const Sizes sizes_;
  const std::string kernel_, forced_;
  const CryptoMb* crypto_mb_;
};

}  // namespace

std::vector<Row> sm3_rows(const Sizes& sizes, const CryptoMb* crypto_mb) {
  std::vector<Row> rows;
  const std::vector<std::string> kernels = kernels_of("sm3.hash");
  for (const std::string& kernel : kernels) {
    const bool best = kernel == kernels.front();
    Builder builder(sizes, kernel, best ? crypto_mb : nullptr);
    builder.add_hashes("64 B", 64, 64, kGoal64);
    builder.add_hashes("256 B", 256, 256, kGoal256);
    builder.add_hashes("1024 B", 1024, 1024, kGoal1024);
    builder.add_hashes("64 to 1024 B", 64, 1024, kGoalMixed);
    if (best) builder.add_trees();
    rows.insert(rows.end(), builder.rows.begin(), builder.rows.end());
  }
  return rows;
}

}  // namespace accel::bench
