// Foreign drivers: in a process of their own whatever they do is a fault of the device, and nothing more.
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "base/error.hpp"
#include "devices/plugin_process.hpp"
#include "driver_testing.hpp"

namespace accel::devices::testing {
namespace {

const std::string kDrivers = ACCEL_DRIVER_TESTS "/";

class DevicesPlugin : public ::testing::Test {
 protected:
  void SetUp() override { setenv("ACCEL_DRIVERHOST", ACCEL_DRIVERHOST_PROGRAM, 1); }
};

std::string faulty(const std::string& how) { return "plugin:" + kDrivers + "faulty.so," + how; }

// The process that hosts drivers and whose parent is this one; 0 if there is none.
pid_t host_of_this() {
  DIR* const all = opendir("/proc");
  pid_t found = 0;
  while (const dirent* entry = readdir(all)) {
    std::ifstream stat(std::string("/proc/") + entry->d_name + "/stat");
    int pid = 0, parent = 0;
    std::string name, state;
    if (stat >> pid >> name >> state >> parent && parent == getpid() && name == "(accel-driverhos)" && state != "Z") {
      found = pid;
    }
  }
  closedir(all);
  return found;
}

std::string sentence_of(const std::string& name) {
  try {
    find(name);
  } catch (const Error& error) {
    EXPECT_EQ(ACCEL_BAD_DEVICE, error.status());
    return error.what();
  }
  return "";
}

// Memory that a device is given, with a command over it.
struct Memory {
  explicit Memory(OpenDevice& device) : bytes(8192, 0xee) {
    for (size_t i = 0; i < 64; ++i) bytes[i] = static_cast<uint8_t>(i);
    registered = device.driver().register_buffer(device.device, bytes.data(), bytes.size());
  }
  accel_command command(uint64_t tag) {
    accel_command command = command_of(ACCEL_OP_SM3, tag, 1);
    command.messages = bytes.data();
    command.messages_stride = command.message_length = 64;
    command.output = bytes.data() + 4096;
    command.output_size = 32;
    return command;
  }
  Bytes bytes;
  int32_t registered;
};

TEST_F(DevicesPlugin, Works) {
  OpenDevice device(faulty(""));
  ASSERT_EQ(ACCEL_DRIVER_OK, device.opened);
  EXPECT_EQ(0u, device.caps.features);
  EXPECT_EQ(63u, strlen(device.caps.name));
  Memory memory(device);
  ASSERT_EQ(ACCEL_DRIVER_OK, memory.registered);
  for (uint64_t tag = 0; tag < 100; ++tag) {
    EXPECT_EQ(ACCEL_COMPLETION_DONE, device.run(memory.command(tag)).status);
    EXPECT_EQ(0, std::memcmp(memory.bytes.data(), memory.bytes.data() + 4096, 32));
    EXPECT_EQ(0xee, memory.bytes[4096 + 32]);
    std::memset(memory.bytes.data() + 4096, 0xee, 32);
  }
  EXPECT_EQ(100u, device.stat("commands"));
}

TEST_F(DevicesPlugin, NamesThatDoNotLoad) {
  EXPECT_NE(std::string::npos, sentence_of("plugin:").find("got no path"));
  EXPECT_NE(std::string::npos, sentence_of("plugin:/nowhere/x.so").find("No such file"));
  EXPECT_NE(std::string::npos, sentence_of("plugin-inproc:/nowhere/x.so").find("No such file"));
  EXPECT_NE(std::string::npos, sentence_of("plugin-inproc:" + kDrivers + "other_abi.so").find("expected driver ABI 1"));
  EXPECT_NE(std::string::npos, sentence_of("plugin-inproc:" + kDrivers + "old_runtime.so").find("gives no table"));
  EXPECT_NE(std::string::npos, sentence_of("plugin-inproc:" + kDrivers + "no_driver.so").find("without accel_driver"));
  for (const char* name : {"other_abi.so", "old_runtime.so", "no_driver.so"}) {
    EXPECT_EQ(ACCEL_DRIVER_NO_DEVICE, OpenDevice("plugin:" + kDrivers + name).opened);
  }
  setenv("ACCEL_DRIVERHOST", "/nowhere/accel-driverhost", 1);
  EXPECT_NE(std::string::npos, sentence_of(faulty("")).find("ACCEL_DRIVERHOST"));
}

TEST_F(DevicesPlugin, InThisProcess) {
  OpenDevice device("plugin-inproc:" + kDrivers + "faulty.so,anything");
  ASSERT_EQ(ACCEL_DRIVER_OK, device.opened);
  Memory memory(device);
  EXPECT_EQ(ACCEL_COMPLETION_DONE, device.run(memory.command(1)).status);
}

TEST_F(DevicesPlugin, WhatFailsAtOpen) {
  EXPECT_EQ(ACCEL_DRIVER_NO_DEVICE, OpenDevice(faulty("refuse")).opened);
  for (const char* how : {"crash-at-open", "exit-at-open", "no-queues", "odd-alignment"}) {
    EXPECT_EQ(ACCEL_DRIVER_FAULT, OpenDevice(faulty(how)).opened) << how;
  }
  EXPECT_EQ(0, host_of_this());
}

TEST_F(DevicesPlugin, LimitsAreKept) {
  OpenDevice device(faulty("many-queues"));
  ASSERT_EQ(ACCEL_DRIVER_OK, device.opened);
  EXPECT_EQ(wire::kMaxQueues, device.caps.queues);
  EXPECT_EQ(wire::kMaxDepth, device.caps.queue_depth);
}

TEST_F(DevicesPlugin, AlignedMemory) {
  OpenDevice device(faulty("aligned"));
  ASSERT_EQ(ACCEL_DRIVER_OK, device.opened);
  Memory memory(device);
  EXPECT_EQ(ACCEL_DRIVER_OK, memory.registered);
  EXPECT_EQ(ACCEL_COMPLETION_DONE, device.run(memory.command(1)).status);
}

// The device faults, and a reset gives one that works.
TEST_F(DevicesPlugin, FaultsEndWithReset) {
  for (const char* how : {"crash-at-enqueue", "take-too-many", "fault-at-enqueue", "crash-at-dequeue"}) {
    SCOPED_TRACE(how);
    OpenDevice device(faulty(how));
    ASSERT_EQ(ACCEL_DRIVER_OK, device.opened);
    Memory memory(device);
    ASSERT_EQ(1, device.enqueue(memory.command(1)));
    EXPECT_EQ(ACCEL_DRIVER_FAULT, device.driver().wait(device.device, 0, 10 * kSecond));
    EXPECT_EQ(ACCEL_DRIVER_FAULT, device.enqueue(memory.command(2)));
    accel_completion completion;
    EXPECT_EQ(ACCEL_DRIVER_FAULT, device.driver().dequeue_burst(device.device, 0, &completion, 1));
    EXPECT_EQ(ACCEL_DRIVER_OK, device.driver().reset(device.device));
    EXPECT_EQ(0, device.driver().wait(device.device, 0, 1000000));
  }
}

TEST_F(DevicesPlugin, CrashInOtherCalls) {
  OpenDevice registering(faulty("crash-at-register"));
  EXPECT_EQ(ACCEL_DRIVER_FAULT, Memory(registering).registered);
  OpenDevice loading(faulty("crash-at-load"));
  uint8_t key[64] = {};
  uint32_t handle = 5;
  EXPECT_EQ(ACCEL_DRIVER_FAULT, loading.driver().load_keys(loading.device, key, 64, 1, &handle));
  EXPECT_EQ(5u, handle);
  EXPECT_EQ(ACCEL_DRIVER_OK, loading.driver().reset(loading.device));
}

// Killed from outside, again and again; counters go on, and nothing of it harms this process.
TEST_F(DevicesPlugin, KilledAgainAndAgain) {
  OpenDevice device(faulty(""));
  for (int round = 0; round < 5; ++round) {
    Memory memory(device);
    ASSERT_EQ(ACCEL_DRIVER_OK, memory.registered);
    ASSERT_EQ(ACCEL_COMPLETION_DONE, device.run(memory.command(7)).status);
    EXPECT_EQ(static_cast<uint64_t>(round + 1), device.stat("commands"));
    const pid_t host = host_of_this();
    ASSERT_NE(0, host);
    kill(host, SIGKILL);
    EXPECT_EQ(ACCEL_DRIVER_FAULT, device.driver().wait(device.device, 0, 10 * kSecond));
    ASSERT_EQ(ACCEL_DRIVER_OK, device.driver().reset(device.device));
  }
}

TEST_F(DevicesPlugin, HangsAreLeftBehind) {
  OpenDevice device(faulty("hang-at-enqueue"));
  Memory memory(device);
  ASSERT_EQ(1, device.enqueue(memory.command(1)));
  EXPECT_EQ(0, device.driver().wait(device.device, 0, 20000000));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(ACCEL_DRIVER_OK, device.driver().reset(device.device));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  Memory again(device);
  EXPECT_EQ(ACCEL_DRIVER_OK, again.registered);
}

TEST_F(DevicesPlugin, UnknownTagsComeThrough) {
  OpenDevice device(faulty("wrong-tag"));
  Memory memory(device);
  const accel_completion completion = device.run(memory.command(41));
  EXPECT_EQ(42u, completion.tag);
  EXPECT_EQ(0xee, memory.bytes[4096]);  // whose results would these be?
}

TEST_F(DevicesPlugin, FloodOfCompletions) {
  OpenDevice device(faulty("flood"));
  for (int i = 0; i < 500; ++i) {
    std::vector<accel_completion> completions(100);
    ASSERT_EQ(1, device.driver().wait(device.device, 0, 10 * kSecond));
    ASSERT_LE(device.driver().dequeue_burst(device.device, 0, completions.data(), 100), 100);
  }
}

// The old process writes on and on into memory that it shares with nobody any more.
TEST_F(DevicesPlugin, LateWritesReachNothing) {
  OpenDevice device(faulty("late-write"));
  Memory memory(device);
  ASSERT_EQ(1, device.enqueue(memory.command(1)));
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  ASSERT_EQ(ACCEL_DRIVER_OK, device.driver().reset(device.device));
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_EQ(Bytes(32, 0xee), Bytes(memory.bytes.begin() + 4096, memory.bytes.begin() + 4128));
}

TEST_F(DevicesPlugin, MemoryThatIsNotRegistered) {
  OpenDevice device(faulty(""));
  Memory memory(device);
  Bytes elsewhere(64);
  accel_command command = memory.command(1);
  command.messages = elsewhere.data();
  EXPECT_EQ(ACCEL_COMPLETION_BAD_COMMAND, device.run(command).status);
  command = memory.command(2);
  command.output = memory.bytes.data() + memory.bytes.size() - 31;
  EXPECT_EQ(ACCEL_COMPLETION_BAD_COMMAND, device.run(command).status);
  command = memory.command(3);
  command.message_length = UINT64_MAX - 5;
  EXPECT_EQ(ACCEL_COMPLETION_UNSUPPORTED, device.run(command).status);
  command = memory.command(4);
  command.output_size = 8;  // a driver that writes more than that is not followed
  EXPECT_EQ(ACCEL_COMPLETION_DONE, device.run(command).status);
  EXPECT_EQ(Bytes(24, 0xee), Bytes(memory.bytes.begin() + 4104, memory.bytes.begin() + 4128));
  EXPECT_EQ(ACCEL_DRIVER_BAD_ARGUMENT, device.driver().unregister_buffer(device.device, elsewhere.data()));
  EXPECT_EQ(ACCEL_DRIVER_OK, device.driver().unregister_buffer(device.device, memory.bytes.data()));
  EXPECT_EQ(ACCEL_COMPLETION_BAD_COMMAND, device.run(memory.command(5)).status);
}

TEST_F(DevicesPlugin, NothingIsLeftBehind) {
  {
    OpenDevice device(faulty("hang-at-close"));
    EXPECT_NE(0, host_of_this());
  }
  EXPECT_EQ(0, host_of_this());
  EXPECT_EQ(ACCEL_DRIVER_FAULT, OpenDevice(faulty("exit-at-open")).opened);
  int status;
  EXPECT_EQ(-1, waitpid(-1, &status, WNOHANG));  // no zombie either
}

// A host that writes nonsense wherever it can: statuses and digests may be anything, and nothing else happens. Under
// the address sanitizer a step outside of an array would show.
TEST_F(DevicesPlugin, HostileHost) {
  setenv("ACCEL_DRIVERHOST", ACCEL_DRIVER_TESTS "/hostile_host", 1);
  for (const char* how : {"completions", "counter", "size"}) {
    SCOPED_TRACE(how);
    setenv("ACCEL_HOSTILE", how, 1);
    OpenDevice device(faulty(""));
    ASSERT_EQ(ACCEL_DRIVER_OK, device.opened);
    EXPECT_EQ(wire::kMaxQueues, device.caps.queues);
    EXPECT_EQ(0u, device.caps.features);
    Memory memory(device);
    ASSERT_EQ(ACCEL_DRIVER_OK, memory.registered);
    for (uint64_t i = 0; i < 2000; ++i) {
      std::vector<accel_completion> completions(i % 70 + 1);
      const int32_t taken = device.enqueue(memory.command(i % 64));
      const int32_t given = device.driver().dequeue_burst(device.device, 0, completions.data(),
                                                          static_cast<uint32_t>(completions.size()));
      device.driver().wait(device.device, 0, 10000);
      ASSERT_LE(taken, 1);
      ASSERT_LE(given, static_cast<int32_t>(completions.size()));
    }
    EXPECT_LE(device.driver().cancel(device.device, 0, 1), 1);
    std::vector<accel_driver_stat> stats(8);
    EXPECT_LE(device.driver().stats(device.device, stats.data(), 8), 8);
    EXPECT_EQ(Bytes(4064, 0xee), Bytes(memory.bytes.begin() + 4128, memory.bytes.end()));
    EXPECT_EQ(ACCEL_DRIVER_OK, device.driver().reset(device.device));
  }
  setenv("ACCEL_HOSTILE", "caps", 1);
  EXPECT_EQ(ACCEL_DRIVER_FAULT, OpenDevice(faulty("")).opened);
}

// Programs that are no host: each is an error, and soon.
TEST_F(DevicesPlugin, HostsThatAreNone) {
  for (const char* program : {"/bin/true", "/bin/cat"}) {
    setenv("ACCEL_DRIVERHOST", program, 1);
    EXPECT_EQ(ACCEL_DRIVER_FAULT, OpenDevice(faulty("")).opened) << program;
  }
}

}  // namespace
}  // namespace accel::devices::testing
