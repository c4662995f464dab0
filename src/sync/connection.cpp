#include <copg/connection.hpp>

#include <utility>

#include "engine/calls/inspect.hpp"
#include "engine/calls/pipeline_answers.hpp"
#include "engine/statement_kind.hpp"
#include "pq/copy_in_operation.hpp"
#include "pq/copy_out_operation.hpp"
#include "pq/execute_many_operation.hpp"
#include "pq/execute_operation.hpp"
#include "pq/transaction_operation.hpp"
#include "sync/call.hpp"

namespace copg {

namespace {

sync::Span span_of(Seconds timeout) { return sync::Span(engine::duration_of(timeout)); }

}  // namespace

Connection::Connection(std::shared_ptr<engine::PoolEngine> engine, const detail::Lease& lease,
                       Seconds timeout) noexcept
    : engine_(std::move(engine)), lease_(lease), timeout_(timeout) {}

Connection::Connection(Connection&& other) noexcept
    // What was moved from still says that it is empty. NOLINTNEXTLINE(performance-move-constructor-init)
    : engine_(other.engine_),
      lease_(std::exchange(other.lease_, {})),
      timeout_(other.timeout_),
      autocommit_(other.autocommit_),
      transactions_(std::exchange(other.transactions_, 0)) {}

Connection& Connection::operator=(Connection&& other) noexcept {
  if (this == &other) return *this;
  release();
  engine_ = other.engine_;
  lease_ = std::exchange(other.lease_, {});
  timeout_ = other.timeout_;
  autocommit_ = other.autocommit_;
  transactions_ = std::exchange(other.transactions_, 0);
  return *this;
}

Connection::~Connection() { release(); }

void detail::call_configure(const PoolOptions& options, std::shared_ptr<engine::PoolEngine> engine,
                            Lease& lease) {
  Connection connection(std::move(engine), std::exchange(lease, {}), options.timeout);
  connection.autocommit_ = true;
  options.configure(connection);
  lease = std::exchange(connection.lease_, {});
}

void Connection::release() noexcept {
  if (lease_) engine_->release(lease_);
}

bool Connection::closed() const noexcept { return !lease_ || engine_->lost(lease_); }

void Connection::close() noexcept {
  if (lease_) engine_->discard(lease_);
}

Result Connection::execute(const Sql& sql, const Params& params) { return execute(sql, params, {}); }

Result Connection::fetch(const Sql& sql, const Params& params, const detail::RowShape& shape) {
  if (!lease_) return execute(sql, params);  // which says that it was given back
  return execute(sql, params, engine::describe_first(engine_->fitting_texts(), sql.text(), shape));
}

Result Connection::execute(const Sql& sql, const Params& params, const pq::DescribeFirst& first) {
  return sync::call(
      *engine_, lease_, span_of(timeout_), nullptr,
      [&](pq::Connection& connection) {
        return pq::ExecuteOperation(
            connection, sql.text(), params,
            detail::LeaseAccess::transactions(*this).begin_first(connection.in_transaction()), first);
      },
      [](pq::ExecuteOperation& operation) {
        engine::raise_error_of(operation);
        return operation.take_result();
      });
}

std::int64_t Connection::execute_many(const Sql& sql, RowSource& rows) {
  return sync::call(
      *engine_, lease_, span_of(timeout_), nullptr,
      [&](pq::Connection& connection) {
        return pq::ExecuteManyOperation(
            connection, sql.text(), rows,
            detail::LeaseAccess::transactions(*this).begin_first(connection.in_transaction()));
      },
      [](pq::ExecuteManyOperation& operation) {
        engine::rethrow(operation.source_error());
        engine::raise_error_of(operation);
        return operation.affected_rows();
      });
}

std::vector<PipelineAnswer> Connection::execute(const Pipeline& pipeline) {
  if (pipeline.empty()) return {};
  engine::PipelineAnswers answers(pipeline);
  return sync::call(
      *engine_, lease_, span_of(timeout_), nullptr,
      [&](pq::Connection& connection) {
        return pq::PipelineOperation(
            connection, answers.begin(), answers, pq::PipelineOrder::kept,
            detail::LeaseAccess::transactions(*this).begin_first(connection.in_transaction()));
      },
      [&](pq::PipelineOperation& operation) { return answers.take(operation); });
}

std::int64_t Connection::copy_in(const Sql& sql, CopySource& source) {
  return sync::call(
      *engine_, lease_, span_of(timeout_), nullptr,
      [&](pq::Connection& connection) {
        return pq::CopyInOperation(
            connection, sql.text(), source,
            detail::LeaseAccess::transactions(*this).begin_first(connection.in_transaction()));
      },
      [](pq::CopyInOperation& operation) {
        engine::rethrow(operation.stream_error());
        engine::raise_error_of(operation);
        return operation.rows_copied();
      });
}

std::int64_t Connection::copy_out(const Sql& sql, CopySink& sink) {
  return sync::call(
      *engine_, lease_, span_of(timeout_), nullptr,
      [&](pq::Connection& connection) {
        return pq::CopyOutOperation(
            connection, sql.text(), sink,
            detail::LeaseAccess::transactions(*this).begin_first(connection.in_transaction()));
      },
      [](pq::CopyOutOperation& operation) {
        engine::rethrow(operation.stream_error());
        engine::raise_error_of(operation);
        return operation.rows_copied();
      });
}

void Connection::end_transaction(bool commit) {
  if (!engine::inspect(*engine_, lease_, engine::nothing_to_end)) {
    sync::call(
        *engine_, lease_, span_of(timeout_), nullptr,
        [&](pq::Connection& connection) {
          return pq::TransactionOperation(
              connection, commit ? pq::TransactionCommand::commit : pq::TransactionCommand::rollback);
        },
        [](pq::TransactionOperation& operation) { engine::raise_error_of(operation); });
  }
}

void Connection::commit() { end_transaction(true); }

void Connection::rollback() { end_transaction(false); }

void Connection::autocommit(bool on) {
  detail::LeaseAccess::transactions(*this).require_autocommit_change<UsageError>(
      [this] { return transaction_status(); });
  autocommit_ = on;
}

void Connection::timeout(Seconds limit) {
  if (!(limit.count() >= 0)) throw UsageError("a timeout must be at least 0 s");
  timeout_ = limit;
}

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
