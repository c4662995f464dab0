// A completion handler of any type, and one that gets a value made of an operation's result. Not for users.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/associator.hpp>

#include <concepts>
#include <exception>
#include <type_traits>
#include <utility>

#pragma GCC visibility push(default)
namespace copg {
namespace detail {

/// To ask `call` for its executor costs four allocations. Most handlers belong to the pool's own executor,
/// which this class finds out at no cost.
template <class... Results>
class Handler {
 public:
  template <class H>
  explicit Handler(H handler) : elsewhere_(!look_up(handler)), call(std::move(handler)) {}

  /// Whether the handler's executor is `pool`, or it has none and takes that one.
  [[nodiscard]] bool belongs_to(const boost::asio::any_io_executor& pool) const {
    return !elsewhere_ && (!executor_ || executor_ == pool);
  }

 private:
  /// Remembers the handler's executor. Returns false if its type is one that the pool's can't have.
  template <class H>
  bool look_up(const H& handler) {
    auto executor = boost::asio::get_associated_executor(handler, boost::asio::any_io_executor());
    constexpr bool comparable = std::constructible_from<boost::asio::any_io_executor, decltype(executor)>;
    if constexpr (comparable) executor_ = boost::asio::any_io_executor(std::move(executor));
    return comparable;
  }

  boost::asio::any_io_executor executor_;
  bool elsewhere_;

 public:
  boost::asio::any_completion_handler<void(std::exception_ptr, Results...)> call;
};

/// Calls `handler` with map(result), or with the exception that `map` throws.
template <class To, class H, class Map>
struct MappedHandler {
  H handler;
  Map map;

  template <class From>
  void operator()(std::exception_ptr error, From from) {
    if constexpr (std::is_void_v<To>) {
      std::move(handler)(std::move(error));  // there is nothing that could be made of it
    } else {
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
  }
};

}  // namespace detail
}  // namespace copg
#pragma GCC visibility pop

/// A mapped handler has the executor, allocator and cancellation slot of the handler inside it.
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
