// The pool for threads.
#pragma once

#include <copg/config.hpp>
#include <copg/connection.hpp>
#include <copg/deadline.hpp>
#include <copg/detail/verbs.hpp>
#include <copg/host_info.hpp>
#include <copg/lease_info.hpp>
#include <copg/listener.hpp>
#include <copg/pipeline.hpp>
#include <copg/pool_metrics.hpp>
#include <copg/pool_options.hpp>
#include <copg/pool_stats.hpp>
#include <copg/pool_view.hpp>
#include <copg/role.hpp>
#include <copg/run_options.hpp>
#include <copg/size_advice.hpp>
#include <copg/source_location.hpp>
#include <copg/waiter_info.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {

namespace sync {
struct EngineAccess;
}  // namespace sync

namespace engine {
struct TimeLimit;
}  // namespace engine
namespace routing {
class Router;
struct HostLease;
}  // namespace routing
namespace detail {
/// A lease, and its engine; null: there is none.
struct HeldLease {
  std::shared_ptr<engine::PoolEngine> engine{};
  Lease lease{};
};
}  // namespace detail

class DatabaseOn;
class DatabaseWithin;
class Session;

/// A pool of connections to one database, for any number of threads.
///
/// Where the configuration names several hosts, they are the servers of one database, a primary and its
/// replicas, each with connections of its own, up to max_size for each. Calls go to the primary, whichever
/// that is; `on` has the others. Who waits when the primary is lost gets the next one, within the deadline.
/// With target_session_attrs or load_balance_hosts in the configuration, libpq chooses one host instead.
///
/// Every call has one deadline, `timeout` seconds after it began unless `within` says otherwise, for waiting
/// for a connection, opening it, and the answer. Requests are served in the order of their arrival. Calls
/// throw what Connection's calls throw, and, if they get no connection: PoolTimeout (the message says who
/// holds the connections), PoolDeadlock (at once, if each connection is held by a thread that waits for
/// another), ConfigurationError (at once, with the server's message, if no connect can succeed:
/// wrong password, no such database), TooManyRequests, or PoolClosed.
///
/// Thread-safe, except for moving and destruction. Calls on an object that was moved from throw UsageError;
/// its `close` and destructor do nothing. After a fork the child's pool opens connections of its own.
class PooledDatabase : public detail::Verbs<PooledDatabase> {
 public:
  /// Opens the pool: min_size connections are opened in the background, without waiting for them (`wait`
  /// does). Throws ConfigurationError, or ConnectionFailed if the process can't start another thread.
  explicit PooledDatabase(const Config& config, PoolOptions options = {});
  /// Configures the pool with Config::from_env.
  static PooledDatabase from_env(PoolOptions options = {}, const std::optional<std::string>& dotenv = {});
  /// Configures the pool with Config::from_url.
  static PooledDatabase from_url(std::string_view url, PoolOptions options = {});
  PooledDatabase(PooledDatabase&&) noexcept;
  PooledDatabase& operator=(PooledDatabase&&) noexcept;
  PooledDatabase(const PooledDatabase&) = delete;
  PooledDatabase& operator=(const PooledDatabase&) = delete;
  /// Calls close(), unless another pool object shares the pool.
  ~PooledDatabase();

  // With the verbs of detail::Verbs: execute(sql, args...), fetch_all, fetch_one, fetch_val, execute_many.
  // Each is a transaction of its own, on any connection. Without parameters a text may hold several
  // statements, which are then one transaction.

  using Verbs::execute;
  using Verbs::execute_many;
  using Verbs::execute_many_returning;
  Result execute(const Sql& sql, const Params& params);
  std::int64_t execute_many(const Sql& sql, RowSource& rows);
  /// The rows that are returned as one Result, or several in turn where the types of columns change.
  std::vector<Result> execute_many_returning(const Sql& sql, RowSource& rows);
  /// Executes several statements in one flush, with one round trip for all, on any connection. Returns one
  /// answer for each, in their order. Each is a transaction of its own, and an error is the answer to its
  /// statement, as Connection::execute(const Pipeline&) says of autocommit. After a QueryTimeout each may
  /// have been executed or not.
  [[nodiscard]] std::vector<PipelineAnswer> execute(const Pipeline& pipeline);
  /// Executes several statements in one flush and one transaction, with one round trip for all: all or none.
  /// Returns their results in their order. Throws the first error, which names its statement
  /// (ErrorInfo::statement_index), as Connection::execute_all.
  std::vector<Result> execute_all(const Pipeline& pipeline);
  using Verbs::copy_in;
  /// As Connection::copy_in and copy_out, on any connection, in a transaction of its own.
  std::int64_t copy_in(const Sql& sql, CopySource& source);
  std::int64_t copy_out(const Sql& sql, CopySink& sink);

  /// See detail::Verbs and RowStream: leases a connection, which the stream gives back at its end. Each wait
  /// for a chunk has the pool's `timeout`.
  using Verbs::stream;
  [[nodiscard]] RowStream stream(const Sql& sql, const Params& params);

  /// The same calls, each of which ends by the deadline, whatever the pool's `timeout` is:
  /// `db.within(500ms).fetch_one<User>(...)`.
  [[nodiscard]] DatabaseWithin within(Deadline deadline) const;
  /// The same calls on a server of that role: `db.on(copg::Role::replica).fetch_all<User>(...)`. A replica
  /// refuses what writes (QueryFailed, 25006). Where a connection is lost under `execute` or a fetch verb
  /// whose text only reads and calls no function but those of every day, it is sent once more, to whichever
  /// server is fit then; not on Role::primary. UsageError for a replica where there is one host, and for
  /// options below 0.
  [[nodiscard]] DatabaseOn on(Role role, const RoleOptions& options = {}) const;

  /// For one user or one request, whose reads on replicas see his own writes: `auto mine = db.session();
  /// mine.execute("INSERT ..."); mine.on(copg::Role::replica).fetch_all<Order>("SELECT ...")`.
  [[nodiscard]] Session session() const;

  /// Leases a connection, waiting until the deadline (by default for the pool's `timeout`). Each call on it
  /// has a time of its own, Connection::timeout.
  [[nodiscard]] Connection connection(std::optional<Deadline> deadline = {},
                                      const SourceLocation& where = SourceLocation::current());
  /// Leases a connection if one is free at once, and returns nothing otherwise: if none is idle, if others
  /// wait for one, or if the pool is suspended. Never blocks and never makes the pool open a connection.
  /// A connection that has died while it was idle is not handed out. PoolClosed once the pool is closed.
  [[nodiscard]] std::optional<Connection> try_connection(
      const SourceLocation& where = SourceLocation::current());
  /// Leases a connection and calls `body(connection)`, once, in a transaction. Commits when the body returns,
  /// rolls back if it throws, and returns the body's result.
  template <std::invocable<Connection&> Body>
  std::invoke_result_t<Body, Connection&> transaction(
      Body&& body, const SourceLocation& where = SourceLocation::current()) {
    Connection leased = connection({}, where);
    return leased.transaction(std::forward<Body>(body));
  }
  /// With isolation, settings, a role (TransactionOptions), which cost no further round trip.
  template <std::invocable<Connection&> Body>
  std::invoke_result_t<Body, Connection&> transaction(
      const TransactionOptions& options, Body&& body,
      const SourceLocation& where = SourceLocation::current()) {
    Connection leased = connection({}, where);
    return leased.transaction(options, std::forward<Body>(body));
  }

  /// Calls `body(connection)` in a transaction as `transaction` does, and again from the start, each time on
  /// a connection leased anew, if it ends with a serialization failure or a deadlock (40001, 40P01), which
  /// the server undoes: `options.attempts` times at most, with pauses between, all within the pool's
  /// `timeout`. The body must have no effect but on the database. Any other error ends it, CommitUnknown as
  /// well. An error after several attempts tells what each has ended with (ErrorInfo::attempts). UsageError
  /// inside a transaction's body that runs on this thread, on the same pool.
  template <class Body>
  std::invoke_result_t<Body&, Connection&> run(Body&& body, const RunOptions& options = {},
                                               const SourceLocation& where = SourceLocation::current());

  /// Listens to these channels. Blocks until the server has acknowledged that, so that a notification that is
  /// sent from now on is heard. `queue`: how many notifications the listener keeps, 1 to 10,000,000.
  /// UsageError for a name that is empty, longer than 63 bytes, or holds a NUL; PoolTimeout, with the last
  /// connect error; ConfigurationError at once, if no connect can succeed, or if a pooler in transaction mode
  /// stands in between; QueryFailed if the server does not allow it (a standby); PoolClosed.
  [[nodiscard]] Listener listener(const Channels& channels, std::size_t queue = usual_listener_queue);

  /// One snapshot. Does not block.
  [[nodiscard]] PoolStats stats() const;
  /// Of several hosts: what is known of each now, and its own statistics, of which `stats` is the sum. In the
  /// order in which they were found; empty before names have addresses, and of one host. Does not block.
  [[nodiscard]] std::vector<HostInfo> hosts() const;
  /// Who has the connections: the leases of this moment, the oldest first. Does not block, and disturbs none
  /// of them. In a closed pool: those that were not given back.
  [[nodiscard]] std::vector<LeaseInfo> leases() const;
  /// Who waits for a connection, from the front of the queue. Does not block. Takes some 10 ms for
  /// 10,000, during which others go on.
  [[nodiscard]] std::vector<WaiterInfo> waiters() const;
  /// One snapshot of what the pool has measured: histograms of times, and counters by reason. Does not block;
  /// takes about 5 µs.
  [[nodiscard]] PoolMetrics metrics() const;
  /// Judges the pool's size by what it has measured since it was made: see copg::advise. Does not block;
  /// takes some milliseconds.
  [[nodiscard]] SizeAdvice advise(double target = 0.01) const { return copg::advise(metrics(), target); }
  /// For a program that looks on, such as copg::Monitor: what the pool tells of itself. Does not keep it
  /// open.
  [[nodiscard]] PoolView view() const;
  /// Sets new bounds, also while leases are out: raising them opens connections at once, lowering them closes
  /// idle connections at once and leased ones as they come back. Does not block. Throws ConfigurationError,
  /// and changes nothing then.
  void resize(int min_size, int max_size);
  /// Tests all idle connections, a few at a time, so that callers are served meanwhile, and replaces dead
  /// ones. Blocks until all are tested, up to the pool's `timeout` (PoolTimeout). While the server can't be
  /// reached, this starts the next connect at once.
  void check();
  /// Blocks until min_size connections are open. PoolTimeout once the deadline has passed, ConfigurationError
  /// with the server's message at once if no connection can be made; both leave the pool open.
  void wait(Deadline deadline = Seconds{30});
  /// Replaces every connection that is open now: idle ones at once, leased ones as they come back. Does not
  /// block.
  void drain();
  /// Hands out no connections until `resume`: requests wait, up to their deadlines; leases go on. Does not
  /// block.
  void suspend();
  void resume();
  /// Closes the pool: waiting callers get PoolClosed at once; leases get `timeout` seconds to come back, and
  /// are then cut off; what they run is cancelled on the server. No socket, thread, timer or session is left.
  /// Blocks for up to `timeout` and a second. Idempotent. Never throws.
  void close(Seconds timeout = Seconds{5}) noexcept;

  /// PoolOptions::name, or the database's name.
  [[nodiscard]] const std::string& name() const;
  /// PooledDatabase('name', size=5/10), without a password.
  [[nodiscard]] std::string to_string() const;

 private:
  friend class DatabaseOn;
  friend class AsyncPooledDatabase;
  friend class detail::Verbs<PooledDatabase>;
  friend struct sync::EngineAccess;
  explicit PooledDatabase(std::shared_ptr<engine::PoolEngine> face) noexcept;
  explicit PooledDatabase(std::shared_ptr<routing::Router> face) noexcept;
  [[nodiscard]] engine::PoolEngine& engine() const;
  /// Another object for the same pool. Throws UsageError if this one was moved from.
  [[nodiscard]] PooledDatabase shared() const;
  static Connection connection_on(std::shared_ptr<engine::PoolEngine> engine, const detail::Lease& lease);
  [[nodiscard]] Seconds timeout() const;
  Result fetch(const Sql& sql, const Params& params, const detail::RowShape& shape);

  // Shared by the pool objects, of which the last one closes the pool; null once moved from. Of several hosts
  // it is the router.
  std::shared_ptr<engine::PoolEngine> engine_;
  std::shared_ptr<routing::Router> router_;
};

/// The calls of a pool, each of which ends by one deadline: what PooledDatabase::within returns. Small, and a
/// value. It does not keep the pool open: once no pool object is left, its calls throw PoolClosed. If the
/// deadline has passed before the call, PoolTimeout. Thread-safe, except for destruction.
class DatabaseWithin : public detail::Verbs<DatabaseWithin> {
 public:
  using Verbs::execute;
  using Verbs::execute_many;
  using Verbs::execute_many_returning;
  Result execute(const Sql& sql, const Params& params);
  std::int64_t execute_many(const Sql& sql, RowSource& rows);
  std::vector<Result> execute_many_returning(const Sql& sql, RowSource& rows);
  [[nodiscard]] std::vector<PipelineAnswer> execute(const Pipeline& pipeline);
  std::vector<Result> execute_all(const Pipeline& pipeline);
  using Verbs::copy_in;
  std::int64_t copy_in(const Sql& sql, CopySource& source);
  std::int64_t copy_out(const Sql& sql, CopySink& sink);

  /// All of the stream ends by the deadline.
  using Verbs::stream;
  [[nodiscard]] RowStream stream(const Sql& sql, const Params& params);

  /// Only the beginning ends by the deadline.
  [[nodiscard]] Listener listener(const Channels& channels, std::size_t queue = usual_listener_queue);
  /// Leases a connection, each of whose calls ends by the deadline, too, and has no other `timeout`.
  [[nodiscard]] Connection connection(const SourceLocation& where = SourceLocation::current());
  /// As PooledDatabase::transaction. All of it ends by the deadline: the wait for a connection, each call in
  /// the body, and the COMMIT.
  template <std::invocable<Connection&> Body>
  std::invoke_result_t<Body, Connection&> transaction(
      Body&& body, const SourceLocation& where = SourceLocation::current()) {
    Connection leased = connection(where);
    return leased.transaction(std::forward<Body>(body));
  }
  template <std::invocable<Connection&> Body>
  std::invoke_result_t<Body, Connection&> transaction(
      const TransactionOptions& options, Body&& body,
      const SourceLocation& where = SourceLocation::current()) {
    Connection leased = connection(where);
    return leased.transaction(options, std::forward<Body>(body));
  }

  /// As PooledDatabase::run. All attempts, and the pauses between them, end by the deadline.
  template <class Body>
  std::invoke_result_t<Body&, Connection&> run(Body&& body, const RunOptions& options = {},
                                               const SourceLocation& where = SourceLocation::current()) {
    detail::Repeat repeat = begin_run(options);
    for (;;) {
      try {
        Connection leased = connection(where);
        return leased.transaction(options.transaction, body);
      } catch (...) {
        repeat.wait();
      }
    }
  }

 private:
  friend class DatabaseOn;
  friend class PooledDatabase;
  friend class detail::Verbs<DatabaseWithin>;
  DatabaseWithin(std::shared_ptr<engine::PoolEngine> engine, std::shared_ptr<routing::Router> router,
                 Deadline deadline) noexcept;
  Result fetch(const Sql& sql, const Params& params, const detail::RowShape& shape);
  [[nodiscard]] detail::Repeat begin_run(const RunOptions& options) const;

  [[nodiscard]] DatabaseOn on_primary() const;
  static Connection connection_until(Deadline deadline, std::shared_ptr<engine::PoolEngine> engine,
                                     const detail::Lease& lease);
  static RowStream stream_on(Connection leased, const Sql& sql, const Params& params);

  std::shared_ptr<engine::PoolEngine> engine_;  // of one host; else null
  std::shared_ptr<routing::Router> router_;
  Deadline deadline_;
};

/// The calls of a pool on a server of one role: what PooledDatabase::on returns. Small, and a value. It does
/// not keep the pool open: once no pool object is left, its calls throw PoolClosed. Each has the pool's
/// `timeout`, in which it also waits for a server that is fit, or else ends with PoolTimeout, which says what
/// each host was last seen to be. Thread-safe, except for destruction.
class DatabaseOn : public detail::Verbs<DatabaseOn> {
 public:
  using Verbs::execute;
  using Verbs::execute_many;
  using Verbs::execute_many_returning;
  Result execute(const Sql& sql, const Params& params);
  std::int64_t execute_many(const Sql& sql, RowSource& rows);
  std::vector<Result> execute_many_returning(const Sql& sql, RowSource& rows);
  [[nodiscard]] std::vector<PipelineAnswer> execute(const Pipeline& pipeline);
  std::vector<Result> execute_all(const Pipeline& pipeline);
  using Verbs::copy_in;
  std::int64_t copy_in(const Sql& sql, CopySource& source);
  std::int64_t copy_out(const Sql& sql, CopySink& sink);

  using Verbs::stream;
  [[nodiscard]] RowStream stream(const Sql& sql, const Params& params);

  /// Leases a connection to a server of the role, which stays the same until the lease ends.
  [[nodiscard]] Connection connection(const SourceLocation& where = SourceLocation::current());
  /// As PooledDatabase::transaction.
  template <std::invocable<Connection&> Body>
  std::invoke_result_t<Body, Connection&> transaction(
      Body&& body, const SourceLocation& where = SourceLocation::current()) {
    Connection leased = connection(where);
    return leased.transaction(std::forward<Body>(body));
  }
  template <std::invocable<Connection&> Body>
  std::invoke_result_t<Body, Connection&> transaction(
      const TransactionOptions& options, Body&& body,
      const SourceLocation& where = SourceLocation::current()) {
    Connection leased = connection(where);
    return leased.transaction(options, std::forward<Body>(body));
  }

  /// The same calls, each of which ends by the deadline.
  [[nodiscard]] DatabaseOn within(Deadline deadline) const;

 private:
  friend class PooledDatabase;
  friend class DatabaseWithin;
  friend class Session;
  friend class detail::Verbs<DatabaseOn>;
  friend struct sync::EngineAccess;
  DatabaseOn(std::shared_ptr<engine::PoolEngine> engine, std::shared_ptr<routing::Router> router, Role role,
             const RoleOptions& options, std::optional<Deadline> deadline) noexcept;
  Result fetch(const Sql& sql, const Params& params, const detail::RowShape& shape);
  /// As PooledDatabase::on.
  [[nodiscard]] DatabaseOn on(Role role, const RoleOptions& options) const;
  /// As `fetch` (`shape`: null for `execute`), and asks behind the statement, in the same flush, how far the
  /// log is. `token` is nothing if the statement can't travel so, or there was no answer.
  Result fetch_with_position(const Sql& sql, const Params& params, const detail::RowShape* shape,
                             std::optional<WriteToken>& token) const;
  /// How far the primary's log is; of one host nothing.
  [[nodiscard]] std::optional<WriteToken> position() const;
  template <class Body>
  auto call_host(Body body, bool repeatable = false) const;
  template <class Body>
  auto call(Body body, bool repeatable = false) const;
  [[nodiscard]] engine::TimeLimit limit() const;
  [[nodiscard]] detail::HeldLease lease(const engine::TimeLimit& time, const SourceLocation& where) const;
  [[nodiscard]] detail::HeldLease try_lease(const SourceLocation& where) const;
  [[nodiscard]] std::shared_ptr<engine::PoolEngine> held(routing::HostLease host,
                                                         engine::PoolEngine& pool) const;

  std::shared_ptr<engine::PoolEngine> engine_;  // of one host; else null
  std::shared_ptr<routing::Router> router_;
  Role role_;
  RoleOptions options_;
  std::optional<Deadline> deadline_;
};

template <class Body>
std::invoke_result_t<Body&, Connection&> PooledDatabase::run(Body&& body, const RunOptions& options,
                                                             const SourceLocation& where) {
  return within(timeout()).run(std::forward<Body>(body), options, where);
}

}  // namespace copg
#pragma GCC visibility pop
