// The hooks that nobody has overridden, and the names of the reasons.
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

Observer::~Observer() = default;
void Observer::acquired(std::chrono::nanoseconds) noexcept {}
void Observer::acquire_failed(ErrorKind, std::chrono::nanoseconds) noexcept {}
void Observer::released(std::chrono::nanoseconds) noexcept {}
void Observer::opened(std::chrono::nanoseconds) noexcept {}
void Observer::open_failed(const ErrorInfo&) noexcept {}
void Observer::outage_began(const ErrorInfo&) noexcept {}
void Observer::outage_ended(std::chrono::nanoseconds, std::uint64_t) noexcept {}
void Observer::closed(CloseReason, std::string_view) noexcept {}
void Observer::reset(std::chrono::nanoseconds) noexcept {}
void Observer::noticed(const Notice& /*notice*/) noexcept {}
void Observer::leaked(std::chrono::nanoseconds, std::string_view) noexcept {}

}  // namespace copg
