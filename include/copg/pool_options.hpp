// The options of a pool. Name those that differ from the default:
//
// ```cpp
//     auto own = copg::PooledDatabase::from_env({.max_size = 20, .timeout = 5s});
// ```
#pragma once

#include <copg/observer.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#pragma GCC visibility push(default)
namespace copg {

/// A time in seconds: takes 300s, 0.5s, 1h, 250ms.
using Seconds = std::chrono::duration<double>;

/// How the session of a returned connection is made clean.
enum class ResetMode : std::uint8_t {
  tracked,   ///< The session is wiped, in the background, only if a statement changed it.
  full,      ///< The session is wiped, in the background, after every lease.
  rollback,  ///< ROLLBACK of an open transaction only: settings, listens and temporary tables stay.
};

/// Whether statements are prepared on the server.
enum class PrepareMode : std::uint8_t {
  automatic,  ///< From the second use on a connection, but never where a pooler is seen to stand in between.
  on,   ///< The same, also behind a pooler: for one that keeps sessions, or follows prepared statements.
  off,  ///< Never: for poolers that hand the next statement to another server.
};

/// Of which transactions the outcome is found out if COMMIT's answer is lost.
enum class ResolveCommits : std::uint8_t {
  never,
  on_request,  ///< Of those with TransactionOptions::resolve_commit.
  always,      ///< Of all, but those whose TransactionOptions::resolve_commit is false.
};

class Connection;

/// Who logs in. An empty field is taken from the configuration.
struct Credentials {
  std::string user{};
  std::string password{};
  /// Other keywords of the connection, as Config::options takes them, and host, port and dbname.
  std::map<std::string, std::string> options{};
};

struct PoolOptions {
  // Essential.
  int min_size = 2;            ///< Connections kept open. 0..max_size.
  int max_size = 10;           ///< Connections at most. At least 1.
  Seconds max_idle{300};       ///< A connection above min_size is closed when idle for longer. At least 0.
  Seconds max_lifetime{3600};  ///< A connection is replaced when older. Above 0.
  Seconds timeout{30};         ///< For a whole call: queue, connect and answer together. At least 0.
  // Frequent.
  int num_workers = 3;  ///< Connects in flight at most. At least 1.
  /// `reconnect_failed` is called each time an outage has lasted this long. At least 0.
  Seconds reconnect_timeout{300};
  std::string name{};           ///< The pool's name in messages and metrics; empty: the database's.
  int max_waiting = 0;          ///< Requests that may wait at a time; 0: no bound.
  Seconds connect_timeout{10};  ///< For one connect. Above 0.
  int min_idle = 0;             ///< Idle connections kept ready while max_size allows. 0..max_size.
  // Rare.
  /// When no connection is open, and none could be made for this long, requests fail at once, with the last
  /// connect error (ConnectionFailed), until a connect succeeds; the background goes on trying. Not set:
  /// requests wait for their whole time. At least 0.
  std::optional<Seconds> outage_patience{};
  ResetMode reset = ResetMode::tracked;
  PrepareMode prepare = PrepareMode::automatic;
  bool share = true;      ///< Statements that wait for a connection may travel together on one.
  bool join_rows = true;  ///< execute_many of a plain INSERT may send many rows in one statement.
  /// The memory that the rows of one result may take, in bytes; 0: as much as there is. A result that would
  /// take more is refused with a DataError, in the middle of its rows, which names `stream`; the connection
  /// survives, and so does a transaction. A statement that only reads, outside a transaction, is cancelled
  /// behind the call; of any other the rest is read and dropped, within the call's time. Costs some 1 us
  /// for each statement, and 0.3 us for each row of six columns, as libpq then hands out one row at a time.
  /// One row may take more while it arrives. At least 0.
  std::int64_t max_result_bytes = 0;
  /// If the connection is lost while COMMIT waits for its answer, ask another connection, within the call's
  /// deadline, whether the transaction was committed: `commit` then succeeds, or throws ConnectionFailed if
  /// it was rolled back, and CommitUnknown only if that can't be found out. Costs a round trip of each
  /// connect, unless `never`, and some microseconds, but no round trip, of each such commit that may have
  /// written. PostgreSQL 13 and later.
  ResolveCommits resolve_commits = ResolveCommits::never;
  std::optional<Seconds> leak_after{};  ///< A lease that lasts longer is reported once: to the observers, or,
                                        ///< if none wants to know, in a line on stderr. Above 0.
  /// A lease on which nothing has run for so long is reported, once for each such time: to the observers, or,
  /// if none wants to know, in a line on stderr. Above 0. Not set: none is.
  std::optional<Seconds> held_idle_after{};
  /// A request that waited longer for its connection is told to the observers. At least 0.
  std::optional<Seconds> slow_acquire{};
  /// A statement that took longer, without the wait for its connection, is told to the observers with its
  /// text, never with its parameters. At least 0.
  std::optional<Seconds> slow_statement{};
  /// Called where the background runs (on the pool's thread, or on the executor that the pool was given),
  /// without a lock. Must not throw or block.
  std::function<void()> reconnect_failed{};
  Observers observer{};  ///< Told of what happens in the pool: one, or several.
  /// Prepares each new connection before its first lease, and again after a reset that has wiped its session.
  /// The connection is in autocommit mode and may be used only until the function returns; what the function
  /// sets in the session stays set. If it throws, takes longer than connect_timeout, or leaves a transaction
  /// open, the connection is closed and counts as a failed connect, and the error of each caller that times
  /// out has the reason.
  /// Called on a thread of its own, without a lock, for several connections at a time: it may block, and use
  /// the pool. A call that does not return is abandoned, also when the pool is closed: its statements then
  /// throw, and what it refers to must outlive it.
  std::function<void(Connection&)> configure{};
  /// Called with each connection that comes back from a lease, also from that of a single statement, before
  /// it is idle again; after the reset, if the lease has made one necessary. Meanwhile nobody gets the
  /// connection, and those who wait count on it for 100 ms. What the function leaves in the session is wiped
  /// as after a lease. Otherwise as `configure`: if it throws, takes longer than connect_timeout, or leaves a
  /// transaction open, the connection is closed.
  std::function<void(Connection&)> on_return{};
  /// Called with a connection that is well and idle, before the pool closes it: as idle for too long, too
  /// old, surplus or drained, or because the pool is closed. Not for one that its caller closes, or that is
  /// lost. It has connect_timeout for that, and once the pool is closed no longer than `close` waits at most:
  /// the rest of its `timeout`, and 0.9 s. Then the connection is closed without it. Otherwise as
  /// `configure`; that it throws changes nothing, and is in what the observer is told.
  std::function<void(Connection&)> before_close{};
  /// Returns who logs in, before each connect, for passwords that expire. It may throw and block, and runs on
  /// a thread, as `configure` does; the connect that follows has a connect_timeout of its own.
  std::function<Credentials()> credentials{};
  /// What `credentials` has given serves for so long, also for other connects, unless the server refuses it
  /// (28P01): then it is asked again at once, once for that connect. 0: it is asked for each connect. At
  /// least 0.
  Seconds credentials_ttl{0};
  /// Which database system the hosts of a pool belong to, where there are several: what `SELECT
  /// system_identifier FROM pg_control_system()` gives. A host of another system serves nothing. 0: the
  /// system of the first primary that answers; while a primary of another one answers as well, there are no
  /// writes, since nothing tells which is meant. Has no effect where there is one host, or where libpq
  /// chooses among them.
  std::uint64_t system_identifier = 0;

  /// Throws ConfigurationError, with the option, its value and the bound, if one is out of range or NaN.
  /// Times may be infinite, which means never, except connect_timeout.
  void validate() const;
};

}  // namespace copg
#pragma GCC visibility pop
