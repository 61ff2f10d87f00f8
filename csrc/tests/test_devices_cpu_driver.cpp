// The CPU behind accel/driver.h: every opcode, the life of commands, and what is malformed.
#include <poll.h>

#include <algorithm>
#include <set>
#include <thread>

#include "accel/golden.h"
#include "base/error.hpp"
#include "devices/pace.hpp"
#include "driver_testing.hpp"

namespace accel::devices::testing {
namespace {

void expect_done(const accel_completion& completion, const accel_command& command) {
  EXPECT_EQ(ACCEL_COMPLETION_DONE, completion.status);
  EXPECT_EQ(command.tag, completion.tag);
  EXPECT_EQ(command.count, completion.count);
  EXPECT_EQ(command.opcode, completion.opcode);
}

TEST(DevicesCpuDriver, Sm3) {
  OpenDevice cpu("cpu");
  Batch batch(100);
  accel_command command = batch.sm3(UINT64_MAX);
  expect_done(cpu.run(command), command);
  EXPECT_EQ(batch.expected_hashes, Bytes(batch.output, batch.output + 3200));
  std::memset(batch.output, 0, 3200);
  command.flags = ACCEL_COMMAND_RAGGED;
  command.messages_stride = command.message_length = 0;
  command.offsets = batch.offsets;
  expect_done(cpu.run(command), command);
  EXPECT_EQ(batch.expected_hashes, Bytes(batch.output, batch.output + 3200));
  EXPECT_EQ(200u, cpu.stat("items.sm3"));
  EXPECT_EQ(2u, cpu.stat("commands"));
}

TEST(DevicesCpuDriver, Verify) {
  OpenDevice cpu("cpu");
  for (const size_t count : {1, 12, 64, 8200}) {
    Batch batch(count);
    for (const accel_command& command : {batch.verify_digests(7), batch.verify(8)}) {
      std::memset(batch.status, 0, count);
      expect_done(cpu.run(command), command);
      EXPECT_EQ(batch.expected, batch.statuses());
    }
  }
}

TEST(DevicesCpuDriver, KeysByHandle) {
  OpenDevice cpu("cpu");
  Batch batch(64);
  // Two loads, so that handles belong to two rings; one key is off the curve.
  ASSERT_EQ(ACCEL_DRIVER_OK, cpu.driver().load_keys(cpu.device, batch.keys, 64, 30, batch.handles));
  ASSERT_EQ(ACCEL_DRIVER_OK, cpu.driver().load_keys(cpu.device, batch.keys + 64 * 30, 64, 34, batch.handles + 30));
  EXPECT_EQ(64u, std::set<uint32_t>(batch.handles, batch.handles + 64).size());
  for (accel_command command : {batch.verify_digests(), batch.verify()}) {
    command.flags = ACCEL_COMMAND_HANDLES;
    command.keys = nullptr;
    command.key_handles = batch.handles;
    std::memset(batch.status, 0, 64);
    expect_done(cpu.run(command), command);
    EXPECT_EQ(batch.expected, batch.statuses());
    command.count = 1;  // one ring alone
    std::memset(batch.status, 0, 64);
    expect_done(cpu.run(command), command);
    EXPECT_EQ(batch.expected[0], batch.status[0]);
  }
  ASSERT_EQ(ACCEL_DRIVER_OK, cpu.driver().unload_keys(cpu.device, batch.handles + 5, 1));
  EXPECT_EQ(ACCEL_DRIVER_BAD_ARGUMENT, cpu.driver().unload_keys(cpu.device, batch.handles + 5, 1));
  accel_command command = batch.verify_digests();
  command.flags = ACCEL_COMMAND_HANDLES;
  command.key_handles = batch.handles;
  EXPECT_EQ(ACCEL_COMPLETION_BAD_COMMAND, cpu.run(command).status);
  EXPECT_EQ(Bytes(64, ACCEL_NOT_CHECKED), batch.statuses());
}

// R as the golden library computes it.
TEST(DevicesCpuDriver, Points) {
  OpenDevice cpu("cpu");
  Batch batch(40);
  accel_command command = batch.verify_digests();
  command.flags = ACCEL_COMMAND_POINTS;
  command.points_out = batch.points;
  expect_done(cpu.run(command), command);
  EXPECT_EQ(batch.expected, batch.statuses());
  for (size_t i = 0; i < batch.count; ++i) {
    if (batch.expected[i] != ACCEL_OK) continue;
    accel_golden_verification trace = {};
    trace.struct_size = sizeof trace;
    ASSERT_EQ(ACCEL_GOLDEN_OK, accel_golden_sm2_verify_bytes(&trace, batch.keys + 64 * i, batch.signatures + 64 * i,
                                                             batch.digests + 32 * i));
    uint8_t point[64];
    accel_golden_number_to_bytes(point, trace.sum);
    accel_golden_number_to_bytes(point + 32, trace.sum + 8);
    EXPECT_EQ(0, std::memcmp(point, batch.points + 64 * i, 64)) << i;
  }
}

TEST(DevicesCpuDriver, Merkle) {
  OpenDevice cpu("cpu");
  for (const size_t count : {1, 2, 3, 37, 64}) {
    Batch batch(count);
    for (const uint32_t rule : {ACCEL_MERKLE_RFC9162, ACCEL_MERKLE_CHAINMAKER, ACCEL_MERKLE_BCOS}) {
      Bytes levels(32 * (2 * count + 10));
      uint64_t nodes;
      ASSERT_EQ(ACCEL_GOLDEN_OK,
                accel_golden_merkle_levels(levels.data(), 2 * count + 10, &nodes, rule, batch.digests, count));
      accel_command command = batch.merkle(ACCEL_OP_MERKLE_LEVELS, rule);
      expect_done(cpu.run(command), command);
      EXPECT_EQ(0, std::memcmp(levels.data() + 32 * count, batch.output, 32 * (nodes - count)));
      command = batch.merkle(ACCEL_OP_MERKLE_ROOT, rule);
      expect_done(cpu.run(command), command);
      EXPECT_EQ(0, std::memcmp(levels.data() + 32 * (nodes - 1), batch.output, 32));
    }
  }
}

TEST(DevicesCpuDriver, MalformedAndUnsupported) {
  OpenDevice cpu("cpu");
  Batch batch(16);
  const auto expect = [&](accel_completion_status status, const accel_command& base, auto change) {
    accel_command command = base;
    change(command);
    EXPECT_EQ(status, cpu.run(command).status);
  };
  const auto bad = ACCEL_COMPLETION_BAD_COMMAND, unsupported = ACCEL_COMPLETION_UNSUPPORTED;
  expect(unsupported, batch.sm3(), [](accel_command& c) { c.opcode = 63; });
  expect(unsupported, batch.sm3(), [](accel_command& c) { c.opcode = 1000; });
  expect(unsupported, batch.sm3(), [](accel_command& c) { c.count = 0; });
  expect(unsupported, batch.sm3(), [](accel_command& c) { c.count = UINT64_MAX; });
  expect(unsupported, batch.sm3(), [](accel_command& c) { c.flags = ACCEL_COMMAND_HANDLES; });
  expect(unsupported, batch.sm3(), [](accel_command& c) { c.message_length = UINT64_MAX; });
  expect(unsupported, batch.merkle(ACCEL_OP_MERKLE_ROOT, 4), [](accel_command&) {});
  expect(bad, batch.sm3(), [](accel_command& c) { c.messages = nullptr; });
  expect(bad, batch.sm3(), [](accel_command& c) { c.output = nullptr; });
  expect(bad, batch.sm3(), [](accel_command& c) { c.output_size -= 1; });
  expect(bad, batch.sm3(), [](accel_command& c) { c.messages_stride = UINT64_MAX / 2; });
  expect(bad, batch.sm3(), [](accel_command& c) { c.flags = ACCEL_COMMAND_RAGGED; });
  expect(bad, batch.verify(), [](accel_command& c) { c.id_length = 8192; });
  expect(bad, batch.verify_digests(), [](accel_command& c) { c.signatures = nullptr; });
  batch.offsets[4] = batch.offsets[5] + 1;
  expect(bad, batch.sm3(), [&](accel_command& c) { c.flags = ACCEL_COMMAND_RAGGED, c.offsets = batch.offsets; });
  EXPECT_EQ(0u, cpu.stat("commands"));
}

// A longer struct of a runtime to come, and a shorter one: commands are as far apart as the first one says.
TEST(DevicesCpuDriver, OtherStructSizes) {
  OpenDevice cpu("cpu");
  Batch batch(4);
  for (const uint32_t size : {uint32_t{sizeof(accel_command)} + 64, uint32_t{offsetof(accel_command, deadline_ns)}}) {
    std::vector<uint8_t> commands(3 * size);
    for (uint64_t i = 0; i < 3; ++i) {
      accel_command command = batch.sm3(i);
      command.struct_size = size;
      std::memcpy(&commands[i * size], &command, std::min<size_t>(size, sizeof command));
    }
    const auto* first = reinterpret_cast<const accel_command*>(commands.data());
    ASSERT_EQ(3, cpu.driver().enqueue_burst(cpu.device, 0, first, 3));
    for (uint64_t i = 0; i < 3; ++i) EXPECT_EQ(i, cpu.next().tag);
  }
  accel_command command = batch.sm3();
  command.struct_size = 4;
  EXPECT_EQ(ACCEL_DRIVER_BAD_ARGUMENT, cpu.enqueue(command));
}

TEST(DevicesCpuDriver, FullQueueTakesAPart) {
  OpenDevice cpu("cpu");
  Batch batch(1);
  std::vector<accel_command> commands(cpu.caps.queue_depth + 10, batch.sm3());
  for (size_t i = 0; i < commands.size(); ++i) commands[i].tag = i;
  const auto all = static_cast<uint32_t>(commands.size());
  ASSERT_EQ(static_cast<int32_t>(cpu.caps.queue_depth),
            cpu.driver().enqueue_burst(cpu.device, 1, commands.data(), all));
  EXPECT_EQ(0, cpu.driver().enqueue_burst(cpu.device, 1, commands.data(), 1));
  for (uint64_t tag = 0; tag < cpu.caps.queue_depth; ++tag) EXPECT_EQ(tag, cpu.next(1).tag);
  EXPECT_EQ(ACCEL_COMPLETION_NONE, cpu.next(1, 1000000).status);
}

TEST(DevicesCpuDriver, DescriptorPolls) {
  OpenDevice cpu("cpu");
  Batch batch(3);
  pollfd readable = {cpu.driver().descriptor(cpu.device, 0), POLLIN, 0};
  EXPECT_EQ(0, poll(&readable, 1, 0));
  ASSERT_EQ(1, cpu.enqueue(batch.sm3()));
  EXPECT_EQ(1, poll(&readable, 1, 10000));
  accel_completion completion;
  EXPECT_EQ(1, cpu.driver().dequeue_burst(cpu.device, 0, &completion, 1));
  EXPECT_EQ(0, poll(&readable, 1, 0));
}

// Some of many commands are cancelled, surely before they begin.
TEST(DevicesCpuDriver, Cancel) {
  OpenDevice cpu("cpu");
  Batch batch(2000);
  accel_command command = batch.verify_digests();
  for (command.tag = 0; command.tag < 4; ++command.tag) ASSERT_EQ(1, cpu.enqueue(command));
  EXPECT_EQ(0, cpu.driver().cancel(cpu.device, 0, 99));
  EXPECT_EQ(1, cpu.driver().cancel(cpu.device, 0, 3));
  EXPECT_EQ(1, cpu.driver().cancel(cpu.device, 0, 2));
  std::set<uint64_t> done, cancelled;
  for (int i = 0; i < 4; ++i) {
    const accel_completion completion = cpu.next();
    (completion.status == ACCEL_COMPLETION_DONE ? done : cancelled).insert(completion.tag);
  }
  EXPECT_EQ((std::set<uint64_t>{0, 1}), done);
  EXPECT_EQ((std::set<uint64_t>{2, 3}), cancelled);
}

// What is over soon is done when enqueue_burst returns, once its pace is known. A machine that is busy may take too
// long for it now and then.
TEST(DevicesCpuDriver, ALoneShortCommandRunsWithinEnqueue) {
  OpenDevice cpu("cpu");
  Batch batch(1);
  pollfd readable = {cpu.driver().descriptor(cpu.device, 0), POLLIN, 0};
  bool at_once = false;
  for (uint64_t tag = 0; tag < 1000 && !at_once; ++tag) {
    const accel_command command = batch.sm3(tag);
    std::memset(batch.output, 0, 32);
    ASSERT_EQ(1, cpu.enqueue(command));
    accel_completion completion = {};
    at_once = poll(&readable, 1, 0) == 1;
    if (cpu.driver().dequeue_burst(cpu.device, 0, &completion, 1) == 0) completion = cpu.next();
    expect_done(completion, command);
    EXPECT_EQ(batch.expected_hashes, Bytes(batch.output, batch.output + 32));
    EXPECT_EQ(0, poll(&readable, 1, 0));
  }
  EXPECT_TRUE(at_once);
  EXPECT_EQ(0, cpu.driver().cancel(cpu.device, 0, 0));
}

// The queue is as deep, and the order the same, when commands are done within enqueue_burst.
TEST(DevicesCpuDriver, ShortCommandsFillTheQueueInTheirOrder) {
  OpenDevice cpu("cpu");
  Batch batch(1), large(2000);
  for (int i = 0; i < 3; ++i) cpu.run(batch.sm3());
  ASSERT_EQ(1, cpu.enqueue(large.verify_digests(0)));
  for (uint64_t tag = 1; tag < cpu.caps.queue_depth; ++tag) ASSERT_EQ(1, cpu.enqueue(batch.sm3(tag)));
  EXPECT_EQ(0, cpu.enqueue(batch.sm3()));
  for (uint64_t tag = 0; tag < cpu.caps.queue_depth; ++tag) EXPECT_EQ(tag, cpu.next().tag);
  for (uint64_t tag = 0; tag < cpu.caps.queue_depth; ++tag) ASSERT_EQ(1, cpu.enqueue(batch.sm3(tag)));
  EXPECT_EQ(0, cpu.enqueue(batch.sm3()));
  EXPECT_EQ(ACCEL_DRIVER_OK, cpu.driver().reset(cpu.device));
  EXPECT_EQ(ACCEL_COMPLETION_NONE, cpu.next(0, 1000000).status);
}

TEST(DevicesPace, TellsWhatIsOverSoon) {
  Pace pace;
  Batch batch(64);
  const accel_command command = batch.verify_digests();
  EXPECT_FALSE(pace.fits(command, UINT64_MAX));  // not known yet
  pace.note(command, 64'000);
  EXPECT_TRUE(pace.fits(command, 70'000));
  EXPECT_FALSE(pace.fits(command, 60'000));
  accel_command other = command;
  other.count = 1;  // as long as a whole vector
  EXPECT_FALSE(pace.fits(other, 15'000));
  EXPECT_TRUE(pace.fits(other, 17'000));
  other.flags = ACCEL_COMMAND_HANDLES;  // of another kind
  EXPECT_FALSE(pace.fits(other, UINT64_MAX));
  other = command;
  other.count = UINT64_MAX;
  EXPECT_FALSE(pace.fits(other, UINT64_MAX));
  pace.note(command, 640'000);  // rises at once
  EXPECT_FALSE(pace.fits(command, 600'000));
  pace.note(command, 64'000);  // and falls slowly
  EXPECT_FALSE(pace.fits(command, 500'000));
  for (int i = 0; i < 40; ++i) pace.note(command, 64'000);
  EXPECT_TRUE(pace.fits(command, 80'000));
}

// By the lengths of messages, and without looking at offsets that are not there.
TEST(DevicesPace, CountsTheBytesOfMessages) {
  Pace pace;
  Batch batch(64);
  accel_command command = batch.sm3();
  pace.note(command, 10'000);
  command.message_length = 1 << 20;
  EXPECT_FALSE(pace.fits(command, 1'000'000));
  command.message_length = UINT64_MAX;
  EXPECT_FALSE(pace.fits(command, 1'000'000));
  command = batch.sm3();
  command.flags = ACCEL_COMMAND_RAGGED;
  EXPECT_FALSE(pace.fits(command, UINT64_MAX));
  command.offsets = batch.offsets;
  EXPECT_TRUE(pace.fits(command, 11'000));
  batch.offsets[64] = UINT64_MAX / 2;
  EXPECT_FALSE(pace.fits(command, 1'000'000));
  command.opcode = 1000;
  EXPECT_FALSE(pace.fits(command, UINT64_MAX));
}

TEST(DevicesCpuDriver, CancelWhileItRuns) {
  OpenDevice cpu("cpu");
  Batch batch(8200);
  cpu.run(batch.verify_digests());  // by now its pace is known
  ASSERT_EQ(1, cpu.enqueue(batch.verify_digests(5)));
  cpu.driver().wait(cpu.device, 0, 2000000);  // by now it runs
  EXPECT_EQ(1, cpu.driver().cancel(cpu.device, 0, 5));
  EXPECT_EQ(ACCEL_COMPLETION_CANCELLED, cpu.next().status);
}

// After reset nothing arrives any more, neither completions nor bytes, and the device works again.
TEST(DevicesCpuDriver, ResetInFlight) {
  OpenDevice cpu("cpu");
  std::vector<std::unique_ptr<Batch>> batches;
  for (uint32_t queue = 0; queue < cpu.caps.queues; ++queue) batches.push_back(std::make_unique<Batch>(1000));
  for (uint32_t queue = 0; queue < cpu.caps.queues; ++queue) {
    accel_command command = batches[queue]->verify_digests();
    for (command.tag = 0; command.tag < 3; ++command.tag) ASSERT_EQ(1, cpu.enqueue(command, queue));
  }
  ASSERT_EQ(ACCEL_DRIVER_OK, cpu.driver().reset(cpu.device));
  for (auto& batch : batches) std::memset(batch->status, 0xee, batch->count);
  for (uint32_t queue = 0; queue < cpu.caps.queues; ++queue) {
    EXPECT_EQ(ACCEL_COMPLETION_NONE, cpu.next(queue, 2000000).status);
    EXPECT_EQ(Bytes(1000, 0xee), batches[queue]->statuses());
  }
  EXPECT_EQ(1u, cpu.stat("resets"));
  const accel_command command = batches[0]->verify_digests();
  expect_done(cpu.run(command), command);
  EXPECT_EQ(batches[0]->expected, batches[0]->statuses());
}

TEST(DevicesCpuDriver, CloseInFlight) {
  Batch batch(1000);
  OpenDevice cpu("cpu");
  accel_command command = batch.verify_digests();
  for (command.tag = 0; command.tag < 3; ++command.tag) ASSERT_EQ(1, cpu.enqueue(command));
}

// Every queue from a thread of its own, with keys coming and going between.
TEST(DevicesCpuDriver, QueuesSideBySide) {
  OpenDevice cpu("cpu");
  std::vector<std::unique_ptr<Batch>> batches;
  for (uint32_t queue = 0; queue < cpu.caps.queues; ++queue) batches.push_back(std::make_unique<Batch>(50));
  std::vector<std::thread> threads;
  for (uint32_t queue = 0; queue < cpu.caps.queues; ++queue) {
    threads.emplace_back([&, queue] {
      for (uint64_t tag = 0; tag < 20; ++tag) {
        const accel_command command = tag % 2 == 0 ? batches[queue]->verify(tag) : batches[queue]->sm3(tag);
        expect_done(cpu.run(command, queue), command);
      }
      EXPECT_EQ(batches[queue]->expected, batches[queue]->statuses());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(20 * cpu.caps.queues, cpu.stat("commands"));
}

TEST(DevicesRegistry, Names) {
  EXPECT_STREQ("cpu", find("cpu").driver->name);
  const auto sentence = [](const char* name) -> std::string {
    try {
      find(name);
    } catch (const Error& error) {
      EXPECT_EQ(ACCEL_BAD_DEVICE, error.status());
      return error.what();
    }
    return "";
  };
  EXPECT_NE(std::string::npos, sentence("gpu").find("expected one of cpu"));
  EXPECT_NE(std::string::npos, sentence("").find("expected one of cpu"));
  for (const char* name : {"rtl-sim", "rtl-sim:x", "serial:/dev/ttyUSB0", "udp:host:1", "xdma:/dev/xdma0"}) {
    EXPECT_NE(std::string::npos, sentence(name).find("RTL")) << name;
  }
}

TEST(DevicesRegistry, Additions) {
  const accel_driver* const cpu = find("cpu").driver;
  accel_driver mine = *cpu;
  mine.name = "mine";
  add("mine", &mine);
  EXPECT_EQ(&mine, find("mine").driver);
  EXPECT_EQ("a=1,b", find("mine,a=1,b").options);
  EXPECT_THROW(add("mine", &mine), Error);
  EXPECT_THROW(add("cpu", &mine), Error);
  EXPECT_THROW(add("serial:x", &mine), Error);
  EXPECT_THROW(add("", &mine), Error);
  EXPECT_THROW(add("null", nullptr), Error);
  accel_driver broken = mine;
  broken.abi_version = 2;
  EXPECT_THROW(add("broken", &broken), Error);
  broken = mine;
  broken.struct_size = 8;
  EXPECT_THROW(add("broken", &broken), Error);
  broken = mine;
  broken.reset = nullptr;
  EXPECT_THROW(add("broken", &broken), Error);
  remove("mine");
  EXPECT_THROW(remove("mine"), Error);
  EXPECT_THROW(find("mine"), Error);
}

}  // namespace
}  // namespace accel::devices::testing
