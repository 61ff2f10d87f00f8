// Each modelled resource: a workload that needs it, and what halving it does to the cycles and to the bottleneck named.
#include <gtest/gtest.h>

#include <iostream>

#include "model_testing.hpp"

namespace accel::model::testing {
namespace {

using Workload = std::vector<Command> (*)();

std::vector<Command> long_messages() { return batches(Opcode::kSm3Equal, 20'000, 1000, 1024); }
std::vector<Command> empty_messages() { return batches(Opcode::kSm3Equal, 40'000, 1000, 0); }
std::vector<Command> single_messages() { return batches(Opcode::kSm3Equal, 2'000, 1, 32); }
std::vector<Command> unknown_signers() { return batches(Opcode::kVerifyDigests, 2'000, 500, 0); }
std::vector<Command> few_signers() { return batches(Opcode::kVerifyDigests, 4'000, 500, 0, 64); }
std::vector<Command> many_signers() { return batches(Opcode::kVerifyDigests, 4'000, 500, 0, 130); }

// Single messages flow without a pause for anything but what a case takes away.
Settings flowing(Settings further) {
  Settings settings{{"completion.host_drain_ns", "1"},
                    {"completion.depth", "256"},
                    {"submission.depth", "256"},
                    {"submission.decode_cycles", "10"},
                    {"dispatcher.window", "256"}};
  settings.insert(settings.end(), further.begin(), further.end());
  return settings;
}

// Bandwidth enough for SM3 units to be the limit of long messages.
Settings broad(Settings further) {
  Settings settings{{"link.lanes", "48"}, {"link.outstanding", "256"}, {"dram.channels", "16"}};
  settings.insert(settings.end(), further.begin(), further.end());
  return settings;
}

struct Case {
  std::string name;
  Workload workload;
  Settings base;
  Setting halved;
  std::string before, after;  // the bottlenecks
};

std::vector<Case> cases() {
  return {
      {"LinkLanes", long_messages, broad({}), {"link.lanes", "24"}, "sm3_units", "link_to_chip"},
      {"LinkBaud",
       unknown_signers,
       {{"link.kind", "baud"}, {"link.baud", "3000000"}},
       {"link.baud", "1500000"},
       "link_to_chip",
       "link_to_chip"},
      {"LinkOutstanding",
       long_messages,
       broad({{"link.outstanding", "128"}}),
       {"link.outstanding", "64"},
       "sm3_units",
       "dma_reads"},
      {"LinkToHost", empty_messages, {{"link.lanes", "12"}}, {"link.lanes", "6"}, "dispatcher", "link_to_host"},
      {"SubmissionQueue",
       single_messages,
       flowing({{"submission.depth", "64"}}),
       {"submission.depth", "32"},
       "decoder",
       "submission_queue"},
      {"Decoder", single_messages, flowing({}), {"submission.decode_cycles", "20"}, "decoder", "decoder"},
      {"Window",
       single_messages,
       flowing({{"dispatcher.window", "128"}}),
       {"dispatcher.window", "64"},
       "decoder",
       "window"},
      {"CompletionQueue",
       single_messages,
       flowing({{"completion.depth", "56"}}),
       {"completion.depth", "28"},
       "decoder",
       "completion_queue"},
      {"HostDrain",
       single_messages,
       flowing({{"completion.host_drain_ns", "9"}}),
       {"completion.host_drain_ns", "18"},
       "decoder",
       "host_drain"},
      {"Dispatcher",
       empty_messages,
       {{"chip.cores", "32"}, {"link.lanes", "32"}},
       {"dispatcher.task_cycles", "4"},
       "sm3_units",
       "dispatcher"},
      {"Cores",
       unknown_signers,
       {{"link.lanes", "1"}, {"link.lane_mbps", "1800"}},
       {"chip.cores", "48"},
       "link_to_chip",
       "multipliers"},
      {"CoreClock",
       unknown_signers,
       {{"link.lanes", "1"}, {"link.lane_mbps", "1800"}},
       {"clock.core_divider", "8"},
       "link_to_chip",
       "multipliers"},
      {"CoreBuffers",
       long_messages,
       broad({{"core.contexts", "1"}, {"core.buffers", "2"}, {"noc.hop_cycles", "100"}}),
       {"core.buffers", "1"},
       "sm3_units",
       "core_buffers"},
      {"CoreContexts", unknown_signers, {}, {"core.contexts", "1"}, "multipliers", "core_contexts"},
      {"Sm3Units",
       long_messages,
       {{"dram.channels", "16"}, {"calibration.sm3_interval_cycles", "150"}, {"calibration.sm3_latency_cycles", "150"}},
       {"calibration.sm3_interval_cycles", "300"},
       "link_to_chip",
       "sm3_units"},
      {"Multipliers",
       unknown_signers,
       {{"calibration.multiplier_interval_cycles", "8"}, {"core.contexts", "1"}},
       {"calibration.multiplier_interval_cycles", "16"},
       "core_contexts",
       "core_contexts"},
      {"MultipliersShared",
       unknown_signers,
       {{"calibration.multiplier_interval_cycles", "8"}, {"calibration.sequencer_product_cycles", "12"}},
       {"calibration.multiplier_interval_cycles", "16"},
       "sequencers",
       "multipliers"},
      {"Sequencers",
       unknown_signers,
       {{"calibration.sequencer_product_cycles", "12"}},
       {"calibration.sequencer_product_cycles", "24"},
       "multipliers",
       "sequencers"},
      {"GTablePorts",
       few_signers,
       {{"gtable.ports", "2"}, {"gtable.port_bytes", "8"}},
       {"gtable.ports", "1"},
       "multipliers",
       "gtable_ports"},
      {"GTablePortWidth",
       few_signers,
       {{"gtable.ports", "1"}, {"gtable.port_bytes", "16"}},
       {"gtable.port_bytes", "8"},
       "multipliers",
       "gtable_ports"},
      {"KeyCache",
       many_signers,
       {{"dram.channels", "16"}, {"key_cache.misses", "1"}, {"key_cache.kib", "8192"}},
       {"key_cache.kib", "4096"},
       "multipliers",
       "key_cache"},
      {"KeyCacheMisses",
       many_signers,
       {{"dram.channels", "16"}, {"key_cache.misses", "2"}, {"key_cache.kib", "7200"}, {"dram.miss_cycles", "600"}},
       {"key_cache.misses", "1"},
       "key_cache",
       "key_cache"},
      {"SramBanks",
       few_signers,
       {{"sram.banks", "8"}, {"sram.bank_bytes", "5"}},
       {"sram.banks", "4"},
       "multipliers",
       "sram_banks"},
      {"SramClock",
       few_signers,
       {{"sram.banks", "8"}, {"sram.bank_bytes", "5"}},
       {"clock.sram_divider", "8"},
       "multipliers",
       "sram_banks"},
      {"DramChannels", long_messages, broad({{"dram.channels", "8"}}), {"dram.channels", "4"}, "sm3_units", "dram_bus"},
      {"DramClock",
       long_messages,
       broad({{"dram.channels", "8"}}),
       {"clock.dram_divider", "10"},
       "sm3_units",
       "dram_bus"},
      {"DramBanks",
       long_messages,
       broad({{"dram.channels", "8"}, {"dram.row_bytes", "256"}, {"dram.banks", "6"}}),
       {"dram.banks", "3"},
       "sm3_units",
       "dram_banks"},
      {"NocTrunk",
       long_messages,
       broad({{"noc.trunk_bytes", "120"}}),
       {"noc.trunk_bytes", "60"},
       "sm3_units",
       "noc_to_cores"},
      {"NocLinks",
       long_messages,
       broad({{"noc.link_bytes", "16"}}),
       {"noc.link_bytes", "8"},
       "sm3_units",
       "noc_to_cores"},
      {"NocClusters",
       long_messages,
       broad({{"noc.clusters", "4"}}),
       {"noc.clusters", "2"},
       "sm3_units",
       "noc_to_cores"},
      {"NocClock",
       long_messages,
       broad({{"noc.trunk_bytes", "120"}}),
       {"clock.noc_divider", "8"},
       "sm3_units",
       "noc_to_cores"},
      {"NocToMemory",
       empty_messages,
       {{"dispatcher.task_cycles", "1"}, {"chip.cores", "48"}, {"noc.trunk_bytes", "32"}},
       {"noc.trunk_bytes", "16"},
       "sm3_units",
       "noc_to_memory"},
  };
}

void PrintTo(const Case& it, std::ostream* out) { *out << it.name; }

class ModelResource : public ::testing::TestWithParam<Case> {};

TEST_P(ModelResource, HalvedTakesCyclesAndTheBottleneckFollows) {
  const Case& it = GetParam();
  Machine before(configured(it.base));
  run(before, it.workload());
  Settings settings = it.base;
  settings.push_back(it.halved);
  Machine after(configured(settings));
  run(after, it.workload());
  const uint64_t ticks_before = value_of(before, "time.elapsed_ticks");
  const uint64_t ticks_after = value_of(after, "time.elapsed_ticks");
  EXPECT_GE(ticks_after, ticks_before + ticks_before / 10);
  EXPECT_EQ(before.bottleneck(), it.before);
  EXPECT_EQ(after.bottleneck(), it.after);
  if (HasFailure()) {
    for (size_t i = 0; i < before.pressures().size(); ++i)
      std::cout << before.pressures()[i].resource << ": " << before.pressures()[i].ppm << " ppm, then "
                << after.pressures()[i].ppm << '\n';
  }
}

INSTANTIATE_TEST_SUITE_P(Halved, ModelResource, ::testing::ValuesIn(cases()),
                         [](const auto& it) { return it.param.name; });

}  // namespace
}  // namespace accel::model::testing
