// A descriptor in an event loop of Asio's, in the simulation, in place of Asio's own.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/system/error_code.hpp>

#include <memory>
#include <type_traits>
#include <utility>

#include "sim/engine/event_context.hpp"

namespace boost::asio::posix {

class stream_descriptor {
 public:
  enum wait_type { wait_read, wait_write };

  explicit stream_descriptor(any_io_executor executor, int fd = -1)
      : executor_(std::move(executor)),
        context_(&static_cast<copg::sim::EventContext&>(query(executor_, execution::context))),
        fd_(fd) {}
  stream_descriptor(const stream_descriptor&) = delete;
  stream_descriptor& operator=(const stream_descriptor&) = delete;
  ~stream_descriptor() { cancel(); }

  [[nodiscard]] const any_io_executor& get_executor() const noexcept { return executor_; }
  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int native_handle() const noexcept { return fd_; }
  void assign(int fd, system::error_code& /*error*/) noexcept { fd_ = fd; }
  int release() noexcept {
    cancel();
    return std::exchange(fd_, -1);
  }
  void cancel() noexcept { context_->cancel(this); }
  /// The handler's error says nothing: none of them asks.
  template <class Handler>
  void async_wait(wait_type what, Handler handler) {
    context_->wait(this, fd_, what == wait_write,
                   [kept = std::make_shared<Handler>(std::move(handler))] { (*kept)(system::error_code()); });
  }

 private:
  any_io_executor executor_;
  copg::sim::EventContext* context_;
  int fd_;
};

}  // namespace boost::asio::posix
