// What a pool reports about itself. Plain data, which refers to nothing.
#pragma once

#include <chrono>
#include <cstdint>

#pragma GCC visibility push(default)
namespace copg {

/// One snapshot of a pool. The first group counts connections at that moment; the second group only grows
/// over the life of the pool. Durations are sums.
struct PoolStats {
  std::uint32_t pool_min = 0;          ///< Lower bound on open connections that the pool keeps.
  std::uint32_t pool_max = 0;          ///< Upper bound on connections.
  std::uint32_t pool_size = 0;         ///< Open connections: available + leased + resetting + checking.
  std::uint32_t pool_available = 0;    ///< Idle connections that an acquire gets at once.
  std::uint32_t leased = 0;            ///< Connections handed out to callers.
  std::uint32_t connecting = 0;        ///< Connects in flight.
  std::uint32_t resetting = 0;         ///< Connections whose session is being wiped.
  std::uint32_t checking = 0;          ///< Idle connections that are being checked.
  std::uint32_t closing = 0;           ///< Connections being closed. They count against pool_max until then.
  std::uint32_t requests_waiting = 0;  ///< Waiters in the queue.
  /// Connections that listen for the pool's listeners: 0 or 1. It does not count against pool_max.
  std::uint32_t listening = 0;
  std::uint32_t listeners = 0;  ///< Listeners that are open.

  std::uint64_t requests_num = 0;            ///< Requests for a connection.
  std::uint64_t requests_queued = 0;         ///< Requests that had to wait.
  std::chrono::nanoseconds requests_wait{};  ///< Time spent waiting, of all requests that waited.
  /// Requests that ended without a connection: timeout, rejected, closed, failed connect.
  std::uint64_t requests_errors = 0;
  std::uint64_t requests_cancelled = 0;  ///< Requests that their callers cancelled.
  std::chrono::nanoseconds usage{};      ///< Time connections were leased, of all leases that ended.
  std::uint64_t returns_bad = 0;      ///< Leases that ended with a connection that could not be used again.
  std::uint64_t resets_num = 0;       ///< Resets in the background that have ended.
  std::uint64_t connections_num = 0;  ///< Connects started.
  std::chrono::nanoseconds connections_time{};  ///< Time spent connecting, of all connects that succeeded.
  std::uint64_t connections_errors = 0;         ///< Connects that failed.
  std::uint64_t connections_lost = 0;           ///< Open connections found dead, also by a hang-up.
  std::uint64_t connections_detached = 0;       ///< Connections that their callers took out of the pool.
  std::uint64_t statements_shared = 0;          ///< Statements that were given a connection with others.
  std::uint64_t runs_num = 0;      ///< Runs: times that a connection was given to two statements or more.
  std::uint64_t runs_largest = 0;  ///< Statements of the largest run.
  /// Statements that waited, and then went alone because they are slow.
  std::uint64_t statements_isolated = 0;
  std::uint64_t notifications_num = 0;  ///< Notifications received, once for all listeners.
  /// Notifications that a listener did not get because its queue was full, of all listeners.
  std::uint64_t notifications_dropped = 0;
  std::uint64_t listening_lost = 0;  ///< Times that the listening connection was lost.
  std::uint64_t retries_num = 0;     ///< Attempts of `run` after the first: the transaction was run again.

  /// Times that a lease was reported because nothing had run on it for `held_idle_after`.
  std::uint64_t leases_held_idle = 0;

  /// Statements of a run, on average; 0 without one.
  [[nodiscard]] double runs_mean() const {
    return runs_num == 0 ? 0 : static_cast<double>(statements_shared) / static_cast<double>(runs_num);
  }

  friend bool operator==(const PoolStats&, const PoolStats&) = default;
};

}  // namespace copg
#pragma GCC visibility pop
