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

namespace pq {
class OwnBeginning;
}  // namespace pq

/// The state of the session's transaction.
enum class TransactionStatus : std::uint8_t {
  idle,            ///< No transaction is open.
  in_transaction,  ///< A transaction is open.
  failed,          ///< A transaction is open and has failed: only a rollback is possible.
  busy,            ///< A statement was abandoned (too late): the connection can only be given back.
  unknown,         ///< A call has found the connection lost: it can only be given back.
};

/// A lease: the connection is yours from PooledDatabase::connection() until this object is destroyed, which
/// gives the connection back. Move-only. For one thread at a time: two at once abort a debug build and throw
/// UsageError in a release build.
///
/// The first statement begins a transaction (BEGIN travels with it), `commit` ends it, and giving the
/// connection back without a commit rolls it back, in the background. With `autocommit(true)` each statement
/// is its own transaction.
///
/// Every member that talks to the server blocks until the answer or until its deadline: the pool's `timeout`
/// after the call, unless `timeout(...)` says otherwise. It throws
/// - QueryFailed: the server refused the statement. The connection survives; an open transaction has failed.
/// - ConnectionFailed: the connection was lost. What was under way may or may not have happened.
/// - QueryTimeout: the deadline passed. The statement is cancelled in the background, and the connection can
///   only be given back.
/// - PoolClosed: the pool was closed, and the time that `close` gives to leases is over.
/// - DataError: a parameter, or the text, can't be sent. Nothing was sent; the connection survives.
/// - UsageError: the connection was given back, belongs to a parent process, or is used by two threads.
/// A connection that is found dead before the first byte is sent is replaced without an error.
///
/// LISTEN succeeds, but its notifications are dropped at the end of each call.
class Connection {
 public:
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  /// Gives the connection back. Never blocks or throws.
  ~Connection();

  /// Executes one statement, or, without parameters, several, in one round trip. Of several, the rows are
  /// those of the first that returns any. Parameters are sent beside the text, never pasted into it.
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

  /// Executes one statement for each row of parameters (tuples, aggregates or single values) in one pipeline,
  /// with a constant number of round trips and bounded memory. Returns the number of affected rows. The rows
  /// are part of the transaction, or, with autocommit, one of their own. An error names its row
  /// (ErrorInfo::row_index) and undoes all rows. So does an exception of the range, which reaches the caller.
  /// Rows of a plain INSERT share statements where nobody can tell (PoolOptions::join_rows).
  template <std::ranges::input_range Range>
  std::int64_t execute_many(const Sql& sql, Range&& rows) {
    detail::RangeSource<std::remove_reference_t<Range>> source(rows);
    return source.empty() ? 0 : execute_many(sql, source);
  }
  std::int64_t execute_many(const Sql& sql, RowSource& rows);
  /// Executes several statements in one flush, with one round trip for all. Returns one answer for each
  /// statement, in their order.
  ///
  /// An error is the answer to its statement and is not thrown. With autocommit it affects no other
  /// statement. Without, it fails the transaction, and the server refuses the later statements (25P02). If
  /// the connection is lost, the answers that have arrived stay, and the others are the error that says so.
  /// If the server refuses a prepared plan, because a table has changed, the statement is planned again; but
  /// if other statements were sent behind it, its answer is that error (0A000), once. The answer to COPY, or
  /// to several statements in one text, is a UsageError.
  [[nodiscard]] std::vector<PipelineAnswer> execute(const Pipeline& pipeline);

  /// Executes COPY ... FROM STDIN with the data of `source`. Returns the number of rows copied.
  std::int64_t copy_in(const Sql& sql, CopySource& source);
  /// Executes COPY ... TO STDOUT and passes each piece to `sink`. Returns the number of rows copied.
  std::int64_t copy_out(const Sql& sql, CopySink& sink);

  /// One round trip; none if no transaction is open. QueryFailed if the transaction had failed, which is
  /// rolled back then; CommitUnknown if the answer was lost.
  void commit();
  /// One round trip; none if no transaction is open.
  void rollback();
  /// Calls `body(*this)` in a transaction, or in a savepoint if a transaction is open. Commits when the body
  /// returns, rolls back if it throws, and returns the body's result.
  template <std::invocable<Connection&> Body>
  std::invoke_result_t<Body, Connection&> transaction(Body&& body) {
    Transaction transaction(*this);
    return run_in(transaction, std::forward<Body>(body));
  }
  /// With options, which cost no further round trip. UsageError for what a savepoint can't have: isolation
  /// and deferrable.
  template <std::invocable<Connection&> Body>
  std::invoke_result_t<Body, Connection&> transaction(const TransactionOptions& options, Body&& body) {
    Transaction transaction(*this, options);
    return run_in(transaction, std::forward<Body>(body));
  }

  /// Makes each statement its own transaction. UsageError inside a transaction. Default: off.
  void autocommit(bool on);
  [[nodiscard]] bool autocommit() const noexcept { return autocommit_; }
  /// Limits each later call, in seconds. At least 0 (else UsageError); infinite: no limit.
  void timeout(Seconds limit);
  [[nodiscard]] Seconds timeout() const noexcept { return timeout_; }

  /// Gives the connection back before the end of the scope. Any use afterwards is a UsageError. Never blocks.
  void release() noexcept;
  /// Closes the connection instead of giving it back: the pool opens another. Never blocks.
  void close() noexcept;
  /// True after giving back or closing, and once a call has found the connection lost. A lost connection must
  /// still be given back, and a commit on it throws. Sends nothing.
  [[nodiscard]] bool closed() const noexcept;

  // These send nothing. UsageError if the connection was given back.
  [[nodiscard]] int backend_pid() const;
  /// 150004 for 15.4.
  [[nodiscard]] int server_version() const;
  [[nodiscard]] TransactionStatus transaction_status() const;
  /// The value that the server reported last for a parameter such as TimeZone; empty if it reports none.
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
  template <class Body>
  std::invoke_result_t<Body, Connection&> run_in(Transaction& transaction, Body&& body) {
    if constexpr (std::is_void_v<std::invoke_result_t<Body, Connection&>>) {
      std::invoke(std::forward<Body>(body), *this);
      transaction.commit();
    } else {
      auto result = std::invoke(std::forward<Body>(body), *this);
      transaction.commit();
      return result;
    }
  }
  template <class Job>
  auto call(Job job);
  void end_transaction(bool commit);

  std::shared_ptr<engine::PoolEngine> engine_;
  detail::Lease lease_;
  Seconds timeout_;
  bool autocommit_ = false;
  int transactions_ = 0;                               // Transaction objects alive and active
  std::shared_ptr<const pq::OwnBeginning> beginning_;  // of the outermost of them; null: BEGIN alone
};

}  // namespace copg
#pragma GCC visibility pop
