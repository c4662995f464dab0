// PoolEngine: statements that may travel together. What may, and with whom, is the core's decision.
#include <algorithm>
#include <cassert>
#include <utility>

#include "engine/pool_engine.hpp"

namespace copg::engine {

void PoolEngine::requeue(Lease& lease, StatementWaiter& waiter) noexcept {
  const Lock lock(mutex_);
  waiter.driving_ = false;
  lease.slot->lease_ends();
  const bool ours = core_->release(now(), id_of(lease), pool::Disposition::broken);
  lease = {};
  dispatch();
  // `close` may have taken the connection away meanwhile, and with it the place in the queue. Whoever had
  // collected the grant by then has been told.
  if (!ours && !waiter.settled_) settle(waiter.id_, pool::WaitError::closed);
}

bool PoolEngine::collect_statement(Lease& lease, StatementWaiter& waiter, TimePoint time) {
  if (waiter.answer_) return false;  // the engine has done with it
  {
    const Lock lock = lock_here();
    assert(waiter.settled_);
    waiter.settled_ = false;
    if (waiter.error_ == pool::WaitError::none) {
      waiters_[waiter.id_.slot] = &waiter;
      lease = take(core_->accept(waiter.id_).value(), waiter, time, waiter.deadline_, waiter.holder_);
      waiter.driving_ = true;
      lease.fresh = lease.slot->statements == nullptr;
    }
  }
  if (!lease) refuse(lock_here(), waiter.error_, time - waiter.since_, waiter.waiting_);
  if (options_.observer) options_.observer->acquired(time - waiter.since_);
  return true;
}

Run* PoolEngine::drive_run(Lease& lease) {
  Slot& slot = *lease.slot;
  if (slot.statements) return slot.statements.get();
  const pool::ConnectionId connection = id_of(lease);
  std::vector<Run::Member> members;
  std::uint32_t size = 0;
  TimePoint due = pool::never;
  {
    const Lock lock(mutex_);
    size = core_->run_size(connection);
    members.reserve(size);
    while (const auto id = core_->send_next(connection)) {
      if (size == 1) return nullptr;  // alone
      auto& waiter = static_cast<StatementWaiter&>(*waiters_[id->slot]);
      members.push_back({*id, waiter.lend()});
      due = std::min(due, waiter.deadline_);
    }
  }
  if (size == 0) {  // `close` has taken the connection away between the grant and now
    leave(lease);
    reject_cut_off({});
  }
  auto run = std::make_unique<Run>(*this, std::move(members));
  run->begin(*slot.connection);
  const Lock lock(mutex_);
  slot.statements = std::move(run);
  drivers_due_ = std::min(drivers_due_, due);
  wake_by(due);
  return slot.statements.get();
}

/// The run of a connection that its caller has; nobody looks at it any more.
std::unique_ptr<Run> PoolEngine::take_statements(Slot& slot) noexcept {
  if (!slot.statements) return nullptr;
  const Lock lock(mutex_);
  return std::move(slot.statements);
}

void PoolEngine::answer(pool::WaiterId id, Duration took, PipelineAnswer answered) noexcept {
  const Lock lock(mutex_);
  Waiter* const waiter = waiters_[id.slot];
  if (waiter != nullptr) {
    answer(id, static_cast<StatementWaiter&>(*waiter), took, std::move(answered));
  } else {
    core_->on_answered(id, took);
  }
}

/// With the mutex held.
void PoolEngine::answer(pool::WaiterId id, StatementWaiter& waiter, Duration took,
                        PipelineAnswer answered) noexcept {
  waiters_[id.slot] = nullptr;
  core_->on_answered(id, took);
  waiter.answer_ = std::move(answered);
  if (!waiter.driving_) waiter.settle();
}

void PoolEngine::end_statement(Lease& lease, const StatementWaiter& waiter, const pool::Statement& statement,
                               bool waited, TimePoint time, Duration took) noexcept {
  const pool::Disposition disposition = verdict_on(lease);
  Lock lock(mutex_);
  if (waited) {
    waiters_[waiter.id_.slot] = nullptr;
    core_->on_answered(waiter.id_, took);
  } else {
    core_->on_answered(statement, took);
  }
  end_lease(std::move(lock), lease, disposition, time);
}

void PoolEngine::forget(const Lease& lease, StatementWaiter& waiter) noexcept {
  const Lock lock(mutex_);
  forget_here(waiter);
  if (lease) took_too_long(lease, waiter);
}

/// Nobody waits for the statement, and it will be cancelled on the server: the pool learns how long it has
/// had. With the mutex held.
void PoolEngine::took_too_long(const Lease& lease, const StatementWaiter& waiter) noexcept {
  core_->on_answered(waiter.id_, now() - lease.slot->leased_since);
}

/// With the mutex held.
void PoolEngine::forget_here(StatementWaiter& waiter) noexcept {
  waiter.driving_ = false;
  if (waiter.answer_) return;
  waiters_[waiter.id_.slot] = nullptr;
  core_->cancel(now(), waiter.id_);
}

void PoolEngine::end_run(Lease& lease, StatementWaiter& driver) noexcept {
  std::unique_ptr<Run> run;
  const std::uint32_t never_sent = lease.slot->statements->never_sent();
  {
    const Lock lock(mutex_);
    run = std::move(lease.slot->statements);
    driver.driving_ = false;
    auto& members = run->members();
    for (auto member = members.end() - never_sent; member != members.end(); ++member) {
      Waiter* const waiter = waiters_[member->id.slot];
      if (waiter != nullptr) static_cast<StatementWaiter*>(waiter)->take_back(std::move(member->request));
    }
  }
  run.reset();
  const pool::Disposition disposition = verdict_on(lease);
  const TimePoint time = now();
  end_lease(Lock(mutex_), lease, disposition, time, never_sent);
}

void PoolEngine::drive_no_longer(Lease& lease, StatementWaiter& driver) noexcept {
  Slot& slot = *lease.slot;
  bool handed_on = false;
  bool left = false;
  {
    const Lock lock(mutex_);
    forget_here(driver);
    handed_on = core_->hand_on(id_of(lease));
    if (handed_on) {
      slot.lease_ends();
      left = slot.use.leave();
      dispatch();
    } else if (!driver.answer_) {
      took_too_long(lease, driver);
    }
  }
  if (!handed_on) {
    take_statements(slot).reset();
    leave(lease);
  } else if (left) {
    lease = {};
  } else {
    close_cut_off(lease);
  }
}

/// Tells those whose time is up while their statement is on its way; returns when the next one's will be.
/// With the mutex held.
TimePoint PoolEngine::expire_passengers(Slot& slot, TimePoint time) noexcept {
  TimePoint next = pool::never;
  if (!slot.statements) return next;
  for (const Run::Member& member : slot.statements->members()) {
    Waiter* const waiter = waiters_[member.id.slot];
    if (waiter == nullptr || waiter->id_ != member.id) continue;
    auto& late = static_cast<StatementWaiter&>(*waiter);
    if (late.driving_) continue;
    if (late.deadline_ > time) {
      next = std::min(next, late.deadline_);
      continue;
    }
    core_->cancel(time, member.id);
    waiters_[member.id.slot] = nullptr;
    late.answer_ = make_exception(unanswered(member.request->sql(), slot, time - late.since_,
                                             time - slot.statements->begun_at(), "travelling with others"));
    late.settle();
  }
  return next;
}

}  // namespace copg::engine
