// How a thread waits in poll(2), in the simulation.
#pragma once

#include <algorithm>

#include "engine/clock.hpp"
#include "engine/socket_waiter.hpp"
#include "pq/operation.hpp"
#include "sim/engine/thread.hpp"

namespace copg::engine {

inline pq::Ready wait_ready(const pq::Step& step, Duration limit) {
  sim::World& world = sim::World::here();
  const TimePoint until = after(world.now, limit);
  if (includes(step.wait_for, pq::Ready::write)) return step.wait_for;  // there is room
  const int fd = step.fd;
  if (sim::Thread::here() != nullptr) {
    sim::Thread::wait_readable(fd, until);
  } else {
    world.now = std::min(std::max(world.now, world.readable_at(fd)), until);
  }
  return world.readable_at(fd) <= world.now ? pq::Ready::read : pq::Ready::none;
}

}  // namespace copg::engine
