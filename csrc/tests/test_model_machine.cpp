// The machine as a whole: one command against a sum done by hand, and what must hold for every run.
#include <gtest/gtest.h>

#include <map>

#include "model_testing.hpp"

namespace accel::model::testing {
namespace {

// One core, all clocks the reference of 1 GHz, a link of one byte a tick and 100 ticks of latency.
Settings by_hand() {
  return {{"clock.reference_mhz", "1000"},
          {"clock.core_divider", "1"},
          {"clock.noc_divider", "1"},
          {"clock.sram_divider", "1"},
          {"clock.dram_divider", "1"},
          {"chip.cores", "1"},
          {"noc.clusters", "1"},
          {"link.lanes", "1"},
          {"link.lane_mbps", "8000"},
          {"link.latency_ns", "100"},
          {"link.burst_overhead_bytes", "0"}};
}

Tick time_of(const Settings& settings, const Command& command) {
  Machine machine(configured(settings));
  machine.submit(command);
  machine.run();
  const std::vector<Completion> all = machine.take_completions();
  EXPECT_EQ(all.size(), 1u);
  return all.at(0).completed - all.at(0).arrived;
}

TEST(ModelMachine, OneHashOnOneCoreTakesTheSumOfItsLatencies) {
  const Tick descriptor = 64 + 100, decode = 16, input = 64 + 100, store = 33 + 2, dispatch = 2;
  const Tick fetch = 11 + 2,
             to_core = 1 + 3 + 3 + 3;  // an open row; 80 bytes over trunk and link with 16 about the task
  const Tick hash = 67 + 66;           // 64 bytes and their padding are two blocks
  const Tick to_memory = 1 + 3 + 1 + 3, write = 1 + 3, read = 1 + 3, result = 32 + 100, entry = 32 + 100;
  EXPECT_EQ(time_of(by_hand(), command_of(Opcode::kSm3Equal, 1, 64)), descriptor + decode + input + store + dispatch +
                                                                          fetch + to_core + hash + to_memory + write +
                                                                          read + result + entry);
}

TEST(ModelMachine, OneVerificationOnOneCoreTakesTheSumOfItsLatencies) {
  const Config config = configured(by_hand());
  const Tick descriptor = 64 + 100, decode = 16, input = 160 + 100, store = 33 + 5, dispatch = 2;
  const Tick fetch = 11 + 5, to_core = 1 + 3 + 6 + 3;  // 64 of signature, 64 of key, 32 of digest, 16 about the task
  const Tick verify = cycles_alone(unknown_key_program(config), config) + 32 * (2 + 4);  // a point before each step
  const Tick to_memory = 1 + 3 + 1 + 3, write = 1 + 3, read = 1 + 3, result = 1 + 100, entry = 32 + 100;
  EXPECT_EQ(time_of(by_hand(), command_of(Opcode::kVerifyDigests, 1)), descriptor + decode + input + store + dispatch +
                                                                           fetch + to_core + verify + to_memory +
                                                                           write + read + result + entry);
}

TEST(ModelMachine, ANodeOfATreeWaitsForBothLeaves) {
  // Four leaf hashes: two nodes of one task, out of DRAM; then the root, out of on-chip memory. 65 bytes are two
  // blocks.
  Machine machine(configured(by_hand()));
  machine.submit(command_of(Opcode::kMerkleRoot, 4));
  machine.run();
  EXPECT_EQ(value_of(machine, "cores.sm3_blocks"), 3u * 2);
  EXPECT_EQ(value_of(machine, "dispatcher.nodes"), 3u);
  EXPECT_EQ(value_of(machine, "dispatcher.tasks"), 2u);
  const Tick one = time_of(by_hand(), command_of(Opcode::kMerkleRoot, 1));
  const Tick further_input = 3 * 32 + 3;  // over the link, and beats of the memory's bus
  const Tick nodes = 2 + (11 + 4) + (1 + 3 + 5 + 3) + (3 * 67 + 66) + (2 + 3 + 1 + 3) + (1 + 3);
  const Tick root = 2 + (1 + 3) + (1 + 3 + 3 + 3) + (67 + 66) + (1 + 3 + 1 + 3) + (1 + 3);
  EXPECT_EQ(value_of(machine, "time.elapsed_ticks") - one, further_input + nodes + root);
}

std::vector<Command> mixed() {
  std::vector<Command> all;
  for (uint64_t i = 0; i < 60; ++i) {
    Command command = command_of(static_cast<Opcode>(i % kOpcodes), 1 + i * 37 % 200, i * 53 % 700);
    command.tag = 1000 + i;
    command.arrival_cycle = i * 1000;
    if (i % 4 == 1)
      for (uint64_t j = 0; j < command.count; ++j) command.lengths.push_back(static_cast<uint32_t>(i * j % 300));
    if (i % 3 == 2)
      for (uint64_t j = 0; j < command.count; ++j)
        command.keys.push_back(j % 5 == 0 ? kUnknownKey : static_cast<uint32_t>(j * 7 % 100));
    all.push_back(std::move(command));
  }
  for (const Opcode opcode : {Opcode::kSm3Equal, Opcode::kMerkleRoot}) {
    all.push_back(command_of(opcode, 0));
    all.back().arrival_cycle = all.size() * 1000;
  }
  return all;
}

uint64_t message_bytes(const Command& command, uint64_t item) {
  return command.lengths.empty() ? command.length : command.lengths[item] + 8;
}

TEST(ModelMachine, EveryCommandCompletesOnceAndAllBytesAreAccountedFor) {
  for (const char* const order : {"fifo", "fair"}) {
    for (const char* const policy : {"first_free", "round_robin", "least_loaded"}) {
      Machine machine(configured({{"dispatcher.order", order}, {"dispatcher.policy", policy}, {"core.contexts", "3"}}));
      const std::vector<Command> commands = mixed();
      run(machine, commands);
      std::map<uint64_t, uint64_t> seen;
      for (const Completion& it : machine.take_completions()) {
        ++seen[it.tag];
        EXPECT_GE(it.completed, it.arrived);
      }
      uint64_t in = 0, out = 0, known = 0, unknown = 0, tasks = 0;
      for (const Command& it : commands) {
        EXPECT_EQ(seen[it.tag], it.tag == 0 ? 2u : 1u);
        const bool verify = it.opcode == Opcode::kVerifyDigests || it.opcode == Opcode::kVerifyMessages;
        const bool tree = it.opcode == Opcode::kMerkleRoot || it.opcode == Opcode::kMerkleLevels;
        in += 64;
        out += 32;
        for (uint64_t i = 0; i < it.count; ++i) {
          if (tree) {
            in += 32;
            continue;
          }
          const bool has_table = !it.keys.empty() && it.keys[i] != kUnknownKey;
          in += it.opcode == Opcode::kVerifyDigests ? 32 + (it.lengths.empty() ? 0 : 8) : message_bytes(it, i);
          in += verify ? 64 + (has_table ? 4 : 64) : 0;
          ++(has_table ? known : unknown) -= verify ? 0 : 1;
        }
        tasks += tree ? 0 : it.count;
        uint64_t digests = tree ? 0 : it.count;
        for (uint64_t level = it.count; tree && level > 1; level = (level + 1) / 2) {
          digests += (level + 1) / 2;
          tasks += (level / 2 + 3) / 4;
        }
        out += verify ? it.count : it.opcode == Opcode::kMerkleRoot ? 32 : 32 * digests;
      }
      EXPECT_EQ(value_of(machine, "link.bytes_to_chip"), in);
      EXPECT_EQ(value_of(machine, "link.bytes_to_host"), out);
      EXPECT_EQ(value_of(machine, "cores.verifications_known"), known);
      EXPECT_EQ(value_of(machine, "cores.verifications_unknown"), unknown);
      EXPECT_EQ(value_of(machine, "dispatcher.tasks"), tasks);
      EXPECT_EQ(value_of(machine, "commands.completed"), commands.size());
      EXPECT_EQ(value_of(machine, "key_cache.hits") + value_of(machine, "key_cache.merged") +
                    value_of(machine, "key_cache.misses"),
                known);
    }
  }
}

TEST(ModelMachine, LittlesLawHoldsExactly) {
  Machine machine(Config::sim96());
  run(machine, mixed());
  // Both sides times the elapsed time: commands in the system over time, and the sum of their stays.
  EXPECT_EQ(value_of(machine, "system.command_ticks"), value_of(machine, "latency.sum_ticks"));
}

TEST(ModelMachine, TwoRunsAreTheSameInAllThatIsTold) {
  const auto told = [] {
    Machine machine(configured({{"key_cache.kib", "2048"}}));
    run(machine, mixed());
    std::string text = machine.bottleneck();
    for (const Statistic& it : machine.statistics()) text += it.name + "=" + std::to_string(it.value) + "\n";
    for (const Span& it : machine.timeline().spans())
      text += std::to_string(it.start) + " " + std::to_string(it.duration) + " " + std::to_string(it.track) + "\n";
    for (const Completion& it : machine.take_completions())
      text += std::to_string(it.tag) + " " + std::to_string(it.completed) + "\n";
    return text;
  };
  EXPECT_EQ(told(), told());
}

TEST(ModelMachine, RunningInPiecesIsRunningAtOnce) {
  Machine whole(Config::sim96()), pieces(Config::sim96());
  run(whole, mixed());
  for (const Command& command : mixed()) pieces.submit(command);
  for (Tick limit = pieces.now(); !pieces.idle(); limit += 10'000) pieces.run_until(limit);
  EXPECT_EQ(value_of(whole, "latency.sum_ticks"), value_of(pieces, "latency.sum_ticks"));
  EXPECT_EQ(value_of(whole, "time.elapsed_ticks"), value_of(pieces, "time.elapsed_ticks"));
}

TEST(ModelMachine, AHostThatKeepsSomeItemsUnderWaySubmitsInTime) {
  Machine machine(Config::sim96());
  for (const Command& command : batches(Opcode::kVerifyDigests, 8000, 1000, 0)) {
    machine.run_until_below(2000);
    machine.submit(command);
  }
  machine.run();
  uint64_t under_way = 0;
  std::map<Tick, int64_t> changes;
  for (const Completion& it : machine.take_completions()) {
    changes[it.arrived] += 1000;
    changes[it.completed] -= 1000;
  }
  for (const auto& [at, change] : changes) {
    under_way += static_cast<uint64_t>(change);
    EXPECT_LE(under_way, 2000u);
  }
  EXPECT_EQ(value_of(machine, "commands.completed"), 8u);
}

TEST(ModelMachine, StoppingBetweenEventsChangesNothing) {
  Machine whole(Config::sim96()), pieces(Config::sim96());
  run(whole, mixed());
  for (const Command& command : mixed()) pieces.submit(command);
  int stops = 0;
  while (!pieces.run_until_below(1, 1000)) ++stops;
  EXPECT_GT(stops, 10);
  pieces.run();  // commands of no items
  EXPECT_EQ(value_of(whole, "latency.sum_ticks"), value_of(pieces, "latency.sum_ticks"));
}

// Which they would not be if anything depended on addresses, on the order of a hash table or on floating point. The
// figures are the model's own: a change of the model or of its calibration changes them, another machine does not.
TEST(ModelMachine, TheTicksAreTheSameOnEveryMachine) {
  Machine machine(Config::sim96());
  run(machine, mixed());
  EXPECT_EQ(value_of(machine, "time.elapsed_ticks"), 4'331'626u);
  EXPECT_EQ(value_of(machine, "latency.sum_ticks"), 146'983'690u);
  EXPECT_EQ(value_of(machine, "simulation.events"), 149'970u);
}

TEST(ModelMachine, ACopyGoesOnByItself) {
  auto original = std::make_unique<Machine>(Config::sim96());
  for (const Command& command : mixed()) original->submit(command);
  original->run_until(200'000);
  Machine copy(*original);
  Machine kept(copy);
  copy.run();
  EXPECT_TRUE(copy.idle());
  EXPECT_FALSE(original->idle());
  EXPECT_EQ(original->now(), 200'000u);
  original->run();
  EXPECT_EQ(value_of(copy, "time.elapsed_ticks"), value_of(*original, "time.elapsed_ticks"));
  original.reset();  // copies do not live off it
  kept.run();
  EXPECT_EQ(value_of(copy, "latency.sum_ticks"), value_of(kept, "latency.sum_ticks"));
}

TEST(ModelMachine, MoreWorkTakesMoreTimeAndMoreOfAResourceNoMore) {
  Tick last = 0;
  for (uint64_t count = 1; count < 5000; count *= 4) {
    const Tick ticks = time_of({}, command_of(Opcode::kVerifyDigests, count));
    EXPECT_GE(ticks, last);
    last = ticks;
  }
  last = kNever;
  for (const char* const cores : {"8", "16", "32", "64", "128"}) {
    const Tick ticks = time_of({{"chip.cores", cores}}, command_of(Opcode::kVerifyDigests, 2000));
    EXPECT_LT(ticks, last);
    last = ticks;
  }
}

TEST(ModelMachine, NinetySixCoresReachTheEstimatedRate) {
  Machine machine(Config::sim96());
  run(machine, batches(Opcode::kVerifyDigests, 20'000, 4096, 0));
  EXPECT_NEAR(static_cast<double>(value_of(machine, "rate.items")), 1.6e6, 0.05e6);
  EXPECT_EQ(machine.bottleneck(), "multipliers");
}

TEST(ModelMachine, AKnownSignersTableIsFetchedOnceAndKept) {
  Machine machine(Config::sim96());
  run(machine, batches(Opcode::kVerifyDigests, 1000, 100, 0, 10));
  EXPECT_EQ(value_of(machine, "key_cache.misses"), 10u);
  EXPECT_EQ(value_of(machine, "key_cache.evictions"), 0u);
}

TEST(ModelMachine, ReplacementDecidesWhichTableLeaves) {
  // Room for two tables. Signer 0 is used again and again, 1 to 9 once each: least recently used keeps 0, first in
  // loses it.
  const auto misses = [](const char* policy) {
    Machine machine(configured({{"key_cache.kib", "120"}, {"key_cache.replacement", policy}}));
    Command command = command_of(Opcode::kVerifyDigests, 1);
    uint64_t cycle = 0;
    for (const uint32_t key : {0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8, 0, 9, 0}) {
      command.keys = {key};
      command.arrival_cycle = cycle += 100'000;
      machine.submit(command);
    }
    machine.run();
    return value_of(machine, "key_cache.misses");
  };
  EXPECT_EQ(misses("lru"), 10u);
  EXPECT_EQ(misses("fifo"), 14u);
}

TEST(ModelMachine, OneTableAtATimeStillEnds) {
  Machine machine(configured({{"key_cache.kib", "60"}, {"key_cache.misses", "1"}}));
  run(machine, batches(Opcode::kVerifyDigests, 300, 50, 0, 7));
  EXPECT_EQ(value_of(machine, "cores.verifications_known"), 300u);
}

TEST(ModelMachine, TheTimelineIsBoundedAndSaysSo) {
  Machine machine(configured({{"timeline.max_events", "10"}}));
  run(machine, batches(Opcode::kVerifyDigests, 100, 100, 0));
  EXPECT_EQ(machine.timeline().spans().size(), 10u);
  EXPECT_EQ(value_of(machine, "timeline.dropped"), 91u);  // 100 verifications and a command
}

TEST(ModelMachine, NothingHappensWithoutCommands) {
  Machine machine(Config::sim96());
  machine.run();
  machine.run_until_below(1);
  EXPECT_EQ(value_of(machine, "time.elapsed_ticks"), 0u);
  EXPECT_EQ(machine.bottleneck(), "latency");
  machine.run_until(500);
  EXPECT_EQ(machine.now(), 500u);
}

TEST(ModelMachine, ALoneCommandIsBoundByLatency) {
  Machine machine(Config::sim96());
  run(machine, {command_of(Opcode::kVerifyDigests, 1)});
  EXPECT_EQ(machine.bottleneck(), "latency");
}

TEST(ModelMachine, EnergyIsTheSumOfItsParts) {
  Machine machine(Config::sim96());
  run(machine, batches(Opcode::kVerifyDigests, 100, 100, 0));
  EXPECT_EQ(value_of(machine, "energy.product"), uint64_t{100} * 3388 * 409'600 / 1000);
  uint64_t sum = 0;
  for (const Statistic& it : machine.statistics())
    if (it.name.starts_with("energy.") && it.name != "energy.total") {
      sum += it.value;
      EXPECT_TRUE(it.description.find("(cited)") != std::string::npos ||
                  it.description.find("(assumed)") != std::string::npos)
          << it.name;
    }
  EXPECT_NEAR(static_cast<double>(value_of(machine, "energy.total")), static_cast<double>(sum), 10);
}

TEST(ModelMachine, StatisticsHaveNamesUnitsAndDescriptions) {
  Machine machine(Config::sim96());
  std::map<std::string, int> names;
  for (const Statistic& it : machine.statistics()) {
    EXPECT_EQ(++names[it.name], 1) << it.name;
    EXPECT_FALSE(it.unit.empty()) << it.name;
    EXPECT_GT(it.description.size(), 10u) << it.name;
  }
}

TEST(ModelMachine, CommandsThatMakeNoSenseAreRefused) {
  Machine machine(Config::sim96());
  Command command = command_of(Opcode::kSm3Ragged, 3);
  command.lengths = {1, 2};
  EXPECT_THROW(machine.submit(command), std::invalid_argument);
  command.lengths.clear();
  command.keys = {1};
  EXPECT_THROW(machine.submit(command), std::invalid_argument);
  EXPECT_THROW(machine.submit(command_of(static_cast<Opcode>(6), 1)), std::invalid_argument);
  EXPECT_THROW(machine.submit(command_of(Opcode::kSm3Equal, kMaxCount + 1)), std::invalid_argument);
  EXPECT_THROW(machine.submit(command_of(Opcode::kSm3Equal, 1, uint64_t{1} << 32)), std::invalid_argument);
  EXPECT_THROW(machine.submit(command_of(Opcode::kSm3Equal, 1000, (uint64_t{1} << 32) - 1)), std::invalid_argument);
  EXPECT_TRUE(machine.idle());
}

}  // namespace
}  // namespace accel::model::testing
