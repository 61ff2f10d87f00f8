#include "driverhost/host.hpp"

#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "devices/plugin_table.hpp"

namespace accel::driverhost {
namespace {

void* map_shared(int descriptor, uint64_t size, uint64_t alignment) {
  // Room for an aligned address, of which the middle is used.
  const uint64_t room = size + (alignment > 4096 ? alignment : 0);
  void* const reserved = mmap(nullptr, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (reserved == MAP_FAILED) return nullptr;
  const auto start = reinterpret_cast<uintptr_t>(reserved);
  const uintptr_t aligned = alignment > 1 ? (start + alignment - 1) / alignment * alignment : start;
  void* const at = reinterpret_cast<void*>(aligned);
  void* const mapped = mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, descriptor, 0);
  return mapped == MAP_FAILED ? nullptr : mapped;
}

}  // namespace

bool Host::receive(Request* request) {
  std::vector<uint8_t> bytes(wire::kMaxPacket);
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * (1 + 2 * wire::kMaxQueues))];
  iovec part = {bytes.data(), bytes.size()};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t size = recvmsg(socket_, &message, MSG_CMSG_CLOEXEC);
  if (size < static_cast<ssize_t>(sizeof request->packet)) return false;
  std::memcpy(&request->packet, bytes.data(), sizeof request->packet);
  if (request->packet.version != wire::kVersion) return false;
  request->payload.assign(bytes.begin() + sizeof request->packet, bytes.begin() + size);
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    request->descriptors.resize(count);
    std::memcpy(request->descriptors.data(), CMSG_DATA(header), count * sizeof(int));
  }
  return true;
}

void Host::answer(const wire::Packet& packet, const void* payload, size_t size) {
  iovec parts[2] = {{const_cast<wire::Packet*>(&packet), sizeof packet}, {const_cast<void*>(payload), size}};
  msghdr message = {};
  message.msg_iov = parts;
  message.msg_iovlen = size == 0 ? 1 : 2;
  const std::lock_guard lock(send_mutex_);
  if (sendmsg(socket_, &message, MSG_NOSIGNAL) < 0) _exit(0);
}

// A line that finds no room is lost: a driver is not held up by its log.
void Host::log(int32_t level, const char* text) {
  wire::Packet packet = {};
  packet.kind = wire::kLog;
  packet.version = wire::kVersion;
  packet.a = static_cast<uint64_t>(level);
  packet.size = strnlen(text, wire::kMaxText);
  iovec parts[2] = {{&packet, sizeof packet}, {const_cast<char*>(text), packet.size}};
  msghdr message = {};
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  const std::lock_guard lock(send_mutex_);
  [[maybe_unused]] const ssize_t size = sendmsg(socket_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void Host::log_from_driver(void* context, int32_t level, const char* text) {
  static_cast<Host*>(context)->log(level, text != nullptr ? text : "");
}

void Host::serve() {
  for (;;) {
    Request request;
    if (!receive(&request)) _exit(0);  // the library has gone
    std::vector<uint8_t> payload;
    wire::Packet packet = {};
    packet.kind = request.packet.kind;
    packet.version = wire::kVersion;
    packet.status = handle(request, &payload);
    packet.size = payload.size();
    for (const int descriptor : request.descriptors) {
      if (request.packet.kind != wire::kStart) close(descriptor);
    }
    answer(packet, payload.data(), payload.size());
  }
}

void Host::farewell() {
  wire::Packet packet = {};
  packet.kind = wire::kClose;
  packet.version = wire::kVersion;
  answer(packet, nullptr, 0);
  _exit(0);
}

int32_t Host::handle(const Request& request, std::vector<uint8_t>* payload) {
  if (request.packet.kind == wire::kOpen)
    return device_ == nullptr ? open(request, payload) : ACCEL_DRIVER_BAD_ARGUMENT;
  if (device_ == nullptr) return ACCEL_DRIVER_BAD_ARGUMENT;
  if (request.packet.kind == wire::kStats) return stats(payload);  // may run beside other calls
  const Pause pause(*this);
  switch (request.packet.kind) {
    case wire::kStart:
      return start(request);
    case wire::kRegister:
      return register_buffer(request);
    case wire::kUnregister:
      return unregister_buffer(request);
    case wire::kLoadKeys:
      return load_keys(request);
    case wire::kUnloadKeys:
      return unload_keys(request);
    case wire::kCancel:
      return driver_->cancel == nullptr ? 0 : driver_->cancel(device_, request.packet.queue, request.packet.a);
    case wire::kClose:
      driver_->close(device_);
      farewell();  // with the queues' threads still parked: there is no device for them any more
    default:
      return ACCEL_DRIVER_BAD_ARGUMENT;
  }
}

std::string Host::load(const std::string& path) {
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return dlerror();
  const auto entry = reinterpret_cast<accel_driver_entry_function>(dlsym(library, ACCEL_DRIVER_ENTRY_NAME));
  if (entry == nullptr) return path + ": expected a driver, got a library without " ACCEL_DRIVER_ENTRY_NAME;
  const accel_driver* const driver = entry(ACCEL_DRIVER_ABI_VERSION);
  const std::string problem = devices::table_problem(driver);
  if (!problem.empty()) return path + ": " + problem;
  driver_ = driver;
  return "";
}

int32_t Host::open(const Request& request, std::vector<uint8_t>* payload) {
  const auto* const text = reinterpret_cast<const char*>(request.payload.data());
  const std::string path(text, strnlen(text, request.payload.size()));
  const size_t after = std::min(path.size() + 1, request.payload.size());
  const std::string options(text + after, strnlen(text + after, request.payload.size() - after));
  if (const std::string problem = load(path); !problem.empty()) {
    log(ACCEL_LOG_ERROR, problem.c_str());
    return ACCEL_DRIVER_NO_DEVICE;
  }
  driver_host_.struct_size = sizeof driver_host_;
  driver_host_.abi_version = ACCEL_DRIVER_ABI_VERSION;
  driver_host_.context = this;
  driver_host_.log = log_from_driver;
  if (driver_->probe != nullptr) {
    if (const int32_t there = driver_->probe(options.c_str()); there != ACCEL_DRIVER_OK) return there;
  }
  accel_driver_device* device = nullptr;
  const int32_t opened = driver_->open(options.c_str(), &driver_host_, &device);
  if (opened != ACCEL_DRIVER_OK) return opened;
  caps_.struct_size = sizeof caps_;
  const int32_t known = driver_->caps(device, &caps_);
  if (known != ACCEL_DRIVER_OK) return known;
  // Functions that may be missing are said to be so.
  if (driver_->load_keys == nullptr || driver_->unload_keys == nullptr) caps_.max_keys = 0;
  device_ = device;
  payload->resize(sizeof caps_);
  std::memcpy(payload->data(), &caps_, sizeof caps_);
  return ACCEL_DRIVER_OK;
}

int32_t Host::start(const Request& request) {
  const uint64_t count = request.packet.a;
  if (!queues_.empty() || count == 0 || count > wire::kMaxQueues || request.descriptors.size() != 1 + 2 * count) {
    return ACCEL_DRIVER_BAD_ARGUMENT;
  }
  void* const rings = map_shared(request.descriptors[0], sizeof(wire::Queue) * count, 1);
  close(request.descriptors[0]);
  if (rings == nullptr) return ACCEL_DRIVER_NO_MEMORY;
  rings_ = static_cast<wire::Queue*>(rings);
  for (uint32_t i = 0; i < count; ++i) {
    auto queue = std::make_unique<Queue>();
    queue->submit = request.descriptors[1 + 2 * i];
    queue->complete = request.descriptors[2 + 2 * i];
    if (driver_->descriptor != nullptr) queue->descriptor = std::max(driver_->descriptor(device_, i), -1);
    queues_.push_back(std::move(queue));
  }
  {
    const std::lock_guard lock(mutex_);
    running_ = count;
  }
  for (uint32_t i = 0; i < count; ++i) queues_[i]->thread = std::thread([this, i] { run_queue(i); });
  return ACCEL_DRIVER_OK;
}

int32_t Host::register_buffer(const Request& request) {
  if (request.descriptors.size() != 1 || request.packet.a > buffers_.size() + 65536) return ACCEL_DRIVER_BAD_ARGUMENT;
  const uint64_t size = request.packet.b;
  void* const address = map_shared(request.descriptors[0], size, caps_.buffer_alignment);
  if (address == nullptr) return ACCEL_DRIVER_NO_MEMORY;
  const int32_t status = driver_->register_buffer(device_, address, size);
  if (status != ACCEL_DRIVER_OK) {
    munmap(address, size);
    return status;
  }
  if (buffers_.size() <= request.packet.a) buffers_.resize(request.packet.a + 1);
  buffers_[request.packet.a] = {static_cast<uint8_t*>(address), size};
  return ACCEL_DRIVER_OK;
}

int32_t Host::unregister_buffer(const Request& request) {
  if (request.packet.a >= buffers_.size()) return ACCEL_DRIVER_BAD_ARGUMENT;
  Mapping& buffer = buffers_[request.packet.a];
  if (buffer.address == nullptr) return ACCEL_DRIVER_BAD_ARGUMENT;
  const int32_t status = driver_->unregister_buffer(device_, buffer.address);
  munmap(buffer.address, buffer.size);
  buffer = {};
  return status;
}

int32_t Host::load_keys(const Request& request) {
  const uint64_t count = request.packet.a, size = (64 + 4) * count;
  if (driver_->load_keys == nullptr || request.descriptors.size() != 1) return ACCEL_DRIVER_UNSUPPORTED;
  auto* const memory = static_cast<uint8_t*>(map_shared(request.descriptors[0], size, 1));
  if (memory == nullptr) return ACCEL_DRIVER_NO_MEMORY;
  auto* const handles = reinterpret_cast<uint32_t*>(memory + 64 * count);
  const int32_t status = driver_->load_keys(device_, memory, 64, count, handles);
  munmap(memory, size);
  return status;
}

int32_t Host::unload_keys(const Request& request) {
  const uint64_t count = request.packet.a, size = 4 * count;
  if (driver_->unload_keys == nullptr || request.descriptors.size() != 1) return ACCEL_DRIVER_UNSUPPORTED;
  void* const memory = map_shared(request.descriptors[0], size, 1);
  if (memory == nullptr) return ACCEL_DRIVER_NO_MEMORY;
  const int32_t status = driver_->unload_keys(device_, static_cast<uint32_t*>(memory), count);
  munmap(memory, size);
  return status;
}

int32_t Host::stats(std::vector<uint8_t>* payload) {
  accel_driver_stat all[wire::kMaxStats] = {};
  const int32_t known = driver_->stats(device_, all, wire::kMaxStats);
  if (known < 0) return known;
  const uint32_t count = std::min<uint32_t>(static_cast<uint32_t>(known), wire::kMaxStats);
  payload->resize(sizeof(wire::Stat) * count);
  for (uint32_t i = 0; i < count; ++i) {
    wire::Stat stat = {};
    std::strncpy(stat.name, all[i].name != nullptr ? all[i].name : "", sizeof stat.name - 1);
    std::strncpy(stat.unit, all[i].unit != nullptr ? all[i].unit : "", sizeof stat.unit - 1);
    std::strncpy(stat.description, all[i].description != nullptr ? all[i].description : "",
                 sizeof stat.description - 1);
    stat.value = all[i].value;
    std::memcpy(payload->data() + i * sizeof stat, &stat, sizeof stat);
  }
  return static_cast<int32_t>(count);
}

}  // namespace accel::driverhost
