// Counts the program's send(2) and recv(2) calls, libpq's among them: what a statement costs in system calls.
// Can also let a socket be full for the moment, which no real server does when it is asked to.
#pragma once

namespace copg::test {

struct SocketCalls {
  int sends = 0;
  int receives = 0;  ///< Without looks (MSG_PEEK).
};

/// Calls made by this thread so far.
[[nodiscard]] SocketCalls socket_calls() noexcept;

/// This thread's next `count` sends find the socket full (EAGAIN); the one after them finds room.
void refuse_sends(int count) noexcept;

inline SocketCalls operator-(const SocketCalls& a, const SocketCalls& b) {
  return {a.sends - b.sends, a.receives - b.receives};
}

}  // namespace copg::test
