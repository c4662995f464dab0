// The asynchronous call that leases a connection.
#pragma once

#include <copg/async_connection.hpp>

#include <memory>
#include <utility>

#include "async/call.hpp"
#include "async/lease_state.hpp"

namespace copg::async {

class ConnectionCall final : public WaitingCall<engine::Waiter> {
 public:
  ConnectionCall(std::shared_ptr<Loop> loop, Duration timeout, const SourceLocation& where,
                 detail::Handler<AsyncConnection> handler);
  ~ConnectionCall() override { clean_up(); }

 private:
  Progress begin(TimePoint time, TimePoint deadline) override;
  Progress granted(TimePoint time) override;
  engine::LeaseCall& lease_call() override;
  void take_result() override;
  void give_back() noexcept override { engine().release(lease_); }
  void complete(bool inside, std::exception_ptr error) override {
    completion_.complete(inside, loop(), std::move(error), std::move(result_));
  }

  const SourceLocation where_;
  Lease lease_;
  AsyncConnection result_;
  Completion<AsyncConnection> completion_;
};

}  // namespace copg::async
