// The whole truth about a pool, as a state machine: slots, idle stack, wait queue, limits, backoff, epoch.
//
// It knows no socket, thread, clock, string or database, and allocates only in its constructor, `resize` and
// `reserve_waiters`. For one thread at a time. Every command and input may leave actions behind: the caller
// takes them with `poll_action` until there is none, before it releases its lock. Time that runs backwards is
// taken as standing still.
//
// The specification is in docs/explanation/pool.md; sim/ checks it after every input.
#pragma once

#include <copg/pool_stats.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "pool/backoff.hpp"
#include "pool/index_list.hpp"
#include "pool/measures.hpp"
#include "pool/slow_texts.hpp"
#include "pool/types.hpp"
#include "pool/wait_queue.hpp"

namespace copg::pool {

enum class ActionKind : std::uint8_t {
  open,   ///< Connect; answer with on_connected, on_connect_failed, or (after a close action) on_closed.
  close,  ///< Close the connection, or give up its connect; answer with on_closed.
  reset,  ///< Wipe the session, if it needs that; answer with on_reset_done.
  check,  ///< Prove that it is alive; answer with on_check_done.
  grant,  ///< The waiter has the connection (a statement: as its driver); answer with accept or cancel.
  fail,   ///< The waiter gets nothing, for the reason in `error`. Its id is stale from now on.
  report_outage,  ///< No connect has succeeded for (another) reconnect_timeout while one was wanted.
};

struct Action {
  ActionKind kind = ActionKind::open;
  ConnectionId connection{};                      ///< of open, close, reset, check, grant
  WaiterId waiter{};                              ///< of grant, fail
  CloseReason reason = CloseReason::pool_closed;  ///< of close
  WaitError error = WaitError::none;              ///< of fail
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
    cancelled,  ///< The waiter has left the queue, or a run before it was sent.
    granted,    ///< It had been granted `connection`, which is the caller's now, to use or to release.
    sent,       ///< The statement was sent on `connection`: its answer will be dropped.
    unknown,    ///< The id is stale: the waiter failed, was cancelled or answered, or (a lease) accepted.
  };
  Kind kind = Kind::unknown;
  ConnectionId connection{};
  bool alone = false;  ///< of sent: nobody waits for the other answers either; cancel it on the server
};

class PoolCore {
 public:
  /// `options` must be in range (an invariant): 1 <= max_size, min_size <= max_size, min_idle <= max_size, 1
  /// <= num_workers, 0 < max_lifetime, no negative duration. Opens nothing before the first input: call
  /// `tick` once.
  explicit PoolCore(const CoreOptions& options, TimePoint now);

  // Getters.
  [[nodiscard]] PoolStats stats() const;
  /// When `tick` must be called next: at or before the first thing that falls due. Right after a tick this is
  /// later than the tick's `now`; after any other input it may stay in the past.
  [[nodiscard]] TimePoint next_deadline() const {
    return waiters_.timeless() ? next_tick_ : std::min(next_tick_, waiters_.next_deadline());
  }
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] bool suspended() const { return suspended_; }
  [[nodiscard]] bool awaited() const { return awaited_; }
  /// True when closed and no connection is left.
  [[nodiscard]] bool finished() const { return closed_ && empty(); }
  /// True when there is no connection, not even one that is being opened or closed.
  [[nodiscard]] bool empty() const { return live() == 0; }
  /// Idle connections that a `check_all` has marked and that have not been checked, used or closed since, and
  /// those being checked right now.
  [[nodiscard]] std::uint32_t checks_pending() const { return checks_due_ + count(State::checking); }
  /// When the connection was opened, leased, ... last: the start of its present state. The id must be live.
  [[nodiscard]] TimePoint state_since(ConnectionId connection) const;
  /// Free places for waiters: `acquire` must not be called while this is 0 (an invariant).
  [[nodiscard]] std::uint32_t free_waiters() const { return waiters_.free(); }
  /// Statements that travel on the connection and have not been answered; 0 for a stale id.
  [[nodiscard]] std::uint32_t run_size(ConnectionId connection) const {
    return has_run(connection) ? waiters_.run_size(connection.slot) : 0;
  }
  /// A statement of the run. `position` must be less than `run_size`; 0 is the first.
  [[nodiscard]] WaiterId run_member(ConnectionId connection, std::uint32_t position) const {
    return waiters_.run_member(connection.slot, position);
  }
  /// Whether the id is not stale: its waiter waits, or has not accepted its grant, or its statement is on its
  /// way.
  [[nodiscard]] bool knows(WaiterId waiter) const { return waiters_.live(waiter); }
  /// What orders the queue, of a waiter that stands in it, held back or not; nothing for any other.
  [[nodiscard]] std::optional<std::uint64_t> ticket(WaiterId waiter) const { return waiters_.ticket(waiter); }
  /// Whether the statement was sent, so that it can't leave any more.
  [[nodiscard]] bool sent(WaiterId waiter) const { return waiters_.sent(waiter); }
  /// Whether the statement is held back: it is slow, and slow ones have all the connections they may have.
  [[nodiscard]] bool held_back(WaiterId waiter) const { return waiters_.held(waiter); }
  /// Whether requests fail at once: no connection is established, connecting fails by configuration, and the
  /// next connect is not due yet.
  [[nodiscard]] bool misconfigured() const {
    return established() == 0 && backoff_.failing_by(ConnectFailure::configuration) &&
           now_ < backoff_.retry_at(true);
  }
  /// Whether requests fail at once: no connection is established, and none could be made for longer than
  /// outage_patience.
  [[nodiscard]] bool out_of_patience() const { return now_ >= patience_ends() && established() == 0; }
  /// The outage, if there is one.
  [[nodiscard]] const Outage& outage() const { return backoff_.outage(); }
  /// How many calls of the user's functions may be under way, those that were abandoned included: one for
  /// each connection that there was ever room for.
  [[nodiscard]] std::uint32_t callback_limit() const { return static_cast<std::uint32_t>(slots_.size()); }
  /// Requests in the queue.
  [[nodiscard]] std::uint32_t waiting() const { return waiters_.waiting(); }
  /// What is known of the server time of SQL texts.
  [[nodiscard]] const SlowTexts& slow_texts() const { return texts_; }
  [[nodiscard]] const Measures& measures() const { return measures_; }
  /// How long each request waited for its connection.
  [[nodiscard]] const Histogram& waits() const { return waiters_.waits(); }

  // Commands.
  /// A transaction will be run again.
  void count_retry() noexcept { ++totals_.retries_num; }
  /// A lease was found on which nothing has run for long.
  void count_held_idle() noexcept { ++totals_.leases_held_idle; }
  /// Makes room for at least `count` more waiters. Allocates; strong exception guarantee. Amortised O(1) per
  /// waiter.
  void reserve_waiters(std::uint32_t count);
  /// Asks for a connection. If the deadline has passed, an idle one is still granted. O(1).
  Acquired acquire(TimePoint now, const Request& request);
  /// Leases a connection if `acquire` would grant one at once. If not, nothing is queued, opened or counted:
  /// it is as if nobody had asked.
  std::optional<ConnectionId> try_acquire(TimePoint now, HolderId holder);
  /// Gives up a connection found dead before its first use and asks for another, keeping the place in the
  /// queue that the lease was granted from. The epoch ends as with Disposition::broken. A stale id counts as
  /// a new acquire. Of statements, for one that was granted a connection at once: `release` puts one that
  /// waited back into the queue.
  Acquired reacquire(TimePoint now, ConnectionId connection, const Request& request);
  /// Takes a waiter's grant: its connection, or nothing if the id is stale or still waits. Frees a lease's
  /// waiter; a statement's waiter lives until the statement has been answered.
  std::optional<ConnectionId> accept(WaiterId waiter);
  /// For the driver of a connection: the next statement to send, the driver's own among them; nothing if all
  /// are sent. From here on the statement can't leave, and its caller watches its deadline.
  std::optional<WaiterId> send_next(ConnectionId connection);
  /// For a driver whose own statement has been answered or cancelled: a grant action names the next driver,
  /// which accepts. False if no caller waits for the rest: the driver still has the connection.
  bool hand_on(ConnectionId connection);
  /// Takes a waiter out of the queue or of its run. O(1), or O(length of the run).
  Cancelled cancel(TimePoint now, WaiterId waiter);
  /// Ends a lease. Returns false, and does nothing, if the id is stale or not leased (a second release, or
  /// one after `cut`). If a run is not over, its unsent statements, and the last `never_sent` that
  /// `send_next` named, go back to their places in the queue; the others fail as lost.
  bool release(TimePoint now, ConnectionId connection, Disposition disposition, std::uint32_t never_sent = 0);
  /// Takes a leased connection out of the pool: its place is free from here on, and nobody is told to close
  /// the connection. Returns false, and does nothing, as `release` does.
  bool detach(TimePoint now, ConnectionId connection);
  /// Says who has a lease from now on, if that has been passed on, or is not known. A stale id changes
  /// nothing.
  void set_holder(ConnectionId connection, HolderId holder);
  /// Sets new bounds, in range as for the constructor. Allocates if max_size was never as large.
  void resize(TimePoint now, std::uint32_t min_size, std::uint32_t max_size);
  /// Marks every idle connection to be checked, num_workers at a time, coldest first. Ends the backoff.
  void check_all(TimePoint now);
  /// Says whether somebody waits for the pool to be full, which is as urgent as a request that waits.
  void set_awaited(TimePoint now, bool awaited);
  /// Ends the epoch: idle connections are closed now, all others when they come back.
  void drain(TimePoint now);
  /// Grants nothing until `resume`; leases go on, requests queue.
  void suspend();
  void resume(TimePoint now);
  /// Fails every waiter; closes every connection that is not leased now, and leased ones as they come back.
  /// Idempotent.
  void close(TimePoint now);
  /// After `close`: takes the leased connections away from their callers; their later release is stale.
  void cut(TimePoint now);

  // Inputs. An id that is stale, or in another state than the input is about, is ignored.
  void on_connected(TimePoint now, ConnectionId connection);
  void on_connect_failed(TimePoint now, ConnectionId connection, ConnectFailure failure);
  void on_reset_done(TimePoint now, ConnectionId connection, Disposition disposition);  ///< never needs_reset
  void on_check_done(TimePoint now, ConnectionId connection, Disposition disposition);  ///< never needs_reset
  void on_closed(TimePoint now, ConnectionId connection);
  /// The server has hung up on the connection. An idle one is checked at once, beside the num_workers of a
  /// `check_all`, since no answer is waited for: the check says whether others are concerned. One that is not
  /// idle is closed when it comes back, whatever is said of it then.
  void on_hung_up(TimePoint now, ConnectionId connection);
  /// A statement of a run has been answered, or is being cancelled on the server, `took` after it was sent or
  /// after the answer in front of it. True if its caller still waits. Its id is stale from now on.
  bool on_answered(WaiterId waiter, Duration took);
  /// A statement that was granted a connection at once has been answered, `took` after it was sent.
  void on_answered(const Statement& statement, Duration took);
  /// Something else that was asked on a lease has been answered, or given up, `took` after it was sent.
  void on_operation(Duration took) { measures_.operations.record(took); }
  /// Expires deadlines, trims, retires, retries.
  void tick(TimePoint now);

  // Outputs.
  [[nodiscard]] bool has_action() const {
    return waiters_.has_outcome() || !pending_.empty() || report_outage_;
  }
  std::optional<Action> poll_action();

 private:
  enum class State : std::uint8_t { free, connecting, idle, leased, resetting, checking, dying };
  static constexpr std::size_t states = 7;
  [[nodiscard]] static constexpr bool may_follow(State from, State to);

  struct Slot {
    TimePoint since{};          // start of the present state; of an idle one: since when nobody used it
    TimePoint opened{};         // when it was connected
    TimePoint expires = never;  // not granted from here on
    TimePoint idle_since{};     // kept over a check
    std::uint64_t epoch = 0;
    std::uint64_t ticket = 0;  // of the request it is leased to
    std::uint32_t generation = 1;
    State state = State::free;
    Links links{};          // of free_ or idle_
    Links pending_links{};  // of pending_
    std::optional<ActionKind> pending;
    CloseReason reason = CloseReason::pool_closed;  // of a pending close
    bool aging = false;                             // close to its expiry: does not count towards min_size
    bool check_due = false;                         // marked by check_all, idle
    bool overdue = false;     // resetting or checking for longer than the grace: not counted on
    bool statements = false;  // leased to a run, or to a statement that is known to be slow
    bool slow = false;        // leased to a statement that is known to be slow
    bool waited = false;      // leased to a request that stood in the queue
    bool hung_up = false;     // the server has hung up: it is not granted any more
  };
  using Slots = std::vector<Slot>;

  [[nodiscard]] std::uint32_t count(State state) const { return counts_[static_cast<std::size_t>(state)]; }
  [[nodiscard]] std::uint32_t live() const {
    return static_cast<std::uint32_t>(slots_.size()) - count(State::free);
  }
  [[nodiscard]] std::uint32_t established() const;
  [[nodiscard]] std::uint32_t wanted() const;
  [[nodiscard]] std::uint32_t unserved() const;
  [[nodiscard]] bool asked() const;
  [[nodiscard]] TimePoint retry_at() const { return backoff_.retry_at(asked()); }
  [[nodiscard]] std::uint32_t connect_limit() const;
  [[nodiscard]] TimePoint next_hang() const;
  [[nodiscard]] Duration replacement_lead() const;
  [[nodiscard]] std::optional<TimePoint> idle_trim_due() const;
  [[nodiscard]] TimePoint patience_ends() const;
  [[nodiscard]] ConnectionId id(std::uint32_t slot) const { return {slot, slots_[slot].generation}; }
  [[nodiscard]] bool is(ConnectionId connection, State state) const;
  [[nodiscard]] CloseReason epoch_reason(const Slot& slot) const;
  [[nodiscard]] std::optional<CloseReason> unfit(const Slot& slot) const;

  void advance(TimePoint now) { now_ = now > now_ ? now : now_; }
  void wake_by(TimePoint time) { next_tick_ = time < next_tick_ ? time : next_tick_; }
  void enter(std::uint32_t slot, State state);
  void set_pending(std::uint32_t slot, ActionKind kind);
  void clear_pending(std::uint32_t slot);
  void set_overdue(Slot& slot, bool overdue);
  void set_aging(Slot& slot, bool aging);
  void set_slow(Slot& slot);
  void set_check_due(Slot& slot, bool check_due);

  [[nodiscard]] bool has_run(ConnectionId connection) const {
    return is(connection, State::leased) && slots_[connection.slot].statements;
  }
  [[nodiscard]] bool deadlocked() const;
  [[nodiscard]] bool sharing() const { return options_.share_limit > 1; }
  [[nodiscard]] bool slow(const WaitQueue::Entry& entry) const;
  [[nodiscard]] std::uint32_t slow_limit() const;
  [[nodiscard]] std::uint32_t fair_share() const;

  /// The place of a request in the order, and whether it has had a connection, or has waited, before.
  struct Turn {
    std::uint64_t ticket = 0;
    bool returning = false;
    bool waited = false;
  };
  Acquired serve_or_queue(const Request& request, const Turn& turn);
  bool drop_expired_idle();
  ConnectionId lease_idle(const Request& request, const Turn& turn);
  void lease(std::uint32_t slot, const Request& request, const Turn& turn);
  void take_back(std::uint32_t slot, Disposition disposition);
  void deliver(std::uint32_t slot);
  void serve(std::uint32_t slot);
  void lease_to_first(std::uint32_t slot);
  void serve_idle();
  void start_run(std::uint32_t slot, bool held);
  void fill_run(std::uint32_t slot, std::uint32_t share);
  void end_statements(std::uint32_t slot, std::uint32_t never_sent);
  void make_idle(std::uint32_t slot, TimePoint idle_since);
  void start_closing(std::uint32_t slot, CloseReason reason);
  void forget(std::uint32_t slot);
  void end_epoch();
  void fail_waiters(WaitError error);
  void end_use(const Slot& slot) { measures_.uses.record(now_ - slot.since); }

  void open_one();
  void take_back_opens();
  void start_check(std::uint32_t slot);
  void start_checks();
  void check_and_open();
  void retire_by_age();
  void trim_idle();
  void plan_next_tick();

  // What every acquire and release looks at comes first: the fewer cache lines, the better.
  TimePoint now_;
  TimePoint next_tick_;
  Slots slots_;
  IndexList<Slots, &Slot::links> idle_;  // front: used last, granted next; back: the cold end
  IndexList<Slots, &Slot::pending_links> pending_;
  std::array<std::uint32_t, states> counts_{};
  std::uint32_t aging_ = 0;
  std::uint32_t overdue_ = 0;
  std::uint32_t checks_due_ = 0;
  std::uint32_t slow_ = 0;
  bool suspended_ = false;
  bool awaited_ = false;
  bool closed_ = false;
  bool report_outage_ = false;
  std::uint64_t next_ticket_ = 1;
  std::uint64_t epoch_ = 1;
  CoreOptions options_;
  PoolStats totals_;  // the counters that nothing else knows
  SlowTexts texts_;
  WaitQueue waiters_;
  IndexList<Slots, &Slot::links> free_;
  std::uint64_t drained_epoch_ = 0;  // the last epoch that a drain ended
  Backoff backoff_;
  Random random_;
  Measures measures_;
};

}  // namespace copg::pool
