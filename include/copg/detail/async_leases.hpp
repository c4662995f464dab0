// What leases a connection to run something on it, once for the handles that have it. Not for users.
#pragma once

#include <copg/async_connection.hpp>
#include <copg/async_row_stream.hpp>
#include <copg/detail/async_initiate.hpp>
#include <copg/detail/request.hpp>
#include <copg/params.hpp>
#include <copg/source_location.hpp>
#include <copg/sql.hpp>
#include <copg/transaction_options.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
#include <type_traits>
#include <utility>

#pragma GCC visibility push(default)
namespace copg {
namespace detail {

/// `Self` derives from it, and is a small value, which calls copy. It has `owner()`, as detail::AsyncVerbs
/// says, `start_connection(handler, where)`, and get_executor().
template <class Self>
class AsyncLeases {
 public:
  /// Leases a connection for a statement whose rows are read in chunks. Completes with the AsyncRowStream
  /// once there is a connection; nothing of the statement has been sent then.
  template <TokenFor<AsyncRowStream> Token = DefaultToken>
  auto stream(const Sql& sql, const Params& params, Token&& token = {}) {
    return initiate_mapped<AsyncConnection, AsyncRowStream>(
        self().owner(),
        [where = sql.where()](auto& owner, auto handler) {
          owner.start_connection(std::move(handler), where);
        },
        AsyncRowStream::On{make_request(sql, params)}, token);
  }
  template <Encodable... Args>
  auto stream(const Sql& sql, const Args&... args) {
    return stream(sql, copg::params(args...));
  }

  /// Leases a connection. Completes with an AsyncConnection.
  template <TokenFor<AsyncConnection> Token = DefaultToken>
  auto connection(Token&& token = {}, SourceLocation where = SourceLocation::current()) {
    return initiate<AsyncConnection>(
        self().owner(),
        [where](auto& owner, auto handler) { owner.start_connection(std::move(handler), where); }, token);
  }
  /// As AsyncPooledDatabase::transaction.
  template <class Body>
  requires AwaitableBody<Body>
  auto transaction(Body body, SourceLocation where = SourceLocation::current())
      -> std::invoke_result_t<Body&, AsyncConnection&> {
    return on_a_lease(self(), nullptr, std::move(body), where);
  }
  template <class Body>
  requires AwaitableBody<Body>
  auto transaction(TransactionOptions options, Body body, SourceLocation where = SourceLocation::current())
      -> std::invoke_result_t<Body&, AsyncConnection&> {
    return on_a_lease(self(), std::make_unique<const TransactionOptions>(std::move(options)), std::move(body),
                      where);
  }
  /// Runs `transaction(body)` on the pool's executor, for any completion token.
  template <class Body, class Token>
  requires AwaitableBody<Body>
  auto transaction(Body body, Token&& token, SourceLocation where = SourceLocation::current()) {
    return boost::asio::co_spawn(self().get_executor(), transaction(std::move(body), where),
                                 std::forward<Token>(token));
  }
  template <class Body, class Token>
  requires AwaitableBody<Body>
  auto transaction(TransactionOptions options, Body body, Token&& token,
                   SourceLocation where = SourceLocation::current()) {
    return boost::asio::co_spawn(self().get_executor(),
                                 transaction(std::move(options), std::move(body), where),
                                 std::forward<Token>(token));
  }

 protected:
  ~AsyncLeases() = default;

 private:
  friend Self;
  AsyncLeases() = default;
  AsyncLeases(const AsyncLeases&) = default;
  AsyncLeases(AsyncLeases&&) = default;
  AsyncLeases& operator=(const AsyncLeases&) = default;
  AsyncLeases& operator=(AsyncLeases&&) = default;
  template <class Body>
  static auto on_a_lease(Self handle, std::unique_ptr<const TransactionOptions> options, Body body,
                         SourceLocation where) -> std::invoke_result_t<Body&, AsyncConnection&> {
    AsyncConnection leased = co_await handle.connection(boost::asio::use_awaitable, where);
    co_return co_await leased.transact(std::move(options), std::move(body));
  }
  [[nodiscard]] Self& self() noexcept { return static_cast<Self&>(*this); }
};

}  // namespace detail
}  // namespace copg
#pragma GCC visibility pop
