#include "devices/sim96_driver.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "devices/kernel_device.hpp"
#include "model/machine.hpp"

namespace accel::devices {
namespace {

// One queue: commands reach the model in the order in which the runtime hands them over, whatever the threads of this
// machine do.
constexpr uint32_t kQueues = 1;
// The modelled host has so many items under way before it waits: two batches of 4,096. So the model's time does not
// depend on how fast this machine computes the answers, and the model is never far behind.
constexpr uint64_t kItemsUnderWay = 8192;
constexpr uint64_t kEventsAtOnce = 100'000;  // some tens of milliseconds

uint64_t node_bytes(uint32_t rule) { return rule == ACCEL_MERKLE_RFC9162 ? 65 : 64; }

std::vector<uint32_t> lengths_of(const accel_command& command) {
  if ((command.flags & ACCEL_COMMAND_RAGGED) == 0) return {};
  std::vector<uint32_t> lengths(command.count);
  for (uint64_t i = 0; i < command.count; ++i)
    lengths[i] = static_cast<uint32_t>(command.offsets[i + 1] - command.offsets[i]);
  return lengths;
}

// A command that the kernels have run, as the model sees it.
model::Command to_model(const accel_command& command) {
  model::Command it;
  it.tag = command.tag;
  it.count = command.count;
  switch (command.opcode) {
    case ACCEL_OP_MERKLE_LEVELS:
    case ACCEL_OP_MERKLE_ROOT:
      it.opcode = command.opcode == ACCEL_OP_MERKLE_ROOT ? model::Opcode::kMerkleRoot : model::Opcode::kMerkleLevels;
      it.node_bytes = node_bytes(command.rule);
      return it;
    case ACCEL_OP_SM2_VERIFY_DIGEST:
      it.opcode = model::Opcode::kVerifyDigests;
      break;
    case ACCEL_OP_SM2_VERIFY:
      it.opcode = model::Opcode::kVerifyMessages;
      break;
    default:
      it.opcode = (command.flags & ACCEL_COMMAND_RAGGED) != 0 ? model::Opcode::kSm3Ragged : model::Opcode::kSm3Equal;
  }
  it.length = command.message_length;
  it.lengths = lengths_of(command);
  if ((command.flags & ACCEL_COMMAND_HANDLES) != 0)
    it.keys.assign(command.key_handles, command.key_handles + command.count);
  return it;
}

// The model beside a device, and what it last told.
class Modelled {
 public:
  explicit Modelled(const model::Config& config) : machine_(config), told_(machine_.statistics()) {
    for (const model::Statistic& it : told_) names_.push_back("model." + it.name);
  }

  // On the queue's thread. What the model tells is brought up to date when nothing more waits, on a copy that runs to
  // its end: asking does not change what comes out in the end.
  void ran(const accel_command& command, bool last, const std::atomic<bool>& stop) {
    model::Command modelled = to_model(command);
    const std::lock_guard lock(mutex_);
    while (!machine_.run_until_below(kItemsUnderWay, kEventsAtOnce)) {
      if (stop) break;
    }
    machine_.submit(std::move(modelled));
    machine_.take_completions();
    if (!last) return;
    model::Machine end(machine_);
    while (!end.run_until_below(1, kEventsAtOnce)) {
      if (stop) return;
    }
    const std::vector<model::Statistic> now = end.statistics();
    const std::lock_guard telling(told_mutex_);
    for (size_t i = 0; i < told_.size(); ++i) told_[i].value = now[i].value;
  }

  uint32_t further(accel_driver_stat* out, uint32_t count) const {
    const std::lock_guard lock(told_mutex_);
    for (size_t i = 0; i < std::min<size_t>(count, told_.size()); ++i)
      out[i] = {names_[i].c_str(), told_[i].unit.c_str(), told_[i].description.c_str(), told_[i].value};
    return static_cast<uint32_t>(told_.size());
  }

 private:
  std::mutex mutex_;
  model::Machine machine_;
  mutable std::mutex told_mutex_;  // not held while the model runs: stats must not wait
  std::vector<model::Statistic> told_;
  std::vector<std::string> names_;
};

void complain(const accel_driver_host* host, const char* sentence) {
  if (host != nullptr && host->log != nullptr) host->log(host->context, ACCEL_LOG_ERROR, sentence);
}

int32_t open(const char* name, const accel_driver_host* host, accel_driver_device** device_out) {
  return no_exceptions([&]() -> int32_t {
    model::Config config{};
    try {
      config = *name == '\0' ? model::Config::sim96() : model::Config::from_file(name);
    } catch (const model::ConfigError& error) {
      complain(host, error.what());
      return ACCEL_DRIVER_NO_DEVICE;
    }
    config.timeline.max_events = 0;  // a device has nowhere to show it
    const auto modelled = std::make_shared<Modelled>(config);
    KernelDevice::Options options;
    options.caps = kernel_caps(*name == '\0' ? "sim96" : "sim", kQueues, ACCEL_TIME_MODEL);
    options.queue.timed = false;
    options.ran = [modelled](const accel_command& command, bool last, const std::atomic<bool>& stop) {
      modelled->ran(command, last, stop);
    };
    options.further = [modelled](accel_driver_stat* out, uint32_t count) { return modelled->further(out, count); };
    *device_out = KernelDriver::release(std::make_unique<KernelDevice>(host, std::move(options)));
    return ACCEL_DRIVER_OK;
  });
}

}  // namespace

// Nothing to probe: a file that cannot be used is for open to refuse, which can say why.
constexpr accel_driver kSim96Driver = KernelDriver::make("sim96", nullptr, open);

}  // namespace accel::devices
