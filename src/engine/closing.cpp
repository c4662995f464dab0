// PoolEngine: the end of a connection. What it runs is cancelled first, since a server goes on with a
// statement whose client has gone until it next writes to it; then comes Terminate.
//
// That is the background's work. A caller that is inside a lease when `close` cuts it off leaves the
// connection to the background; where the caller doesn't leave in time, say in an event loop that has been
// stopped, the statement is cancelled beside it.
#include <poll.h>

#include <algorithm>
#include <deque>
#include <utility>

#include "engine/pool_engine.hpp"
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

}  // namespace

void PoolEngine::close_connection(const pool::Action& action) {
  Slot& slot = slot_of(action.connection);
  {
    const Lock lock(mutex_);
    if (slot.left) {
      if (slot.run) return;  // its statement is being cancelled
    } else {
      slot.closing = action;
    }
  }
  if (slot.run) slot.run->stop();
  slot.run.reset();
  slot.operation.reset();
  const bool nobody_inside = slot.use.cut();
  {
    const Lock lock(mutex_);
    if (!nobody_inside && !slot.left) {
      if (slot.driver != nullptr) slot.driver->stop(Stop::cut);
      insist_at_ = std::min(insist_at_, after(now(), caller_patience));
      return;
    }
  }
  say_goodbye(slot.closing);
}

/// Looks for callers that are still inside what was cut off.
void PoolEngine::insist() noexcept {
  std::vector<pool::Action> closings;
  {
    const Lock lock(mutex_);
    insist_at_ = pool::never;
    for (const auto& slot : slots_) {
      if (slot->use.is_cut() && !slot->left && slot->connection && !slot->run)
        closings.push_back(slot->closing);
    }
  }
  for (const pool::Action& closing : closings) cancel_beside_its_caller(closing);
}

/// Touches nothing of the connection but what stays the same for its whole life.
void PoolEngine::cancel_beside_its_caller(const pool::Action& closing) {
  Slot& slot = slot_of(closing.connection);
  start_run(slot, closing.connection, std::make_unique<pq::CancelOperation>(*slot.connection),
            time_for_goodbye(), &PoolEngine::cancelled_beside);
}

void PoolEngine::cancelled_beside(pool::ConnectionId connection, OperationRun::End /*end*/) {
  Slot& slot = slot_of(connection);
  slot.run.reset();
  slot.operation.reset();
  {
    const Lock lock(mutex_);
    if (!slot.left) return;
  }
  say_goodbye(slot.closing);
}

/// Nobody is inside.
void PoolEngine::say_goodbye(const pool::Action& closing) {
  Slot& slot = slot_of(closing.connection);
  take_back_descriptor(slot);
  take_statements(slot).reset();
  slot.answer_wait.close();
  if (!runs_something(slot.connection.get())) return drop_connection(closing);
  const Duration time = time_for_goodbye();
  if (time <= Duration::zero()) {
    pq::cancel_and_forget(*slot.connection);
    return drop_connection(closing);
  }
  {
    const Lock lock(mutex_);
    slot.left = true;
  }
  run(closing.connection, std::make_unique<pq::AbortOperation>(*slot.connection, answer_patience), time,
      &PoolEngine::goodbye_said);
}

void PoolEngine::goodbye_said(pool::ConnectionId connection, OperationRun::End /*end*/) {
  Slot& slot = slot_of(connection);
  slot.run.reset();
  slot.operation.reset();
  drop_connection(slot.closing);
}

void PoolEngine::drop_connection(const pool::Action& closing) {
  Slot& slot = slot_of(closing.connection);
  const CloseReason reason = closing.reason;
  const pool::ConnectionId connection = closing.connection;
  const bool was_open = std::exchange(slot.open, false);
  const std::string words = options_.observer ? last_words(slot, reason) : std::string();
  slot.end.clear();
  slot.close_connection();
  {
    const Lock lock(mutex_);
    slot.left = false;
    // A new connection may be opened in the slot from on_closed on: the guard must be fresh by then, unless a
    // caller still holds the lease that was cut off, which happens only in a closed pool.
    if (!core_->closed()) slot.use.renew();
    core_->on_closed(now(), connection);
    dispatch();
  }
  if (options_.observer && was_open) options_.observer->closed(reason, words);
}

Duration PoolEngine::time_for_goodbye() {
  const Lock lock(mutex_);
  return close_by_ == pool::never ? goodbye_patience : std::min(goodbye_patience, close_by_ - now());
}

/// By a caller that was inside when its lease was cut off.
void PoolEngine::leave_to_background(Lease& lease) noexcept {
  Slot& slot = *lease.slot;
  const pool::ConnectionId connection = id_of(std::exchange(lease, {}));
  {
    const Lock lock(mutex_);
    slot.lease_ends();
    if (strand_) {
      slot.left = true;
      actions_.push_back({.kind = pool::ActionKind::close, .connection = connection});
      return post_work();
    }
  }
  if (runs_something(slot.connection.get())) pq::cancel_and_forget(*slot.connection);
  slot.close_connection();
  {
    const Lock lock(mutex_);
    core_->on_closed(now(), connection);
    dispatch();
  }
  if (options_.observer) options_.observer->closed(CloseReason::pool_closed, {});
}

/// The background is no more: what callers had left to it.
void PoolEngine::drop_what_was_left() noexcept {
  std::vector<pool::Action> closings;
  std::vector<std::shared_ptr<OperationRun>> runs;
  std::vector<std::unique_ptr<pq::Operation>> operations;
  {
    const Lock lock(mutex_);
    for (const auto& slot : slots_) {
      runs.push_back(std::move(slot->run));
      operations.push_back(std::move(slot->operation));
      if (slot->left) closings.push_back(slot->closing);
    }
  }
  runs.clear();  // they use the operations
  operations.clear();
  for (const pool::Action& closing : closings) {
    const Slot& slot = slot_of(closing.connection);
    if (runs_something(slot.connection.get())) pq::cancel_and_forget(*slot.connection);
    drop_connection(closing);
  }
}

/// The end of the engine itself. The background of a pool on an event loop that went away has left this.
void PoolEngine::cancel_what_still_runs() noexcept {
  struct Cancel {
    explicit Cancel(pq::Connection& connection) : operation(connection) {}
    pq::CancelOperation operation;
    pq::Step step = operation.advance(pq::Ready::none);
  };
  std::deque<Cancel> cancels;
  for (const auto& slot : slots_) {
    if (runs_something(slot->connection.get())) cancels.emplace_back(*slot->connection);
  }
  const TimePoint deadline = after(now(), goodbye_patience);
  for (Cancel& cancel : cancels) {
    while (!cancel.step.done) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now());
      if (left.count() <= 0) return;
      const bool writes = cancel.step.wait_for == pq::Ready::write;
      pollfd socket{
          .fd = cancel.step.fd, .events = static_cast<short>(writes ? POLLOUT : POLLIN), .revents = 0};
      const int ready = poll(&socket, 1, static_cast<int>(left.count()));
      if (ready > 0) cancel.step = cancel.operation.advance(cancel.step.wait_for);
    }
  }
}

}  // namespace copg::engine
