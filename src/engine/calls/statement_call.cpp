#include "engine/calls/statement_call.hpp"

#include <utility>

#include "engine/raise.hpp"
#include "engine/statement_kind.hpp"

namespace copg::engine {

StatementCall::Progress StatementCall::acquire(std::string_view sql, const pq::ParamsView& params,
                                               TimePoint time, TimePoint deadline,
                                               const SourceLocation& where) {
  sql_ = sql;
  params_ = params;
  deadline_ = deadline;
  statement_ = statement_of(sql, params);
  const auto attempt = engine_.acquire(lease_, waiter_, time, deadline, where, &statement_);
  return attempt == PoolEngine::Attempt::queued ? Progress::queued : enter(time);
}

StatementCall::Progress StatementCall::granted(TimePoint time) {
  aboard_ = engine_.collect_statement(lease_, waiter_, time);
  return aboard_ ? enter(time) : Progress::done;
}

StatementCall::Progress StatementCall::enter(TimePoint time) {
  if (!engine_.enter(lease_, time)) return requeue();
  fresh_ = std::exchange(lease_.fresh, false);
  entered_at_ = time;
  if (aboard_) run_ = engine_.drive_run(lease_);
  if (run_ != nullptr) {
    operation_ = &run_->operation();
  } else {
    operation_ = alone_ = &make(*lease_.slot->connection);
  }
  return advance(pq::Ready::none);
}

/// The connection was dead before its first byte.
StatementCall::Progress StatementCall::requeue() {
  if (std::exchange(aboard_, false)) {
    engine_.requeue(lease_, waiter_);
    return Progress::queued;
  }
  const auto attempt = engine_.swap(lease_, waiter_, deadline_, &statement_);
  return attempt == PoolEngine::Attempt::queued ? Progress::queued : enter(now());
}

StatementCall::Progress StatementCall::advance(pq::Ready ready) {
  step_ = operation_->advance(ready);
  return run_ != nullptr ? after_step_of_run() : after_step();
}

StatementCall::Progress StatementCall::after_step_of_run() {
  if (!step_.done) {
    if (!waiter_.answer_) return Progress::waiting;
    leave();  // the rest is for others: one of them waits for it
    return Progress::done;
  }
  run_ = nullptr;
  operation_ = nullptr;
  aboard_ = false;
  engine_.end_run(lease_, waiter_);
  return waiter_.answer_ ? Progress::done : Progress::queued;
}

StatementCall::Progress StatementCall::after_step() {
  if (!step_.done) return Progress::waiting;
  const bool nothing_sent = operation_->error() != nullptr && !operation_->first_bytes_sent();
  if (nothing_sent) lease_.fresh = fresh_;
  if (!engine_.died_untouched(lease_, fresh_, nothing_sent)) {
    answered_at_ = now();
    return Progress::done;
  }
  LeaseCall::leave();
  if (!lease_) engine_.reject_cut_off(sql_);  // by `close`, just now
  return requeue();
}

Result StatementCall::take_result() {
  if (waiter_.answer_) return std::move(*waiter_.answer_).value();
  raise_error_of(*alone_);
  return alone_->take_result();
}

void StatementCall::leave() noexcept {
  const bool aboard = std::exchange(aboard_, false);
  if (std::exchange(run_, nullptr) != nullptr) {
    operation_ = nullptr;
    engine_.drive_no_longer(lease_, waiter_);
  } else if (answered_at_) {
    const TimePoint time = *std::exchange(answered_at_, std::nullopt);
    operation_ = nullptr;
    drop();
    engine_.end_statement(lease_, waiter_, statement_, aboard, time, time - entered_at_);
  } else {
    if (aboard) engine_.forget(lease_, waiter_);
    LeaseCall::leave();
  }
}

}  // namespace copg::engine
