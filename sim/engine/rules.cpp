// What must hold in a run of the engine, and how it comes to its end.
#include <algorithm>
#include <exception>
#include <string>

#include "sim/engine/run.hpp"

namespace copg::sim {

using std::chrono::seconds;

TimePoint EngineRun::next_event() const {
  TimePoint when = background_ ? background_->next() : pool::never;
  for (const auto& call : calls_) {
    if (call->has_ended() || call->is_gone() || call->loop().thread.busy()) continue;
    when = std::min(when, call->is_woken() ? world_.now : call->ready_at());
  }
  for (const auto& other : others_) when = std::min(when, other->next());
  if (asio_) when = std::min(when, asio_->next());
  for_each_thread([&](const Thread& thread) { when = std::min(when, thread.next()); });
  return when;
}

void EngineRun::collect_ended() {
  std::erase_if(calls_, [&](std::unique_ptr<Call>& call) {
    if ((!call->has_ended() && !call->is_gone()) || call->in_use()) return false;
    if (call->has_ended()) judge(*call);
    // Without its mend the engine may still know it: that is to break a rule, not the process.
    if (world_.removed && call->has_ended()) ended_.push_back(std::move(call));
    return true;
  });
  std::erase_if(threads_, [](const auto& caller) { return !caller->thread().busy(); });
  std::erase_if(beside_, [](const auto& thread) { return !thread->busy(); });
}

void EngineRun::judge(Call& call) {
  const Judge::Case known{.token = call.token,
                          .due = call.due,
                          .was_cancelled = call.was_cancelled,
                          .asked_for_no_effect = call.asked_for_no_effect};
  judge_.ended(known);
  if (call.error()) {
    try {
      std::rethrow_exception(call.error());
    } catch (const Error& error) {
      return judge_.failed(known, error);
    }
  }
  if (auto* take = dynamic_cast<TakeCall*>(&call)) return holders_.push_back(take->holder());
  if (auto* statement = dynamic_cast<StatementCall*>(&call)) judge_.answered(known, statement->right());
  if (auto* job = dynamic_cast<JobCall*>(&call)) judge_.answered(known, job->right());
}

/// True: something did.
bool EngineRun::let_everything_go_on() {
  if (background_ && background_->step(world_.choose(1024))) return true;
  bool went_on = false;
  if (asio_ && asio_->let_everything_go_on()) went_on = true;
  for (const auto& other : others_) went_on = other->step(world_.choose(1024)) || went_on;
  for (const auto& loop : loops_) {
    if (!loop->thread.can_go_on()) continue;
    loop->thread.go_on();
    went_on = true;
  }
  for (std::size_t i = 0; i < calls_.size(); ++i) {
    Call& call = *calls_[i];
    if (call.has_ended() || call.is_gone() || call.loop().thread.busy()) continue;
    if (call.is_woken()) {
      run_on_its_loop(call, &Call::go_on);
    } else if (call.ready_at() <= world_.now) {
      run_on_its_loop(call, &Call::descriptor_ready);
    } else {
      continue;
    }
    went_on = true;
  }
  for_each_thread([&](Thread& thread) {
    if (!thread.can_go_on()) return;
    thread.go_on();
    went_on = true;
  });
  collect_ended();
  std::erase_if(holders_, [&](const auto& holder) {
    if (holder->user != nullptr) return false;
    engine_->leases().release(holder->lease);
    return true;
  });
  return went_on;
}

void EngineRun::run_until_nothing_happens() {
  constexpr int most_steps = 20000;
  int steps = 0;
  for (; steps < most_steps && !broken(); ++steps) {
    if (let_everything_go_on()) continue;
    if (calls_.empty() && holders_.empty() && !any_busy() && (!asio_ || asio_->idle())) return;
    world_.check_sleepers();
    const TimePoint next = next_event();
    if (next == pool::never) break;
    world_.now = std::max(world_.now, next);
  }
  if (!calls_.empty() || any_busy() || (asio_ && !asio_->idle())) report_stuck(steps);
}

void EngineRun::report_stuck(int steps) {
  const PoolStats stats = engine_->stats();
  const std::string who = calls_.empty() ? "a thread, or a call on Asio,"
                                         : "the call with token " + std::to_string(calls_.front()->token);
  world_.breaks("stuck", who + " waits, and nothing will happen: " + std::to_string(stats.leased) +
                             " leased, " + std::to_string(stats.requests_waiting) + " waiting, " +
                             std::to_string(stats.connecting) + " connecting, " +
                             std::to_string(stats.pool_size) + " connections, steps " +
                             std::to_string(steps));
}

void EngineRun::finish() {
  if (broken()) return;
  world_.decide_by(static_cast<std::uint64_t>(world_.now.time_since_epoch().count()));
  world_.interrupts_one_in = 0;
  judge_.begin_recovery();
  world_.serves = true;
  user_.begin_recovery();
  if (!closing_) engine_->resume();
  run_until_nothing_happens();
  user_.let_go();
  if (broken()) return;
  check_listeners();
  if (broken()) return;
  check_truth();
  const PoolStats stats = engine_->stats();
  if (stats.leased > 0) world_.breaks("conserved", "a connection is leased, and nobody has it");
  if (stats.pool_max != max_size_)
    world_.breaks("bounds", "the pool has other bounds than it was given last");
  if (stats.requests_waiting > 0) world_.breaks("conserved", "a request waits, and nobody has made it");
  if (observer_) observer_->check_counters(stats);
  if (world_.once_in(2)) {
    threads_.push_back(std::make_unique<ThreadCaller>(*pool_, *engine_, judge_, user_, parts_, closing_));
    threads_.back()->begin_close();
  } else {
    close();
    Call& end = add<PoolWaitCall>(Duration(seconds(10)), engine::Milestone::finished);
    end.begin_at(world_.now);
    collect_ended();
  }
  run_until_nothing_happens();
  check_rest();
}

/// Nobody is left who could find out that a connection is dead. (A check or a reset may go on for as long as
/// its server takes, and it may have begun before.)
void EngineRun::check_truth() {
  if (!world_.tells_of_hang_ups || (background_ && background_->stopped_early())) return;
  const auto dead = std::ranges::count_if(world_.sessions(), [&](const auto& session) {
    return session->process == world_.process && world_.seen_gone(*session);
  });
  const PoolStats stats = engine_->stats();
  if (dead > stats.checking + stats.resetting + stats.closing + 2 * stats.listening)
    world_.breaks("truth", "a server has hung up, and the pool has the connection still");
}

void EngineRun::check_rest() {
  if (broken()) return;
  for (int steps = 0; steps < 1000 && background_ && background_->step(0); ++steps) {
  }
  const PoolStats stats = engine_->stats();
  // A close that was late has ended the background before that had done everything.
  const bool ended_early = background_ && background_->stopped_early();
  if (!ended_early && (stats.pool_size > 0 || stats.connecting > 0))
    world_.breaks("closed", "the pool is closed, and has a connection left");
  engine_->finish_close(world_.now);
  background_ = nullptr;
  pool_.reset();
  ears_.clear();
  if (asio_) asio_->let_go();
  const std::weak_ptr<engine::PoolEngine> kept = engine_;
  engine_.reset();
  // Without a mend the calls that have ended are kept, and so are their listeners.
  if (world_.removed && parts_.has(EnginePart::listeners)) return;
  // A forked child has what was its parent's.
  if (!kept.expired() && world_.process == 0)
    world_.breaks("closed", "the pool is closed, and something keeps it");
  if (observer_) observer_->check_rest(ended_early);
  for (const auto& session : world_.sessions()) {
    if (session->process == world_.process)
      world_.breaks("closed", "the pool is gone, and a session of it is still there");
  }
}

}  // namespace copg::sim
