#include <copg/connection.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/calls/inspect.hpp"
#include "engine/calls/jobs.hpp"
#include "engine/statement_kind.hpp"
#include "engine/this_stack.hpp"
#include "sync/call.hpp"

namespace copg {

Connection::Connection(std::shared_ptr<engine::PoolEngine> engine, const detail::Lease& lease,
                       Seconds timeout) noexcept
    : engine_(std::move(engine)), lease_(lease), timeout_(timeout) {
  if (!engine::on_this_stack(this)) forget_holder();
}

Connection::Connection(Connection&& other) noexcept
    // The source keeps its engine, to say that it is empty. NOLINTNEXTLINE(performance-move-constructor-init)
    : engine_(other.engine_),
      lease_(std::exchange(other.lease_, {})),
      timeout_(other.timeout_),
      deadline_(other.deadline_),
      autocommit_(other.autocommit_),
      transactions_(std::exchange(other.transactions_, 0)),
      beginning_(std::move(other.beginning_)) {
  forget_holder();
}

Connection& Connection::operator=(Connection&& other) noexcept {
  if (this == &other) return *this;
  release();
  engine_ = other.engine_;
  lease_ = std::exchange(other.lease_, {});
  timeout_ = other.timeout_;
  deadline_ = other.deadline_;
  autocommit_ = other.autocommit_;
  transactions_ = std::exchange(other.transactions_, 0);
  beginning_ = std::move(other.beginning_);
  forget_holder();
  return *this;
}

/// Another thread may have the connection from now on, or somebody who outlives what this thread is doing.
void Connection::forget_holder() const noexcept {
  if (lease_) engine_->leases().set_holder(lease_, pool::unknown_holder);
}

Connection::~Connection() { release(); }

void detail::call_configure(const PoolOptions& options, Hook hook, std::shared_ptr<engine::PoolEngine> engine,
                            Lease& lease) {
  Connection connection(std::move(engine), std::exchange(lease, {}), options.timeout);
  connection.autocommit_ = true;
  switch (hook) {
    case Hook::configure: options.configure(connection); break;
    case Hook::on_return: options.on_return(connection); break;
    case Hook::before_close: options.before_close(connection); break;
  }
  lease = std::exchange(connection.lease_, {});
}

void Connection::release() noexcept {
  if (lease_) engine_->leases().release(lease_);
}

bool Connection::closed() const noexcept { return !lease_ || engine_->leases().lost(lease_); }

void Connection::close() noexcept {
  if (lease_) engine_->leases().discard(lease_);
}

Connection Connection::detach() {
  if (transactions_ > 0) throw UsageError("detach() inside a transaction() block: leave the block first");
  engine::Leases::require_usable(lease_);
  detail::Lease own;
  auto engine = engine_->detach(lease_, own);
  Connection detached(std::move(engine), own, timeout_);
  detached.autocommit_ = autocommit_;
  return detached;
}

template <class Job>
auto Connection::call(Job job) {
  const engine::TimeLimit limit(engine::duration_of(timeout_), deadline_.at());
  return sync::call(*engine_, lease_, sync::CallClock(limit), std::move(job),
                    detail::LeaseAccess::transactions(*this));
}

Result Connection::execute(const Sql& sql, const Params& params) {
  return call(engine::ExecuteJob{sql.text(), params});
}

Result Connection::fetch(const Sql& sql, const Params& params, const detail::RowShape& shape) {
  if (!lease_) return execute(sql, params);  // which throws UsageError
  return call(engine::ExecuteJob{
      sql.text(), params,
      engine::describe_first(engine_->fitting_texts(), engine::known_text(sql.text()), sql.text(), shape)});
}

std::int64_t Connection::execute_many(const Sql& sql, RowSource& rows) {
  return call(engine::ExecuteManyJob{sql.text(), rows, engine_->joinable_texts()});
}

std::vector<Result> Connection::execute_many_returning(const Sql& sql, RowSource& rows) {
  pq::ReturnedRows returned;
  return call(engine::ReturningJob{{sql.text(), rows, engine_->joinable_texts()}, returned});
}

std::vector<PipelineAnswer> Connection::execute(const Pipeline& pipeline) {
  if (pipeline.empty()) return {};
  engine::PipelineAnswers answers(pipeline);
  return call(engine::PipelineJob{answers});
}

std::vector<Result> Connection::execute_all(const Pipeline& pipeline) {
  if (pipeline.empty()) return {};
  const auto statements = engine::statements_of(pipeline);
  return call(engine::ExecuteAllJob{statements});
}

RowStream Connection::stream(const Sql& sql, const Params& params) { return {*this, sql, params, {}}; }

Result Connection::next_chunk(const std::shared_ptr<engine::OpenStream>& stream,
                              const std::optional<Deadline>& deadline) {
  if (!deadline) return call(engine::StreamJob{stream});
  const ConnectionWithin within(*this, *deadline);
  const ConnectionWithin::Limited limited(within);
  return call(engine::StreamJob{stream});
}

std::int64_t Connection::copy_in(const Sql& sql, CopySource& source) {
  return call(engine::CopyInJob{sql.text(), source});
}

std::int64_t Connection::copy_out(const Sql& sql, CopySink& sink) {
  return call(engine::CopyOutJob{sql.text(), sink});
}

void Connection::end_transaction(bool commit) {
  if (engine::inspect(*engine_, lease_, engine::nothing_to_end)) return;
  call(engine::EndJob{commit ? pq::TransactionCommand::commit : pq::TransactionCommand::rollback});
}

void Connection::commit() { end_transaction(true); }

void Connection::rollback() { end_transaction(false); }

void Connection::give_back_unended() noexcept {
  try {
    const TransactionStatus status = transaction_status();
    if (status == TransactionStatus::in_transaction || status == TransactionStatus::failed) release();
  } catch (...) {  // it was given back, or cut off
  }
}

void Connection::autocommit(bool on) {
  detail::LeaseAccess::transactions(*this).require_autocommit_change<UsageError>(
      [this] { return transaction_status(); });
  autocommit_ = on;
}

void Connection::name(std::string_view name) {
  engine::Leases::require_usable(lease_);
  engine_->leases().set_name(lease_, name);
}

std::string Connection::name() const { return engine::Leases::name_of(lease_); }

void Connection::timeout(Seconds limit) {
  if (!(limit.count() >= 0)) throw UsageError("a timeout must be at least 0 s");
  timeout_ = limit;
}

// --- within a deadline

ConnectionWithin::Limited::Limited(const ConnectionWithin& within) noexcept
    : connection_(within.connection_), timeout_(connection_.timeout_), deadline_(connection_.deadline_) {
  connection_.timeout_ = Seconds(HUGE_VAL);
  connection_.deadline_ = std::min(deadline_.at(), within.deadline_.at());
}

ConnectionWithin::Limited::~Limited() {
  connection_.timeout_ = timeout_;
  connection_.deadline_ = deadline_;
}

Result ConnectionWithin::execute(const Sql& sql, const Params& params) {
  const Limited limited(*this);
  return connection_.execute(sql, params);
}

Result ConnectionWithin::fetch(const Sql& sql, const Params& params, const detail::RowShape& shape) {
  const Limited limited(*this);
  return connection_.fetch(sql, params, shape);
}

std::int64_t ConnectionWithin::execute_many(const Sql& sql, RowSource& rows) {
  const Limited limited(*this);
  return connection_.execute_many(sql, rows);
}

std::vector<Result> ConnectionWithin::execute_many_returning(const Sql& sql, RowSource& rows) {
  const Limited limited(*this);
  return connection_.execute_many_returning(sql, rows);
}

std::vector<PipelineAnswer> ConnectionWithin::execute(const Pipeline& pipeline) {
  const Limited limited(*this);
  return connection_.execute(pipeline);
}

std::vector<Result> ConnectionWithin::execute_all(const Pipeline& pipeline) {
  const Limited limited(*this);
  return connection_.execute_all(pipeline);
}

RowStream ConnectionWithin::stream(const Sql& sql, const Params& params) {
  return {connection_, sql, params, deadline_};
}

std::int64_t ConnectionWithin::copy_in(const Sql& sql, CopySource& source) {
  const Limited limited(*this);
  return connection_.copy_in(sql, source);
}

std::int64_t ConnectionWithin::copy_out(const Sql& sql, CopySink& sink) {
  const Limited limited(*this);
  return connection_.copy_out(sql, sink);
}

void ConnectionWithin::commit() {
  const Limited limited(*this);
  connection_.commit();
}

void ConnectionWithin::rollback() {
  const Limited limited(*this);
  connection_.rollback();
}

// --- what the connection knows

int Connection::backend_pid() const {
  return engine::inspect(*engine_, lease_,
                         [](const pq::Connection& connection) { return connection.backend_pid(); });
}

int Connection::server_version() const {
  return engine::inspect(*engine_, lease_,
                         [](const pq::Connection& connection) { return connection.server_version(); });
}

TransactionStatus Connection::transaction_status() const {
  return engine::inspect(*engine_, lease_, engine::status_of);
}

std::string Connection::parameter_status(const std::string& name) const {
  return engine::inspect(*engine_, lease_, [&](const pq::Connection& connection) {
    return std::string(connection.parameter_status(name.c_str()));
  });
}

}  // namespace copg
