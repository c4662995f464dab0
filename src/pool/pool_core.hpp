// The whole truth about a pool, as a state machine: slots, idle stack, wait queue, limits, backoff, epoch.
//
// It knows no socket, thread, clock, string or database, and allocates only in its constructor, `resize` and
// `reserve_waiters`. One thread at a time. Every member that takes `now` may leave actions behind; the caller takes them
// with `poll_action` until there is none, before it gives up the lock under which it called.
// Time that runs backwards is taken as standing still.
//
// The specification is in docs/explanation/pool.md; sim/ checks it after every input.
#pragma once

#include <copg/pool_stats.hpp>

#include <cstdint>
#include <optional>
#include <vector>

#include "pool/timer_wheel.hpp"
#include "pool/types.hpp"

namespace copg::pool {

enum class ActionKind : std::uint8_t {
  open,           ///< Connect; answer with on_connected, on_connect_failed, or (after a close action) on_closed.
  close,          ///< Close the connection, or give up its connect; answer with on_closed.
  reset,          ///< Wipe the session; answer with on_reset_done.
  check,          ///< Prove that it is alive; answer with on_check_done.
  grant,          ///< The waiter has the connection; the waiter answers with accept or cancel.
  fail,           ///< The waiter gets nothing, for the reason in `error`. Its id is dead from now on.
  report_outage,  ///< No connect has succeeded for (another) reconnect_timeout while one was wanted.
};

struct Action {
  ActionKind kind = ActionKind::open;
  ConnectionId connection{};                     ///< of open, close, reset, check, grant
  WaiterId waiter{};                             ///< of grant, fail
  CloseReason reason = CloseReason::pool_closed; ///< of close
  WaitError error = WaitError::none;             ///< of fail
  friend bool operator==(const Action&, const Action&) = default;
};

/// The answer to an acquire.
struct Acquired {
  enum class Kind : std::uint8_t {
    granted,   ///< `connection` is leased to the caller.
    queued,    ///< `waiter` stands in the queue; a grant or fail action will name it.
    rejected,  ///< Nothing was queued; `error` says why.
  };
  Kind kind = Kind::rejected;
  ConnectionId connection{};
  WaiterId waiter{};
  WaitError error = WaitError::none;
};

/// The answer to a cancel.
struct Cancelled {
  enum class Kind : std::uint8_t {
    cancelled,  ///< The waiter has left the queue.
    granted,    ///< It had been granted `connection`, which is the caller's now, to use or to release.
    unknown,    ///< No such waiter: it failed, was cancelled or accepted before.
  };
  Kind kind = Kind::unknown;
  ConnectionId connection{};
};

class PoolCore {
 public:
  /// `options` must be in range (asserted): 1 <= max_size, min_size <= max_size, min_idle <= max_size, 1 <= num_workers,
  /// 0 < max_lifetime, no negative duration. Opens nothing before the first input: call `tick` once.
  explicit PoolCore(const CoreOptions& options, TimePoint now);

  // Getters.
  [[nodiscard]] PoolStats stats() const;
  /// When `tick` must be called next: later than the last `now`, at or before the first thing that falls due.
  [[nodiscard]] TimePoint next_deadline() const;
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] bool suspended() const { return suspended_; }
  /// True when closed and no connection is left.
  [[nodiscard]] bool finished() const { return closed_ && live() == 0; }
  /// Idle connections that a `check_all` has marked and that have not been checked, used or closed since, and those
  /// being checked right now.
  [[nodiscard]] std::uint32_t checks_pending() const { return checks_due_ + counts_.checking; }
  /// When the connection was opened, leased, ... last: the start of its present state. The id must be live.
  [[nodiscard]] TimePoint state_since(ConnectionId connection) const;
  /// Free places for waiters: `acquire` must not be called while this is 0 (asserted).
  [[nodiscard]] std::uint32_t free_waiters() const { return free_waiters_; }

  // Commands.
  /// Makes room for at least `count` more waiters. Allocates; strong exception guarantee. Amortised O(1) per waiter.
  void reserve_waiters(std::uint32_t count);
  /// Asks for a connection until `deadline`. A deadline that has passed still takes an idle connection. O(1).
  Acquired acquire(TimePoint now, TimePoint deadline);
  /// Gives up a connection found dead before its first use and asks for another, keeping the place in the queue that the
  /// lease was granted from. The epoch ends as with Disposition::broken. A stale id counts as a new acquire.
  Acquired reacquire(TimePoint now, ConnectionId connection, TimePoint deadline);
  /// Takes the grant of a waiter: its connection, or nothing if the id is stale or still waiting. Frees the waiter.
  std::optional<ConnectionId> accept(WaiterId waiter);
  /// Leaves the queue. O(1).
  Cancelled cancel(TimePoint now, WaiterId waiter);
  /// Ends a lease. False, and nothing done, if the id is stale or not leased (a second release, or one after `cut`).
  bool release(TimePoint now, ConnectionId connection, Disposition disposition);
  /// New bounds, asserted as in the constructor. Allocates when max_size grows beyond what it ever was.
  void resize(TimePoint now, std::uint32_t min_size, std::uint32_t max_size);
  /// Marks every idle connection to be checked, num_workers at a time, coldest first.
  void check_all(TimePoint now);
  /// Ends the epoch: idle connections are closed now, all others when they come back.
  void drain(TimePoint now);
  /// Grants nothing until `resume`; leases go on, requests queue.
  void suspend();
  void resume(TimePoint now);
  /// Fails every waiter, closes every connection that is not leased; leased ones as they come back. Idempotent.
  void close(TimePoint now);
  /// After `close`: takes the leased connections away from their callers; their later release is stale.
  void cut(TimePoint now);

  // Inputs. A stale id, or one in another state than the input speaks of, is ignored.
  void on_connected(TimePoint now, ConnectionId connection);
  void on_connect_failed(TimePoint now, ConnectionId connection, ConnectFailure failure);
  void on_reset_done(TimePoint now, ConnectionId connection, Disposition disposition);  ///< never needs_reset
  void on_check_done(TimePoint now, ConnectionId connection, Disposition disposition);  ///< never needs_reset
  void on_closed(TimePoint now, ConnectionId connection);
  /// Expires deadlines, trims, retires, retries.
  void tick(TimePoint now);

  // Outputs.
  std::optional<Action> poll_action();

 private:
  // (to be completed)
};

}  // namespace copg::pool
