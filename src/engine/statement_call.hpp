// One statement on a lease of its own. If it has to wait for a connection it may travel with others, over a
// connection that its caller drives for them, or another for it.
#pragma once

#include <copg/result.hpp>

#include <memory>
#include <string_view>

#include "engine/lease_call.hpp"
#include "pq/execute_operation.hpp"
#include "pq/params_view.hpp"

namespace copg::engine {

class StatementCall final : public LeaseCall {
 public:
  StatementCall(PoolEngine& engine, Lease& lease, StatementWaiter& waiter)
      : LeaseCall(engine, lease, waiter), waiter_(waiter) {}
  ~StatementCall() { leave(); }

  /// Begins. `sql` and `params` must outlive the call, unless they are lent.
  Progress acquire(std::string_view sql, const pq::ParamsView& params, TimePoint time, TimePoint deadline,
                   const SourceLocation& where);
  Progress granted(TimePoint time) override;
  Progress advance(pq::Ready ready) override;
  [[nodiscard]] std::string_view sql() const noexcept override { return sql_; }
  /// Once done: the result; throws the statement's error.
  [[nodiscard]] Result take_result();
  void leave() noexcept;

 private:
  Progress enter(TimePoint time);
  Progress requeue();
  Progress after_step();
  Progress after_step_of_run();
  pq::StatementOperation& make(pq::Connection& connection) override;
  void drop() noexcept override { operation_.reset(); }

  StatementWaiter& waiter_;  // the same, with its answer
  std::string_view sql_;
  std::optional<pq::ParamsView> params_;
  pool::Statement statement_;
  bool aboard_ = false;  // it waited for its connection, and the pool is to be told of its end
  Run* run_ = nullptr;   // that it drives
  TimePoint sent_at_{};
  // Of the statement alone, while it has a connection: those that wait for one are many.
  std::unique_ptr<pq::ExecuteOperation> operation_;
};

}  // namespace copg::engine
