// The vocabulary of the pool core: time, ids, what a caller may say and what the core may answer. Plain
// values.
#pragma once

#include <copg/close_reason.hpp>

#include <chrono>
#include <cstdint>

namespace copg::pool {

/// The core never reads a clock: every input carries the time. Only the type is taken from the steady clock.
using TimePoint = std::chrono::steady_clock::time_point;
using Duration = std::chrono::nanoseconds;

/// A deadline or duration that never comes.
inline constexpr TimePoint never = TimePoint::max();
inline constexpr Duration forever = Duration::max();

/// A connection: its slot, and how many connections that slot had before. A stale id is recognised, never
/// followed.
struct ConnectionId {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;  ///< 0 names no connection.
  friend bool operator==(const ConnectionId&, const ConnectionId&) = default;
};

/// A queued request: its place in the table of waiters, and how many requests that place had before.
struct WaiterId {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;  ///< 0 names no waiter.
  friend bool operator==(const WaiterId&, const WaiterId&) = default;
};

/// Who holds leases and waits for connections, such as a thread: it does one thing at a time, and while it
/// waits it gives nothing back.
using HolderId = std::uint64_t;
inline constexpr HolderId unknown_holder = 0;

/// The numbers that steer the core.
struct CoreOptions {
  std::uint32_t min_size = 2;      ///< Connections kept open. 0..max_size.
  std::uint32_t max_size = 10;     ///< Connections at most. At least 1.
  std::uint32_t min_idle = 0;      ///< Idle connections kept ready while max_size allows. 0..max_size.
  std::uint32_t num_workers = 3;   ///< Connects in flight at most, and also checks. At least 1.
  std::uint32_t max_waiting = 0;   ///< Waiters at most; 0: no bound.
  std::uint32_t share_limit = 16;  ///< Statements of one run at most; 0 or 1: they never share.
  bool work_on_returns = false;    ///< What comes back from a lease goes through a reset, clean or not.
  Duration max_idle = std::chrono::seconds(300);  ///< An idle connection above min_size is closed after it.
  Duration max_lifetime = std::chrono::seconds(3600);  ///< A connection is never granted when older.
  /// An outage is reported each time it has lasted this long.
  Duration reconnect_timeout = std::chrono::seconds(300);
  /// When no connection is established, and no connect has succeeded for this long, requests fail at once.
  Duration outage_patience = forever;
  /// While connecting fails, a connect in flight for longer does not hold up the next. Above 0.
  Duration hang_after = std::chrono::seconds(3);
  std::uint64_t seed = 1;  ///< Of the jitter: the same seed and inputs give the same actions.
};

/// How a statement may travel with others on one connection.
enum class StatementKind : std::uint8_t {
  read,   ///< Anything may be sent behind it.
  last,   ///< It may be sent behind others, and nothing behind it: it may wait for a lock.
  alone,  ///< Nothing in front of it, nothing behind it.
};

/// The kind of a statement with so many `bytes` of parameters and a text `of_text`. Large parameters travel
/// alone, because they would keep others waiting.
[[nodiscard]] constexpr StatementKind kind_with(StatementKind of_text, std::int64_t bytes) noexcept {
  constexpr std::int64_t most = 64 << 10;
  return bytes > most ? StatementKind::alone : of_text;
}

/// A request that needs a connection for one statement only, and leaves nothing behind.
struct Statement {
  std::uint64_t key = 0;  ///< Of its SQL text: statements with equal keys are expected to take equal time.
  StatementKind kind = StatementKind::alone;
};

/// What a caller asks for: a connection until it gives that back, or for one statement.
struct Request {
  TimePoint deadline{};  ///< When it stops waiting.
  /// If it has to wait, this statement may travel with others. nullptr: it asks for a lease.
  const Statement* statement = nullptr;
  /// Who asks. A lease is remembered to be this holder's; the connection of a statement comes back by itself.
  HolderId holder = unknown_holder;
};

/// How a lease, a reset or a check ended.
enum class Disposition : std::uint8_t {
  clean,        ///< Idle at the protocol, session untouched: it can be granted at once.
  needs_reset,  ///< Alive, but the session, a transaction or an answer is left over: wipe it first.
  discard,      ///< Close this one; it says nothing of the others.
  broken,       ///< The server is gone: end the epoch, so that every connection from before is closed.
  demoted,      ///< The server refuses writes that it accepted before (SQLSTATE 25006): end the epoch.
  lost,         ///< The server has hung up on this one: close it; the end of another is noticed by itself.
};

/// Why a connect failed.
enum class ConnectFailure : std::uint8_t {
  transient,      ///< Nothing listening, server starting, timeout: back off and try again.
  overloaded,     ///< The server has no room (53300): back off further.
  configuration,  ///< Wrong password, database, host, TLS: requests fail at once.
  refused_near,   ///< Transient, on this machine, before a server has answered: another try is cheap.
};

/// Why a request gets no connection.
enum class WaitError : std::uint8_t {
  none,              ///< It did get one.
  timeout,           ///< Its deadline passed.
  closed,            ///< The pool was closed.
  too_many_waiting,  ///< max_waiting requests are queued already.
  connect_failed,    ///< No connection is open, and connecting fails by configuration.
  deadlock,          ///< All connections are leased to callers that wait as well, itself among them.
  lost,              ///< The statement was sent, but its connection ended first: the outcome is unknown.
  turned_away,       ///< It may ask another pool. The core never says so: PoolEngine::set_turns_away.
};

}  // namespace copg::pool
