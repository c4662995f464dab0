// How a thread waits: for a connection, parked; for an answer, in an epoll set or in poll(2). No decision and
// no counter.
#pragma once

#include <copg/params.hpp>
#include <copg/pooled_database.hpp>
#include <copg/result.hpp>
#include <copg/source_location.hpp>
#include <copg/sql.hpp>

#include <utility>

#include "engine/answer_wait.hpp"
#include "engine/calls/jobs.hpp"
#include "engine/clock.hpp"
#include "engine/parked.hpp"
#include "engine/pool_engine.hpp"
#include "engine/statement_kind.hpp"

namespace copg::sync {

using engine::Duration;
using engine::Lease;
using engine::PoolEngine;
using engine::TimePoint;

/// From when until when a call may take.
struct Span {
  TimePoint begin;
  TimePoint deadline;
  TimePoint looked;  // at the clock, last
  bool first_wait = true;

  explicit Span(Duration timeout)
      : begin(engine::now()), deadline(engine::after(begin, timeout)), looked(begin) {}
};

using ParkedThread = engine::Parked<engine::Waiter>;
using ParkedForAnswer = engine::Parked<engine::StatementWaiter>;

/// Called by a waiting thread, without locks, about every `look_interval` and when a signal has woken it:
/// where a language runtime notices Ctrl-C. What it throws ends the call, as its deadline would.
using Look = void (*)();
/// For the whole process; once, before the first call. Without it a thread looks at nothing but its deadline.
void set_look(Look look) noexcept;
/// How often a waiting thread looks whether it is to stop.
inline constexpr Duration look_interval = engine::AnswerWait::longest;

/// A lease for one call, which takes it: given back whatever happens.
class ShortLease {
 public:
  explicit ShortLease(PoolEngine& engine) : engine_(engine) {}
  ShortLease(const ShortLease&) = delete;
  ShortLease& operator=(const ShortLease&) = delete;
  ~ShortLease() { engine_.leases().release(lease_); }
  [[nodiscard]] Lease& operator*() noexcept { return lease_; }

 private:
  PoolEngine& engine_;
  Lease lease_;
};

/// Waits for a connection.
[[nodiscard]] Lease acquire(PoolEngine& engine, Span& span, const SourceLocation& where);
/// Waits until the pool has got that far. Throws PoolTimeout, PoolClosed,
/// ConfigurationError.
void wait_until(PoolEngine& engine, engine::Until until, Duration timeout);

/// Waits until the pool is closed, after PoolEngine::start_close, and ends its thread; not longer than
/// `timeout`. Throws nothing but what a look throws: then the pool closes by itself.
void finish_close(PoolEngine& engine, Duration timeout);

/// Does the waiting of a call until it is done: for a connection, parked; for the server, in an epoll set or
/// in poll(2). Throws PoolTimeout, QueryTimeout, CommitUnknown, PoolClosed when it does not come to its end.
/// `waiter`: the call's; `Parked`: ParkedThread or ParkedForAnswer.
template <class Parked>
void drive(engine::LeaseCall& call, engine::LeaseCall::Progress progress, Parked& waiter, Span& span);

/// The way from a pool to its engine, for the shells that are not C++.
struct Face {
  [[nodiscard]] static PoolEngine& engine_of(const PooledDatabase& pool) { return pool.engine(); }
};

/// One statement on a lease of its own. `text`: what is known of `sql`.
[[nodiscard]] Result execute(PoolEngine& engine, Span span, const Sql& sql, const Params& params,
                             const engine::KnownText& text);

/// One job on a lease that was taken before.
template <class Job>
auto call(PoolEngine& engine, Lease& lease, Span span, Job job, const engine::TransactionStack& open) {
  ParkedThread waiter;
  engine::JobCall<Job, engine::InPlace> call(engine, lease, waiter, std::move(job));
  call.set_transactions(open);
  drive(call, call.begin(span.begin, span.deadline), waiter, span);
  return call.take_result();
}

/// One job on a lease of its own.
template <class Job>
auto call(PoolEngine& engine, Span span, const SourceLocation& where, Job job) {
  ShortLease lease(engine);
  ParkedThread waiter;
  engine::JobCall<Job, engine::InPlace> call(engine, *lease, waiter, std::move(job));
  drive(call, call.acquire(span.begin, span.deadline, where), waiter, span);
  return call.take_result();
}

}  // namespace copg::sync
