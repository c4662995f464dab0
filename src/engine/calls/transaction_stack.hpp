// The transactions that a program has begun on one connection and not ended, and what follows from them for
// the statements that its caller sends. A transaction inside another is a savepoint. Sends nothing.
#pragma once

#include <copg/connection.hpp>

#include <string>

#include "pq/execute_operation.hpp"

namespace copg::engine {

/// A value: each kind of connection keeps the two numbers in its own way.
struct TransactionStack {
  bool autocommit = false;
  int depth = 0;  ///< Transactions that were begun and not ended.

  // `status()` asks the connection, which may throw; it is called only if the answer depends on it.

  /// The number of the savepoint that a transaction would be which begins now; 0: it would be the transaction
  /// itself.
  template <class Status>
  [[nodiscard]] int next_savepoint(Status status) const {
    return depth > 0 || status() != TransactionStatus::idle ? depth + 1 : 0;
  }
  /// The depth once a transaction has ended that began with this number. A second end of the same one, such
  /// as the rollback that follows a commit in vain, changes nothing.
  [[nodiscard]] int depth_after(int savepoint) const noexcept;

  /// Whether BEGIN travels with the next statement. `in_transaction`: the connection is in one.
  [[nodiscard]] pq::BeginFirst begin_first(bool in_transaction) const noexcept {
    const bool wanted = !autocommit || depth > 0;
    return wanted && !in_transaction ? pq::BeginFirst::yes : pq::BeginFirst::no;
  }

  /// Throws a `Refusal` that says so if autocommit can't be changed now.
  template <class Refusal, class Status>
  void require_autocommit_change(Status status) const {
    if (depth > 0 || status() != TransactionStatus::idle)
      throw Refusal("autocommit can't be changed inside a transaction: commit or roll back first");
  }
};

/// What begins and ends the savepoint of a number. For 0, the transaction itself, nothing is to be sent at
/// the beginning, and COMMIT or ROLLBACK at the end (pq::TransactionOperation).
[[nodiscard]] std::string begin_savepoint(int savepoint);
[[nodiscard]] std::string end_savepoint(int savepoint, bool commit);

}  // namespace copg::engine
