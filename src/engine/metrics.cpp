// The snapshot of what a pool has measured, its differences, and the names that it uses.
#include <copg/pool_metrics.hpp>

#include "engine/pool_engine.hpp"

namespace copg {

std::string_view to_string(ConnectPhase phase) noexcept {
  switch (phase) {
    case ConnectPhase::credentials: return "credentials";
    case ConnectPhase::resolve: return "resolve";
    case ConnectPhase::connect: return "connect";
    case ConnectPhase::encrypt: return "encrypt";
    case ConnectPhase::authenticate: return "authenticate";
    case ConnectPhase::configure: return "configure";
  }
  return "unknown";
}

std::string_view to_string(ResetCause cause) noexcept {
  switch (cause) {
    case ResetCause::unfinished: return "unfinished";
    case ResetCause::transaction: return "transaction";
    case ResetCause::session: return "session";
    case ResetCause::always: return "always";
    case ResetCause::on_return: return "on_return";
  }
  return "unknown";
}

namespace {

PoolStats difference(PoolStats stats, const PoolStats& earlier) {
  stats.requests_num -= earlier.requests_num;
  stats.requests_queued -= earlier.requests_queued;
  stats.requests_wait -= earlier.requests_wait;
  stats.requests_errors -= earlier.requests_errors;
  stats.requests_cancelled -= earlier.requests_cancelled;
  stats.usage -= earlier.usage;
  stats.returns_bad -= earlier.returns_bad;
  stats.resets_num -= earlier.resets_num;
  stats.connections_num -= earlier.connections_num;
  stats.connections_time -= earlier.connections_time;
  stats.connections_errors -= earlier.connections_errors;
  stats.connections_lost -= earlier.connections_lost;
  stats.connections_detached -= earlier.connections_detached;
  stats.statements_shared -= earlier.statements_shared;
  stats.runs_num -= earlier.runs_num;
  stats.statements_isolated -= earlier.statements_isolated;
  stats.notifications_num -= earlier.notifications_num;
  stats.notifications_dropped -= earlier.notifications_dropped;
  stats.listening_lost -= earlier.listening_lost;
  stats.retries_num -= earlier.retries_num;
  stats.leases_held_idle -= earlier.leases_held_idle;
  return stats;
}

ErrorKind kind_of(pool::WaitError error) noexcept {
  switch (error) {
    case pool::WaitError::none:
    case pool::WaitError::timeout: return ErrorKind::pool_timeout;
    case pool::WaitError::closed: return ErrorKind::pool_closed;
    case pool::WaitError::too_many_waiting: return ErrorKind::too_many_requests;
    case pool::WaitError::deadlock: return ErrorKind::pool_deadlock;
    case pool::WaitError::connect_failed:
    case pool::WaitError::lost:
    case pool::WaitError::turned_away: break;
  }
  return ErrorKind::connection_failed;
}

}  // namespace

PoolMetrics PoolMetrics::since(const PoolMetrics& earlier) const {
  PoolMetrics metrics = *this;
  // A forked child's pool begins anew: it is younger than the snapshot.
  if (period < earlier.period) return metrics;
  metrics.period -= earlier.period;
  metrics.stats = difference(stats, earlier.stats);
  for (Histogram PoolMetrics::*histogram : {&PoolMetrics::waits, &PoolMetrics::uses, &PoolMetrics::operations,
                                            &PoolMetrics::connects, &PoolMetrics::resets})
    metrics.*histogram = (this->*histogram).since(earlier.*histogram);
  for (std::size_t i = 0; i < Phases::size; ++i) {
    const auto phase = static_cast<ConnectPhase>(i);
    metrics.phases[phase] = phases[phase].since(earlier.phases[phase]);
  }
  metrics.failures = failures.since(earlier.failures);
  metrics.closes = closes.since(earlier.closes);
  metrics.resets_by = resets_by.since(earlier.resets_by);
  metrics.cancels_num -= earlier.cancels_num;
  return metrics;
}

namespace engine {

PoolMetrics PoolEngine::metrics() {
  PoolMetrics metrics;
  metrics.name = name();  // allocates before the mutex is taken
  {
    const Locked state = lock_here(shared_);
    const pool::Measures& measures = state->core->measures();
    metrics.period = now() - state->measures.since;
    metrics.stats = state->core->stats();
    metrics.waits = state->core->waits();
    metrics.uses = measures.uses;
    metrics.operations = measures.operations;
    metrics.connects = measures.connects;
    metrics.resets = measures.resets;
    metrics.phases = state->measures.phases;
    metrics.closes = measures.closes;
    metrics.resets_by = state->measures.resets_by;
    metrics.cancels_num = state->measures.cancels;
    measures.failures.for_each(
        [&](pool::WaitError error, std::uint64_t count) { metrics.failures.add(kind_of(error), count); });
    for (const auto& slot : state->slots)
      slot->operation_times.for_each([&](Duration took) { metrics.operations.record(took); });
  }
  listening_.add_to(metrics.stats);
  return metrics;
}

}  // namespace engine
}  // namespace copg
