// A thread that runs an Asio context: where a pool that has no executor of its user's does its background
// work.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <thread>

#include "engine/clock.hpp"

namespace copg::engine {

class BackgroundThread {
 public:
  BackgroundThread();
  BackgroundThread(const BackgroundThread&) = delete;
  BackgroundThread& operator=(const BackgroundThread&) = delete;
  /// Stops it, without a bound on the waiting.
  ~BackgroundThread();

  [[nodiscard]] boost::asio::any_io_executor executor() const;
  /// Ends the thread after the handler that runs now; pending handlers are destroyed unrun. Waits for it
  /// until `deadline`; not at all when called on the thread itself. False: it is still in that handler, and
  /// ends by itself after it. Idempotent.
  bool stop(TimePoint deadline);

 private:
  struct Context;
  std::shared_ptr<Context> context_;  // shared with the thread, which may outlive this object
  std::thread thread_;
};

}  // namespace copg::engine
