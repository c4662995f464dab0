// A transaction, or a savepoint inside one, as an object: rolled back unless it is committed.
#pragma once

#include <copg/transaction_options.hpp>

#include <memory>

#pragma GCC visibility push(default)
namespace copg {

class Connection;

namespace engine {
class SavepointOptions;
}  // namespace engine

/// The first one on a connection is the transaction itself; those inside it are savepoints, and must end
/// first. BEGIN travels with the first statement; nothing is sent before. For the connection's thread only;
/// the connection must outlive it.
class Transaction {
 public:
  /// Makes a savepoint, with one round trip, if the connection is in a transaction already (which a statement
  /// may have begun). Throws as Connection::execute does.
  explicit Transaction(Connection& connection);
  /// The options of a savepoint travel with it. UsageError, before anything is sent, for what a savepoint
  /// can't have: isolation and deferrable.
  Transaction(Connection& connection, const TransactionOptions& options);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  /// Rolls back if the transaction has not ended, which blocks for a round trip. Never throws: if that fails,
  /// giving the connection back cleans it.
  ~Transaction();

  /// COMMIT (one round trip; none if nothing was executed), or RELEASE SAVEPOINT (one round trip). Throws
  /// QueryFailed if the transaction had failed, which is rolled back then, CommitUnknown if the answer was
  /// lost, UsageError if the transaction has ended.
  void commit();
  /// ROLLBACK (one round trip; none if nothing was executed), or ROLLBACK TO SAVEPOINT (one round trip).
  /// Throws UsageError if the transaction has ended.
  void rollback();
  /// Neither committed nor rolled back yet.
  [[nodiscard]] bool active() const noexcept { return active_; }

 private:
  void begin_with_options();
  void undo() noexcept;
  void end() noexcept;

  Connection& connection_;
  int savepoint_ = 0;                                  // its number; 0: the transaction itself
  std::unique_ptr<engine::SavepointOptions> options_;  // null: none
  bool active_ = true;
};

}  // namespace copg
#pragma GCC visibility pop
