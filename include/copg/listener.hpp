// A listener, for threads: what `listener` of a pool returns.
#pragma once

#include <copg/deadline.hpp>
#include <copg/notification.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {

namespace engine {
class OpenListener;
}  // namespace engine

/// How many notifications wait in the queue of a listener that was told nothing else.
inline constexpr std::size_t usual_listener_queue = 10'000;

/// The channels of a new listener: `"jobs"`, `{"jobs", "done"}`, or a vector. A name is taken as it is, upper
/// case included.
class Channels {
 public:
  // No initializer_list: GCC 12 can't compile one inside a co_await.
  template <class... Names>
  requires(sizeof...(Names) > 0 && (std::constructible_from<std::string, Names> && ...))
      Channels(Names&&... names) {  // NOLINT(google-explicit-constructor)
    (names_.emplace_back(std::forward<Names>(names)), ...);
  }
  Channels(std::vector<std::string> names)  // NOLINT(google-explicit-constructor)
      : names_(std::move(names)) {}

  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }

 private:
  std::vector<std::string> names_;
};

/// Hears the notifications of some channels, in the order in which the server sends them:
///
/// ```cpp
///     copg::Listener listener = db.listener({"jobs"});
///     while (const std::optional<copg::Arrival> arrival = listener.next(1s)) {
///       if (const auto* note = std::get_if<copg::Notification>(&*arrival)) std::puts(note->payload.c_str());
///     }
/// ```
///
/// All listeners of a pool share one connection, which is no one of the pool's max_size. It is opened for the
/// first listener and closed after the last. If it is lost, the pool connects again, as often as that takes,
/// and listens again; then each listener gets a Gap. Nothing is lost without a Gap in its place.
///
/// At most so many notifications wait in a listener's queue as `listener` was told, 10,000 by default. Those
/// that come while it is full are dropped, and counted in a Gap.
///
/// Move-only. Thread-safe, except for moving and destruction, but that one thread at a time may wait in
/// `next`. It does not keep the pool open: once the pool is closed, its calls throw PoolClosed. In a forked
/// child they throw UsageError.
class Listener {
 public:
  Listener(Listener&&) noexcept;
  Listener& operator=(Listener&&) noexcept;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  /// As close().
  ~Listener();

  /// Returns the next notification or gap. Blocks until there is one, or the deadline has passed: then it
  /// returns nothing. UsageError if another thread waits. Returns nothing, too, if another thread closes the
  /// listener meanwhile.
  [[nodiscard]] std::optional<Arrival> next(Deadline deadline = {});
  /// Listens to one more channel: blocks until the server has acknowledged it, by the pool's `timeout` or the
  /// deadline. Throws as PooledDatabase::listener; then the channel is not added.
  void add(const std::string& channel, std::optional<Deadline> deadline = {});
  /// Gives nothing more of this channel, but what is in the queue already. Does not block.
  void remove(const std::string& channel);
  /// Its channels, in alphabetical order.
  [[nodiscard]] std::vector<std::string> channels() const;
  /// Stops listening. Never blocks. Any other call is a UsageError then.
  void close() noexcept;

 private:
  friend class PooledDatabase;
  friend class DatabaseWithin;
  explicit Listener(std::shared_ptr<engine::OpenListener> open) noexcept;
  [[nodiscard]] engine::OpenListener& open() const;

  std::shared_ptr<engine::OpenListener> open_;  // null: moved away
};

}  // namespace copg
#pragma GCC visibility pop
