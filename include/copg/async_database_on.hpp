// The calls of a pool for event loops on a server of one role.
#pragma once

#include <copg/async_connection.hpp>
#include <copg/deadline.hpp>
#include <copg/detail/async_initiate.hpp>
#include <copg/detail/async_verbs.hpp>
#include <copg/detail/request.hpp>
#include <copg/pipeline.hpp>
#include <copg/role.hpp>
#include <copg/source_location.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {

namespace engine {
struct TimeLimit;
}  // namespace engine
namespace faces {
class Hosts;
}  // namespace faces

/// The calls of a pool on a server of one role: what AsyncPooledDatabase::on returns. Small, and a value,
/// which its calls copy. It does not keep the pool open: once no pool object is left, its calls fail with
/// PoolClosed. Each has the pool's `timeout`, in which it also waits for a server that is fit, or else ends
/// with PoolTimeout, which says what each host was last seen to be. A call that is cancelled while it waits
/// for a server leaves at once. Thread-safe, except for destruction.
class AsyncDatabaseOn : public detail::AsyncVerbs<AsyncDatabaseOn> {
 public:
  /// Leases a connection to a server of the role for a statement whose rows are read in chunks. Completes
  /// with the AsyncRowStream once there is a connection; nothing of the statement has been sent then.
  template <detail::TokenFor<AsyncRowStream> Token = DefaultToken>
  auto stream(const Sql& sql, const Params& params, Token&& token = {}) {
    return detail::initiate_mapped<AsyncConnection, AsyncRowStream>(
        owner(),
        [where = sql.where()](auto& self, auto handler) { self.start_connection(std::move(handler), where); },
        AsyncRowStream::On{detail::make_request(sql, params)}, token);
  }
  template <Encodable... Args>
  auto stream(const Sql& sql, const Args&... args) {
    return stream(sql, copg::params(args...));
  }

  /// Leases a connection to a server of the role, which stays the same until the lease ends. Completes with
  /// an AsyncConnection.
  template <detail::TokenFor<AsyncConnection> Token = DefaultToken>
  auto connection(Token&& token = {}, SourceLocation where = SourceLocation::current()) {
    return detail::initiate<AsyncConnection>(
        owner(), [where](auto& self, auto handler) { self.start_connection(std::move(handler), where); },
        token);
  }
  /// As AsyncPooledDatabase::transaction.
  template <class Body>
  requires AwaitableBody<Body>
  auto transaction(Body body, SourceLocation where = SourceLocation::current())
      -> std::invoke_result_t<Body&, AsyncConnection&> {
    return on_a_lease(*this, nullptr, std::move(body), where);
  }
  template <class Body>
  requires AwaitableBody<Body>
  auto transaction(TransactionOptions options, Body body, SourceLocation where = SourceLocation::current())
      -> std::invoke_result_t<Body&, AsyncConnection&> {
    return on_a_lease(*this, std::make_unique<const TransactionOptions>(std::move(options)), std::move(body),
                      where);
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

  /// The same calls, each of which ends by the deadline.
  [[nodiscard]] AsyncDatabaseOn within(Deadline deadline) const;
  [[nodiscard]] boost::asio::any_io_executor get_executor() const;

 private:
  friend class AsyncPooledDatabase;
  friend class AsyncDatabaseWithin;
  friend class detail::AsyncVerbs<AsyncDatabaseOn>;

  AsyncDatabaseOn(std::shared_ptr<async::Loop> loop, std::shared_ptr<faces::Hosts> hosts, Role role,
                  const RoleOptions& options, std::optional<Deadline> deadline) noexcept;
  [[nodiscard]] AsyncDatabaseOn owner() const { return *this; }
  void start(detail::Handler<Result> handler, std::unique_ptr<detail::Request> request) const;
  void start(detail::Handler<std::int64_t> handler, detail::ManyRequest request) const;
  void start(detail::Handler<std::vector<Result>> handler, detail::ReturningRequest request) const;
  void start(detail::Handler<std::int64_t> handler, detail::CopyRequest request) const;
  void start(detail::Handler<std::vector<PipelineAnswer>> handler, Pipeline pipeline) const;
  void start(detail::Handler<std::vector<Result>> handler, Pipeline pipeline) const;
  void start_connection(detail::Handler<AsyncConnection> handler, const SourceLocation& where) const;
  template <class Handler, class Request>
  void begin(Handler handler, Request request) const;
  [[nodiscard]] Seconds timeout() const;
  [[nodiscard]] engine::TimeLimit limit() const;
  template <class Body>
  static auto on_a_lease(AsyncDatabaseOn on, std::unique_ptr<const TransactionOptions> options, Body body,
                         SourceLocation where) -> std::invoke_result_t<Body&, AsyncConnection&> {
    AsyncConnection leased = co_await on.connection(boost::asio::use_awaitable, where);
    co_return co_await leased.transact(std::move(options), std::move(body));
  }

  std::shared_ptr<async::Loop> loop_;  // of one host; else null
  std::shared_ptr<faces::Hosts> hosts_;
  Role role_;
  RoleOptions options_;
  std::optional<Deadline> deadline_;
};

}  // namespace copg
#pragma GCC visibility pop
