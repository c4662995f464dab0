// Leases: the waiting for a connection.
#include <algorithm>
#include <utility>

#include "engine/diagnosis.hpp"
#include "engine/leases.hpp"
#include "engine/mends.hpp"
#include "engine/runs.hpp"
#include "engine/turned_away.hpp"
#include "pool/invariant.hpp"

namespace copg::engine {

Leases::Attempt Leases::acquire(Lease& lease, Waiter& waiter, TimePoint time, TimePoint deadline,
                                const SourceLocation& where, const pool::Statement* statement) {
  Locked state = lock_here(shared_);
  if (!state->opened) [[unlikely]]
    refuse(std::move(state), pool::WaitError::closed, Duration::zero());
  state->make_room_for_waiter();
  const Holder holder{where, waiter.requester()};
  const pool::Request request{
      .deadline = deadline, .statement = setup_.options.share ? statement : nullptr, .holder = holder.who.id};
  const pool::Acquired acquired = state->core->acquire(time, request);
  return conclude(std::move(state), acquired, lease, waiter, time, deadline, holder);
}

bool Leases::try_acquire(Lease& lease, TimePoint time, const Holder& holder) {
  for (;;) {
    {
      Locked state = lock_here(shared_);
      if (!state->opened || state->core->closed())
        refuse(std::move(state), pool::WaitError::closed, Duration::zero());
      const auto granted = state->core->try_acquire(time, holder.who.id);
      if (granted) lease = state->take(*granted, time, after(time, setup_.timeout), holder);
      state->dispatch();
      if (!granted) return false;
    }
    if (!found_dead(lease, time)) break;
  }
  setup_.events.acquired(*lease.slot, Duration::zero());
  return true;
}

/// Looks at the connection of a lease on which nothing was sent. True: it was dead, and the lease has ended.
bool Leases::found_dead(Lease& lease, TimePoint time) {
  bool alive = false;
  try {
    alive = enter(lease, time);
  } catch (...) {  // cut off by `close`, just now
    release(lease);
    throw;
  }
  if (alive) {
    if (!leave(lease)) reject_cut_off({});
    return false;
  }
  const Locked state(shared_);
  lease.slot->lease_ends(*state);
  state->core->release(time, id_of(std::exchange(lease, {})), pool::Disposition::broken);
  state->dispatch();
  return true;
}

Leases::Attempt Leases::swap(Lease& lease, Waiter& waiter, TimePoint deadline,
                             const pool::Statement* statement) {
  const TimePoint time = now();
  const Slot::Tenancy tenancy = lease.slot->tenancy();
  waiter.lease_name_ = tenancy.name.empty() ? nullptr : std::make_unique<const HolderName>(tenancy.name);
  Locked state = lock_here(shared_);
  state->make_room_for_waiter();
  deadline = std::min(deadline, after(time, tenancy.patience));
  lease.slot->lease_ends(*state);
  const pool::ConnectionId dead = id_of(std::exchange(lease, {}));
  const pool::Request request{.deadline = deadline,
                              .statement = setup_.options.share ? statement : nullptr,
                              .holder = tenancy.holder.who.id};
  const pool::Acquired acquired = state->core->reacquire(time, dead, request);
  return conclude(std::move(state), acquired, lease, waiter, time, deadline, tenancy.holder);
}

Leases::Attempt Leases::conclude(Locked state, const pool::Acquired& acquired, Lease& lease, Waiter& waiter,
                                 TimePoint time, TimePoint deadline, const Holder& holder) {
  switch (acquired.kind) {
    case pool::Acquired::Kind::granted:
      lease = state->take(acquired.connection, time, deadline, holder);
      if (waiter.lease_name_) lease.slot->tenancy(*state).name = *waiter.lease_name_;
      if (waiter.listener_ != nullptr) watch_deadline(*state, *lease.slot, *waiter.listener_, deadline);
      break;
    case pool::Acquired::Kind::queued: state->add(waiter, acquired.waiter, time, deadline, holder); break;
    case pool::Acquired::Kind::rejected: break;
  }
  state->dispatch();
  if (acquired.kind == pool::Acquired::Kind::queued) {
    if (state->turns_away) [[unlikely]]
      state->turn_away_waiters();
    return Attempt::queued;
  }
  if (acquired.kind == pool::Acquired::Kind::rejected)
    refuse(std::move(state), acquired.error, Duration::zero(), 0, holder.who);
  state.unlock();
  setup_.events.acquired(*lease.slot, Duration::zero());
  return Attempt::granted;
}

void Leases::refuse(Locked state, pool::WaitError error, Duration waited, std::uint32_t waiting,
                    const Requester& who) {
  Snapshot snapshot = snapshot_of(*state);
  if (error == pool::WaitError::timeout) snapshot.leases = leases_of(*state, who.id);
  if (error == pool::WaitError::deadlock) snapshot.leases = all_leases(*state);
  const bool elsewhere = state->turns_away;
  state.unlock();
  ErrorInfo info = no_connection(setup_, snapshot, error, waited, waiting);
  // The pool of a host that has left its cluster is closed, and that is not its caller's concern.
  if (error == pool::WaitError::turned_away || (error == pool::WaitError::closed && elsewhere))
    throw TurnedAway(std::move(info));
  setup_.events.tell(event::AcquireFailed{setup_.events.at(), waited, info.kind});
  raise(std::move(info));
}

void Leases::collect(Lease& lease, Waiter& waiter, TimePoint time) {
  if (collect_granted(lease, waiter, time)) return;
  Locked state = lock_here(shared_);
  pool::invariant(waiter.settled_, "what is collected has been settled");
  refuse(std::move(state), waiter.error_, time - waiter.since_, waiter.waiting_, waiter.holder_.who);
}

bool Leases::collect_granted(Lease& lease, Waiter& waiter, TimePoint time) {
  if (!waiter.lease_) return false;
  lease = std::exchange(waiter.lease_, {});
  if (waiter.listener_ != nullptr) watch_deadline(lease, *waiter.listener_, waiter.deadline_);
  setup_.events.acquired(*lease.slot, time - waiter.since_);
  return true;
}

void Leases::expire(Waiter& waiter) {
  Locked state = lock_here(shared_);
  if (waiter.settled_ || waiter.lease_) return;
  const TimePoint time = now();
  state->tick_core(time);
  state->dispatch();
  for (const auto& slot : state->slots) (void)expire_passengers(*state, *slot, time);
  state->dispatch();
  const bool awaited = state->has_place(waiter) && state->core->knows(waiter.id_);
  if (!waiter.settled_ && !awaited)
    raise(lost_waiter_error(setup_, state->core->stats(), time - waiter.since_));
}

bool Leases::give_up(Lease& lease, Waiter& waiter) {
  const Locked state = lock_here(shared_);
  return dequeue(*state, lease, waiter);
}

bool Leases::give_up_unsent(Lease& lease, Waiter& waiter) {
  const Locked state = lock_here(shared_);
  // It may have been granted the run in which it was sent, and that was lost since.
  if (waiter.settled_ && stands(Mend::lost_after_grant)) return false;
  if (!waiter.lease_ && !state->core->knows(waiter.id_)) return false;
  if (state->core->sent(waiter.id_) && stands(Mend::sent_with_others)) return false;
  static_cast<void>(dequeue(*state, lease, waiter));
  return true;
}

void Leases::set_holder(const Lease& lease, pool::HolderId holder) noexcept {
  if (!lease || lease.process != ForkGuard::generation() || is_loan(lease)) return;
  if (lease.slot->tenancy().holder.who.id == holder) return;
  const Locked state(shared_);
  lease.slot->tenancy(*state).holder.who.id = holder;
  state->core->set_holder(id_of(lease), holder);
}

void Leases::set_name(const Lease& lease, std::string_view name) {
  require_usable(lease);
  if (is_loan(lease)) return;
  const HolderName kept(name);
  const Locked state(shared_);
  lease.slot->tenancy(*state).name = kept;
}

std::string Leases::name_of(const Lease& lease) {
  require_usable(lease);
  return std::string(lease.slot->tenancy().name.view());
}

bool Leases::dequeue(State& state, Lease& lease, Waiter& waiter) {
  state.core->cancel(now(), waiter.id_);
  if (state.has_place(waiter)) state.waiters[waiter.id_.slot] = nullptr;
  waiter.driving_ = false;
  lease = std::exchange(waiter.lease_, {});
  if (lease && state.core->hand_on(id_of(lease))) {  // a run, of which somebody else waits for an answer
    lease.slot->lease_ends(state);
    lease = {};
  }
  state.dispatch();
  return static_cast<bool>(lease);
}

}  // namespace copg::engine
