// What time is made of: servers, slots, memories, and a core's multiplier, against cases that were computed by hand.
#include <gtest/gtest.h>

#include "model_testing.hpp"

namespace accel::model::testing {
namespace {

TEST(ModelEngine, EventsOfOneTickHappenInTheOrderInWhichTheyWereMade) {
  EventQueue queue;
  for (uint32_t i = 0; i < 100; ++i) queue.push(7 - i % 2, EventKind::kArrive, i);
  uint32_t odd = 1, even = 0;
  for (int i = 0; i < 50; ++i, odd += 2) EXPECT_EQ(queue.pop().a, odd);
  for (int i = 0; i < 50; ++i, even += 2) EXPECT_EQ(queue.pop().a, even);
  EXPECT_TRUE(queue.empty());
}

TEST(ModelEngine, AServerServesInTheOrderOfAsking) {
  Server server;
  EXPECT_EQ(server.reserve(10, 5), 15u);
  EXPECT_EQ(server.reserve(11, 5), 20u);
  EXPECT_EQ(server.reserve(30, 5), 35u);
  EXPECT_EQ(server.busy(), 15u);
  EXPECT_EQ(server.waited(), 4u);
}

TEST(ModelEngine, AGapServerFillsGaps) {
  GapServer server;
  EXPECT_EQ(server.reserve(0, 10, 5), 15u);
  EXPECT_EQ(server.reserve(0, 30, 5), 35u);
  EXPECT_EQ(server.reserve(0, 2, 8), 10u);    // before the first
  EXPECT_EQ(server.reserve(0, 0, 4), 19u);    // [0, 2) is too small; after [2, 15)
  EXPECT_EQ(server.reserve(0, 19, 11), 30u);  // just fits
  EXPECT_EQ(server.reserve(0, 0, 2), 2u);
  EXPECT_EQ(server.reserve(0, 0, 1), 36u);  // all is one now
  EXPECT_EQ(server.reserve(36, 36, 1), 37u);
  EXPECT_EQ(server.busy(), 37u);
}

TEST(ModelEngine, SlotsCountTheTimeInWhichMoreWasWanted) {
  Slots slots(2);
  slots.take(0);
  slots.take(10);
  slots.wait(15, true);
  slots.release(25);
  slots.take(30);
  EXPECT_EQ(slots.blocked(40), 10u + 10u);
  EXPECT_EQ(slots.held(40), 10u + 2u * 15 + 5 + 2u * 10);
  EXPECT_EQ(slots.most(), 2u);
}

TEST(ModelMemory, DramOpensRowsAndSharesTheBus) {
  const Config config = configured({{"clock.dram_divider", "1"}, {"dram.channels", "2"}, {"dram.banks", "2"}});
  Dram dram(config);
  EXPECT_EQ(dram.access(0, 0, 64), 33u + 2);                 // another row, two beats of 32 bytes
  EXPECT_EQ(dram.access(35, 64, 64), 35u + 11 + 2);          // the open row
  EXPECT_EQ(dram.access(48, 256, 64), 48u + 33 + 2);         // the other channel
  EXPECT_EQ(dram.access(100, 2 * 8192, 32), 100u + 33 + 1);  // the other bank of channel 0
  EXPECT_EQ(dram.access(100, 128, 32), 100u + 11 + 1);       // overtakes it on the bus
  EXPECT_EQ(dram.access(200, 4 * 8192, 32), 200u + 33 + 1);  // the first bank's next row
  EXPECT_EQ(dram.access(200, 0, 32), 234u + 33 + 1);         // must wait for that bank
  EXPECT_EQ(dram.bytes(), 64u * 3 + 32 * 4);
  EXPECT_EQ(dram.hits(), 2u);
  EXPECT_EQ(dram.misses(), 5u);
}

TEST(ModelMemory, SramSpreadsWordsOverItsBanks) {
  const Config config = configured({{"clock.sram_divider", "1"}, {"sram.banks", "4"}, {"sram.bank_bytes", "8"}});
  Sram sram(config);
  EXPECT_EQ(sram.access(0, 0, 32), 1u + 3);        // four words, four banks
  EXPECT_EQ(sram.access(10, 4, 32), 10u + 2 + 3);  // five words
  EXPECT_EQ(sram.access(20, 8, 8), 20u + 1 + 3);
  EXPECT_EQ(sram.access(20, 40, 8), 20u + 2 + 3);  // the same bank
  EXPECT_EQ(sram.access(30, 0, 0), 30u);
}

TEST(ModelMemory, ASharedTableHasPorts) {
  const Config config = configured({{"clock.core_divider", "1"}, {"gtable.ports", "2"}});
  GTable table(config);
  EXPECT_EQ(table.read(0), 2u + 4);  // 64 bytes in two beats of 32, and the latency
  EXPECT_EQ(table.read(0), 2u + 4);
  EXPECT_EQ(table.read(0), 4u + 4);
}

TEST(ModelMemory, BaudAndLanes) {
  // 3 Mbaud carry 300,000 bytes a second: 10 ms for 3,000.
  const Config serial =
      configured({{"link.kind", "baud"}, {"link.burst_overhead_bytes", "0"}, {"link.latency_ns", "0"}});
  EXPECT_EQ(Link(serial).to_chip(0, 3000), serial.ticks_per_second() / 100);
  // 16 lanes of 15,754 Mbit/s: 512 bytes and 24 of overhead in 17.01 ns, which are 68.04 ticks; then 500 ns.
  const Config lanes = Config::sim96();
  EXPECT_EQ(Link(lanes).to_host(0, 512), 69u + 2000);
}

uint64_t ticks_of_one_step(const Config& config, const Program& program, uint32_t contexts, uint64_t rounds) {
  // All contexts run the whole program again and again, as one step.
  const Clock clock(1);
  Datapath datapath(config, clock);
  const Step all{0, static_cast<uint32_t>(program.groups.size()), 0, 0};
  for (uint32_t i = 0; i < contexts; ++i) datapath.begin(0, i, program, all, 0);
  Tick now = 0;
  for (uint64_t left = rounds * contexts; left > 0; --left) {
    const auto end = datapath.plan();
    EXPECT_TRUE(end.has_value());
    datapath.reach(*end);
    now = end->at;
    if (left > contexts) datapath.begin(now, end->context, program, all, now);
  }
  EXPECT_FALSE(datapath.plan().has_value());
  EXPECT_EQ(datapath.products(), rounds * contexts * program.products);
  return now;
}

TEST(ModelDatapath, GroupsWaitForTheOneBefore) {
  const Config config = Config::sim96();
  Program program;
  program.groups = {4, 3, 1};
  program.products = 8;
  // (4 - 1) * 16 + 45, (3 - 1) * 16 + 45, 45.
  EXPECT_EQ(ticks_of_one_step(config, program, 1, 1), 93u + 77 + 45);
  EXPECT_EQ(cycles_alone(program, config), 93u + 77 + 45);
}

TEST(ModelDatapath, TwoContextsShareTheMultiplier) {
  const Config config = Config::sim96();
  Program program;
  program.groups = {4, 4};
  program.products = 8;
  // Context 0 issues at 0 and has its result at 93. Context 1 issues at 64 + 7, until 135. Context 0 goes on at 135 + 7
  // = 142, until 206, and ends at 142 + 93. Context 1 (ready at 71 + 93 = 164) issues at 206 + 7 and ends at 213 + 93.
  EXPECT_EQ(ticks_of_one_step(config, program, 2, 1), 306u);
}

TEST(ModelDatapath, ASlowSequencerHoldsTheMultiplierUp) {
  const Config config = configured({{"calibration.sequencer_product_cycles", "50"}});
  Program program;
  program.groups = {2, 2};
  program.products = 4;
  EXPECT_EQ(ticks_of_one_step(config, program, 1, 1), 200u);
}

TEST(ModelDatapath, AVerificationTakesTheCyclesOfTheEstimate) {
  const Config config = Config::sim96();
  const Program program = unknown_key_program(config);
  EXPECT_NEAR(static_cast<double>(program.products), 3300, 100);
  EXPECT_EQ(program.base_reads, 32u);
  EXPECT_NEAR(static_cast<double>(cycles_alone(program, config)), 79'000, 500);
  EXPECT_EQ(ticks_of_one_step(config, program, 1, 1), cycles_alone(program, config));
  const double interleaved = static_cast<double>(ticks_of_one_step(config, program, 2, 20)) / 40;
  EXPECT_GT(interleaved, 55'000);
  EXPECT_LT(interleaved, 65'000);
}

TEST(ModelDatapath, WhatComesInBetweenTakesThePlanBack) {
  // A second verification that begins in the middle of the first one's step gets the multiplier as if every group had
  // been an event: begun at the same moments in small steps and in large ones, both end at the same ticks.
  const Config config = Config::sim96();
  Program program;
  program.groups.assign(40, 4);
  program.products = 160;
  const Clock clock(1);
  Datapath large(config, clock);
  large.begin(0, 0, program, {0, 40, 0, 0}, 0);
  ASSERT_TRUE(large.plan().has_value());
  large.begin(1000, 1, program, {0, 10, 0, 0}, 1003);
  const auto first = large.plan();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->context, 1u);
  // Alone until 1,003: groups at 0, 93 ... 930, the last one under way until 994 and ready at 1,023. Context 1 issues
  // at 1,003 + 7, then both in turn, 64 + 7 apart: its tenth group at 1,010 + 9 * 142, ready 93 later.
  EXPECT_EQ(first->at, 1010u + 9 * 142 + 93);
  large.reach(*first);
  const auto second = large.plan();
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->context, 0u);
  // Context 0 issued 11 groups before and 10 in turn, the last at 1,010 + 9 * 142 + 71; alone again, one each 93
  // cycles.
  EXPECT_EQ(second->at, 1010u + 9 * 142 + 71 + 19 * 93 + 93);
}

}  // namespace
}  // namespace accel::model::testing
