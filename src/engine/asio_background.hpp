// The background of a pool with Asio: on the executor of its user, or on a thread of its own, named `copg`,
// in which all signals are blocked.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <memory>
#include <thread>

#include "engine/background_port.hpp"

namespace copg::engine {

class AsioBackground final : public BackgroundPort {
 public:
  /// Runs on `executor`, or, if that is empty, on a thread of its own: std::system_error if there is none.
  explicit AsioBackground(boost::asio::any_io_executor executor);
  /// Ends its own thread, and waits for that without a bound.
  ~AsioBackground() override;

  /// What it runs on, without its strand.
  [[nodiscard]] const boost::asio::any_io_executor& executor() const noexcept { return executor_; }
  /// Whether it runs on its user's executor, which belongs to this context.
  [[nodiscard]] bool is_guest_of(const boost::asio::execution_context& context) const;

  void post(Task task) override;
  void call_at(TimePoint time, Task task) override;
  std::shared_ptr<Wait> wait_until(TimePoint deadline, Listener& listener) override;
  /// On a thread of its own that is also so in a handler of the user's, beside which nothing else runs there.
  bool inside() const noexcept override {
    return strand_.running_in_this_thread() || thread_.get_id() == std::this_thread::get_id();
  }
  bool stop(TimePoint deadline, Task then) override;

 private:
  class Waiting;
  struct Context;
  using Strand = boost::asio::strand<boost::asio::any_io_executor>;

  std::shared_ptr<Context> context_;  // shared with the thread, which may outlive this object
  std::thread thread_;
  const boost::asio::any_io_executor executor_;
  Strand strand_;
  boost::asio::steady_timer timer_;
};

}  // namespace copg::engine
