// A completion handler of any kind, and one that is given something made of an operation's result. Not for
// users.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/associator.hpp>

#include <exception>
#include <type_traits>
#include <utility>

namespace [[gnu::visibility("default")]] copg {
namespace detail {

template <class... Results>
using Handler = boost::asio::any_completion_handler<void(std::exception_ptr, Results...)>;

/// Gives `handler` what `map` makes of the result; what `map` throws is the error.
template <class To, class H, class Map>
struct MappedHandler {
  H handler;
  Map map;

  template <class From>
  void operator()(std::exception_ptr error, From from) {
    To to{};
    if (!error) {
      try {
        to = map(std::move(from));
      } catch (...) {
        error = std::current_exception();
      }
    }
    std::move(handler)(std::move(error), std::move(to));
  }
};

}  // namespace detail
}  // namespace copg

/// What belongs to the handler belongs to the mapped one.
template <template <class, class> class Associator, class To, class H, class Map, class Default>
struct boost::asio::associator<Associator, copg::detail::MappedHandler<To, H, Map>, Default>
    : Associator<H, Default> {
  static auto get(const copg::detail::MappedHandler<To, H, Map>& mapped) noexcept {
    return Associator<H, Default>::get(mapped.handler);
  }
  static auto get(const copg::detail::MappedHandler<To, H, Map>& mapped, const Default& fallback) noexcept {
    return Associator<H, Default>::get(mapped.handler, fallback);
  }
};
