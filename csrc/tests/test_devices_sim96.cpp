// The modelled accelerator behind accel/driver.h: the kernels' answers, the model's time, and what it tells of both.
#include <filesystem>
#include <fstream>
#include <map>

#include "base/error.hpp"
#include "driver_testing.hpp"

namespace accel::devices::testing {
namespace {

std::map<std::string, uint64_t> stats_of(OpenDevice& device) {
  const int32_t count = device.driver().stats(device.device, nullptr, 0);
  std::vector<accel_driver_stat> all(static_cast<size_t>(count));
  EXPECT_EQ(count, device.driver().stats(device.device, all.data(), static_cast<uint32_t>(count)));
  std::map<std::string, uint64_t> values;
  for (const accel_driver_stat& it : all) {
    EXPECT_NE(std::string(), it.unit);
    EXPECT_NE(std::string(), it.description);
    EXPECT_TRUE(values.emplace(it.name, it.value).second) << it.name;
  }
  return values;
}

std::vector<accel_command> every_opcode(Batch& batch) {
  accel_command ragged = batch.sm3(2);
  ragged.flags = ACCEL_COMMAND_RAGGED;
  ragged.messages_stride = ragged.message_length = 0;
  ragged.offsets = batch.offsets;
  accel_command root = command_of(ACCEL_OP_MERKLE_ROOT, 5, batch.count);
  root.digests = batch.digests;
  root.digests_stride = 32;
  root.rule = ACCEL_MERKLE_RFC9162;
  root.output = batch.output;
  root.output_size = 32;
  return {batch.sm3(1), ragged, batch.verify_digests(3), batch.verify(4), root};
}

TEST(DevicesSim96, AnswersAreThoseOfTheKernels) {
  OpenDevice cpu("cpu"), sim("sim96");
  EXPECT_EQ(sim.caps.time_kind, ACCEL_TIME_MODEL);
  EXPECT_EQ(std::string(sim.caps.name), "sim96");
  EXPECT_EQ(sim.caps.opcodes, cpu.caps.opcodes);
  Batch batch(100);
  for (const accel_command& command : every_opcode(batch)) {
    Bytes outputs[2], statuses[2];
    for (OpenDevice* const device : {&cpu, &sim}) {
      std::memset(batch.output, 0, 3200);
      std::memset(batch.status, 0, 100);
      const accel_completion completion = device->run(command);
      EXPECT_EQ(ACCEL_COMPLETION_DONE, completion.status);
      outputs[device == &sim] = Bytes(batch.output, batch.output + 3200);
      statuses[device == &sim] = batch.statuses();
      if (device == &sim) {
        EXPECT_EQ(0u, completion.device_ns);
      }
    }
    EXPECT_EQ(outputs[0], outputs[1]);
    EXPECT_EQ(statuses[0], statuses[1]);
    const bool verify = command.opcode == ACCEL_OP_SM2_VERIFY || command.opcode == ACCEL_OP_SM2_VERIFY_DIGEST;
    EXPECT_EQ(verify ? batch.expected : Bytes(100, ACCEL_NOT_CHECKED), statuses[1]);
  }
}

TEST(DevicesSim96, StatisticsShowWhatRan) {
  OpenDevice sim("sim96");
  Batch batch(100);
  EXPECT_EQ(0u, stats_of(sim)["model.time.elapsed_ticks"]);
  for (const accel_command& command : every_opcode(batch)) sim.run(command);
  std::map<std::string, uint64_t> stats = stats_of(sim);
  EXPECT_EQ(5u, stats["commands"]);
  EXPECT_EQ(200u, stats["items.sm3"]);
  EXPECT_EQ(200u, stats["items.sm2_verify"]);
  EXPECT_EQ(100u, stats["items.merkle"]);
  EXPECT_EQ(5u, stats["model.commands.completed"]);
  EXPECT_EQ(100u, stats["model.items.sm3_equal"]);
  EXPECT_EQ(100u, stats["model.items.sm3_ragged"]);
  EXPECT_EQ(100u, stats["model.items.verify_digests"]);
  EXPECT_EQ(100u, stats["model.items.verify_messages"]);
  EXPECT_EQ(100u, stats["model.items.merkle_root"]);
  EXPECT_EQ(200u, stats["model.cores.verifications_unknown"]);
  EXPECT_GT(stats["model.time.elapsed_ticks"], 0u);
}

TEST(DevicesSim96, KeysByHandleAreKnownSigners) {
  OpenDevice sim("sim96");
  Batch batch(64);
  ASSERT_EQ(ACCEL_DRIVER_OK, sim.driver().load_keys(sim.device, batch.keys, 64, 64, batch.handles));
  accel_command command = batch.verify();
  command.flags = ACCEL_COMMAND_HANDLES;
  command.keys = nullptr;
  command.key_handles = batch.handles;
  EXPECT_EQ(ACCEL_COMPLETION_DONE, sim.run(command).status);
  EXPECT_EQ(batch.expected, batch.statuses());
  EXPECT_EQ(64u, stats_of(sim)["model.cores.verifications_known"]);
}

TEST(DevicesSim96, TheSameCommandsTakeTheSameTimeHoweverTheyAreHandedOver) {
  Batch batch(50);
  const auto told = [&](bool one_by_one) {
    OpenDevice sim("sim96");
    for (int round = 0; round < 10; ++round) {
      const std::vector<accel_command> commands = every_opcode(batch);
      for (const accel_command& command : commands) {
        EXPECT_EQ(1, sim.enqueue(command));
        if (!one_by_one) continue;
        EXPECT_EQ(ACCEL_COMPLETION_DONE, sim.next().status);
        stats_of(sim);  // asking changes nothing
      }
      for (size_t i = 0; !one_by_one && i < commands.size(); ++i) EXPECT_EQ(ACCEL_COMPLETION_DONE, sim.next().status);
    }
    return stats_of(sim);
  };
  EXPECT_EQ(told(true), told(false));
}

TEST(DevicesSim96, WhatDoesNotRunTakesNoTime) {
  OpenDevice sim("sim96");
  Batch batch(10);
  accel_command command = batch.sm3();
  command.output_size = 1;
  EXPECT_EQ(ACCEL_COMPLETION_BAD_COMMAND, sim.run(command).status);
  EXPECT_EQ(0u, stats_of(sim)["model.commands.submitted"]);
  EXPECT_EQ(ACCEL_DRIVER_OK, sim.driver().reset(sim.device));
  EXPECT_EQ(ACCEL_COMPLETION_DONE, sim.run(batch.sm3()).status);
  const std::map<std::string, uint64_t> stats = stats_of(sim);
  EXPECT_EQ(1u, stats.at("resets"));
  EXPECT_EQ(1u, stats.at("model.commands.completed"));
}

TEST(DevicesSim96, AnotherChipComesFromAFile) {
  const std::filesystem::path path = std::filesystem::path(::testing::TempDir()) / "accel_sim96_test.toml";
  std::ofstream(path) << "[chip]\ncores = 8\n";
  OpenDevice small("sim:" + path.string()), large("sim96");
  ASSERT_EQ(ACCEL_DRIVER_OK, small.opened);
  EXPECT_EQ(std::string(small.caps.name), "sim");
  Batch batch(200);
  small.run(batch.verify());
  large.run(batch.verify());
  EXPECT_GT(stats_of(small)["model.time.elapsed_ticks"], 2 * stats_of(large)["model.time.elapsed_ticks"]);
  std::filesystem::remove(path);
}

TEST(DevicesSim96, AFileThatMakesNoSenseIsSaid) {
  const std::filesystem::path path = std::filesystem::path(::testing::TempDir()) / "accel_sim96_bad.toml";
  std::ofstream(path) << "[chip]\ncores = 0\n";
  const auto sentence_of = [](const std::string& options) {
    std::string heard;
    accel_driver_host host = quiet_host();
    host.context = &heard;
    host.log = [](void* context, int32_t, const char* message) { *static_cast<std::string*>(context) = message; };
    accel_driver_device* device = nullptr;
    const accel_driver& driver = *find("sim:" + options).driver;
    EXPECT_EQ(nullptr, driver.probe);  // it could not say why
    EXPECT_EQ(ACCEL_DRIVER_NO_DEVICE, driver.open(options.c_str(), &host, &device));
    return heard;
  };
  EXPECT_EQ(path.string() + ": chip.cores: expected a whole number from 1 to 4096, got 0", sentence_of(path.string()));
  EXPECT_EQ("/nowhere.toml: No such file or directory", sentence_of("/nowhere.toml"));
  EXPECT_EQ("/: expected a TOML file, got a directory", sentence_of("/"));
  EXPECT_THROW(find("sim:"), Error);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace accel::devices::testing
