// Turns a call into an asynchronous operation of Asio, for any completion token. Not for users.
#pragma once

#include <copg/detail/async_handler.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <type_traits>
#include <utility>

#pragma GCC visibility push(default)
namespace copg {

/// A call without a token returns an awaitable. (A deferred operation would be more general, but Boost 1.81
/// can't await one that completes with an exception_ptr and a value.)
using DefaultToken = boost::asio::use_awaitable_t<>;

namespace detail {

template <class... Results>
using Signature = void(std::exception_ptr, Results...);

template <class Token, class... Results>
concept TokenFor = boost::asio::completion_token_for<Token, Signature<Results...>>;

/// `start(handler, args...)` starts the operation.
template <class... Results, class Start, class Token, class... Args>
auto initiate(Start start, Token&& token, Args&&... args) {
  return boost::asio::async_initiate<Token, Signature<Results...>>(
      [start = std::move(start)](auto handler, auto... kept) mutable {
        start(Handler<Results...>(std::move(handler)), std::move(kept)...);
      },
      token, std::forward<Args>(args)...);
}

/// Like `initiate`, for a result that `map` makes of the operation's: `start` takes a handler of a From, and
/// the operation completes with a To.
template <class From, class To, class Start, class Map, class Token, class... Args>
auto initiate_mapped(Start start, Map map, Token&& token, Args&&... args) {
  return boost::asio::async_initiate<Token, Signature<To>>(
      [start = std::move(start), map](auto handler, auto... kept) mutable {
        start(Handler<From>(MappedHandler<To, decltype(handler), Map>{std::move(handler), map}),
              std::move(kept)...);
      },
      token, std::forward<Args>(args)...);
}

}  // namespace detail
}  // namespace copg
#pragma GCC visibility pop
