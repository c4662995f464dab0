#include "sync/routed.hpp"

#include "engine/blocking_waiter.hpp"
#include "sync/sleep.hpp"

namespace copg::sync {

void acquire_host(routing::Router& router, routing::HostLease& lease, CallClock& clock,
                  cluster::Request request) {
  engine::BlockingWaiter<routing::HostWaiter> waiter;
  request.deadline = clock.deadline;
  const auto attempt = lease ? router.reacquire(lease, waiter, engine::now(), request)
                             : router.acquire(lease, waiter, clock.now, request);
  if (attempt == routing::Router::Attempt::granted) return;
  try {
    sleep(waiter, clock.deadline, [&] { router.expire(waiter); });
  } catch (...) {
    if (router.give_up(lease, waiter)) router.release(lease);
    throw;
  }
  clock.now = engine::now();
  router.collect(lease, waiter, clock.now);
}

}  // namespace copg::sync
