// What the state of a leased connection means for what its caller does next: one answer for all shells.
#pragma once

#include <copg/connection.hpp>

#include <string>

#include "engine/pool_engine.hpp"
#include "pq/connection.hpp"
#include "pq/execute_operation.hpp"

namespace copg::engine {

/// Whether BEGIN travels with the next statement. `transactions`: transactions of the program that are open.
[[nodiscard]] inline pq::BeginFirst begin_first(const pq::Connection& connection, bool autocommit,
                                                int transactions) noexcept {
  const bool wanted = !autocommit || transactions > 0;
  return wanted && !connection.in_transaction() ? pq::BeginFirst::yes : pq::BeginFirst::no;
}

/// COMMIT and ROLLBACK would have no effect.
[[nodiscard]] inline bool nothing_to_end(const pq::Connection& connection) noexcept {
  return connection.protocol_idle() && !connection.in_transaction();
}

[[nodiscard]] inline TransactionStatus status_of(const pq::Connection& connection) noexcept {
  if (!connection.alive()) return TransactionStatus::unknown;
  if (!connection.protocol_idle()) return TransactionStatus::busy;
  if (connection.in_failed_transaction()) return TransactionStatus::failed;
  return connection.in_transaction() ? TransactionStatus::in_transaction : TransactionStatus::idle;
}

/// Nothing can be sent any more; giving the connection back rolls back.
[[nodiscard]] inline bool can_only_be_given_back(TransactionStatus status) noexcept {
  return status == TransactionStatus::busy || status == TransactionStatus::unknown;
}

/// What the connection of a lease answers by itself. Inside the lease, since `close` may cut it off at any
/// time.
template <class Ask>
auto look_at(PoolEngine& engine, Lease lease, Ask ask) {
  class Inside {
   public:
    Inside(PoolEngine& engine, Lease& lease) : engine_(engine), lease_(lease) { engine.enter_to_look(lease); }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside() { engine_.leave(lease_); }

   private:
    PoolEngine& engine_;
    Lease& lease_;
  };
  const Inside inside(engine, lease);
  const pq::Connection& connection = *lease.slot->connection;
  return ask(connection);
}

}  // namespace copg::engine

namespace copg::detail {

/// For pycopg: whether a lease is there, lost or not.
struct LeaseAccess {
  [[nodiscard]] static bool is_there(const Connection& connection) noexcept {
    return static_cast<bool>(connection.lease_);
  }
};

}  // namespace copg::detail

namespace copg::engine {

// A transaction inside another, by its number.

[[nodiscard]] inline std::string savepoint_name(int savepoint) { return "copg_" + std::to_string(savepoint); }

[[nodiscard]] inline std::string begin_savepoint(int savepoint) {
  return "SAVEPOINT " + savepoint_name(savepoint);
}

[[nodiscard]] inline std::string end_savepoint(int savepoint, bool commit) {
  const std::string name = savepoint_name(savepoint);
  return commit ? "RELEASE SAVEPOINT " + name
                : "ROLLBACK TO SAVEPOINT " + name + "; RELEASE SAVEPOINT " + name;
}

}  // namespace copg::engine
