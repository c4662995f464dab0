// Turns a call into an asynchronous operation of Asio, for any completion token. Not for users.
#pragma once

#include <copg/detail/async_handler.hpp>

#include <boost/asio/any_io_executor.hpp>
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

/// What starts an operation of `Owner`, which is a pointer, or a view that is copied. Some tokens, such as
/// cancel_after, ask it for the executor.
template <class Owner, class Start>
class Initiation {
 public:
  using executor_type = boost::asio::any_io_executor;

  Initiation(Owner owner, Start start) : owner_(std::move(owner)), start_(std::move(start)) {}
  [[nodiscard]] executor_type get_executor() const {
    if constexpr (std::is_pointer_v<Owner>) {
      return owner_->get_executor();
    } else {
      return owner_.get_executor();
    }
  }
  template <class H, class... Kept>
  void operator()(H handler, Kept... kept) {
    if constexpr (std::is_pointer_v<Owner>) {
      start_(*owner_, std::move(handler), std::move(kept)...);
    } else {
      start_(owner_, std::move(handler), std::move(kept)...);
    }
  }

 private:
  Owner owner_;
  Start start_;
};

/// `start(owner, handler, args...)` starts the operation. `owner`: see Initiation.
template <class... Results, class Owner, class Start, class Token, class... Args>
auto initiate(Owner owner, Start start, Token&& token, Args&&... args) {
  return boost::asio::async_initiate<Token, Signature<Results...>>(
      Initiation(std::move(owner),
                 [start = std::move(start)](auto& self, auto handler, auto... kept) mutable {
                   start(self, Handler<Results...>(std::move(handler)), std::move(kept)...);
                 }),
      token, std::forward<Args>(args)...);
}

template <class To>
struct SignatureOf {
  using type = Signature<To>;
};
template <>
struct SignatureOf<void> {
  using type = Signature<>;
};

/// Like `initiate`, for a result that `map` makes of the operation's: `start` takes a handler of a From, and
/// the operation completes with a To, which may be void.
template <class From, class To, class Owner, class Start, class Map, class Token, class... Args>
auto initiate_mapped(Owner owner, Start start, Map map, Token&& token, Args&&... args) {
  return boost::asio::async_initiate<Token, typename SignatureOf<To>::type>(
      Initiation(std::move(owner),
                 [start = std::move(start), map](auto& self, auto handler, auto... kept) mutable {
                   start(self,
                         Handler<From>(MappedHandler<To, decltype(handler), Map>{std::move(handler), map}),
                         std::move(kept)...);
                 }),
      token, std::forward<Args>(args)...);
}

}  // namespace detail
}  // namespace copg
#pragma GCC visibility pop
