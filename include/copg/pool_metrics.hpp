// What a pool has measured: its statistics, histograms of times, and counters by reason. Plain data, which
// refers to nothing.
#pragma once

#include <copg/close_reason.hpp>
#include <copg/connect_phase.hpp>
#include <copg/counts_by.hpp>
#include <copg/error.hpp>
#include <copg/histogram.hpp>
#include <copg/pool_stats.hpp>
#include <copg/reset_cause.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#pragma GCC visibility push(default)
namespace copg {

/// One snapshot, of about 50 KB. All but the gauges of `stats` only grows over the life of the pool; `since`
/// makes it cover the time since an earlier snapshot.
struct PoolMetrics {
  /// A histogram for each phase of a connect.
  class Phases {
   public:
    static constexpr std::size_t size = static_cast<std::size_t>(ConnectPhase::configure) + 1;
    [[nodiscard]] const Histogram& operator[](ConnectPhase phase) const noexcept {
      return histograms_[static_cast<std::size_t>(phase)];
    }
    [[nodiscard]] Histogram& operator[](ConnectPhase phase) noexcept {
      return histograms_[static_cast<std::size_t>(phase)];
    }

   private:
    std::array<Histogram, size> histograms_{};
  };

  std::string name{};                 ///< The pool's.
  std::chrono::nanoseconds period{};  ///< What it covers: since the pool was made, or since `earlier`.
  PoolStats stats{};                  ///< Gauges, and counters that have no histogram.

  /// Waits for a connection that have ended, also in failure or because the caller gave up. 0 where one was
  /// idle. A request that goes back into the queue, because its connection was dead, counts for each wait.
  Histogram waits{};
  /// Leases that have ended, from the grant of the connection until it was given back.
  Histogram uses{};
  /// Exchanges with the server on behalf of a caller: a statement, or the pipeline of one call; a COMMIT; a
  /// chunk of a stream or of a COPY. From before the first byte is sent until the last of the answer is read,
  /// or the caller gives up. A statement that travels in a run counts from the answer before it.
  Histogram operations{};
  /// Connects that have succeeded, as a whole.
  Histogram connects{};
  /// Of the connects that have succeeded, each that had the phase.
  Phases phases{};
  /// Resets in the background, with success or without.
  Histogram resets{};

  /// Requests that ended without a connection, by the error: pool_timeout, pool_deadlock, pool_closed,
  /// too_many_requests, connection_failed (also if no connect can succeed by the configuration).
  CountsBy<ErrorKind, ErrorKind::commit_unknown> failures{};
  /// Open connections that were closed.
  CountsBy<CloseReason, CloseReason::detached> closes{};
  /// Resets, by what made them necessary.
  CountsBy<ResetCause, ResetCause::on_return> resets_by{};
  /// Cancel requests that were sent to the server.
  std::uint64_t cancels_num = 0;

  /// What has come since `earlier`, an older snapshot of the same pool. The gauges of `stats` stay as they
  /// are, and so does `runs_largest`. If the pool was made anew meanwhile, in a forked child, so that a
  /// counter is smaller than before: everything.
  [[nodiscard]] PoolMetrics since(const PoolMetrics& earlier) const;
};

}  // namespace copg
#pragma GCC visibility pop
