// The pool for threads.
#pragma once

#include <copg/config.hpp>
#include <copg/connection.hpp>
#include <copg/pool_options.hpp>
#include <copg/pool_stats.hpp>
#include <copg/source_location.hpp>

#include <chrono>
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

/// A pool of connections to one database, for any number of threads.
///
/// Every call has one deadline, `timeout` seconds after it began, for waiting for a connection, opening it,
/// and the answer. Requests are served in the order of their arrival. Calls throw what Connection's calls
/// throw, and, if they get no connection: PoolTimeout (the message says who holds the connections),
/// ConfigurationError (at once, with the server's message, if no connect can succeed: wrong password, no such
/// database), TooManyRequests, or PoolClosed.
///
/// Thread-safe, except for moving and destruction. Calls on an object that was moved from throw UsageError;
/// its `close` and destructor do nothing. After a fork the child's pool opens connections of its own.
class PooledDatabase {
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

  /// Executes one statement in a transaction of its own, on any connection, in one round trip. Without
  /// parameters the text may hold several statements, which are then one transaction; the rows are those of
  /// the first that returns any.
  Result execute(const Sql& sql, const Params& params);
  template <Encodable... Args>
  Result execute(const Sql& sql, const Args&... args) {
    return execute(sql, params(args...));
  }
  /// Returns all rows, each as a T, which owns its memory: an aggregate or tuple by position, or one value.
  /// DataError if the columns do not fit a T: a statement that may write is not executed then; to find out,
  /// its first use costs one more round trip. DataError, too, if a value does not fit: the statement was
  /// executed then, as `info().executed` says.
  template <class T, Encodable... Args>
  [[nodiscard]] std::vector<T> fetch_all(const Sql& sql, const Args&... args) {
    return detail::to_vector<T>(fetch(sql, params(args...), detail::rows_as<T>));
  }
  /// Returns the first row; nothing if there is none, or if the statement can't return rows. Throws as
  /// fetch_all.
  template <class T, Encodable... Args>
  [[nodiscard]] std::optional<T> fetch_one(const Sql& sql, const Args&... args) {
    return detail::to_optional<T>(fetch(sql, params(args...), detail::rows_as<T>));
  }
  /// Returns the only column of the first row. Throws as fetch_all. Without a row: NULL for an optional T;
  /// else DataError, or UsageError before anything is sent if the text can't return rows.
  template <class T, Encodable... Args>
  [[nodiscard]] T fetch_val(const Sql& sql, const Args&... args) {
    return detail::to_value<T>(fetch(sql, params(args...), detail::value_as<T>));
  }
  /// Executes one statement for each row of parameters (tuples, aggregates or single values) in one
  /// transaction, with a constant number of round trips and bounded memory. Returns the number of affected
  /// rows; 0 for an empty range, without leasing a connection. An error names its row (ErrorInfo::row_index)
  /// and undoes all rows. Rows of a plain INSERT share statements where nobody can tell
  /// (PoolOptions::join_rows).
  template <std::ranges::input_range Range>
  std::int64_t execute_many(const Sql& sql, Range&& rows) {
    detail::RangeSource<std::remove_reference_t<Range>> source(rows);
    return source.empty() ? 0 : execute_many(sql, source);
  }
  std::int64_t execute_many(const Sql& sql, RowSource& rows);

  /// Leases a connection, waiting for up to `timeout` seconds (by default the pool's `timeout`).
  [[nodiscard]] Connection connection(std::optional<Seconds> timeout = {},
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

  /// One snapshot. Does not block.
  [[nodiscard]] PoolStats stats() const;
  /// Sets new bounds, also while leases are out: raising them opens connections at once, lowering them closes
  /// idle connections at once and leased ones as they come back. Does not block. Throws ConfigurationError,
  /// and changes nothing then.
  void resize(int min_size, int max_size);
  /// Tests all idle connections, a few at a time, so that callers are served meanwhile, and replaces dead
  /// ones. Blocks until all are tested, up to the pool's `timeout` (PoolTimeout). While the server can't be
  /// reached, this starts the next connect at once.
  void check();
  /// Blocks until min_size connections are open. PoolTimeout after `timeout` seconds, ConfigurationError with
  /// the server's message at once if no connection can be made; both leave the pool open.
  void wait(Seconds timeout = Seconds{30});
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
  friend class AsyncPooledDatabase;
  friend struct sync::EngineAccess;
  explicit PooledDatabase(std::shared_ptr<engine::PoolEngine> face) noexcept;
  [[nodiscard]] engine::PoolEngine& engine() const;
  Result fetch(const Sql& sql, const Params& params, const detail::RowShape& shape);

  // Shared by the pool objects, of which the last one closes the pool; null once moved from.
  std::shared_ptr<engine::PoolEngine> engine_;
};

}  // namespace copg
#pragma GCC visibility pop
