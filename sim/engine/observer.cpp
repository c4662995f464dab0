#include "sim/engine/observer.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "sim/engine/thread.hpp"

namespace copg::sim {

/// Of an event, with the longest of its times.
void CheckingObserver::told(std::chrono::nanoseconds time) noexcept {
  require(world_.locks == 0, "a hook was called with a mutex held");
  require(time >= std::chrono::nanoseconds::zero(), "a time is negative");
  world_.let_others_act();
  if (world_.once_in(16) && Thread::here() != nullptr) (void)engine_->stats();
}

void CheckingObserver::forget() {
  connections_.clear();
  opened_ = failed_ = resets_ = detached_ = under_way_ = 0;
  outage_ = false;
}

void CheckingObserver::check_counters(const PoolStats& stats) {
  // What ends when it is not wanted any more is told, and not counted.
  require(stats.connections_errors <= failed_, "the pool counts connects that failed, and has not told");
  require(stats.resets_num <= resets_, "the pool counts resets, and has not told");
  require(stats.connections_detached == detached_,
          "the pool counts others that were detached than it has told");
  require(under_way_ == 0, "a statement has ended, and no observer was told");
  std::uint32_t open = 0;
  for (const auto& [number, known] : connections_) {
    require(known.acquired == known.released, "a lease has ended, and no observer was told");
    if (known.opened && !known.closed) ++open;
  }
  // What is being closed may never have been open: a connect that is given up.
  if (open < stats.pool_size || open > stats.pool_size + stats.closing) {
    world_.breaks("observer", "the pool has " + std::to_string(stats.pool_size) +
                                  " connections, and closes " + std::to_string(stats.closing) +
                                  "; it has told of " + std::to_string(open));
  }
}

void CheckingObserver::check_rest(bool ended_early) {
  require(under_way_ == 0, "a statement has ended, and no observer was told");
  for (const auto& [number, known] : connections_) {
    require(known.acquired == known.released, "a lease has ended, and no observer was told");
    require(known.opened, "observers were told of a connection that was never opened");
    require(known.closed || ended_early, "a connection was closed, and no observer was told");
  }
}

void CheckingObserver::acquired(const event::Acquired& event) noexcept {
  Known& known = connections_[event.connection];
  require(event.connection != 0, "a lease has no connection");
  ++known.acquired;
  told(event.wait);
}

void CheckingObserver::acquire_failed(const event::AcquireFailed& event) noexcept { told(event.wait); }

void CheckingObserver::slow_acquire(const event::SlowAcquire& event) noexcept {
  const Known& known = connections_[event.connection];
  require(known.acquired > known.released, "a slow acquire is told of what is not leased");
  told(event.wait);
}

void CheckingObserver::released(const event::Released& event) noexcept {
  Known& known = connections_[event.connection];
  require(known.released < known.acquired, "the end of a lease is told, and its beginning was not");
  ++known.released;
  told(event.usage);
}

void CheckingObserver::opened(const event::Opened& event) noexcept {
  Known& known = connections_[event.connection];
  require(!std::exchange(known.opened, true), "a connection was opened twice");
  ++opened_;
  told(event.connect_time);
}

void CheckingObserver::open_failed(const event::OpenFailed& event) noexcept {
  require(!connections_.contains(event.connection), "a connect has failed of what is open");
  ++failed_;
  told();
}

void CheckingObserver::outage_began(const event::OutageBegan& /*event*/) noexcept {
  require(!std::exchange(outage_, true), "an outage begins in another");
  told();
}

void CheckingObserver::outage_ended(const event::OutageEnded& event) noexcept {
  require(std::exchange(outage_, false), "an outage ends that never began");
  require(event.failures > 0, "an outage has ended in which no connect has failed");
  told(event.duration);
}

void CheckingObserver::closed(const event::Closed& event) noexcept {
  Known& known = connections_[event.connection];
  require(!std::exchange(known.closed, true), "a connection was closed twice");
  if (event.reason == CloseReason::detached) ++detached_;
  told(event.age);
}

void CheckingObserver::reset(const event::Reset& event) noexcept {
  ++resets_;
  told(event.reset_time);
}

void CheckingObserver::gap(const event::Gap& event) noexcept {
  require(!event.channels.empty() || event.reconnected, "a gap is of no channel");
  told();
}

std::shared_ptr<void> CheckingObserver::statement_began(const event::StatementBegan& /*event*/) noexcept {
  ++under_way_;
  told();
  return std::make_shared<Begun>(Begun{.process = world_.process});
}

void CheckingObserver::statement_ended(const event::StatementEnded& event,
                                       const std::shared_ptr<void>& begun) noexcept {
  require(begun != nullptr, "a statement has ended that never began");
  auto& known = *static_cast<Begun*>(begun.get());
  require(!std::exchange(known.ended, true), "a statement has ended twice");
  if (known.process == world_.process) --under_way_;
  require(event.error == nullptr || !event.abandoned, "a statement has failed, and was abandoned");
  require(!event.shared || event.connection != 0, "a statement has travelled with others over no connection");
  told(std::min(event.wait, event.took));
}

void CheckingObserver::slow_statement(const event::SlowStatement& event) noexcept {
  require(event.took > std::chrono::milliseconds(10), "a slow statement was not slow");
  told(event.wait);
}

}  // namespace copg::sim
