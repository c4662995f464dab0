// libpq's socket in the hands of Asio: a duplicate, under a number of its own. Stays with the reactor from
// one operation to the next, since entering and leaving cost a system call each.
//
// libpq closes its socket as soon as it finds the connection lost. Its number may be another's by the time
// the reactor lets go of it, and would take that one out of the reactor.
//
// Changed under the engine's mutex. The owner of the connection may ask `held` and `is` without it: nobody
// else changes a descriptor but an event loop that goes away, which is not the one that asks.
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
  /// With the reactor behind `executor`, as this descriptor.
  [[nodiscard]] bool is(const boost::asio::any_io_executor& executor, int fd) {
    return belongs_to(context_of(executor)) && fd_ == fd && stream_->get_executor() == executor;
  }
  /// With a reactor of this context.
  [[nodiscard]] bool belongs_to(const boost::asio::execution_context& context) const noexcept {
    return context_.load(std::memory_order_relaxed) == &context;
  }
  /// Hands `fd` to the reactor behind `executor`. Throws boost::system::system_error if the process is out of
  /// something.
  void take(const boost::asio::any_io_executor& executor, int fd);
  /// Takes it back. Whoever waits for it is told `operation_aborted`.
  void give_up() noexcept;
  /// In a forked child: the reactor is the parent's. To be destroyed never.
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
