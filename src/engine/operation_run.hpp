// Drives one operation with Asio: waits for its descriptor, advances it, until it ends, its time is up, or it
// is stopped.
//
// Everything happens on one executor, which must not run two handlers at once (a strand, or one thread). The
// descriptor is handed back before each step: libpq may close it there and open another with the same number.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <functional>
#include <memory>

#include "engine/clock.hpp"
#include "pq/operation.hpp"

namespace copg::engine {

class OperationRun : public std::enable_shared_from_this<OperationRun> {
 public:
  enum class End : std::uint8_t {
    done,
    timed_out,
    failed,  ///< The descriptor could not be waited for: the process is out of something.
  };
  using Ended = std::function<void(End)>;

  /// `operation` must live until `ended` was called or `stop` has returned. `ended` is called once, perhaps
  /// from `start`.
  OperationRun(const boost::asio::any_io_executor& executor, pq::Operation& operation, Ended ended);
  OperationRun(const OperationRun&) = delete;
  OperationRun& operator=(const OperationRun&) = delete;
  ~OperationRun();

  void start(Duration timeout);
  /// Nothing is called any more, and the operation is not touched again.
  void stop();

 private:
  void advance(pq::Ready ready);
  void wait(const pq::Step& step);
  void wait_for(boost::asio::posix::stream_descriptor::wait_type type, pq::Ready ready);
  void end(End how);
  void hand_back();

  pq::Operation& operation_;
  Ended ended_;
  boost::asio::posix::stream_descriptor descriptor_;
  boost::asio::steady_timer timer_;
  std::uint64_t round_ = 0;  // of waiting: a handler of an earlier round is late
  bool running_ = false;
};

}  // namespace copg::engine
