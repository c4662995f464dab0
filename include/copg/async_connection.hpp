// A connection leased from the pool, for event loops.
#pragma once

#include <copg/connection.hpp>
#include <copg/detail/async_initiate.hpp>
#include <copg/detail/request.hpp>
#include <copg/detail/row_shape.hpp>
#include <copg/detail/rows_of.hpp>
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
class AsyncConnection {
  // Stands in front of its callers, because its return type is deduced.
  [[nodiscard]] auto starter() {
    require_lease();
    return [this](auto handler, std::unique_ptr<detail::Request> request) {
      start_execute(std::move(handler), std::move(request));
    };
  }

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

  /// Executes one statement, or, without parameters, several, in one round trip. Completes with the Result.
  template <detail::TokenFor<Result> Token = DefaultToken>
  auto execute(const Sql& sql, Params params, Token&& token = {}) {
    return detail::initiate<Result>(starter(), token, detail::make_request(sql, std::move(params)));
  }
  template <Encodable... Args>
  auto execute(const Sql& sql, const Args&... args) {
    return detail::initiate<Result>(starter(), DefaultToken(), detail::make_request(sql, args...));
  }
  /// Executes a statement and completes with all rows, a std::vector<T>.
  template <class T, detail::TokenFor<std::vector<T>> Token = DefaultToken>
  auto fetch_all(const Sql& sql, Params params, Token&& token = {}) {
    return detail::initiate_mapped<Result, std::vector<T>>(
        starter(), detail::to_vector<T>, token,
        detail::make_fetch_request(sql, std::move(params), &detail::rows_as<T>));
  }
  template <class T, Encodable... Args>
  auto fetch_all(const Sql& sql, const Args&... args) {
    return detail::initiate_mapped<Result, std::vector<T>>(
        starter(), detail::to_vector<T>, DefaultToken(),
        detail::make_fetch_request(sql, copg::params(args...), &detail::rows_as<T>));
  }
  /// Executes a statement and completes with the first row, a std::optional<T>.
  template <class T, detail::TokenFor<std::optional<T>> Token = DefaultToken>
  auto fetch_one(const Sql& sql, Params params, Token&& token = {}) {
    return detail::initiate_mapped<Result, std::optional<T>>(
        starter(), detail::to_optional<T>, token,
        detail::make_fetch_request(sql, std::move(params), &detail::rows_as<T>));
  }
  template <class T, Encodable... Args>
  auto fetch_one(const Sql& sql, const Args&... args) {
    return detail::initiate_mapped<Result, std::optional<T>>(
        starter(), detail::to_optional<T>, DefaultToken(),
        detail::make_fetch_request(sql, copg::params(args...), &detail::rows_as<T>));
  }
  /// Executes a statement and completes with the only column of the first row, a T.
  template <std::default_initializable T, detail::TokenFor<T> Token = DefaultToken>
  auto fetch_val(const Sql& sql, Params params, Token&& token = {}) {
    return detail::initiate_mapped<Result, T>(
        starter(), detail::to_value<T>, token,
        detail::make_fetch_request(sql, std::move(params), &detail::value_as<T>));
  }
  template <std::default_initializable T, Encodable... Args>
  auto fetch_val(const Sql& sql, const Args&... args) {
    return detail::initiate_mapped<Result, T>(
        starter(), detail::to_value<T>, DefaultToken(),
        detail::make_fetch_request(sql, copg::params(args...), &detail::value_as<T>));
  }
  /// Executes one statement for each row of parameters, in one pipeline. Completes with the number of
  /// affected rows, a std::int64_t. If `rows` is an lvalue, it must live until then. Rows of a plain INSERT
  /// share statements where nobody can tell (PoolOptions::join_rows).
  template <std::ranges::viewable_range Range, detail::TokenFor<std::int64_t> Token = DefaultToken>
  auto execute_many(const Sql& sql, Range&& rows, Token&& token = {}) {
    require_lease();
    return detail::initiate<std::int64_t>(
        [this](auto handler, detail::ManyRequest request) {
          start_execute_many(std::move(handler), std::move(request));
        },
        token, detail::make_request_for_many(sql, std::forward<Range>(rows)));
  }
  /// Executes several statements in one flush, with one round trip for all. Completes with one answer for
  /// each statement, in their order: a Result or an error, as Connection::execute(const Pipeline&) says.
  template <detail::TokenFor<std::vector<PipelineAnswer>> Token = DefaultToken>
  auto execute(Pipeline pipeline, Token&& token = {}) {
    require_lease();
    return detail::initiate<std::vector<PipelineAnswer>>(
        [this](auto handler, Pipeline kept) { start_pipeline(std::move(handler), std::move(kept)); }, token,
        std::move(pipeline));
  }

  /// One round trip; none if no transaction is open. QueryFailed if the transaction had failed, which is
  /// rolled back then; CommitUnknown if the answer was lost.
  template <detail::TokenFor<> Token = DefaultToken>
  auto commit(Token&& token = {}) {
    require_lease();
    return detail::initiate<>([this](auto handler) { start_end(std::move(handler), true); }, token);
  }
  /// One round trip; none if no transaction is open.
  template <detail::TokenFor<> Token = DefaultToken>
  auto rollback(Token&& token = {}) {
    require_lease();
    return detail::initiate<>([this](auto handler) { start_end(std::move(handler), false); }, token);
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
  /// Limits each later call, in seconds. At least 0 (else UsageError); infinite: no limit.
  void timeout(Seconds limit);
  [[nodiscard]] Seconds timeout() const;

  /// Gives the connection back. Any use afterwards is a UsageError. Never blocks.
  void release() noexcept;
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
  explicit AsyncConnection(std::shared_ptr<async::LeaseState> state) noexcept;
  [[nodiscard]] async::LeaseState& state() const;
  void require_lease() const;
  void start_execute(detail::Handler<Result> handler, std::unique_ptr<detail::Request> request);
  void start_execute_many(detail::Handler<std::int64_t> handler, detail::ManyRequest request);
  void start_pipeline(detail::Handler<std::vector<PipelineAnswer>> handler, Pipeline pipeline);
  void start_end(detail::Handler<> handler, bool commit);

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
  /// Rolls back. Ignores a failure, since giving the connection back cleans it.
  boost::asio::awaitable<void> undo_transaction(int savepoint);

  std::shared_ptr<async::Loop> loop_;  // kept after giving back: earlier calls complete there
  std::shared_ptr<async::LeaseState> state_;
};

}  // namespace copg
#pragma GCC visibility pop
