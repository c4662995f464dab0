#include <copg/pooled_database.hpp>
#include <copg/session.hpp>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "engine/calls/inspect.hpp"
#include "engine/closing_handle.hpp"
#include "engine/this_stack.hpp"
#include "routing/router.hpp"
#include "sync/add_stats.hpp"
#include "sync/call.hpp"
#include "sync/host_info.hpp"
#include "sync/routed.hpp"
#include "sync/verbs_on.hpp"

namespace copg {

PooledDatabase::PooledDatabase(const Config& config, PoolOptions options) {
  if (routing::chooses_host(config)) {
    router_ = routing::closing_handle(routing::Router::create(
        {.config = config, .options = std::move(options), .call_configure = detail::call_configure}));
    router_->open();
    return;
  }
  engine_ =
      engine::closing_handle(engine::PoolEngine::create(config, std::move(options), detail::call_configure));
  engine_->open();
}

bool sync::EngineAccess::chooses_host(const Config& config) { return routing::chooses_host(config); }

std::shared_ptr<routing::Router> sync::EngineAccess::router_of(const PooledDatabase& pool) {
  return pool.router_ ? pool.router_->shared_from_this() : nullptr;
}

std::vector<std::shared_ptr<engine::PoolEngine>> sync::EngineAccess::engines_of(const PooledDatabase& pool) {
  if (!pool.router_) return {pool.engine_};
  std::vector<std::shared_ptr<PoolEngine>> engines;
  for (const routing::HostView& host : pool.router_->hosts()) engines.push_back(host.pool);
  return engines;
}

Connection sync::EngineAccess::connection(const DatabaseOn& database, const std::optional<Deadline>& deadline,
                                          const SourceLocation& where) {
  detail::HeldLease held =
      database.lease(deadline ? engine::TimeLimit::until(deadline->at()) : database.limit(), where);
  return PooledDatabase::connection_on(std::move(held.engine), held.lease);
}

std::optional<Connection> sync::EngineAccess::try_connection(const DatabaseOn& database,
                                                             const SourceLocation& where) {
  detail::HeldLease held = database.try_lease(where);
  if (!held.engine) return std::nullopt;
  return PooledDatabase::connection_on(std::move(held.engine), held.lease);
}

PooledDatabase::PooledDatabase(std::shared_ptr<engine::PoolEngine> face) noexcept
    : engine_(std::move(face)) {}

PooledDatabase::PooledDatabase(std::shared_ptr<routing::Router> face) noexcept : router_(std::move(face)) {}

PooledDatabase PooledDatabase::from_env(PoolOptions options, const std::optional<std::string>& dotenv) {
  return PooledDatabase(Config::from_env(dotenv), std::move(options));
}

PooledDatabase PooledDatabase::from_url(std::string_view url, PoolOptions options) {
  return PooledDatabase(Config::from_url(url), std::move(options));
}

PooledDatabase::PooledDatabase(PooledDatabase&&) noexcept = default;

PooledDatabase& PooledDatabase::operator=(PooledDatabase&& other) noexcept = default;

PooledDatabase::~PooledDatabase() = default;

engine::PoolEngine& PooledDatabase::engine() const {
  if (!engine_) [[unlikely]] {
    if (router_) routing::Router::refuse_use();
    throw UsageError("this pool was moved away: use the one that it was moved to");
  }
  return *engine_;
}

PooledDatabase PooledDatabase::shared() const {
  if (router_) return PooledDatabase(router_);
  (void)engine();  // throws if this object was moved from
  return PooledDatabase(engine_);
}

using namespace sync;

Result PooledDatabase::execute(const Sql& sql, const Params& params) {
  if (!engine_) [[unlikely]]
    return on(Role::primary).execute(sql, params);
  PoolEngine& pool = *engine_;
  return execute_on(pool, pool.timeout(), sql, params);
}

Result PooledDatabase::fetch(const Sql& sql, const Params& params, const detail::RowShape& shape) {
  if (!engine_) [[unlikely]]
    return on(Role::primary).fetch(sql, params, shape);
  PoolEngine& pool = *engine_;
  return fetch_on(pool, pool.timeout(), sql, params, shape);
}

std::int64_t PooledDatabase::execute_many(const Sql& sql, RowSource& rows) {
  if (!engine_) [[unlikely]]
    return on(Role::primary).execute_many(sql, rows);
  PoolEngine& pool = *engine_;
  return execute_many_on(pool, pool.timeout(), sql, rows);
}

std::vector<Result> PooledDatabase::execute_many_returning(const Sql& sql, RowSource& rows) {
  if (!engine_) [[unlikely]]
    return on(Role::primary).execute_many_returning(sql, rows);
  PoolEngine& pool = *engine_;
  return many_returning_on(pool, pool.timeout(), sql, rows);
}

std::vector<PipelineAnswer> PooledDatabase::execute(const Pipeline& pipeline) {
  if (!engine_) [[unlikely]]
    return on(Role::primary).execute(pipeline);
  PoolEngine& pool = *engine_;
  return execute_on(pool, pool.timeout(), pipeline);
}

std::vector<Result> PooledDatabase::execute_all(const Pipeline& pipeline) {
  if (!engine_) [[unlikely]]
    return on(Role::primary).execute_all(pipeline);
  PoolEngine& pool = *engine_;
  return execute_all_on(pool, pool.timeout(), pipeline);
}

std::int64_t PooledDatabase::copy_in(const Sql& sql, CopySource& source) {
  if (!engine_) [[unlikely]]
    return on(Role::primary).copy_in(sql, source);
  PoolEngine& pool = *engine_;
  return copy_in_on(pool, pool.timeout(), sql, source);
}

std::int64_t PooledDatabase::copy_out(const Sql& sql, CopySink& sink) {
  if (!engine_) [[unlikely]]
    return on(Role::primary).copy_out(sql, sink);
  PoolEngine& pool = *engine_;
  return copy_out_on(pool, pool.timeout(), sql, sink);
}

Connection PooledDatabase::connection(std::optional<Deadline> deadline, const SourceLocation& where) {
  if (!engine_) [[unlikely]]
    return EngineAccess::connection(on(Role::primary), deadline, where);
  PoolEngine& pool = engine();
  const TimeLimit limit = deadline ? TimeLimit::until(deadline->at()) : pool.timeout();
  return {pool.shared_from_this(), lease_on(pool, limit, where), pool.options().timeout};
}

Connection PooledDatabase::connection_on(std::shared_ptr<PoolEngine> engine, const detail::Lease& lease) {
  const Seconds timeout = engine->options().timeout;
  return {std::move(engine), lease, timeout};
}

std::optional<Connection> PooledDatabase::try_connection(const SourceLocation& where) {
  std::optional<Connection> leased;  // the one object that is returned, so that it stays where it is
  if (!engine_) [[unlikely]] {
    detail::HeldLease held = on(Role::primary).try_lease(where);
    if (held.engine) leased.emplace(connection_on(std::move(held.engine), held.lease));
    return leased;
  }
  PoolEngine& pool = *engine_;
  detail::Lease lease;
  if (pool.leases().try_acquire(lease, engine::now(), {where, engine::this_thread()})) {
    leased.emplace(Connection(pool.shared_from_this(), lease, pool.options().timeout));
    if (engine::on_this_stack(&leased)) detail::LeaseAccess::hold(*leased);
  }
  return leased;
}

RowStream PooledDatabase::stream(const Sql& sql, const Params& params) {
  return {std::make_shared<Connection>(connection({}, sql.where())), sql, params};
}

Listener PooledDatabase::listener(const Channels& channels, std::size_t queue) {
  PoolEngine& pool = engine();
  return Listener(sync::listen(pool, channels.names(), queue, pool.timeout()));
}

DatabaseWithin PooledDatabase::within(Deadline deadline) const {
  if (router_) return {nullptr, router_->shared_from_this(), deadline};
  return {engine().shared_from_this(), nullptr, deadline};
}

DatabaseOn PooledDatabase::on(Role role, const RoleOptions& options) const {
  auto router = router_ ? router_->shared_from_this() : nullptr;
  auto pool = router_ ? nullptr : engine().shared_from_this();
  return DatabaseOn(std::move(pool), std::move(router), Role::primary, {}, {}).on(role, options);
}

Session PooledDatabase::session() const { return Session(on(Role::primary)); }

DatabaseWithin::DatabaseWithin(std::shared_ptr<PoolEngine> engine, std::shared_ptr<routing::Router> router,
                               Deadline deadline) noexcept
    : engine_(std::move(engine)), router_(std::move(router)), deadline_(deadline) {}

Connection DatabaseWithin::connection_until(Deadline deadline, std::shared_ptr<PoolEngine> engine,
                                            const detail::Lease& lease) {
  Connection leased(std::move(engine), lease, Seconds(HUGE_VAL));
  leased.deadline_ = deadline;
  return leased;
}

RowStream DatabaseWithin::stream_on(Connection leased, const Sql& sql, const Params& params) {
  return {std::make_shared<Connection>(std::move(leased)), sql, params};
}

DatabaseOn DatabaseWithin::on_primary() const { return {nullptr, router_, Role::primary, {}, deadline_}; }

Result DatabaseWithin::execute(const Sql& sql, const Params& params) {
  if (router_) return on_primary().execute(sql, params);
  return execute_on(*engine_, TimeLimit::until(deadline_.at()), sql, params);
}

Result DatabaseWithin::fetch(const Sql& sql, const Params& params, const detail::RowShape& shape) {
  if (router_) return on_primary().fetch(sql, params, shape);
  return fetch_on(*engine_, TimeLimit::until(deadline_.at()), sql, params, shape);
}

std::int64_t DatabaseWithin::execute_many(const Sql& sql, RowSource& rows) {
  if (router_) return on_primary().execute_many(sql, rows);
  return execute_many_on(*engine_, TimeLimit::until(deadline_.at()), sql, rows);
}

std::vector<Result> DatabaseWithin::execute_many_returning(const Sql& sql, RowSource& rows) {
  if (router_) return on_primary().execute_many_returning(sql, rows);
  return many_returning_on(*engine_, TimeLimit::until(deadline_.at()), sql, rows);
}

std::vector<PipelineAnswer> DatabaseWithin::execute(const Pipeline& pipeline) {
  if (router_) return on_primary().execute(pipeline);
  return execute_on(*engine_, TimeLimit::until(deadline_.at()), pipeline);
}

std::vector<Result> DatabaseWithin::execute_all(const Pipeline& pipeline) {
  if (router_) return on_primary().execute_all(pipeline);
  return execute_all_on(*engine_, TimeLimit::until(deadline_.at()), pipeline);
}

RowStream DatabaseWithin::stream(const Sql& sql, const Params& params) {
  return {std::make_shared<Connection>(connection(sql.where())), sql, params};
}

Listener DatabaseWithin::listener(const Channels& channels, std::size_t queue) {
  if (router_) routing::Router::refuse_use();
  return Listener(sync::listen(*engine_, channels.names(), queue, TimeLimit::until(deadline_.at())));
}

std::int64_t DatabaseWithin::copy_in(const Sql& sql, CopySource& source) {
  if (router_) return on_primary().copy_in(sql, source);
  return copy_in_on(*engine_, TimeLimit::until(deadline_.at()), sql, source);
}

std::int64_t DatabaseWithin::copy_out(const Sql& sql, CopySink& sink) {
  if (router_) return on_primary().copy_out(sql, sink);
  return copy_out_on(*engine_, TimeLimit::until(deadline_.at()), sql, sink);
}

Connection DatabaseWithin::connection(const SourceLocation& where) {
  if (router_) return on_primary().connection(where);
  return connection_until(deadline_, engine_, lease_on(*engine_, TimeLimit::until(deadline_.at()), where));
}

detail::Repeat DatabaseWithin::begin_run(const RunOptions& options) const {
  if (router_) {
    for (const routing::HostView& host : router_->hosts()) detail::InsideTransaction::refuse_run(*host.pool);
    return {router_->pool_of_primary(), options.attempts, deadline_.at()};
  }
  detail::InsideTransaction::refuse_run(*engine_);
  return {engine_, options.attempts, deadline_.at()};
}

Seconds PooledDatabase::timeout() const {
  return router_ ? router_->setup().options.timeout : engine().options().timeout;
}

PoolStats PooledDatabase::stats() const {
  if (!router_) return engine().stats();
  PoolStats sum;
  for (const routing::HostView& host : router_->hosts()) sync::add(sum, host.pool->stats());
  return sum;
}

std::vector<HostInfo> PooledDatabase::hosts() const {
  if (!router_) {
    (void)engine();  // throws if this object was moved from
    return {};
  }
  std::vector<HostInfo> infos;
  for (const routing::HostView& host : router_->hosts()) infos.push_back(sync::info_of(host));
  return infos;
}

std::vector<LeaseInfo> PooledDatabase::leases() const {
  if (!router_) return engine().holdings().leases();
  std::vector<LeaseInfo> all;
  for (const routing::HostView& host : router_->hosts())
    std::ranges::move(host.pool->holdings().leases(), std::back_inserter(all));
  return all;
}

std::vector<WaiterInfo> PooledDatabase::waiters() const {
  if (!router_) return engine().holdings().waiters();
  std::vector<WaiterInfo> all;
  for (const routing::HostView& host : router_->hosts())
    std::ranges::move(host.pool->holdings().waiters(), std::back_inserter(all));
  return all;
}

PoolMetrics PooledDatabase::metrics() const { return engine().metrics(); }

PoolView PooledDatabase::view() const {
  (void)engine();  // throws if this object was moved from
  return PoolView(engine_);
}

void PooledDatabase::resize(int min_size, int max_size) { engine().resize(min_size, max_size); }

void PooledDatabase::check() {
  if (router_) {
    const TimePoint deadline = engine::after(engine::now(), engine::duration_of(timeout()));
    for (const routing::HostView& host : router_->hosts()) {
      if (!host.up) continue;
      host.pool->start_check();
      sync::wait_for(*host.pool, engine::Milestone::checked, deadline);
    }
    return;
  }
  engine::PoolEngine& pool = engine();
  pool.start_check();
  sync::wait_for(pool, engine::Milestone::checked, engine::after(engine::now(), pool.timeout()));
}

void PooledDatabase::wait(Deadline deadline) {
  if (router_) {
    return sync::on_host(*router_, CallClock(TimeLimit::until(deadline.at())), cluster::Request{},
                         [](const routing::HostLease& host, const CallClock& clock) {
                           sync::wait_for(host.pool(), engine::Milestone::full, clock.deadline);
                         });
  }
  sync::wait_for(engine(), engine::Milestone::full, deadline.at());
}

void PooledDatabase::drain() {
  if (!router_) return engine().drain();
  for (const routing::HostView& host : router_->hosts()) host.pool->drain();
}

void PooledDatabase::suspend() {
  if (!router_) return engine().suspend();
  router_->suspend(pool::never);
}

void PooledDatabase::resume() {
  if (!router_) return engine().resume();
  router_->resume();
}

void PooledDatabase::close(Seconds timeout) noexcept {
  const engine::Duration time =
      timeout.count() >= 0 ? engine::duration_of(timeout) : engine::Duration::zero();
  if (engine_) engine_->close(time);
  if (router_) router_->close(time);
}

const std::string& PooledDatabase::name() const { return router_ ? router_->setup().name : engine().name(); }

std::string PooledDatabase::to_string() const {
  if (!router_) return engine().to_string("PooledDatabase");
  return "PooledDatabase('" + name() + "', hosts=" + std::to_string(router_->hosts().size()) + ")";
}

}  // namespace copg
