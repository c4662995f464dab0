// libpq's socket in an event loop of Asio. It stays registered with the reactor from one operation to the
// next, since entering and leaving cost a system call each.
//
// The reactor has a duplicate, because libpq closes its socket as soon as it finds the connection lost: when
// the reactor lets go of the descriptor, its number may be another socket's, which would leave the reactor.
//
// Changed under the engine's mutex. The owner of the connection may ask `held` and `is` without it: besides
// the owner only an event loop that goes away changes a descriptor, and that is not the one that asks.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <atomic>
#include <optional>

namespace copg::engine {

class Descriptor {
 public:
  Descriptor() = default;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { give_up(); }

  [[nodiscard]] bool held() const noexcept { return context_.load(std::memory_order_relaxed) != nullptr; }
  /// Whether the reactor behind `executor` has it, for this `fd`.
  [[nodiscard]] bool is(const boost::asio::any_io_executor& executor, int fd) {
    return belongs_to(context_of(executor)) && fd_ == fd && stream_->get_executor() == executor;
  }
  /// Whether a reactor of this context has it.
  [[nodiscard]] bool belongs_to(const boost::asio::execution_context& context) const noexcept {
    return context_.load(std::memory_order_relaxed) == &context;
  }
  /// Registers `fd` with the reactor behind `executor`. Throws boost::system::system_error if the process is
  /// out of resources.
  void take(const boost::asio::any_io_executor& executor, int fd);
  /// Takes it out of the reactor. Waits for it end with `operation_aborted`.
  void give_up() noexcept;
  /// In a forked child: leaves it to the parent's reactor, and is never destroyed.
  void abandon() noexcept;
  [[nodiscard]] boost::asio::posix::stream_descriptor& stream() noexcept { return *stream_; }

 private:
  static boost::asio::execution_context& context_of(const boost::asio::any_io_executor& executor) {
    return boost::asio::query(executor, boost::asio::execution::context);
  }

  std::optional<boost::asio::posix::stream_descriptor> stream_;  // of the duplicate
  int fd_ = -1;                                                  // libpq's
  std::atomic<const boost::asio::execution_context*> context_ = nullptr;
};

}  // namespace copg::engine
