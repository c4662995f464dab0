// COMMIT or ROLLBACK on a lease. If COMMIT is never answered, and the number of its transaction has come, the
// call exchanges the lost connection for another, and asks that one whether the transaction was committed.
// The lease ends then, whatever the answer is: the session in which it began is gone.
#pragma once

#include <memory>
#include <optional>

#include "engine/calls/lease_call.hpp"
#include "engine/calls/transaction_stack.hpp"
#include "pq/commit_question.hpp"
#include "pq/transaction_operation.hpp"

namespace copg::engine {

struct EndJob {
  pq::TransactionCommand command;
};

class EndCall final : public LeaseCall {
 public:
  EndCall(PoolEngine& engine, Lease& lease, Waiter& waiter, EndJob job)
      : LeaseCall(engine, lease, waiter), job_(job) {}
  ~EndCall() { leave(); }
  void set_transactions(const TransactionStack& /*open*/) noexcept {}
  Progress granted(TimePoint time) override;
  Progress advance(pq::Ready ready) override;
  /// Once done.
  void take_result();
  [[nodiscard]] const EndJob& kept() const noexcept { return job_; }
  using LeaseCall::leave;

 private:
  pq::StatementOperation& make(pq::Connection& connection) override;
  void drop() noexcept override;
  [[nodiscard]] event::StatementBegan shape() override;
  /// Takes a step in asking. Without a connection to ask, the call is done, and what it is about stays
  /// unknown.
  template <class Step>
  Progress ask(Step step);
  Progress ask_another();
  Progress take_answer();
  Progress end_lease() noexcept;

  const EndJob job_;
  std::optional<pq::TransactionOperation> end_;
  std::unique_ptr<pq::CommitQuestion> question_;
  std::optional<pq::CommitDoubt> doubt_;
  pq::ErrorPtr error_;  // once in doubt
  bool asked_ = false;
};

}  // namespace copg::engine
