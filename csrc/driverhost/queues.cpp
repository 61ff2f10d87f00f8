// The queues' threads: commands from the ring to the driver, completions from the driver to the ring.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "driverhost/host.hpp"

namespace accel::driverhost {
namespace {

constexpr uint32_t kBurst = 32;
constexpr uint64_t kWait = 200000;  // ns: of a driver without a descriptor, before new commands are looked for
constexpr int kPoll = 100;          // ms

void set_event(int event) {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t size = write(event, &one, sizeof one);
}

void clear_event(int event) {
  uint64_t value;
  [[maybe_unused]] const ssize_t size = read(event, &value, sizeof value);
}

template <typename T>
T* at(const std::vector<Mapping>& buffers, const wire::Place& place) {
  if (place.buffer >= buffers.size()) return nullptr;
  return reinterpret_cast<T*>(buffers[place.buffer].address + place.offset);
}

}  // namespace

Host::Pause::Pause(Host& host) : host_(host) {
  std::unique_lock lock(host_.mutex_);
  host_.pausing_.store(true);
  for (const auto& queue : host_.queues_) set_event(queue->submit);
  host_.parked_.wait(lock, [this] { return host_.running_ == 0; });
}

Host::Pause::~Pause() {
  {
    const std::lock_guard lock(host_.mutex_);
    host_.pausing_.store(false);
  }
  host_.resumed_.notify_all();
}

void Host::park(std::unique_lock<std::mutex>& lock) {
  --running_;
  parked_.notify_one();
  resumed_.wait(lock, [this] { return !pausing_.load(); });
  ++running_;
}

void Host::run_queue(uint32_t index) {
  Queue& queue = *queues_[index];
  wire::Queue& ring = rings_[index];
  for (;;) {
    if (pausing_.load()) {
      std::unique_lock lock(mutex_);
      if (pausing_.load()) park(lock);
    }
    const bool took = take(queue, ring, index);
    const bool gave = give(queue, ring, index);
    if (ring.fault.load(std::memory_order_relaxed) != 0) {
      set_event(queue.complete);
      pollfd forever = {queue.submit, POLLIN, 0};
      poll(&forever, 1, kPoll);
      clear_event(queue.submit);
      continue;
    }
    if (!took && !gave) idle(queue, index);
  }
}

// New commands; what the driver has no room for waits here, in its order.
bool Host::take(Queue& queue, wire::Queue& ring, uint32_t index) {
  const uint64_t there = ring.submitted.load(std::memory_order_acquire);
  while (queue.taken != there && queue.waiting.size() < kBurst) {
    queue.waiting.push_back(translate(ring.commands[queue.taken++ % wire::kMaxDepth]));
  }
  if (queue.waiting.empty()) return false;
  const int32_t taken =
      driver_->enqueue_burst(device_, index, queue.waiting.data(), static_cast<uint32_t>(queue.waiting.size()));
  if (taken < 0 || static_cast<size_t>(taken) > queue.waiting.size()) {
    ring.fault.store(1);
    return false;
  }
  queue.waiting.erase(queue.waiting.begin(), queue.waiting.begin() + taken);
  queue.in_flight += static_cast<uint64_t>(taken);
  return taken != 0;
}

bool Host::give(Queue& queue, wire::Queue& ring, uint32_t index) {
  if (queue.done.empty()) {
    queue.done.resize(kBurst);
    const int32_t count = driver_->dequeue_burst(device_, index, queue.done.data(), kBurst);
    if (count < 0 || count > static_cast<int32_t>(kBurst)) ring.fault.store(1);
    queue.done.resize(static_cast<size_t>(std::clamp<int32_t>(count, 0, kBurst)));
    queue.in_flight -= std::min<uint64_t>(queue.in_flight, queue.done.size());
  }
  // More completions than the library has room for: they stay here, and it is told of those it has not looked at.
  const uint64_t completed = ring.completed.load(std::memory_order_relaxed);
  const uint64_t room = wire::kMaxDepth - (completed - ring.consumed.load(std::memory_order_acquire));
  const size_t count = std::min<size_t>(queue.done.size(), room);
  for (size_t i = 0; i < count; ++i) ring.completions[(completed + i) % wire::kMaxDepth] = queue.done[i];
  ring.completed.store(completed + count, std::memory_order_release);
  queue.done.erase(queue.done.begin(), queue.done.begin() + static_cast<std::ptrdiff_t>(count));
  if (count != 0) set_event(queue.complete);
  return count != 0;
}

// Until there is something to do, or at most a moment.
void Host::idle(Queue& queue, uint32_t index) {
  const bool busy = queue.in_flight != 0 || !queue.waiting.empty() || !queue.done.empty();
  if (busy && queue.descriptor < 0) {
    pollfd submit = {queue.submit, POLLIN, 0};
    if (poll(&submit, 1, 0) == 1) {
      clear_event(queue.submit);
    } else {
      driver_->wait(device_, index, kWait);
    }
    return;
  }
  pollfd events[] = {{queue.submit, POLLIN, 0}, {queue.descriptor, POLLIN, 0}};
  poll(events, busy ? 2 : 1, kPoll);
  if ((events[0].revents & POLLIN) != 0) clear_event(queue.submit);
}

accel_command Host::translate(const wire::Command& from) const {
  using namespace devices;
  accel_command to = {};
  to.struct_size = sizeof to;
  to.opcode = from.opcode;
  to.flags = from.flags;
  to.tag = from.tag;
  to.count = from.count;
  to.messages = at<const uint8_t>(buffers_, from.places[kMessages]);
  to.messages_stride = from.messages_stride;
  to.message_length = from.message_length;
  to.offsets = at<const uint64_t>(buffers_, from.places[kOffsets]);
  to.keys = at<const uint8_t>(buffers_, from.places[kKeys]);
  to.keys_stride = from.keys_stride;
  to.key_handles = at<const uint32_t>(buffers_, from.places[kHandles]);
  to.signatures = at<const uint8_t>(buffers_, from.places[kSignatures]);
  to.signatures_stride = from.signatures_stride;
  to.digests = at<const uint8_t>(buffers_, from.places[kDigests]);
  to.digests_stride = from.digests_stride;
  to.id = at<const uint8_t>(buffers_, from.places[kId]);
  to.id_length = from.id_length;
  to.rule = from.rule;
  to.output = at<uint8_t>(buffers_, from.places[kOutput]);
  to.output_size = from.output_size;
  to.status_out = at<uint8_t>(buffers_, from.places[kStatus]);
  to.points_out = at<uint8_t>(buffers_, from.places[kPoints]);
  to.deadline_ns = from.deadline_ns;
  return to;
}

}  // namespace accel::driverhost
