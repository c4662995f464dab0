// The background of PoolEngine: what happens on its executor. Opening, resetting, checking, closing, ticking.
#include <boost/asio/post.hpp>

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/configure_call.hpp"
#include "engine/credentials_call.hpp"
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
    case pq::ConnectFailureKind::refused_near: return pool::ConnectFailure::refused_near;
  }
  return pool::ConnectFailure::transient;
}

constexpr auto too_slow_to_configure = "configure did not return within connect_timeout";

/// Why an operation that was to make a connection did not.
std::optional<ErrorInfo> error_of(OperationRun::End end, pq::Operation& operation, const char* too_slow) {
  ErrorInfo info{.kind = ErrorKind::connection_failed, .connection_survives = false};
  switch (end) {
    case OperationRun::End::done:
      if (operation.error() == nullptr) return std::nullopt;
      return std::move(*operation.take_error());
    case OperationRun::End::timed_out: info.message = too_slow; break;
    case OperationRun::End::failed: info.message = "the socket could not be waited for"; break;
  }
  return info;
}

/// Why a connection could not be proved good.
std::string end_of(OperationRun::End end, pq::Operation& operation) {
  const auto error = error_of(end, operation, "the server did not answer within connect_timeout");
  return error ? error->message : std::string();
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
      Slot& slot = slot_of(action.connection);
      pq::Connection& connection = *slot.connection;
      slot.reset_since = now();
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
  start_run(slot, connection, std::move(operation), timeout, ended);
}

void PoolEngine::start_run(Slot& slot, pool::ConnectionId connection,
                           std::unique_ptr<pq::Operation> operation, Duration timeout,
                           void (PoolEngine::*ended)(pool::ConnectionId, OperationRun::End)) {
  slot.operation = std::move(operation);
  slot.run = std::make_shared<OperationRun>(timer_->get_executor(), *slot.operation,
                                            [self = shared_from_this(), connection, ended](
                                                OperationRun::End end) { (*self.*ended)(connection, end); });
  slot.run_since = now();
  const std::shared_ptr<OperationRun> run = slot.run;  // it may end, and be replaced, within start
  run->start(timeout);
}

void PoolEngine::open(pool::ConnectionId connection) {
  slot_of(connection).open_took = {};
  if (!options_.credentials) return connect(connection, settings_);
  run(connection, std::make_unique<CredentialsCall>(options_, unreturned_),
      duration_of(options_.connect_timeout), &PoolEngine::credentials_ended);
}

void PoolEngine::credentials_ended(pool::ConnectionId connection, OperationRun::End end) {
  Slot& slot = slot_of(connection);
  slot.open_took += now() - slot.run_since;
  auto& call = static_cast<CredentialsCall&>(*slot.operation);
  if (auto error = error_of(end, call, "credentials did not return within connect_timeout")) {
    return open_failed(connection, std::move(*error), pool::ConnectFailure::transient);
  }
  connect(connection, call.settings(settings_));
}

void PoolEngine::connect(pool::ConnectionId connection, pq::ConnectSettings settings) {
  run(connection, std::make_unique<pq::ConnectOperation>(std::move(settings)),
      duration_of(options_.connect_timeout), &PoolEngine::connect_ended);
}

void PoolEngine::connect_ended(pool::ConnectionId connection, OperationRun::End end) {
  Slot& slot = slot_of(connection);
  slot.open_took += now() - slot.run_since;
  auto& operation = static_cast<pq::ConnectOperation&>(*slot.operation);
  if (end == OperationRun::End::timed_out && operation.try_next_host()) {
    return run(connection, std::move(slot.operation), duration_of(options_.connect_timeout),
               &PoolEngine::connect_ended);
  }
  if (auto error = error_of(end, operation, "the server did not answer within connect_timeout")) {
    const bool refused = end == OperationRun::End::done;
    return open_failed(connection, std::move(*error),
                       refused ? failure_of(operation.failure()) : pool::ConnectFailure::transient);
  }
  if (options_.configure) {
    return configure(connection, operation.take_connection(), &PoolEngine::configured_new);
  }
  opened(connection, operation.take_connection());
}

void PoolEngine::configure(pool::ConnectionId connection, std::unique_ptr<pq::Connection> made,
                           void (PoolEngine::*ended)(pool::ConnectionId, OperationRun::End)) {
  run(connection,
      std::make_unique<ConfigureCall>(shared_from_this(), call_configure_, std::move(made), unreturned_),
      duration_of(options_.connect_timeout), ended);
}

void PoolEngine::configured_new(pool::ConnectionId connection, OperationRun::End end) {
  Slot& slot = slot_of(connection);
  slot.open_took += now() - slot.run_since;
  auto& call = static_cast<ConfigureCall&>(*slot.operation);
  if (auto error = error_of(end, call, too_slow_to_configure)) {
    return open_failed(connection, std::move(*error), pool::ConnectFailure::transient);
  }
  opened(connection, call.take_connection());
}

/// After a reset. A failure says nothing of the other connections.
void PoolEngine::configured_again(pool::ConnectionId connection, OperationRun::End end) {
  Slot& slot = slot_of(connection);
  auto& call = static_cast<ConfigureCall&>(*slot.operation);
  auto error = error_of(end, call, too_slow_to_configure);
  if (!error) {
    slot.connection = call.take_connection();
    return reset_ended(connection, pool::Disposition::clean);
  }
  slot.end = error->message;
  {
    const Lock lock(mutex_);
    connect_error_ = std::move(*error);
    connect_error_at_ = now();
  }
  reset_ended(connection, pool::Disposition::discard);
}

void PoolEngine::opened(pool::ConnectionId connection, std::unique_ptr<pq::Connection> made) {
  Slot& slot = slot_of(connection);
  slot.run.reset();
  slot.operation.reset();
  pool::Outage outage;
  {
    const Lock lock(mutex_);
    slot.connection = std::move(made);
    slot.opened_at = now();
    connect_error_.reset();
    outage = core_->outage();
    core_->on_connected(slot.opened_at, connection);
    if (core_->outage().failures > 0) outage.failures = 0;  // it came too late: the core has given it up
    dispatch();
  }
  slot.open = true;
  if (!options_.observer) return;
  options_.observer->opened(slot.open_took);
  if (outage.failures > 0) options_.observer->outage_ended(slot.opened_at - outage.since, outage.failures);
}

void PoolEngine::open_failed(pool::ConnectionId connection, ErrorInfo error, pool::ConnectFailure failure) {
  Slot& slot = slot_of(connection);
  slot.run.reset();
  slot.operation.reset();
  bool began = false;
  {
    const Lock lock(mutex_);
    connect_error_ = error;
    connect_error_at_ = now();
    const std::uint64_t failures = core_->outage().failures;
    core_->on_connect_failed(connect_error_at_, connection, failure);
    began = failures == 0 && core_->outage().failures > 0;
    dispatch();
  }
  if (!options_.observer) return;
  options_.observer->open_failed(error);
  if (!began) return;
  error.message = cannot_connect(error);
  options_.observer->outage_began(error);
}

/// A reset or a check has proved the connection good, or failed to.
void PoolEngine::proof_ended(pool::ConnectionId connection, OperationRun::End end) {
  Slot& slot = slot_of(connection);
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
  if (failed) slot.end = end_of(end, *slot.operation);
  if (failed) slot.connection->mark_dead();  // a cancel was tried: it isn't tried again at the goodbye
  if (was_reset && disposition == pool::Disposition::clean && options_.configure &&
      static_cast<pq::ResetOperation&>(*slot.operation).wiped()) {
    take_back_descriptor(slot);
    slot.answer_wait.close();
    return configure(connection, std::move(slot.connection), &PoolEngine::configured_again);
  }
  if (was_reset) return reset_ended(connection, disposition);
  slot.run.reset();
  slot.operation.reset();
  const Lock lock(mutex_);
  core_->on_check_done(now(), connection, disposition);
  dispatch();
}

void PoolEngine::reset_ended(pool::ConnectionId connection, pool::Disposition disposition) {
  Slot& slot = slot_of(connection);
  const Duration taken = now() - slot.reset_since;
  slot.run.reset();
  slot.operation.reset();
  {
    const Lock lock(mutex_);
    core_->on_reset_done(now(), connection, disposition);
    dispatch();
  }
  if (options_.observer) options_.observer->reset(taken);
}

/// What the server, or else libpq, said of the end of a connection; nothing if it was well to the end.
std::string PoolEngine::last_words(Slot& slot, CloseReason reason) const {
  if (!slot.connection) return slot.end;
  // Its own farewell may not have been read, since another one was found dead first.
  if (reason == CloseReason::stale_epoch) (void)slot.connection->looks_alive();
  std::string words = slot.connection->why_dead();
  return words.empty() ? slot.end : words;
}

void PoolEngine::tick() {
  const TimePoint time = now();
  {
    const Lock lock(mutex_);
    armed_ = pool::never;
    tick_core(time);
    if (time >= cut_at_) {
      cut_at_ = pool::never;
      core_->cut(time);
    }
    if (time >= drivers_due_) drivers_due_ = stop_late_drivers(time);
    dispatch();
  }
  if (time >= insist_at_) insist();
  report_leaks(time);
  arm();
}

/// Sets the timer to whatever falls due next; puts it away when the pool is no more, since a pending timer
/// would keep the user's event loop running, and lets go of the workers.
void PoolEngine::arm() {
  constexpr Duration shortest_leak_interval = std::chrono::milliseconds(10);
  TimePoint when = pool::never;
  std::unique_ptr<pq::Workers::Hold> workers;  // let go of without the lock
  {
    const Lock lock(mutex_);
    if (!timer_) return;
    when = std::min({core_->next_deadline(), cut_at_, insist_at_, drivers_due_});
    for (const Watcher* watcher : watchers_) when = std::min(when, watcher->deadline_);
    if (options_.leak_after && !core_->closed()) {
      when = std::min(when,
                      after(now(), std::max(duration_of(*options_.leak_after) / 2, shortest_leak_interval)));
    }
    if (core_->finished() && watchers_.empty()) {
      when = pool::never;
      workers = std::move(workers_);
    }
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
