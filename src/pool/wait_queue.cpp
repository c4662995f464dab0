#include "pool/wait_queue.hpp"

#include <algorithm>
#include <cassert>

namespace copg::pool {

void WaitQueue::reserve(std::uint32_t count) {
  const auto old_size = static_cast<std::uint32_t>(waiters_.size());
  if (free() >= count) return;
  const std::uint32_t new_size = std::max(old_size + (count - free()), 2 * old_size);
  deadlines_.reserve(new_size);
  waiters_.resize(new_size);
  for (std::uint32_t slot = old_size; slot < new_size; ++slot) free_.push_back(waiters_, slot);
}

WaiterId WaitQueue::push(TimePoint now, TimePoint deadline, std::uint64_t ticket) {
  assert(free() > 0);
  const std::uint32_t slot = free_.pop_front(waiters_);
  Waiter& waiter = waiters_[slot];
  waiter.since = now;
  waiter.ticket = ticket;
  waiter.state = State::waiting;
  waiter.told = false;
  std::uint32_t position = no_index;
  if (!queue_.empty() && waiters_[queue_.back()].ticket > ticket) {
    position = queue_.front();
    while (waiters_[position].ticket < ticket) position = List::next(waiters_, position);
  }
  queue_.insert_before(waiters_, position, slot);
  deadlines_.add(slot, deadline);
  return id(slot);
}

bool WaitQueue::live(WaiterId waiter) const {
  return waiter.slot < waiters_.size() && waiters_[waiter.slot].generation == waiter.generation &&
         waiters_[waiter.slot].state != State::free;
}

void WaitQueue::leave_queue(TimePoint now, std::uint32_t slot) {
  deadlines_.remove(slot);
  queue_.erase(waiters_, slot);
  waited_ += now - waiters_[slot].since;
}

/// Takes a waiting one out of the queue and lines up its outcome.
void WaitQueue::settle(TimePoint now, std::uint32_t slot, State state) {
  leave_queue(now, slot);
  waiters_[slot].state = state;
  untold_.push_back(waiters_, slot);
}

void WaitQueue::forget(std::uint32_t slot) {
  Waiter& waiter = waiters_[slot];
  waiter.state = State::free;
  if (++waiter.generation == 0) waiter.generation = 1;  // 0 names no waiter
  free_.push_front(waiters_, slot);
}

void WaitQueue::grant_front(TimePoint now, ConnectionId connection) {
  const std::uint32_t slot = queue_.front();
  waiters_[slot].connection = connection;
  waiters_[slot].error = WaitError::none;
  settle(now, slot, State::granted);
}

void WaitQueue::fail(TimePoint now, std::uint32_t slot, WaitError error) {
  waiters_[slot].error = error;
  settle(now, slot, State::failed);
}

bool WaitQueue::fail_expired(TimePoint now) {
  const auto slot = deadlines_.expire(now);
  if (!slot) return false;
  // The wheel has cleared the timer already; `settle` would clear it again.
  deadlines_.add(*slot, never);
  fail(now, *slot, WaitError::timeout);
  return true;
}

WaitQueue::Left WaitQueue::hand_over(std::uint32_t slot) {
  if (!waiters_[slot].told) untold_.erase(waiters_, slot);
  const ConnectionId connection = waiters_[slot].connection;
  forget(slot);
  return {Was::granted, connection};
}

WaitQueue::Left WaitQueue::cancel(TimePoint now, WaiterId waiter) {
  if (!live(waiter)) return {Was::gone, {}};
  switch (waiters_[waiter.slot].state) {
    case State::waiting:
      leave_queue(now, waiter.slot);
      forget(waiter.slot);
      return {Was::waiting, {}};
    case State::granted: return hand_over(waiter.slot);
    case State::failed:
    case State::free: break;
  }
  return {Was::gone, {}};
}

WaitQueue::Left WaitQueue::accept(WaiterId waiter) {
  if (!live(waiter)) return {Was::gone, {}};
  switch (waiters_[waiter.slot].state) {
    case State::waiting: return {Was::waiting, {}};
    case State::granted: return hand_over(waiter.slot);
    case State::failed:
    case State::free: break;
  }
  return {Was::gone, {}};
}

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
