// COMMIT and ROLLBACK.
#include "pq/transaction_operation.hpp"

#include <utility>

namespace copg::pq {

TransactionOperation::TransactionOperation(Connection& connection, TransactionCommand command)
    : Exchange(connection, command == TransactionCommand::commit ? "COMMIT" : "ROLLBACK"),
      command_(command) {}

bool TransactionOperation::send() {
  PGconn* conn = connection_.raw();
  // Statements evicted inside transactions only would pile up on the server: some go with every COMMIT that
  // follows.
  constexpr int max_closes = 4;
  if (!connection_.statements().closes_pending()) return PQsendQuery(conn, sql_.data()) == 1;
  if (!enter_pipeline()) return false;
  if (!send_plain(sql_.data()) || !send_sync()) return false;
  for (int i = 0; i < max_closes && connection_.statements().closes_pending(); ++i) {
    if (!send_close()) return false;
  }
  return true;
}

void TransactionOperation::on_result(ResultPtr result) {
  // The server answers COMMIT when it is done (exec_execute_message, exec_simple_query in postgres.c).
  if (std::exchange(ended_, true)) return;
  const std::string_view tag = command_tag(result.get());
  connection_.note_statement(tag, TextTraits{});
  if (command_ == TransactionCommand::commit && tag == "ROLLBACK") keep_error(commit_rolled_back(sql_));
}

void TransactionOperation::on_error(ErrorInfo error, const PGresult* /*result*/) {
  if (!std::exchange(ended_, true)) keep_error(std::move(error));
}

ErrorInfo TransactionOperation::lost(ErrorInfo error) {
  return command_ == TransactionCommand::commit ? commit_unknown(std::move(error)) : error;
}

}  // namespace copg::pq
