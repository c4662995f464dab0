// Asks the world's server what has become of a transaction. It has an answer, which is not always the same.
#pragma once

#include "pq/commit_doubt.hpp"
#include "pq/execute_operation.hpp"

namespace copg::pq {
inline namespace scripted {

class CommitQuestion final : public OneStatement {
 public:
  CommitQuestion(Connection& connection, const CommitDoubt& /*doubt*/, bool /*again*/)
      : OneStatement(connection, "SELECT pg_xact_status", World::here().new_token(), BeginFirst::no) {}
  [[nodiscard]] bool commits() const noexcept override { return true; }
  [[nodiscard]] CommitFate fate() const noexcept { return fate_; }

 private:
  void answered() override { fate_ = static_cast<CommitFate>(World::here().choose(4)); }

  CommitFate fate_ = CommitFate::unknown;
};

}  // namespace scripted
}  // namespace copg::pq
