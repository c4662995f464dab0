// The asynchronous calls that run an operation: on a lease of their own, or on that of an AsyncConnection.
#pragma once

#include <memory>
#include <tuple>
#include <utility>

#include "async/call.hpp"
#include "async/lease_state.hpp"
#include "pq/execute_operation.hpp"

namespace copg::async {

/// `Job` says what is to be done: `make(connection, begin)` makes the operation, `take(operation)` gives its
/// result, or throws its error. `Results`: nothing, or what `take` returns.
template <class Job, class... Results>
class OperationCall final : public WaitingCall<engine::Waiter> {
 public:
  /// On a lease that it takes, at this place in the program, and gives back.
  OperationCall(std::shared_ptr<Loop> loop, Duration timeout, const SourceLocation& where, Job job,
                detail::Handler<Results...> handler)
      : WaitingCall(std::move(loop), timeout, Ends::with_own_lease),
        job_(std::move(job)),
        where_(where),
        steps_(*this, own_lease_),
        completion_(std::move(handler), this->loop()) {
    completion_.cancel_with(*this);
  }
  /// On the lease of a connection.
  OperationCall(std::shared_ptr<LeaseState> state, Job job, detail::Handler<Results...> handler)
      : WaitingCall(state->loop, engine::duration_of(state->timeout), Ends::inside_lease),
        job_(std::move(job)),
        state_(std::move(state)),
        steps_(*this, state_->lease),
        completion_(std::move(handler), this->loop()) {
    completion_.cancel_with(*this);
  }
  ~OperationCall() override { clean_up(); }

 private:
  using Operation = std::invoke_result_t<decltype(&Job::make), Job&, pq::Connection&, pq::BeginFirst>;

  class Steps final : public engine::LeaseCall {
   public:
    Steps(OperationCall& call, Lease& lease) : LeaseCall(call.engine(), lease, call), call_(call) {}
    ~Steps() { leave(); }
    using LeaseCall::leave;

   private:
    pq::StatementOperation& make(pq::Connection& connection) override {
      const LeaseState* const state = call_.state_.get();
      const pq::BeginFirst begin = state == nullptr
                                       ? pq::BeginFirst::no
                                       : state->transactions.begin_first(connection.in_transaction());
      call_.operation_.reset(new Operation(call_.job_.make(connection, begin)));
      return *call_.operation_;
    }
    void drop() noexcept override { call_.operation_.reset(); }

    OperationCall& call_;
  };

  Progress begin(TimePoint time, TimePoint deadline) override {
    if (!state_) return steps_.acquire(time, deadline, where_);
    if (!state_->enter(*this)) engine().reject_second_call();
    return steps_.begin(time, deadline);
  }
  Progress granted(TimePoint time) override { return steps_.granted(time); }
  engine::LeaseCall& lease_call() override { return steps_; }
  void take_result() override {
    if constexpr (sizeof...(Results) == 0) {
      job_.take(*operation_);
    } else {
      result_ = job_.take(*operation_);
    }
  }
  void give_back() noexcept override {
    steps_.leave();
    if (state_) {
      state_->leave(*this);
    } else {
      engine().release(own_lease_);
    }
  }
  void complete(bool inside, std::exception_ptr error) override {
    std::apply(
        [&](auto&... result) {
          completion_.complete(inside, loop(), std::move(error), std::move(result)...);
        },
        result_);
  }

  Job job_;
  SourceLocation where_;
  std::shared_ptr<LeaseState> state_;
  Lease own_lease_;
  std::unique_ptr<Operation> operation_;  // while it has a connection: those that wait for one are many
  Steps steps_;
  std::tuple<Results...> result_;
  Completion<Results...> completion_;
};

template <class C>
void start(C* call) {
  boost::intrusive_ptr<Pending>(call)->start();
}

/// Starts a call on a lease of its own.
template <class Job, class... Results>
void start_on(std::shared_ptr<Loop> loop, Duration timeout, const SourceLocation& where, Job job,
              detail::Handler<Results...> handler) {
  start(new OperationCall<Job, Results...>(std::move(loop), timeout, where, std::move(job),
                                           std::move(handler)));
}

/// Starts a call on the lease of a connection; null: it was given back since the call was made.
template <class Job, class... Results>
void start_on(const Loop& loop, std::shared_ptr<LeaseState> state, Job job,
              detail::Handler<Results...> handler) {
  if (!state) {
    auto error = std::make_exception_ptr(
        UsageError("this connection was given back already: take another from the pool"));
    return complete_now(loop.executor(), std::move(handler), std::move(error), Results()...);
  }
  start(new OperationCall<Job, Results...>(std::move(state), std::move(job), std::move(handler)));
}

}  // namespace copg::async
