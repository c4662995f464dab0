// Statements that travel together on one connection: how each finds its answer, and who drives. What may
// travel, and with whom, is the core's decision.
#pragma once

#include "engine/clock.hpp"
#include "engine/leases.hpp"
#include "engine/run.hpp"
#include "engine/setup.hpp"
#include "engine/state.hpp"
#include "engine/waiter.hpp"

namespace copg::engine {

class Runs {
 public:
  Runs(const Setup& setup, SharedState& shared, Leases& leases)
      : setup_(setup), shared_(shared), leases_(leases) {}
  Runs(const Runs&) = delete;
  Runs& operator=(const Runs&) = delete;

  /// As `swap`, for a statement that waited, and for all that were to travel with it: back to their places in
  /// the queue.
  void requeue(Lease& lease, StatementWaiter& waiter) noexcept;
  /// After `settled`. False: it has been answered by another caller's work. True: `lease` is filled; its
  /// caller enters it and drives what `start_or_resume_run` gives. Throws as `collect`.
  bool collect_statement(Lease& lease, StatementWaiter& waiter, TimePoint time);
  /// The statements that travel on the lease, the caller's among them; nullptr: it is alone. Inside the
  /// lease, and outside if it throws PoolClosed: `close` has cut it off.
  Run* start_or_resume_run(Lease& lease);
  /// For Run: the answer to a statement, `took` after it was sent or after the answer before it.
  void answer(pool::WaiterId id, Duration took, PipelineAnswer answered) noexcept;
  /// A statement that was alone has ended at `time`, `took` after it was sent: ends the lease. Inside it.
  void end_statement(Lease& lease, StatementWaiter& waiter, const pool::Statement& statement, TimePoint time,
                     Duration took) noexcept;
  /// The driver of a run leaves before its end: another that waits for an answer goes on, and `lease` is
  /// empty; or nobody does, the run is dropped, and the lease still the caller's to give back.
  void hand_over_run(Lease& lease, StatementWaiter& driver) noexcept;
  /// The run is over: ends the lease. What was never sent is in the queue again, maybe the driver's own.
  void end_run(Lease& lease, StatementWaiter& driver) noexcept;
  /// The caller of a statement that was granted a connection has no use for an answer any more.
  void forget(const Lease& lease, StatementWaiter& waiter) noexcept;

 private:
  static void forget(State& state, StatementWaiter& waiter) noexcept;
  static void took_too_long(State& state, const Lease& lease, const StatementWaiter& waiter) noexcept;

  const Setup& setup_;
  SharedState& shared_;
  Leases& leases_;
};

/// Tells those whose time is up while their statement is on its way; returns when the next one's will be.
[[nodiscard]] TimePoint expire_passengers(State& state, Slot& slot, TimePoint time) noexcept;

}  // namespace copg::engine
