#include "engine/operation_run.hpp"

#include <utility>

namespace copg::engine {

namespace asio = boost::asio;

OperationRun::OperationRun(const asio::any_io_executor& executor, pq::Operation& operation, Ended ended)
    : operation_(operation), ended_(std::move(ended)), descriptor_(executor), timer_(executor) {}

OperationRun::~OperationRun() { hand_back(); }

void OperationRun::start(Duration timeout) {
  running_ = true;
  if (timeout != pool::forever) {
    timer_.expires_after(timeout);
    timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (!error && self->running_) self->end(End::timed_out);
    });
  }
  advance(pq::Ready::none);
}

void OperationRun::stop() {
  running_ = false;
  ++round_;
  hand_back();
  timer_.cancel();
}

void OperationRun::advance(pq::Ready ready) {
  const pq::Step step = operation_.advance(ready);
  if (step.done) return end(End::done);
  wait(step);
}

void OperationRun::wait(const pq::Step& step) {
  boost::system::error_code error;
  descriptor_.assign(step.fd, error);
  if (error) return end(End::failed);
  if (step.wait_for != pq::Ready::write) wait_for(asio::posix::stream_descriptor::wait_read, pq::Ready::read);
  if (step.wait_for != pq::Ready::read)
    wait_for(asio::posix::stream_descriptor::wait_write, pq::Ready::write);
}

void OperationRun::wait_for(asio::posix::stream_descriptor::wait_type type, pq::Ready ready) {
  descriptor_.async_wait(
      type, [self = shared_from_this(), round = round_, ready](const boost::system::error_code&) {
        if (!self->running_ || round != self->round_) return;
        ++self->round_;
        self->hand_back();
        self->advance(ready);
      });
}

void OperationRun::end(End how) {
  stop();
  std::exchange(ended_, nullptr)(how);
}

void OperationRun::hand_back() {
  if (descriptor_.is_open()) descriptor_.release();
}

}  // namespace copg::engine
