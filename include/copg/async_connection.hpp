// A connection leased from the pool, for event loops.
#pragma once

#include <copg/async_copy.hpp>
#include <copg/async_row_stream.hpp>
#include <copg/connection.hpp>
#include <copg/deadline.hpp>
#include <copg/detail/async_initiate.hpp>
#include <copg/detail/async_verbs.hpp>
#include <copg/detail/request.hpp>
#include <copg/pipeline.hpp>
#include <copg/pool_options.hpp>
#include <copg/result.hpp>
#include <copg/sql.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <concepts>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {

namespace engine {
class SavepointOptions;
}  // namespace engine

namespace async {
class ConnectionCall;
class Loop;
struct LeaseState;
}  // namespace async

class AsyncConnection;
class AsyncConnectionWithin;

namespace detail {
template <class T>
inline constexpr bool is_awaitable = false;
template <class T, class Executor>
inline constexpr bool is_awaitable<boost::asio::awaitable<T, Executor>> = true;
}  // namespace detail

/// A coroutine that `transaction` runs: it takes an AsyncConnection& and returns an awaitable.
template <class Body>
concept AwaitableBody = std::invocable<Body&, AsyncConnection&> &&
    detail::is_awaitable<std::invoke_result_t<Body&, AsyncConnection&>>;

/// A lease: the connection is yours from AsyncPooledDatabase::connection() until this object is destroyed,
/// which gives the connection back without blocking. A call that is under way then completes with
/// operation_aborted. Move-only. For one call at a time: two at once abort a debug build and fail with
/// UsageError in a release build.
///
/// Connection describes transactions, deadlines, and errors and whether the connection survives them;
/// AsyncPooledDatabase describes how calls complete and are cancelled. After a statement that was cancelled
/// or too late, the connection can only be given back.
class AsyncConnection : public detail::AsyncVerbs<AsyncConnection> {
 public:
  using executor_type = boost::asio::any_io_executor;

  /// Holds no lease: closed() is true.
  AsyncConnection() noexcept;
  AsyncConnection(AsyncConnection&&) noexcept;
  AsyncConnection& operator=(AsyncConnection&&) noexcept;
  AsyncConnection(const AsyncConnection&) = delete;
  AsyncConnection& operator=(const AsyncConnection&) = delete;
  ~AsyncConnection();

  /// The pool's executor. UsageError if the connection was given back.
  [[nodiscard]] executor_type get_executor() const;

  // With the verbs of detail::AsyncVerbs: execute(sql, args...), execute(pipeline), execute_all, fetch_all,
  // fetch_one, fetch_val, execute_many, copy_in, copy_out.

  /// Begins COPY ... FROM STDIN or COPY ... TO STDOUT, to be written to or read piece by piece. Completes
  /// with an AsyncCopy.
  template <detail::TokenFor<AsyncCopy> Token = DefaultToken>
  auto copy(const Sql& sql, Token&& token = {}) {
    return detail::initiate<AsyncCopy>(
        owner(),
        [](auto& self, auto handler, std::string text) {
          self.start_copy(std::move(handler), std::move(text), {});
        },
        token, std::string(sql.text()));
  }
  /// A statement whose rows are read in chunks, as they are asked for. The stream refers to this connection;
  /// nothing is sent before its first `next`. UsageError if the connection was given back.
  template <Encodable... Args>
  [[nodiscard]] AsyncRowStream stream(const Sql& sql, const Args&... args) {
    return stream_of(detail::make_request(sql, args...), {});
  }
  [[nodiscard]] AsyncRowStream stream(const Sql& sql, const Params& params) {
    return stream_of(detail::make_request(sql, params), {});
  }

  /// One round trip; none if no transaction is open. QueryFailed if the transaction had failed, which is
  /// rolled back then; CommitUnknown if the answer was lost.
  template <detail::TokenFor<> Token = DefaultToken>
  auto commit(Token&& token = {}) {
    require_lease();
    return end(true, token);
  }
  /// One round trip; none if no transaction is open.
  template <detail::TokenFor<> Token = DefaultToken>
  auto rollback(Token&& token = {}) {
    require_lease();
    return end(false, token);
  }
  /// Awaits `body(*this)` in a transaction, or in a savepoint if a transaction is open. Commits when the body
  /// returns, rolls back if it throws, and completes with the body's result. A cancelled body gives the
  /// connection back, which rolls back in the background.
  template <class Body>
  requires AwaitableBody<Body>
  auto transaction(Body body) -> std::invoke_result_t<Body&, AsyncConnection&> {
    return transact(nullptr, std::move(body));
  }
  /// With options, which cost no further round trip. UsageError for what a savepoint can't have: isolation
  /// and deferrable.
  template <class Body>
  requires AwaitableBody<Body>
  auto transaction(TransactionOptions options, Body body) -> std::invoke_result_t<Body&, AsyncConnection&> {
    return transact(std::make_unique<const TransactionOptions>(std::move(options)), std::move(body));
  }
  /// Runs `transaction(body)` on the pool's executor, for any completion token.
  template <class Body, class Token>
  requires AwaitableBody<Body>
  auto transaction(Body body, Token&& token) {
    return boost::asio::co_spawn(get_executor(), transaction(std::move(body)), std::forward<Token>(token));
  }
  template <class Body, class Token>
  requires AwaitableBody<Body>
  auto transaction(TransactionOptions options, Body body, Token&& token) {
    return boost::asio::co_spawn(get_executor(), transaction(std::move(options), std::move(body)),
                                 std::forward<Token>(token));
  }

  /// Makes each statement its own transaction. UsageError inside a transaction. Default: off.
  void autocommit(bool on);
  [[nodiscard]] bool autocommit() const;
  /// Limits each later call, in seconds. At least 0 (else UsageError); infinite: no limit. A deadline of the
  /// whole lease or block (`within`) holds besides.
  void timeout(Seconds limit);
  [[nodiscard]] Seconds timeout() const;
  /// As Connection::name.
  void name(std::string_view name);
  [[nodiscard]] std::string name() const;
  /// The same calls, each of which ends by the deadline, whatever `timeout()` says. This object must outlive
  /// what is returned, and must not be moved before a call has started.
  [[nodiscard]] AsyncConnectionWithin within(Deadline deadline) noexcept;

  /// Gives the connection back. Any use afterwards is a UsageError. Never blocks.
  void release() noexcept;
  /// Takes the connection out of the pool, as Connection::detach. What is returned runs on the same executor;
  /// on the pool's own thread, if that is where it ran, it gets a thread of its own. UsageError inside
  /// transaction(), while a statement has not ended, or while a call is under way.
  [[nodiscard]] AsyncConnection detach();
  /// Closes the connection instead of giving it back: the pool opens another. Never blocks.
  void close() noexcept;
  /// True without a lease: after giving back or closing; and once a call has found the connection lost. A
  /// lost connection must still be given back, and a commit on it throws. Sends nothing.
  [[nodiscard]] bool closed() const noexcept;

  // These send nothing. UsageError if the connection was given back, or while a call is under way.
  [[nodiscard]] int backend_pid() const;
  [[nodiscard]] int server_version() const;
  [[nodiscard]] TransactionStatus transaction_status() const;
  [[nodiscard]] std::string parameter_status(const std::string& name) const;

 private:
  friend class async::ConnectionCall;
  friend class AsyncConnectionWithin;
  friend class AsyncRowStream;
  template <class Handle>
  friend class detail::AsyncLeases;
  friend class detail::AsyncVerbs<AsyncConnection>;
  explicit AsyncConnection(std::shared_ptr<async::LeaseState> state) noexcept;
  [[nodiscard]] async::LeaseState& state() const;
  void require_lease() const;
  [[nodiscard]] AsyncConnection* owner() {
    require_lease();
    return this;
  }
  template <class Token>
  auto end(bool commit, Token& token) {
    return detail::initiate<>(
        owner(), [commit](auto& self, auto handler) { self.start_end(std::move(handler), commit, {}); },
        token);
  }
  [[nodiscard]] AsyncRowStream stream_of(std::shared_ptr<const detail::Request> statement,
                                         std::optional<Deadline> deadline) const;
  // `deadline`: in place of the timeout.
  void start(detail::Handler<Result> handler, std::unique_ptr<detail::Request> request,
             std::optional<Deadline> deadline = {});
  void start(detail::Handler<std::int64_t> handler, detail::ManyRequest request,
             std::optional<Deadline> deadline = {});
  void start(detail::Handler<std::vector<Result>> handler, detail::ReturningRequest request,
             std::optional<Deadline> deadline = {});
  void start(detail::Handler<std::int64_t> handler, detail::CopyRequest request,
             std::optional<Deadline> deadline = {});
  void start(detail::Handler<std::vector<PipelineAnswer>> handler, Pipeline pipeline,
             std::optional<Deadline> deadline = {});
  void start(detail::Handler<std::vector<Result>> handler, Pipeline pipeline,
             std::optional<Deadline> deadline = {});
  void start_copy(detail::Handler<AsyncCopy> handler, std::string sql, std::optional<Deadline> deadline);
  void start_end(detail::Handler<> handler, bool commit, std::optional<Deadline> deadline);

  /// `options`: null for none.
  template <class Body>
  auto transact(std::unique_ptr<const TransactionOptions> options, Body body)
      -> std::invoke_result_t<Body&, AsyncConnection&> {
    using Value = typename std::invoke_result_t<Body&, AsyncConnection&>::value_type;
    const int savepoint = co_await begin_transaction(std::move(options));
    std::exception_ptr error;
    try {
      if constexpr (std::is_void_v<Value>) {
        co_await body(*this);
        co_await end_transaction(savepoint, true);
        co_return;
      } else {
        auto result = co_await body(*this);
        co_await end_transaction(savepoint, true);
        co_return result;
      }
    } catch (...) {
      error = std::current_exception();
    }
    // A cancelled coroutine can't await anything any more.
    const bool throws = co_await boost::asio::this_coro::throw_if_cancelled();
    const boost::asio::cancellation_state coroutine = co_await boost::asio::this_coro::cancellation_state;
    const bool cancelled = throws && coroutine.cancelled() != boost::asio::cancellation_type::none;
    if (cancelled) {
      release();
    } else {
      co_await undo_transaction(savepoint);
    }
    std::rethrow_exception(error);
  }

  /// Returns the number of the new savepoint; 0 for the transaction itself, for which nothing is sent.
  boost::asio::awaitable<int> begin_transaction(std::unique_ptr<const TransactionOptions> options);
  boost::asio::awaitable<int> begin_savepoint(int savepoint, engine::SavepointOptions options);
  boost::asio::awaitable<void> end_transaction(int savepoint, bool commit);
  /// Rolls back. Ignores a failure, since giving the connection back cleans it. Does that if no time is left.
  boost::asio::awaitable<void> undo_transaction(int savepoint);
  /// As that of Connection.
  void give_back_unended() noexcept;

  std::shared_ptr<async::Loop> loop_;  // kept after giving back: earlier calls complete there
  std::shared_ptr<async::LeaseState> state_;
};

/// The calls of a connection, each of which ends by one deadline: what AsyncConnection::within returns. It
/// refers to the connection. Its members are those of AsyncConnection, and fail with the same errors; if the
/// deadline has passed before anything was sent, with QueryTimeout, and the connection survives.
class AsyncConnectionWithin : public detail::AsyncVerbs<AsyncConnectionWithin> {
 public:
  /// As AsyncConnection::copy; all of it, each later call as well, ends by the deadline.
  template <detail::TokenFor<AsyncCopy> Token = DefaultToken>
  auto copy(const Sql& sql, Token&& token = {}) {
    return detail::initiate<AsyncCopy>(
        owner(),
        [](auto& self, auto handler, std::string text) {
          self.connection_->start_copy(std::move(handler), std::move(text), self.deadline_);
        },
        token, std::string(sql.text()));
  }
  template <Encodable... Args>
  [[nodiscard]] AsyncRowStream stream(const Sql& sql, const Args&... args) {
    return connection_->stream_of(detail::make_request(sql, args...), deadline_);
  }
  [[nodiscard]] AsyncRowStream stream(const Sql& sql, const Params& params) {
    return connection_->stream_of(detail::make_request(sql, params), deadline_);
  }
  template <detail::TokenFor<> Token = DefaultToken>
  auto commit(Token&& token = {}) {
    return end(true, token);
  }
  template <detail::TokenFor<> Token = DefaultToken>
  auto rollback(Token&& token = {}) {
    return end(false, token);
  }
  /// As AsyncConnection::transaction: each call in the body ends by the deadline, and so does the COMMIT. If
  /// no time is left to end the transaction, the connection is given back, which rolls back. What
  /// `timeout(...)` says in the body holds to its end.
  template <class Body>
  requires AwaitableBody<Body>
  auto transaction(Body body) -> std::invoke_result_t<Body&, AsyncConnection&> {
    return limited(*this, nullptr, std::move(body));
  }
  template <class Body>
  requires AwaitableBody<Body>
  auto transaction(TransactionOptions options, Body body) -> std::invoke_result_t<Body&, AsyncConnection&> {
    return limited(*this, std::make_unique<const TransactionOptions>(std::move(options)), std::move(body));
  }
  /// Runs `transaction(body)` on the pool's executor, for any completion token.
  template <class Body, class Token>
  requires AwaitableBody<Body>
  auto transaction(Body body, Token&& token) {
    return boost::asio::co_spawn(get_executor(), transaction(std::move(body)), std::forward<Token>(token));
  }
  template <class Body, class Token>
  requires AwaitableBody<Body>
  auto transaction(TransactionOptions options, Body body, Token&& token) {
    return boost::asio::co_spawn(get_executor(), transaction(std::move(options), std::move(body)),
                                 std::forward<Token>(token));
  }
  [[nodiscard]] boost::asio::any_io_executor get_executor() const { return connection_->get_executor(); }

 private:
  friend class AsyncConnection;
  friend class detail::AsyncVerbs<AsyncConnectionWithin>;

  /// The lease has this deadline in place of its timeout until the end of the scope.
  class Limited {
   public:
    explicit Limited(const AsyncConnectionWithin& within);
    Limited(const Limited&) = delete;
    Limited& operator=(const Limited&) = delete;
    ~Limited();

   private:
    const std::shared_ptr<async::LeaseState> state_;
    const Seconds timeout_;
    const Deadline deadline_;
  };

  AsyncConnectionWithin(AsyncConnection& connection, Deadline deadline) noexcept
      : connection_(&connection), deadline_(deadline) {}
  [[nodiscard]] AsyncConnectionWithin owner() const {
    connection_->require_lease();
    return *this;
  }
  template <class Handler, class Request>
  void start(Handler handler, Request request) const {
    connection_->start(std::move(handler), std::move(request), deadline_);
  }
  template <class Token>
  auto end(bool commit, Token& token) {
    return detail::initiate<>(
        owner(),
        [commit](auto& self, auto handler) {
          self.connection_->start_end(std::move(handler), commit, self.deadline_);
        },
        token);
  }
  template <class Body>
  static auto limited(AsyncConnectionWithin within, std::unique_ptr<const TransactionOptions> options,
                      Body body) -> std::invoke_result_t<Body&, AsyncConnection&> {
    const Limited limited(within);
    co_return co_await within.connection_->transact(std::move(options), std::move(body));
  }

  AsyncConnection* connection_;
  Deadline deadline_;
};

inline AsyncConnectionWithin AsyncConnection::within(Deadline deadline) noexcept { return {*this, deadline}; }

}  // namespace copg
#pragma GCC visibility pop
