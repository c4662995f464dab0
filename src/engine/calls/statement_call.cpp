#include "engine/calls/statement_call.hpp"

#include <utility>

#include "engine/raise.hpp"

namespace copg::engine {

StatementCall::Progress StatementCall::acquire(std::string_view sql, const KnownText& text,
                                               const pq::ParamsView& params, TimePoint time,
                                               TimePoint deadline, const SourceLocation& where) {
  params_ = params;
  require_time(time, deadline, ErrorKind::pool_timeout);
  waiter().statement_ = sql;
  watch(time);
  if (watch_) [[unlikely]]
    waiter().carrier_ = std::make_unique<Carrier>();
  statement_ = statement_of(text, params);
  const auto attempt = engine_.leases().acquire(lease_, waiter(), time, deadline, where, &statement_);
  return attempt == Leases::Attempt::queued ? Progress::queued : enter(time);
}

event::StatementBegan StatementCall::shape() {
  return shape_of(event::Verb::execute, sql(), params_.types());
}

StatementCall::Progress StatementCall::granted(TimePoint time) {
  return engine_.runs().collect_statement(lease_, waiter(), time) ? enter(time) : Progress::done;
}

pq::StatementOperation& StatementCall::make(pq::Connection& connection) {
  if (waiter().driving_) {  // it has waited: others may travel with it
    if (Run* const run = engine_.runs().start_or_resume_run(lease_)) {
      phase_ = Phase::leading;
      return run->operation();
    }
  }
  phase_ = Phase::alone;
  return make_alone(connection);
}

StatementCall::Progress StatementCall::swap() {
  phase_ = Phase::none;
  if (waiter().driving_) {
    engine_.runs().requeue(lease_, waiter());
    return Progress::queued;
  }
  const auto attempt = engine_.leases().swap(lease_, waiter(), deadline_, &statement_);
  return attempt == Leases::Attempt::queued ? Progress::queued : enter(now());
}

StatementCall::Progress StatementCall::advance(pq::Ready ready) {
  if (phase_ == Phase::leading) return advance_run(ready);
  const Progress progress = LeaseCall::advance(ready);
  if (progress == Progress::done && phase_ == Phase::alone) phase_ = Phase::answered;
  return progress;
}

StatementCall::Progress StatementCall::advance_run(pq::Ready ready) {
  step_ = operation_->advance(ready);
  engine_.runs().answer(*lease_.slot->run);
  if (!step_.done) {
    if (!waiter().answer_) return Progress::waiting;
    if (answered_at_ == TimePoint{}) answered_at_ = now();
    if (now() < wait_until()) return Progress::waiting;
    stop();  // the rest is for others: one of them waits for it
    return Progress::done;
  }
  phase_ = Phase::none;
  operation_ = nullptr;
  engine_.runs().end_run(lease_, waiter());
  return waiter().answer_ ? Progress::done : Progress::queued;
}

TimePoint StatementCall::wait_until() const noexcept {
  return phase_ == Phase::leading && waiter().answer_ ? after(answered_at_, patience_) : deadline_;
}

bool StatementCall::wait_no_longer() noexcept {
  if (phase_ != Phase::leading || !waiter().answer_) return false;
  stop();
  return true;
}

Result StatementCall::take_result() {
  if (waiter().answer_) {
    if (watch_) [[unlikely]] {
      watch_->shared(*waiter().carrier_);
      watch_->note(**waiter().answer_);
    }
    return std::move(*waiter().answer_).value();
  }
  auto& alone = static_cast<pq::ExecuteOperation&>(*operation_);
  raise_error_of(alone);
  Result result = alone.take_result();
  note(result);
  return result;
}

void StatementCall::end() noexcept {
  stop();
  engine_.leases().release(lease_);
}

/// Leaves the lease, and ends it if the statement is done.
void StatementCall::stop() noexcept {
  switch (std::exchange(phase_, Phase::none)) {
    case Phase::leading:
      operation_ = nullptr;
      engine_.runs().hand_over_run(lease_, waiter());
      break;
    case Phase::answered:
      operation_ = nullptr;
      drop();
      engine_.runs().end_statement(lease_, waiter(), statement_, answered_at_, answered_at_ - entered_at_);
      break;
    case Phase::none:
    case Phase::alone: {
      const bool has_waited = waiter().driving_;
      if (has_waited) engine_.runs().forget(lease_, waiter());
      leave(has_waited);
      break;
    }
  }
}

}  // namespace copg::engine
