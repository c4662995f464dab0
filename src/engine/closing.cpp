// Background: the end of a connection. What it runs is cancelled first, since a server goes on with a
// statement whose client has gone until it next writes to it; then comes Terminate.
//
// A caller that is inside a lease when `close` cuts it off leaves the connection to the background; where the
// caller doesn't leave in time, say in an event loop that has been stopped, the statement is cancelled beside
// it.
#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "engine/background.hpp"
#include "engine/configure_call.hpp"
#include "engine/wait_ready.hpp"
#include "pq/abort_operation.hpp"
#include "pq/cancel_operation.hpp"

namespace copg::engine {

namespace {

constexpr Duration goodbye_patience = close_grace * 9 / 10;
constexpr Duration caller_patience = std::chrono::milliseconds(200);  // callers look every 100 ms
// For the end of a reset, or of a short statement: a cancel is another connection to the server.
constexpr std::chrono::milliseconds answer_patience{10};

bool runs_something(const pq::Connection* connection) noexcept {
  return connection != nullptr && connection->alive() && !connection->protocol_idle();
}

/// What the server, or else libpq, said of the end of a connection; nothing if it was well to the end.
std::string final_error(Slot& slot, CloseReason reason) {
  if (!slot.connection) return slot.work.end;
  std::string words = slot.connection->why_dead();
  // Its own farewell may not have been read: another one was found dead first, or it was given back unused.
  if (words.empty() && (reason == CloseReason::stale_epoch || reason == CloseReason::broken)) {
    (void)slot.connection->looks_alive();
    words = slot.connection->why_dead();
  }
  return words.empty() ? slot.work.end : words;
}

Duration time_for_goodbye(SharedState& shared) {
  const Locked state(shared);
  if (state->close_by == pool::never) return goodbye_patience;
  return std::min(goodbye_patience, state->close_by - now());
}

}  // namespace

void Background::close_connection(const pool::Action& action) {
  Slot& slot = slot_of(action.connection);
  {
    const Locked state(shared_);
    if (slot.guarded(*state).left) {
      if (slot.work.task) return;  // its statement is being cancelled
    } else {
      slot.work.closing = action;
    }
  }
  if (slot.work.task) slot.work.task->stop();
  slot.work.task.reset();
  const bool nobody_inside = slot.latch.cut();
  {
    const Locked state(shared_);
    const Slot::Guarded& guarded = slot.guarded(*state);
    if (!nobody_inside && !guarded.left) {
      if (guarded.listener != nullptr) guarded.listener->stop(StopReason::cut);
      state->insist_at = std::min(state->insist_at, after(now(), caller_patience));
      return;
    }
  }
  say_goodbye(slot.work.closing);
}

/// Looks for callers that are still inside what was cut off, and cancels what they run beside them: touches
/// nothing of the connection but what stays the same for its whole life.
void Background::insist() {
  std::vector<Slot*> slots;
  {
    const Locked state(shared_);
    state->insist_at = pool::never;
    for (const auto& slot : state->slots) {
      if (slot->latch.is_cut() && !slot->guarded(*state).left && slot->connection && !slot->work.task)
        slots.push_back(slot.get());
    }
  }
  for (Slot* const slot : slots) {
    run_beside(slot->work.closing.connection, std::make_unique<pq::CancelOperation>(*slot->connection),
               time_for_goodbye(shared_), &Background::cancelled_beside);
  }
}

void Background::cancelled_beside(pool::ConnectionId connection, BackgroundTask::End /*end*/) {
  Slot& slot = slot_of(connection);
  slot.work.task.reset();
  if (slot.guarded(*Locked(shared_)).left) say_goodbye(slot.work.closing);
}

/// Nobody is inside.
void Background::say_goodbye(const pool::Action& closing) {
  Slot& slot = slot_of(closing.connection);
  take_back_descriptor(shared_, slot);
  take_run(shared_, slot).reset();
  slot.socket_waiter.close();
  if (tells_of_close(slot, closing.reason)) return tell_of_close(closing);
  const Duration time = time_for_goodbye(shared_);
  if (!runs_something(slot.connection.get()) || time <= Duration::zero()) return drop_at_once(closing);
  slot.guarded(*Locked(shared_)).left = true;
  run(closing.connection, std::make_unique<pq::AbortOperation>(*slot.connection, answer_patience), time,
      &Background::goodbye_said);
}

/// Whether before_close is called: for a connection that is well, and at rest, and closed in good order.
bool Background::tells_of_close(const Slot& slot, CloseReason reason) const {
  const bool in_order = reason == CloseReason::idle || reason == CloseReason::lifetime ||
                        reason == CloseReason::surplus || reason == CloseReason::drained ||
                        reason == CloseReason::pool_closed;
  const pq::Connection* const connection = slot.connection.get();
  return in_order && setup_.options.before_close && connection != nullptr && connection->alive() &&
         connection->at_rest();
}

void Background::tell_of_close(const pool::Action& closing) {
  Slot& slot = slot_of(closing.connection);
  Duration time = connect_timeout_;
  {
    const Locked state(shared_);
    if (state->close_by != pool::never) time = std::max(state->close_by - now(), Duration::zero());
    slot.guarded(*state).left = true;
  }
  unwatch(slot);
  lend(closing.connection, std::move(slot.connection), detail::Hook::before_close, time,
       &Background::close_told);
}

void Background::close_told(pool::ConnectionId connection, BackgroundTask::End end) {
  Slot& slot = slot_of(connection);
  if (const auto error = slot.work.task->take_error(end, "before_close did not return in time")) {
    slot.work.end = error->message;
  } else {
    slot.connection = static_cast<ConfigureCall&>(slot.work.task->operation()).take_connection();
  }
  slot.work.task.reset();
  drop_connection(slot.work.closing);
}

void Background::goodbye_said(pool::ConnectionId connection, BackgroundTask::End /*end*/) {
  Slot& slot = slot_of(connection);
  slot.work.task.reset();
  drop_connection(slot.work.closing);
}

/// Closes the connection, and lets others cancel what it runs.
void Background::drop_at_once(const pool::Action& closing) {
  const Slot& slot = slot_of(closing.connection);
  if (runs_something(slot.connection.get())) pq::cancel_and_forget(*slot.connection);
  drop_connection(closing);
}

void Background::drop_connection(const pool::Action& closing) {
  Slot& slot = slot_of(closing.connection);
  const CloseReason reason = closing.reason;
  const pool::ConnectionId connection = closing.connection;
  const event::Event where = setup_.events.at(slot);
  const TimePoint opened_at = slot.opening.at;
  const bool told = std::exchange(slot.work.open, false) && setup_.events.wants(Hook::closed);
  const std::string words = told ? final_error(slot, reason) : std::string();
  slot.work.end.clear();
  unwatch(slot);
  const std::uint32_t cancels = slot.connection ? slot.connection->take_cancels_sent() : 0;
  slot.close_connection();
  bool last = false;
  {
    const Locked state(shared_);
    slot.guarded(*state).left = false;
    state->measures.cancels += cancels;
    // A new connection may be opened in the slot from on_closed on: the guard must be fresh by then, unless a
    // caller still holds the lease that was cut off, which happens only in a closed pool.
    if (!state->core->closed()) slot.latch.renew();
    state->core->on_closed(now(), connection);
    last = port_ && state->core->empty();  // without a port this is not the background
    state->dispatch();
  }
  if (last) end_watch();  // it would keep the user's event loop running
  if (told) setup_.events.tell(event::Closed{where, reason, words, now() - opened_at});
}

void Background::take_over(Lease& lease) noexcept {
  Slot& slot = *lease.slot;
  const pool::ConnectionId connection = id_of(std::exchange(lease, {}));
  {
    const Locked state(shared_);
    slot.lease_ends(*state);
    if (port_) {
      slot.guarded(*state).left = true;
      state->actions.push_back({.kind = pool::ActionKind::close, .connection = connection});
      return post_work(*state);
    }
  }
  drop_at_once(slot.work.closing);  // the background, which has cut it off, is no more
}

/// The background is no more: what callers had left to it.
void Background::drop_what_was_left() {
  end_watch();
  std::vector<std::unique_ptr<BackgroundTask>> tasks;
  std::vector<pool::Action> closings;
  {
    const Locked state(shared_);
    for (const auto& slot : state->slots) {
      tasks.push_back(std::move(slot->work.task));
      if (slot->guarded(*state).left) closings.push_back(slot->work.closing);
    }
  }
  tasks.clear();  // before their connections
  listener_.drop();
  for (const pool::Action& closing : closings) drop_at_once(closing);
}

void cancel_what_still_runs(const std::vector<std::unique_ptr<Slot>>& slots) {
  struct Cancel {
    explicit Cancel(pq::Connection& connection) : operation(connection) {}
    pq::CancelOperation operation;
    pq::Step step = operation.advance(pq::Ready::none);
  };
  std::deque<Cancel> cancels;
  for (const auto& slot : slots) {
    if (runs_something(slot->connection.get())) cancels.emplace_back(*slot->connection);
  }
  const TimePoint deadline = after(now(), goodbye_patience);
  for (Cancel& cancel : cancels) {
    while (!cancel.step.done) {
      const Duration left = deadline - now();
      if (left <= Duration::zero()) return;
      const pq::Ready ready = wait_ready(cancel.step, left);
      if (ready != pq::Ready::none) cancel.step = cancel.operation.advance(ready);
    }
  }
}

}  // namespace copg::engine
