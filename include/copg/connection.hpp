// A connection leased from the pool.
#pragma once

#include <copg/copy_stream.hpp>
#include <copg/detail/configure.hpp>
#include <copg/detail/lease.hpp>
#include <copg/detail/range_source.hpp>
#include <copg/detail/row_shape.hpp>
#include <copg/detail/rows_of.hpp>
#include <copg/params.hpp>
#include <copg/pipeline.hpp>
#include <copg/pool_options.hpp>
#include <copg/result.hpp>
#include <copg/sql.hpp>
#include <copg/transaction.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {

/// What the server says of the session.
enum class TransactionStatus : std::uint8_t {
  idle,            ///< In no transaction.
  in_transaction,  ///< In one.
  failed,          ///< In one that has failed: only a rollback is possible.
  busy,     ///< A statement was given up (its time was up): only giving the connection back is possible.
  unknown,  ///< The connection was lost, as a call has found out: only giving it back is possible.
};

/// A lease: the connection is yours from PooledDatabase::connection() until this object is destroyed, which
/// gives it back. Move-only. One thread at a time; two at once abort a debug build and throw UsageError in a
/// release build.
///
/// The first statement begins a transaction (BEGIN travels with it), `commit` ends it, and giving the
/// connection back without a commit rolls it back, in the background. With `autocommit(true)` each statement
/// is its own transaction.
///
/// Every member that talks to the server blocks until the answer or until its deadline: the pool's `timeout`
/// after the call, unless `timeout(...)` says otherwise. It throws
/// - QueryFailed: the server refused; the connection survives; in a transaction, the transaction has failed;
/// - ConnectionFailed: the connection was lost; it does not survive, and what was under way may or may not
/// have happened;
/// - QueryTimeout: the deadline passed; the statement is cancelled in the background; only giving back is
/// possible;
/// - PoolClosed: the pool was closed and its patience is over;
/// - DataError: a parameter, or the text, can't be sent; nothing was sent;
/// - UsageError: given back already, a forked child's, or used by two threads.
/// A connection found dead before the first byte is replaced by another, and the caller is not told.
///
/// LISTEN succeeds, and nobody hears: notifications are dropped at the end of each call.
class Connection {
 public:
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  /// Gives the connection back. Never blocks or throws.
  ~Connection();

  /// Executes one statement, or, without parameters, several (the rows are those of the first that returns
  /// any). One round trip. Parameters are sent beside the text, never pasted into it.
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

  /// Executes one statement for each row of parameters (tuples, aggregates or single values), in one
  /// pipeline: a constant number of round trips, memory bounded. Returns the sum of affected rows. Part of
  /// the transaction; with autocommit a transaction of its own. An error names the row (ErrorInfo::row_index)
  /// and undoes all of it. What iterating the range throws comes through, and undoes all of it too.
  template <std::ranges::input_range Range>
  std::int64_t execute_many(const Sql& sql, Range&& rows) {
    detail::RangeSource<std::remove_reference_t<Range>> source(rows);
    return source.empty() ? 0 : execute_many(sql, source);
  }
  std::int64_t execute_many(const Sql& sql, RowSource& rows);
  /// Executes several statements in one flush: one round trip for all. Returns the answers, one for
  /// each statement, in their order.
  ///
  /// An error is the answer to its own statement, and is not thrown: with autocommit it touches
  /// no other; without, it fails the transaction, and those behind it are refused (25P02). If the connection
  /// is lost on the way, what was answered stays answered, and the others' answers say so. A statement whose
  /// prepared plan the server refuses (its table has changed) is planned anew, and nobody is told, unless
  /// others went behind it: then its answer is that error (0A000), once. Each is one statement; several in
  /// one text and COPY are refused (UsageError is the answer).
  [[nodiscard]] std::vector<PipelineAnswer> execute(const Pipeline& pipeline);

  /// COPY ... FROM STDIN: sends what `source` gives. Returns the rows copied.
  std::int64_t copy_in(const Sql& sql, CopySource& source);
  /// COPY ... TO STDOUT: hands each piece to `sink`. Returns the rows copied.
  std::int64_t copy_out(const Sql& sql, CopySink& sink);

  /// One round trip; none if no transaction is open. QueryFailed if it had failed (it is rolled back then);
  /// CommitUnknown if the answer was lost.
  void commit();
  /// One round trip; none if no transaction is open.
  void rollback();
  /// Calls `body(*this)` in a transaction, or in a savepoint inside one: committed on return, rolled back if
  /// it throws.
  template <std::invocable<Connection&> Body>
  std::invoke_result_t<Body, Connection&> transaction(Body&& body) {
    Transaction transaction(*this);
    if constexpr (std::is_void_v<std::invoke_result_t<Body, Connection&>>) {
      std::invoke(std::forward<Body>(body), *this);
      transaction.commit();
    } else {
      auto result = std::invoke(std::forward<Body>(body), *this);
      transaction.commit();
      return result;
    }
  }

  /// Each statement its own transaction. UsageError inside a transaction. Default: off.
  void autocommit(bool on);
  [[nodiscard]] bool autocommit() const noexcept { return autocommit_; }
  /// How long each call may take from here on, in seconds. At least 0; infinite: no limit.
  void timeout(Seconds limit);
  [[nodiscard]] Seconds timeout() const noexcept { return timeout_; }

  /// Gives the connection back before the end of the scope. Any use afterwards is a UsageError. Never blocks.
  void release() noexcept;
  /// Closes the connection instead of giving it back: the pool opens another. Never blocks.
  void close() noexcept;
  /// Given back, closed, or lost, as a call has found out. A connection that was lost is still to be given
  /// back, and a commit on it throws. Nothing is asked of the server.
  [[nodiscard]] bool closed() const noexcept;

  // Nothing is sent for these. UsageError if given back.
  [[nodiscard]] int backend_pid() const;
  /// As 150004 for 15.4.
  [[nodiscard]] int server_version() const;
  [[nodiscard]] TransactionStatus transaction_status() const;
  /// What the server has reported last, such as TimeZone; empty if it does not report this.
  [[nodiscard]] std::string parameter_status(const std::string& name) const;

 private:
  friend class PooledDatabase;
  friend class Transaction;
  friend struct detail::LeaseAccess;
  friend void detail::call_configure(const PoolOptions& options, std::shared_ptr<engine::PoolEngine> engine,
                                     detail::Lease& lease);
  Connection(std::shared_ptr<engine::PoolEngine> engine, const detail::Lease& lease,
             Seconds timeout) noexcept;
  Result fetch(const Sql& sql, const Params& params, const detail::RowShape& shape);
  template <class Job>
  auto call(Job job);
  void end_transaction(bool commit);

  std::shared_ptr<engine::PoolEngine> engine_;
  detail::Lease lease_;
  Seconds timeout_;
  bool autocommit_ = false;
  int transactions_ = 0;  // Transaction objects alive and active
};

}  // namespace copg
#pragma GCC visibility pop
