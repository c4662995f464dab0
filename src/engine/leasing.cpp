// PoolEngine: a lease in use, and its end.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "engine/pool_engine.hpp"
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

}  // namespace

void PoolEngine::require_usable(const Lease& lease) const {
  if (!lease) reject("this connection was given back already: take another from the pool");
  if (lease.process != ForkGuard::generation())
    reject("this connection belongs to the parent process: take another from the pool after fork");
}

void PoolEngine::reject_second_call() const {
  abort_debug_build();
  reject("two calls use one leased connection at the same time; each needs its own");
}

void PoolEngine::reject_cut(const Lease& lease) const { raise(is_loan(lease) ? taken_back() : cut_off({})); }

void PoolEngine::reject_cut_off(std::string_view sql) const { raise(cut_off(sql)); }

void PoolEngine::enter_to_look(const Lease& lease) {
  require_usable(lease);
  switch (lease.slot->use.enter()) {
    case UseGuard::Entry::entered: break;
    case UseGuard::Entry::cut: reject_cut(lease);
    case UseGuard::Entry::busy: reject_second_call();
  }
}

bool PoolEngine::lost(Lease lease) noexcept {
  if (!lease || lease.process != ForkGuard::generation()) return false;
  switch (lease.slot->use.enter()) {
    case UseGuard::Entry::entered: break;
    case UseGuard::Entry::cut: return true;
    case UseGuard::Entry::busy: return false;
  }
  const bool dead = !lease.slot->connection->alive();
  return !leave(lease) || dead;
}

bool PoolEngine::enter(Lease& lease, TimePoint time) {
  enter_to_look(lease);
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

bool PoolEngine::leave(Lease& lease) noexcept {
  if (lease.slot->use.leave()) return true;
  close_cut_off(lease);
  return false;
}

/// The pool was closed while the caller was inside: the background closes the connection, unless there is
/// none any more.
void PoolEngine::close_cut_off(Lease& lease) noexcept {
  if (is_loan(lease)) {
    if (!lease.slot->connection->protocol_idle()) pq::cancel_and_forget(*lease.slot->connection);
    lease.slot->close_connection();
    lease = {};
    return;
  }
  take_back_descriptor(*lease.slot);
  take_statements(*lease.slot).reset();
  leave_to_background(lease);
}

bool PoolEngine::died_untouched(const Lease& lease, bool fresh, bool nothing_sent) const noexcept {
  return fresh && nothing_sent && !lease.slot->connection->alive();
}

void PoolEngine::release(Lease& lease) noexcept { give_back(lease, true); }

void PoolEngine::discard(Lease& lease) noexcept { give_back(lease, false); }

void PoolEngine::give_back(Lease& lease, bool keep) noexcept {
  if (!lease) return;
  Slot& slot = *lease.slot;
  if (lease.process != ForkGuard::generation()) {
    lease = {};  // the parent's
    return;
  }
  if (is_loan(lease)) {
    lease = {};  // ConfigureCall has the connection
    return;
  }
  switch (slot.use.enter()) {
    case UseGuard::Entry::entered: break;
    case UseGuard::Entry::cut: {
      const Lock lock(mutex_);
      slot.lease_ends();
      lease = {};
      return;
    }
    case UseGuard::Entry::busy: abort_debug_build(); return;  // the call that is inside goes on with it
  }
  take_statements(slot).reset();  // of a run that the caller was to drive on, and gave up before it began
  pool::Disposition disposition = verdict_on(lease);
  if (!keep && disposition != pool::Disposition::broken && disposition != pool::Disposition::demoted) {
    disposition = pool::Disposition::discard;
  }
  const TimePoint time = now();
  end_lease(Lock(mutex_), lease, disposition, time);
}

/// From inside the lease.
void PoolEngine::end_lease(Lock lock, Lease& lease, pool::Disposition disposition, TimePoint time,
                           std::uint32_t never_sent) noexcept {
  Slot& slot = *lease.slot;
  const Duration usage = time - slot.leased_since;
  if (slot.use.leave()) {
    slot.lease_ends();
    if (!lease.fresh && disposition == pool::Disposition::clean) slot.answered_at = time;
    core_->release(time, id_of(lease), disposition, never_sent);
    dispatch();
    lease = {};
  }
  lock.unlock();
  if (lease) close_cut_off(lease);
  if (options_.observer) options_.observer->released(usage);
}

pool::Disposition PoolEngine::verdict_on(const Lease& lease) const noexcept {
  pq::Connection& connection = *lease.slot->connection;
  const bool untouched = lease.fresh && connection.protocol_idle();
  return untouched ? pool::Disposition::clean : judge(connection);
}

/// What the state of its connection says about the end of a lease.
pool::Disposition PoolEngine::judge(pq::Connection& connection) const noexcept {
  if (!connection.alive() || connection.said_farewell()) return pool::Disposition::broken;
  if (connection.demoted()) return pool::Disposition::demoted;
  if (options_.reset == ResetMode::rollback) {
    const bool idle = connection.protocol_idle() && !connection.in_transaction();
    return idle ? pool::Disposition::clean : pool::Disposition::needs_reset;
  }
  if (connection.session().beyond_wiping()) return pool::Disposition::discard;
  if (options_.reset == ResetMode::full) return pool::Disposition::needs_reset;
  return connection.clean() ? pool::Disposition::clean : pool::Disposition::needs_reset;
}

// --- with an event loop

void PoolEngine::drive(const Lease& lease, Driver& driver, TimePoint deadline) {
  const Lock lock(mutex_);
  drive(*lease.slot, driver, deadline);
  if (lease.slot->use.is_cut()) driver.stop(Stop::cut);
}

/// With the mutex held.
void PoolEngine::drive(Slot& slot, Driver& driver, TimePoint deadline) {
  slot.driver = &driver;
  slot.drive_until = deadline;
  drivers_due_ = std::min(drivers_due_, deadline);
  wake_by(deadline);
}

void PoolEngine::drive_no_more(const Lease& lease) noexcept {
  const Lock lock(mutex_);
  lease.slot->driver = nullptr;
  lease.slot->drive_until = pool::never;
}

/// Tells the drivers whose time is up; returns when the next one's will be.
TimePoint PoolEngine::stop_late_drivers(TimePoint time) noexcept {
  TimePoint next = pool::never;
  for (const auto& slot : slots_) {
    next = std::min(next, expire_passengers(*slot, time));
    if (slot->driver == nullptr) continue;
    if (slot->drive_until > time) {
      next = std::min(next, slot->drive_until);
    } else {
      slot->drive_until = pool::never;
      slot->driver->stop(Stop::late);
    }
  }
  return next;
}

asio::posix::stream_descriptor& PoolEngine::descriptor(const Lease& lease,
                                                       const asio::any_io_executor& executor, int fd) {
  Descriptor& descriptor = lease.slot->descriptor;
  if (!descriptor.is(executor, fd)) {
    const Lock lock(mutex_);
    descriptor.take(executor, fd);
  }
  return descriptor.stream();
}

void PoolEngine::take_back_descriptor(Slot& slot) noexcept {
  if (!slot.descriptor.held()) return;
  const Lock lock(mutex_);
  slot.descriptor.give_up();
}

void PoolEngine::take_back_descriptors(const asio::execution_context& context) noexcept {
  const Lock lock(mutex_);
  for (const auto& slot : slots_) {
    if (slot->descriptor.belongs_to(context)) slot->descriptor.give_up();
  }
}

}  // namespace copg::engine
