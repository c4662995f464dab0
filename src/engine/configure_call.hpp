// Lends a connection to PoolOptions::configure, before anybody gets it or gets it again.
//
// The lease that is lent is none of the pool core's: its slot belongs to this call and the borrower. So the
// connection can be taken back at any time, and what a borrower keeps of it is of no use and does no harm.
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
  ConfigureCall(const std::shared_ptr<PoolEngine>& engine, detail::Configure* configure,
                std::unique_ptr<pq::Connection> connection, std::shared_ptr<UnreturnedCalls> unreturned);
  /// Half-way: the connection is closed, at once or when the statement that runs on it has been given up.
  ~ConfigureCall() override;

  /// After `done` without an error: the connection, whose session is what a clean one is from now on.
  [[nodiscard]] std::unique_ptr<pq::Connection> take_connection() { return std::move(connection_); }

 private:
  struct Loan {
    Slot slot;
    detail::Lease lease;  // of the borrower's thread, until it has returned
  };
  ConfigureCall(const std::shared_ptr<PoolEngine>& engine, detail::Configure* configure,
                std::shared_ptr<Loan> loan, std::shared_ptr<UnreturnedCalls> unreturned);
  static std::shared_ptr<Loan> lend(std::unique_ptr<pq::Connection> connection);
  pq::Step finish() override;

  const std::shared_ptr<Loan> loan_;
  std::unique_ptr<pq::Connection> connection_;
};

}  // namespace copg::engine
