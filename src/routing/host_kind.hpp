// What a call of an event loop may be for, beside what engine/calls/event_kinds.hpp has: to wait for a host.
#pragma once

#include <utility>

#include "cluster/types.hpp"
#include "routing/router.hpp"

namespace copg::routing {

/// `Port`: a call without a pool. The derived class keeps the lease, and has the router outlive the call. The
/// destructor of the most derived class calls `clean_up` or `drop` first.
template <class Port>
class HostKind : public Port, private HostWaiter {
 protected:
  /// `arguments`: of the port.
  template <class... Arguments>
  HostKind(Router& router, const cluster::Request& request, Arguments&&... arguments)
      : Port(std::forward<Arguments>(arguments)...), router_(router), request_(request) {}

  /// Where the host is to be. One that is there, and where nothing was sent, is given up for it.
  [[nodiscard]] virtual HostLease& lease() noexcept = 0;

 private:
  typename Port::Progress begin(TimePoint time, TimePoint deadline) final {
    request_.deadline = deadline;
    const auto attempt = lease() ? router_.reacquire(lease(), *this, time, request_)
                                 : router_.acquire(lease(), *this, time, request_);
    return attempt == Router::Attempt::queued ? Port::Progress::queued : Port::Progress::done;
  }
  typename Port::Progress granted(TimePoint time) final {
    router_.collect(lease(), *this, time);
    return Port::Progress::done;
  }
  void take_result() final {}
  void settled(engine::Wakes& /*wakes*/) noexcept final { this->wake(); }
  void dequeue() noexcept final {
    HostLease granted;
    if (router_.give_up(granted, *this)) router_.release(granted);
  }
  bool dequeue_unsent() noexcept final { return dequeue(), true; }
  void give_back() noexcept final {}

  Router& router_;
  cluster::Request request_;
};

}  // namespace copg::routing
