#include "engine/state.hpp"

#include <algorithm>

#include "engine/background.hpp"
#include "engine/mends.hpp"
#include "engine/random_seed.hpp"
#include "pool/invariant.hpp"

namespace copg::engine {

State::State(const Setup& setup, Background& background) : setup_(setup), background_(background) {
  make_core();
}

void State::make_core() {
  const PoolOptions& options = setup_.options;
  // A forked child keeps the bounds that the pool had last.
  const bool keeps = core && stands(Mend::bounds_after_fork);
  const auto min_size = keeps ? core->stats().pool_min : static_cast<std::uint32_t>(options.min_size);
  const auto max_size = keeps ? core->stats().pool_max : static_cast<std::uint32_t>(options.max_size);
  core = std::make_unique<pool::PoolCore>(
      pool::CoreOptions{
          .min_size = min_size,
          .max_size = max_size,
          .min_idle = static_cast<std::uint32_t>(options.min_idle),
          .num_workers = static_cast<std::uint32_t>(options.num_workers),
          .max_waiting = static_cast<std::uint32_t>(options.max_waiting),
          .share_limit = options.share ? pool::CoreOptions{}.share_limit : 1,
          .work_on_returns = static_cast<bool>(options.on_return),
          .max_idle = duration_of(options.max_idle),
          .max_lifetime = duration_of(options.max_lifetime),
          .reconnect_timeout = duration_of(options.reconnect_timeout),
          .outage_patience = options.outage_patience ? duration_of(*options.outage_patience) : pool::forever,
          .hang_after = std::max(duration_of(options.connect_timeout) / options.num_workers, Duration(1)),
          .seed = setup_.seed ? *setup_.seed : random_seed()},
      now());
  make_slots(max_size);
  measures = {};
}

void State::make_slots(std::uint32_t max_size) {
  while (slots.size() < max_size) slots.push_back(std::make_unique<Slot>());
}

void State::make_room_for_waiter() {
  constexpr std::size_t first = 16;
  if (core->free_waiters() > 0) return;
  const std::size_t more = std::max(first, waiters.size());
  waiters.resize(waiters.size() + more);
  core->reserve_waiters(static_cast<std::uint32_t>(more));
}

void State::abandon_inherited() {
  process = ForkGuard::generation();
  for (auto& slot : slots) {
    if (slot->connection) slot->connection->abandon();
    slot->socket_waiter.close();
    slot->descriptor.abandon();
    (void)slot.release();  // leases of the parent still point to it
  }
  slots.clear();
  waiters.clear();
  pool_waiters.clear();
  actions.clear();
  ended_leases.clear();
  work_posted = false;
  outage = listening = turns_away = false;
  armed = cut_at = close_by = insist_at = deadlines_due = pool::never;
}

void State::start_over() { background_.start_over(*this); }

// --- between the core and the world

void State::hand_out() {
  if (!pool_waiters.empty()) settle_pool_waiters(now());
  while (const auto action = core->poll_action()) {
    switch (action->kind) {
      case pool::ActionKind::grant: grant(*action); break;
      case pool::ActionKind::fail: fail(action->waiter, action->error); break;
      case pool::ActionKind::report_outage:
        outage = true;
        background_.post_work(*this);
        break;
      case pool::ActionKind::open:
      case pool::ActionKind::close:
      case pool::ActionKind::reset:
      case pool::ActionKind::check:
        actions.push_back(*action);
        background_.post_work(*this);
        break;
    }
  }
  wake_by(core->next_deadline());
  if (core->finished()) background_.post_work(*this);  // to put the timer away
}

void State::wake_by(TimePoint time) {
  if (time >= armed) return;
  armed = time;
  background_.post_work(*this);
}

void State::add(Waiter& waiter, pool::WaiterId id, TimePoint time, TimePoint deadline, const Holder& holder) {
  waiter.id_ = id;
  waiter.holder_ = holder;
  waiter.since_ = time;
  waiter.deadline_ = deadline;
  waiter.lease_ = {};
  waiter.error_ = pool::WaitError::none;
  waiter.settled_ = waiter.driving_ = false;
  waiters[id.slot] = &waiter;
}

Lease State::take(pool::ConnectionId connection, TimePoint time, TimePoint deadline, const Holder& holder) {
  Slot& slot = slot_of(connection);
  Slot::Tenancy& tenancy = slot.tenancy(*this);
  pool::invariant(tenancy.since == TimePoint{}, "a connection has one caller at a time");
  tenancy.holder = holder;
  tenancy.since = time;
  tenancy.patience = deadline - time;
  tenancy.name.clear();
  slot.guarded(*this).leak_reported = false;
  slot.guarded(*this).idle_reported = {};
  slot.guarded(*this).connection = connection;
  slot.activity.renew(time);
  return {.slot = &slot, .index = connection.slot, .generation = connection.generation, .process = process};
}

void Slot::keep_operation_times(State& held) noexcept { held.keep_operation_times(*this); }

void Slot::tell_lease_ends(State& held) noexcept {
  lease_told = false;
  const Events& events = held.setup().events;
  if (events.wants(Hook::released)) held.ended_leases.push_back({events.at(*this), now() - tenancy_.since});
}

void Locked::unlock_and_tell(SharedState& shared) noexcept {
  const Events& events = shared.state_.setup().events;
  const std::vector<event::Released> ended = std::exchange(shared.state_.ended_leases, {});
  Wakes wakes = std::exchange(shared.state_.wakes, {});
  shared.mutex_.unlock();
  wakes.wake_all();
  for (const event::Released& lease : ended) events.tell(lease);
}

void State::keep_operation_times(Slot& slot) noexcept {
  slot.operation_times.for_each([this](Duration took) { core->on_operation(took); });
  slot.operation_times.clear();
}

/// What is granted is leased at once, so that a thread that wakes up needs no lock to get it.
void State::grant(const pool::Action& granted) {
  Waiter* const waiter = waiters[granted.waiter.slot];
  pool::invariant(waiter != nullptr && waiter->id_ == granted.waiter, "a grant finds the caller that waits");
  const pool::ConnectionId connection = core->accept(granted.waiter).value();
  waiter->lease_ = take(connection, core->state_since(connection), waiter->deadline_, waiter->holder_);
  if (waiter->lease_name_) slot_of(connection).tenancy(*this).name = *waiter->lease_name_;
  if (core->run_size(connection) > 0) {
    waiter->driving_ = true;
    waiter->lease_.fresh = waiter->lease_.slot->run == nullptr;
  } else {
    waiters[granted.waiter.slot] = nullptr;
  }
  waiter->settled(wakes);
}

void State::fail(pool::WaiterId id, pool::WaitError error) noexcept {
  Waiter* const place = std::exchange(waiters[id.slot], nullptr);
  pool::invariant(place != nullptr && place->id_ == id, "an outcome finds the caller that waits for it");
  Waiter& waiter = *place;
  waiter.error_ = error;
  waiter.waiting_ = 0;
  if (error == pool::WaitError::timeout) waiter.waiting_ = waiting_before_tick;
  if (error == pool::WaitError::deadlock) waiter.waiting_ = core->waiting() + 1;
  waiter.settle(wakes);
}

void State::turn_away_waiters() noexcept {
  const TimePoint time = now();
  for (const Waiter* const waiter : waiters) {
    if (waiter == nullptr || waiter->settled_ || waiter->lease_ || waiter->driving_) continue;
    const pool::WaiterId id = waiter->id_;
    if (!core->knows(id) || core->sent(id)) continue;
    core->cancel(time, id);
    fail(id, pool::WaitError::turned_away);
  }
  dispatch();
}

void State::tick_core(TimePoint time) {
  waiting_before_tick = core->waiting();
  core->tick(time);
}

// --- who waits for the pool as a whole

bool State::has_got(Milestone milestone) {
  switch (milestone) {
    case Milestone::full: {
      const PoolStats stats = core->stats();
      return opened && !core->closed() && stats.pool_size >= stats.pool_min;
    }
    case Milestone::checked: return core->checks_pending() == 0;
    case Milestone::finished: return (core->finished() && !listening) || nobody_tells();
  }
  return false;
}

/// The background is no more: no connection is closed any more, and nobody is told of a deadline.
bool State::nobody_tells() {
  return core->closed() && background_.port(*this) == nullptr && stands(Mend::background_ended);
}

/// Why the pool can't get that far, or won't before somebody mends something.
pool::WaitError State::obstacle(Milestone milestone) {
  if (milestone == Milestone::checked && nobody_tells()) return pool::WaitError::closed;
  if (milestone != Milestone::full) return pool::WaitError::none;
  if (!opened || core->closed()) return pool::WaitError::closed;
  const bool vain = core->misconfigured() || core->out_of_patience();
  return vain ? pool::WaitError::connect_failed : pool::WaitError::none;
}

void State::add(PoolWaiter& pool_waiter, Milestone milestone, TimePoint time, TimePoint deadline) {
  if (milestone == Milestone::full) core->set_awaited(time, true);
  pool_waiter.milestone_ = milestone;
  pool_waiter.since_ = time;
  pool_waiter.deadline_ = deadline;
  pool_waiter.reached_ = false;
  pool_waiter.settled_ = false;
  pool_waiters.push_back(&pool_waiter);
  dispatch();
  wake_by(deadline);
}

void State::remove(PoolWaiter& pool_waiter) noexcept {
  std::erase(pool_waiters, &pool_waiter);
  tell_who_waits(now());
}

/// Tells those whose waiting is over. Any input of the core may have ended it.
void State::settle_pool_waiters(TimePoint time) noexcept {
  const auto over = std::erase_if(pool_waiters, [&](PoolWaiter* pool_waiter) {
    pool_waiter->reached_ = has_got(pool_waiter->milestone_);
    pool_waiter->error_ = obstacle(pool_waiter->milestone_);
    if (pool_waiter->error_ == pool::WaitError::none && pool_waiter->deadline_ <= time)
      pool_waiter->error_ = pool::WaitError::timeout;
    const bool settled = pool_waiter->reached_ || pool_waiter->error_ != pool::WaitError::none;
    if (settled) pool_waiter->settle(wakes);
    return settled;
  });
  if (over > 0) tell_who_waits(time);
}

/// Whether anybody waits for the pool to be full.
void State::tell_who_waits(TimePoint time) noexcept {
  const bool awaited = std::ranges::any_of(
      pool_waiters, [](const PoolWaiter* it) { return it->milestone_ == Milestone::full; });
  if (!awaited && core->awaited()) core->set_awaited(time, false);
}

Locked lock_here(SharedState& shared) {
  Locked state(shared);
  if (state->inherited()) [[unlikely]]
    state->start_over();
  return state;
}

void take_back_descriptor(SharedState& shared, Slot& slot) noexcept {
  if (!slot.descriptor.held()) return;
  const Locked state(shared);
  slot.descriptor.give_up();
}

std::unique_ptr<Run> take_run(SharedState& shared, Slot& slot) noexcept {
  if (!slot.run) return nullptr;
  const Locked state(shared);
  return std::move(slot.run);
}

}  // namespace copg::engine
