// One statement on a lease of its own. If it has to wait for a connection it may travel with others, over a
// connection that its caller drives for them, or another for it.
#pragma once

#include <copg/result.hpp>

#include <memory>
#include <optional>
#include <string_view>

#include "engine/calls/lease_call.hpp"
#include "pq/execute_operation.hpp"
#include "pq/params_view.hpp"

namespace copg::engine {

class StatementCall : public LeaseCall {
 public:
  /// Begins. `sql` and `params` must outlive the call, unless they are lent.
  Progress acquire(std::string_view sql, const pq::ParamsView& params, TimePoint time, TimePoint deadline,
                   const SourceLocation& where);
  Progress granted(TimePoint time) override;
  Progress advance(pq::Ready ready) override;
  [[nodiscard]] std::string_view sql() const noexcept override { return sql_; }
  /// Once done: the result; throws the statement's error.
  [[nodiscard]] Result take_result();
  /// Ends it, and its lease if it is done.
  void leave() noexcept;

 protected:
  StatementCall(PoolEngine& engine, Lease& lease, StatementWaiter& waiter)
      : LeaseCall(engine, lease, waiter), waiter_(waiter) {}
  ~StatementCall() = default;

  pq::ExecuteOperation& make(pq::Connection& connection) override = 0;
  [[nodiscard]] const pq::ParamsView& params() const noexcept { return *params_; }

 private:
  Progress enter(TimePoint time);
  Progress requeue();
  Progress after_step();
  Progress after_step_of_run();

  StatementWaiter& waiter_;  // the same, with its answer
  std::string_view sql_;
  std::optional<pq::ParamsView> params_;
  pool::Statement statement_;
  bool aboard_ = false;  // it waited for its connection, and the pool is to be told of its end
  Run* run_ = nullptr;   // that it drives
  pq::ExecuteOperation* alone_ = nullptr;  // what it drives otherwise
  std::optional<TimePoint> answered_at_;
};

/// With its operation in place: for a thread's stack.
class StatementCallOfThread final : public StatementCall {
 public:
  StatementCallOfThread(PoolEngine& engine, Lease& lease, StatementWaiter& waiter)
      : StatementCall(engine, lease, waiter) {}
  ~StatementCallOfThread() { leave(); }

 private:
  pq::ExecuteOperation& make(pq::Connection& connection) override {
    return operation_.emplace(connection, sql(), params());
  }
  void drop() noexcept override { operation_.reset(); }

  std::optional<pq::ExecuteOperation> operation_;
};

/// With room for its operation only while it has a connection: for an event loop, where many wait for one.
class StatementCallOfLoop final : public StatementCall {
 public:
  StatementCallOfLoop(PoolEngine& engine, Lease& lease, StatementWaiter& waiter)
      : StatementCall(engine, lease, waiter) {}
  ~StatementCallOfLoop() { leave(); }

 private:
  pq::ExecuteOperation& make(pq::Connection& connection) override {
    operation_ = std::make_unique<pq::ExecuteOperation>(connection, sql(), params());
    return *operation_;
  }
  void drop() noexcept override { operation_.reset(); }

  std::unique_ptr<pq::ExecuteOperation> operation_;
};

}  // namespace copg::engine
