// How a thread waits for the answer to what it has just sent, at most for a moment, without a timer of its
// own (docs/adr/0015).
//
// The socket stands in an epoll set for as long as its connection lives, and beside it a clock that rings
// once in a period, for whoever waits then. Tells nothing but what is new: an answer that was left half-read
// is to be waited for with poll(2).
#pragma once

#include <cstdint>

#include "engine/clock.hpp"

namespace copg::engine {

class SocketWaiter {
 public:
  /// No wait lasts longer.
  static constexpr Duration longest = std::chrono::milliseconds(100);

  enum class Outcome : std::uint8_t {
    readable,     ///< There is something to read, or the peer is gone.
    nothing,      ///< A signal came, or the time is up; look at the deadline, and go on with poll(2).
    unavailable,  ///< The process is out of descriptors: poll(2) needs none.
  };

  SocketWaiter() = default;
  SocketWaiter(const SocketWaiter&) = delete;
  SocketWaiter& operator=(const SocketWaiter&) = delete;
  ~SocketWaiter() { close(); }

  /// Blocks until something arrives at `socket`, the same one in every call until `close`. `time` is now, or
  /// a little earlier.
  [[nodiscard]] Outcome wait(int socket, TimePoint time) noexcept;
  /// Before the connection is closed.
  void close() noexcept;

 private:
  bool open(int socket) noexcept;

  int set_ = -1;
  int clock_ = -1;
  // until then the clock is sure to end a wait: it will ring, or has rung and nobody heard
  TimePoint rings_{};
};

}  // namespace copg::engine
