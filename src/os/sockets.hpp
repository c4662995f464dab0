// What systems do differently with sockets.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

namespace copg::os {

/// The next byte, which stays where it is; as recv(2) returns, and never blocks.
inline ssize_t peek(int socket, char& byte) noexcept {
  return recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
}

/// As socket(2), closed by exec(2). Blocks or does not, as it is told to.
[[nodiscard]] int open_socket(int domain, int type, bool blocking) noexcept;

/// Whether small packets are held back, until they are full or this is over, where the system can.
void hold_packets(int tcp_socket, bool on) noexcept;

}  // namespace copg::os
