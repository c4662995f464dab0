#include "async/watch_call.hpp"

#include <exception>

namespace copg::async {

WatchCall::WatchCall(std::shared_ptr<Loop> loop, engine::Until until, engine::TimePoint deadline,
                     detail::Handler<> handler)
    : Pending(std::move(loop)),
      until_(until),
      deadline_(deadline),
      completion_(std::move(handler), this->loop()) {
  completion_.cancel_with(*this);
}

void WatchCall::start() noexcept {
  try {
    if (!engine().watch(*this, until_, deadline_)) return queue();
  } catch (...) {  // a forked child that may start no thread
    return end(false, std::current_exception());
  }
  end(false, nullptr);
}

void WatchCall::go_on(bool inside) {
  std::exception_ptr error;
  try {
    // Closing is over when its time is, whatever is left.
    if (until_ != engine::Until::finished) engine().collect(*this);
  } catch (...) {
    error = std::current_exception();
  }
  end(inside, std::move(error));
}

void WatchCall::end_early(bool inside, Word /*word*/) { end(inside, aborted()); }

void WatchCall::end(bool inside, std::exception_ptr error) {
  set_over();
  completion_.complete(inside, loop(), std::move(error));
}

}  // namespace copg::async
