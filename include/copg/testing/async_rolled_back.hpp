// A transaction for one test with coroutines of Asio, which leaves nothing behind.
#pragma once

#include <copg/async_connection.hpp>
#include <copg/async_pooled_database.hpp>
#include <copg/source_location.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <optional>
#include <type_traits>
#include <utility>

#pragma GCC visibility push(default)
namespace copg {
namespace testing {

namespace detail {

/// Ends the body of a transaction as an error would.
struct RollBack {};

/// Awaits a body, keeps its result, and ends its transaction.
template <class Value, class Executor>
boost::asio::awaitable<void, Executor> then_roll_back(boost::asio::awaitable<Value, Executor> body,
                                                      std::optional<Value>* result) {
  result->emplace(co_await std::move(body));
  throw RollBack();
}
template <class Executor>
boost::asio::awaitable<void, Executor> then_roll_back(boost::asio::awaitable<void, Executor> body) {
  co_await std::move(body);
  throw RollBack();
}

template <class Body>
auto run_rolled_back(AsyncPooledDatabase* db, Body body, SourceLocation where)
    -> std::invoke_result_t<Body&, AsyncConnection&> {
  using Value = typename std::invoke_result_t<Body&, AsyncConnection&>::value_type;
  AsyncConnection connection = co_await db->connection({}, boost::asio::use_awaitable, where);
  if constexpr (std::is_void_v<Value>) {
    try {
      co_await connection.transaction(
          [&body](AsyncConnection& leased) { return then_roll_back(body(leased)); });
    } catch (const RollBack&) {  // as it should be
    }
  } else {
    std::optional<Value> result;
    const auto undone = [&body, &result](AsyncConnection& leased) {
      return then_roll_back(body(leased), &result);
    };
    try {
      co_await connection.transaction(undone);
    } catch (const RollBack&) {  // as it should be
    }
    co_return std::move(*result);
  }
}

}  // namespace detail

/// Leases a connection, awaits `body(connection)` in a transaction, and rolls that back, whatever happens.
/// Completes with the body's result, or throws its error after the rollback.
///
/// `conn.transaction(...)` inside is a savepoint, with its own end. `conn.commit()` commits, as it does
/// anywhere. The pool must outlive the call. A cancelled body gives the connection back, which rolls back in
/// the background.
template <class Body>
requires AwaitableBody<Body>
auto rolled_back(AsyncPooledDatabase& db, Body body, SourceLocation where = SourceLocation::current())
    -> std::invoke_result_t<Body&, AsyncConnection&> {
  return detail::run_rolled_back(&db, std::move(body), where);
}
/// The same on the pool's executor, for any completion token.
template <class Body, class Token>
requires AwaitableBody<Body>
auto rolled_back(AsyncPooledDatabase& db, Body body, Token&& token,
                 SourceLocation where = SourceLocation::current()) {
  return boost::asio::co_spawn(db.get_executor(), detail::run_rolled_back(&db, std::move(body), where),
                               std::forward<Token>(token));
}

}  // namespace testing
}  // namespace copg
#pragma GCC visibility pop
