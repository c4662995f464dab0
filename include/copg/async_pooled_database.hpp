// The pool for event loops.
#pragma once

#include <copg/async_connection.hpp>
#include <copg/async_database_on.hpp>
#include <copg/async_listener.hpp>
#include <copg/config.hpp>
#include <copg/deadline.hpp>
#include <copg/detail/async_initiate.hpp>
#include <copg/detail/async_leases.hpp>
#include <copg/detail/async_verbs.hpp>
#include <copg/detail/request.hpp>
#include <copg/host_info.hpp>
#include <copg/lease_info.hpp>
#include <copg/pipeline.hpp>
#include <copg/pool_metrics.hpp>
#include <copg/pool_options.hpp>
#include <copg/pool_stats.hpp>
#include <copg/pool_view.hpp>
#include <copg/pooled_database.hpp>
#include <copg/role.hpp>
#include <copg/run_options.hpp>
#include <copg/size_advice.hpp>
#include <copg/waiter_info.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {

class AsyncDatabaseWithin;

/// A pool of connections to one database, for coroutines and all other completion tokens of Asio.
///
/// On an executor of yours (an io_context, a thread_pool, a strand) the pool has no thread of its own: it
/// connects, cleans and closes connections there, and never blocks there. The context must outlive the pool.
/// If it is destroyed first, calls under way are destroyed without completing, as Asio's own are.
///
/// Each asynchronous member completes with `void(std::exception_ptr, T)`, on the handler's associated
/// executor (the pool's if it has none), and never before the member has returned. It takes any completion
/// token as its last argument, if the parameters of the statement are given as copg::params(...). Without a
/// token it returns an awaitable, which starts when it is awaited. Arguments are copied or moved into the
/// call, except for a range of rows that is an lvalue, so that a call may be made in one expression and
/// awaited in another. The pool must not be moved before the call has started. (GCC 12 destroys a braced
/// aggregate among the arguments of a co_await twice: give it a name first.)
///
/// Where the configuration names several hosts, calls go to the primary, and `on` has the replicas, as
/// PooledDatabase says. The hosts are asked what they are on the pool's executor, or on its thread.
///
/// PooledDatabase describes deadlines, order of service and errors. Cancelling (terminal or partial; total
/// until the first byte is sent) completes the call soon, with operation_aborted. A waiting call leaves the
/// queue at once. A statement under way is cancelled on the server, but may have had its effect; its
/// connection is cleaned in the background.
///
/// Thread-safe, except for moving and destruction. After a fork the child's pool opens connections of its
/// own; its context must have been told of the fork (execution_context::notify_fork).
class AsyncPooledDatabase : public detail::AsyncVerbs<AsyncPooledDatabase> {
 public:
  using executor_type = boost::asio::any_io_executor;

  /// Runs on `executor`. Connects only after `open`. Throws ConfigurationError.
  AsyncPooledDatabase(const executor_type& executor, const Config& config, PoolOptions options = {});
  template <std::derived_from<boost::asio::execution_context> Context>
  AsyncPooledDatabase(Context& context, const Config& config, PoolOptions options = {})
      : AsyncPooledDatabase(executor_type(context.get_executor()), config, std::move(options)) {}
  /// Has a thread of its own, on which handlers without an executor run; they must not block it.
  explicit AsyncPooledDatabase(const Config& config, PoolOptions options = {});
  /// Shares the connections and the queue of `pool`. Calls wait on `executor`. Throws UsageError if `pool`
  /// was moved from.
  AsyncPooledDatabase(const executor_type& executor, const PooledDatabase& pool);
  template <std::derived_from<boost::asio::execution_context> Context>
  AsyncPooledDatabase(Context& context, const PooledDatabase& pool)
      : AsyncPooledDatabase(executor_type(context.get_executor()), pool) {}
  /// Configures the pool with Config::from_env. `where`: an executor or a context.
  template <class Where>
  static AsyncPooledDatabase from_env(Where&& where, PoolOptions options = {},
                                      const std::optional<std::string>& dotenv = {}) {
    return AsyncPooledDatabase(std::forward<Where>(where), Config::from_env(dotenv), std::move(options));
  }
  /// Configures the pool with Config::from_url. `where`: an executor or a context.
  template <class Where>
  static AsyncPooledDatabase from_url(Where&& where, std::string_view url, PoolOptions options = {}) {
    return AsyncPooledDatabase(std::forward<Where>(where), Config::from_url(url), std::move(options));
  }
  AsyncPooledDatabase(AsyncPooledDatabase&&) noexcept;
  AsyncPooledDatabase& operator=(AsyncPooledDatabase&&) noexcept;
  AsyncPooledDatabase(const AsyncPooledDatabase&) = delete;
  AsyncPooledDatabase& operator=(const AsyncPooledDatabase&) = delete;
  /// Closes the pool, unless another pool object shares it: waiting calls get PoolClosed, leases get 5
  /// seconds. Blocks until the pool is closed only if the pool has a thread of its own.
  ~AsyncPooledDatabase();

  [[nodiscard]] executor_type get_executor() const;
  /// Returns an object for threads that shares this pool. Threads that run the executor must not use it.
  [[nodiscard]] PooledDatabase sync() const;

  /// Opens the pool. Completes when min_size connections are open; with PoolTimeout after the pool's
  /// `timeout`; or with ConfigurationError at once if no connection can be made. After an error the pool goes
  /// on opening. May be called again. Before `open`, calls fail with PoolClosed ("not open yet").
  template <detail::TokenFor<> Token = DefaultToken>
  auto open(Token&& token = {}) {
    return detail::initiate<>(
        this, [](auto& self, auto handler) { self.start_open(std::move(handler)); }, token);
  }

  // With the verbs of detail::AsyncVerbs: execute(sql, args...), fetch_all, fetch_one, fetch_val,
  // execute_many. Each is a transaction of its own, on any connection. Without parameters a text may hold
  // several statements, which are then one transaction.

  /// The same calls, each of which ends by the deadline, whatever the pool's `timeout` is:
  /// `co_await db.within(500ms).fetch_one<User>(...)`. A duration counts from here, and not from the
  /// `co_await`.
  [[nodiscard]] AsyncDatabaseWithin within(Deadline deadline) const;
  /// The same calls on a server of that role: `co_await db.on(copg::Role::replica).fetch_all<User>(...)`.
  /// PooledDatabase::on tells of the rest, but here no read is sent once more: a call whose connection is
  /// lost fails with ConnectionFailed.
  [[nodiscard]] AsyncDatabaseOn on(Role role, const RoleOptions& options = {}) const;

  /// Leases a connection for a statement whose rows are read in chunks. Completes with the AsyncRowStream
  /// once there is a connection; nothing of the statement has been sent then.
  template <detail::TokenFor<AsyncRowStream> Token = DefaultToken>
  auto stream(const Sql& sql, const Params& params, Token&& token = {}) {
    return detail::initiate_mapped<AsyncConnection, AsyncRowStream>(
        owner(),
        [where = sql.where()](auto& self, auto handler) {
          self.start_connection(std::move(handler), {}, where);
        },
        AsyncRowStream::On{detail::make_request(sql, params)}, token);
  }
  template <Encodable... Args>
  auto stream(const Sql& sql, const Args&... args) {
    return stream(sql, copg::params(args...));
  }

  /// Leases a connection, waiting until the deadline (by default for the pool's `timeout`). Completes with an
  /// AsyncConnection.
  template <detail::TokenFor<AsyncConnection> Token = DefaultToken>
  auto connection(std::optional<Deadline> deadline = {}, Token&& token = {},
                  SourceLocation where = SourceLocation::current()) {
    return detail::initiate<AsyncConnection>(
        this,
        [deadline, where](auto& self, auto handler) {
          self.start_connection(std::move(handler), deadline, where);
        },
        token);
  }
  /// Leases a connection if one is free at once. Completes with a std::optional<AsyncConnection>, which is
  /// empty otherwise: PooledDatabase::try_connection tells when. It looks when it is started, or, as an
  /// awaitable, when it is awaited.
  template <detail::TokenFor<std::optional<AsyncConnection>> Token = DefaultToken>
  auto try_connection(Token&& token = {}, SourceLocation where = SourceLocation::current()) {
    return detail::initiate<std::optional<AsyncConnection>>(
        this, [where](auto& self, auto handler) { self.start_try_connection(std::move(handler), where); },
        token);
  }
  /// Leases a connection and awaits `body(connection)` in a transaction. Commits when the body returns, rolls
  /// back if it throws, and completes with the body's result.
  template <class Body>
  requires AwaitableBody<Body>
  auto transaction(Body body, SourceLocation where = SourceLocation::current())
      -> std::invoke_result_t<Body&, AsyncConnection&> {
    AsyncConnection leased = co_await connection({}, boost::asio::use_awaitable, where);
    co_return co_await leased.transaction(std::move(body));
  }
  /// With isolation, settings, a role (TransactionOptions), which cost no further round trip.
  template <class Body>
  requires AwaitableBody<Body>
  auto transaction(TransactionOptions options, Body body, SourceLocation where = SourceLocation::current())
      -> std::invoke_result_t<Body&, AsyncConnection&> {
    AsyncConnection leased = co_await connection({}, boost::asio::use_awaitable, where);
    co_return co_await leased.transaction(std::move(options), std::move(body));
  }
  /// Runs `transaction(body)` on the pool's executor, for any completion token.
  template <class Body, class Token>
  requires AwaitableBody<Body>
  auto transaction(Body body, Token&& token, SourceLocation where = SourceLocation::current()) {
    return boost::asio::co_spawn(get_executor(), transaction(std::move(body), where),
                                 std::forward<Token>(token));
  }
  template <class Body, class Token>
  requires AwaitableBody<Body>
  auto transaction(TransactionOptions options, Body body, Token&& token,
                   SourceLocation where = SourceLocation::current()) {
    return boost::asio::co_spawn(get_executor(), transaction(std::move(options), std::move(body), where),
                                 std::forward<Token>(token));
  }

  /// Awaits `body(connection)` in a transaction, and again where that may help, as PooledDatabase::run does.
  /// A coroutine that is cancelled is not run again.
  template <class Body>
  requires AwaitableBody<Body>
  auto run(Body body, SourceLocation where = SourceLocation::current())
      -> std::invoke_result_t<Body&, AsyncConnection&>;
  template <class Body>
  requires AwaitableBody<Body>
  auto run(Body body, RunOptions options, SourceLocation where = SourceLocation::current())
      -> std::invoke_result_t<Body&, AsyncConnection&>;
  /// Runs `run(body, options)` on the pool's executor, for any completion token.
  template <class Body, class Token>
  requires AwaitableBody<Body>
  auto run(Body body, RunOptions options, Token&& token, SourceLocation where = SourceLocation::current()) {
    return boost::asio::co_spawn(get_executor(), run(std::move(body), std::move(options), where),
                                 std::forward<Token>(token));
  }

  /// Listens to these channels: PooledDatabase::listener. Completes with an AsyncListener once the server has
  /// acknowledged that.
  template <detail::TokenFor<AsyncListener> Token = DefaultToken>
  auto listener(Channels channels, std::size_t queue = usual_listener_queue, Token&& token = {}) {
    return detail::initiate<AsyncListener>(
        this,
        [channels = std::move(channels), queue](auto& self, auto handler) {
          self.start_listener(std::move(handler), channels.names(), queue);
        },
        token);
  }

  /// Tests all idle connections, a few at a time, so that callers are served meanwhile, and replaces dead
  /// ones. Completes when all are tested, or with PoolTimeout after the pool's `timeout`.
  template <detail::TokenFor<> Token = DefaultToken>
  auto check(Token&& token = {}) {
    return detail::initiate<>(
        this, [](auto& self, auto handler) { self.start_check(std::move(handler)); }, token);
  }
  /// Completes when min_size connections are open; with PoolTimeout once the deadline has passed; or with
  /// ConfigurationError at once if no connection can be made. An error leaves the pool open.
  template <detail::TokenFor<> Token = DefaultToken>
  auto wait(Deadline deadline = Seconds{30}, Token&& token = {}) {
    return detail::initiate<>(
        this, [deadline](auto& self, auto handler) { self.start_wait(std::move(handler), deadline); }, token);
  }
  /// Closes the pool: waiting callers get PoolClosed at once; leases get `timeout` seconds to come back, and
  /// are then cut off. Completes when no connection is left, or a second after `timeout`. Idempotent.
  template <detail::TokenFor<> Token = DefaultToken>
  auto close(Seconds timeout = Seconds{5}, Token&& token = {}) {
    return detail::initiate<>(
        this, [timeout](auto& self, auto handler) { self.start_close(std::move(handler), timeout); }, token);
  }

  // PooledDatabase describes these. None of them blocks.

  [[nodiscard]] PoolStats stats() const;
  [[nodiscard]] std::vector<HostInfo> hosts() const;
  /// PooledDatabase::leases and waiters.
  [[nodiscard]] std::vector<LeaseInfo> leases() const;
  [[nodiscard]] std::vector<WaiterInfo> waiters() const;
  [[nodiscard]] PoolMetrics metrics() const;
  /// Judges the pool's size by what it has measured since it was made: see copg::advise. Does not block;
  /// takes some milliseconds.
  [[nodiscard]] SizeAdvice advise(double target = 0.01) const { return copg::advise(metrics(), target); }
  [[nodiscard]] PoolView view() const;
  void resize(int min_size, int max_size);
  void drain();
  void suspend();
  void resume();
  [[nodiscard]] const std::string& name() const noexcept;
  /// AsyncPooledDatabase('name', size=5/10), without a password.
  [[nodiscard]] std::string to_string() const;

 private:
  friend class detail::AsyncVerbs<AsyncPooledDatabase>;
  struct State;

  AsyncPooledDatabase(PooledDatabase pool, executor_type executor);
  /// Not opened yet.
  [[nodiscard]] static PooledDatabase make(const executor_type& executor, const Config& config,
                                           PoolOptions options);
  [[nodiscard]] AsyncDatabaseOn primary() const;
  [[nodiscard]] std::shared_ptr<async::Loop> loop() const;
  [[nodiscard]] Seconds timeout() const;
  void start_open(detail::Handler<> handler);
  [[nodiscard]] AsyncPooledDatabase* owner() noexcept { return this; }
  void start(detail::Handler<Result> handler, std::unique_ptr<detail::Request> request);
  void start(detail::Handler<std::int64_t> handler, detail::ManyRequest request);
  void start(detail::Handler<std::vector<Result>> handler, detail::ReturningRequest request);
  void start(detail::Handler<std::int64_t> handler, detail::CopyRequest request);
  void start(detail::Handler<std::vector<PipelineAnswer>> handler, Pipeline pipeline);
  void start(detail::Handler<std::vector<Result>> handler, Pipeline pipeline);
  void start_connection(detail::Handler<AsyncConnection> handler, std::optional<Deadline> deadline,
                        const SourceLocation& where);
  void start_try_connection(detail::Handler<std::optional<AsyncConnection>> handler,
                            const SourceLocation& where);
  void start_listener(detail::Handler<AsyncListener> handler, std::vector<std::string> channels,
                      std::size_t queue);
  void start_check(detail::Handler<> handler);
  void start_wait(detail::Handler<> handler, Deadline deadline);
  void start_close(detail::Handler<> handler, Seconds timeout);

  std::unique_ptr<State> state_;
};

/// The calls of a pool, each of which ends by one deadline: what AsyncPooledDatabase::within returns. Small,
/// and a value, which its calls copy. It does not keep the pool open: once no pool object is left, its calls
/// fail with PoolClosed. If the deadline has passed before the call, they fail with PoolTimeout. All of a
/// stream ends by the deadline, and so does all of a transaction: the wait for a connection, each call in the
/// body, and the COMMIT. Each call on a connection that is leased ends by it, too, and has no other
/// `timeout`. Thread-safe, except for destruction.
class AsyncDatabaseWithin : public detail::AsyncVerbs<AsyncDatabaseWithin>,
                            public detail::AsyncLeases<AsyncDatabaseWithin> {
 public:
  /// As AsyncPooledDatabase::listener. Only the beginning ends by the deadline.
  template <detail::TokenFor<AsyncListener> Token = DefaultToken>
  auto listener(Channels channels, std::size_t queue = usual_listener_queue, Token&& token = {}) {
    return detail::initiate<AsyncListener>(
        owner(),
        [channels = std::move(channels), queue](auto& self, auto handler) {
          self.start_listener(std::move(handler), channels.names(), queue);
        },
        token);
  }
  /// As AsyncPooledDatabase::run. All attempts, and the pauses between them, end by the deadline.
  template <class Body>
  requires AwaitableBody<Body>
  auto run(Body body, SourceLocation where = SourceLocation::current())
      -> std::invoke_result_t<Body&, AsyncConnection&> {
    RunOptions options;
    return repeat(*this, std::move(body), std::move(options), where);
  }
  template <class Body>
  requires AwaitableBody<Body>
  auto run(Body body, RunOptions options, SourceLocation where = SourceLocation::current())
      -> std::invoke_result_t<Body&, AsyncConnection&> {
    return repeat(*this, std::move(body), std::move(options), where);
  }
  template <class Body, class Token>
  requires AwaitableBody<Body>
  auto run(Body body, RunOptions options, Token&& token, SourceLocation where = SourceLocation::current()) {
    return boost::asio::co_spawn(get_executor(), run(std::move(body), std::move(options), where),
                                 std::forward<Token>(token));
  }
  [[nodiscard]] boost::asio::any_io_executor get_executor() const;

 private:
  friend class AsyncPooledDatabase;
  friend class detail::AsyncLeases<AsyncDatabaseWithin>;
  friend class detail::AsyncVerbs<AsyncDatabaseWithin>;

  AsyncDatabaseWithin(std::shared_ptr<async::Loop> loop, std::shared_ptr<faces::Hosts> hosts,
                      Deadline deadline) noexcept;
  [[nodiscard]] AsyncDatabaseOn on_primary() const;
  [[nodiscard]] AsyncDatabaseWithin owner() const { return *this; }
  void start(detail::Handler<Result> handler, std::unique_ptr<detail::Request> request) const;
  void start(detail::Handler<std::int64_t> handler, detail::ManyRequest request) const;
  void start(detail::Handler<std::vector<Result>> handler, detail::ReturningRequest request) const;
  void start(detail::Handler<std::int64_t> handler, detail::CopyRequest request) const;
  void start(detail::Handler<std::vector<PipelineAnswer>> handler, Pipeline pipeline) const;
  void start(detail::Handler<std::vector<Result>> handler, Pipeline pipeline) const;
  void start_connection(detail::Handler<AsyncConnection> handler, const SourceLocation& where) const;
  void start_listener(detail::Handler<AsyncListener> handler, std::vector<std::string> channels,
                      std::size_t queue) const;
  template <class Body>
  static auto repeat(AsyncDatabaseWithin within, Body body, RunOptions options, SourceLocation where)
      -> std::invoke_result_t<Body&, AsyncConnection&> {
    detail::Repeat repeat = within.begin_run(options);
    const auto attempt = [&body](AsyncConnection& leased) { return body(leased); };
    for (;;) {
      std::chrono::nanoseconds pause{};
      try {
        AsyncConnection leased = co_await within.connection(boost::asio::use_awaitable, where);
        co_return co_await leased.transaction(options.transaction, attempt);
      } catch (...) {
        pause = repeat.pause();
      }
      co_await wait_for(within.get_executor(), pause);
    }
  }
  [[nodiscard]] detail::Repeat begin_run(const RunOptions& options) const;
  static boost::asio::awaitable<void> wait_for(boost::asio::any_io_executor executor,
                                               std::chrono::nanoseconds pause);

  std::shared_ptr<async::Loop> loop_;  // of one host; else null
  std::shared_ptr<faces::Hosts> hosts_;
  Deadline deadline_;
};

template <class Body>
requires AwaitableBody<Body>
auto AsyncPooledDatabase::run(Body body, SourceLocation where)
    -> std::invoke_result_t<Body&, AsyncConnection&> {
  return within(timeout()).run(std::move(body), where);
}

template <class Body>
requires AwaitableBody<Body>
auto AsyncPooledDatabase::run(Body body, RunOptions options, SourceLocation where)
    -> std::invoke_result_t<Body&, AsyncConnection&> {
  return within(timeout()).run(std::move(body), std::move(options), where);
}

}  // namespace copg
#pragma GCC visibility pop
