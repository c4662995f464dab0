#include "routing/router.hpp"

#include <fmt/format.h>

#include <utility>

#include "pool/invariant.hpp"
#include "routing/no_host.hpp"

namespace copg::routing {

std::shared_ptr<Router> Router::create(RoutingSetup setup) {
  setup.config.validate();
  setup.options.validate();
  std::shared_ptr<Router> router(new Router(std::move(setup)));
  router->steering_.start(router);
  return router;
}

LockedRouting Router::lock_here() {
  LockedRouting state(shared_);
  if (state->inherited()) [[unlikely]]
    steering_.start_over(*state);
  return state;
}

void Router::open() {
  {
    LockedRouting state = lock_here();
    if (state->cluster->closed())
      refuse(std::move(state), cluster::WaitError::closed, cluster::Role::any, Duration::zero());
    if (std::exchange(state->opened, true)) return;
  }
  steering_.open();
}

// --- getting a host

Router::Attempt Router::acquire(HostLease& lease, HostWaiter& waiter, TimePoint time,
                                const cluster::Request& request) {
  LockedRouting state = lock_here();
  if (!state->opened) [[unlikely]] {
    raise({.kind = ErrorKind::pool_closed,
           .message = fmt::format("pool '{}' is not open yet: open it first", setup_.name),
           .connection_survives = false});
  }
  state->make_room_for_waiter();
  const cluster::Acquired acquired = state->cluster->acquire(time, request);
  return conclude(std::move(state), acquired, lease, waiter, time, request.role);
}

bool Router::try_acquire(HostLease& lease, TimePoint time, const cluster::Request& request) {
  struct Impatient final : HostWaiter {
    void settled(engine::Wakes& /*wakes*/) noexcept override {}
  } waiter;
  return acquire(lease, waiter, time, request) == Attempt::granted || give_up(lease, waiter);
}

Router::Attempt Router::reacquire(HostLease& lease, HostWaiter& waiter, TimePoint time,
                                  const cluster::Request& request) {
  LockedRouting state = lock_here();
  state->make_room_for_waiter();
  const HostLease before = std::exchange(lease, {});
  // A forked child's cluster does not know the parent's leases.
  const cluster::Acquired acquired = before && before.process == state->process
                                         ? state->cluster->reacquire(time, before.id, request, before.ticket)
                                         : state->cluster->acquire(time, request);
  return conclude(std::move(state), acquired, lease, waiter, time, request.role);
}

Router::Attempt Router::conclude(LockedRouting state, const cluster::Acquired& acquired, HostLease& lease,
                                 HostWaiter& waiter, TimePoint time, cluster::Role role) {
  switch (acquired.kind) {
    case cluster::Acquired::Kind::granted: lease = state->take(acquired.host, acquired.ticket); break;
    case cluster::Acquired::Kind::queued: state->add(waiter, acquired.waiter, time, role); break;
    case cluster::Acquired::Kind::rejected: break;
  }
  state->dispatch();
  if (acquired.kind == cluster::Acquired::Kind::rejected)
    refuse(std::move(state), acquired.error, role, Duration::zero());
  return acquired.kind == cluster::Acquired::Kind::queued ? Attempt::queued : Attempt::granted;
}

void Router::collect(HostLease& lease, HostWaiter& waiter, TimePoint time) {
  if (waiter.lease_) {
    lease = std::exchange(waiter.lease_, {});
    return;
  }
  LockedRouting state = lock_here();
  pool::invariant(waiter.settled_, "what is collected has been settled");
  refuse(std::move(state), waiter.error_, waiter.role_, time - waiter.since_);
}

void Router::expire(HostWaiter& waiter) {
  const LockedRouting state = lock_here();
  if (waiter.settled_) return;
  state->cluster->tick(engine::now());
  state->dispatch();
}

bool Router::give_up(HostLease& lease, HostWaiter& waiter) {
  const LockedRouting state = lock_here();
  if (!waiter.settled_ && state->cluster->cancel(engine::now(), waiter.id_)) {
    state->waiters[waiter.id_.slot] = nullptr;
    waiter.settled_ = true;
  }
  state->dispatch();
  lease = std::exchange(waiter.lease_, {});
  return static_cast<bool>(lease);
}

void Router::release(HostLease& lease) noexcept {
  const HostLease ended = std::exchange(lease, {});
  const LockedRouting state(shared_);
  if (!ended || ended.process != state->process || state->inherited()) return;
  state->cluster->release(engine::now(), ended.id);
  state->dispatch();
}

void Router::refuse(LockedRouting state, cluster::WaitError error, cluster::Role role, Duration waited) {
  const std::string names_error = state->names_error.value_or("");
  state.unlock();
  raise(no_host(setup_, hosts(), error, role, waited, names_error));
}

// --- the whole

void Router::doubt(cluster::HostKey host) {
  const LockedRouting state(shared_);
  if (state->inherited()) return;
  const auto id = state->cluster->find(host);
  if (!id) return;
  state->cluster->on_doubt(engine::now(), *id);
  state->dispatch();
}

std::vector<HostView> Router::hosts() {
  std::vector<HostView> views;
  const LockedRouting state = lock_here();
  const TimePoint now = engine::now();
  for (const auto& [key, listed] : state->hosts) {
    const auto id = state->cluster->find(key);
    if (!id) continue;
    const cluster::Host& host = *state->cluster->host(*id);
    views.push_back({.address = listed.pool->address,
                     .pool = listed.pool->pool,
                     .verdict = host.verdict,
                     .up = host.up,
                     .doubted = host.doubted,
                     .leases = host.leases,
                     .latency = host.latency,
                     .seen = host.seen,
                     .age = now - host.seen_at,
                     .error = listed.error.value_or("")});
  }
  return views;
}

std::shared_ptr<engine::PoolEngine> Router::pool_of_primary() {
  const LockedRouting state = lock_here();
  const auto primary = state->cluster->primary();
  if (!primary) return nullptr;
  return state->hosts.at(state->cluster->host(*primary)->key).pool->pool;
}

void Router::refuse_use() { throw UsageError("a pool of several hosts does not offer this"); }

void Router::suspend(TimePoint until) {
  const LockedRouting state = lock_here();
  state->cluster->suspend(engine::now(), until);
  state->dispatch();
}

void Router::resume() {
  const LockedRouting state = lock_here();
  state->cluster->resume(engine::now());
  state->dispatch();
}

void Router::close_cluster() noexcept {
  const LockedRouting state(shared_);
  if (!state->cluster->closed()) state->cluster->close(engine::now());
  if (state->inherited()) steering_.start_over(*state);  // lets go of what is the parent's
  state->opened = true;
  state->dispatch();
}

void Router::close(Duration timeout) noexcept {
  close_cluster();
  steering_.close(timeout);
}

std::vector<std::shared_ptr<engine::PoolEngine>> Router::start_close(Duration timeout) noexcept {
  close_cluster();
  return steering_.start_close(timeout);
}

// --- with Asio

boost::asio::any_io_executor Router::executor() {
  const LockedRouting state = lock_here();
  return steering_.executor(*state);
}

void Router::detach(const boost::asio::execution_context& context) noexcept { steering_.detach(context); }

std::shared_ptr<Router> closing_handle(std::shared_ptr<Router> router) {
  Router* const front = router.get();
  return {front, [router = std::move(router)](Router*) mutable {
            constexpr Duration patience = std::chrono::seconds(5);
            std::exchange(router, {})->close(patience);
          }};
}

}  // namespace copg::routing
