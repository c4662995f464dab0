// Drives an operation with poll(2) until it is done or its deadline has passed: the shell of tests.
#pragma once

#include <poll.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>

#include "pq/operation.hpp"

namespace copg::test {

using SteadyClock = std::chrono::steady_clock;
using namespace std::chrono_literals;

inline constexpr std::chrono::seconds default_patience = 10s;

/// Waits for what `step` asks. False when `deadline` has passed.
inline bool wait_for(const pq::Step& step, SteadyClock::time_point deadline, pq::Ready& ready) {
  const auto wants = [&](pq::Ready what) {
    return (static_cast<int>(step.wait_for) & static_cast<int>(what)) != 0;
  };
  pollfd watched{.fd = step.fd, .events = 0, .revents = 0};
  if (wants(pq::Ready::read)) watched.events |= POLLIN;
  if (wants(pq::Ready::write)) watched.events |= POLLOUT;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - SteadyClock::now());
  const int n = poll(&watched, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
  if (n <= 0) {
    ready = pq::Ready::none;
    return false;
  }
  int set = 0;
  if ((watched.revents & (POLLIN | POLLERR | POLLHUP)) != 0) set |= static_cast<int>(pq::Ready::read);
  if ((watched.revents & (POLLOUT | POLLERR | POLLHUP)) != 0) set |= static_cast<int>(pq::Ready::write);
  ready = static_cast<pq::Ready>(set);
  return true;
}

/// True when the operation is done by the deadline.
inline bool run_until(pq::Operation& operation, SteadyClock::time_point deadline) {
  pq::Ready ready = pq::Ready::none;
  for (;;) {
    const pq::Step step = operation.advance(ready);
    if (step.done) return true;
    if (!wait_for(step, deadline, ready)) return false;
  }
}

/// Runs the operation to its end. Throws when it takes longer than `limit`.
inline void run(pq::Operation& operation, std::chrono::milliseconds limit = default_patience) {
  if (!run_until(operation, SteadyClock::now() + limit)) {
    throw std::runtime_error(std::string("not done in time, phase: ") + operation.phase());
  }
}

}  // namespace copg::test
