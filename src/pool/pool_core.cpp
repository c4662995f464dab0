#include "pool/pool_core.hpp"

#include <algorithm>

#include "pool/invariant.hpp"

namespace copg::pool {

PoolCore::PoolCore(const CoreOptions& options, TimePoint now)
    : now_(now),
      next_tick_(now),
      options_(options),
      waiters_(now),
      backoff_(options.reconnect_timeout),
      random_(options.seed) {
  invariant(options.num_workers >= 1 && options.max_idle >= Duration::zero() &&
                options.max_lifetime > Duration::zero() && options.reconnect_timeout >= Duration::zero() &&
                options.outage_patience >= Duration::zero() && options.hang_after > Duration::zero(),
            "the options of the core are in range");
  resize(now, options.min_size, options.max_size);
}

PoolStats PoolCore::stats() const {
  PoolStats stats = totals_;
  stats.pool_min = options_.min_size;
  stats.pool_max = options_.max_size;
  stats.pool_size = established();
  stats.pool_available = count(State::idle);
  stats.leased = count(State::leased);
  stats.connecting = count(State::connecting);
  stats.resetting = count(State::resetting);
  stats.checking = count(State::checking);
  stats.closing = count(State::dying);
  stats.requests_waiting = waiters_.waiting();
  stats.requests_wait = waiters_.waits().sum();
  stats.requests_errors = measures_.failures.total();
  stats.usage = measures_.uses.sum();
  stats.resets_num = measures_.resets.count();
  stats.connections_time = measures_.connects.sum();
  stats.connections_detached = measures_.closes[CloseReason::detached];
  return stats;
}

TimePoint PoolCore::state_since(ConnectionId connection) const {
  invariant(connection.slot < slots_.size() && slots_[connection.slot].generation == connection.generation,
            "a connection whose state is asked for is live");
  return slots_[connection.slot].since;
}

// --- commands

void PoolCore::reserve_waiters(std::uint32_t count) { waiters_.reserve(count); }

Acquired PoolCore::acquire(TimePoint now, const Request& request) {
  advance(now);
  ++totals_.requests_num;
  return serve_or_queue(request, {.ticket = next_ticket_++});
}

std::optional<ConnectionId> PoolCore::try_acquire(TimePoint now, HolderId holder) {
  advance(now);
  if (closed_ || suspended_ || !drop_expired_idle()) return std::nullopt;
  ++totals_.requests_num;
  return lease_idle({.deadline = now_, .holder = holder}, {.ticket = next_ticket_++});
}

Acquired PoolCore::reacquire(TimePoint now, ConnectionId connection, const Request& request) {
  if (!is(connection, State::leased)) return acquire(now, request);
  const Slot& slot = slots_[connection.slot];
  const Turn turn{.ticket = slot.ticket, .returning = true, .waited = slot.waited};
  release(now, connection, Disposition::broken);
  return serve_or_queue(request, turn);
}

Acquired PoolCore::serve_or_queue(const Request& request, const Turn& turn) {
  const auto reject = [this](WaitError error) {
    measures_.failures.add(error);
    return Acquired{.kind = Acquired::Kind::rejected, .error = error};
  };
  if (closed_) return reject(WaitError::closed);
  if (!suspended_ && drop_expired_idle())
    return {.kind = Acquired::Kind::granted, .connection = lease_idle(request, turn)};
  if (request.deadline <= now_) return reject(WaitError::timeout);
  if (misconfigured() || out_of_patience()) return reject(WaitError::connect_failed);
  if (!turn.returning && options_.max_waiting > 0 && waiters_.waiting() >= options_.max_waiting) {
    return reject(WaitError::too_many_waiting);
  }
  WaitQueue::Entry entry{.deadline = request.deadline, .ticket = turn.ticket, .holder = request.holder};
  if (request.statement != nullptr) {
    entry.is_statement = true;
    entry.statement = *request.statement;
  }
  const WaiterId waiter = waiters_.push(now_, entry);
  if (!turn.waited) ++totals_.requests_queued;
  check_and_open();
  return {.kind = Acquired::Kind::queued, .waiter = waiter};
}

std::optional<ConnectionId> PoolCore::accept(WaiterId waiter) {
  const auto left = waiters_.accept(waiter);
  if (left.was != WaitQueue::Was::granted) return std::nullopt;
  return left.connection;
}

Cancelled PoolCore::cancel(TimePoint now, WaiterId waiter) {
  advance(now);
  const auto left = waiters_.cancel(now_, waiter);
  switch (left.was) {
    case WaitQueue::Was::waiting:
      ++totals_.requests_cancelled;
      check_and_open();
      return {.kind = Cancelled::Kind::cancelled};
    case WaitQueue::Was::granted: return {.kind = Cancelled::Kind::granted, .connection = left.connection};
    case WaitQueue::Was::sent:
      return {.kind = Cancelled::Kind::sent, .connection = left.connection, .alone = left.alone};
    case WaitQueue::Was::gone: break;
  }
  return {};
}

bool PoolCore::release(TimePoint now, ConnectionId connection, Disposition disposition,
                       std::uint32_t never_sent) {
  advance(now);
  if (!is(connection, State::leased)) return false;
  const bool statements = slots_[connection.slot].statements;
  if (statements) end_statements(connection.slot, never_sent);
  end_use(slots_[connection.slot]);
  if (disposition != Disposition::clean && disposition != Disposition::needs_reset) ++totals_.returns_bad;
  take_back(connection.slot, disposition);
  if (statements) serve_idle();  // who went back to the queue
  return true;
}

bool PoolCore::detach(TimePoint now, ConnectionId connection) {
  advance(now);
  if (!is(connection, State::leased)) return false;
  const bool statements = slots_[connection.slot].statements;
  if (statements) end_statements(connection.slot, 0);
  end_use(slots_[connection.slot]);
  measures_.closes.add(CloseReason::detached);
  forget(connection.slot);
  check_and_open();
  if (statements) serve_idle();  // who went back to the queue
  return true;
}

void PoolCore::set_holder(ConnectionId connection, HolderId holder) {
  if (!is(connection, State::leased)) return;
  waiters_.holders().lease_ends(connection.slot);
  waiters_.holders().lease_begins(connection.slot, holder);
}

void PoolCore::resize(TimePoint now, std::uint32_t min_size, std::uint32_t max_size) {
  invariant(max_size >= 1 && min_size <= max_size && options_.min_idle <= max_size,
            "the bounds of the core are in range");
  const auto old_size = static_cast<std::uint32_t>(slots_.size());
  if (max_size > old_size) {
    waiters_.reserve_connections(max_size);
    slots_.resize(max_size);
    counts_[static_cast<std::size_t>(State::free)] += max_size - old_size;
    for (std::uint32_t slot = old_size; slot < max_size; ++slot) free_.push_back(slots_, slot);
  }
  options_.min_size = min_size;
  options_.max_size = max_size;
  if (old_size > 0) tick(now);
}

void PoolCore::check_all(TimePoint now) {
  advance(now);
  for (std::uint32_t slot = idle_.front(); slot != no_index; slot = decltype(idle_)::next(slots_, slot)) {
    set_check_due(slots_[slot], true);
  }
  backoff_.end();
  check_and_open();
}

void PoolCore::set_awaited(TimePoint now, bool awaited) {
  advance(now);
  awaited_ = awaited;
  if (awaited) check_and_open();
}

void PoolCore::drain(TimePoint now) {
  advance(now);
  drained_epoch_ = epoch_;
  end_epoch();
  check_and_open();
}

void PoolCore::suspend() {
  suspended_ = true;
  take_back_opens();  // its waiters no longer ask for connects
}

void PoolCore::resume(TimePoint now) {
  advance(now);
  suspended_ = false;
  serve_idle();
}

void PoolCore::close(TimePoint now) {
  advance(now);
  if (closed_) return;
  closed_ = true;
  suspended_ = false;
  report_outage_ = false;
  fail_waiters(WaitError::closed);
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot].state != State::free && slots_[slot].state != State::leased) {
      start_closing(slot, CloseReason::pool_closed);
    }
  }
  next_tick_ = never;
}

void PoolCore::cut(TimePoint now) {
  advance(now);
  invariant(closed_, "a pool that cuts off its leases is closed");
  for (std::uint32_t slot = 0; slot < slots_.size(); ++slot) {
    if (slots_[slot].state != State::leased) continue;
    if (slots_[slot].statements) end_statements(slot, 0);
    start_closing(slot, CloseReason::pool_closed);
  }
}

// --- inputs

void PoolCore::on_connected(TimePoint now, ConnectionId connection) {
  advance(now);
  if (!is(connection, State::connecting)) return;
  Slot& slot = slots_[connection.slot];
  measures_.connects.record(now_ - slot.since);
  backoff_.succeeded();
  slot.opened = now_;
  slot.expires = never;
  if (options_.max_lifetime < never - now_) {
    slot.expires = now_ + random_.share(options_.max_lifetime, 0.9, 1.0);
    wake_by(slot.expires - replacement_lead());
  }
  deliver(connection.slot);
  check_and_open();
}

void PoolCore::on_connect_failed(TimePoint now, ConnectionId connection, ConnectFailure failure) {
  advance(now);
  if (!is(connection, State::connecting)) return;
  ++totals_.connections_errors;
  backoff_.failed(now_, failure, random_);
  wake_by(std::min(backoff_.next_report(), patience_ends()));
  forget(connection.slot);
  if (failure == ConnectFailure::configuration && established() == 0) fail_waiters(WaitError::connect_failed);
  check_and_open();
}

void PoolCore::on_reset_done(TimePoint now, ConnectionId connection, Disposition disposition) {
  advance(now);
  invariant(disposition != Disposition::needs_reset, "a proof does not ask for a reset");
  if (!is(connection, State::resetting)) return;
  measures_.resets.record(now_ - slots_[connection.slot].since);
  take_back(connection.slot, disposition);
}

void PoolCore::on_check_done(TimePoint now, ConnectionId connection, Disposition disposition) {
  advance(now);
  invariant(disposition != Disposition::needs_reset, "a proof does not ask for a reset");
  if (!is(connection, State::checking)) return;
  take_back(connection.slot, disposition);
}

void PoolCore::on_closed(TimePoint now, ConnectionId connection) {
  advance(now);
  if (!is(connection, State::dying)) return;
  forget(connection.slot);
  check_and_open();
}

void PoolCore::on_hung_up(TimePoint now, ConnectionId connection) {
  advance(now);
  const bool idle = is(connection, State::idle);
  const bool out =
      is(connection, State::leased) || is(connection, State::resetting) || is(connection, State::checking);
  if (!idle && !out) return;
  slots_[connection.slot].hung_up = true;
  if (!idle) return;
  start_check(connection.slot);
  check_and_open();
}

void PoolCore::tick(TimePoint now) {
  advance(now);
  while (waiters_.fail_expired(now_)) measures_.failures.add(WaitError::timeout);
  if (closed_) return;
  retire_by_age();
  trim_idle();
  check_and_open();
  if (backoff_.next_report() <= now_) {
    report_outage_ = report_outage_ || count(State::connecting) > 0 || wanted() > 0;
    backoff_.reported(now_);
  }
  plan_next_tick();
}

// --- outputs

std::optional<Action> PoolCore::poll_action() {
  if (const auto outcome = waiters_.poll_outcome()) {
    return Action{.kind = outcome->error == WaitError::none ? ActionKind::grant : ActionKind::fail,
                  .connection = outcome->connection,
                  .waiter = outcome->waiter,
                  .error = outcome->error};
  }
  if (!pending_.empty()) {
    const std::uint32_t slot = pending_.front();
    const Action action{.kind = *slots_[slot].pending, .connection = id(slot), .reason = slots_[slot].reason};
    clear_pending(slot);
    return action;
  }
  if (report_outage_) {
    report_outage_ = false;
    return Action{.kind = ActionKind::report_outage};
  }
  return std::nullopt;
}

}  // namespace copg::pool
