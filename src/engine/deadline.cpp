#include <copg/deadline.hpp>
#include <copg/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/clock.hpp"

namespace copg {

Deadline::Clock::time_point Deadline::from_now(std::chrono::duration<double> span) {
  if (!(span.count() >= 0))
    throw UsageError(fmt::format("a deadline {} s from now: it must be at least 0 s", span.count()));
  return engine::after(engine::now(), engine::duration_of(span));
}

std::chrono::duration<double> Deadline::left() const noexcept {
  if (at_ == pool::never) return std::chrono::duration<double>(HUGE_VAL);
  return std::max(at_ - engine::now(), pool::Duration::zero());
}

}  // namespace copg
