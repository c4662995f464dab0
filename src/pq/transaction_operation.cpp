// COMMIT and ROLLBACK.
#include "pq/transaction_operation.hpp"

#include <utility>

namespace copg::pq {

TransactionOperation::TransactionOperation(Connection& connection, TransactionCommand command,
                                           ResolveCommits resolve)
    : Exchange(connection, command == TransactionCommand::commit ? "COMMIT" : "ROLLBACK"),
      command_(command),
      resolve_(resolve),
      question_(number_text, {}) {}

ErrorPtr TransactionOperation::busy() {
  const bool open = connection_.keeps_exchange() || connection_.what_is_open() != nullptr;
  return command_ == TransactionCommand::commit && !open ? commit_unsent(sql_) : Exchange::busy();
}

ErrorPtr TransactionOperation::check() {
  const bool wanted = resolve_ != ResolveCommits::never &&
                      connection_.resolve_commit().value_or(resolve_ == ResolveCommits::always);
  // In a failed transaction the server would refuse the question, and COMMIT with it.
  numbered_ = command_ == TransactionCommand::commit && wanted && connection_.identity() != nullptr &&
              connection_.may_have_written() && !connection_.in_failed_transaction();
  return numbered_ ? question_.look_up(connection_) : nullptr;
}

bool TransactionOperation::send() {
  expect_ = numbered_ ? Expect::number : Expect::end;
  if (!numbered_) return PQsendQuery(connection_.raw(), sql_.data()) == 1;
  return enter_pipeline() && question_.put(connection_) && PQsendFlushRequest(connection_.raw()) == 1 &&
         send_plain(sql_.data()) && send_sync();
}

void TransactionOperation::on_result(ResultPtr result) {
  if (expect_ == Expect::number) {
    if (!question_.take_result(connection_, result.get())) return;
    if (PQntuples(result.get()) == 1) number_ = PQgetvalue(result.get(), 0, 0);
    expect_ = Expect::end;
    return;
  }
  // The server answers COMMIT when it is done (exec_simple_query and exec_execute_message in postgres.c).
  ended_ = true;
  const std::string_view tag = command_tag(result.get());
  connection_.note_statement(tag, sql::TextTraits{});
  connection_.transaction_ended();
  if (command_ == TransactionCommand::commit && tag == "ROLLBACK") keep_error(commit_rolled_back(sql_));
}

void TransactionOperation::on_error(ErrorPtr error, const PGresult* result) {
  if (expect_ == Expect::number) {
    static_cast<void>(question_.take_error(connection_, *error, result));
  } else {
    ended_ = true;
    connection_.note_statement("", sql::TextTraits{});
    connection_.transaction_ended();
  }
  keep_error(std::move(error));
}

/// The question was refused, and COMMIT behind it was not executed: the transaction has failed, and is ended.
bool TransactionOperation::again() {
  if (expect_ == Expect::end) return false;
  numbered_ = false;
  return true;
}

ErrorPtr TransactionOperation::lost(ErrorPtr error) {
  return command_ == TransactionCommand::commit ? commit_unknown(std::move(error)) : std::move(error);
}

std::optional<CommitDoubt> TransactionOperation::doubt() const {
  if (number_.empty()) return std::nullopt;
  return CommitDoubt{.number = number_, .server = *connection_.identity()};
}

}  // namespace copg::pq
