#include "routing/routing_state.hpp"

#include <algorithm>

#include "engine/random_seed.hpp"
#include "pool/invariant.hpp"
#include "routing/steering.hpp"

namespace copg::routing {

RoutingState::RoutingState(const RoutingSetup& setup, Steering& steering)
    : setup_(setup), steering_(steering) {
  make_cluster();
}

void RoutingState::make_cluster() {
  cluster::ClusterOptions options = setup_.cluster;
  if (options.system == 0) options.system = setup_.options.system_identifier;
  options.seed = engine::random_seed();
  cluster = std::make_unique<cluster::Cluster>(options, engine::now());
}

void RoutingState::make_room_for_waiter() {
  constexpr std::size_t first = 16;
  if (cluster->free_waiters() > 0) return;
  const std::size_t more = std::max(first, waiters.size());
  cluster->reserve_waiters(static_cast<std::uint32_t>(more));
  // The cluster may make more room than it was asked for.
  waiters.resize(cluster->waiting() + cluster->free_waiters());
}

void RoutingState::abandon_inherited() {
  process = engine::ForkGuard::generation();
  waiters.clear();
  actions.clear();
  work_posted = false;
  armed = cluster::never;
}

void RoutingState::dispatch() {
  while (const auto action = cluster->poll_action()) {
    switch (action->kind) {
      case cluster::ActionKind::grant:
      case cluster::ActionKind::fail: settle(*action); break;
      case cluster::ActionKind::probe:
      case cluster::ActionKind::end_epoch:
      case cluster::ActionKind::report:
        actions.push_back(*action);
        steering_.post_work(*this);
        break;
    }
  }
  if (cluster->next_deadline() < armed) {
    armed = cluster->next_deadline();
    steering_.post_work(*this);
  }
}

void RoutingState::add(HostWaiter& waiter, cluster::WaiterId id, TimePoint time, cluster::Role role) {
  waiter.id_ = id;
  waiter.role_ = role;
  waiter.since_ = time;
  waiter.lease_ = {};
  waiter.error_ = cluster::WaitError::none;
  waiter.settled_ = false;
  waiters.at(id.slot) = &waiter;
}

HostLease RoutingState::take(cluster::HostId host, std::uint64_t ticket) const {
  const cluster::Host* const known = cluster->host(host);
  pool::invariant(known != nullptr, "a host that is granted is known");
  return {.host = hosts.at(known->key).pool,
          .id = host,
          .ticket = ticket,
          .process = process,
          .system = known->seen.system};
}

void RoutingState::settle(const cluster::Action& outcome) noexcept {
  HostWaiter* const place = std::exchange(waiters[outcome.waiter.slot], nullptr);
  pool::invariant(place != nullptr && place->id_ == outcome.waiter, "an outcome finds the caller that waits");
  place->error_ = outcome.error;
  if (outcome.kind == cluster::ActionKind::grant) place->lease_ = take(outcome.host, outcome.ticket);
  place->settled_ = true;
  place->settled(wakes);
}

}  // namespace copg::routing
