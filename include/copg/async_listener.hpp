// A listener, for event loops: what `listener` of the pool completes with.
#pragma once

#include <copg/deadline.hpp>
#include <copg/detail/async_initiate.hpp>
#include <copg/listener.hpp>
#include <copg/notification.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {

namespace async {
class Loop;
class ListenCall;
}  // namespace async
namespace engine {
class OpenListener;
}  // namespace engine

/// Hears the notifications of some channels:
///
///     while (const std::optional<Arrival> arrival = co_await listener.next()) ...
///
/// Listener describes what it hears, what it is told that it has missed, and what ends it. Move-only; one
/// call at a time may wait in `next`. It must not be moved or destroyed between making a call and starting
/// it; what waits goes on.
class AsyncListener {
 public:
  using executor_type = boost::asio::any_io_executor;

  /// Of no channel: as one that was closed.
  AsyncListener() noexcept;
  AsyncListener(AsyncListener&& other) noexcept;
  AsyncListener& operator=(AsyncListener&& other) noexcept;
  AsyncListener(const AsyncListener&) = delete;
  AsyncListener& operator=(const AsyncListener&) = delete;
  /// As close().
  ~AsyncListener();

  /// The pool's executor. UsageError if it is of no channel.
  [[nodiscard]] executor_type get_executor() const;

  /// Completes with the next notification or gap; with nothing once the deadline has passed, or if the
  /// listener is closed meanwhile. A call that is cancelled takes nothing out of the queue. But one that has
  /// completed has: give `next` a deadline, rather than drop its result for that of a timer.
  template <detail::TokenFor<std::optional<Arrival>> Token = DefaultToken>
  auto next(Deadline deadline = {}, Token&& token = {}) {
    require_open();
    return detail::initiate<std::optional<Arrival>>(
        this, [deadline](auto& self, auto handler) { self.start_next(std::move(handler), deadline); }, token);
  }
  /// See Listener::add.
  template <detail::TokenFor<> Token = DefaultToken>
  auto add(std::string channel, std::optional<Deadline> deadline = {}, Token&& token = {}) {
    require_open();
    return detail::initiate<>(
        this,
        [channel = std::move(channel), deadline](auto& self, auto handler) {
          self.start_add(std::move(handler), channel, deadline);
        },
        token);
  }
  /// See Listener::remove.
  void remove(const std::string& channel);
  /// Its channels, in alphabetical order.
  [[nodiscard]] std::vector<std::string> channels() const;
  /// Stops listening. Never blocks.
  void close() noexcept;

 private:
  friend class async::ListenCall;

  AsyncListener(std::shared_ptr<async::Loop> loop, std::shared_ptr<engine::OpenListener> open) noexcept;
  void require_open() const;
  void start_next(detail::Handler<std::optional<Arrival>> handler, Deadline deadline);
  void start_add(detail::Handler<> handler, const std::string& channel, std::optional<Deadline> deadline);

  std::shared_ptr<async::Loop> loop_;
  std::shared_ptr<engine::OpenListener> open_;  // null: of no channel
};

}  // namespace copg
#pragma GCC visibility pop
