#include "sync/call.hpp"

#include <copg/detail/request.hpp>

#include <poll.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <memory>

#include "engine/calls/statement_call.hpp"

namespace copg::sync {

namespace {

using Progress = engine::LeaseCall::Progress;

std::atomic<Look> look_at_the_runtime = nullptr;

timespec timespec_of(Duration span) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(span);
  return {.tv_sec = static_cast<time_t>(seconds.count()),
          .tv_nsec = static_cast<long>((span - seconds).count())};
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

/// Sleeps until `parked` is settled. A condition variable sleeps through signals, so with something to look
/// at the thread sleeps in pieces, short enough for a look in time. So it does once its time is up: somebody
/// is about to settle it if `expire` neither did nor threw.
template <class Parked, class Expire>
void sleep(Parked& parked, TimePoint deadline, Expire expire) {
  constexpr Duration piece = look_interval / 2;
  const Look look = look_at_the_runtime.load(std::memory_order_relaxed);
  TimePoint until = look == nullptr ? deadline : std::min(deadline, engine::after(engine::now(), piece));
  while (!parked.sleep_until(until)) {
    const bool late = engine::now() >= deadline;
    if (late) expire();
    if (look != nullptr) look();
    until = engine::after(engine::now(), piece);
    if (!late) until = std::min(until, deadline);
  }
}

/// `give_up()` leaves the queue, when the time is up or a look throws.
template <class Parked, class GiveUp>
void sleep_for_grant(PoolEngine& engine, Parked& waiter, Span& span, GiveUp give_up) {
  try {
    sleep(waiter, span.deadline, [&] { engine.leases().expire(waiter); });
  } catch (...) {
    give_up();
    throw;
  }
  span.looked = engine::now();
}

template <class Parked>
Progress wait_for_grant(engine::LeaseCall& call, Parked& waiter, Span& span) {
  sleep_for_grant(call.engine(), waiter, span, [&] { call.give_up(); });
  return call.granted(span.looked);
}

[[noreturn, gnu::cold, gnu::noinline]] void reject_undone(const engine::LeaseCall& call, bool cut,
                                                          const Span& span) {
  raise(call.engine().leases().undone(call, cut, engine::now() - span.begin));
}

Progress wait_for_server(engine::LeaseCall& call, Span& span) {
  engine::Slot& slot = *call.lease().slot;
  call.engine().leases().take_back_descriptor(slot);
  for (;;) {
    // The usual call waits once, right after a look at the clock, and is not to fail without having waited.
    const bool first = std::exchange(span.first_wait, false);
    if (!first) span.looked = engine::now();
    const bool cut = slot.use.is_cut();
    if (cut || (!first && span.looked >= span.deadline)) reject_undone(call, cut, span);
    const pq::Step& step = call.step();
    const Duration limit = std::clamp(span.deadline - span.looked, Duration::zero(), look_interval);
    // Not in a run: some answers may have been read by its driver before, and what is there makes no edge.
    const bool usual =
        first && step.wait_for == pq::Ready::read && limit == look_interval && slot.statements == nullptr;
    const pq::Ready ready = usual ? wait_for_answer(slot, step, span.looked) : wait_ready(step, limit);
    if (ready != pq::Ready::none) return call.advance(ready);
    if (const Look look = look_at_the_runtime.load(std::memory_order_relaxed)) look();
  }
}

}  // namespace

void set_look(Look look) noexcept { look_at_the_runtime.store(look, std::memory_order_relaxed); }

Lease acquire(PoolEngine& engine, Span& span, const SourceLocation& where) {
  Lease lease;
  ParkedThread waiter;
  if (engine.leases().acquire(lease, waiter, span.begin, span.deadline, where) ==
      engine::Leases::Attempt::queued) {
    sleep_for_grant(engine, waiter, span, [&] {
      if (engine.leases().give_up(lease, waiter)) engine.leases().release(lease);
    });
    engine.leases().collect(lease, waiter, span.looked);
  }
  return lease;
}

void wait_until(PoolEngine& engine, engine::Until until, Duration timeout) {
  const TimePoint deadline = engine::after(engine::now(), timeout);
  engine::Parked<engine::Watcher> watcher;
  if (engine.watch(watcher, until, deadline)) return;
  try {
    sleep(watcher, deadline, [&] { engine.expire(watcher); });
  } catch (...) {
    engine.give_up(watcher);
    throw;
  }
  engine.collect(watcher);
}

void finish_close(PoolEngine& engine, Duration timeout) {
  const TimePoint deadline = engine::after(engine::now(), timeout);
  engine::Parked<engine::Watcher> watcher;
  if (!engine.close_in_background() && !engine.watch(watcher, engine::Until::finished, deadline)) {
    try {
      sleep(watcher, deadline, [&] { engine.expire(watcher); });
    } catch (...) {
      engine.give_up(watcher);
      throw;
    }
  }
  engine.finish_close(std::max(deadline, engine::now()));
}

template <class Parked>
void drive(engine::LeaseCall& call, Progress progress, Parked& waiter, Span& span) {
  while (progress != Progress::done) {
    progress =
        progress == Progress::queued ? wait_for_grant(call, waiter, span) : wait_for_server(call, span);
  }
}

template void drive(engine::LeaseCall&, Progress, ParkedThread&, Span&);

namespace {

/// A copy travels: this thread may be gone before the others are answered.
class ParkedStatement final : public ParkedForAnswer {
 public:
  ParkedStatement(const Sql& sql, const Params& params) : sql_(sql), params_(params) {}
  std::unique_ptr<detail::Request> lend() override { return detail::Request::make(sql_, params_); }
  void take_back(std::unique_ptr<detail::Request> /*copy*/) noexcept override {}

 private:
  const Sql& sql_;
  const Params& params_;
};

}  // namespace

Result execute(PoolEngine& engine, Span span, const Sql& sql, const Params& params,
               const engine::KnownText& text) {
  ParkedStatement waiter(sql, params);
  engine::StatementCallIn<engine::InPlace> call(engine, waiter);
  const Progress progress = call.acquire(sql.text(), text, params, span.begin, span.deadline, sql.where());
  drive<ParkedForAnswer>(call, progress, waiter, span);
  return call.take_result();
}

}  // namespace copg::sync
