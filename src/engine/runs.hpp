// Statements that travel together on one connection: how each gets its answer, and which drives. The core
// decides which may travel, and with which others.
#pragma once

#include "engine/clock.hpp"
#include "engine/leases.hpp"
#include "engine/run.hpp"
#include "engine/state.hpp"
#include "engine/waiter.hpp"

namespace copg::engine {

class Runs {
 public:
  Runs(SharedState& shared, Leases& leases) : shared_(shared), leases_(leases) {}
  Runs(const Runs&) = delete;
  Runs& operator=(const Runs&) = delete;

  /// Gives up a dead connection, on which nothing was sent, for a statement that waited: it goes back to its
  /// place in the queue, and so do all that were to travel with it.
  void requeue(Lease& lease, StatementWaiter& waiter) noexcept;
  /// After `settled`. False: another driver has brought the answer. True: `lease` is filled; its caller
  /// enters it and drives what `start_or_resume_run` returns. Throws as Leases::collect.
  bool collect_statement(Lease& lease, StatementWaiter& waiter, TimePoint time);
  /// The run on the lease, the caller's statement included; nullptr: that travels alone. Called inside the
  /// lease. Throws PoolClosed, and is outside then, if `close` has cut the lease off.
  Run* start_or_resume_run(Lease& lease);
  /// Gives the answers that the run has taken to their callers.
  void answer(Run& run) noexcept;
  /// A statement that travelled alone has ended at `time`, `took` after it was sent: ends the lease, from
  /// inside it.
  void end_statement(Lease& lease, StatementWaiter& waiter, const pool::Statement& statement, TimePoint time,
                     Duration took) noexcept;
  /// The driver leaves a run before its end. If a passenger still waits for its answer, it becomes the
  /// driver, and `lease` is empty; else the run is dropped, and the caller still has to give the lease back.
  void hand_over_run(Lease& lease, StatementWaiter& driver) noexcept;
  /// The run is over: ends the lease. Statements that were never sent, perhaps the driver's own, are in the
  /// queue again.
  void end_run(Lease& lease, StatementWaiter& driver) noexcept;
  /// The caller of a statement that was granted a connection does not need an answer any more.
  void forget(const Lease& lease, StatementWaiter& waiter) noexcept;

 private:
  static void tell_again(State& state, StatementWaiter& waiter) noexcept;
  static void forget(State& state, StatementWaiter& waiter) noexcept;
  static void took_too_long(State& state, const Lease& lease, const StatementWaiter& waiter) noexcept;

  SharedState& shared_;
  Leases& leases_;
};

/// Settles the passengers whose time is up, and returns when that of the next one is.
[[nodiscard]] TimePoint expire_passengers(State& state, Slot& slot, TimePoint time) noexcept;

}  // namespace copg::engine
