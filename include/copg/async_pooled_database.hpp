// The pool for event loops.
#pragma once

#include <copg/async_connection.hpp>
#include <copg/config.hpp>
#include <copg/detail/async_initiate.hpp>
#include <copg/detail/request.hpp>
#include <copg/detail/row_shape.hpp>
#include <copg/detail/rows_of.hpp>
#include <copg/pool_options.hpp>
#include <copg/pool_stats.hpp>
#include <copg/pooled_database.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>

#include <concepts>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {

/// A pool of connections to one database, for coroutines and every other kind of Asio's completion tokens.
///
/// Made on an executor of yours (an io_context, a thread_pool, a strand), it has no thread of its own:
/// connecting, cleaning and closing happen there, too, and nothing ever blocks there. The context must
/// outlive the pool; when it is destroyed first, calls under way are destroyed uncompleted, as Asio's own
/// are.
///
/// Each asynchronous member completes with `void(std::exception_ptr, T)`, on the handler's associated
/// executor (the pool's if it has none), never before it has returned. It takes any completion token as its
/// last argument where the parameters are given as copg::params(...); without one it returns an awaitable,
/// which starts when it is awaited. What is passed is copied or moved into the call, except ranges of rows
/// that are lvalues: a call may be made in one expression and awaited in another. The pool itself must stay
/// where it is until the call has started. (GCC 12 destroys a braced aggregate among the arguments of a
/// co_await twice: name it before.)
///
/// Deadline, order of service and errors are those of PooledDatabase. Cancelling (terminal or partial; total
/// until the first byte is sent) completes the call soon with operation_aborted: a place in the queue is free
/// at once, a statement under way is cancelled on the server and its connection cleaned in the background; it
/// may have had its effect.
///
/// Thread-safe, but for moving and destruction. After a fork the child's pool is as new; its context must
/// have been told (execution_context::notify_fork).
class AsyncPooledDatabase {
  // Stands in front of what uses it, because its type is deduced.
  [[nodiscard]] auto starter() {
    return [this](auto handler, std::unique_ptr<detail::Request> request) {
      start_execute(std::move(handler), std::move(request));
    };
  }

 public:
  using executor_type = boost::asio::any_io_executor;

  /// On `executor`. Connects only after `open`. Throws ConfigurationError.
  AsyncPooledDatabase(const executor_type& executor, const Config& config, PoolOptions options = {});
  template <std::derived_from<boost::asio::execution_context> Context>
  AsyncPooledDatabase(Context& context, const Config& config, PoolOptions options = {})
      : AsyncPooledDatabase(executor_type(context.get_executor()), config, std::move(options)) {}
  /// On a thread of its own. Handlers without an executor run there, and must not block.
  explicit AsyncPooledDatabase(const Config& config, PoolOptions options = {});
  /// Another face of the pool: one set of connections, one queue. Calls wait on `executor`.
  AsyncPooledDatabase(const executor_type& executor, const PooledDatabase& pool);
  template <std::derived_from<boost::asio::execution_context> Context>
  AsyncPooledDatabase(Context& context, const PooledDatabase& pool)
      : AsyncPooledDatabase(executor_type(context.get_executor()), pool) {}
  /// With Config::from_env.
  template <class Where>
  static AsyncPooledDatabase from_env(Where&& where, PoolOptions options = {},
                                      const std::optional<std::filesystem::path>& dotenv = {}) {
    return AsyncPooledDatabase(std::forward<Where>(where), Config::from_env(dotenv), std::move(options));
  }
  /// With Config::from_url.
  template <class Where>
  static AsyncPooledDatabase from_url(Where&& where, std::string_view url, PoolOptions options = {}) {
    return AsyncPooledDatabase(std::forward<Where>(where), Config::from_url(url), std::move(options));
  }
  AsyncPooledDatabase(AsyncPooledDatabase&&) noexcept;
  AsyncPooledDatabase& operator=(AsyncPooledDatabase&&) noexcept;
  AsyncPooledDatabase(const AsyncPooledDatabase&) = delete;
  AsyncPooledDatabase& operator=(const AsyncPooledDatabase&) = delete;
  /// Closes the pool when it is the last face: waiting calls get PoolClosed, leases 5 seconds. Does not wait
  /// for the end, except on a thread of its own.
  ~AsyncPooledDatabase();

  [[nodiscard]] executor_type get_executor() const;
  /// The same pool for threads, which must not be those that run the executor.
  [[nodiscard]] PooledDatabase sync() const;

  /// Opens the pool: completes when min_size connections are there; with PoolTimeout after the pool's
  /// `timeout`, or ConfigurationError at once if no connection can be made, and the pool goes on opening. Any
  /// number of times. Before it, calls fail with PoolClosed ("not open yet").
  template <detail::TokenFor<> Token = DefaultToken>
  auto open(Token&& token = {}) {
    return detail::initiate<>([this](auto handler) { start_open(std::move(handler)); }, token);
  }

  /// Executes one statement in a transaction of its own, on any connection: one round trip. Completes with
  /// the Result. Without parameters the text may hold several statements, which are then one transaction; the
  /// rows are those of the first that returns any.
  template <detail::TokenFor<Result> Token = DefaultToken>
  auto execute(const Sql& sql, Params params, Token&& token = {}) {
    return detail::initiate<Result>(starter(), token, detail::make_request(sql, std::move(params)));
  }
  template <Encodable... Args>
  auto execute(const Sql& sql, const Args&... args) {
    return detail::initiate<Result>(starter(), DefaultToken(), detail::make_request(sql, args...));
  }
  /// Completes with all rows, a std::vector<T>: each an aggregate or tuple by position, or a single value.
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
  /// Completes with the first row, a std::optional<T>.
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
  /// Completes with the only column of the first row, a T. Without a row: DataError, or NULL for an optional
  /// T; UsageError, and nothing is sent, if the text shows that there can be none.
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
  /// Executes one statement for each row of parameters: one transaction, all or nothing, a constant number of
  /// round trips. Completes with the sum of affected rows, a std::int64_t. `rows` must live until then if it
  /// is an lvalue.
  template <std::ranges::viewable_range Range, detail::TokenFor<std::int64_t> Token = DefaultToken>
  auto execute_many(const Sql& sql, Range&& rows, Token&& token = {}) {
    return detail::initiate<std::int64_t>(
        [this](auto handler, detail::ManyRequest request) {
          start_execute_many(std::move(handler), std::move(request));
        },
        token, detail::make_request_for_many(sql, std::forward<Range>(rows)));
  }

  /// Leases a connection, waiting up to `timeout` seconds for it (the pool's own if not given). Completes
  /// with an AsyncConnection.
  template <detail::TokenFor<AsyncConnection> Token = DefaultToken>
  auto connection(std::optional<Seconds> timeout = {}, Token&& token = {},
                  SourceLocation where = SourceLocation::current()) {
    return detail::initiate<AsyncConnection>(
        [this, timeout, where](auto handler) { start_connection(std::move(handler), timeout, where); },
        token);
  }
  /// Leases a connection and awaits `body(connection)`, a coroutine that takes an AsyncConnection& and
  /// returns an awaitable, in a transaction: committed when it returns, rolled back if it throws. Completes
  /// with what it returns.
  template <class Body>
  requires AwaitableBody<Body>
  auto transaction(Body body, SourceLocation where = SourceLocation::current())
      -> std::invoke_result_t<Body&, AsyncConnection&> {
    AsyncConnection leased = co_await connection({}, boost::asio::use_awaitable, where);
    co_return co_await leased.transaction(std::move(body));
  }
  /// The same for any completion token; the coroutine runs on the pool's executor.
  template <class Body, class Token>
  requires AwaitableBody<Body>
  auto transaction(Body body, Token&& token, SourceLocation where = SourceLocation::current()) {
    return boost::asio::co_spawn(get_executor(), transaction(std::move(body), where),
                                 std::forward<Token>(token));
  }

  /// Tests all idle connections and replaces dead ones, a few at a time, so that callers go on being served.
  /// Completes when done; with PoolTimeout after the pool's `timeout`.
  template <detail::TokenFor<> Token = DefaultToken>
  auto check(Token&& token = {}) {
    return detail::initiate<>([this](auto handler) { start_check(std::move(handler)); }, token);
  }
  /// Completes when min_size connections are open; with PoolTimeout after `timeout` seconds, with
  /// ConfigurationError at once if no connection can be made. The pool stays open in both cases.
  template <detail::TokenFor<> Token = DefaultToken>
  auto wait(Seconds timeout = Seconds{30}, Token&& token = {}) {
    return detail::initiate<>([this, timeout](auto handler) { start_wait(std::move(handler), timeout); },
                              token);
  }
  /// Waiting callers get PoolClosed at once; leases get `timeout` seconds to come back, then are cut off.
  /// Completes when no connection is left, or a second after `timeout`. Starts when initiated, as everything
  /// here. Any number of times.
  template <detail::TokenFor<> Token = DefaultToken>
  auto close(Seconds timeout = Seconds{5}, Token&& token = {}) {
    return detail::initiate<>([this, timeout](auto handler) { start_close(std::move(handler), timeout); },
                              token);
  }

  // As in PooledDatabase. None of these blocks.

  [[nodiscard]] PoolStats stats() const;
  void resize(int min_size, int max_size);
  void drain();
  void suspend();
  void resume();
  [[nodiscard]] const std::string& name() const noexcept;
  /// Never shows a password: AsyncPooledDatabase('name', size=5/10).
  [[nodiscard]] std::string to_string() const;

 private:
  struct State;

  AsyncPooledDatabase(std::shared_ptr<engine::PoolEngine> face, executor_type executor);
  [[nodiscard]] std::shared_ptr<async::Loop> loop() const;
  void start_open(detail::Handler<> handler);
  void start_execute(detail::Handler<Result> handler, std::unique_ptr<detail::Request> request);
  void start_execute_many(detail::Handler<std::int64_t> handler, detail::ManyRequest request);
  void start_connection(detail::Handler<AsyncConnection> handler, std::optional<Seconds> timeout,
                        const SourceLocation& where);
  void start_check(detail::Handler<> handler);
  void start_wait(detail::Handler<> handler, Seconds timeout);
  void start_close(detail::Handler<> handler, Seconds timeout);

  std::unique_ptr<State> state_;
};

}  // namespace copg
#pragma GCC visibility pop
