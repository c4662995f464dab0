// Counts the program's send(2) and recv(2) calls, libpq's among them: what a statement costs in system calls.
#pragma once

namespace copg::test {

struct SocketCalls {
  int sends = 0;
  int receives = 0;  ///< Without looks (MSG_PEEK).
};

/// Calls made by this thread so far.
[[nodiscard]] SocketCalls socket_calls() noexcept;

inline SocketCalls operator-(const SocketCalls& a, const SocketCalls& b) {
  return {a.sends - b.sends, a.receives - b.receives};
}

}  // namespace copg::test
