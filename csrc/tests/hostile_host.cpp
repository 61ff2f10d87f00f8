// A program in the place of accel-driverhost that answers as a driver's host would, and fills the shared memory with
// nonsense: what libaccel reads there must not lead it anywhere. ACCEL_HOSTILE says how.
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "devices/plugin_wire.hpp"

namespace {

namespace wire = accel::devices::wire;

const std::string kHow = std::getenv("ACCEL_HOSTILE");

// Counters and completions of every kind, again and again.
void scribble(wire::Queue* queue, int event) {
  std::mt19937_64 random(1);
  for (;;) {
    for (accel_completion& completion : queue->completions) {
      completion.tag = random() % 64;
      completion.count = random();
      completion.opcode = static_cast<uint16_t>(random() % 6);
      completion.status = static_cast<uint16_t>(random() % 3);
    }
    const uint64_t consumed = queue->consumed.load();
    queue->completed.store(kHow == "counter" ? random() : consumed + random() % wire::kMaxDepth);
    const uint64_t one = 1;
    if (write(event, &one, sizeof one) < 0) usleep(100);
    usleep(200);
  }
}

std::vector<uint8_t> answer_to(const wire::Packet& request, const std::vector<int>& descriptors) {
  wire::Packet packet = {};
  packet.kind = request.kind;
  packet.version = wire::kVersion;
  std::vector<uint8_t> payload;
  if (request.kind == wire::kOpen) {
    accel_device_caps caps = {};
    caps.queues = caps.queue_depth = UINT32_MAX;
    caps.opcodes = caps.flags = caps.max_items = caps.max_keys = caps.max_buffers = UINT64_MAX;
    caps.max_message = caps.max_bytes = caps.features = UINT64_MAX;
    std::memset(caps.name, 'x', sizeof caps.name);
    payload.resize(kHow == "caps" ? 7 : sizeof caps);
    std::memcpy(payload.data(), &caps, payload.size());
  } else if (request.kind == wire::kStart && descriptors.size() > 2) {
    void* const rings = mmap(nullptr, sizeof(wire::Queue), PROT_READ | PROT_WRITE, MAP_SHARED, descriptors[0], 0);
    [[maybe_unused]] const int refused = ftruncate(descriptors[0], 0);  // the memory is sealed
    std::thread(scribble, static_cast<wire::Queue*>(rings), descriptors[2]).detach();
  } else if (request.kind == wire::kStats) {
    payload.assign(sizeof(wire::Stat) * 3 + 5, 'y');  // texts without an end, and a part of one
    packet.status = 1000000;
  } else if (request.kind == wire::kCancel) {
    packet.status = 77;
  }
  packet.size = kHow == "size" && request.kind == wire::kStats ? UINT64_MAX : payload.size();
  std::vector<uint8_t> bytes(sizeof packet + payload.size());
  std::memcpy(bytes.data(), &packet, sizeof packet);
  if (!payload.empty()) std::memcpy(bytes.data() + sizeof packet, payload.data(), payload.size());
  return bytes;
}

}  // namespace

int main() {
  for (;;) {
    std::vector<uint8_t> bytes(wire::kMaxPacket);
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 64)];
    iovec part = {bytes.data(), bytes.size()};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    if (recvmsg(wire::kSocket, &message, 0) < static_cast<ssize_t>(sizeof(wire::Packet))) return 0;
    wire::Packet request;
    std::memcpy(&request, bytes.data(), sizeof request);
    std::vector<int> descriptors;
    if (const cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr) {
      descriptors.resize((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
      std::memcpy(descriptors.data(), CMSG_DATA(header), descriptors.size() * sizeof(int));
    }
    const std::vector<uint8_t> answer = answer_to(request, descriptors);
    send(wire::kSocket, answer.data(), answer.size(), MSG_NOSIGNAL);
  }
}
