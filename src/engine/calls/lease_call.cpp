#include "engine/calls/lease_call.hpp"

#include <copg/lease_info.hpp>

#include <utility>

namespace copg::engine {

namespace {

LeaseStatus status_on(const pq::Connection& connection) noexcept {
  if (!connection.alive()) return LeaseStatus::lost;
  if (connection.keeps_exchange() || !connection.protocol_idle()) return LeaseStatus::active;
  if (!connection.in_transaction()) return LeaseStatus::idle;
  return connection.in_failed_transaction() ? LeaseStatus::failed : LeaseStatus::in_transaction;
}

}  // namespace

LeaseCall::Progress LeaseCall::acquire(TimePoint time, TimePoint deadline, const SourceLocation& where) {
  require_time(time, deadline, ErrorKind::pool_timeout);
  watch(time);
  const auto attempt = engine_.leases().acquire(lease_, waiter_, time, deadline, where);
  return attempt == Leases::Attempt::queued ? Progress::queued : enter(time);
}

LeaseCall::Progress LeaseCall::begin(TimePoint time, TimePoint deadline) {
  require_time(time, deadline, ErrorKind::query_timeout);
  watch(time);
  return enter(time);
}

void LeaseCall::start_watch(TimePoint time) {
  event::StatementBegan event = shape();
  static_cast<event::Event&>(event) = lease_ ? engine_.events().at(*lease_.slot) : engine_.events().at();
  watch_ = std::make_unique<StatementWatch>(engine_.events(), event, time);
}

LeaseCall::Progress LeaseCall::granted(TimePoint time) {
  engine_.leases().collect(lease_, waiter_, time);
  return enter(time);
}

LeaseCall::Progress LeaseCall::enter(TimePoint time) {
  if (!engine_.leases().enter(lease_, time)) return swap();
  fresh_ = std::exchange(lease_.fresh, false);
  entered_at_ = time;
  answered_at_ = {};
  if (watch_) [[unlikely]]
    watch_->entered(*lease_.slot, time);
  operation_ = &make(*lease_.slot->connection);
  lease_.slot->activity.begins(operation_->sql(), time);
  return advance(pq::Ready::none);
}

LeaseCall::Progress LeaseCall::swap() {
  const auto attempt = engine_.leases().swap(lease_, waiter_, deadline_);
  return attempt == Leases::Attempt::queued ? Progress::queued : enter(now());
}

LeaseCall::Progress LeaseCall::advance(pq::Ready ready) {
  step_ = operation_->advance(ready);
  if (!step_.done) return Progress::waiting;
  const bool nothing_sent = operation_->error() != nullptr && !operation_->first_bytes_sent();
  sent_ = !nothing_sent;
  if (nothing_sent) lease_.fresh = fresh_;
  answered_at_ = now();
  if (!engine_.leases().died_untouched(lease_, fresh_, nothing_sent)) return Progress::done;
  const std::string_view sql = operation_->sql();
  leave();
  if (!lease_) engine_.leases().reject_cut_off(sql);  // by `close`, just now
  return swap();
}

void LeaseCall::leave(bool is_counted) noexcept {
  if (operation_ == nullptr) return;
  const TimePoint end = step_.done ? answered_at_ : now();
  const bool sent = step_.done ? sent_ : operation_->first_bytes_sent();  // once done, it may have been moved
  if (sent && !is_counted) engine_.leases().note_operation(lease_, end - entered_at_);
  operation_ = nullptr;
  drop();
  lease_.slot->activity.ends(status_on(*lease_.slot->connection), end);
  engine_.leases().leave(lease_);
}

}  // namespace copg::engine
