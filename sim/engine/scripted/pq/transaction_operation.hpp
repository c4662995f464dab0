// COMMIT and ROLLBACK to the world's server.
#pragma once

#include "pq/execute_operation.hpp"

namespace copg::pq {
inline namespace scripted {

class TransactionOperation final : public OneStatement {
 public:
  TransactionOperation(Connection& connection, TransactionCommand command)
      : OneStatement(connection, command == TransactionCommand::commit ? "COMMIT" : "ROLLBACK --",
                     World::here().new_token(), BeginFirst::no),
        commits_(command == TransactionCommand::commit) {}
  [[nodiscard]] bool commits() const noexcept override { return commits_; }

 private:
  const bool commits_;
};

}  // namespace scripted
}  // namespace copg::pq
