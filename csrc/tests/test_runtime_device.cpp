// The runtime's answers, over drivers that work.
#include <numeric>

#include "merkle/tree.hpp"
#include "runtime_testing.hpp"
#include "sm2/keyring.hpp"

namespace accel::runtime::testing {
namespace {

const std::vector<size_t> kSizes = {1, 2, 15, 64, some(1000), 4096, 4097, some(10000)};

TEST(RuntimeDevice, VerifiesBatchesOfEverySize) {
  Rig rig;
  rig.open();
  for (const size_t count : kSizes) {
    Batch batch(count);
    rig.device->run(batch.verify_digest());
    EXPECT_EQ(batch.status, batch.expected) << count;
  }
  EXPECT_EQ(rig.verified(), std::accumulate(kSizes.begin(), kSizes.end(), uint64_t{0}));
  EXPECT_EQ(rig.stat("fallback", "commands"), 0u);
  EXPECT_EQ(rig.stat("audit.wrong"), 0u);
  EXPECT_GT(rig.stat("driver.commands"), 0u);
}

TEST(RuntimeDevice, HashesEqualAndRaggedMessages) {
  Rig rig;
  rig.open();
  for (const size_t count : kSizes) {
    Batch batch(count);
    rig.device->run(batch.hash());
    EXPECT_EQ(batch.hashes, batch.expected_hashes) << count;

    Work equal = batch.hash();
    equal.messages.emplace(batch.keys.data(), 64, 61, count);
    std::vector<uint8_t> expected(32 * count);
    cpu::sm3_hash(expected.data(), *equal.messages);
    rig.device->run(equal);
    EXPECT_EQ(batch.hashes, expected) << count;
  }
  EXPECT_EQ(rig.stat("fallback", "commands"), 0u);
}

TEST(RuntimeDevice, TakesNothingForNothing) {
  Rig rig;
  rig.open();
  rig.device->run(Batch(0).verify_digest());
  rig.device->run(Batch(0).hash());
  EXPECT_EQ(rig.stat("commands"), 0u);
}

TEST(RuntimeDevice, RepeatsOneItemForAllWhereStridesAreZero) {
  Rig rig;
  rig.open();
  Batch batch(300);
  Work work = batch.verify_digest();
  work.keys.stride = work.signatures.stride = work.digests.stride = 0;
  rig.device->run(work);
  EXPECT_EQ(batch.status, std::vector<uint8_t>(300, batch.expected[0]));
}

struct Id {
  const char* name;
  std::string id;
  bool has_za;
};

TEST(RuntimeDevice, VerifiesMessagesUnderEveryKindOfId) {
  Rig rig;
  rig.open();
  Batch batch(500);
  for (const Id& id : {Id{"default", ACCEL_SM2_DEFAULT_ID, true}, Id{"none", "", false}, Id{"empty", "", true},
                       Id{"long", std::string(8191, 'x'), true}}) {
    const auto* const bytes = reinterpret_cast<const uint8_t*>(id.id.data());
    const sm2::Identity identity(bytes, id.has_za ? id.id.size() : ACCEL_SM2_NO_ZA);
    Work work = batch.verify_digest();
    work.op = Op::kVerify;
    work.messages.emplace(batch.ragged());
    work.identity = identity;
    work.has_za = id.has_za;
    work.id.assign(bytes, bytes + id.id.size());
    rig.device->run(work);
    std::vector<uint8_t> expected(500);
    cpu::sm2_verify(expected.data(), work.keys, work.signatures, batch.ragged(), identity);
    EXPECT_EQ(batch.status, expected) << id.name;
  }
}

TEST(RuntimeDevice, VerifiesByRingsWithAndWithoutHandles) {
  const sm2::testing::Signed& items = signed_items();
  const sm2::Identity identity(nullptr, ACCEL_SM2_NO_ZA);
  size_t bad_index;
  for (const bool handles : {true, false}) {
    Rig rig;
    if (!handles) rig.fake().caps.max_keys = 0;
    rig.open();
    const uint64_t loads_before = rig.fake().loads;
    for (int round = 0; round < 3; ++round) {
      const sm2::KeyRing ring({items.signers.data(), 64}, items.signers.size() / 64, identity, 0, &bad_index);
      Batch batch(some(1500));
      Work work = batch.verify_digest();
      work.keys = {};
      work.ring = &ring;
      work.indices = {batch.indices.data()};
      rig.device->run(work);
      EXPECT_EQ(batch.status, batch.expected) << handles;
      rig.device->run(work);
    }
    EXPECT_EQ(rig.fake().loads - loads_before, handles ? 3u : 0u);  // once for each ring
    EXPECT_EQ(rig.fake().with_handles > 0, handles);
  }
}

TEST(RuntimeDevice, GrowsTreesLikeTheCpu) {
  Rig rig;
  rig.open();
  const auto hasher = std::make_shared<DeviceHasher>(rig.device);
  for (const uint32_t id : {ACCEL_MERKLE_RFC9162, ACCEL_MERKLE_CHAINMAKER, ACCEL_MERKLE_BCOS}) {
    const merkle::Rule& rule = merkle::find_rule(id);
    for (const auto keep : {merkle::Keep::kAll, merkle::Keep::kRoot}) {
      merkle::Tree tree(rule, keep, hasher), expected(rule, keep);
      const uint64_t before = rig.stat("items.merkle");
      for (const size_t count : {1u, 2u, 7u, 4086u, 1u, 9000u, 4096u, 5000u, 12288u}) {
        const Batch batch(count, static_cast<uint8_t>(count));
        tree.append(batch.ragged());
        expected.append(batch.ragged());
        EXPECT_EQ(tree.head().root, expected.head().root) << rule.name << " " << expected.head().size;
      }
      // Leaves of patches that an append begins; where that is a single leaf, a tree without levels has nothing to ask.
      const uint64_t singles = keep == merkle::Keep::kAll ? 2 : 0;
      EXPECT_EQ(rig.stat("items.merkle") - before, 4905u + 809 + 1713 + 9905 + singles);
      if (keep == merkle::Keep::kRoot) continue;
      for (uint64_t i = 0; i < expected.head().size; i += 331) {
        std::vector<uint8_t> a(ACCEL_MERKLE_MAX_INCLUSION_PROOF), b(a.size());
        int64_t offsets[2];
        tree.prove_many(a, offsets, std::vector<uint64_t>{i});
        expected.prove_many(b, offsets, std::vector<uint64_t>{i});
        ASSERT_EQ(a, b) << i;
      }
    }
  }
  EXPECT_EQ(rig.stat("fallback", "commands"), 0u);
}

TEST(RuntimeDevice, LeavesToTheCpuWhatTheDeviceCannotDo) {
  Rig rig;
  rig.fake().caps.opcodes = 1u << ACCEL_OP_SM2_VERIFY_DIGEST;
  rig.fake().caps.flags = 0;
  rig.open();
  Batch batch(5000);
  rig.device->run(batch.hash());
  EXPECT_EQ(batch.hashes, batch.expected_hashes);
  EXPECT_EQ(rig.stat("fallback", "items.sm3"), 5000u);
  rig.device->run(batch.verify_digest());
  EXPECT_EQ(batch.status, batch.expected);
  EXPECT_EQ(rig.stat("items.sm2_verify"), 5000u);
}

TEST(RuntimeDevice, LeavesLongMessagesToTheCpu) {
  Rig rig;
  rig.open();
  const std::vector<uint8_t> data(kSlotBytes + 1, 7);
  Work work;
  work.count = 1;
  work.messages.emplace(data.data(), 0, data.size(), 1);
  uint8_t digest[32], expected[32];
  work.digests_out = digest;
  rig.device->run(work);
  cpu::sm3_hash(expected, *work.messages);
  EXPECT_EQ(0, std::memcmp(digest, expected, 32));
  EXPECT_EQ(rig.stat("fallback", "items.sm3"), 1u);
}

TEST(RuntimeDevice, StaysWithinWhatTheDeviceTakes) {
  Rig rig;
  rig.fake().caps.max_items = 50;
  rig.fake().caps.max_bytes = 3000;
  rig.fake().caps.max_message = 200;
  rig.fake().caps.queue_depth = 3;
  rig.fake().take_at_most = 1;
  rig.open();
  Batch batch(2000);
  rig.device->run(batch.hash());
  EXPECT_EQ(batch.hashes, batch.expected_hashes);
  rig.device->run(batch.verify_digest());
  EXPECT_EQ(batch.status, batch.expected);
  EXPECT_EQ(rig.stat("fallback", "commands"), 0u);
  EXPECT_LE(*std::max_element(rig.fake().sizes.begin(), rig.fake().sizes.end()), 50u);
}

TEST(RuntimeDevice, SharesBatchesByMeasuredRate) {
  Rig rig(2);
  rig.open();
  rig.fake(1).delay_ns = 20 * static_cast<int64_t>(kMillisecond);  // a command of its
  for (int round = 0; round < 4; ++round) {
    Batch batch(some(20000));
    rig.device->run(batch.verify_digest());
    EXPECT_EQ(batch.status, batch.expected);
  }
  EXPECT_EQ(rig.verified(), 4 * some(20000));
  EXPECT_GT(rig.stat("fake1", "items.sm2_verify"), 0u);
  EXPECT_GT(rig.stat("fake0", "items.sm2_verify"), rig.stat("fake1", "items.sm2_verify"));
}

TEST(RuntimeDevice, ServesManyThreadsAtOnce) {
  Rig rig(2);
  rig.open();
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < 10; ++round) {
        Batch batch(some(static_cast<size_t>(1 + 97 * t + 13 * round)), static_cast<uint8_t>(t));
        rig.device->run(batch.verify_digest());
        EXPECT_EQ(batch.status, batch.expected);
        rig.device->run(batch.hash());
        EXPECT_EQ(batch.hashes, batch.expected_hashes);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(RuntimeDevice, PartsNamesWhereAKnownOneFollows) {
  const std::vector<std::string> known = {"cpu", "sim96", "fault:FAULT:DEVICE", "plugin:PATH.so"};
  using Names = std::vector<std::string>;
  EXPECT_EQ(split_names("cpu", known), Names({"cpu"}));
  EXPECT_EQ(split_names("cpu+sim96", known), Names({"cpu", "sim96"}));
  EXPECT_EQ(split_names("plugin:/usr/lib/c++/x.so+cpu", known), Names({"plugin:/usr/lib/c++/x.so", "cpu"}));
  EXPECT_EQ(split_names("fault:none:cpu+plugin:a.so,b=1+sim96", known),
            Names({"fault:none:cpu", "plugin:a.so,b=1", "sim96"}));
  EXPECT_EQ(split_names("cpu+gpu", known), Names({"cpu+gpu"}));
}

}  // namespace
}  // namespace accel::runtime::testing
