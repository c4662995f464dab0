// Tells which connections their servers have hung up on. The sockets are in one set, at which the kernel of
// Linux looks only when a peer closes or resets its side: it costs nothing while data flows (docs/adr/0043).
#pragma once

#include <cstddef>
#include <span>

#include "os/ready_set.hpp"
#include "pool/types.hpp"

namespace copg::engine {

class HangUps {
 public:
  /// From now on the set tells when the server hangs up, once, also if it has done so already. False: the
  /// process is out of resources, or the system can't tell; of this connection nothing will be told.
  [[nodiscard]] bool add(int socket, pool::ConnectionId connection) noexcept;
  /// To be called before the socket is closed. A forked child may have the socket, too, and then the set
  /// would keep it.
  void remove(int socket) noexcept;
  /// Fills `connections` with those of which it has not told before; returns how many.
  [[nodiscard]] std::size_t take(std::span<pool::ConnectionId> connections) noexcept;
  /// Can be read while there is something to take. The same from the first `add` until `leave`.
  [[nodiscard]] int descriptor() const noexcept { return set_.fd(); }
  /// Gives the set up. In a forked child: leaves it to the parent as it is.
  void leave() noexcept;

 private:
  os::ReadySet set_;
};

}  // namespace copg::engine
