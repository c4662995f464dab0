#include "engine/runs.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/diagnosis.hpp"
#include "engine/mends.hpp"
#include "pool/invariant.hpp"

namespace copg::engine {

void Runs::requeue(Lease& lease, StatementWaiter& waiter) noexcept {
  const Locked state(shared_);
  waiter.driving_ = false;
  lease.slot->lease_ends(*state);
  constexpr std::uint32_t never_sent = 1;  // one that travels alone may count as sent
  const bool ours = state->core->release(now(), id_of(lease), pool::Disposition::broken, never_sent);
  lease = {};
  state->dispatch();
  // `close` may have taken the connection away meanwhile, and with it the place in the queue.
  if (!ours && (!waiter.settled_ || !stands(Mend::closed_and_dead)))
    state->fail(waiter.id_, pool::WaitError::closed);
  if (state->turns_away) [[unlikely]]
    state->turn_away_waiters();
  tell_again(*state, waiter);
}

/// It waits once more. What settled it while it had a connection has woken it before that, or not at all.
void Runs::tell_again(State& state, StatementWaiter& waiter) noexcept {
  if (waiter.settled_) waiter.settled(state.wakes);
}

bool Runs::collect_statement(Lease& lease, StatementWaiter& waiter, TimePoint time) {
  if (waiter.answer_) return false;  // the engine has done with it
  leases_.collect(lease, waiter, time);
  return true;
}

Run* Runs::start_or_resume_run(Lease& lease) {
  Slot& slot = *lease.slot;
  if (slot.run) return slot.run.get();
  const pool::ConnectionId connection = id_of(lease);
  std::vector<Run::Member> members;
  std::uint32_t size = 0;
  TimePoint due = pool::never;
  {
    const Locked state(shared_);
    size = state->core->run_size(connection);
    members.reserve(size);
    while (const auto id = state->core->send_next(connection)) {
      if (size == 1) return nullptr;  // alone
      auto& waiter = static_cast<StatementWaiter&>(*state->waiters[id->slot]);
      members.push_back({*id, waiter.lend()});
      due = std::min(due, waiter.deadline_);
    }
  }
  // `close` has taken the connection away between the grant and now.
  if (size == 0) {
    leases_.leave(lease);
    leases_.reject_cut_off({});
  }
  auto run = std::make_unique<Run>(std::move(members));
  run->carrier = {slot.opening.number, slot.opening.backend_pid, {}};
  run->begin(*slot.connection);
  const Locked state(shared_);
  slot.run = std::move(run);
  state->deadlines_due = std::min(state->deadlines_due, due);
  state->wake_by(due);
  return slot.run.get();
}

void Runs::answer(Run& run) noexcept {
  if (run.answers().empty()) return;
  const Locked state(shared_);
  for (Run::Answer& answer : run.answers()) {
    state->core->on_answered(answer.id, answer.took);
    auto* const waiter =
        static_cast<StatementWaiter*>(std::exchange(state->waiters[answer.id.slot], nullptr));
    if (waiter == nullptr) continue;  // it was given up
    waiter->answer_ = std::move(answer.answer);
    if (waiter->carrier_) *waiter->carrier_ = run.carrier;
    if (!waiter->driving_) waiter->settle(state->wakes);
  }
  run.answers().clear();
}

void Runs::end_statement(Lease& lease, StatementWaiter& waiter, const pool::Statement& statement,
                         TimePoint time, Duration took) noexcept {
  const pool::Disposition disposition = leases_.verdict_on(lease);
  Locked state(shared_);
  if (std::exchange(waiter.driving_, false)) {  // it had waited
    state->waiters[waiter.id_.slot] = nullptr;
    state->core->on_answered(waiter.id_, took);
  } else {
    state->core->on_answered(statement, took);
  }
  leases_.end(std::move(state), lease, disposition, time);
}

void Runs::forget(const Lease& lease, StatementWaiter& waiter) noexcept {
  const Locked state(shared_);
  forget(*state, waiter);
  if (lease) took_too_long(*state, lease, waiter);
}

void Runs::forget(State& state, StatementWaiter& waiter) noexcept {
  waiter.driving_ = false;
  if (waiter.answer_) return;
  state.waiters[waiter.id_.slot] = nullptr;
  state.core->cancel(now(), waiter.id_);
}

/// Nobody waits for the statement, and it will be cancelled on the server: the pool learns how long it has
/// had.
void Runs::took_too_long(State& state, const Lease& lease, const StatementWaiter& waiter) noexcept {
  state.core->on_answered(waiter.id_, now() - lease.slot->tenancy().since);
}

void Runs::end_run(Lease& lease, StatementWaiter& driver) noexcept {
  std::unique_ptr<Run> run;
  answer(*lease.slot->run);
  const std::uint32_t never_sent = lease.slot->run->never_sent();
  {
    const Locked state(shared_);
    run = std::move(lease.slot->run);
    driver.driving_ = false;
    auto& members = run->members();
    const auto first_unsent = members.end() - never_sent;
    for (auto member = members.begin(); member != members.end(); ++member) {
      // The driver still speaks of its statement, whatever has become of that.
      Waiter* waiter = member->id == driver.id_ ? &driver : nullptr;
      if (waiter == nullptr && member >= first_unsent) waiter = state->waiters[member->id.slot];
      if (waiter == nullptr || waiter->id_ != member->id) continue;
      static_cast<StatementWaiter*>(waiter)->take_back(std::move(member->request));
    }
  }
  run.reset();
  const pool::Disposition disposition = leases_.verdict_on(lease);
  const TimePoint time = now();
  leases_.end(Locked(shared_), lease, disposition, time, never_sent);
  if (!driver.answer_) tell_again(*Locked(shared_), driver);
}

void Runs::hand_over_run(Lease& lease, StatementWaiter& driver) noexcept {
  Slot& slot = *lease.slot;
  answer(*slot.run);
  bool handed_on = false;
  bool left = false;
  {
    const Locked state(shared_);
    forget(*state, driver);
    handed_on = state->core->hand_on(id_of(lease));
    if (handed_on) {
      slot.lease_ends(*state);
      left = slot.latch.leave();
      state->dispatch();
    } else if (!driver.answer_) {
      took_too_long(*state, lease, driver);
    }
  }
  if (!handed_on) {
    take_run(shared_, slot).reset();
    leases_.leave(lease);
  } else if (left) {
    lease = {};
  } else {
    leases_.close_cut_off(lease);
  }
}

TimePoint expire_passengers(State& state, Slot& slot, TimePoint time) noexcept {
  TimePoint next = pool::never;
  if (!slot.run) return next;
  for (const Run::Member& member : slot.run->members()) {
    Waiter* const waiter = state.waiters[member.id.slot];
    if (waiter == nullptr || waiter->id_ != member.id) continue;
    auto& late = static_cast<StatementWaiter&>(*waiter);
    if (late.driving_) continue;
    if (late.deadline_ > time) {
      next = std::min(next, late.deadline_);
      continue;
    }
    state.core->cancel(time, member.id);
    state.waiters[member.id.slot] = nullptr;
    late.answer_ = make_exception(unanswered(state.setup(), member.request->sql(), slot, time - late.since_,
                                             time - slot.run->begun_at(), "travelling with others"));
    if (late.carrier_ && stands(Mend::late_passenger)) *late.carrier_ = slot.run->carrier;
    late.settle(state.wakes);
  }
  return next;
}

}  // namespace copg::engine
