// The asynchronous call that executes one statement on a lease of its own.
#pragma once

#include <copg/detail/request.hpp>
#include <copg/result.hpp>

#include <memory>
#include <utility>

#include "async/call.hpp"
#include "engine/calls/statement_call.hpp"

namespace copg::async {

class ExecuteCall final : public WaitingCall<engine::StatementWaiter> {
 public:
  ExecuteCall(std::shared_ptr<Loop> loop, Duration timeout, std::unique_ptr<detail::Request> request,
              detail::Handler<Result> handler)
      : WaitingCall(std::move(loop), timeout, Ends::with_own_lease),
        request_(std::move(request)),
        steps_(engine(), lease_, *this),
        completion_(std::move(handler), this->loop()) {
    completion_.cancel_with(*this);
  }
  ~ExecuteCall() override { clean_up(); }

 private:
  Progress begin(TimePoint time, TimePoint deadline) override {
    return steps_.acquire(request_->sql(), *request_, time, deadline, request_->where());
  }
  Progress granted(TimePoint time) override { return steps_.granted(time); }
  engine::LeaseCall& lease_call() override { return steps_; }
  void take_result() override { result_ = steps_.take_result(); }
  void give_back() noexcept override {
    steps_.leave();
    engine().release(lease_);
  }
  void complete(bool inside, std::exception_ptr error) override {
    completion_.complete(inside, loop(), std::move(error), std::move(result_));
  }
  std::unique_ptr<detail::Request> lend() override { return std::move(request_); }
  void take_back(std::unique_ptr<detail::Request> request) noexcept override {
    request_ = std::move(request);
  }

  std::unique_ptr<detail::Request> request_;
  Lease lease_;
  engine::StatementCallOfLoop steps_;
  Result result_;
  Completion<Result> completion_;
};

}  // namespace copg::async
