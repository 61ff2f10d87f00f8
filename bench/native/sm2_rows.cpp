#include "sm2_rows.hpp"

#include <algorithm>
#include <cstring>

#include "sm2/kernel.hpp"

namespace accel::bench {
namespace {

// Ratios that csrc/sm2/README.md explains.
constexpr Goal kUnknownGoal = {1.9, 2.5}, kKnownGoal = {12, 20}, kPipelineGoal = {10, 17}, kSignGoal = {0.5, 2};
constexpr Goal kHintGoal = {2.5, 0};
constexpr Goal kScalarUnknownGoal = {4.5, 6}, kScalarKnownGoal = {25, 50}, kSingleGoal = {25, 0};

constexpr size_t kSmallBatches[] = {1, 8, 32, 64};

const uint8_t* default_id() { return reinterpret_cast<const uint8_t*>(ACCEL_SM2_DEFAULT_ID); }

// What one kernel of the library does, through the C API but for nonces from outside.
class Ours {
 public:
  Ours(const Workload& work, const std::string& kernel)
      : forced("sm2=" + kernel), work_(work), n_(work.sizes.items), status_(n_), signatures_(64 * n_) {
    check(accel_set_kernels(forced.c_str()));
    ring_ = make_ring(0);
    standard_ring_ = make_ring(table_bytes(ring_));
    sign_keys_.resize(n_);
    sm2::active_kernel().derive_sign_keys(sign_keys_.data(), status_.data(), {work.secrets.data(), 32}, n_);
    require_all(1);
    wide_nonces_.resize(64 * n_);
    for (size_t i = 0; i < n_; ++i) {
      sign_key_pointers_.push_back(&sign_keys_[i]);
      std::memcpy(&wide_nonces_[64 * i + 32], &work.nonces[32 * i], 32);  // upper half 0: the kernel reduces mod n
    }
  }

  void verify_digests(const Signed& set, size_t batch) {
    for (size_t i = 0; i < n_; i += batch) {
      check(accel_sm2_verify_digest_many(nullptr, &status_[i], &set.keys[64 * i], 64, &set.signatures[64 * i], 64,
                                         &set.digests[32 * i], 32, std::min(batch, n_ - i)));
    }
    require_all(ACCEL_OK);
  }
  // The items of verify_digests, with their hints.
  void verify_hinted_digests(const Signed& set, const Bytes& hints) {
    check(accel_sm2_verify_hinted_digest_many(nullptr, status_.data(), set.keys.data(), 64, set.signatures.data(), 64,
                                              set.digests.data(), 32, hints.data(), n_));
    require_all(ACCEL_OK);
  }
  Bytes recovery_hints(const Signed& set) {
    Bytes hints(n_);
    check(accel_sm2_recovery_hints_many(nullptr, hints.data(), status_.data(), set.keys.data(), 64,
                                        set.signatures.data(), 64, set.digests.data(), 32, n_));
    require_all(ACCEL_OK);
    return hints;
  }
  void verify_ring_digests(const Signed& set, size_t batch) { verify_digests(ring_, set, batch); }
  void verify_standard_ring_digests(const Signed& set) { verify_digests(standard_ring_, set, n_); }
  // A ring gives keys that are much used larger tables as it goes: verifies until that is done.
  void settle_ring() {
    constexpr size_t kMost = size_t{1} << 23;  // items
    size_t quiet = 0;
    for (size_t items = 0; items < kMost && quiet < work_.sizes.settled; items += n_) {
      const uint64_t before = table_bytes(ring_);
      verify_ring_digests(work_.sets[kKnown][kShort], n_);
      quiet = table_bytes(ring_) == before ? quiet + n_ : 0;
    }
  }
  void verify(Length length) {
    const Signed& set = work_.sets[kUnknown][length];
    const accel_messages view = work_.messages[length].view();
    check(accel_sm2_verify_many(nullptr, status_.data(), set.keys.data(), 64, set.signatures.data(), 64, &view,
                                default_id(), ACCEL_SM2_DEFAULT_ID_LENGTH, n_));
    require_all(ACCEL_OK);
  }
  void verify_ring(Length length) {
    const Signed& set = work_.sets[kKnown][length];
    const accel_messages view = work_.messages[length].view();
    check(accel_sm2_keyring_verify_many(nullptr, status_.data(), ring_.get(), set.signers.data(), set.signatures.data(),
                                        64, &view, n_));
    require_all(ACCEL_OK);
  }

  void sign_digests() {
    const Signed& set = work_.sets[kKnown][kShort];
    check(accel_sm2_sign_digest_many(nullptr, signatures_.data(), work_.key_pointers.data(), work_.key_pointers.size(),
                                     set.signers.data(), set.digests.data(), 32, n_));
  }
  void sign_messages() {
    const Signed& set = work_.sets[kKnown][kShort];
    const accel_messages view = work_.messages[kShort].view();
    check(accel_sm2_sign_many(nullptr, signatures_.data(), work_.key_pointers.data(), work_.key_pointers.size(),
                              set.signers.data(), &view, default_id(), ACCEL_SM2_DEFAULT_ID_LENGTH, n_));
  }
  // Item i of sets[kUnknown][kShort], with the nonces of the workload: what crypto_mb does.
  void sign_with_nonces() {
    digests_.resize(32 * n_);
    const accel_messages view = work_.messages[kShort].view();
    check(accel_sm2_digest_many(nullptr, digests_.data(), work_.public_keys.data(), 64, &view, default_id(),
                                ACCEL_SM2_DEFAULT_ID_LENGTH, n_));
    sm2::active_kernel().sign(status_.data(), signatures_.data(), sign_key_pointers_.data(), {wide_nonces_.data(), 64},
                              {digests_.data(), 32}, n_);
    require_all(ACCEL_OK);
  }
  void make_public_keys() {
    signatures_.resize(64 * n_);
    sm2::active_kernel().public_keys(signatures_.data(), {work_.secrets.data(), 32}, n_);
  }
  void generate_keys() {
    for (size_t i = 0; i < n_; ++i) {
      accel_sm2_private_key* key = nullptr;
      check(accel_sm2_private_key_generate(&key));
      accel_sm2_private_key_free(key);
    }
  }

  void require_all(uint8_t wanted) const {
    const auto good = std::count(status_.begin(), status_.end(), wanted);
    require(static_cast<size_t>(good) == n_, forced + ": an item's status is not what it must be");
  }
  const Bytes& output() const { return signatures_; }  // signatures or public keys of the last call that made some

  // A signature with one bit of s turned over is rejected, wherever it stands.
  void check_damaged() {
    for (const Signers signers : {kUnknown, kKnown}) {
      Signed set = work_.sets[signers][kShort];
      for (size_t i = 0; i < n_; ++i) set.signatures[64 * i + 40] ^= 1;
      check(accel_sm2_verify_digest_many(nullptr, status_.data(), set.keys.data(), 64, set.signatures.data(), 64,
                                         set.digests.data(), 32, n_));
      require_all(ACCEL_BAD_SIGNATURE);
      if (signers == kUnknown) continue;
      check(accel_sm2_keyring_verify_digest_many(nullptr, status_.data(), ring_.get(), set.signers.data(),
                                                 set.signatures.data(), 64, set.digests.data(), 32, n_));
      require_all(ACCEL_BAD_SIGNATURE);
    }
  }

  const std::string forced;

 private:
  struct FreeRing {
    void operator()(accel_sm2_keyring* ring) const { accel_sm2_keyring_free(ring); }
  };
  using Ring = std::unique_ptr<accel_sm2_keyring, FreeRing>;

  // table_limit: bytes; 0: the library's default.
  Ring make_ring(uint64_t table_limit) const {
    accel_sm2_keyring* ring = nullptr;
    check(accel_sm2_keyring_new(nullptr, &ring, nullptr, work_.public_keys.data(), 64, default_id(),
                                ACCEL_SM2_DEFAULT_ID_LENGTH, table_limit, kRing));
    return Ring(ring);
  }
  static uint64_t table_bytes(const Ring& ring) {
    uint64_t bytes = 0;
    check(accel_sm2_keyring_size(ring.get(), nullptr, nullptr, &bytes));
    return bytes;
  }
  void verify_digests(const Ring& ring, const Signed& set, size_t batch) {
    for (size_t i = 0; i < n_; i += batch) {
      check(accel_sm2_keyring_verify_digest_many(nullptr, &status_[i], ring.get(), &set.signers[i],
                                                 &set.signatures[64 * i], 64, &set.digests[32 * i], 32,
                                                 std::min(batch, n_ - i)));
    }
    require_all(ACCEL_OK);
  }

  const Workload& work_;
  const size_t n_;
  Bytes status_, signatures_, digests_, wide_nonces_;
  Ring ring_, standard_ring_;  // as much memory as the library likes; one standard table a key
  std::vector<sm2::SignKey> sign_keys_;
  std::vector<const sm2::SignKey*> sign_key_pointers_;
};

// OpenSSL, one at a time, on the first kOpensslItems items.
class Evp {
 public:
  explicit Evp(const Workload& work) : work_(work) {}
  void verify() const {
    for (size_t i = 0; i < kOpensslItems; ++i) {
      require(work_.evp_keys[i]->verify(work_.ders[i], digest(i)), "OpenSSL rejects a signature");
    }
  }
  void sign() const {
    uint8_t der[80];
    for (size_t i = 0; i < kOpensslItems; ++i) work_.evp_keys[i]->sign(der, digest(i));
  }
  // Signatures of the first items' digests in `set`, which our side has made.
  void check_signatures(const Bytes& signatures, const Signed& set) const {
    for (size_t i = 0; i < kOpensslItems; ++i) {
      Bytes damaged(&signatures[64 * i], &signatures[64 * i] + 64);
      require(work_.evp_keys[i]->verify(der_from_raw(damaged.data()), &set.digests[32 * i]),
              "OpenSSL rejects a signature of ours");
      damaged[40] ^= 1;
      require(!work_.evp_keys[i]->verify(der_from_raw(damaged.data()), &set.digests[32 * i]),
              "OpenSSL accepts a damaged signature");
    }
  }

 private:
  const uint8_t* digest(size_t i) const { return &work_.sets[kUnknown][kShort].digests[32 * i]; }
  const Workload& work_;
};

void check_all(Ours& ours, const Workload& work) {
  const Evp evp(work);
  for (const Length length : {kShort, kLong}) {
    for (const Signers signers : {kUnknown, kKnown}) {
      ours.verify_digests(work.sets[signers][length], work.sizes.items);
      evp.check_signatures(work.sets[signers][length].signatures, work.sets[signers][length]);
    }
    ours.verify_ring_digests(work.sets[kKnown][length], work.sizes.items);
    ours.verify_standard_ring_digests(work.sets[kKnown][length]);
    ours.verify(length);
    ours.verify_ring(length);
  }
  ours.check_damaged();
  ours.sign_digests();
  evp.check_signatures(ours.output(), work.sets[kKnown][kShort]);
  ours.sign_messages();
  evp.check_signatures(ours.output(), work.sets[kKnown][kShort]);
  ours.sign_with_nonces();
  evp.check_signatures(ours.output(), work.sets[kUnknown][kShort]);
  ours.make_public_keys();
  require(ours.output() == work.public_keys, "public keys differ");
}

// crypto_mb's four calls, with room for what they give.
struct Mb {
  Mb(const CryptoMb& library, const Workload& work)
      : verify_short(library.verifier(work.sets[kUnknown][kShort], work.messages[kShort])),
        verify_ring_short(library.verifier(work.sets[kKnown][kShort], work.messages[kShort])),
        verify_ring_long(library.verifier(work.sets[kKnown][kLong], work.messages[kLong])),
        sign_call(library.signer(work.secrets, work.nonces, work.public_keys, work.messages[kShort])),
        key_call(library.key_maker(work.secrets)),
        out(64 * work.sizes.items),
        n(work.sizes.items) {}

  size_t count_valid(const std::function<void(uint8_t*)>& verify) {
    verify(out.data());
    return static_cast<size_t>(std::count(out.begin(), out.begin() + static_cast<ptrdiff_t>(n), 1));
  }
  void verify(const std::function<void(uint8_t*)>& call) {
    require(count_valid(call) == n, "crypto_mb rejects a signature of ours");
  }
  void sign() { sign_call(out.data()); }
  void make_keys() { key_call(out.data()); }

  std::function<void(uint8_t*)> verify_short, verify_ring_short, verify_ring_long, sign_call, key_call;
  Bytes out;
  size_t n;
};

void check_crypto_mb(Mb& mb, const CryptoMb& library, Ours& ours, const Workload& work) {
  mb.verify(mb.verify_short);
  mb.verify(mb.verify_ring_short);
  mb.verify(mb.verify_ring_long);
  Signed damaged = work.sets[kUnknown][kShort];
  for (size_t i = 0; i < mb.n; ++i) damaged.signatures[64 * i + 40] ^= 1;
  require(mb.count_valid(library.verifier(damaged, work.messages[kShort])) == 0,
          "crypto_mb accepts a damaged signature");
  mb.sign();
  ours.sign_with_nonces();
  require(mb.out == ours.output(), "signatures with the same nonces differ between crypto_mb and us");
  mb.make_keys();
  for (size_t i = 0; i < 2 * mb.n; ++i) std::reverse(&mb.out[32 * i], &mb.out[32 * i] + 32);
  require(mb.out == work.public_keys, "public keys differ between crypto_mb and us");
}

// Rows of one kernel.
class Builder {
 public:
  Builder(const Workload& work, const std::string& kernel)
      : work_(work), n_(work.sizes.items), kernel_(kernel), ours_(std::make_shared<Ours>(work, kernel)) {
    check_all(*ours_, work);
    has_wide_tables_ = sm2::active_kernel().wide.bytes != 0;
    if (has_wide_tables_) ours_->settle_ring();
  }

  void add_openssl(bool scalar) {
    const auto evp = std::make_shared<Evp>(work_);
    const Side verify = {kOpensslItems, [evp] { evp->verify(); }, 1, {}};
    add("sm2.verify digests, unknown keys", kVerify, n_, unknown_digests(n_), "OpenSSL", verify,
        scalar ? kScalarUnknownGoal : Goal{}, scalar ? "scalar unknown" : "");
    add("sm2.verify digests, 64 known keys", kVerify, n_, known_digests(n_), "OpenSSL", verify,
        scalar ? kScalarKnownGoal : Goal{}, scalar ? "scalar known" : "");
    add("sm2.sign digests", kSign, n_, [o = ours_] { o->sign_digests(); }, "OpenSSL",
        {kOpensslItems, [evp] { evp->sign(); }, 1, {}});
  }

  // Against the same kernel without hints.
  void add_hints() {
    if (sm2::active_kernel().hinted.most == 0) return;
    const Signed& set = work_.sets[kUnknown][kShort];
    const Run hinted = [o = ours_, &set, hints = ours_->recovery_hints(set)] { o->verify_hinted_digests(set, hints); };
    add("sm2.verify digests, unknown keys, hints", kVerify, n_, hinted, "no hints", {n_, unknown_digests(n_), 1, {}},
        kHintGoal);
  }

  void add_small_batches() {
    const auto evp = std::make_shared<Evp>(work_);
    const Side verify = {kOpensslItems, [evp] { evp->verify(); }, 1, {}};
    for (const size_t batch : kSmallBatches) {
      add("sm2.verify digests, unknown keys", kVerify, batch, unknown_digests(batch), "OpenSSL", verify);
    }
    for (const size_t batch : kSmallBatches) {
      add("sm2.verify digests, 64 known keys", kVerify, batch, known_digests(batch), "OpenSSL", verify,
          batch == 1 ? kSingleGoal : Goal{});
    }
  }

  void add_key_generation() {
    const auto generator = std::make_shared<OpensslKeyGenerator>();
    add("sm2.generate keys", "", 1, [o = ours_] { o->generate_keys(); }, "OpenSSL",
        {kOpensslItems, [generator] { generator->generate(kOpensslItems); }, 1, {}});
  }

  void add_crypto_mb(const CryptoMb& library) {
    const auto mb = std::make_shared<Mb>(library, work_);
    check_crypto_mb(*mb, library, *ours_, work_);
    const Side verify = {n_, [mb] { mb->verify(mb->verify_short); }, 1, {}};
    const Side verify_known = {n_, [mb] { mb->verify(mb->verify_ring_short); }, 1, {}};
    const Side verify_long = {n_, [mb] { mb->verify(mb->verify_ring_long); }, 1, {}};
    const Side sign = {n_, [mb] { mb->sign(); }, 1, {}};
    const auto& o = ours_;
    const Run short_messages = [o] { o->verify(kShort); }, pipeline = [o] { o->verify_ring(kLong); };
    add("sm2.verify digests, unknown keys", kVerify, n_, unknown_digests(n_), "crypto_mb", verify, kUnknownGoal);
    add("sm2.verify 16 B messages, unknown keys", kVerify, n_, short_messages, "crypto_mb", verify, kUnknownGoal);
    add("sm2.verify digests, 64 known keys", kVerify, n_, known_digests(n_), "crypto_mb", verify_known, kKnownGoal);
    if (has_wide_tables_) {
      const auto verify_small = [o, &set = work_.sets[kKnown][kShort]] { o->verify_standard_ring_digests(set); };
      add("sm2.verify digests, 64 known, small tables", kVerify, n_, verify_small, "crypto_mb", verify_known);
    }
    add("sm2.verify 256 B messages, 64 known keys", kVerify, n_, pipeline, "crypto_mb", verify_long, kPipelineGoal);
    add("sm2.sign 16 B messages, nonces given", "", n_, [o] { o->sign_with_nonces(); }, "crypto_mb", sign, kSignGoal);
    add("sm2.sign 16 B messages", kSign, n_, [o] { o->sign_messages(); }, "crypto_mb", sign);
    add("sm2 public keys of given private keys", "", n_, [o] { o->make_public_keys(); }, "crypto_mb",
        {n_, [mb] { mb->make_keys(); }, 1, {}});
  }

  std::vector<Row> rows;

 private:
  static constexpr const char *kVerify = "sm2.verify", *kSign = "sm2.sign";
  using Run = std::function<void()>;

  Run unknown_digests(size_t batch) const {
    return [o = ours_, &set = work_.sets[kUnknown][kShort], batch] { o->verify_digests(set, batch); };
  }
  Run known_digests(size_t batch) const {
    return [o = ours_, &set = work_.sets[kKnown][kShort], batch] { o->verify_ring_digests(set, batch); };
  }
  void add(const char* task, const char* op, size_t batch, const Run& run, const char* peer, const Side& theirs,
           Goal goal = {}, const char* alternative = "") {
    rows.push_back({task, op, kernel_, ours_->forced, batch, {n_, run, 1, {}}, peer, theirs, goal, alternative});
  }

  const Workload& work_;
  const size_t n_;
  const std::string kernel_;
  const std::shared_ptr<Ours> ours_;
  bool has_wide_tables_;
};

}  // namespace

std::vector<Row> sm2_rows(const Workload& work, const CryptoMb* crypto_mb) {
  std::vector<Row> rows;
  const std::vector<std::string> kernels = kernels_of("sm2.verify");
  for (const std::string& kernel : kernels) {
    Builder builder(work, kernel);
    if (kernel == kernels.front() && crypto_mb != nullptr) builder.add_crypto_mb(*crypto_mb);
    builder.add_hints();
    builder.add_openssl(kernel == "adx" || kernel == "portable");
    if (kernel == kernels.front()) {
      builder.add_small_batches();
      builder.add_key_generation();
    }
    rows.insert(rows.end(), builder.rows.begin(), builder.rows.end());
  }
  return rows;
}

}  // namespace accel::bench
