// The asynchronous calls that run an operation: on a lease of their own, or on that of an AsyncConnection.
#pragma once

#include <memory>
#include <tuple>
#include <utility>

#include "async/call.hpp"
#include "async/lease_state.hpp"
#include "engine/calls/jobs.hpp"

namespace copg::async {

/// `Job`: see engine/calls/jobs.hpp. `Results`: nothing, or what its `take` returns.
template <class Job, class... Results>
class OperationCall final : public WaitingCall<engine::Waiter> {
 public:
  /// On a lease that it takes, at this place in the program, and gives back.
  OperationCall(std::shared_ptr<Loop> loop, Duration timeout, const SourceLocation& where, Job job,
                detail::Handler<Results...> handler)
      : WaitingCall(std::move(loop), timeout, Ends::with_own_lease),
        where_(where),
        steps_(engine(), own_lease_, *this, std::move(job)),
        completion_(std::move(handler), this->loop()) {
    completion_.cancel_with(*this);
  }
  /// On the lease of a connection.
  OperationCall(std::shared_ptr<LeaseState> state, Job job, detail::Handler<Results...> handler)
      : WaitingCall(state->loop, engine::duration_of(state->timeout), Ends::inside_lease),
        state_(std::move(state)),
        steps_(engine(), state_->lease, *this, std::move(job)),
        completion_(std::move(handler), this->loop()) {
    completion_.cancel_with(*this);
  }
  ~OperationCall() override { clean_up(); }

 private:
  Progress begin(TimePoint time, TimePoint deadline) override {
    if (!state_) return steps_.acquire(time, deadline, where_);
    if (!state_->enter(*this)) engine().reject_second_call();
    steps_.set_transactions(state_->transactions);
    return steps_.begin(time, deadline);
  }
  Progress granted(TimePoint time) override { return steps_.granted(time); }
  engine::LeaseCall& lease_call() override { return steps_; }
  void take_result() override {
    if constexpr (sizeof...(Results) == 0) {
      steps_.take_result();
    } else {
      result_ = steps_.take_result();
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

  SourceLocation where_;
  std::shared_ptr<LeaseState> state_;
  Lease own_lease_;
  engine::JobCall<Job, engine::OnHeap> steps_;
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
