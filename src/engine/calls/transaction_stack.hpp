// The transactions that a program has begun on one connection and not ended, and what they and their options
// mean for the next statements. A transaction inside another is a savepoint. Sends nothing.
#pragma once

#include <copg/connection.hpp>

#include <copg/pipeline.hpp>
#include <copg/pool_options.hpp>
#include <copg/transaction_options.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pq/beginning.hpp"
#include "pq/transaction_command.hpp"

namespace copg::engine {

/// A value, whose members each kind of connection keeps in its own way.
struct TransactionStack {
  bool autocommit = false;
  int depth = 0;                             ///< Transactions that were begun and not ended.
  const pq::Beginning* beginning = nullptr;  ///< Of the outermost of them; null: BEGIN alone.

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

  /// What begins with the next statement. `in_transaction`: the connection is in a transaction.
  [[nodiscard]] pq::BeginFirst begin_first(bool in_transaction) const noexcept {
    if (in_transaction || (autocommit && depth == 0)) return pq::BeginFirst::no;
    return depth > 0 && beginning != nullptr ? pq::BeginFirst(beginning) : pq::BeginFirst::yes;
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

/// What the first statement of a transaction with options begins it with, in a pool with that option. Throws
/// UsageError.
[[nodiscard]] std::shared_ptr<const pq::OwnBeginning> beginning_with(const TransactionOptions& options,
                                                                     ResolveCommits resolve);

/// The options of a savepoint. PostgreSQL undoes settings when it rolls back to a savepoint, but not when it
/// releases one: what they were before is read when it begins, and set again before it is released.
class SavepointOptions {
 public:
  /// Throws UsageError for what a savepoint can't have: isolation, deferrable, resolve_commit.
  explicit SavepointOptions(const TransactionOptions& options);

  /// Whether there are none: `begin_savepoint` and `end_savepoint` say all.
  [[nodiscard]] bool empty() const noexcept { return !read_only_ && settings_.sql.empty(); }
  /// What begins the savepoint of that number. If it fails, the caller rolls back to the savepoint.
  [[nodiscard]] Pipeline begin(int savepoint) const;
  /// Takes its answers. Throws the first error.
  void begun(const std::vector<PipelineAnswer>& answers);
  /// What releases it. Throws nothing of its own.
  [[nodiscard]] Pipeline release(int savepoint) const;

 private:
  bool read_only_;
  pq::LocalSettings settings_;
  std::vector<std::string> names_;  // of what is set
  pq::LocalSettings restoring_;
};

/// Throws the first error among them.
void require_success(const std::vector<PipelineAnswer>& answers);

}  // namespace copg::engine
