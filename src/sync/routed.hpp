// How a thread waits for a host of several, and goes to another if that one turns it away. No decision and no
// counter.
#pragma once

#include <copg/error.hpp>

#include <utility>

#include "cluster/types.hpp"
#include "engine/turned_away.hpp"
#include "routing/router.hpp"
#include "sync/call.hpp"

namespace copg::sync {

/// Waits for a host until the call's deadline. A lease of one where nothing was sent is given up for it.
void acquire_host(routing::Router& router, routing::HostLease& lease, CallClock& clock,
                  cluster::Request request);

/// A host for one call. The destructor gives it back.
class ShortHost {
 public:
  explicit ShortHost(routing::Router& router) : router_(router) {}
  ShortHost(const ShortHost&) = delete;
  ShortHost& operator=(const ShortHost&) = delete;
  ~ShortHost() {
    if (lease_) router_.release(lease_);
  }
  [[nodiscard]] routing::HostLease& operator*() noexcept { return lease_; }

 private:
  routing::Router& router_;
  routing::HostLease lease_;
};

/// Calls `body(lease, clock)` with a host that is fit for the request, and again with another if that one
/// turns the caller away. Throws what the body throws, and PoolTimeout, PoolClosed. `repeatable`: executed
/// twice it does what it does once. If its connection is lost it is called once more, and not twice: a
/// statement that crashes its server must not get to them all.
template <class Body>
auto on_host(routing::Router& router, CallClock clock, const cluster::Request& request, Body body,
             bool repeatable = false) {
  ShortHost host(router);
  for (;;) {
    acquire_host(router, *host, clock, request);
    try {
      return body(*host, clock);
    } catch (const engine::TurnedAway&) {  // the next host needs no exception to wait in
    } catch (const ConnectionFailed&) {
      if (!std::exchange(repeatable, false)) throw;
    }
    router.doubt(*host);
  }
}

}  // namespace copg::sync
