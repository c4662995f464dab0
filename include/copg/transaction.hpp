// A transaction, or a savepoint inside one, as an object: rolled back unless it is committed.
#pragma once

#pragma GCC visibility push(default)
namespace copg {

class Connection;

/// The first one on a connection is the transaction itself, those inside it are savepoints. Nothing is sent
/// before the first statement: BEGIN travels with it. End them in the reverse order of their making. One
/// thread, that of the connection, which must outlive it.
class Transaction {
 public:
  /// On a connection that is in a transaction already (also one that a statement has begun): a savepoint,
  /// which is one round trip. Throws as Connection::execute.
  explicit Transaction(Connection& connection);
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  /// Rolls back if it has not ended. Never throws: if that fails, the connection is cleaned when it is given
  /// back. Blocks for one round trip.
  ~Transaction();

  /// COMMIT, or RELEASE SAVEPOINT: one round trip, none if nothing was executed. Throws QueryFailed if the
  /// transaction had failed (it is rolled back then), CommitUnknown if the connection was lost before the
  /// answer, UsageError if it has ended.
  void commit();
  /// ROLLBACK, or ROLLBACK TO SAVEPOINT: one round trip, none if nothing was executed. UsageError if it has
  /// ended.
  void rollback();
  /// Neither committed nor rolled back yet.
  [[nodiscard]] bool active() const noexcept { return active_; }

 private:
  void undo() noexcept;
  void end() noexcept;

  Connection& connection_;
  int savepoint_ = 0;  // its number; 0: the transaction itself
  bool active_ = true;
};

}  // namespace copg
#pragma GCC visibility pop
