// What the engine measures and counts beside the core: it only grows. Guarded by the mutex of the state.
#pragma once

#include <copg/counts_by.hpp>
#include <copg/pool_metrics.hpp>
#include <copg/reset_cause.hpp>

#include <array>
#include <cstdint>
#include <optional>

#include "engine/clock.hpp"

namespace copg::engine {

/// How long the phases of one connect have taken, so far. None: it did not have that phase.
class PhaseTimes {
 public:
  void add(ConnectPhase phase, Duration time) noexcept {
    auto& place = times_[static_cast<std::size_t>(phase)];
    place = place.value_or(Duration::zero()) + time;
  }
  void add_to(PoolMetrics::Phases& phases) const noexcept {
    for (std::size_t i = 0; i < times_.size(); ++i) {
      if (times_[i]) phases[static_cast<ConnectPhase>(i)].record(*times_[i]);
    }
  }
  [[nodiscard]] std::optional<Duration> operator[](ConnectPhase phase) const noexcept {
    return times_[static_cast<std::size_t>(phase)];
  }

 private:
  std::array<std::optional<Duration>, PoolMetrics::Phases::size> times_;
};

struct Measures {
  PoolMetrics::Phases phases;                               ///< Of connects that have succeeded.
  CountsBy<ResetCause, ResetCause::on_return> resets_by{};  ///< Resets, by what made them necessary.
  std::uint64_t cancels = 0;                                ///< Cancels that were sent.
  TimePoint since = now();                                  ///< When it began to measure.
};

}  // namespace copg::engine
