// Defines send and recv in the executable, so that shared libraries call these and not the C library's.
#include "counted_sockets.hpp"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace {
thread_local copg::test::SocketCalls calls;
thread_local int refusals = 0;
}

extern "C" {

__attribute__((visibility("default"))) ssize_t send(int fd, const void* data, size_t size, int flags) {
  ++calls.sends;
  if (refusals > 0) {
    --refusals;
    errno = EAGAIN;
    return -1;
  }
  return syscall(SYS_sendto, fd, data, size, flags, nullptr, 0);
}

__attribute__((visibility("default"))) ssize_t recv(int fd, void* data, size_t size, int flags) {
  if ((flags & MSG_PEEK) == 0) ++calls.receives;
  return syscall(SYS_recvfrom, fd, data, size, flags, nullptr, nullptr);
}
}

namespace copg::test {

SocketCalls socket_calls() noexcept { return calls; }

void refuse_sends(int count) noexcept { refusals = count; }

}  // namespace copg::test
