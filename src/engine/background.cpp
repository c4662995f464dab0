// The background of PoolEngine: what happens on its executor. Opening, resetting, checking, closing, ticking.
#include <boost/asio/post.hpp>

#include <algorithm>
#include <utility>

#include "engine/pool_engine.hpp"
#include "pq/check_operation.hpp"
#include "pq/connect_operation.hpp"
#include "pq/reset_operation.hpp"

namespace copg::engine {

namespace asio = boost::asio;

namespace {

pool::ConnectFailure failure_of(pq::ConnectFailureKind kind) {
  switch (kind) {
    case pq::ConnectFailureKind::transient: return pool::ConnectFailure::transient;
    case pq::ConnectFailureKind::overloaded: return pool::ConnectFailure::overloaded;
    case pq::ConnectFailureKind::configuration: return pool::ConnectFailure::configuration;
  }
  return pool::ConnectFailure::transient;
}

}  // namespace

/// Calls `work` on the executor soon. With the mutex held.
void PoolEngine::post_work() {
  if (work_posted_ || !strand_) return;
  work_posted_ = true;
  asio::post(*strand_, [self = shared_from_this()] { self->work(); });
}

/// Carries out what has been decided, one by one and in order, also when a hook calls back into the pool.
void PoolEngine::work() {
  bool outage = false;
  for (;;) {
    pool::Action action;
    {
      const Lock lock(mutex_);
      work_posted_ = false;
      outage = std::exchange(outage_, false) || outage;
      if (actions_.empty()) break;
      action = actions_.front();
      actions_.pop_front();
    }
    carry_out(action);
  }
  arm();
  if (outage && options_.reconnect_failed) options_.reconnect_failed();
}

/// The vector of slots may grow at any time; a slot stays where it is.
Slot& PoolEngine::slot_of(pool::ConnectionId connection) {
  const Lock lock(mutex_);
  return *slots_[connection.slot];
}

void PoolEngine::carry_out(const pool::Action& action) {
  switch (action.kind) {
    case pool::ActionKind::open: open(action.connection); break;
    case pool::ActionKind::close: close_connection(action); break;
    case pool::ActionKind::reset: {
      pq::Connection& connection = *slot_of(action.connection).connection;
      run(action.connection, std::make_unique<pq::ResetOperation>(connection, options_.reset),
          duration_of(options_.connect_timeout), &PoolEngine::proof_ended);
      break;
    }
    case pool::ActionKind::check: {
      pq::Connection& connection = *slot_of(action.connection).connection;
      run(action.connection, std::make_unique<pq::CheckOperation>(connection),
          duration_of(options_.connect_timeout), &PoolEngine::proof_ended);
      break;
    }
    case pool::ActionKind::grant:
    case pool::ActionKind::fail:
    case pool::ActionKind::report_outage: break;  // not for the background
  }
}

void PoolEngine::run(pool::ConnectionId connection, std::unique_ptr<pq::Operation> operation,
                     Duration timeout, void (PoolEngine::*ended)(pool::ConnectionId, OperationRun::End)) {
  Slot& slot = slot_of(connection);
  take_back_descriptor(slot);
  slot.operation = std::move(operation);
  slot.run = std::make_shared<OperationRun>(timer_->get_executor(), *slot.operation,
                                            [self = shared_from_this(), connection, ended](
                                                OperationRun::End end) { (*self.*ended)(connection, end); });
  slot.run_since = now();
  const std::shared_ptr<OperationRun> run = slot.run;  // it may end, and be replaced, within start
  run->start(timeout);
}

void PoolEngine::open(pool::ConnectionId connection) {
  run(connection, std::make_unique<pq::ConnectOperation>(settings_), duration_of(options_.connect_timeout),
      &PoolEngine::connect_ended);
}

void PoolEngine::connect_ended(pool::ConnectionId connection, OperationRun::End end) {
  Slot& slot = slot_of(connection);
  auto& operation = static_cast<pq::ConnectOperation&>(*slot.operation);
  if (end == OperationRun::End::timed_out && operation.try_next_host()) {
    return run(connection, std::move(slot.operation), duration_of(options_.connect_timeout),
               &PoolEngine::connect_ended);
  }
  const Duration taken = now() - slot.run_since;
  std::optional<ErrorInfo> error;
  pool::ConnectFailure failure = pool::ConnectFailure::transient;
  std::unique_ptr<pq::Connection> opened;
  if (end != OperationRun::End::done) {
    error = ErrorInfo{.kind = ErrorKind::connection_failed,
                      .message = end == OperationRun::End::timed_out
                                     ? "the server did not answer within connect_timeout"
                                     : "the socket could not be waited for",
                      .connection_survives = false};
  } else if (operation.error() != nullptr) {
    error = operation.take_error();
    failure = failure_of(operation.failure());
  } else {
    opened = operation.take_connection();
  }
  slot.run.reset();
  slot.operation.reset();
  {
    const Lock lock(mutex_);
    if (error) {
      connect_error_ = error;
      connect_error_at_ = now();
      core_->on_connect_failed(connect_error_at_, connection, failure);
    } else {
      slot.connection = std::move(opened);
      connect_error_.reset();
      core_->on_connected(now(), connection);
    }
    dispatch();
  }
  if (!options_.observer) return;
  if (error) {
    options_.observer->open_failed(*error);
  } else {
    options_.observer->opened(taken);
  }
}

/// A reset or a check has proved the connection good, or failed to.
void PoolEngine::proof_ended(pool::ConnectionId connection, OperationRun::End end) {
  Slot& slot = slot_of(connection);
  const Duration taken = now() - slot.run_since;
  const bool was_reset = dynamic_cast<pq::ResetOperation*>(slot.operation.get()) != nullptr;
  pool::Disposition disposition = pool::Disposition::clean;
  // A session that can't be wiped says nothing of the others; a server that doesn't answer an empty query
  // does.
  const bool failed =
      end != OperationRun::End::done || slot.operation->error() != nullptr || !slot.connection->alive();
  if (slot.connection->lost() || slot.connection->said_farewell() || (failed && !was_reset)) {
    disposition = pool::Disposition::broken;
  } else if (failed) {
    disposition = pool::Disposition::discard;
  }
  slot.run.reset();
  slot.operation.reset();
  {
    const Lock lock(mutex_);
    if (was_reset) {
      core_->on_reset_done(now(), connection, disposition);
    } else {
      core_->on_check_done(now(), connection, disposition);
    }
    dispatch();
  }
  if (was_reset && options_.observer) options_.observer->reset(taken);
}

void PoolEngine::close_connection(const pool::Action& action) {
  Slot& slot = slot_of(action.connection);
  if (slot.run) slot.run->stop();
  slot.run.reset();
  slot.operation.reset();
  if (!slot.use.cut()) {  // a caller is inside: it closes when it leaves
    const Lock lock(mutex_);
    if (slot.driver != nullptr) slot.driver->stop(Stop::cut);
    return;
  }
  take_back_descriptor(slot);
  slot.close_connection();
  {
    const Lock lock(mutex_);
    // A new connection may be opened in the slot from on_closed on: the guard must be fresh by then, unless a
    // caller still holds the lease that was cut off, which happens only in a closed pool.
    if (!core_->closed()) slot.use.renew();
    core_->on_closed(now(), action.connection);
    dispatch();
  }
  if (options_.observer) options_.observer->closed(action.reason, {});
}

void PoolEngine::tick() {
  const TimePoint time = now();
  {
    const Lock lock(mutex_);
    armed_ = pool::never;
    core_->tick(time);
    if (time >= cut_at_) {
      cut_at_ = pool::never;
      core_->cut(time);
    }
    if (time >= drivers_due_) drivers_due_ = stop_late_drivers(time);
    dispatch();
  }
  report_leaks(time);
  arm();
}

/// Sets the timer to whatever falls due next; puts it away when the pool is no more, since a pending timer
/// would keep the user's event loop running.
void PoolEngine::arm() {
  constexpr Duration shortest_leak_interval = std::chrono::milliseconds(10);
  TimePoint when = pool::never;
  {
    const Lock lock(mutex_);
    if (!timer_) return;
    when = std::min({core_->next_deadline(), cut_at_, drivers_due_});
    for (const Watcher* watcher : watchers_) when = std::min(when, watcher->deadline_);
    if (options_.leak_after && options_.observer && !core_->closed()) {
      when = std::min(when,
                      after(now(), std::max(duration_of(*options_.leak_after) / 2, shortest_leak_interval)));
    }
    if (core_->finished() && watchers_.empty()) when = pool::never;
    armed_ = when;
  }
  timer_->cancel();
  if (when == pool::never) return;
  timer_->expires_at(when);
  timer_->async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error) self->tick();
  });
}

}  // namespace copg::engine
