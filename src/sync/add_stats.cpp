#include "sync/add_stats.hpp"

#include <algorithm>

namespace copg::sync {

void add(PoolStats& sum, const PoolStats& one) noexcept {
  sum.pool_min += one.pool_min;
  sum.pool_max += one.pool_max;
  sum.pool_size += one.pool_size;
  sum.pool_available += one.pool_available;
  sum.leased += one.leased;
  sum.connecting += one.connecting;
  sum.resetting += one.resetting;
  sum.checking += one.checking;
  sum.closing += one.closing;
  sum.requests_waiting += one.requests_waiting;
  sum.listening += one.listening;
  sum.listeners += one.listeners;
  sum.requests_num += one.requests_num;
  sum.requests_queued += one.requests_queued;
  sum.requests_wait += one.requests_wait;
  sum.requests_errors += one.requests_errors;
  sum.requests_cancelled += one.requests_cancelled;
  sum.usage += one.usage;
  sum.returns_bad += one.returns_bad;
  sum.resets_num += one.resets_num;
  sum.connections_num += one.connections_num;
  sum.connections_time += one.connections_time;
  sum.connections_errors += one.connections_errors;
  sum.connections_lost += one.connections_lost;
  sum.connections_detached += one.connections_detached;
  sum.statements_shared += one.statements_shared;
  sum.runs_num += one.runs_num;
  sum.runs_largest = std::max(sum.runs_largest, one.runs_largest);
  sum.statements_isolated += one.statements_isolated;
  sum.notifications_num += one.notifications_num;
  sum.notifications_dropped += one.notifications_dropped;
  sum.listening_lost += one.listening_lost;
  sum.retries_num += one.retries_num;
  sum.leases_held_idle += one.leases_held_idle;
}

}  // namespace copg::sync
