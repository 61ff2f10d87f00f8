// Which devices stand behind a handle, and what becomes of it.
#include <algorithm>
#include <iterator>

#include "soak/chaos.hpp"
#include "soak/world.hpp"

namespace accel::soak {
namespace {

// Faults that lose, delay or mislabel, after which every answer that comes is right. All others lie.
constexpr const char* kHonestFaults[] = {
    "drop-completion", "duplicate-completion",
    "wrong-tag",       "tag-of-32-bits",
    "wrong-count",     "wrong-opcode",
    "no-status",       "crash",
    "fault-status",    "hang",
    "hang-merkle",     "hang-second-queue",
    "late-write",      "hang-large-batch",
    "fault-at-open",   "late-completion",
    "cancel-lies",     "none",
    "drop-when-full",  "frozen-counters",
};

std::vector<std::string> split(const std::string& list, char separator) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t end; (end = list.find(separator, begin)) != std::string::npos; begin = end + 1) {
    parts.push_back(list.substr(begin, end - begin));
  }
  parts.push_back(list.substr(begin));
  return parts;
}

struct Faults {
  std::vector<std::string> honest{std::begin(kHonestFaults), std::end(kHonestFaults)}, lying;
  Faults() {
    for (std::string& name : split(accel_driver_faults(), ',')) {
      if (std::find(honest.begin(), honest.end(), name) == honest.end()) lying.push_back(std::move(name));
    }
  }
};

const Faults& faults() {
  static const Faults all;
  return all;
}

struct Member {
  std::string name, label;
  bool lies;
};

Member wrap(const std::string& device, Random& random) {
  switch (random.below(6)) {
    case 0:
    case 1: {
      const std::string& fault = faults().honest[random.below(faults().honest.size())];
      return {"fault:" + fault + ":" + device, "fault." + fault, false};
    }
    case 2: {
      const std::string& fault = faults().lying[random.below(faults().lying.size())];
      return {"fault:" + fault + ":" + device, "fault." + fault, true};
    }
    case 3:
    case 4:
      return {ChaosDriver::name(random.word(), device), "chaos", false};
    default:
      return {device, "plain." + device.substr(0, device.find(':')), false};
  }
}

}  // namespace

// True: one of them lies.
bool Post::choose_devices(Plan& plan, Random& random) const {
  if (!fixed_.empty()) {
    plan.name = fixed_;
    plan.is_slow = fixed_.find("plugin:") != std::string::npos;
    plan.labels.emplace_back("given");
    return true;
  }
  const std::string devices[] = {"cpu", "sim96", "plugin:" + plugin_};
  std::vector<std::string> chosen(std::begin(devices), std::end(devices));
  if (random.once_in(2)) chosen = {devices[random.below(3)]};
  bool lies = false;
  for (const std::string& device : chosen) {
    const Member member = wrap(device, random);
    plan.name += (plan.name.empty() ? "" : "+") + member.name;
    plan.labels.push_back(member.label);
    plan.is_slow = plan.is_slow || device.rfind("plugin:", 0) == 0;
    lies = lies || member.lies;
  }
  return lies;
}

Plan Post::choose(Random& random) const {
  Plan plan;
  const bool lies = choose_devices(plan, random);
  accel_device_options& options = plan.options;
  options.struct_size = sizeof options;
  options.audit = static_cast<uint32_t>(random.between(ACCEL_AUDIT_SAMPLE, ACCEL_AUDIT_FULL));
  if (lies && !random.once_in(4)) options.audit = ACCEL_AUDIT_FULL;
  plan.may_lie = lies && options.audit != ACCEL_AUDIT_FULL;
  options.sample_rate = static_cast<uint32_t>(random.size(1024));
  options.hold_window = static_cast<uint32_t>(random.size(16384));
  options.queue_depth = static_cast<uint32_t>(random.between(2, 32));
  options.no_fallback = random.once_in(8) ? 1 : 0;
  options.command_timeout_ns = (plan.is_slow ? 2000 : random.between(100, 1000)) * 1'000'000;
  return plan;
}

void Post::open(Random& random) {
  constexpr int kTries = 8;  // many faults are found out at open
  close();
  for (int i = 0; i < kTries; ++i) {
    auto handle = std::make_shared<Handle>();
    handle->plan = choose(random);
    accel_device* device = nullptr;
    const accel_status status = accel_device_open(&device, handle->plan.name.c_str(), &handle->plan.options);
    for (const std::string& label : handle->plan.labels) {
      ledger_.count("device." + label + (status == ACCEL_OK ? ".opened" : ".not_opened"));
    }
    if (status == ACCEL_OK) {
      ledger_.count("handles.opened");
      const std::unique_lock lock(mutex_);
      device_ = device;
      handle_ = std::move(handle);
      return;
    }
    ledger_.count("handles.refused");
    if (status != ACCEL_BAD_DEVICE) {
      ledger_.violation("open " + handle->plan.name + ": " + accel_status_name(status) + ": " + accel_last_error());
    }
  }
}

void Post::close() {
  accel_device* device = nullptr;
  {
    const std::unique_lock lock(mutex_);
    if (device_ == nullptr) return;
    handle_->closing = true;
    device = device_;
    device_ = nullptr;
    sum_up(device);
  }
  accel_device_free(device);
}

// The runtime's counters of a handle, summed over all handles of the run.
void Post::sum_up(accel_device* device) {
  constexpr const char* kSummed[] = {"replayed", "resets",      "quarantined",       "audit.checked",
                                     "refused",  "audit.wrong", "requests.timed_out"};
  accel_device_stat stats[512];
  uint64_t count = 0;
  if (accel_device_stats(device, stats, std::size(stats), &count) != ACCEL_OK) {
    ledger_.violation(std::string("stats: ") + accel_last_error());
    return;
  }
  for (uint64_t i = 0; i < count; ++i) {
    const std::string name = stats[i].name;
    if (name.rfind("faults.", 0) == 0 || std::find(std::begin(kSummed), std::end(kSummed), name) != std::end(kSummed)) {
      ledger_.count("runtime." + name, stats[i].value);
    }
  }
}

void Post::check_counts() {
  use([&](accel_device* device, const std::shared_ptr<Handle>& handle) {
    accel_device_stat stats[512];
    uint64_t count = 0, hashes = 0, verdicts = 0, waiting = 0;
    if (accel_device_stats(device, stats, std::size(stats), &count) != ACCEL_OK) count = 0;
    for (uint64_t i = 0; i < count; ++i) {
      const std::string name = stats[i].name;
      if (name == "items.sm3") hashes += stats[i].value;
      if (name == "items.sm2_verify") verdicts += stats[i].value;
      if (name == "requests.waiting") waiting += stats[i].value;
    }
    const auto require = [&](uint64_t least, uint64_t got, uint64_t most, const char* what) {
      if (got >= least && got <= most) return;
      ledger_.violation(handle->plan.name + ": " + what + ": " + std::to_string(got) + " delivered, expected " +
                        std::to_string(least) + " to " + std::to_string(most));
    };
    require(handle->hashes_done, hashes, handle->hashes, "digests");
    require(handle->verdicts_done, verdicts, handle->verdicts, "verdicts");
    require(0, waiting, 0, "requests on their way when none is");
  });
}

}  // namespace accel::soak
