// The end of a transaction: COMMIT or ROLLBACK, one round trip. Savepoints are ordinary statements
// (ExecuteOperation).
#pragma once

#include "pq/exchange.hpp"
#include "pq/transaction_command.hpp"

namespace copg::pq {

class TransactionOperation final : public Exchange {
 public:
  /// If the server answers COMMIT with ROLLBACK, because the transaction had failed, that is an error
  /// (query_failed), and the transaction is over. If COMMIT is never answered, that is commit_unknown.
  TransactionOperation(Connection& connection, TransactionCommand command);

  [[nodiscard]] bool commits() const noexcept override { return command_ == TransactionCommand::commit; }

 private:
  ErrorPtr busy() override;
  bool send() override;
  void on_result(ResultPtr result) override;
  void on_error(ErrorPtr error, const PGresult* result) override;
  [[nodiscard]] bool answered() const override { return ended_; }
  ErrorPtr lost(ErrorPtr error) override;

  TransactionCommand command_;
  bool ended_ = false;  // answered; what follows says only that the server is ready
};

}  // namespace copg::pq
