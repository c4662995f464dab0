// A transaction for one test, which leaves nothing behind.
#pragma once

#include <copg/connection.hpp>
#include <copg/pooled_database.hpp>
#include <copg/source_location.hpp>
#include <copg/transaction.hpp>

#pragma GCC visibility push(default)
namespace copg {
namespace testing {

/// A connection in a transaction that is rolled back in the end, whatever happens. It fits any framework: as
/// a member of a fixture, or as a variable of a test.
///
/// `conn->transaction(...)` inside is a savepoint, with its own end. `conn->commit()` commits, as it does
/// anywhere: code that calls it itself needs a database of its own. What does not roll back, such as the next
/// number of a sequence, stays. For one thread; the pool must outlive it.
class RolledBack {
 public:
  /// Leases a connection, waiting for the pool's `timeout`; nothing is sent. Throws as
  /// PooledDatabase::connection does.
  explicit RolledBack(PooledDatabase& db, const SourceLocation& where = SourceLocation::current())
      : connection_(db.connection({}, where)), transaction_(connection_) {}
  RolledBack(const RolledBack&) = delete;
  RolledBack& operator=(const RolledBack&) = delete;
  /// Rolls back, which blocks for a round trip if anything was sent, and gives the connection back. Never
  /// throws.
  ~RolledBack() = default;

  /// The connection, for code that is given one.
  [[nodiscard]] Connection& operator*() noexcept { return connection_; }
  [[nodiscard]] Connection* operator->() noexcept { return &connection_; }

 private:
  Connection connection_;
  Transaction transaction_;
};

}  // namespace testing
}  // namespace copg
#pragma GCC visibility pop
