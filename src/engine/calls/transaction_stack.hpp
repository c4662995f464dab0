// The transactions that a program has begun on one connection and not ended, and what they mean for the next
// statements. A transaction inside another is a savepoint. Sends nothing.
#pragma once

#include <copg/connection.hpp>

#include <string>

#include "pq/execute_operation.hpp"

namespace copg::engine {

/// A value, whose two members each kind of connection keeps in its own way.
struct TransactionStack {
  bool autocommit = false;
  int depth = 0;  ///< Transactions that were begun and not ended.

  // `status()` asks the connection, which may throw; it is called only if the answer depends on it.

  /// The number of the savepoint for a transaction that begins now; 0: it is no savepoint, but the
  /// transaction itself.
  template <class Status>
  [[nodiscard]] int next_savepoint(Status status) const {
    return depth > 0 || status() != TransactionStatus::idle ? depth + 1 : 0;
  }
  /// The depth after the end of the transaction that began with this number. A second end, such as the
  /// rollback after a commit that failed, changes nothing.
  [[nodiscard]] int depth_after(int savepoint) const noexcept;

  /// Whether BEGIN travels with the next statement. `in_transaction`: the connection is in a transaction.
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

/// The SQL that begins and ends the savepoint of that number. For 0, the transaction itself, nothing is sent
/// to begin, and COMMIT or ROLLBACK to end (pq::TransactionOperation).
[[nodiscard]] std::string begin_savepoint(int savepoint);
[[nodiscard]] std::string end_savepoint(int savepoint, bool commit);

}  // namespace copg::engine
