// The end of a transaction: COMMIT or ROLLBACK, one round trip. Savepoints are ordinary statements
// (ExecuteOperation).
#pragma once

#include <copg/pool_options.hpp>

#include <optional>
#include <string>

#include "pq/commit_doubt.hpp"
#include "pq/exchange.hpp"
#include "pq/statement_use.hpp"
#include "pq/transaction_command.hpp"

namespace copg::pq {

class TransactionOperation final : public Exchange {
 public:
  /// If the server answers COMMIT with ROLLBACK, because the transaction had failed, that is an error
  /// (query_failed), and the transaction is over. If COMMIT is never answered, that is commit_unknown.
  ///
  /// Where a lost COMMIT is to be resolved, the number of the transaction is asked for in the same flush as
  /// COMMIT, and is on its way before that is executed: not for one that has written nothing, as far as its
  /// statements show, nor where the server's identity is not known.
  TransactionOperation(Connection& connection, TransactionCommand command,
                       ResolveCommits resolve = ResolveCommits::never);

  [[nodiscard]] bool commits() const noexcept override { return command_ == TransactionCommand::commit; }
  /// After commit_unknown: what another connection can be asked, if the number has come.
  [[nodiscard]] std::optional<CommitDoubt> doubt() const;

 private:
  enum class Expect : std::uint8_t { number, end };

  ErrorPtr busy() override;
  /// The portals end with the transaction.
  [[nodiscard]] bool clears_up() const override { return connection_.keeps_exchange(); }
  ErrorPtr check() override;
  bool send() override;
  void on_result(ResultPtr result) override;
  void on_error(ErrorPtr error, const PGresult* result) override;
  bool again() override;
  [[nodiscard]] bool answered() const override { return ended_; }
  ErrorPtr lost(ErrorPtr error) override;

  TransactionCommand command_;
  const ResolveCommits resolve_;
  bool numbered_ = false;
  bool ended_ = false;  // answered; what follows says only that the server is ready
  Expect expect_ = Expect::end;
  StatementUse question_;
  std::string number_;
};

}  // namespace copg::pq
