// The asynchronous calls: the kinds of engine/calls/event_kinds.hpp, with Asio's handlers and results.
#pragma once

#include <copg/async_connection.hpp>
#include <copg/detail/request.hpp>
#include <copg/result.hpp>

#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include "async/call.hpp"
#include "async/completion.hpp"
#include "async/lease_state.hpp"
#include "engine/calls/event_kinds.hpp"

namespace copg::async {

/// A call with its handler. Kind::results() is a tuple of what the handler gets after the exception_ptr.
template <class Kind, class... Results>
class HandledCall final : public Kind {
 public:
  template <class... Args>
  explicit HandledCall(detail::Handler<Results...>&& handler, Args&&... args)
      : Kind(std::forward<Args>(args)...), completion_(std::move(handler), this->loop()) {
    completion_.cancel_with(*this);
  }
  ~HandledCall() override { this->clean_up(); }

 private:
  void complete(bool inside, std::exception_ptr error) override {
    std::apply(
        [&](auto&... results) {
          completion_.complete(inside, this->loop(), std::move(error), std::move(results)...);
        },
        this->results());
  }

  Completion<Results...> completion_;
};

/// One statement on a lease of its own.
class ExecuteCall : public engine::StatementKind<Call> {
 protected:
  /// `text`: what is known of the request's text.
  ExecuteCall(std::shared_ptr<Loop> loop, const engine::TimeLimit& limit,
              std::unique_ptr<detail::Request> request, const engine::KnownText& text)
      : StatementKind(std::move(loop), limit), request_(std::move(request)), text_(text) {}
  /// Of a call that has sent nothing, for another one.
  std::unique_ptr<detail::Request> take_request() noexcept { return std::move(request_); }

 private:
  Progress begin(TimePoint time, TimePoint deadline) final {
    return begin_with(request_->sql(), text_, *request_, time, deadline, request_->where());
  }
  std::unique_ptr<detail::Request> lend() final { return std::move(request_); }
  void take_back(std::unique_ptr<detail::Request> request) noexcept final { request_ = std::move(request); }

  std::unique_ptr<detail::Request> request_;
  const engine::KnownText text_;
};

/// Leases a connection.
class ConnectionCall : public engine::LeaseKind<Call> {
 public:
  /// Does so only if one is free at once. Throws PoolClosed.
  static std::optional<AsyncConnection> attempt(std::shared_ptr<Loop> loop, const SourceLocation& where);
  /// The connection is of one host of several, which is leased as long as the connection is.
  static void keep_host(const AsyncConnection& leased, std::shared_ptr<const void> host) noexcept;

 protected:
  ConnectionCall(std::shared_ptr<Loop> loop, const engine::TimeLimit& limit, const SourceLocation& where,
                 Seconds timeout_of_calls, TimePoint deadline_of_calls)
      : LeaseKind(std::move(loop), limit, where), timeout_(timeout_of_calls), deadline_(deadline_of_calls) {}
  [[nodiscard]] std::tuple<AsyncConnection>& results() noexcept { return results_; }

 private:
  [[nodiscard]] Lease& lease() noexcept final { return lease_; }
  void take_result() final;
  void give_back() noexcept final { engine().leases().release(lease_); }

  const Seconds timeout_;
  const TimePoint deadline_;
  Lease lease_;
  std::tuple<AsyncConnection> results_;
};

/// Makes a call and starts it.
template <class Kind, class... Results, class... Args>
void start(detail::Handler<Results...>&& handler, Args&&... args) {
  const boost::intrusive_ptr<Call> call(
      new HandledCall<Kind, Results...>(std::move(handler), std::forward<Args>(args)...));
  const TimePoint time = engine::now();
  call->start(time, time);
}

/// Starts a job (engine/calls/jobs.hpp) on the lease of a connection. `state` is null if it was given back
/// since the call was made. `deadline`: of this call, in place of the lease's timeout.
template <class Kept, class... Results>
void start_on(const Loop& loop, std::shared_ptr<LeaseState> state, const std::optional<Deadline>& deadline,
              Kept kept, detail::Handler<Results...>&& handler) {
  if (!state) {
    auto error = std::make_exception_ptr(
        UsageError("this connection was given back already: take another from the pool"));
    return complete_now(loop.executor(), std::move(handler), std::move(error), Results()...);
  }
  const engine::TimeLimit limit = state->limit(deadline);
  start<engine::JobKind<Call, LeaseState, Kept>>(std::move(handler), state->loop, limit, std::move(state),
                                                 std::move(kept));
}

}  // namespace copg::async
