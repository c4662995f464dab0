// Leases: a lease in use, and its end.
#include "engine/leases.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "engine/calls/lease_call.hpp"
#include "engine/diagnosis.hpp"
#include "engine/mends.hpp"
#include "engine/runs.hpp"
#include "engine/verdict_on.hpp"
#include "pq/cancel_operation.hpp"

namespace copg::engine {

namespace asio = boost::asio;

namespace {

/// An answer this young proves as much as a look at the socket, which costs a system call.
constexpr Duration trusted_for = std::chrono::microseconds(100);

/// Debug builds don't let a program go on that uses a lease from two calls, or gives it back inside one.
void abort_debug_build() noexcept {
#ifndef NDEBUG
  std::fputs("copg: two calls use one leased connection at the same time; each needs its own\n", stderr);
  std::abort();
#endif
}

[[noreturn, gnu::cold, gnu::noinline]] void reject(const char* message) {
  raise({.kind = ErrorKind::usage, .message = message});
}

/// Why a connection can't leave the pool; nullptr if it can.
const char* why_kept(const pq::Connection& connection) noexcept {
  if (!connection.alive()) return "this connection was lost: it can only be given back";
  if (!connection.protocol_idle())
    return "a statement on this connection has not ended: it can only be given back";
  return nullptr;
}

[[noreturn, gnu::cold]] void reject_dead() {
  raise({.kind = ErrorKind::connection_failed,
         .message =
             "the connection had died before it could be taken out of the pool: the next statement on it "
             "gets another"});
}

}  // namespace

void Leases::require_usable(const Lease& lease) {
  if (!lease) reject("this connection was given back already: take another from the pool");
  if (lease.process != ForkGuard::generation())
    reject("this connection belongs to the parent process: take another from the pool after fork");
}

void Leases::reject_second_call() {
  abort_debug_build();
  reject("two calls use one leased connection at the same time; each needs its own");
}

void Leases::reject_cut(const Lease& lease) const {
  raise(is_loan(lease) ? configure_over_error() : cut_off(setup_, {}));
}

void Leases::reject_cut_off(std::string_view sql) const { raise(cut_off(setup_, sql)); }

void Leases::reject_late(ErrorKind kind, Duration by) const { raise(no_time_left(setup_, kind, by)); }

ErrorInfo Leases::interrupted_error(const LeaseCall& call, bool cut, Duration waited) {
  if (cut && is_loan(call.lease())) return configure_over_error();
  const pq::StatementOperation* const statement = call.statement();
  if (statement == nullptr && !cut) {  // its connection was dead, and it waits for another
    const Snapshot snapshot = snapshot_of(*lock_here(shared_));
    return no_connection(setup_, snapshot, pool::WaitError::timeout, waited, 1);
  }
  ErrorInfo info = cut ? cut_off(setup_, call.sql())
                       : unanswered(setup_, call.sql(), *call.lease().slot, waited, now() - call.entered_at(),
                                    statement->phase());
  if (statement != nullptr && statement->commits()) make_commit_unknown(info, waited);
  return info;
}

void Leases::enter_for_inspection(const Lease& lease) {
  require_usable(lease);
  switch (lease.slot->latch.enter()) {
    case LeaseLatch::Entry::entered: break;
    case LeaseLatch::Entry::cut: reject_cut(lease);
    case LeaseLatch::Entry::busy: reject_second_call();
  }
}

bool Leases::lost(Lease lease) noexcept {
  if (!lease || lease.process != ForkGuard::generation()) return false;
  switch (lease.slot->latch.enter()) {
    case LeaseLatch::Entry::entered: break;
    case LeaseLatch::Entry::cut: return true;
    case LeaseLatch::Entry::busy: return false;
  }
  const bool dead = !lease.slot->connection->alive();
  return !leave(lease) || dead;
}

bool Leases::enter(Lease& lease, TimePoint time) {
  enter_for_inspection(lease);
  if (!lease.fresh) return true;
  pq::Connection& connection = *lease.slot->connection;
  connection.lease_begins();
  // Last words of the server that came along with that answer were read at the end of the last lease.
  const bool just_answered = time - lease.slot->answered_at < trusted_for;
  if (just_answered || connection.looks_alive()) return true;
  lease.slot->connection->mark_dead();
  if (!leave(lease)) reject_cut_off({});
  return false;
}

bool Leases::leave(Lease& lease) noexcept {
  for (;;) {
    switch (lease.slot->latch.try_leave()) {
      case LeaseLatch::Exit::left: return true;
      case LeaseLatch::Exit::read: break;
      case LeaseLatch::Exit::cut: close_cut_off(lease); return false;
    }
    const Locked wait(shared_);  // until the reader, who has it, has copied the text
  }
}

void Leases::close_cut_off(Lease& lease) noexcept {
  if (is_loan(lease)) {
    if (!lease.slot->connection->protocol_idle()) pq::cancel_and_forget(*lease.slot->connection);
    lease.slot->close_connection();
    lease = {};
    return;
  }
  take_back_descriptor(*lease.slot);
  take_run(shared_, *lease.slot).reset();
  background_.take_over(lease);
}

bool Leases::died_untouched(const Lease& lease, bool fresh, bool nothing_sent) noexcept {
  return fresh && nothing_sent && !lease.slot->connection->alive();
}

void Leases::give_back(Lease& lease, bool keep) noexcept {
  if (!lease) return;
  Slot& slot = *lease.slot;
  // The parent's; or ConfigureCall has the connection.
  if (lease.process != ForkGuard::generation() || is_loan(lease)) {
    lease = {};
    return;
  }
  switch (slot.latch.enter()) {
    case LeaseLatch::Entry::entered: break;
    case LeaseLatch::Entry::cut: {
      const Locked state(shared_);
      slot.lease_ends(*state);
      lease = {};
      return;
    }
    case LeaseLatch::Entry::busy: abort_debug_build(); return;  // the call that is inside goes on with it
  }
  if (stands(Mend::left_before_run))
    take_run(shared_, slot).reset();  // that the caller was to drive on, and gave up before it began
  const pool::Disposition verdict = verdict_on(lease);
  const pool::Disposition disposition = keep ? verdict : discarded(verdict);
  const TimePoint time = now();
  end(Locked(shared_), lease, disposition, time);
}

void Leases::end(Locked state, Lease& lease, pool::Disposition disposition, TimePoint time,
                 std::uint32_t never_sent) noexcept {
  Slot& slot = *lease.slot;
  if (slot.latch.leave()) {
    slot.lease_ends(*state);
    if (!lease.fresh && disposition == pool::Disposition::clean) slot.answered_at = time;
    state->core->release(time, id_of(lease), disposition, never_sent);
    state->dispatch();
    lease = {};
  }
  state.unlock();
  if (lease) close_cut_off(lease);
}

std::unique_ptr<pq::Connection> Leases::take_out(Lease& lease) {
  const TimePoint time = now();
  if (!enter(lease, time)) reject_dead();
  Slot& slot = *lease.slot;
  const char* const refusal = why_kept(*slot.connection);
  if (refusal == nullptr) {
    take_back_descriptor(slot);
    slot.socket_waiter.close();
  }
  std::unique_ptr<pq::Connection> connection;
  const event::Event where = setup_.events.at(slot);
  const Duration age = time - slot.opening.at;
  if (refusal == nullptr) {
    const Locked state(shared_);
    if (state->core->detach(time, id_of(lease))) {
      connection = std::move(slot.connection);
      connection->tell_notices({});  // its pool may be gone before it
      slot.lease_ends(*state);
      slot.latch.renew();
      slot.work.open = slot.work.watched = false;
      state->dispatch();
      lease = {};
    }
  }
  if (!connection) {
    if (!leave(lease) || refusal == nullptr) reject_cut_off({});
    reject(refusal);
  }
  setup_.events.tell(event::Closed{where, CloseReason::detached, {}, age});
  return connection;
}

pool::Disposition Leases::verdict_on(const Lease& lease) const noexcept {
  pq::Connection& connection = *lease.slot->connection;
  if (lease.fresh && connection.protocol_idle()) return pool::Disposition::clean;  // untouched
  return engine::verdict_on(connection, setup_.options.reset);
}

// --- with an event loop

void Leases::watch_deadline(const Lease& lease, DeadlineListener& listener, TimePoint deadline) {
  const Locked state(shared_);
  watch_deadline(*state, *lease.slot, listener, deadline);
  if (lease.slot->latch.is_cut()) listener.stop(StopReason::cut);
}

void Leases::watch_deadline(State& state, Slot& slot, DeadlineListener& listener, TimePoint deadline) {
  slot.guarded(state).listener = &listener;
  slot.guarded(state).deadline = deadline;
  state.deadlines_due = std::min(state.deadlines_due, deadline);
  state.wake_by(deadline);
}

void Leases::unwatch_deadline(const Lease& lease) noexcept {
  const Locked state(shared_);
  lease.slot->unwatch_deadline(*state);
}

TimePoint stop_late_calls(State& state, TimePoint time) noexcept {
  TimePoint next = pool::never;
  for (const auto& slot : state.slots) {
    next = std::min(next, expire_passengers(state, *slot, time));
    Slot::Guarded& guarded = slot->guarded(state);
    if (guarded.listener == nullptr) continue;
    if (guarded.deadline > time) {
      next = std::min(next, guarded.deadline);
    } else {
      guarded.deadline = pool::never;
      guarded.listener->stop(StopReason::late);
    }
  }
  return next;
}

asio::posix::stream_descriptor& Leases::descriptor(const Lease& lease, const asio::any_io_executor& executor,
                                                   int fd) {
  Descriptor& descriptor = lease.slot->descriptor;
  if (!descriptor.is(executor, fd)) {
    const Locked state(shared_);
    descriptor.take(executor, fd);
  }
  return descriptor.stream();
}

}  // namespace copg::engine
