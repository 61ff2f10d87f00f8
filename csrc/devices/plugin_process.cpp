#include "devices/plugin_process.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>

#include "base/error.hpp"

extern char** environ;

namespace accel::devices {
namespace {

constexpr const char* kProgram = "/accel/accel-driverhost";

uint64_t now_ns() {
  return static_cast<uint64_t>(std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count());
}

// Waits for the descriptor; false when the time has passed.
bool wait_readable(int descriptor, uint64_t timeout_ns) {
  pollfd readable = {descriptor, POLLIN, 0};
  const timespec timeout = {static_cast<time_t>(timeout_ns / 1000000000), static_cast<long>(timeout_ns % 1000000000)};
  return ppoll(&readable, 1, &timeout, nullptr) == 1;
}

// The process's own descriptor, where the kernel has such (Linux 5.3): its number cannot come to mean another process.
int open_process(pid_t pid) {
#if defined(SYS_pidfd_open)
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
#else
  (void)pid;
  return -1;
#endif
}

class SpawnSettings {
 public:
  explicit SpawnSettings(int socket) {
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, 2, 1);  // what a driver prints is no output of this program
    posix_spawn_file_actions_adddup2(&actions, socket, wire::kSocket);
    posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (value_ >= 0) close(value_);
  value_ = other.release();
  return *this;
}

Descriptor::~Descriptor() {
  if (value_ >= 0) close(value_);
}

SharedMemory::SharedMemory(size_t size)
    : size_(size), descriptor_(memfd_create("accel-driver", MFD_CLOEXEC | MFD_ALLOW_SEALING)) {
  if (descriptor_.get() < 0 || ftruncate(descriptor_.get(), static_cast<off_t>(size)) != 0 ||
      fcntl(descriptor_.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    throw std::bad_alloc();
  }
  void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_.get(), 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<uint8_t*>(memory);
}

SharedMemory::~SharedMemory() { munmap(data_, size_); }

std::string driverhost_path() {
  std::string path;
  if (const char* chosen = secure_getenv("ACCEL_DRIVERHOST"); chosen != nullptr && *chosen != '\0') {
    path = chosen;
  } else {
    Dl_info info = {};
    if (dladdr(reinterpret_cast<const void*>(&driverhost_path), &info) != 0 && info.dli_fname != nullptr) {
      path = info.dli_fname;
    }
    const size_t slash = path.rfind('/');
    path = (slash == std::string::npos ? "." : path.substr(0, slash)) + kProgram;
  }
  if (access(path.c_str(), X_OK) == 0) return path;
  throw Error(ACCEL_BAD_DEVICE, "device: plugin: needs the program accel-driverhost, and " + path +
                                    " is none; ACCEL_DRIVERHOST may say where it is");
}

HostProcess::HostProcess(const accel_driver_host* host) : host_(host) {
  std::string path = driverhost_path();
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) throw std::bad_alloc();
  socket_ = Descriptor(pair[0]);
  // Above kSocket: dup2 onto itself would leave the close-on-exec flag set.
  const Descriptor low(pair[1]);
  const Descriptor theirs(fcntl(low.get(), F_DUPFD_CLOEXEC, 64));
  if (theirs.get() < 0) throw std::bad_alloc();
  const SpawnSettings settings(theirs.get());
  char* const arguments[] = {path.data(), nullptr};
  const int failure = posix_spawn(&pid_, path.c_str(), &settings.actions, &settings.attributes, arguments, environ);
  if (failure != 0) throw Error(ACCEL_BAD_DEVICE, "device: " + path + ": " + std::strerror(failure));
  process_ = Descriptor(open_process(pid_));
}

HostProcess::~HostProcess() { end(); }

// What is dead by itself stays as it died.
std::string HostProcess::end() {
  if (reaped_) return "";
  reaped_ = true;
#if defined(SYS_pidfd_send_signal)
  const bool sent = process_.get() >= 0 && syscall(SYS_pidfd_send_signal, process_.get(), SIGKILL, nullptr, 0) == 0;
#else
  const bool sent = false;
#endif
  if (!sent && process_.get() < 0) kill(pid_, SIGKILL);
  int status = 0;
  if (waitpid(pid_, &status, 0) != pid_) return "it ended";
  if (WIFSIGNALED(status)) return std::string("it was ended by signal ") + strsignal(WTERMSIG(status));
  return "it ended with status " + std::to_string(WEXITSTATUS(status));
}

void HostProcess::log(int32_t level, const char* text) const {
  if (host_ != nullptr && host_->log != nullptr) host_->log(host_->context, level, text);
}

void HostProcess::give_up(const std::string& why) {
  if (dead_.exchange(true)) return;
  log(ACCEL_LOG_ERROR, ("the driver's host process: " + why).c_str());
}

bool HostProcess::is_dead() {
  if (dead_.load(std::memory_order_relaxed)) return true;
  pollfd socket = {socket_.get(), POLLRDHUP, 0};
  if (poll(&socket, 1, 0) == 0 || (socket.revents & (POLLHUP | POLLRDHUP | POLLERR)) == 0) return false;
  give_up("has ended");
  return true;
}

bool HostProcess::send(const wire::Packet& request, std::span<const uint8_t> payload,
                       std::span<const int> descriptors) {
  iovec parts[2] = {{const_cast<wire::Packet*>(&request), sizeof request},
                    {const_cast<uint8_t*>(payload.data()), payload.size()}};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * (1 + 2 * wire::kMaxQueues))] = {};
  msghdr message = {};
  message.msg_iov = parts;
  message.msg_iovlen = payload.empty() ? 1 : 2;
  if (!descriptors.empty()) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(header), descriptors.data(), descriptors.size_bytes());
  }
  return sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) ==
         static_cast<ssize_t>(sizeof request + payload.size());
}

// One packet; a copy, of which the header's size fits what came.
bool HostProcess::receive(Answer* answer, uint64_t timeout_ns) {
  if (!wait_readable(socket_.get(), timeout_ns)) return give_up("does not answer in time"), false;
  std::vector<uint8_t> bytes(wire::kMaxPacket);
  // Without room for control data: descriptors that a host sends are closed by the kernel.
  const ssize_t size = recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (size <= 0) return give_up(end()), false;
  if (static_cast<size_t>(size) < sizeof answer->packet) return give_up("sends nonsense"), false;
  std::memcpy(&answer->packet, bytes.data(), sizeof answer->packet);
  if (answer->packet.version != wire::kVersion || answer->packet.size != size - sizeof answer->packet) {
    return give_up("sends nonsense, or is of another version"), false;
  }
  answer->payload.assign(bytes.begin() + sizeof answer->packet, bytes.begin() + size);
  return true;
}

Answer HostProcess::ask(wire::Packet request, std::span<const uint8_t> payload, std::span<const int> descriptors,
                        uint64_t timeout_ns) {
  const std::lock_guard lock(mutex_);
  if (dead_.load()) return {};
  request.version = wire::kVersion;
  request.size = payload.size();
  if (!send(request, payload, descriptors)) {
    is_dead();
    give_up("takes no request");
    return {};
  }
  const uint64_t end = now_ns() + timeout_ns;
  for (;;) {
    Answer answer;
    const uint64_t now = now_ns();
    if (!receive(&answer, now < end ? end - now : 0)) return {};
    if (answer.packet.kind == wire::kLog) {
      answer.payload.push_back(0);
      log(static_cast<int32_t>(answer.packet.a), reinterpret_cast<const char*>(answer.payload.data()));
      continue;
    }
    if (answer.packet.kind != request.kind) return give_up("answers another question"), Answer{};
    answer.status = answer.packet.status;
    return answer;
  }
}

}  // namespace accel::devices
