// A connection leased from the pool.
#pragma once

#include <copg/copy.hpp>
#include <copg/copy_stream.hpp>
#include <copg/deadline.hpp>
#include <copg/detail/configure.hpp>
#include <copg/detail/lease.hpp>
#include <copg/detail/repeat.hpp>
#include <copg/detail/verbs.hpp>
#include <copg/params.hpp>
#include <copg/pipeline.hpp>
#include <copg/pool_options.hpp>
#include <copg/result.hpp>
#include <copg/row_stream.hpp>
#include <copg/sql.hpp>
#include <copg/transaction.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {

namespace pq {
class OwnBeginning;
}  // namespace pq

class ConnectionWithin;

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
/// after the call, unless `timeout(...)` or `within(...)` says otherwise. It throws
/// - QueryFailed: the server refused the statement. The connection survives; an open transaction has failed.
/// - ConnectionFailed: the connection was lost. What was under way may or may not have happened.
/// - QueryTimeout: the deadline passed. The statement is cancelled in the background, and the connection can
///   only be given back; if the message says that nothing was sent, the connection survives.
/// - PoolClosed: the pool was closed, and the time that `close` gives to leases is over.
/// - DataError: a parameter, or the text, can't be sent. Nothing was sent; the connection survives.
/// - UsageError: the connection was given back, belongs to a parent process, or is used by two threads.
/// A connection that is found dead before the first byte is sent is replaced without an error.
///
/// LISTEN succeeds, but its notifications are dropped at the end of each call: see PooledDatabase::listener.
class Connection : public detail::Verbs<Connection> {
 public:
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  /// Gives the connection back. Never blocks or throws.
  ~Connection();

  // With the verbs of detail::Verbs: execute(sql, args...), fetch_all, fetch_one, fetch_val, execute_many,
  // copy_in(table, rows).

  using Verbs::execute;
  using Verbs::execute_many;
  using Verbs::execute_many_returning;
  Result execute(const Sql& sql, const Params& params);
  std::int64_t execute_many(const Sql& sql, RowSource& rows);
  /// The rows that are returned as one Result, or several in turn where the types of columns change.
  std::vector<Result> execute_many_returning(const Sql& sql, RowSource& rows);
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
  /// Executes several statements in one flush and one transaction, with one round trip for all: all or none.
  /// Returns their results in their order.
  ///
  /// They are part of an open transaction, or of the one that this call begins; with autocommit, they are a
  /// transaction of their own, which is committed with them. The first error is thrown; it names its
  /// statement (ErrorInfo::statement_index), the statements behind it are not executed, and what was done is
  /// undone: a transaction that is not of their own has failed. UsageError, before anything is sent, for a
  /// COPY, several statements in one text, and statements that begin or end a transaction.
  std::vector<Result> execute_all(const Pipeline& pipeline);

  /// See detail::Verbs and RowStream, which refers to this connection.
  using Verbs::stream;
  [[nodiscard]] RowStream stream(const Sql& sql, const Params& params);

  using Verbs::copy_in;
  /// Executes COPY ... FROM STDIN with the data of `source`. Returns the number of rows copied.
  std::int64_t copy_in(const Sql& sql, CopySource& source);
  /// Executes COPY ... TO STDOUT and passes each piece to `sink`. Returns the number of rows copied.
  std::int64_t copy_out(const Sql& sql, CopySink& sink);
  /// Begins COPY ... FROM STDIN or COPY ... TO STDOUT, to be written to or read piece by piece.
  [[nodiscard]] Copy copy(const Sql& sql);

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
  /// Limits each later call, in seconds. At least 0 (else UsageError); infinite: no limit. A deadline of the
  /// whole lease or block (`within`) holds besides.
  void timeout(Seconds limit);
  [[nodiscard]] Seconds timeout() const noexcept { return timeout_; }
  /// Names the lease for those who look for who has a connection: PooledDatabase::leases, a PoolTimeout's
  /// message, reports of leaks. Its first 30 bytes are kept, until the connection is given back. Sends
  /// nothing. UsageError if the connection was given back.
  void name(std::string_view name);
  [[nodiscard]] std::string name() const;
  /// The same calls, each of which ends by the deadline, whatever `timeout()` says:
  /// `conn.within(500ms).fetch_val<int>(...)`. This object must outlive what is returned.
  [[nodiscard]] ConnectionWithin within(Deadline deadline) noexcept;

  /// Gives the connection back before the end of the scope. Any use afterwards is a UsageError. Never blocks.
  void release() noexcept;
  /// Takes the connection out of the pool, whose place is free at once: the pool may open another. This
  /// object has no lease afterwards. The connection that is returned belongs to the program: it has all
  /// verbs, the timeout and autocommit of the lease, and the session and open transaction as they are; its
  /// destructor and `close` close it, and wait for that for up to a second. No limit of the pool counts it,
  /// neither max_lifetime nor `close` of the pool ends it, and if it dies it is not replaced. Sends nothing.
  /// Starts a thread if the pool has one. UsageError inside transaction(), or while a statement has not
  /// ended; ConnectionFailed if it has died while it was idle, after which the next statement gets another.
  [[nodiscard]] Connection detach();
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
  friend class ConnectionWithin;
  friend class Copy;
  friend class DatabaseWithin;
  friend class PooledDatabase;
  friend class RowStream;
  friend class Transaction;
  friend class detail::Verbs<Connection>;
  friend struct detail::LeaseAccess;
  friend void detail::call_configure(const PoolOptions& options, detail::Hook hook,
                                     std::shared_ptr<engine::PoolEngine> engine, detail::Lease& lease);
  Connection(std::shared_ptr<engine::PoolEngine> engine, const detail::Lease& lease,
             Seconds timeout) noexcept;
  Result fetch(const Sql& sql, const Params& params, const detail::RowShape& shape);
  template <class Body>
  std::invoke_result_t<Body, Connection&> run_in(Transaction& transaction, Body&& body) {
    const detail::InsideTransaction inside(engine_.get());
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
  [[nodiscard]] Result next_chunk(const std::shared_ptr<engine::OpenStream>& stream,
                                  const std::optional<Deadline>& deadline);
  void end_transaction(bool commit);
  /// A transaction() could not be ended, because no time was left to send that: gives the connection back,
  /// which rolls back, so that nothing of it is committed later.
  void give_back_unended() noexcept;
  void forget_holder() const noexcept;

  std::shared_ptr<engine::PoolEngine> engine_;
  detail::Lease lease_;
  Seconds timeout_;
  Deadline deadline_;  // of the whole lease, or of a block
  bool autocommit_ = false;
  int transactions_ = 0;                               // Transaction objects alive and active
  std::shared_ptr<const pq::OwnBeginning> beginning_;  // of the outermost of them; null: BEGIN alone
};

/// The calls of a connection, each of which ends by one deadline: what Connection::within returns. It refers
/// to the connection, which must outlive it. Its members are those of Connection, and throw the same errors;
/// if the deadline has passed before anything was sent, QueryTimeout, and the connection survives.
class ConnectionWithin : public detail::Verbs<ConnectionWithin> {
 public:
  using Verbs::execute;
  using Verbs::execute_many;
  using Verbs::execute_many_returning;
  Result execute(const Sql& sql, const Params& params);
  std::int64_t execute_many(const Sql& sql, RowSource& rows);
  std::vector<Result> execute_many_returning(const Sql& sql, RowSource& rows);
  [[nodiscard]] std::vector<PipelineAnswer> execute(const Pipeline& pipeline);
  std::vector<Result> execute_all(const Pipeline& pipeline);
  using Verbs::stream;
  [[nodiscard]] RowStream stream(const Sql& sql, const Params& params);
  using Verbs::copy_in;
  std::int64_t copy_in(const Sql& sql, CopySource& source);
  std::int64_t copy_out(const Sql& sql, CopySink& sink);
  /// As Connection::copy; all of it, each later call as well, ends by the deadline.
  [[nodiscard]] Copy copy(const Sql& sql);
  void commit();
  void rollback();
  /// As Connection::transaction: each call in the body ends by the deadline, and so does the COMMIT. If no
  /// time is left to end the transaction, the connection is given back, which rolls back. What
  /// `timeout(...)` says in the body holds to its end.
  template <std::invocable<Connection&> Body>
  std::invoke_result_t<Body, Connection&> transaction(Body&& body) {
    const Limited limited(*this);
    return connection_.transaction(std::forward<Body>(body));
  }
  template <std::invocable<Connection&> Body>
  std::invoke_result_t<Body, Connection&> transaction(const TransactionOptions& options, Body&& body) {
    const Limited limited(*this);
    return connection_.transaction(options, std::forward<Body>(body));
  }

 private:
  friend class Connection;
  friend class detail::Verbs<ConnectionWithin>;

  /// The connection has this deadline in place of its timeout until the end of the scope.
  class Limited {
   public:
    explicit Limited(const ConnectionWithin& within) noexcept;
    Limited(const Limited&) = delete;
    Limited& operator=(const Limited&) = delete;
    ~Limited();

   private:
    Connection& connection_;
    const Seconds timeout_;
    const Deadline deadline_;
  };

  ConnectionWithin(Connection& connection, Deadline deadline) noexcept
      : connection_(connection), deadline_(deadline) {}
  Result fetch(const Sql& sql, const Params& params, const detail::RowShape& shape);

  Connection& connection_;
  Deadline deadline_;
};

inline ConnectionWithin Connection::within(Deadline deadline) noexcept { return {*this, deadline}; }

}  // namespace copg
#pragma GCC visibility pop
