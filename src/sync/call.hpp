// How a thread waits: for a connection, as a blocking waiter; for an answer, in an epoll set or in poll(2).
// No decision and no counter.
#pragma once

#include <copg/notification.hpp>
#include <copg/params.hpp>
#include <copg/pooled_database.hpp>
#include <copg/result.hpp>
#include <copg/source_location.hpp>
#include <copg/sql.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/blocking_waiter.hpp"
#include "engine/calls/jobs.hpp"
#include "engine/clock.hpp"
#include "engine/listening/listening.hpp"
#include "engine/pool_engine.hpp"
#include "engine/socket_waiter.hpp"
#include "engine/statement_kind.hpp"

namespace copg::sync {

using engine::Duration;
using engine::Lease;
using engine::PoolEngine;
using engine::TimePoint;

/// The time that a call may take, and what it has read of the clock.
struct CallClock {
  TimePoint begin;
  TimePoint deadline;
  TimePoint now;  // as last read
  bool first_wait = true;

  explicit CallClock(const engine::TimeLimit& limit)
      : begin(engine::now()), deadline(limit.deadline(begin)), now(begin) {}
};

using ConnectionWaiter = engine::BlockingWaiter<engine::Waiter>;
using AnswerWaiter = engine::BlockingWaiter<engine::StatementWaiter>;

/// Called by a waiting thread, without locks, about every `interrupt_check_interval` and when a signal has
/// woken it: a language runtime notices Ctrl-C there. An exception ends the call, as its deadline would.
using InterruptCheck = void (*)();
/// Sets the check for the whole process, once, before the first call. Without it a thread that waits for a
/// connection wakes up only for its deadline.
void set_interrupt_check(InterruptCheck check) noexcept;
/// How often a waiting thread finds out whether it must stop.
inline constexpr Duration interrupt_check_interval = engine::SocketWaiter::longest;

/// A lease for one call, which takes it. The destructor gives it back.
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
[[nodiscard]] Lease acquire(PoolEngine& engine, CallClock& clock, const SourceLocation& where);
/// Waits until the pool has reached the milestone. Throws PoolTimeout, PoolClosed, ConfigurationError.
void wait_for(PoolEngine& engine, engine::Milestone milestone, TimePoint deadline);

/// A listener to these channels, once the server has acknowledged them. Throws as Listening::open and
/// OpenListener::collect_ready.
[[nodiscard]] std::shared_ptr<engine::OpenListener> listen(PoolEngine& engine,
                                                           std::vector<std::string> channels,
                                                           std::size_t capacity,
                                                           const engine::TimeLimit& limit);
/// Adds channels, and waits until they are acknowledged. If that fails, they are removed again.
void add_channels(engine::OpenListener& listener, std::vector<std::string> channels,
                  const engine::TimeLimit& limit);
/// Waits until something has come, the deadline passes, or the listener is closed.
void wait_for_arrival(engine::OpenListener& listener, TimePoint deadline);
/// Waits for what comes next; nothing if the deadline passes, or if the listener is closed meanwhile.
[[nodiscard]] std::optional<Arrival> next_arrival(engine::OpenListener& listener, TimePoint deadline);

/// After PoolEngine::start_close: waits until the pool is closed, up to `timeout`, and ends its thread.
/// Throws only what the interrupt check throws; the pool then closes by itself.
void finish_close(PoolEngine& engine, Duration timeout);

/// Waits for a call until it is done: for a connection as a blocking waiter, for the server in an epoll set
/// or in poll(2). Throws PoolTimeout, QueryTimeout, CommitUnknown or PoolClosed if the call is interrupted.
/// `waiter`: the call's; `Blocking`: ConnectionWaiter or AnswerWaiter.
template <class Blocking>
void finish(engine::LeaseCall& call, engine::LeaseCall::Progress progress, Blocking& waiter,
            CallClock& clock);

/// Gives the shells that are not C++ what a pool is made of; and makes a pool of an engine.
struct EngineAccess {
  [[nodiscard]] static PooledDatabase pool_on(std::shared_ptr<PoolEngine> engine) {
    return PooledDatabase(std::move(engine));
  }
  /// UsageError if the pool has several hosts, or was moved from.
  [[nodiscard]] static PoolEngine& engine_of(const PooledDatabase& pool) { return pool.engine(); }
  /// Whether a pool of this configuration chooses among several hosts.
  [[nodiscard]] static bool chooses_host(const Config& config);
  /// Does not keep the pool open. Null: it has one host.
  [[nodiscard]] static std::shared_ptr<routing::Router> router_of(const PooledDatabase& pool);
  /// Of each host that is known now.
  [[nodiscard]] static std::vector<std::shared_ptr<PoolEngine>> engines_of(const PooledDatabase& pool);
  /// As PooledDatabase::connection and try_connection, on a server of the role.
  [[nodiscard]] static Connection connection(const DatabaseOn& database,
                                             const std::optional<Deadline>& deadline,
                                             const SourceLocation& where);
  [[nodiscard]] static std::optional<Connection> try_connection(const DatabaseOn& database,
                                                                const SourceLocation& where);
};

/// One statement on a lease of its own. `text`: what is known of `sql`.
[[nodiscard]] Result execute(PoolEngine& engine, CallClock clock, const Sql& sql, const Params& params,
                             const engine::KnownText& text);

/// Carries a call out that `start` starts, and returns its result. Tells it how it has ended.
template <class Call, class Blocking, class Start>
auto carry_out(Call& call, Blocking& waiter, CallClock& clock, Start start) {
  try {
    finish(call, start(), waiter, clock);
    if constexpr (std::is_void_v<decltype(call.take_result())>) {
      call.take_result();
      call.ended();
    } else {
      auto result = call.take_result();
      call.ended();
      return result;
    }
  } catch (...) {
    call.ended(std::current_exception());
    throw;
  }
}

/// One job on a lease that was taken before.
template <class Job>
auto call(PoolEngine& engine, Lease& lease, CallClock clock, Job job, const engine::TransactionStack& open) {
  ConnectionWaiter waiter;
  engine::StepsOf<Job, engine::InPlace> call(engine, lease, waiter, std::move(job));
  call.set_transactions(open);
  return carry_out(call, waiter, clock, [&] { return call.begin(clock.begin, clock.deadline); });
}

/// One job on a lease of its own.
template <class Job>
auto call(PoolEngine& engine, CallClock clock, const SourceLocation& where, Job job) {
  ShortLease lease(engine);
  ConnectionWaiter waiter;
  engine::JobCall<Job, engine::InPlace> call(engine, *lease, waiter, std::move(job));
  return carry_out(call, waiter, clock, [&] { return call.acquire(clock.begin, clock.deadline, where); });
}

}  // namespace copg::sync
