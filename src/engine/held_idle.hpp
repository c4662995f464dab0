// Leases on which nothing runs: the usual cause of a pool that is dry although its server has little to do.
#pragma once

#include <copg/pool_options.hpp>

#include <optional>

#include "engine/clock.hpp"
#include "engine/setup.hpp"
#include "engine/state.hpp"

namespace copg::engine {

/// Reports the leases that have been idle for `held_idle_after`, each once until something runs on it again:
/// to the observer, or in a line on stderr. Without the mutex. `time` is now.
void report_held_idle(const Setup& setup, SharedState& shared, TimePoint time);
/// When to look again for leases that have reached a limit; never without one. `time` is now.
[[nodiscard]] TimePoint next_look(const std::optional<Seconds>& limit, TimePoint time) noexcept;

}  // namespace copg::engine
