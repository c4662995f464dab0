#include "routing/steering.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <system_error>

#include "engine/asio_background.hpp"
#include "routing/leaving_pool.hpp"
#include "routing/router.hpp"

namespace copg::routing {

using engine::BackgroundPort;

namespace {

/// Without a thread, hosts could neither be probed nor found.
std::unique_ptr<BackgroundPort> make_port(const RoutingSetup& setup) {
  try {
    return std::make_unique<engine::AsioBackground>(setup.executor);
  } catch (const std::system_error& error) {
    raise({.kind = ErrorKind::connection_failed,
           .message =
               fmt::format("pool '{}' could not start its threads: {}", setup.name, error.code().message()),
           .connection_survives = false});
  }
}

/// Waits until what was posted before has run: the calls of an event loop's pool that have ended.
void wait_for_calls(BackgroundPort& port, TimePoint deadline) {
  const auto done = std::make_shared<std::promise<void>>();
  port.post([done] { done->set_value(); });
  done->get_future().wait_until(deadline);
}

}  // namespace

Steering::Steering(const RoutingSetup& setup, SharedRouting& shared) : setup_(setup), shared_(shared) {}

Steering::~Steering() = default;

// --- its place

void Steering::start(std::weak_ptr<Router> router) {
  router_ = std::move(router);
  port_ = make_port(setup_);
  workers_ = std::make_unique<pq::Workers::Hold>();
}

void Steering::start_over(RoutingState& state) {
  const bool was_closed = state.cluster->closed();
  std::unique_ptr<BackgroundPort> fresh = was_closed ? nullptr : make_port(setup_);
  for (auto& [key, probe] : probes_) probe->abandon();
  probes_.clear();
  (void)resolving_.release();  // its waits are those of the parent's port
  for (auto& leaving : leaving_) (void)leaving.release();
  leaving_.clear();
  new std::shared_ptr<BackgroundPort>(std::move(port_));  // never destroyed
  workers_.reset();
  state.abandon_inherited();
  state.make_cluster();
  if (was_closed) return state.cluster->close(engine::now());
  port_ = std::move(fresh);
  workers_ = std::make_unique<pq::Workers::Hold>();
  std::vector<cluster::HostKey> keys;
  for (auto& [key, listed] : state.hosts) {
    keys.push_back(key);
    listed.turns_away = false;
    probes_[key] = std::make_unique<HostProbe>(setup_, listed.pool->address);
  }
  state.cluster->set_hosts(engine::now(), keys);
  names_due_ = engine::now();
  state.armed = names_due_;
  state.dispatch();
  post_work(state);
}

void Steering::open() {
  const LockedRouting state(shared_);
  names_due_ = engine::now();
  post_work(*state);
}

void Steering::close(Duration timeout) noexcept {
  const TimePoint deadline = engine::after(engine::after(engine::now(), timeout), engine::close_grace);
  const auto there = port();
  // A handler that runs on the thread of an event loop's pool keeps all leases there from coming back.
  const bool inside = there && there->inside();
  const auto pools = start_close(inside ? Duration::zero() : timeout);
  if (!setup_.own_thread()) return;
  for (const auto& pool : pools) pool->close(std::max(deadline - engine::now(), Duration::zero()));
  if (there && !inside) wait_for_calls(*there, deadline);
  std::shared_ptr<BackgroundPort> last;
  {
    const LockedRouting state(shared_);
    last = std::move(port_);
  }
  if (last && last->stop(deadline, [this, router = router_.lock()] { drop(); })) drop();
  workers_.reset();
}

std::vector<std::shared_ptr<engine::PoolEngine>> Steering::start_close(Duration timeout) noexcept {
  std::vector<std::shared_ptr<engine::PoolEngine>> pools;
  std::shared_ptr<BackgroundPort> there;
  std::shared_ptr<BackgroundPort> guest;  // goes with its last task
  {
    const LockedRouting state(shared_);
    for (auto& [key, listed] : state->hosts) pools.push_back(listed.pool->pool);
    there = port_;
    if (!setup_.own_thread()) guest = std::move(port_);
  }
  for (const auto& pool : pools) pool->start_close(timeout);
  if (there) {
    there->post([this, router = router_.lock(), port = there.get(), guest = std::move(guest)] {
      port->call_at(pool::never, {});
      drop();
    });
  }
  return pools;
}

/// The background has ended, or runs this.
void Steering::drop() noexcept {
  if (resolving_) resolving_->stop();
  resolving_.reset();
  probes_.clear();
  leaving_.clear();
}

boost::asio::any_io_executor Steering::executor(const RoutingState& /*locked*/) const {
  const auto* const port = dynamic_cast<const engine::AsioBackground*>(port_.get());
  return port != nullptr ? port->executor() : boost::asio::any_io_executor();
}

void Steering::detach(const boost::asio::execution_context& context) noexcept {
  std::vector<std::shared_ptr<engine::PoolEngine>> pools;
  std::shared_ptr<BackgroundPort> port;
  {
    const LockedRouting state(shared_);
    const auto* const guest = dynamic_cast<const engine::AsioBackground*>(port_.get());
    if (guest != nullptr && guest->is_guest_of(context)) port = std::move(port_);
    for (auto& [key, listed] : state->hosts) pools.push_back(listed.pool->pool);
  }
  if (port) {
    for (const auto& leaving : leaving_) pools.push_back(leaving->pool());
    drop();
  }
  for (const auto& pool : pools) {
    pool->take_back_descriptors(context);
    pool->detach(context);
  }
}

std::shared_ptr<BackgroundPort> Steering::port() const {
  const LockedRouting state(shared_);
  return port_;
}

// --- its work

void Steering::post_work(RoutingState& state) {
  if (state.work_posted || !port_) return;
  state.work_posted = true;
  port_->post([this, router = router_.lock()] {
    work();
    if (engine::now() >= names_due_) resolve();
  });
}

void Steering::work() {
  for (;;) {
    cluster::Action action;
    {
      const LockedRouting state(shared_);
      state->work_posted = false;
      if (state->actions.empty()) break;
      action = state->actions.front();
      state->actions.pop_front();
    }
    carry_out(action);
  }
  steer();
  arm();
}

void Steering::carry_out(const cluster::Action& action) {
  switch (action.kind) {
    case cluster::ActionKind::probe: return probe(action);
    case cluster::ActionKind::end_epoch:
      if (action.end == cluster::EpochEnd::left) return let_go(action.key);
      if (const auto pool = pool_of(action.key)) {
        pool->drain();
        pool->turn_away_waiters();
      }
      return;
    case cluster::ActionKind::report:
      if (setup_.report) {
        const auto known =
            std::ranges::find_if(keys_, [&](const auto& entry) { return entry.second == action.key; });
        setup_.report(action.report, known == keys_.end() ? nullptr : &known->first);
      }
      return;
    case cluster::ActionKind::grant:
    case cluster::ActionKind::fail: return;  // not for the background
  }
}

/// Lets requests wait only in the pools of hosts that may serve them.
void Steering::steer() {
  std::vector<std::pair<std::shared_ptr<engine::PoolEngine>, bool>> changes;
  {
    const LockedRouting state(shared_);
    for (auto& [key, listed] : state->hosts) {
      const auto id = state->cluster->find(key);
      const bool away = id && !state->cluster->host(*id)->serves();
      if (std::exchange(listed.turns_away, away) != away) changes.emplace_back(listed.pool->pool, away);
    }
  }
  for (const auto& [pool, away] : changes) pool->set_turns_away(away);
}

void Steering::arm() {
  TimePoint when = pool::never;
  std::shared_ptr<BackgroundPort> port;
  {
    const LockedRouting state(shared_);
    port = port_;
    if (!port) return;
    if (!state->cluster->closed()) when = std::min(state->cluster->next_deadline(), names_due_);
    state->armed = when;
  }
  port->call_at(when, [this, router = router_.lock()] { tick(); });
}

void Steering::tick() {
  {
    const LockedRouting state(shared_);
    state->armed = pool::never;
    state->cluster->tick(engine::now());
    state->dispatch();
  }
  if (engine::now() >= names_due_) resolve();
  work();
}

std::shared_ptr<engine::PoolEngine> Steering::pool_of(cluster::HostKey key) const {
  const LockedRouting state(shared_);
  const auto found = state->hosts.find(key);
  return found == state->hosts.end() ? nullptr : found->second.pool->pool;
}

// --- probes

void Steering::probe(const cluster::Action& action) {
  const auto there = port();
  const auto known = probes_.find(action.key);
  if (!there || known == probes_.end()) return;
  known->second->ask(
      *there, [this, action, asked_at = engine::now(), router = router_.lock()](HostProbe::Outcome outcome) {
        probed(action, asked_at, std::move(outcome));
      });
}

void Steering::probed(const cluster::Action& action, TimePoint asked_at, HostProbe::Outcome outcome) {
  const TimePoint time = engine::now();
  if (outcome.seen && !outcome.seen->primary)
    outcome.seen->lag = std::min(outcome.seen->lag, written_.age(asked_at, *outcome.seen));
  if (!outcome.seen) names_due_ = std::min(names_due_, engine::after(asked_at_, setup_.names_gap));
  const LockedRouting state(shared_);
  if (state->cluster->closed()) return;
  if (const auto found = state->hosts.find(action.key); found != state->hosts.end()) {
    found->second.error = outcome.seen ? std::nullopt : std::optional(std::move(outcome.error));
  }
  if (outcome.seen) {
    state->cluster->on_probed(time, action.host, action.probe, *outcome.seen);
    if (state->cluster->primary() == action.host) written_.note(asked_at, *outcome.seen);
  } else {
    state->cluster->on_probe_failed(time, action.host, action.probe);
  }
  state->dispatch();
  post_work(*state);
}

}  // namespace copg::routing
