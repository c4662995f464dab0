// What must hold in a run of the engine.
#include <algorithm>
#include <exception>
#include <string>

#include "sim/engine/run.hpp"

namespace copg::sim {

using std::chrono::seconds;

TimePoint EngineRun::next_event() const noexcept {
  TimePoint when = background_ == nullptr ? pool::never : background_->next();
  for (const auto& call : calls_) {
    if (call->has_ended() || call->is_gone()) continue;
    when = std::min(when, call->is_woken() ? world_.now : call->ready_at());
  }
  return when;
}

void EngineRun::collect_ended() {
  if (in_meanwhile_) return;
  std::erase_if(calls_, [&](std::unique_ptr<Call>& call) {
    if (!call->has_ended() && !call->is_gone()) return false;
    if (call->has_ended()) judge(*call);
    // Without its mend the engine may still know it: that is to break a rule, not the process.
    if (world_.removed && call->has_ended()) ended_.push_back(std::move(call));
    return true;
  });
}

void EngineRun::judge(Call& call) {
  digest(call.token);
  if (recovering_ && world_.now > engine::after(std::max(call.due, recovery_began_), seconds(1)))
    world_.breaks("deadline", "a call has ended more than a second after its deadline");
  if (call.error()) return judge_error(call);
  if (auto* take = dynamic_cast<TakeCall*>(&call)) return holders_.push_back(take->holder());
  auto* statement = dynamic_cast<StatementCall*>(&call);
  auto* job = dynamic_cast<JobCall*>(&call);
  if (statement == nullptr && job == nullptr) return;
  if (statement != nullptr ? !statement->right() : !job->right())
    world_.breaks("answer", "a call was given the answer of another");
  if (world_.times_executed(call.token) != 1)
    world_.breaks("once", "a call was given an answer, and its statement was not executed");
}

void EngineRun::judge_error(const Call& call) {
  const bool executed = world_.times_executed(call.token) > 0;
  try {
    std::rethrow_exception(call.error());
  } catch (const Error& error) {
    digest(static_cast<std::uint64_t>(error.kind()));
    const bool before = error.kind() == ErrorKind::pool_timeout ||
                        error.kind() == ErrorKind::too_many_requests ||
                        error.kind() == ErrorKind::configuration;
    if (before && executed)
      world_.breaks("effect", std::string("a statement was executed, and its call says: ") + error.what());
    const bool cancelled = error.kind() == ErrorKind::usage && !call.was_cancelled;
    if (cancelled && call.asked_for_no_effect && executed)
      world_.breaks(
          "effect",
          std::string("the statement of a call that asked for no effect was sent, and the call says: ") +
              error.what());
  }
}

void EngineRun::run_until_nothing_happens() {
  constexpr int most_steps = 20000;
  int steps = 0;
  for (; steps < most_steps && !broken(); ++steps) {
    if (background_ != nullptr && background_->step(world_.choose(1024))) continue;
    bool went_on = false;
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      Call& call = *calls_[i];
      if (call.has_ended() || call.is_gone()) continue;
      if (call.is_woken()) {
        call.go_on();
      } else if (call.ready_at() <= world_.now) {
        call.descriptor_ready();
      } else {
        continue;
      }
      went_on = true;
    }
    collect_ended();
    std::erase_if(holders_, [&](const auto& holder) {
      if (holder->user != nullptr) return false;
      engine_->leases().release(holder->lease);
      return true;
    });
    if (went_on) continue;
    if (calls_.empty() && holders_.empty()) return;
    const TimePoint next = next_event();
    if (next == pool::never) break;
    world_.now = std::max(world_.now, next);
  }
  if (calls_.empty()) return;
  const PoolStats stats = engine_->stats();
  const Call& call = *calls_.front();
  world_.breaks("stuck",
                "the call with token " + std::to_string(call.token) + " waits, and nothing will happen: " +
                    std::to_string(stats.leased) + " leased, " + std::to_string(stats.requests_waiting) +
                    " waiting, " + std::to_string(stats.connecting) + " connecting, " +
                    std::to_string(stats.pool_size) + " connections, steps " + std::to_string(steps));
}

void EngineRun::finish() {
  if (broken()) return;
  world_.decide_by(0);
  recovering_ = true;
  recovery_began_ = world_.now;
  world_.serves = true;
  if (!closing_) engine_->resume();
  run_until_nothing_happens();
  if (broken()) return;
  const PoolStats stats = engine_->stats();
  if (stats.leased > 0) world_.breaks("conserved", "a connection is leased, and nobody has it");
  if (stats.pool_max != max_size_)
    world_.breaks("bounds", "the pool has other bounds than it was given last");
  if (stats.requests_waiting > 0) world_.breaks("conserved", "a request waits, and nobody has made it");
  close();
  Call& end = add<PoolWaitCall>(Duration(seconds(10)), engine::Milestone::finished);
  end.begin_at(world_.now);
  collect_ended();
  run_until_nothing_happens();
  check_rest();
}

void EngineRun::check_rest() {
  if (broken()) return;
  for (int steps = 0; steps < 1000 && background_ != nullptr && background_->step(0); ++steps) {
  }
  const PoolStats stats = engine_->stats();
  if (stats.pool_size > 0 || stats.connecting > 0)
    world_.breaks("closed", "the pool is closed, and has a connection left");
  for (const auto& session : world_.sessions()) {
    if (session->process == world_.process)
      world_.breaks("closed", "the pool is closed, and a session of it is still there");
  }
  engine_->finish_close(world_.now);
  background_ = nullptr;
}

}  // namespace copg::sim
