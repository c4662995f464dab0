// PoolEngine: waiting for a connection, and for the pool as a whole.
#include <algorithm>
#include <cassert>
#include <utility>

#include "engine/pool_engine.hpp"

namespace copg::engine {

// --- for a connection

/// The core's table of waiters and ours grow together, before anybody is queued: nothing can fail after that.
void PoolEngine::make_room_for_waiter() {
  constexpr std::size_t first = 16;
  if (core_->free_waiters() > 0) return;
  const std::size_t more = std::max(first, waiters_.size());
  waiters_.resize(waiters_.size() + more);
  core_->reserve_waiters(static_cast<std::uint32_t>(more));
}

PoolEngine::Attempt PoolEngine::acquire(Lease& lease, Waiter& waiter, TimePoint time, TimePoint deadline,
                                        const SourceLocation& where, const pool::Statement* statement) {
  Lock lock = lock_here();
  if (!opened_) [[unlikely]]
    refuse(std::move(lock), pool::WaitError::closed, Duration::zero());
  make_room_for_waiter();
  const pool::Acquired acquired = statement != nullptr ? core_->acquire_statement(time, deadline, *statement)
                                                       : core_->acquire(time, deadline);
  return conclude(std::move(lock), acquired, lease, waiter, time, deadline,
                  {where, waiter.holder_.who.kind == NumberOf::task ? waiter.holder_.who : this_thread()});
}

PoolEngine::Attempt PoolEngine::swap(Lease& lease, Waiter& waiter, TimePoint deadline,
                                     const pool::Statement* statement) {
  const TimePoint time = now();
  Lock lock = lock_here();
  make_room_for_waiter();
  const Holder holder = lease.slot->holder;
  deadline = std::min(deadline, after(time, lease.slot->patience));
  lease.slot->lease_ends();
  const pool::ConnectionId dead = id_of(std::exchange(lease, {}));
  const pool::Acquired acquired = statement != nullptr
                                      ? core_->reacquire_statement(time, dead, deadline, *statement)
                                      : core_->reacquire(time, dead, deadline);
  return conclude(std::move(lock), acquired, lease, waiter, time, deadline, holder);
}

PoolEngine::Attempt PoolEngine::conclude(Lock lock, const pool::Acquired& acquired, Lease& lease,
                                         Waiter& waiter, TimePoint time, TimePoint deadline,
                                         const Holder& holder) {
  switch (acquired.kind) {
    case pool::Acquired::Kind::granted:
      lease = take(acquired.connection, waiter, time, deadline, holder);
      break;
    case pool::Acquired::Kind::queued: queue(waiter, acquired.waiter, time, deadline, holder); break;
    case pool::Acquired::Kind::rejected: break;
  }
  dispatch();
  if (acquired.kind == pool::Acquired::Kind::queued) return Attempt::queued;
  if (acquired.kind == pool::Acquired::Kind::rejected)
    refuse(std::move(lock), acquired.error, Duration::zero());
  lock.unlock();
  if (options_.observer) options_.observer->acquired(Duration::zero());
  return Attempt::granted;
}

void PoolEngine::queue(Waiter& waiter, pool::WaiterId id, TimePoint time, TimePoint deadline,
                       const Holder& holder) {
  waiter.id_ = id;
  waiter.holder_ = holder;
  waiter.since_ = time;
  waiter.deadline_ = deadline;
  waiter.error_ = pool::WaitError::none;
  waiter.settled_ = false;
  waiters_[id.slot] = &waiter;
}

Lease PoolEngine::take(pool::ConnectionId connection, const Waiter& waiter, TimePoint time,
                       TimePoint deadline, const Holder& holder) {
  Slot& slot = *slots_[connection.slot];
  slot.holder = holder;
  slot.leased_since = time;
  slot.patience = deadline - time;
  slot.leak_reported = false;
  if (waiter.driver_ != nullptr) drive(slot, *waiter.driver_, deadline);
  return {.slot = &slot, .index = connection.slot, .generation = connection.generation, .process = process_};
}

void PoolEngine::refuse(Lock lock, pool::WaitError error, Duration waited, std::uint32_t waiting) {
  ErrorInfo info = why(error, waited, waiting);
  lock.unlock();
  if (options_.observer) options_.observer->acquire_failed(info.kind, waited);
  raise(std::move(info));
}

void PoolEngine::collect(Lease& lease, Waiter& waiter, TimePoint time) {
  Lock lock = lock_here();
  assert(waiter.settled_);
  if (waiter.error_ != pool::WaitError::none)
    refuse(std::move(lock), waiter.error_, time - waiter.since_, waiter.waiting_);
  lease = take(core_->accept(waiter.id_).value(), waiter, time, waiter.deadline_, waiter.holder_);
  lock.unlock();
  if (options_.observer) options_.observer->acquired(time - waiter.since_);
}

void PoolEngine::expire(Waiter& waiter) {
  const Lock lock = lock_here();
  if (waiter.settled_) return;
  const TimePoint time = now();
  tick_core(time);
  for (const auto& slot : slots_) (void)expire_passengers(*slot, time);
  dispatch();
  const bool awaited = has_place(waiter) && core_->knows(waiter.id_);
  if (!waiter.settled_ && !awaited) raise(forgotten(time - waiter.since_));
}

bool PoolEngine::has_place(const Waiter& waiter) const noexcept {
  return waiter.id_.slot < waiters_.size() && waiters_[waiter.id_.slot] == &waiter;
}

bool PoolEngine::give_up(Lease& lease, Waiter& waiter) {
  const Lock lock = lock_here();
  return leave_queue(lease, waiter);
}

bool PoolEngine::give_up_unsent(Lease& lease, Waiter& waiter) {
  const Lock lock = lock_here();
  if (!core_->knows(waiter.id_) || core_->sent(waiter.id_)) return false;
  static_cast<void>(leave_queue(lease, waiter));
  return true;
}

/// With the mutex held. True with `lease` filled, if a connection had been granted.
bool PoolEngine::leave_queue(Lease& lease, Waiter& waiter) {
  const TimePoint time = now();
  const pool::Cancelled cancelled = core_->cancel(time, waiter.id_);
  if (has_place(waiter)) waiters_[waiter.id_.slot] = nullptr;
  dispatch();
  if (cancelled.kind != pool::Cancelled::Kind::granted) return false;
  lease = take(cancelled.connection, waiter, time, waiter.deadline_, waiter.holder_);
  return true;
}

// --- for the pool as a whole

bool PoolEngine::has_got(Until until) const {
  switch (until) {
    case Until::full: {
      const PoolStats stats = core_->stats();
      return opened_ && !core_->closed() && stats.pool_size >= stats.pool_min;
    }
    case Until::checked: return core_->checks_pending() == 0;
    case Until::finished: return core_->finished();
  }
  return false;
}

/// Why the pool can't get that far, or won't before somebody mends something.
pool::WaitError PoolEngine::obstacle(Until until) const {
  if (until != Until::full) return pool::WaitError::none;
  if (!opened_ || core_->closed()) return pool::WaitError::closed;
  return core_->misconfigured() ? pool::WaitError::connect_failed : pool::WaitError::none;
}

bool PoolEngine::watch(Watcher& watcher, Until until, TimePoint deadline) {
  const TimePoint time = now();
  const Lock lock = lock_here();
  if (has_got(until)) return true;
  if (until == Until::full) core_->set_awaited(time, true);
  watcher.until_ = until;
  watcher.since_ = time;
  watcher.deadline_ = deadline;
  watcher.reached_ = false;
  watcher.settled_ = false;
  watchers_.push_back(&watcher);
  dispatch();
  wake_by(deadline);
  return false;
}

void PoolEngine::collect(Watcher& watcher) {
  Lock lock = lock_here();
  if (watcher.reached_) return;
  const Duration waited = now() - watcher.since_;
  if (watcher.until_ != Until::checked) refuse(std::move(lock), watcher.error_, waited);
  ErrorInfo error = why(pool::WaitError::timeout, waited, 0);
  error.message = "pool '" + name_ + "' could not check its idle connections in time; " + error.message;
  lock.unlock();
  raise(std::move(error));
}

void PoolEngine::expire(Watcher& watcher) {
  const Lock lock = lock_here();
  const TimePoint time = now();
  dispatch();
  if (!watcher.settled_ && std::ranges::find(watchers_, &watcher) == watchers_.end())
    raise(forgotten(time - watcher.since_));
}

void PoolEngine::give_up(Watcher& watcher) noexcept {
  const Lock lock(mutex_);
  std::erase(watchers_, &watcher);
  tell_who_waits(now());
}

/// Tells those whose waiting is over. Any input of the core may have ended it.
void PoolEngine::settle_watchers(TimePoint time) noexcept {
  const auto over = std::erase_if(watchers_, [&](Watcher* watcher) {
    watcher->reached_ = has_got(watcher->until_);
    watcher->error_ = obstacle(watcher->until_);
    if (watcher->error_ == pool::WaitError::none && watcher->deadline_ <= time)
      watcher->error_ = pool::WaitError::timeout;
    const bool settled = watcher->reached_ || watcher->error_ != pool::WaitError::none;
    if (settled) watcher->settle();
    return settled;
  });
  if (over > 0) tell_who_waits(time);
}

/// Whether anybody waits for the pool to be full.
void PoolEngine::tell_who_waits(TimePoint time) noexcept {
  const bool awaited =
      std::ranges::any_of(watchers_, [](const Watcher* it) { return it->until_ == Until::full; });
  if (!awaited && core_->awaited()) core_->set_awaited(time, false);
}

}  // namespace copg::engine
