// One pool that a monitor shows: what it has measured in the last minute, its last ten minutes, and its part
// of the document. For the monitor's thread.
#pragma once

#include <copg/histogram.hpp>
#include <copg/monitor.hpp>
#include <copg/pool_metrics.hpp>
#include <copg/pool_view.hpp>
#include <copg/size_advice.hpp>
#include <copg/waiter_info.hpp>

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monitor/json.hpp"
#include "monitor/recorder.hpp"

namespace copg::monitor {

using SteadyTime = std::chrono::steady_clock::time_point;

/// Whether a pool serves requests, and why not.
struct Health {
  bool ok = true;
  std::string reason{};  ///< One line; empty if it is well.
};
/// `waiters`: those of the pool now.
[[nodiscard]] Health judge(const PoolCondition& condition, const PoolStats& stats,
                           const std::vector<WaiterInfo>& waiters, std::chrono::nanoseconds unhealthy_wait);

class WatchedPool {
 public:
  /// How often `look` is to be called.
  static constexpr std::chrono::seconds step{5};

  WatchedPool(PoolView view, std::uint64_t number, const MonitorOptions& options);
  WatchedPool(const WatchedPool&) = delete;
  WatchedPool& operator=(const WatchedPool&) = delete;
  ~WatchedPool();

  [[nodiscard]] const PoolView& view() const noexcept { return view_; }
  /// What the pool has measured. None once no pool object is left: then a snapshot is empty, and not a later
  /// state of those before.
  [[nodiscard]] std::optional<PoolMetrics> metrics() const;
  /// Takes a sample of the pool.
  void look();
  [[nodiscard]] Health health() const;
  /// Its object; nothing if no pool object is left. `with_history`: with all points of the last ten minutes,
  /// and not only the last one.
  void write(Json& json, bool with_history);

 private:
  static constexpr std::size_t samples_of_a_minute = std::chrono::minutes{1} / step;
  static constexpr std::size_t kept_points = Recorder::kept_minutes * samples_of_a_minute;
  static constexpr std::size_t shown_places = 100;  // leases, and waiters

  struct Sample {
    SteadyTime time{};
    PoolStats stats{};
    Histogram waits{};
    Histogram uses{};
    Histogram operations{};
    Histogram connects{};
  };
  struct Point {
    WallTime time{};
    double requests_per_second = 0;
    std::chrono::nanoseconds wait_p95{};
    std::chrono::nanoseconds operation_p95{};
    PoolStats stats{};
  };

  [[nodiscard]] static Sample sample_of(const PoolMetrics& metrics);
  [[nodiscard]] static double requests_per_second(const Sample& from, const Sample& to);
  void write_minute(Json& json, const Sample& now) const;
  void write_points(Json& json, bool all) const;
  void write_leases(Json& json) const;
  void write_waiting(Json& json, const std::vector<WaiterInfo>& waiters) const;
  void write_events(Json& json) const;
  void write_advice(Json& json, const PoolMetrics& metrics);

  const PoolView view_;
  const std::uint64_t number_;
  const MonitorOptions options_;
  const std::shared_ptr<Recorder> recorder_;
  std::deque<Sample> samples_;  // of the last minute, the oldest first; never empty
  std::deque<Point> points_;
  std::size_t looks_ = 0;
  std::optional<SizeAdvice> advice_;
  SteadyTime advised_{};
};

}  // namespace copg::monitor
