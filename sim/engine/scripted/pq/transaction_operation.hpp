// COMMIT and ROLLBACK to the world's server.
#pragma once

#include <optional>

#include "pq/commit_doubt.hpp"
#include "pq/execute_operation.hpp"

namespace copg::pq {
inline namespace scripted {

class TransactionOperation final : public OneStatement {
 public:
  TransactionOperation(Connection& connection, TransactionCommand command,
                       ResolveCommits resolve = ResolveCommits::never)
      : OneStatement(connection, command == TransactionCommand::commit ? "COMMIT" : "ROLLBACK --",
                     World::here().new_token(), BeginFirst::no),
        commits_(command == TransactionCommand::commit),
        numbered_(commits_ && resolve == ResolveCommits::always) {}
  [[nodiscard]] bool commits() const noexcept override { return commits_; }
  /// The number of the transaction has come more often than not.
  [[nodiscard]] std::optional<CommitDoubt> doubt() const {
    if (!numbered_ || World::here().once_in(4)) return std::nullopt;
    return CommitDoubt{.number = "1", .server = {}};
  }

 private:
  /// Few transactions are committed, and fewer lost right then by chance.
  void was_sent(Connection& connection) override {
    if (numbered_ && World::here().once_in(2)) World::here().kill(connection.session_of_server());
  }
  ErrorPtr lost(ErrorPtr error) override {
    return commits_ && first_bytes_sent() ? commit_unknown(std::move(error)) : std::move(error);
  }

  const bool commits_;
  const bool numbered_;
};

}  // namespace scripted
}  // namespace copg::pq
