#include "sync/call.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <ctime>
#include <mutex>

namespace copg::sync {

namespace {

/// A thread that sleeps until its request is settled, or its time is up.
class ParkedThread final : public engine::Waiter {
 public:
  void settled() noexcept override {
    const std::lock_guard lock(mutex_);
    settled_ = true;
    wake_.notify_one();
  }
  /// False: the deadline came first.
  bool sleep_until(TimePoint deadline) {
    std::unique_lock lock(mutex_);
    return wake_.wait_until(lock, deadline, [this] { return settled_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  bool settled_ = false;
};

void wait_for_grant(PoolEngine& engine, Lease& lease, ParkedThread& waiter, Span& span) {
  while (!waiter.sleep_until(span.deadline)) engine.expire(waiter);
  engine.collect(lease, waiter);
  span.looked = engine::now();
}

/// How often a waiting thread looks whether its lease was cut off.
constexpr Duration look_interval = engine::AnswerWait::longest;

timespec timespec_of(Duration span) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(span);
  return {.tv_sec = static_cast<time_t>(seconds.count()),
          .tv_nsec = static_cast<long>((span - seconds).count())};
}

bool includes(pq::Ready set, pq::Ready one) {
  return (static_cast<unsigned>(set) & static_cast<unsigned>(one)) != 0;
}

/// poll(2) is cheaper than ppoll(2), which copies the rest of the time back, but counts in milliseconds.
int poll_for(pollfd& poll_fd, Duration limit) {
  if (limit == look_interval)
    return poll(&poll_fd, 1, static_cast<int>(look_interval / std::chrono::milliseconds(1)));
  const timespec timeout = timespec_of(limit);
  return ppoll(&poll_fd, 1, &timeout, nullptr);
}

/// What the step's descriptor is ready for within `limit`; none if nothing, or if a signal came.
pq::Ready wait_ready(const pq::Step& step, Duration limit) {
  const auto events = static_cast<short>((includes(step.wait_for, pq::Ready::read) ? POLLIN : 0) |
                                         (includes(step.wait_for, pq::Ready::write) ? POLLOUT : 0));
  pollfd poll_fd{.fd = step.fd, .events = events, .revents = 0};
  if (poll_for(poll_fd, limit) <= 0) return pq::Ready::none;
  if ((poll_fd.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
    return step.wait_for;  // the operation finds out
  const auto readable =
      static_cast<unsigned>((poll_fd.revents & POLLIN) != 0 ? pq::Ready::read : pq::Ready::none);
  const auto writable =
      static_cast<unsigned>((poll_fd.revents & POLLOUT) != 0 ? pq::Ready::write : pq::Ready::none);
  return static_cast<pq::Ready>(readable | writable);
}

/// The usual call waits once, right after it has sent everything, and has plenty of time.
pq::Ready wait_for_answer(engine::Slot& slot, const pq::Step& step, TimePoint time) {
  switch (slot.answer_wait.wait(step.fd, time)) {
    case engine::AnswerWait::Outcome::readable: return pq::Ready::read;
    case engine::AnswerWait::Outcome::nothing: return pq::Ready::none;
    case engine::AnswerWait::Outcome::unavailable: break;
  }
  return wait_ready(step, look_interval);
}

}  // namespace

Lease acquire(PoolEngine& engine, Span& span, const SourceLocation& where) {
  Lease lease;
  ParkedThread waiter;
  if (engine.acquire(lease, waiter, span.begin, span.deadline, where) == PoolEngine::Attempt::queued) {
    wait_for_grant(engine, lease, waiter, span);
  }
  return lease;
}

void swap(PoolEngine& engine, Lease& lease, Span& span) {
  ParkedThread waiter;
  if (engine.swap(lease, waiter, span.deadline) == PoolEngine::Attempt::queued) {
    wait_for_grant(engine, lease, waiter, span);
  }
}

Driven drive(pq::Operation& operation, Span& span, engine::Slot& slot) {
  pq::Step step = operation.advance(pq::Ready::none);
  for (bool first = true; !step.done; first = false) {
    if (!first)
      span.looked = engine::now();  // the usual call waits once, and starts right after a look at the clock
    if (!first && span.looked >= span.deadline) return Driven::late;
    if (slot.use.is_cut()) return Driven::cut;
    const Duration limit = std::clamp(span.deadline - span.looked, Duration::zero(), look_interval);
    const bool usual = first && step.wait_for == pq::Ready::read && limit == look_interval;
    const pq::Ready ready = usual ? wait_for_answer(slot, step, span.looked) : wait_ready(step, limit);
    if (ready != pq::Ready::none) step = operation.advance(ready);
  }
  return Driven::done;
}

void raise_undone(PoolEngine& engine, const pq::Operation& operation, Driven driven, const Span& span,
                  std::string_view sql) {
  raise(engine.undone(operation, driven == Driven::cut, sql, engine::now() - span.begin));
}

}  // namespace copg::sync
