// accel-driverhost: the process of one foreign driver. Started by libaccel, which talks to it over descriptor 3; by
// hand there is nothing to do with it.
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "driverhost/host.hpp"

namespace {

// Descriptors of the program that started us, whatever it forgot to close.
void close_others() {
#if defined(SYS_close_range)
  if (syscall(SYS_close_range, accel::driverhost::wire::kSocket + 1, ~0u, 0) == 0) return;
#endif
  for (int descriptor = accel::driverhost::wire::kSocket + 1; descriptor < 1024; ++descriptor) close(descriptor);
}

// Ends with the library, also while a driver's function does not return.
void watch() {
  pollfd socket = {accel::driverhost::wire::kSocket, POLLRDHUP, 0};
  while (poll(&socket, 1, -1) != 1) {
  }
  _exit(0);
}

}  // namespace

int main() {
  int type = 0;
  socklen_t size = sizeof type;
  if (getsockopt(accel::driverhost::wire::kSocket, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET) {
    std::fputs("accel-driverhost: started by libaccel for a driver (plugin:PATH.so), not by hand\n", stderr);
    return 2;
  }
  close_others();
  std::thread(watch).detach();
  accel::driverhost::Host(accel::driverhost::wire::kSocket).serve();
}
