// The hooks that nobody has overridden, and the names of reasons and verbs.
#include <copg/observer.hpp>

namespace copg {

std::string_view to_string(CloseReason reason) noexcept {
  switch (reason) {
    case CloseReason::idle: return "idle";
    case CloseReason::lifetime: return "lifetime";
    case CloseReason::surplus: return "surplus";
    case CloseReason::discarded: return "discarded";
    case CloseReason::broken: return "broken";
    case CloseReason::demoted: return "demoted";
    case CloseReason::stale_epoch: return "stale_epoch";
    case CloseReason::drained: return "drained";
    case CloseReason::detached: return "detached";
    case CloseReason::pool_closed: return "pool_closed";
  }
  return "unknown";
}

std::string_view event::to_string(Verb verb) noexcept {
  switch (verb) {
    case Verb::execute: return "execute";
    case Verb::execute_many: return "execute_many";
    case Verb::execute_all: return "execute_all";
    case Verb::pipeline: return "pipeline";
    case Verb::stream: return "stream";
    case Verb::copy: return "copy";
    case Verb::commit: return "commit";
    case Verb::rollback: return "rollback";
  }
  return "unknown";
}

Observer::~Observer() = default;
bool Observer::wants(Hook /*hook*/) const noexcept { return true; }
void Observer::acquired(const event::Acquired& /*event*/) noexcept {}
void Observer::acquire_failed(const event::AcquireFailed& /*event*/) noexcept {}
void Observer::slow_acquire(const event::SlowAcquire& /*event*/) noexcept {}
void Observer::released(const event::Released& /*event*/) noexcept {}
void Observer::leaked(const event::Leaked& /*event*/) noexcept {}
void Observer::held_idle(const event::HeldIdle& /*event*/) noexcept {}
void Observer::opened(const event::Opened& /*event*/) noexcept {}
void Observer::open_failed(const event::OpenFailed& /*event*/) noexcept {}
void Observer::warned(const event::Warned& /*event*/) noexcept {}
void Observer::outage_began(const event::OutageBegan& /*event*/) noexcept {}
void Observer::outage_ended(const event::OutageEnded& /*event*/) noexcept {}
void Observer::closed(const event::Closed& /*event*/) noexcept {}
void Observer::reset(const event::Reset& /*event*/) noexcept {}
void Observer::noticed(const event::Noticed& /*event*/) noexcept {}
void Observer::gap(const event::Gap& /*event*/) noexcept {}
std::shared_ptr<void> Observer::statement_began(const event::StatementBegan& /*event*/) noexcept {
  return nullptr;
}
void Observer::statement_ended(const event::StatementEnded& /*event*/,
                               const std::shared_ptr<void>& /*begun*/) noexcept {}
void Observer::slow_statement(const event::SlowStatement& /*event*/) noexcept {}

}  // namespace copg
