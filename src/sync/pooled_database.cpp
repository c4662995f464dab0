#include <copg/pooled_database.hpp>

#include <cmath>
#include <utility>

#include "engine/calls/inspect.hpp"
#include "engine/closing_handle.hpp"
#include "engine/this_stack.hpp"
#include "sync/call.hpp"

namespace copg {

PooledDatabase::PooledDatabase(const Config& config, PoolOptions options)
    : engine_(engine::closing_handle(
          engine::PoolEngine::create(config, std::move(options), detail::call_configure))) {
  engine_->open();
}

PooledDatabase::PooledDatabase(std::shared_ptr<engine::PoolEngine> face) noexcept
    : engine_(std::move(face)) {}

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
  if (!engine_) [[unlikely]]
    throw UsageError("this pool was moved away: use the one that it was moved to");
  return *engine_;
}

namespace {

using engine::PoolEngine;
using engine::TimeLimit;

Result execute_on(PoolEngine& pool, const TimeLimit& limit, const Sql& sql, const Params& params) {
  return sync::execute(pool, sync::CallClock(limit), sql, params, engine::known_text(sql.text()));
}

Result fetch_on(PoolEngine& pool, const TimeLimit& limit, const Sql& sql, const Params& params,
                const detail::RowShape& shape) {
  const sync::CallClock clock(limit);
  const engine::KnownText text = engine::known_text(sql.text());
  const pq::DescribeFirst first = engine::describe_first(pool.fitting_texts(), text, sql.text(), shape);
  if (!first) [[likely]]
    return sync::execute(pool, clock, sql, params, text);
  return sync::call(pool, clock, sql.where(), engine::ExecuteJob{sql.text(), params, first});
}

std::int64_t execute_many_on(PoolEngine& pool, const TimeLimit& limit, const Sql& sql, RowSource& rows) {
  return sync::call(pool, sync::CallClock(limit), sql.where(),
                    engine::ExecuteManyJob{sql.text(), rows, pool.joinable_texts()});
}

std::vector<Result> many_returning_on(PoolEngine& pool, const TimeLimit& limit, const Sql& sql,
                                      RowSource& rows) {
  pq::ReturnedRows returned;
  return sync::call(pool, sync::CallClock(limit), sql.where(),
                    engine::ReturningJob{{sql.text(), rows, pool.joinable_texts()}, returned});
}

std::vector<PipelineAnswer> execute_on(PoolEngine& pool, const TimeLimit& limit, const Pipeline& pipeline) {
  if (pipeline.empty()) return {};
  engine::PipelineAnswers answers(pipeline);
  return sync::call(pool, sync::CallClock(limit), pipeline.where(), engine::PipelineJob{answers});
}

std::vector<Result> execute_all_on(PoolEngine& pool, const TimeLimit& limit, const Pipeline& pipeline) {
  if (pipeline.empty()) return {};
  const auto statements = engine::statements_of(pipeline);
  return sync::call(pool, sync::CallClock(limit), pipeline.where(), engine::ExecuteAllJob{statements});
}

std::int64_t copy_in_on(PoolEngine& pool, const TimeLimit& limit, const Sql& sql, CopySource& source) {
  return sync::call(pool, sync::CallClock(limit), sql.where(), engine::CopyInJob{sql.text(), source});
}

std::int64_t copy_out_on(PoolEngine& pool, const TimeLimit& limit, const Sql& sql, CopySink& sink) {
  return sync::call(pool, sync::CallClock(limit), sql.where(), engine::CopyOutJob{sql.text(), sink});
}

detail::Lease lease_on(PoolEngine& pool, const TimeLimit& limit, const SourceLocation& where) {
  sync::CallClock clock(limit);
  return sync::acquire(pool, clock, where);
}

}  // namespace

Result PooledDatabase::execute(const Sql& sql, const Params& params) {
  PoolEngine& pool = engine();
  return execute_on(pool, pool.timeout(), sql, params);
}

Result PooledDatabase::fetch(const Sql& sql, const Params& params, const detail::RowShape& shape) {
  PoolEngine& pool = engine();
  return fetch_on(pool, pool.timeout(), sql, params, shape);
}

std::int64_t PooledDatabase::execute_many(const Sql& sql, RowSource& rows) {
  PoolEngine& pool = engine();
  return execute_many_on(pool, pool.timeout(), sql, rows);
}

std::vector<Result> PooledDatabase::execute_many_returning(const Sql& sql, RowSource& rows) {
  PoolEngine& pool = engine();
  return many_returning_on(pool, pool.timeout(), sql, rows);
}

std::vector<PipelineAnswer> PooledDatabase::execute(const Pipeline& pipeline) {
  PoolEngine& pool = engine();
  return execute_on(pool, pool.timeout(), pipeline);
}

std::vector<Result> PooledDatabase::execute_all(const Pipeline& pipeline) {
  PoolEngine& pool = engine();
  return execute_all_on(pool, pool.timeout(), pipeline);
}

std::int64_t PooledDatabase::copy_in(const Sql& sql, CopySource& source) {
  PoolEngine& pool = engine();
  return copy_in_on(pool, pool.timeout(), sql, source);
}

std::int64_t PooledDatabase::copy_out(const Sql& sql, CopySink& sink) {
  PoolEngine& pool = engine();
  return copy_out_on(pool, pool.timeout(), sql, sink);
}

Connection PooledDatabase::connection(std::optional<Deadline> deadline, const SourceLocation& where) {
  PoolEngine& pool = engine();
  const TimeLimit limit = deadline ? TimeLimit::until(deadline->at()) : pool.timeout();
  return {pool.shared_from_this(), lease_on(pool, limit, where), pool.options().timeout};
}

std::optional<Connection> PooledDatabase::try_connection(const SourceLocation& where) {
  std::optional<Connection> leased;  // the one object that is returned, so that it stays where it is
  PoolEngine& pool = engine();
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
  return {engine().shared_from_this(), deadline};
}

DatabaseWithin::DatabaseWithin(std::shared_ptr<PoolEngine> engine, Deadline deadline) noexcept
    : engine_(std::move(engine)), deadline_(deadline) {}

Result DatabaseWithin::execute(const Sql& sql, const Params& params) {
  return execute_on(*engine_, TimeLimit::until(deadline_.at()), sql, params);
}

Result DatabaseWithin::fetch(const Sql& sql, const Params& params, const detail::RowShape& shape) {
  return fetch_on(*engine_, TimeLimit::until(deadline_.at()), sql, params, shape);
}

std::int64_t DatabaseWithin::execute_many(const Sql& sql, RowSource& rows) {
  return execute_many_on(*engine_, TimeLimit::until(deadline_.at()), sql, rows);
}

std::vector<Result> DatabaseWithin::execute_many_returning(const Sql& sql, RowSource& rows) {
  return many_returning_on(*engine_, TimeLimit::until(deadline_.at()), sql, rows);
}

std::vector<PipelineAnswer> DatabaseWithin::execute(const Pipeline& pipeline) {
  return execute_on(*engine_, TimeLimit::until(deadline_.at()), pipeline);
}

std::vector<Result> DatabaseWithin::execute_all(const Pipeline& pipeline) {
  return execute_all_on(*engine_, TimeLimit::until(deadline_.at()), pipeline);
}

RowStream DatabaseWithin::stream(const Sql& sql, const Params& params) {
  return {std::make_shared<Connection>(connection(sql.where())), sql, params};
}

Listener DatabaseWithin::listener(const Channels& channels, std::size_t queue) {
  return Listener(sync::listen(*engine_, channels.names(), queue, TimeLimit::until(deadline_.at())));
}

std::int64_t DatabaseWithin::copy_in(const Sql& sql, CopySource& source) {
  return copy_in_on(*engine_, TimeLimit::until(deadline_.at()), sql, source);
}

std::int64_t DatabaseWithin::copy_out(const Sql& sql, CopySink& sink) {
  return copy_out_on(*engine_, TimeLimit::until(deadline_.at()), sql, sink);
}

Connection DatabaseWithin::connection(const SourceLocation& where) {
  Connection leased(engine_, lease_on(*engine_, TimeLimit::until(deadline_.at()), where), Seconds(HUGE_VAL));
  leased.deadline_ = deadline_;
  return leased;
}

detail::Repeat DatabaseWithin::begin_run(const RunOptions& options) const {
  detail::InsideTransaction::refuse_run(*engine_);
  return {engine_, options.attempts, deadline_.at()};
}

Seconds PooledDatabase::timeout() const { return engine().options().timeout; }

PoolStats PooledDatabase::stats() const { return engine().stats(); }

std::vector<LeaseInfo> PooledDatabase::leases() const { return engine().holdings().leases(); }

std::vector<WaiterInfo> PooledDatabase::waiters() const { return engine().holdings().waiters(); }

PoolMetrics PooledDatabase::metrics() const { return engine().metrics(); }

PoolView PooledDatabase::view() const {
  (void)engine();  // throws if this object was moved from
  return PoolView(engine_);
}

void PooledDatabase::resize(int min_size, int max_size) { engine().resize(min_size, max_size); }

void PooledDatabase::check() {
  engine::PoolEngine& pool = engine();
  pool.start_check();
  sync::wait_for(pool, engine::Milestone::checked, engine::after(engine::now(), pool.timeout()));
}

void PooledDatabase::wait(Deadline deadline) {
  sync::wait_for(engine(), engine::Milestone::full, deadline.at());
}

void PooledDatabase::drain() { engine().drain(); }

void PooledDatabase::suspend() { engine().suspend(); }

void PooledDatabase::resume() { engine().resume(); }

void PooledDatabase::close(Seconds timeout) noexcept {
  if (engine_) engine_->close(timeout.count() >= 0 ? engine::duration_of(timeout) : engine::Duration::zero());
}

const std::string& PooledDatabase::name() const { return engine().name(); }

std::string PooledDatabase::to_string() const { return engine().to_string("PooledDatabase"); }

}  // namespace copg
