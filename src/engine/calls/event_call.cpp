#include "engine/calls/event_call.hpp"

#include <mutex>
#include <utility>

#include "engine/mends.hpp"

namespace copg::engine {

void EventCall::start(TimePoint time, TimePoint begun) noexcept {
  begun_ = begun;
  deadline_ = TimeLimit(timeout_, deadline_).deadline(begun);
  take(false, [&] { return begin(time, deadline_); });
}

/// Takes one step, and waits for what it asks for.
template <class Step>
void EventCall::take(bool inside, Step step) {
  Progress progress = Progress::done;
  std::exception_ptr error;
  try {
    progress = step();
    if (progress == Progress::done) take_result();
  } catch (...) {
    progress = Progress::done;
    error = std::current_exception();
  }
  switch (progress) {
    case Progress::queued: return wait_for_engine();
    case Progress::waiting: return wait_for_server(inside);
    case Progress::done: return conclude(inside, std::move(error));
  }
}

/// Tells the observers first, while the call still has its connection.
void EventCall::conclude(bool inside, std::exception_ptr error) {
  if (is_observed()) [[unlikely]] {
    if (LeaseCall* const call = steps()) call->ended(error);
  }
  ended(inside, std::move(error));
}

/// The step has left the call in the engine's queue, where it may have been settled already.
void EventCall::wait_for_engine() {
  StopReason why = StopReason::none;
  bool woken = false;
  in_queue_ = true;
  watched_ = 0;  // that was the connection it may have had
  {
    const std::lock_guard lock(mutex_);
    // In its queue the engine itself ends a wait that is late or that `close` ends. It knows if the statement
    // was sent.
    if (stop_ != StopReason::cancelled && stands(Mend::late_in_queue)) stop_ = StopReason::none;
    why = stop_;
    woken = std::exchange(woken_early_, false);
    if (why == StopReason::none) {
      state_ = State::queued;
      if (!woken) keep();
    }
  }
  if (why != StopReason::none) {
    end_early(false, why);
  } else if (woken) {
    wake();
  }
}

void EventCall::wait_for_server(bool inside) {
  const LeaseCall& steps = *this->steps();
  // The step may have exchanged the connection.
  const std::uint32_t slot = steps.lease().index + 1;
  if (use_ == LeaseUse::held && std::exchange(watched_, slot) != slot)
    engine_->leases().watch_deadline(steps.lease(), *this, deadline_);
  StopReason why = StopReason::none;
  std::exception_ptr error;
  try {
    hold(steps.lease(), steps.step().fd);
    const std::lock_guard lock(mutex_);
    if (stands(Mend::stopped_in_step)) why = stop_;
    if (why == StopReason::none) {
      watch(steps.step(), ++wait_);
      state_ = State::waiting;
    }
  } catch (...) {  // out of descriptors or memory
    error = std::current_exception();
  }
  if (error) {
    conclude(inside, std::move(error));
  } else if (why != StopReason::none) {
    end_early(inside, why);
  }
}

void EventCall::hold(const Lease& lease, int /*fd*/) { engine_->leases().take_back_descriptor(*lease.slot); }

void EventCall::proceed(bool inside) {
  StopReason why = StopReason::none;
  {
    const std::lock_guard lock(mutex_);
    why = stop_;
    switch (state_) {
      case State::over: return;
      case State::running: woken_early_ = stands(Mend::woken_before_rest); return;
      case State::queued: forget(); break;
      case State::waiting:
        if (why == StopReason::none) return;
        unwatch(false);
        break;
    }
    state_ = State::running;
  }
  if (why != StopReason::none) return end_early(inside, why);
  in_queue_ = false;
  take(inside, [this] { return granted(now()); });
}

void EventCall::ready(std::uint32_t wait, pq::Ready ready) {
  StopReason why = StopReason::none;
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::waiting || wait != wait_) return;
    state_ = State::running;
    why = stop_;
    unwatch(true);
  }
  if (why != StopReason::none) return end_early(true, why);
  take(true, [&] { return steps()->advance(ready); });
}

void EventCall::stop(StopReason why) noexcept {
  const std::lock_guard lock(mutex_);
  if (state_ == State::over || stop_ != StopReason::none) return;
  stop_ = why;
  if (state_ == State::waiting) wake();
}

void EventCall::cancel() noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::over || stop_ != StopReason::none) return;
    stop_ = StopReason::cancelled;
    if (state_ == State::waiting) wake();
    if (state_ != State::queued) return;
  }
  dequeue();
  wake();
}

/// What asks for no effect at all comes too late once a statement was sent, also behind another caller's. The
/// engine knows; while it is asked nobody goes on with the call.
void EventCall::cancel_unsent() noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::queued || stop_ != StopReason::none) return;
    state_ = State::running;
  }
  const bool left = dequeue_unsent();
  bool told_to_end = false;
  bool woken = false;
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::over) return;  // the event loop has gone away
    told_to_end = stop_ != StopReason::none;
    if (left) stop_ = StopReason::cancelled;
    state_ = State::queued;
    woken = std::exchange(woken_early_, false);
  }
  if (left || told_to_end || woken) wake();
}

void EventCall::end_early(bool inside, StopReason why) {
  if (why == StopReason::cancelled) {
    abandon_watch();
    return ended(inside, cancellation());
  }
  conclude(inside, make_exception(engine_->leases().interrupted_error(*steps(), why == StopReason::cut,
                                                                      now() - begun_)));
}

std::exception_ptr EventCall::cancellation() const {
  return make_exception({.kind = ErrorKind::usage, .message = "this call was cancelled"});
}

void EventCall::abandon() noexcept {
  bool queued = false;
  {
    const std::lock_guard lock(mutex_);
    queued = std::exchange(state_, State::over) == State::queued;
  }
  if (queued) dequeue();
}

void EventCall::drop() noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (state_ == State::waiting) unwatch(false);
    state_ = State::over;
  }
  clean_up();
}

bool EventCall::over() const noexcept {
  const std::lock_guard lock(mutex_);
  return state_ == State::over;
}

bool EventCall::is_observed() const noexcept {
  return engine_ != nullptr && engine_->events().watches_statements();
}

void EventCall::abandon_watch() noexcept {
  if (!is_observed()) [[likely]]
    return;
  if (LeaseCall* const call = steps()) call->abandoned();
}

void EventCall::clean_up() noexcept {
  if (std::exchange(clean_, true)) return;
  {
    const std::lock_guard lock(mutex_);
    state_ = State::over;
  }
  if (std::exchange(in_queue_, false)) dequeue();
  abandon_watch();  // unless the call has ended
  // A lease that is gone has taken its driver along.
  if (std::exchange(watched_, 0) != 0 && steps()->lease())
    engine_->leases().unwatch_deadline(steps()->lease());
  give_back();
}

}  // namespace copg::engine
