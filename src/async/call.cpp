#include "async/call.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include "async/calls.hpp"

namespace copg::async {

void Call::cancel(asio::cancellation_type type) noexcept {
  using asio::cancellation_type;
  const bool also_under_way =
      (type & (cancellation_type::terminal | cancellation_type::partial)) != cancellation_type::none;
  const boost::intrusive_ptr<Call> self(this);
  if (also_under_way) {
    EventCall::cancel();
  } else {
    cancel_unsent();
  }
}

std::exception_ptr Call::cancellation() const {
  return std::make_exception_ptr(boost::system::system_error(asio::error::operation_aborted));
}

void Call::hold(const Lease& lease, int fd) {
  descriptor_ = &engine().leases().descriptor(lease, loop_->executor(), fd);
}

void Call::watch(const pq::Step& step, std::uint32_t wait) {
  waits_for_both_ = step.wait_for == pq::Ready::read_write;
  if (step.wait_for != pq::Ready::write)
    watch_for(asio::posix::stream_descriptor::wait_read, pq::Ready::read, wait);
  if (step.wait_for != pq::Ready::read)
    watch_for(asio::posix::stream_descriptor::wait_write, pq::Ready::write, wait);
}

void Call::watch_for(asio::posix::stream_descriptor::wait_type type, pq::Ready ready, std::uint32_t wait) {
  descriptor_->async_wait(
      type, [self = boost::intrusive_ptr<Call>(this), wait, ready](const boost::system::error_code&) {
        // Passengers that are answered now complete right after this call, in their order.
        const std::shared_ptr<Loop> loop = self->loop_;
        WakeBatch passengers(*loop);
        self->ready(wait, ready);
        passengers.proceed(true);
      });
}

void Call::unwatch(bool reported) noexcept {
  if (!reported || waits_for_both_) descriptor_->cancel();
}

void Call::ended(bool inside, std::exception_ptr error) {
  if (inside) {
    // The next call that is granted the connection sends its statement before this handler runs.
    WakeBatch next(*loop_);
    clean_up();
    next.proceed(false);
  } else {
    clean_up();
  }
  complete(inside, std::move(error));
}

std::optional<AsyncConnection> ConnectionCall::attempt(std::shared_ptr<Loop> loop,
                                                       const SourceLocation& where) {
  engine::PoolEngine& engine = loop->engine();
  engine::Requester thread = engine::this_thread();
  thread.id = pool::unknown_holder;  // it goes on with other coroutines
  Lease lease;
  if (!engine.leases().try_acquire(lease, engine::now(), {where, thread})) return std::nullopt;
  return AsyncConnection(
      std::make_shared<LeaseState>(std::move(loop), lease, engine.options().timeout, pool::never));
}

void ConnectionCall::keep_host(const AsyncConnection& leased, std::shared_ptr<const void> host) noexcept {
  leased.state_->host = std::move(host);
}

void ConnectionCall::take_result() {
  std::get<0>(results_) =
      AsyncConnection(std::make_shared<LeaseState>(shared_loop(), lease_, timeout_, deadline_));
  lease_ = {};
}

}  // namespace copg::async
