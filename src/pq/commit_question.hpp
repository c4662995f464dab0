// Asks whether a transaction was committed, on another connection than its own.
#pragma once

#include "pq/commit_doubt.hpp"
#include "pq/connection.hpp"
#include "pq/execute_operation.hpp"
#include "pq/operation.hpp"

#include <copg/params.hpp>

#include <string>

namespace copg::pq {

/// `fate_text` and its parameters, as fate_params takes them.
struct FateStatement {
  FateStatement(Connection& connection, const std::string& number, double pause_s)
      : params(fate_params(number, pause_s)), operation(connection, fate_text, params) {}

  const Params params;
  ExecuteOperation operation;
};

class CommitQuestion final : public StatementOperation {
 public:
  /// `doubt` must outlive it. `again`: the server is to wait for a moment first.
  CommitQuestion(Connection& connection, const CommitDoubt& doubt, bool again);

  Step advance(Ready ready) override;
  [[nodiscard]] const char* phase() const noexcept override { return "asking whether it was committed"; }
  [[nodiscard]] bool first_bytes_sent() const noexcept override {
    return statement_.operation.first_bytes_sent();
  }
  /// For what a caller is told who does not wait for its end.
  [[nodiscard]] bool commits() const noexcept override { return true; }

  /// After `done` without an error.
  [[nodiscard]] CommitFate fate() const noexcept { return fate_; }

 private:
  const CommitDoubt& doubt_;
  FateStatement statement_;
  CommitFate fate_ = CommitFate::unknown;
};

}  // namespace copg::pq
