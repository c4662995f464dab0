#include "cluster/waiters.hpp"

#include <algorithm>

namespace copg::cluster {

void Waiters::reserve(std::uint32_t count) {
  if (count <= free()) return;
  const auto size = static_cast<std::uint32_t>(table_.size());
  const std::uint32_t wanted = std::max(size + count - free(), 2 * size);
  timers_.reserve(wanted);
  table_.resize(wanted);
  for (std::uint32_t slot = size; slot < wanted; ++slot) free_.push_back(table_, slot);
}

/// When a request must be looked at next: at the end of its patience, and then at its deadline.
TimePoint Waiters::next_time(const Request& request, TimePoint now) {
  const bool patient =
      request.role == Role::replica && request.if_unfit != IfUnfit::wait && request.patience > now;
  return patient ? std::min(request.patience, request.deadline) : request.deadline;
}

WaiterId Waiters::push(TimePoint now, const Request& request, std::uint64_t ticket) {
  pool::invariant(!free_.empty(), "room for a waiter was reserved");
  const std::uint32_t slot = free_.pop_front(table_);
  Entry& entry = table_[slot];
  entry.request = request;
  entry.ticket = ticket;
  entry.state = State::waiting;
  ++entry.generation;
  Queue& queue = queue_of(slot);
  // New tickets are the largest; one that comes back is among the oldest.
  std::uint32_t position = none;
  if (!queue.empty() && table_[queue.back()].ticket > ticket) {
    position = queue.front();
    while (table_[position].ticket < ticket) position = Queue::next(table_, position);
  }
  queue.insert_before(table_, position, slot);
  timers_.add(slot, next_time(request, now));
  return {slot, entry.generation};
}

bool Waiters::waits(WaiterId waiter) const {
  return waiter.slot < table_.size() && table_[waiter.slot].state == State::waiting &&
         table_[waiter.slot].generation == waiter.generation;
}

void Waiters::leave(std::uint32_t slot) {
  queue_of(slot).erase(table_, slot);
  timers_.remove(slot);
}

void Waiters::cancel(WaiterId waiter) {
  leave(waiter.slot);
  table_[waiter.slot].state = State::free;
  free_.push_front(table_, waiter.slot);
}

void Waiters::settle(std::uint32_t slot, HostId host, HostKey key, WaitError error) {
  leave(slot);
  Entry& entry = table_[slot];
  entry.state = State::settled;
  entry.host = host;
  entry.key = key;
  entry.error = error;
  outcomes_.push_back(table_, slot);
}

bool Waiters::expire(TimePoint now) {
  bool patience_over = false;
  while (const auto slot = timers_.expire(now)) {
    const Request& request = table_[*slot].request;
    // The wheel has cleared the timer: what comes next takes one out that is set.
    timers_.add(*slot, next_time(request, now));
    if (request.deadline <= now) {
      fail(*slot, WaitError::timeout);
    } else {
      patience_over = true;
    }
  }
  return patience_over;
}

Action Waiters::pop_outcome() {
  const std::uint32_t slot = outcomes_.pop_front(table_);
  Entry& entry = table_[slot];
  entry.state = State::free;
  free_.push_front(table_, slot);
  Action action;
  action.kind = entry.error == WaitError::none ? ActionKind::grant : ActionKind::fail;
  action.host = entry.host;
  action.key = entry.key;
  action.waiter = {slot, entry.generation};
  action.ticket = entry.error == WaitError::none ? entry.ticket : 0;
  action.error = entry.error;
  return action;
}

}  // namespace copg::cluster
