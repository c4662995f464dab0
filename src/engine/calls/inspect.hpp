// What a leased connection answers by itself, without asking the server.
#pragma once

#include <copg/connection.hpp>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include "engine/calls/transaction_stack.hpp"
#include "engine/holder.hpp"
#include "engine/mends.hpp"
#include "engine/pool_engine.hpp"
#include "pq/connection.hpp"

namespace copg::engine {

/// Whether COMMIT and ROLLBACK would have no effect. What is kept open with no transaction around it, such as
/// a stream, they do not end.
[[nodiscard]] inline bool nothing_to_end(const pq::Connection& connection) noexcept {
  return connection.keeps_exchange() || connection.at_rest();
}

[[nodiscard]] inline TransactionStatus status_of(const pq::Connection& connection) noexcept {
  if (!connection.alive()) return TransactionStatus::unknown;
  if (connection.keeps_exchange()) return TransactionStatus::idle;
  if (!connection.protocol_idle()) return TransactionStatus::busy;
  if (connection.in_failed_transaction()) return TransactionStatus::failed;
  return connection.in_transaction() ? TransactionStatus::in_transaction : TransactionStatus::idle;
}

/// Whether nothing can be sent any more. Giving the connection back rolls back.
[[nodiscard]] inline bool can_only_be_given_back(TransactionStatus status) noexcept {
  return status == TransactionStatus::busy || status == TransactionStatus::unknown;
}

/// Returns ask(connection). It enters the lease for that, since `close` may cut it off at any time.
template <class Ask>
auto inspect(PoolEngine& engine, Lease lease, Ask ask) {
  class Inside {
   public:
    Inside(PoolEngine& engine, Lease& lease) : engine_(engine), lease_(lease) {
      engine.leases().enter_for_inspection(lease);
    }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    ~Inside() { engine_.leases().leave(lease_); }

   private:
    PoolEngine& engine_;
    Lease& lease_;
  };
  if (!stands(Mend::asked_inside)) return ask(std::as_const(*lease.slot->connection));
  const Inside inside(engine, lease);
  const pq::Connection& connection = *lease.slot->connection;
  return ask(connection);
}

}  // namespace copg::engine

namespace copg::detail {

/// What the shells may know of a Connection beyond its public members.
struct LeaseAccess {
  /// Whether a lease is there, lost or not.
  [[nodiscard]] static bool is_there(const Connection& connection) noexcept {
    return static_cast<bool>(connection.lease_);
  }
  /// This thread gives the connection back, and nobody else does.
  static void hold(const Connection& connection) noexcept {
    connection.engine_->leases().set_holder(connection.lease_, engine::this_thread().id);
  }
  [[nodiscard]] static engine::TransactionStack transactions(const Connection& connection) noexcept {
    return {.autocommit = connection.autocommit_,
            .depth = connection.transactions_,
            .beginning = connection.beginning_ ? &connection.beginning_->beginning() : nullptr};
  }
  static void abandon(Copy& copy) noexcept { copy.abandon(); }
  static void follows(Copy& copy, std::int64_t rows) noexcept { copy.follows(rows); }
  /// The time that each call may take, and the moment when the lease or block ends.
  struct Limits {
    Seconds timeout{};
    Deadline deadline{};

    /// Within a block that ends by `end`.
    [[nodiscard]] Limits until(Deadline end) const noexcept {
      return {Seconds(HUGE_VAL), std::min(deadline.at(), end.at())};
    }
  };
  [[nodiscard]] static Limits limits(const Connection& connection) noexcept {
    return {connection.timeout_, connection.deadline_};
  }
  [[nodiscard]] static Result next_chunk(Connection& connection,
                                         const std::shared_ptr<engine::OpenStream>& stream,
                                         const std::optional<Deadline>& deadline) {
    return connection.next_chunk(stream, deadline);
  }
  static void limit(Connection& connection, const Limits& limits) noexcept {
    connection.timeout_ = limits.timeout;
    connection.deadline_ = limits.deadline;
  }
};

}  // namespace copg::detail
