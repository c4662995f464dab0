// How a thread waits for the answer to what it has just sent, for a moment at most, without a timer for each
// wait (docs/adr/0015).
//
// Where the system can, the socket stays known to the kernel as long as its connection lives, together with a
// clock that ends the wait under way when it rings. Only new bytes end a wait: for an answer that was left
// half-read, use `poll_one`.
#pragma once

#include <cstdint>

#include "os/clock.hpp"

namespace copg::os {

class SocketWaiter {
 public:
  /// No wait lasts longer.
  static constexpr Duration longest = std::chrono::milliseconds(100);

  enum class Outcome : std::uint8_t {
    readable,     ///< There is something to read, or the peer is gone.
    nothing,      ///< A signal came, or the clock rang: check the deadline, and go on with `poll_one`.
    unavailable,  ///< The process is out of descriptors: `poll_one` needs none.
  };

  SocketWaiter() = default;
  SocketWaiter(const SocketWaiter&) = delete;
  SocketWaiter& operator=(const SocketWaiter&) = delete;
  ~SocketWaiter() { close(); }

  /// Blocks until something arrives at `socket`, which must be the same in every call until `close`. `time`
  /// is now, or a little earlier.
  [[nodiscard]] Outcome wait(int socket, TimePoint time) noexcept;
  /// Must be called before the connection is closed.
  void close() noexcept;

 private:
  [[maybe_unused]] bool open(int socket) noexcept;

  [[maybe_unused]] int set_ = -1;
  [[maybe_unused]] int clock_ = -1;
  // Until then the clock is sure to end a wait: it will ring, or has rung without ending one.
  [[maybe_unused]] TimePoint rings_{};
};

}  // namespace copg::os
