// Who gets a free connection: a lease waiter, or a run of statements. Slow statements go alone, and wait
// while others do when slow ones have all but a few of the connections.
//
// The policy and what it was measured with: docs/adr/0018-statements-travel-in-runs.md and
// docs/adr/0019-slow-statements-travel-alone.md.
#include <algorithm>

#include "pool/pool_core.hpp"

namespace copg::pool {

// --- commands and inputs

std::optional<WaiterId> PoolCore::send_next(ConnectionId connection) {
  if (!has_run(connection)) return std::nullopt;
  return waiters_.send_next(connection.slot);
}

bool PoolCore::hand_on(ConnectionId connection) {
  return has_run(connection) && waiters_.hand_on(connection.slot);
}

bool PoolCore::on_answered(WaiterId waiter, Duration took) {
  const auto answered = waiters_.answer(waiter);
  if (!answered) return false;
  on_operation(took);
  if (sharing()) texts_.learn(answered->key, took, answered->first);
  return answered->wanted;
}

void PoolCore::on_answered(const Statement& statement, Duration took) {
  on_operation(took);
  if (sharing()) texts_.learn(statement.key, took, true);
}

// --- decisions

bool PoolCore::slow(const WaitQueue::Entry& entry) const {
  return sharing() && entry.is_statement && texts_.slow(entry.statement.key);
}

/// How many connections slow statements may have while others wait: all but a quarter, and that is one or
/// two. With a single connection there is nothing to keep apart.
std::uint32_t PoolCore::slow_limit() const {
  constexpr std::uint32_t most_kept = 2;
  const std::uint32_t kept = std::clamp(established() / 4, 1U, most_kept);
  return std::max(established() - std::min(kept, established()), 1U);
}

/// What each connection has to take on of the statements that wait.
std::uint32_t PoolCore::fair_share() const {
  const std::uint32_t connections = std::max(established(), 1U);
  return std::min((waiters_.statements() + connections - 1) / connections, options_.share_limit);
}

/// Leases a connection that is in no list to the waiter that is next. There must be one.
void PoolCore::serve(std::uint32_t index) {
  enter(index, State::leased);
  Slot& slot = slots_[index];
  slot.waited = true;
  if (!waiters_.has_statements()) return lease_to_first(index);
  if (waiters_.first_held() != nullptr && !slow(*waiters_.first_held()))
    waiters_.let_go([this](const WaitQueue::Entry& it) { return !slow(it); });
  const bool slow_may_go = slow_ < slow_limit();
  if (!slow_may_go) {
    while (waiters_.first() != nullptr && slow(*waiters_.first())) waiters_.hold_first();
  }
  const auto* first = waiters_.first();
  const auto* held = waiters_.first_held();
  if (held != nullptr && (first == nullptr || (slow_may_go && held->ticket < first->ticket))) {
    slot.ticket = held->ticket;
    return start_run(index, true);
  }
  if (!first->is_statement) return lease_to_first(index);
  slot.ticket = first->ticket;
  start_run(index, false);
}

void PoolCore::lease_to_first(std::uint32_t index) {
  const HolderId holder = waiters_.first()->holder;
  slots_[index].ticket = waiters_.first()->ticket;
  waiters_.grant_first(now_, id(index));
  waiters_.holders().lease_begins(index, holder);
}

/// Leases idle connections as long as somebody waits.
void PoolCore::serve_idle() {
  while (waiters_.waiting() > 0 && !suspended_ && drop_expired_idle()) {
    const std::uint32_t index = idle_.pop_front(slots_);
    set_check_due(slots_[index], false);
    serve(index);
  }
  check_and_open();
}

/// Gives a connection to the statement that is first, held back or not, and to those that may follow it.
void PoolCore::start_run(std::uint32_t index, bool held) {
  Slot& slot = slots_[index];
  slot.statements = true;
  if (held || slow(*waiters_.first())) {
    set_slow(slot);
    ++totals_.statements_isolated;
    return held ? waiters_.grant_first_held(now_, id(index)) : waiters_.grant_first(now_, id(index));
  }
  const std::uint32_t share = fair_share();
  const StatementKind kind = waiters_.first()->statement.kind;
  waiters_.grant_first(now_, id(index));
  if (kind == StatementKind::read) fill_run(index, share);
}

/// Lets statements travel behind the first, up to its share: until one that needs a connection for itself.
void PoolCore::fill_run(std::uint32_t index, std::uint32_t share) {
  std::uint32_t length = 1;
  bool open = true;
  while (open && length < share) {
    const auto* next = waiters_.first();
    if (next == nullptr || !next->is_statement || next->statement.kind == StatementKind::alone || slow(*next))
      break;
    open = next->statement.kind == StatementKind::read;
    waiters_.board_first(now_, id(index));
    ++length;
  }
  if (length < 2) return;
  ++totals_.runs_num;
  totals_.statements_shared += length;
  totals_.runs_largest = std::max<std::uint64_t>(totals_.runs_largest, length);
}

void PoolCore::set_slow(Slot& slot) {
  slot.statements = slot.slow = true;
  ++slow_;
}

/// The lease is over, and whatever travelled on the connection.
void PoolCore::end_statements(std::uint32_t index, std::uint32_t never_sent) {
  Slot& slot = slots_[index];
  slot.statements = false;
  if (slot.slow) --slow_;
  slot.slow = false;
  measures_.failures.add(WaitError::closed, waiters_.end_run(now_, index, never_sent, closed_));
}

}  // namespace copg::pool
