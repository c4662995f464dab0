// A thread that runs an Asio context: where a pool that has no executor of its user's does its background
// work.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <thread>

namespace copg::engine {

class BackgroundThread {
 public:
  BackgroundThread();
  BackgroundThread(const BackgroundThread&) = delete;
  BackgroundThread& operator=(const BackgroundThread&) = delete;
  /// Stops it.
  ~BackgroundThread();

  [[nodiscard]] boost::asio::any_io_executor executor() const;
  [[nodiscard]] bool is_this_thread() const noexcept {
    return thread_.get_id() == std::this_thread::get_id();
  }
  /// Ends the thread after the handler that runs now; pending handlers are destroyed unrun. Waits for it,
  /// unless called on the thread itself. Idempotent.
  void stop();

 private:
  struct Context;
  std::shared_ptr<Context> context_;  // shared with the thread, which may outlive this object
  std::thread thread_;
};

}  // namespace copg::engine
