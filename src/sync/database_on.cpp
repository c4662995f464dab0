#include <copg/pooled_database.hpp>

#include <utility>

#include "engine/calls/position_job.hpp"
#include "engine/turned_away.hpp"
#include "routing/held_host.hpp"
#include "routing/position.hpp"
#include "routing/request_for.hpp"
#include "routing/router.hpp"
#include "sync/routed.hpp"
#include "sync/verbs_on.hpp"

namespace copg {

using namespace sync;
using routing::request_for;

namespace {

/// Reads on another role than the primary are for whatever server there is, so that the loss of one is no
/// reason to fail.
bool is_repeatable(Role role, const Sql& sql) {
  return role != Role::primary && engine::known_text(sql.text()).kind == pool::StatementKind::read;
}

}  // namespace

DatabaseOn::DatabaseOn(std::shared_ptr<PoolEngine> engine, std::shared_ptr<routing::Router> router, Role role,
                       const RoleOptions& options, std::optional<Deadline> deadline) noexcept
    : engine_(std::move(engine)),
      router_(std::move(router)),
      role_(role),
      options_(options),
      deadline_(deadline) {}

DatabaseOn DatabaseOn::on(Role role, const RoleOptions& options) const {
  if (!(options.max_lag.value_or(Seconds(0)).count() >= 0) || !(options.patience.count() >= 0))
    throw UsageError("max_lag and patience must be at least 0");
  if (options.after && options.after->timeline == 0)
    throw UsageError("after: not the token of a write, since its timeline is 0");
  if (engine_ && role == Role::replica)
    throw UsageError("a pool of one host knows no replica: name all hosts in the configuration");
  return {engine_, router_, role, options, deadline_};
}

TimeLimit DatabaseOn::limit() const {
  if (deadline_) return TimeLimit::until(deadline_->at());
  return engine_ ? engine_->timeout() : engine::duration_of(router_->setup().options.timeout);
}

template <class Body>
auto DatabaseOn::call_host(Body body, bool repeatable) const {
  const CallClock clock(limit());
  return on_host(*router_, clock, request_for(role_, options_, clock.begin), std::move(body), repeatable);
}

template <class Body>
auto DatabaseOn::call(Body body, bool repeatable) const {
  if (engine_) return body(*engine_, limit());
  return call_host(
      [&](const routing::HostLease& host, const CallClock& clock) {
        return body(host.pool(), TimeLimit::until(clock.deadline));
      },
      repeatable);
}

Result DatabaseOn::fetch_with_position(const Sql& sql, const Params& params, const detail::RowShape* shape,
                                       std::optional<WriteToken>& token) const {
  if (engine_) {
    return shape != nullptr ? fetch_on(*engine_, limit(), sql, params, *shape)
                            : execute_on(*engine_, limit(), sql, params);
  }
  return call_host([&](const routing::HostLease& host, const CallClock& clock) {
    PoolEngine& pool = host.pool();
    const engine::KnownText text = engine::known_text(sql.text());
    pq::DescribeFirst first;
    if (shape != nullptr) first = engine::describe_first(pool.fitting_texts(), text, sql.text(), *shape);
    if (first) return sync::call(pool, clock, sql.where(), engine::ExecuteJob{sql.text(), params, first});
    if (text.kind == pool::StatementKind::alone) return sync::execute(pool, clock, sql, params, text);
    engine::PositionAnswers answers(sql.text(), params, routing::position_text);
    Result result = sync::call(pool, clock, sql.where(), engine::PositionJob{answers});
    if (answers.position()) token = routing::token_in(*answers.position(), host.system);
    return result;
  });
}

std::optional<WriteToken> DatabaseOn::position() const {
  if (engine_) return std::nullopt;
  return call_host([&](const routing::HostLease& host, const CallClock& clock) {
    const Sql question(routing::position_text);
    const engine::KnownText text = engine::known_text(question.text());
    return std::optional(
        routing::token_in(sync::execute(host.pool(), clock, question, Params(), text), host.system));
  });
}

Result DatabaseOn::execute(const Sql& sql, const Params& params) {
  return call([&](PoolEngine& pool, const TimeLimit& time) { return execute_on(pool, time, sql, params); },
              is_repeatable(role_, sql));
}

Result DatabaseOn::fetch(const Sql& sql, const Params& params, const detail::RowShape& shape) {
  return call(
      [&](PoolEngine& pool, const TimeLimit& time) { return fetch_on(pool, time, sql, params, shape); },
      is_repeatable(role_, sql));
}

std::int64_t DatabaseOn::execute_many(const Sql& sql, RowSource& rows) {
  return call(
      [&](PoolEngine& pool, const TimeLimit& time) { return execute_many_on(pool, time, sql, rows); });
}

std::vector<Result> DatabaseOn::execute_many_returning(const Sql& sql, RowSource& rows) {
  return call(
      [&](PoolEngine& pool, const TimeLimit& time) { return many_returning_on(pool, time, sql, rows); });
}

std::vector<PipelineAnswer> DatabaseOn::execute(const Pipeline& pipeline) {
  return call([&](PoolEngine& pool, const TimeLimit& time) { return execute_on(pool, time, pipeline); });
}

std::vector<Result> DatabaseOn::execute_all(const Pipeline& pipeline) {
  return call([&](PoolEngine& pool, const TimeLimit& time) { return execute_all_on(pool, time, pipeline); });
}

std::int64_t DatabaseOn::copy_in(const Sql& sql, CopySource& source) {
  return call([&](PoolEngine& pool, const TimeLimit& time) { return copy_in_on(pool, time, sql, source); });
}

std::int64_t DatabaseOn::copy_out(const Sql& sql, CopySink& sink) {
  return call([&](PoolEngine& pool, const TimeLimit& time) { return copy_out_on(pool, time, sql, sink); });
}

RowStream DatabaseOn::stream(const Sql& sql, const Params& params) {
  return DatabaseWithin::stream_on(connection(sql.where()), sql, params);
}

DatabaseOn DatabaseOn::within(Deadline deadline) const {
  return {engine_, router_, role_, options_, deadline};
}

Connection DatabaseOn::connection(const SourceLocation& where) {
  detail::HeldLease held = lease(limit(), where);
  if (deadline_) return DatabaseWithin::connection_until(*deadline_, std::move(held.engine), held.lease);
  return PooledDatabase::connection_on(std::move(held.engine), held.lease);
}

detail::HeldLease DatabaseOn::lease(const TimeLimit& time, const SourceLocation& where) const {
  if (engine_) return {engine_, lease_on(*engine_, time, where)};
  CallClock clock(time);
  const cluster::Request request = request_for(role_, options_, clock.begin);
  ShortHost host(*router_);
  for (;;) {
    acquire_host(*router_, *host, clock, request);
    try {
      PoolEngine& pool = (*host).pool();
      const engine::Lease lease = sync::acquire(pool, clock, where);
      return {held(std::exchange(*host, {}), pool), lease};
    } catch (const engine::TurnedAway&) {  // the next host needs no exception to wait in
    }
    router_->doubt(*host);
  }
}

detail::HeldLease DatabaseOn::try_lease(const SourceLocation& where) const {
  const TimePoint time = engine::now();
  ShortHost host(*router_);
  if (!router_->try_acquire(*host, time, request_for(role_, options_, time))) return {};
  PoolEngine& pool = (*host).pool();
  engine::Lease lease;
  if (!pool.leases().try_acquire(lease, time, {where, engine::this_thread()})) return {};
  return {held(std::exchange(*host, {}), pool), lease};
}

/// The pool, which gives the lease of its host back once nobody shares it any more.
std::shared_ptr<PoolEngine> DatabaseOn::held(routing::HostLease host, PoolEngine& pool) const {
  return {std::make_shared<routing::HeldHost>(router_, std::move(host)), &pool};
}

}  // namespace copg
