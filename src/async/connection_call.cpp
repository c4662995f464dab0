#include "async/connection_call.hpp"

#include <exception>

namespace copg::async {

ConnectionCall::ConnectionCall(std::shared_ptr<Loop> loop, Duration timeout, const SourceLocation& where,
                               detail::Handler<AsyncConnection> handler)
    : WaitingCall(std::move(loop), timeout, Ends::with_grant),
      where_(where),
      completion_(std::move(handler), this->loop()) {
  completion_.cancel_with(*this);
}

ConnectionCall::Progress ConnectionCall::begin(TimePoint time, TimePoint deadline) {
  const auto attempt = engine().acquire(lease_, *this, time, deadline, where_);
  return attempt == engine::PoolEngine::Attempt::queued ? Progress::queued : Progress::done;
}

ConnectionCall::Progress ConnectionCall::granted(TimePoint time) {
  engine().collect(lease_, *this, time);
  return Progress::done;
}

engine::LeaseCall& ConnectionCall::lease_call() { std::terminate(); }  // it never waits for the server

void ConnectionCall::take_result() {
  const Seconds limit = engine().options().timeout;
  result_ = AsyncConnection(std::make_shared<LeaseState>(shared_loop(), lease_, limit));
  lease_ = {};
}

}  // namespace copg::async
