// The one clock of the engine and the shells: steady, in nanoseconds, with deadlines that cannot overflow.
#pragma once

#include <algorithm>
#include <chrono>

#include "engine/now.hpp"
#include "pool/types.hpp"

namespace copg::engine {

using pool::Duration;
using pool::TimePoint;

/// `time` + `span`, or never.
inline TimePoint after(TimePoint time, Duration span) noexcept {
  return span < pool::never - time ? time + span : pool::never;
}

/// Converts seconds, as the options have them. Infinity, and all beyond the range, is forever.
inline Duration duration_of(std::chrono::duration<double> seconds) noexcept {
  constexpr double most = 9.2e9;  // seconds in Duration's range, 292 years
  if (!(seconds.count() < most)) return pool::forever;
  return std::chrono::duration_cast<Duration>(seconds);
}

/// The time that a call may take: so long from its beginning, and not beyond a moment.
struct TimeLimit {
  Duration span;
  TimePoint end;

  TimeLimit(Duration from_beginning, TimePoint at_the_latest = pool::never) noexcept  // NOLINT
      : span(from_beginning), end(at_the_latest) {}
  /// Only the moment.
  [[nodiscard]] static TimeLimit until(TimePoint end) noexcept { return {pool::forever, end}; }
  [[nodiscard]] TimePoint deadline(TimePoint beginning) const noexcept {
    return std::min(after(beginning, span), end);
  }
};

}  // namespace copg::engine
