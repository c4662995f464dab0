// How a thread waits for an answer in an epoll set, in the simulation: as the real one, told of what is new,
// and only of that.
#pragma once

#include <cstdint>

#include "engine/clock.hpp"
#include "sim/engine/thread.hpp"

namespace copg::engine {

class SocketWaiter {
 public:
  static constexpr Duration longest = std::chrono::milliseconds(100);

  enum class Outcome : std::uint8_t { readable, nothing, unavailable };

  [[nodiscard]] Outcome wait(int socket, TimePoint time) {
    sim::World& world = sim::World::here();
    if (world.once_in(64)) return Outcome::unavailable;
    if (socket != socket_) {
      if (socket_ >= 0) world.breaks("epoll", "an epoll set has the socket of another connection");
      socket_ = socket;
      told_ = world.taken(socket);
    }
    // Its clock may have been set for a wait before this one.
    const TimePoint until = time + longest - Duration(world.choose(4)) * (longest.count() / 4);
    if (world.arrived(socket) == told_) {
      if (sim::Thread::wait_readable(socket, until)) return Outcome::nothing;
      // It may be readable for what was told before: then nothing wakes the real one.
      if (world.arrived(socket) == told_ && world.now < until) sim::Thread::wait(never_, until);
    }
    const std::uint64_t arrived = world.arrived(socket);
    if (arrived == told_) return Outcome::nothing;
    told_ = arrived;
    return Outcome::readable;
  }
  void close() noexcept { socket_ = -1; }

 private:
  static constexpr bool never_ = false;

  int socket_ = -1;
  std::uint64_t told_ = 0;  // of what has arrived at the socket
};

}  // namespace copg::engine
