// How a thread waits for a descriptor that stands in no epoll set: in poll(2). A file of its own, so that the
// simulator can have another in its place.
#pragma once

#include <poll.h>

#include "engine/clock.hpp"
#include "os/sleep.hpp"
#include "pq/operation.hpp"

namespace copg::engine {

/// What the step's descriptor is ready for within `limit`; none if the time is up or a signal came.
inline pq::Ready wait_ready(const pq::Step& step, Duration limit) {
  const auto events = static_cast<short>((includes(step.wait_for, pq::Ready::read) ? POLLIN : 0) |
                                         (includes(step.wait_for, pq::Ready::write) ? POLLOUT : 0));
  pollfd poll_fd{.fd = step.fd, .events = events, .revents = 0};
  if (os::poll_one(poll_fd, limit) <= 0) return pq::Ready::none;
  if ((poll_fd.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
    return step.wait_for;  // the operation finds out
  const auto readable =
      static_cast<unsigned>((poll_fd.revents & POLLIN) != 0 ? pq::Ready::read : pq::Ready::none);
  const auto writable =
      static_cast<unsigned>((poll_fd.revents & POLLOUT) != 0 ? pq::Ready::write : pq::Ready::none);
  return static_cast<pq::Ready>(readable | writable);
}

}  // namespace copg::engine
