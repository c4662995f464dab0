// Lends a connection to a function of the user's: to PoolOptions::configure before its first lease, or after
// a reset; to on_return after a lease; to before_close.
//
// The core does not know the lease of a loan, whose slot belongs to this call and the borrower. So the
// connection can be taken back at any time, and a lease that the borrower keeps is useless and harmless.
#pragma once

#include <copg/detail/configure.hpp>

#include <memory>

#include "engine/slot.hpp"
#include "engine/user_call.hpp"
#include "pq/connection.hpp"

namespace copg::engine {

class PoolEngine;

class ConfigureCall final : public UserCall {
 public:
  struct Lent {
    std::unique_ptr<pq::Connection> connection;
    Slot::Opening opening;
  };
  ConfigureCall(const std::shared_ptr<PoolEngine>& engine, detail::Configure* configure, detail::Hook hook,
                Lent lent, std::shared_ptr<UnreturnedCalls> unreturned);
  /// Half-way, it closes the connection: at once, or when the statement that runs on it has been given up.
  ~ConfigureCall() override;

  /// After `done` without an error: the connection. The session that `configure` leaves is the baseline from
  /// now on.
  [[nodiscard]] std::unique_ptr<pq::Connection> take_connection() { return std::move(connection_); }

 private:
  struct Loan {
    Slot slot;
    detail::Lease lease;  // of the borrower's thread, until it has returned
  };
  ConfigureCall(const std::shared_ptr<PoolEngine>& engine, detail::Configure* configure, detail::Hook hook,
                std::shared_ptr<Loan> loan, std::shared_ptr<UnreturnedCalls> unreturned);
  static std::shared_ptr<Loan> lend(Lent lent);
  pq::Step finish() override;

  const detail::Hook hook_;
  const std::shared_ptr<Loan> loan_;
  std::unique_ptr<pq::Connection> connection_;
};

}  // namespace copg::engine
