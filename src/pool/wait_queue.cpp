#include "pool/wait_queue.hpp"

#include <algorithm>

#include "pool/invariant.hpp"

namespace copg::pool {

void WaitQueue::reserve(std::uint32_t count) {
  const auto old_size = static_cast<std::uint32_t>(waiters_.size());
  if (free() >= count) return;
  const std::uint32_t new_size = std::max(old_size + (count - free()), 2 * old_size);
  deadlines_.reserve(new_size);
  waiters_.resize(new_size);
  for (std::uint32_t slot = old_size; slot < new_size; ++slot) free_.push_back(waiters_, slot);
}

bool WaitQueue::live(WaiterId waiter) const {
  return waiter.slot < waiters_.size() && waiters_[waiter.slot].generation == waiter.generation &&
         waiters_[waiter.slot].state != State::free;
}

// --- the queue

WaiterId WaitQueue::push(TimePoint now, const Entry& entry) {
  invariant(free() > 0, "there is a place for a waiter");
  const std::uint32_t slot = free_.pop_front(waiters_);
  waiters_[slot].entry = entry;
  enqueue(now, slot);
  return id(slot);
}

/// The first from `position` on that came after `ticket`; no_index if there is none.
std::uint32_t WaitQueue::younger(std::uint32_t position, std::uint64_t ticket) const {
  while (position != no_index && waiters_[position].entry.ticket < ticket)
    position = List::next(waiters_, position);
  return position;
}

/// In the order of tickets. Most come last.
void WaitQueue::insert(List& list, std::uint32_t slot) {
  const std::uint64_t ticket = waiters_[slot].entry.ticket;
  const bool last = list.empty() || waiters_[list.back()].entry.ticket < ticket;
  list.insert_before(waiters_, last ? no_index : younger(list.front(), ticket), slot);
}

void WaitQueue::enqueue(TimePoint now, std::uint32_t slot) {
  Waiter& waiter = waiters_[slot];
  waiter.since = now;
  waiter.state = State::waiting;
  waiter.told = waiter.sent = waiter.abandoned = false;
  insert(queue_, slot);
  ++waiting_;
  if (waiter.entry.is_statement) ++statements_;
  waiter.holds_since = holders_.wait_begins(waiter.entry.holder);
  watch_deadline(slot);
}

void WaitQueue::dequeue(TimePoint now, std::uint32_t slot) {
  Waiter& waiter = waiters_[slot];
  --waiting_;
  holders_.wait_ends(waiter.entry.holder, waiter.holds_since);
  if (waiter.held) {
    held_.erase(waiters_, slot);
    waiter.held = false;
  } else {
    queue_.erase(waiters_, slot);
    if (waiter.entry.is_statement) --statements_;
  }
  waits_.record(now - waiter.since);
}

std::uint32_t WaitQueue::front_slot() const {
  if (held_.empty()) return queue_.front();
  if (queue_.empty()) return held_.front();
  const bool held_is_older = waiters_[held_.front()].entry.ticket < waiters_[queue_.front()].entry.ticket;
  return held_is_older ? held_.front() : queue_.front();
}

/// Those that are held back were first, one after the other; only one that returned from a run may be older
/// than another that has been held back since.
void WaitQueue::hold_first() {
  const std::uint32_t slot = queue_.pop_front(waiters_);
  Waiter& waiter = waiters_[slot];
  invariant(waiter.entry.is_statement, "a statement travels, a lease does not");
  --statements_;
  waiter.held = true;
  insert(held_, slot);
}

void WaitQueue::watch_deadline(std::uint32_t slot) {
  Waiter& waiter = waiters_[slot];
  if (waiter.timed) return;
  waiter.timed = true;
  ++timed_;
  deadlines_.add(slot, waiter.entry.deadline);
}

void WaitQueue::forget_deadline(std::uint32_t slot) {
  Waiter& waiter = waiters_[slot];
  if (!waiter.timed) return;
  waiter.timed = false;
  --timed_;
  deadlines_.remove(slot);
}

/// Lines up the outcome of one that has left the queue, or its run.
void WaitQueue::fail(std::uint32_t slot, WaitError error) {
  forget_deadline(slot);
  waiters_[slot].error = error;
  waiters_[slot].state = State::failed;
  untold_.push_back(waiters_, slot);
}

void WaitQueue::fail_front(TimePoint now, WaitError error) {
  const std::uint32_t slot = front_slot();
  dequeue(now, slot);
  fail(slot, error);
}

void WaitQueue::fail_youngest_holder(TimePoint now, WaitError error) {
  const auto youngest = [this](const List& list) {
    std::uint32_t slot = list.back();
    // A lease may have been passed on to somebody else, or given back, since its holder began to wait.
    while (slot != no_index && !holders_.keeps_lease(waiters_[slot].entry.holder, waiters_[slot].holds_since))
      slot = waiters_[slot].links.prev;
    return slot;
  };
  std::uint32_t slot = youngest(queue_);
  const std::uint32_t held = youngest(held_);
  const bool held_is_younger =
      held != no_index && (slot == no_index || waiters_[slot].entry.ticket < waiters_[held].entry.ticket);
  if (held_is_younger) slot = held;
  invariant(slot != no_index, "in a deadlock, a caller that holds a lease waits");
  dequeue(now, slot);
  fail(slot, error);
}

bool WaitQueue::fail_expired(TimePoint now) {
  const auto slot = deadlines_.expire(now);
  if (!slot) return false;
  Waiter& waiter = waiters_[*slot];
  waiter.timed = false;  // the wheel has cleared the timer already
  --timed_;
  if (waiter.state == State::waiting) {
    dequeue(now, *slot);
  } else {
    leave_run(*slot);
  }
  fail(*slot, WaitError::timeout);
  return true;
}

void WaitQueue::forget(std::uint32_t slot) {
  forget_deadline(slot);
  Waiter& waiter = waiters_[slot];
  waiter.state = State::free;
  if (++waiter.generation == 0) waiter.generation = 1;  // 0 names no waiter
  free_.push_front(waiters_, slot);
}

// --- grants

void WaitQueue::grant(TimePoint now, std::uint32_t slot, ConnectionId connection) {
  dequeue(now, slot);
  if (waiters_[slot].entry.is_statement) {
    invariant(runs_[connection.slot].members.empty(), "a connection has one run at a time");
    runs_[connection.slot].answered = false;
    board(slot, connection);
  }
  waiters_[slot].connection = connection;
  drive(slot);
}

void WaitQueue::board_first(TimePoint now, ConnectionId connection) {
  const std::uint32_t slot = queue_.front();
  dequeue(now, slot);
  board(slot, connection);
}

void WaitQueue::board(std::uint32_t slot, ConnectionId connection) {
  waiters_[slot].connection = connection;
  waiters_[slot].state = State::aboard;
  Run& run = runs_[connection.slot];
  run.members.push_back(waiters_, slot);
  if (run.unsent == no_index) run.unsent = slot;
}

void WaitQueue::leave_run(std::uint32_t slot) {
  Run& run = runs_[waiters_[slot].connection.slot];
  if (run.unsent == slot) run.unsent = Members::next(waiters_, slot);
  run.members.erase(waiters_, slot);
}

/// Grants its connection to a waiter: from here on it watches its deadline itself.
void WaitQueue::drive(std::uint32_t slot) {
  forget_deadline(slot);
  Waiter& waiter = waiters_[slot];
  waiter.error = WaitError::none;
  waiter.state = State::granted;
  waiter.told = false;
  untold_.push_back(waiters_, slot);
}

WaitQueue::Left WaitQueue::hand_over(std::uint32_t slot) {
  if (!waiters_[slot].told) untold_.erase(waiters_, slot);
  const ConnectionId connection = waiters_[slot].connection;
  forget(slot);
  return {Was::granted, connection};
}

WaitQueue::Left WaitQueue::accept(WaiterId waiter) {
  if (!live(waiter)) return {Was::gone, {}};
  Waiter& it = waiters_[waiter.slot];
  switch (it.state) {
    case State::waiting: return {Was::waiting, {}};
    case State::granted:
      if (!it.entry.is_statement) return hand_over(waiter.slot);
      if (!it.told) untold_.erase(waiters_, waiter.slot);
      it.state = State::aboard;
      return {Was::granted, it.connection};
    case State::aboard:
    case State::failed:
    case State::free: break;
  }
  return {Was::gone, {}};
}

WaitQueue::Left WaitQueue::cancel(TimePoint now, WaiterId waiter) {
  if (!live(waiter)) return {Was::gone, {}};
  const Waiter& it = waiters_[waiter.slot];
  switch (it.state) {
    case State::waiting:
      dequeue(now, waiter.slot);
      forget(waiter.slot);
      return {Was::waiting, {}};
    case State::granted: return it.entry.is_statement ? cancel_driver(waiter.slot) : hand_over(waiter.slot);
    case State::aboard:
      if (it.abandoned) break;
      if (it.sent) return abandon(waiter.slot);
      leave_run(waiter.slot);
      forget(waiter.slot);
      return {Was::waiting, {}};
    case State::failed:
    case State::free: break;
  }
  return {Was::gone, {}};
}

/// It has been asked to drive, and has not accepted.
WaitQueue::Left WaitQueue::cancel_driver(std::uint32_t slot) {
  Waiter& waiter = waiters_[slot];
  const ConnectionId connection = waiter.connection;
  const bool sent = waiter.sent;
  if (!waiter.told) untold_.erase(waiters_, slot);
  if (sent) {
    waiter.state = State::aboard;
    waiter.abandoned = true;
  } else {
    leave_run(slot);
    forget(slot);
  }
  if (!hand_on(connection.slot)) return {Was::granted, connection};
  return {sent ? Was::sent : Was::waiting, connection};
}

WaitQueue::Left WaitQueue::abandon(std::uint32_t slot) {
  waiters_[slot].abandoned = true;
  const Run& run = runs_[waiters_[slot].connection.slot];
  bool alone = true;
  for (std::uint32_t member = run.members.front(); member != no_index;
       member = Members::next(waiters_, member)) {
    alone = alone && waiters_[member].abandoned;
  }
  return {Was::sent, waiters_[slot].connection, alone};
}

// --- runs

WaiterId WaitQueue::run_member(std::uint32_t connection, std::uint32_t position) const {
  std::uint32_t slot = runs_[connection].members.front();
  while (position-- > 0) slot = Members::next(waiters_, slot);
  return id(slot);
}

std::optional<WaiterId> WaitQueue::send_next(std::uint32_t connection) {
  Run& run = runs_[connection];
  const std::uint32_t slot = run.unsent;
  if (slot == no_index) return std::nullopt;
  waiters_[slot].sent = true;
  forget_deadline(slot);
  run.unsent = Members::next(waiters_, slot);
  return id(slot);
}

std::optional<WaitQueue::Answered> WaitQueue::answer(WaiterId waiter) {
  if (!live(waiter)) return std::nullopt;
  const Waiter& it = waiters_[waiter.slot];
  if (it.state != State::aboard || !it.sent) return std::nullopt;
  Run& run = runs_[it.connection.slot];
  const Answered answered{it.entry.statement.key, !run.answered, !it.abandoned};
  run.answered = true;
  leave_run(waiter.slot);
  forget(waiter.slot);
  return answered;
}

bool WaitQueue::hand_on(std::uint32_t connection) {
  const Run& run = runs_[connection];
  std::uint32_t next = no_index;
  for (std::uint32_t slot = run.members.front(); slot != no_index; slot = Members::next(waiters_, slot)) {
    if (waiters_[slot].state == State::granted) return true;  // asked already
    if (next == no_index && !waiters_[slot].abandoned) next = slot;
  }
  if (next == no_index) return false;
  drive(next);
  return true;
}

std::uint32_t WaitQueue::end_run(TimePoint now, std::uint32_t connection, std::uint32_t never_sent,
                                 bool closed) {
  Run& run = runs_[connection];
  for (std::uint32_t slot = run.members.back(); slot != no_index && never_sent > 0;
       slot = waiters_[slot].run_links.prev) {
    if (!waiters_[slot].sent) continue;
    waiters_[slot].sent = false;
    --never_sent;
  }
  std::uint32_t refused = 0;
  while (!run.members.empty()) {
    const std::uint32_t slot = run.members.pop_front(waiters_);
    Waiter& waiter = waiters_[slot];
    if (waiter.state == State::granted) {
      waiter.entry.is_statement = false;  // it has what it was granted, and no run
    } else if (waiter.abandoned) {
      forget(slot);
    } else if (waiter.sent) {
      fail(slot, WaitError::lost);
    } else if (closed) {
      fail(slot, WaitError::closed);
      ++refused;
    } else {
      enqueue(now, slot);
    }
  }
  run.unsent = no_index;
  return refused;
}

// --- outcomes

std::optional<WaitQueue::Outcome> WaitQueue::poll_outcome() {
  if (untold_.empty()) return std::nullopt;
  const std::uint32_t slot = untold_.pop_front(waiters_);
  Waiter& waiter = waiters_[slot];
  const Outcome outcome{id(slot), waiter.error == WaitError::none ? waiter.connection : ConnectionId{},
                        waiter.error};
  if (waiter.state == State::failed) {
    forget(slot);
  } else {
    waiter.told = true;
  }
  return outcome;
}

}  // namespace copg::pool
