// The life of a connection inside PoolCore: leased, taken back, delivered, closed; and when to open, check
// and retire.
#include <algorithm>

#include "pool/invariant.hpp"
#include "pool/pool_core.hpp"

namespace copg::pool {

namespace {

/// A reset or check is expected to be back within this time, and a waiter waits for it; after it, a connect
/// is started.
constexpr Duration grace = std::chrono::milliseconds(100);

std::uint32_t minus(std::uint32_t a, std::uint32_t b) { return a > b ? a - b : 0; }

}  // namespace

// --- getters

/// How long before its expiry a connection is replaced.
Duration PoolCore::replacement_lead() const {
  return std::min<Duration>(std::chrono::seconds(10), options_.max_lifetime / 20);
}

std::uint32_t PoolCore::established() const {
  return count(State::idle) + count(State::leased) + count(State::resetting) + count(State::checking);
}

/// Requests that wait, and for which no connection is about to come back.
std::uint32_t PoolCore::unserved() const {
  const std::uint32_t coming_back = count(State::resetting) + count(State::checking) - overdue_;
  return suspended_ ? 0 : minus(waiters_.waiting(), coming_back);
}

std::uint32_t PoolCore::wanted() const {
  const std::uint32_t by_demand = unserved() + minus(options_.min_idle, count(State::idle));
  const std::uint32_t by_size = minus(options_.min_size, established() - aging_);
  // Requests that fail at once ask for nothing, and somebody must find out when the server is back.
  const std::uint32_t to_recover = out_of_patience() ? 1 : 0;
  return std::max({by_demand, by_size, to_recover});
}

/// When requests begin to fail at once, if no connection is established then.
TimePoint PoolCore::patience_ends() const {
  const TimePoint since = backoff_.outage().since;
  return backoff_.failing() && options_.outage_patience < never - since ? since + options_.outage_patience
                                                                        : never;
}

/// Somebody waits for the next connect. Where the server is full and connections are open, those who wait
/// are served by what comes back, and the server is spared.
bool PoolCore::asked() const {
  if (backoff_.failing_by(ConnectFailure::overloaded) && established() > 0) return false;
  return awaited_ || unserved() > 0;
}

/// Of connects in flight. While they fail there is one, and another for each that hangs.
std::uint32_t PoolCore::connect_limit() const {
  if (!backoff_.failing()) return options_.num_workers;
  if (backoff_.failing_by(ConnectFailure::overloaded)) return 1;
  std::uint32_t limit = 1;
  if (count(State::connecting) > 0) {
    for (const Slot& slot : slots_) {
      if (slot.state == State::connecting && now_ - slot.since >= options_.hang_after) ++limit;
    }
  }
  return std::min(limit, options_.num_workers);
}

/// When the next connect in flight will have hung for long enough to hold up nobody.
TimePoint PoolCore::next_hang() const {
  TimePoint next = never;
  if (!backoff_.failing() || backoff_.failing_by(ConnectFailure::overloaded)) return next;
  for (const Slot& slot : slots_) {
    if (slot.state != State::connecting || now_ - slot.since >= options_.hang_after) continue;
    if (options_.hang_after < never - slot.since) next = std::min(next, slot.since + options_.hang_after);
  }
  return next;
}

/// Every connection is leased, no other may be opened, and every holder waits for another.
bool PoolCore::deadlocked() const {
  const std::uint32_t stuck = waiters_.holders().stuck();
  return stuck > 0 && stuck == live() && stuck >= options_.max_size;
}

bool PoolCore::is(ConnectionId connection, State state) const {
  return connection.slot < slots_.size() && slots_[connection.slot].generation == connection.generation &&
         slots_[connection.slot].state == state;
}

CloseReason PoolCore::epoch_reason(const Slot& slot) const {
  return slot.epoch <= drained_epoch_ ? CloseReason::drained : CloseReason::stale_epoch;
}

/// Why a healthy connection must not be granted or kept, if so.
std::optional<CloseReason> PoolCore::unfit(const Slot& slot) const {
  if (closed_) return CloseReason::pool_closed;
  if (slot.epoch != epoch_) return epoch_reason(slot);
  if (now_ >= slot.expires) return CloseReason::lifetime;
  if (live() - count(State::dying) > options_.max_size)
    return CloseReason::surplus;  // what dies is going already
  return std::nullopt;
}

// --- bookkeeping

constexpr bool PoolCore::may_follow(State from, State to) {
  switch (from) {
    case State::free: return to == State::connecting;
    case State::connecting: return to != State::connecting && to != State::resetting && to != State::checking;
    case State::idle: return to == State::leased || to == State::checking || to == State::dying;
    case State::leased: return to != State::connecting && to != State::checking;
    case State::resetting:
    case State::checking: return to == State::idle || to == State::leased || to == State::dying;
    case State::dying: return to == State::free;
  }
  return false;
}

/// Leaves the present state and enters another. The lists are the caller's business.
void PoolCore::enter(std::uint32_t index, State state) {
  Slot& slot = slots_[index];
  invariant(may_follow(slot.state, state), "a connection goes only where its state allows");
  if (slot.state == State::leased) waiters_.holders().lease_ends(index);
  --counts_[static_cast<std::size_t>(slot.state)];
  ++counts_[static_cast<std::size_t>(state)];
  slot.state = state;
  slot.since = now_;
  set_overdue(slot, false);
}

void PoolCore::set_pending(std::uint32_t index, ActionKind kind) {
  clear_pending(index);
  slots_[index].pending = kind;
  pending_.push_back(slots_, index);
}

void PoolCore::clear_pending(std::uint32_t index) {
  if (!slots_[index].pending) return;
  slots_[index].pending.reset();
  pending_.erase(slots_, index);
}

void PoolCore::set_overdue(Slot& slot, bool overdue) {
  if (slot.overdue != overdue) overdue_ = overdue ? overdue_ + 1 : overdue_ - 1;
  slot.overdue = overdue;
}

void PoolCore::set_aging(Slot& slot, bool aging) {
  if (slot.aging != aging) aging_ = aging ? aging_ + 1 : aging_ - 1;
  slot.aging = aging;
}

void PoolCore::set_check_due(Slot& slot, bool check_due) {
  if (slot.check_due != check_due) checks_due_ = check_due ? checks_due_ + 1 : checks_due_ - 1;
  slot.check_due = check_due;
}

// --- from state to state

/// Closes connections past their lifetime at the warm end. True if a connection is left that can be granted.
bool PoolCore::drop_expired_idle() {
  bool dropped = false;
  while (!idle_.empty() && now_ >= slots_[idle_.front()].expires) {
    start_closing(idle_.front(), CloseReason::lifetime);
    dropped = true;
  }
  if (dropped) check_and_open();
  return !idle_.empty();
}

/// Leases the connection that was used last.
ConnectionId PoolCore::lease_idle(const Request& request, const Turn& turn) {
  const std::uint32_t index = idle_.front();
  lease(index, request, turn);
  if (request.statement != nullptr && sharing() && texts_.slow(request.statement->key))
    set_slow(slots_[index]);
  if (options_.min_idle > 0) check_and_open();
  return id(index);
}

/// Leases an idle connection.
void PoolCore::lease(std::uint32_t index, const Request& request, const Turn& turn) {
  idle_.erase(slots_, index);
  set_check_due(slots_[index], false);
  enter(index, State::leased);
  if (!turn.returning) waiters_.count_no_wait();
  slots_[index].ticket = turn.ticket;
  slots_[index].waited = turn.waited;
  if (request.statement == nullptr) waiters_.holders().lease_begins(index, request.holder);
}

/// Judges a connection that comes back from a lease, a reset or a check.
void PoolCore::take_back(std::uint32_t index, Disposition disposition) {
  Slot& slot = slots_[index];
  const bool good = disposition == Disposition::clean || disposition == Disposition::needs_reset;
  if (good && slot.hung_up) disposition = Disposition::lost;
  if (options_.work_on_returns && disposition == Disposition::clean && slot.state == State::leased)
    disposition = Disposition::needs_reset;
  switch (disposition) {
    case Disposition::clean: {
      const bool nobody_waits = waiters_.waiting() == 0;
      deliver(index);
      if (nobody_waits && slot.state == State::idle && checks_due_ == 0)
        return;  // the usual case: nothing to check_and_open
      break;
    }
    case Disposition::needs_reset:
      if (const auto reason = unfit(slot)) {
        start_closing(index, *reason);
      } else {
        enter(index, State::resetting);
        wake_by(now_ + grace);
        set_pending(index, ActionKind::reset);
      }
      break;
    case Disposition::discard: start_closing(index, CloseReason::discarded); break;
    case Disposition::broken:
    case Disposition::demoted: {
      const bool current = slot.epoch == epoch_;
      const bool broken = disposition == Disposition::broken;
      if (broken) ++totals_.connections_lost;
      start_closing(index, broken ? CloseReason::broken : CloseReason::demoted);
      if (current) end_epoch();
      break;
    }
    case Disposition::lost:
      ++totals_.connections_lost;
      start_closing(index, CloseReason::broken);
      break;
  }
  check_and_open();
}

/// A healthy, clean connection goes to the waiter that is next, to the idle stack, or away.
void PoolCore::deliver(std::uint32_t index) {
  Slot& slot = slots_[index];
  if (const auto reason = unfit(slot)) {
    start_closing(index, *reason);
  } else if (waiters_.waiting() > 0 && !suspended_) {
    serve(index);
  } else {
    const bool from_check = slot.state == State::checking;
    make_idle(index, from_check ? slot.idle_since : now_);
  }
}

/// The idle stack is ordered by use: a connection that was only checked goes back to its place.
void PoolCore::make_idle(std::uint32_t index, TimePoint idle_since) {
  enter(index, State::idle);
  slots_[index].since = idle_since;
  std::uint32_t position = idle_.front();
  if (idle_since < now_) {
    while (position != no_index && slots_[position].since > idle_since)
      position = decltype(idle_)::next(slots_, position);
  }
  idle_.insert_before(slots_, position, index);
  if (slots_[index].aging) wake_by(slots_[index].expires);
  if (const auto due = idle_trim_due()) wake_by(*due);
}

/// From any live state, except that a connect nobody was told of is simply forgotten.
void PoolCore::start_closing(std::uint32_t index, CloseReason reason) {
  Slot& slot = slots_[index];
  switch (slot.state) {
    case State::connecting:
      if (slot.pending == ActionKind::open) {
        --totals_.connections_num;
        return forget(index);
      }
      break;
    case State::idle:
      idle_.erase(slots_, index);
      set_check_due(slot, false);
      break;
    case State::dying: return;
    case State::free:
    case State::leased:
    case State::resetting:
    case State::checking: break;
  }
  if (slot.state != State::connecting) measures_.closes.add(reason);
  set_aging(slot, false);
  enter(index, State::dying);
  slot.reason = reason;
  set_pending(index, ActionKind::close);
}

/// The slot is free for another connection; the id is stale from here on.
void PoolCore::forget(std::uint32_t index) {
  clear_pending(index);
  set_aging(slots_[index], false);
  enter(index, State::free);
  slots_[index].hung_up = false;
  if (++slots_[index].generation == 0) slots_[index].generation = 1;  // 0 names no connection
  free_.push_front(slots_, index);
}

/// Every connection opened until now is suspect: idle ones are closed here, the others as they come back.
/// Connects that nobody was told of yet belong to the new epoch.
void PoolCore::end_epoch() {
  ++epoch_;
  for (std::uint32_t index = pending_.front(); index != no_index;
       index = decltype(pending_)::next(slots_, index)) {
    if (slots_[index].pending == ActionKind::open) slots_[index].epoch = epoch_;
  }
  while (!idle_.empty()) start_closing(idle_.front(), epoch_reason(slots_[idle_.front()]));
}

void PoolCore::fail_waiters(WaitError error) {
  while (waiters_.waiting() > 0) {
    waiters_.fail_front(now_, error);
    measures_.failures.add(error);
  }
}

// --- decisions

void PoolCore::open_one() {
  const std::uint32_t index = free_.pop_front(slots_);
  enter(index, State::connecting);
  slots_[index].epoch = epoch_;
  ++totals_.connections_num;
  set_pending(index, ActionKind::open);
}

/// Connects that nobody was told of yet and nobody wants any more. (Those in flight go on.)
void PoolCore::take_back_opens() {
  std::uint32_t index = pending_.front();
  while (index != no_index && count(State::connecting) > wanted()) {
    const std::uint32_t next = decltype(pending_)::next(slots_, index);
    if (slots_[index].pending == ActionKind::open) start_closing(index, CloseReason::surplus);
    index = next;
  }
}

/// Of an idle connection.
void PoolCore::start_check(std::uint32_t index) {
  Slot& slot = slots_[index];
  idle_.erase(slots_, index);
  set_check_due(slot, false);
  slot.idle_since = slot.since;
  enter(index, State::checking);
  wake_by(now_ + grace);
  set_pending(index, ActionKind::check);
}

void PoolCore::start_checks() {
  std::uint32_t index = idle_.back();
  while (checks_due_ > 0 && index != no_index && count(State::checking) < options_.num_workers) {
    const std::uint32_t warmer = slots_[index].links.prev;
    if (slots_[index].check_due) start_check(index);
    index = warmer;
  }
}

/// After any change: who waits in vain, what to check, and what to open.
void PoolCore::check_and_open() {
  if (closed_) return;
  while (deadlocked()) {
    waiters_.fail_youngest_holder(now_, WaitError::deadlock);
    measures_.failures.add(WaitError::deadlock);
  }
  if (waiters_.waiting() > 0 && out_of_patience()) fail_waiters(WaitError::connect_failed);
  start_checks();
  take_back_opens();
  const std::uint32_t wanted = this->wanted();
  if (count(State::connecting) >= wanted) return;
  const std::uint32_t limit = connect_limit();
  if (count(State::connecting) < limit && now_ < retry_at()) return wake_by(retry_at());
  while (count(State::connecting) < std::min(wanted, limit) && live() < options_.max_size) open_one();
  if (limit < options_.num_workers) wake_by(next_hang());
}

/// Lifetime, grace and lowered bounds.
void PoolCore::retire_by_age() {
  const Duration lead = replacement_lead();
  for (std::uint32_t index = 0; index < slots_.size(); ++index) {
    Slot& slot = slots_[index];
    switch (slot.state) {
      case State::idle:
        if (now_ >= slot.expires) {
          start_closing(index, CloseReason::lifetime);
          continue;
        }
        [[fallthrough]];
      case State::leased:
      case State::resetting:
      case State::checking: set_aging(slot, slot.expires != never && now_ >= slot.expires - lead); break;
      case State::free:
      case State::connecting:
      case State::dying: break;
    }
    if (slot.state == State::resetting || slot.state == State::checking)
      set_overdue(slot, now_ >= slot.since + grace);
  }
}

/// From the cold end: what is above max_size, then what nobody used for max_idle and nothing keeps.
void PoolCore::trim_idle() {
  const auto above = [this] { return minus(live() - count(State::dying), options_.max_size); };
  while (above() > 0 && !idle_.empty()) start_closing(idle_.back(), CloseReason::surplus);
  for (std::uint32_t index = 0; above() > 0 && index < slots_.size(); ++index) {
    if (slots_[index].state == State::connecting) start_closing(index, CloseReason::surplus);
  }
  for (auto due = idle_trim_due(); due && *due <= now_; due = idle_trim_due()) {
    start_closing(idle_.back(), CloseReason::idle);
  }
}

/// When the coldest idle connection has been idle for max_idle, if the bounds let it go.
std::optional<TimePoint> PoolCore::idle_trim_due() const {
  if (idle_.size() <= options_.min_idle || established() <= options_.min_size) return std::nullopt;
  const TimePoint since = slots_[idle_.back()].since;
  if (options_.max_idle >= never - since) return std::nullopt;
  return since + options_.max_idle;
}

/// The first moment at which a tick has something to do.
void PoolCore::plan_next_tick() {
  next_tick_ = backoff_.next_report();
  if (patience_ends() > now_) wake_by(patience_ends());
  if (backoff_.failing() && count(State::connecting) < wanted()) {
    const std::uint32_t limit = connect_limit();
    if (count(State::connecting) < limit) {
      if (retry_at() > now_) wake_by(retry_at());
    } else if (limit < options_.num_workers) {
      wake_by(next_hang());
    }
  }
  if (const auto due = idle_trim_due()) wake_by(*due);
  const Duration lead = replacement_lead();
  for (const Slot& slot : slots_) {
    if (slot.state == State::free || slot.state == State::connecting || slot.state == State::dying) continue;
    if (slot.expires != never && !slot.aging) wake_by(slot.expires - lead);
    if (slot.aging && slot.state == State::idle) wake_by(slot.expires);
    const bool out = slot.state == State::resetting || slot.state == State::checking;
    if (out && !slot.overdue) wake_by(slot.since + grace);
  }
}

}  // namespace copg::pool
