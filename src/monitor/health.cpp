// Whether a pool is healthy: docs/monitor.md says what that means, and to whom it matters.
#include <fmt/format.h>

#include <algorithm>

#include "monitor/watched_pool.hpp"

namespace copg::monitor {

namespace {

double seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

Health judge(const PoolCondition& condition, const PoolStats& stats, const std::vector<WaiterInfo>& waiters,
             std::chrono::nanoseconds unhealthy_wait) {
  if (condition.closed) return {false, "the pool is closed"};
  if (!condition.opened) return {false, "the pool is not open yet"};
  if (condition.suspended) return {false, "the pool is suspended: it hands out no connections"};
  if (stats.pool_size == 0 && condition.outage > std::chrono::nanoseconds::zero())
    return {false, fmt::format("there is no connection, and every connect has failed for {:.1f} s: {}",
                               seconds(condition.outage), condition.connect_error)};
  std::chrono::nanoseconds longest{};
  for (const WaiterInfo& waiter : waiters) longest = std::max(longest, waiter.waited);
  if (stats.pool_available == 0 && !waiters.empty() && longest >= unhealthy_wait)
    return {false, fmt::format("{} of {} connections are leased, and {} wait for one: the first for {:.1f} s",
                               stats.leased, stats.pool_max, waiters.size(), seconds(longest))};
  return {};
}

}  // namespace copg::monitor
