#include "sync/call.hpp"

#include <copg/detail/request.hpp>

#include <algorithm>
#include <atomic>
#include <memory>

#include "engine/calls/statement_call.hpp"
#include "engine/wait_ready.hpp"
#include "sync/sleep.hpp"

namespace copg::sync {

namespace {

using Progress = engine::LeaseCall::Progress;

std::atomic<InterruptCheck> interrupt_check = nullptr;

/// The usual call waits once, right after it has sent everything, and has plenty of time.
pq::Ready wait_for_answer(engine::Slot& slot, const pq::Step& step, TimePoint time) {
  switch (slot.socket_waiter.wait(step.fd, time)) {
    case engine::SocketWaiter::Outcome::readable: return pq::Ready::read;
    case engine::SocketWaiter::Outcome::nothing: return pq::Ready::none;
    case engine::SocketWaiter::Outcome::unavailable: break;
  }
  return engine::wait_ready(step, interrupt_check_interval);
}

/// `give_up()` leaves the queue, when the time is up or the interrupt check throws.
template <class Blocking, class GiveUp>
void sleep_for_grant(PoolEngine& engine, Blocking& waiter, CallClock& clock, GiveUp give_up) {
  try {
    sleep(waiter, clock.deadline, [&] { engine.leases().expire(waiter); });
  } catch (...) {
    give_up();
    throw;
  }
  clock.now = engine::now();
}

template <class Blocking>
Progress wait_for_grant(engine::LeaseCall& call, Blocking& waiter, CallClock& clock) {
  sleep_for_grant(call.engine(), waiter, clock, [&] { call.give_up(); });
  return call.granted(clock.now);
}

[[noreturn, gnu::cold, gnu::noinline]] void reject_interrupted(const engine::LeaseCall& call, bool cut,
                                                               const CallClock& clock) {
  raise(call.engine().leases().interrupted_error(call, cut, engine::now() - clock.begin));
}

Progress wait_for_server(engine::LeaseCall& call, CallClock& clock) {
  engine::Slot& slot = *call.lease().slot;
  call.engine().leases().take_back_descriptor(slot);
  for (;;) {
    // The usual call waits once, just after it has read the clock, and must not fail without having waited.
    const bool first = std::exchange(clock.first_wait, false);
    if (!first) clock.now = engine::now();
    const bool cut = slot.latch.is_cut();
    if (cut || (!first && clock.now >= call.wait_until())) {
      if (call.wait_no_longer()) return Progress::done;
      reject_interrupted(call, cut, clock);
    }
    const pq::Step& step = call.step();
    const Duration limit =
        std::clamp(call.wait_until() - clock.now, Duration::zero(), interrupt_check_interval);
    // Not in a run: an earlier driver may have left answers unread, for which the epoll set reports no edge.
    const bool usual =
        first && step.wait_for == pq::Ready::read && limit == interrupt_check_interval && slot.run == nullptr;
    const pq::Ready ready = usual ? wait_for_answer(slot, step, clock.now) : engine::wait_ready(step, limit);
    if (ready != pq::Ready::none) return call.advance(ready);
    if (const InterruptCheck check = interrupt_check.load(std::memory_order_relaxed)) check();
  }
}

}  // namespace

InterruptCheck present_interrupt_check() noexcept { return interrupt_check.load(std::memory_order_relaxed); }

void set_interrupt_check(InterruptCheck check) noexcept {
  interrupt_check.store(check, std::memory_order_relaxed);
}

Lease acquire(PoolEngine& engine, CallClock& clock, const SourceLocation& where) {
  Lease lease;
  ConnectionWaiter waiter;
  if (engine.leases().acquire(lease, waiter, clock.begin, clock.deadline, where) ==
      engine::Leases::Attempt::queued) {
    sleep_for_grant(engine, waiter, clock, [&] {
      if (engine.leases().give_up(lease, waiter)) engine.leases().release(lease);
    });
    engine.leases().collect(lease, waiter, clock.now);
  }
  return lease;
}

void wait_for(PoolEngine& engine, engine::Milestone milestone, TimePoint deadline) {
  engine::BlockingWaiter<engine::PoolWaiter> waiter;
  if (engine.wait_for(waiter, milestone, deadline)) return;
  try {
    sleep(waiter, deadline, [&] { engine.expire(waiter); });
  } catch (...) {
    engine.give_up(waiter);
    throw;
  }
  engine.collect(waiter);
}

void finish_close(PoolEngine& engine, Duration timeout) {
  const TimePoint deadline = engine::after(engine::now(), timeout);
  engine::BlockingWaiter<engine::PoolWaiter> waiter;
  if (!engine.close_in_background() && !engine.wait_for(waiter, engine::Milestone::finished, deadline)) {
    try {
      sleep(waiter, deadline, [&] { engine.expire(waiter); });
    } catch (...) {
      engine.give_up(waiter);
      throw;
    }
  }
  engine.finish_close(std::max(deadline, engine::now()));
}

namespace {

/// Waits until the goal is reached or can't be any more, or until the deadline.
void wait_for_listener(engine::OpenListener& listener, engine::ListenGoal goal, TimePoint deadline) {
  engine::BlockingWaiter<engine::ListenWaiter> waiter;
  if (listener.wait_for(waiter, goal, pool::never)) return;
  struct Late {};
  try {
    sleep(waiter, deadline, [] { throw Late(); });
  } catch (const Late&) {
    listener.give_up(waiter);
  } catch (...) {
    listener.give_up(waiter);
    throw;
  }
}

}  // namespace

std::shared_ptr<engine::OpenListener> listen(PoolEngine& engine, std::vector<std::string> channels,
                                             std::size_t capacity, const engine::TimeLimit& limit) {
  const TimePoint begin = engine::now();
  auto listener = engine.listening().open(engine.shared_from_this(), std::move(channels), capacity);
  wait_for_listener(*listener, engine::ListenGoal::ready, limit.deadline(begin));
  listener->collect_ready(engine::now() - begin);
  return listener;
}

void add_channels(engine::OpenListener& listener, std::vector<std::string> channels,
                  const engine::TimeLimit& limit) {
  const TimePoint begin = engine::now();
  const std::vector<std::string> added = listener.add(std::move(channels));
  try {
    wait_for_listener(listener, engine::ListenGoal::ready, limit.deadline(begin));
    listener.collect_ready(engine::now() - begin);
  } catch (...) {
    listener.take_back(added);
    throw;
  }
}

void wait_for_arrival(engine::OpenListener& listener, TimePoint deadline) {
  wait_for_listener(listener, engine::ListenGoal::arrival, deadline);
}

std::optional<Arrival> next_arrival(engine::OpenListener& listener, TimePoint deadline) {
  wait_for_arrival(listener, deadline);
  return listener.take();
}

template <class Blocking>
void finish(engine::LeaseCall& call, Progress progress, Blocking& waiter, CallClock& clock) {
  while (progress != Progress::done) {
    progress =
        progress == Progress::queued ? wait_for_grant(call, waiter, clock) : wait_for_server(call, clock);
  }
}

template void finish(engine::LeaseCall&, Progress, ConnectionWaiter&, CallClock&);

namespace {

/// Lends a copy, since this thread may be gone before the others are answered.
class BlockingStatement final : public AnswerWaiter {
 public:
  BlockingStatement(const Sql& sql, const Params& params) : sql_(sql), params_(params) {}
  std::unique_ptr<detail::Request> lend() override { return detail::Request::make(sql_, params_); }
  void take_back(std::unique_ptr<detail::Request> /*copy*/) noexcept override {}

 private:
  const Sql& sql_;
  const Params& params_;
};

}  // namespace

Result execute(PoolEngine& engine, CallClock clock, const Sql& sql, const Params& params,
               const engine::KnownText& text) {
  BlockingStatement waiter(sql, params);
  engine::StatementCallIn<engine::InPlace> call(engine, waiter, engine::thread_patience);
  return carry_out<decltype(call), AnswerWaiter>(call, waiter, clock, [&] {
    return call.acquire(sql.text(), text, params, clock.begin, clock.deadline, sql.where());
  });
}

}  // namespace copg::sync
