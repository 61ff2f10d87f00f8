// Devices with a fault: each lies in its own way, the same way every time, and `none` is the device itself.
#include <sys/uio.h>
#include <unistd.h>

#include <set>

#include "base/error.hpp"
#include "devices/fault.hpp"
#include "driver_testing.hpp"

namespace accel::devices::testing {
namespace {

TEST(DevicesFault, Names) {
  EXPECT_EQ(find("cpu").driver, find("fault:none:cpu").driver);
  EXPECT_EQ(find("cpu").driver, find("fault:none:fault:none:cpu").driver);
  for (const char* name : {"fault:", "fault:hang", "fault:gremlin:cpu", "fault:hang:gpu", "fault::cpu"}) {
    EXPECT_THROW(find(name), Error) << name;
  }
  const std::set<std::string> names(fault_names().begin(), fault_names().end());
  EXPECT_EQ(fault_names().size(), names.size());
  EXPECT_GE(names.size(), 25u);
  EXPECT_FALSE(names.contains("none"));
}

// Whatever the fault, a device with it can be opened (but for one), used, reset and closed.
TEST(DevicesFault, EveryFaultLives) {
  // Each command with memory of its own: a fault may lie about one while the next runs.
  std::vector<std::unique_ptr<Batch>> batches;
  for (int i = 0; i < 30; ++i) batches.push_back(std::make_unique<Batch>(4));
  for (const std::string name : fault_names()) {
    SCOPED_TRACE(name);
    OpenDevice device("fault:" + name + ":cpu");
    if (name == kOpenFails) {
      EXPECT_EQ(ACCEL_DRIVER_FAULT, device.opened);
      continue;
    }
    ASSERT_EQ(ACCEL_DRIVER_OK, device.opened);
    for (uint64_t tag = 0; tag < 30; ++tag) {
      Batch& batch = *batches[tag];
      ASSERT_EQ(ACCEL_DRIVER_OK,
                device.driver().register_buffer(device.device, batch.memory.data(), batch.memory.size()));
      const accel_command command = tag % 3 == 0   ? batch.sm3(tag)
                                    : tag % 3 == 1 ? batch.verify_digests(tag)
                                                   : batch.merkle(ACCEL_OP_MERKLE_ROOT, ACCEL_MERKLE_BCOS, tag);
      if (device.enqueue(command) == 1) device.next(0, 5000000);
    }
    EXPECT_EQ(ACCEL_DRIVER_OK, device.driver().reset(device.device));
  }
}

Bytes statuses_of(const std::string& fault, Batch& batch) {
  OpenDevice device("fault:" + fault + ":cpu");
  EXPECT_EQ(ACCEL_COMPLETION_DONE, device.run(batch.verify_digests()).status);
  return batch.statuses();
}

TEST(DevicesFault, LiesAreWhereTheyShouldBe) {
  Batch batch(2500);
  Bytes expected = batch.expected;
  for (const size_t i : {999, 1999}) expected[i] = expected[i] == ACCEL_OK ? ACCEL_BAD_SIGNATURE : ACCEL_OK;
  EXPECT_EQ(expected, statuses_of("lie-1-in-1000", batch));
  EXPECT_EQ(expected, statuses_of("lie-1-in-1000", batch));
  EXPECT_EQ(Bytes(2500, ACCEL_OK), statuses_of("accept-all", batch));
  EXPECT_EQ(Bytes(2500, ACCEL_BAD_SIGNATURE), statuses_of("reject-all", batch));
  expected = batch.expected;
  expected[9] = ACCEL_OK;  // its r is 0
  EXPECT_EQ(expected, statuses_of("accept-r-zero", batch));
}

bool can_write_late() {
  uint8_t from = 1, to = 0;
  const iovec source = {&from, 1}, target = {&to, 1};
  return process_vm_writev(getpid(), &source, 1, &target, 1, 0) == 1;
}

// Ten milliseconds after, which a busy machine may take to fill the memory: so more than one try.
TEST(DevicesFault, LateWriteComesAfterReset) {
  if (!can_write_late()) GTEST_SKIP() << "process_vm_writev is not there, as under qemu-user";
  Batch batch(2000);
  OpenDevice device("fault:late-write:cpu");
  bool late = false;
  for (int i = 0; i < 20 && !late; ++i) {
    ASSERT_EQ(1, device.enqueue(batch.verify_digests()));
    ASSERT_EQ(ACCEL_DRIVER_OK, device.driver().reset(device.device));
    std::memset(batch.status, 0xee, batch.count);
    ASSERT_EQ(ACCEL_DRIVER_OK, device.driver().reset(device.device));  // waits for it
    late = batch.status[0] == ACCEL_OK;
  }
  EXPECT_TRUE(late);
}

}  // namespace
}  // namespace accel::devices::testing
