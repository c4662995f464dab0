// COMMIT and ROLLBACK.
#include "pq/transaction_operation.hpp"

#include <utility>

namespace copg::pq {

TransactionOperation::TransactionOperation(Connection& connection, TransactionCommand command)
    : Exchange(connection, command == TransactionCommand::commit ? "COMMIT" : "ROLLBACK"),
      command_(command) {}

ErrorPtr TransactionOperation::busy() {
  return command_ == TransactionCommand::commit ? commit_unsent(sql_) : Exchange::busy();
}

bool TransactionOperation::send() { return PQsendQuery(connection_.raw(), sql_.data()) == 1; }

void TransactionOperation::on_result(ResultPtr result) {
  // The server answers COMMIT when it is done (exec_simple_query in postgres.c).
  ended_ = true;
  const std::string_view tag = command_tag(result.get());
  connection_.note_statement(tag, sql::TextTraits{});
  if (command_ == TransactionCommand::commit && tag == "ROLLBACK") keep_error(commit_rolled_back(sql_));
}

void TransactionOperation::on_error(ErrorPtr error, const PGresult* /*result*/) {
  ended_ = true;
  connection_.note_statement("", sql::TextTraits{});
  keep_error(std::move(error));
}

ErrorPtr TransactionOperation::lost(ErrorPtr error) {
  return command_ == TransactionCommand::commit ? commit_unknown(std::move(error)) : std::move(error);
}

}  // namespace copg::pq
