// BEGIN, the statements as the socket takes them, COMMIT, Sync; and after an error, ROLLBACK.
#include "pq/execute_all_operation.hpp"

#include <utility>

#include "pq/pipeline_refusals.hpp"
#include "pq/put_beginning.hpp"
#include "pq/result_access.hpp"

namespace copg::pq {
namespace {

constexpr PipelineStatement commit_statement{.sql = "COMMIT", .params = {}};

ErrorPtr unfit_for_all(const PipelineStatement& statement, const sql::TextTraits& traits) {
  const std::string_view sql = statement.sql;
  if (ErrorPtr refusal = unfit_for_pipeline(traits, sql)) return refusal;
  if (traits.transacts)
    return usage_error("the statements of execute_all are one transaction: none may begin or end one", sql);
  return wrong_number(traits.parameters, statement.params.size(), sql);
}

}  // namespace

ExecuteAllOperation::ExecuteAllOperation(Connection& connection,
                                         std::span<const PipelineStatement> statements, BeginFirst begin)
    : Exchange(connection, ""), statements_(statements), begin_(begin) {
  results_.reserve(statements.size());
}

ExecuteAllOperation::~ExecuteAllOperation() {
  if (!talking()) return;
  for (StatementUse& use : flights_) use.give_up(connection_);
}

ErrorPtr ExecuteAllOperation::check() {
  std::string_view last;
  sql::TextTraits traits;
  for (std::size_t i = 0; i < statements_.size(); ++i) {
    const PipelineStatement& statement = statements_[i];
    ErrorPtr refusal = unsendable(statement.sql);
    if (!refusal) {
      if (i == 0 || statement.sql != last) traits = sql::text_traits(statement.sql);
      last = statement.sql;
      refusal = unfit_for_all(statement, traits);
    }
    if (!refusal) continue;
    refusal->statement_index = static_cast<std::int64_t>(i);
    return refusal;
  }
  return nullptr;
}

bool ExecuteAllOperation::send() {
  if (rolling_back_) return PQsendQuery(connection_.raw(), "ROLLBACK") == 1;
  own_transaction_ = !begin_ && !connection_.in_transaction();
  return enter_pipeline() && put_begin() && send_more();
}

bool ExecuteAllOperation::put_begin() {
  const BeginFirst begin = own_transaction_ ? BeginFirst::yes : begin_;
  nameless_ = changes_names(begin);
  if (!begin) return true;
  begin_pending_ = begin->settings == nullptr ? 1 : 2;
  return put_beginning(connection_, *begin);
}

bool ExecuteAllOperation::send_more() {
  if (finished_ || rolling_back_) return true;
  unflushed();
  for (std::size_t bytes = 0; bytes < batch_bytes && !failed_ && next_ < statements_.size(); ++next_) {
    const PipelineStatement& statement = statements_[next_];
    bytes += bytes_of(statement.params) + statement.sql.size();
    if (!put(statement)) return false;
  }
  return (!failed_ && next_ < statements_.size()) || finish();
}

bool ExecuteAllOperation::put(const PipelineStatement& statement) {
  StatementUse use(statement.sql, statement.params);
  // `check` has found no reason to refuse it.
  static_cast<void>(use.look_up(connection_, nameless_));
  nameless_ = nameless_ || use.traits().path != sql::PathEffect::none;
  return flights_.emplace_back(use).put(connection_);
}

bool ExecuteAllOperation::finish() {
  if (own_transaction_ && !failed_ && !put(commit_statement)) return false;
  finished_ = true;
  return send_sync();
}

void ExecuteAllOperation::on_result(ResultPtr result) {
  if (rolling_back_) {
    connection_.note_statement(command_tag(result.get()), sql::TextTraits{});
    return connection_.transaction_ended();
  }
  if (begin_pending_ > 0) return take_begin(result.get());
  if (flights_.empty() || !flights_.front().take_result(connection_, result.get())) return;
  const bool reads = flights_.front().traits().reads;
  flights_.pop_front();
  if (index() == statements_.size()) {
    connection_.transaction_ended();
    committed_ = true;
    return;
  }
  using detail::Effect;
  const Effect effect = reads ? Effect::none : own_transaction_ ? Effect::committed : Effect::in_transaction;
  results_.push_back(ResultAccess::make(std::move(result), effect, &connection_.notices()));
}

void ExecuteAllOperation::take_begin(const PGresult* result) {
  if (--begin_pending_ == 0 && begin_ && begin_->settings != nullptr)
    note_settings(connection_, *begin_->settings, result);
}

void ExecuteAllOperation::on_error(ErrorPtr error, const PGresult* result) {
  if (rolling_back_) return;
  if (failed_) return;  // of a COPY that was refused
  failed_ = true;
  if (begin_pending_ == 1 && begin_ && begin_->settings != nullptr) error->query = begin_->settings->sql;
  if (begin_pending_ == 0 && !flights_.empty()) {
    const bool stale = flights_.front().take_error(connection_, *error, result);
    const bool of_commit = index() == statements_.size();
    stale_plan_ = stale && index() == 0 && !of_commit;
    error->query = of_commit ? commit_statement.sql : statements_[index()].sql;
    if (of_commit) {
      connection_.transaction_ended();
    } else {
      error->statement_index = static_cast<std::int64_t>(index());
    }
    flights_.pop_front();
  }
  keep_error(std::move(error));
}

void ExecuteAllOperation::on_copy() {
  // One that the text did not show.
  if (flights_.empty()) return;
  ErrorPtr error = copy_in_pipeline(statements_[index()].sql);
  error->statement_index = static_cast<std::int64_t>(index());
  keep_error(std::move(error));
}

void ExecuteAllOperation::on_refused_rows(ErrorPtr error) {
  // The COMMIT is on its way.
  error->message += "; the statement was executed";
  if (!flights_.empty() && index() < statements_.size()) {
    error->query = statements_[index()].sql;
    error->statement_index = static_cast<std::int64_t>(index());
  }
  keep_error(std::move(error));
}

void ExecuteAllOperation::on_sync() {
  // After an error, the server has dropped them unread.
  for (StatementUse& use : flights_) use.take_skip(connection_);
  flights_.clear();
  begin_pending_ = 0;
}

bool ExecuteAllOperation::again() {
  if (!rolling_back_) {
    rolling_back_ = own_transaction_ && failed_ && connection_.in_transaction();
    return rolling_back_;
  }
  rolling_back_ = false;
  if (!stale_plan_ || repeated_ || connection_.in_transaction()) return false;
  // Nothing of it had run.
  repeated_ = true;
  failed_ = finished_ = stale_plan_ = false;
  next_ = 0;
  drop_kept_error();
  return true;
}

ErrorPtr ExecuteAllOperation::lost(ErrorPtr error) {
  return commits() ? commit_unknown(std::move(error)) : std::move(error);
}

}  // namespace copg::pq
