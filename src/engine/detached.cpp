// A connection that its caller has taken out of the pool. It has an engine of its own, so that all verbs,
// deadlines and the close work on it as on a lease, and nothing of the pool's can reach it any more
// (docs/adr/0048).
#include <cmath>
#include <string>
#include <utility>

#include "engine/closing_handle.hpp"
#include "engine/pool_engine.hpp"
#include "engine/raise.hpp"

namespace copg::engine {

namespace {

/// The user's functions belong to the pool: none is called for what has left it.
Setup for_one_detached(const Setup& setup) {
  PoolOptions options = setup.options;
  options.min_size = options.min_idle = 0;
  options.max_size = 1;
  options.max_lifetime = Seconds(HUGE_VAL);
  options.resolve_commits = ResolveCommits::never;  // it has no other connection to ask
  options.leak_after.reset();
  options.held_idle_after.reset();
  options.reconnect_failed = nullptr;
  options.observer = {};
  options.configure = options.on_return = options.before_close = nullptr;
  options.credentials = nullptr;
  options.name = setup.name;
  return {.config = setup.config,
          .options = std::move(options),
          .call_configure = setup.call_configure,
          .own_thread = setup.own_thread,
          .seed = setup.seed};
}

}  // namespace

std::shared_ptr<PoolEngine> PoolEngine::detach(Lease& lease, Lease& own) {
  Leases::require_usable(lease);
  if (is_loan(lease))
    raise({.kind = ErrorKind::usage, .message = "a connection can't leave the pool in `configure`"});
  const Holder holder = lease.slot->tenancy().holder;
  auto engine = closing_handle(create(for_one_detached(setup_), background_.make_port()));
  const std::string name = Leases::name_of(lease);
  own = engine->adopt(leases_.take_out(lease), holder);
  engine->leases().set_name(own, name);
  return engine;
}

/// As if this engine had connected for the one request that it will ever have.
Lease PoolEngine::adopt(std::unique_ptr<pq::Connection> connection, const Holder& holder) {
  const TimePoint time = now();
  const Locked state = lock_here(shared_);
  state->opened = true;
  state->make_room_for_waiter();
  pool::PoolCore& core = *state->core;
  const pool::WaiterId waiter = core.acquire(time, {.deadline = pool::never}).waiter;
  const pool::ConnectionId id = core.poll_action().value().connection;
  core.on_connected(time, id);
  while (core.poll_action()) continue;  // the grant
  static_cast<void>(core.accept(waiter));
  core.close(time);  // it grants nothing more, and closes the connection once that comes back
  Slot& slot = state->slot_of(id);
  slot.connection = std::move(connection);
  slot.opening.number = 1;
  slot.opening.backend_pid = slot.connection->backend_pid();
  slot.opening.at = time;
  Lease lease = state->take(id, time, pool::never, holder);
  lease.fresh = false;  // it can't be exchanged for another
  return lease;
}

}  // namespace copg::engine
