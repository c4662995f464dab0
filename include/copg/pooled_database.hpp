// The pool for threads.
#pragma once

#include <copg/config.hpp>
#include <copg/connection.hpp>
#include <copg/pool_options.hpp>
#include <copg/pool_stats.hpp>
#include <copg/source_location.hpp>

#include <chrono>
#include <filesystem>
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

/// A pool of connections to one database, to be used from any number of threads.
///
/// Every call has one deadline, `timeout` seconds after it began, over waiting for a connection, opening it,
/// and the answer. Requests are served in the order of their arrival. Calls throw as Connection's do, and,
/// for want of a connection: PoolTimeout (the message says who holds them), ConfigurationError (at once,
/// with the server's words, when connecting can't work: wrong password, no such database), TooManyRequests,
/// PoolClosed.
///
/// Thread-safe, but for moving and destruction. What was moved from is no pool any more: its calls throw
/// UsageError, `close` and destruction do nothing. After a fork the child's pool is as new: it opens
/// connections of its own.
class PooledDatabase {
 public:
  /// Opens the pool: min_size connections are opened in the background; returns without waiting for them
  /// (`wait` does). Throws ConfigurationError; ConnectionFailed if the process may start no more threads.
  explicit PooledDatabase(const Config& config, PoolOptions options = {});
  /// With Config::from_env.
  static PooledDatabase from_env(PoolOptions options = {},
                                 const std::optional<std::filesystem::path>& dotenv = {});
  /// With Config::from_url.
  static PooledDatabase from_url(std::string_view url, PoolOptions options = {});
  PooledDatabase(PooledDatabase&&) noexcept;
  PooledDatabase& operator=(PooledDatabase&&) noexcept;
  PooledDatabase(const PooledDatabase&) = delete;
  PooledDatabase& operator=(const PooledDatabase&) = delete;
  /// close(), when it is the last face of its pool.
  ~PooledDatabase();

  /// Executes one statement in a transaction of its own, on any connection: one round trip. Without
  /// parameters the text may hold several statements, which are then one transaction; the rows are those of
  /// the first that returns any.
  Result execute(const Sql& sql, const Params& params);
  template <Encodable... Args>
  Result execute(const Sql& sql, const Args&... args) {
    return execute(sql, params(args...));
  }
  /// All rows, each as a T, which owns its memory: an aggregate or tuple by position, or a single value.
  /// DataError if a column does not fit. A statement that may write is not executed then: the first time, it
  /// costs one more round trip to know. A value that does not fit is found after it was executed, which
  /// `info().executed` says.
  template <class T, Encodable... Args>
  [[nodiscard]] std::vector<T> fetch_all(const Sql& sql, const Args&... args) {
    return detail::to_vector<T>(fetch(sql, params(args...), detail::rows_as<T>));
  }
  /// The first row, if there is one: none, too, if the statement returns no rows by its nature. Errors as
  /// fetch_all.
  template <class T, Encodable... Args>
  [[nodiscard]] std::optional<T> fetch_one(const Sql& sql, const Args&... args) {
    return detail::to_optional<T>(fetch(sql, params(args...), detail::rows_as<T>));
  }
  /// The only column of the first row. Without a row: DataError, or NULL for an optional T; UsageError, and
  /// nothing is sent, if the text shows that there can be none. Errors as fetch_all.
  template <class T, Encodable... Args>
  [[nodiscard]] T fetch_val(const Sql& sql, const Args&... args) {
    return detail::to_value<T>(fetch(sql, params(args...), detail::value_as<T>));
  }
  /// Executes one statement for each row of parameters (tuples, aggregates or single values): one
  /// transaction, all or nothing, a constant number of round trips, bounded memory. Returns the sum of
  /// affected rows; 0 for no rows, without taking a connection. An error names the row
  /// (ErrorInfo::row_index).
  template <std::ranges::input_range Range>
  std::int64_t execute_many(const Sql& sql, Range&& rows) {
    detail::RangeSource<std::remove_reference_t<Range>> source(rows);
    return source.empty() ? 0 : execute_many(sql, source);
  }
  std::int64_t execute_many(const Sql& sql, RowSource& rows);

  /// Leases a connection, waiting up to `timeout` seconds for it (the pool's own if not given).
  [[nodiscard]] Connection connection(std::optional<Seconds> timeout = {},
                                      const SourceLocation& where = SourceLocation::current());
  /// Leases a connection and calls `body(connection)` in a transaction: committed on return, rolled back if
  /// it throws. Returns what it returns. `body` is called once.
  template <std::invocable<Connection&> Body>
  std::invoke_result_t<Body, Connection&> transaction(
      Body&& body, const SourceLocation& where = SourceLocation::current()) {
    Connection leased = connection({}, where);
    return leased.transaction(std::forward<Body>(body));
  }

  /// One snapshot. Does not block.
  [[nodiscard]] PoolStats stats() const;
  /// New bounds, also while leases are out: raising opens at once, lowering closes idle connections at once
  /// and leased ones as they come back. Does not block. Throws ConfigurationError; nothing has changed then.
  void resize(int min_size, int max_size);
  /// Tests all idle connections and replaces dead ones, a few at a time, so that callers go on being served.
  /// Blocks until done, up to the pool's timeout (PoolTimeout). While the server can't be reached, the next
  /// connect starts at once.
  void check();
  /// Blocks until min_size connections are open; PoolTimeout after `timeout` seconds, ConfigurationError with
  /// the server's words at once if no connection can be made. The pool stays open in both cases.
  void wait(Seconds timeout = Seconds{30});
  /// Closes every connection that is open now: idle ones at once, leased ones as they come back; new ones are
  /// opened in their place. Does not block.
  void drain();
  /// Hands out no connection until `resume`: requests queue up to their deadlines; leases go on. Does not
  /// block.
  void suspend();
  void resume();
  /// Waiting callers get PoolClosed at once; leases get `timeout` seconds to come back, then are cut off, and
  /// what they run is cancelled on the server. Leaves no socket, thread, timer or session. Blocks for up to
  /// `timeout` and a second. Idempotent. Never throws.
  void close(Seconds timeout = Seconds{5}) noexcept;

  /// Of the pool: PoolOptions::name, or the database's.
  [[nodiscard]] const std::string& name() const;
  /// Never shows a password: PooledDatabase('name', size=5/10).
  [[nodiscard]] std::string to_string() const;

 private:
  friend class AsyncPooledDatabase;
  friend struct sync::EngineAccess;
  explicit PooledDatabase(std::shared_ptr<engine::PoolEngine> face) noexcept;
  [[nodiscard]] engine::PoolEngine& engine() const;
  Result fetch(const Sql& sql, const Params& params, const detail::RowShape& shape);

  // A face: the last one closes the pool. None once it was moved from.
  std::shared_ptr<engine::PoolEngine> engine_;
};

}  // namespace copg
#pragma GCC visibility pop
