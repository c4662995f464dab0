// Leases from their request to their end: the wait for a connection, its use by one caller, giving it back.
#pragma once

#include <copg/error.hpp>
#include <copg/source_location.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/background.hpp"
#include "engine/clock.hpp"
#include "engine/deadline_listener.hpp"
#include "engine/lease.hpp"
#include "engine/setup.hpp"
#include "engine/state.hpp"
#include "engine/waiter.hpp"
#include "pool/pool_core.hpp"

namespace copg::engine {

class LeaseCall;

class Leases {
 public:
  Leases(const Setup& setup, SharedState& shared, Background& background)
      : setup_(setup), shared_(shared), background_(background) {}
  Leases(const Leases&) = delete;
  Leases& operator=(const Leases&) = delete;

  // Getting a connection. A wait is: acquire or swap → queued → (settled) → collect, or give_up.

  enum class Attempt : std::uint8_t { granted, queued };
  /// Takes a connection into `lease`, or queues `waiter` until `deadline`. `time` is now. Throws PoolClosed,
  /// TooManyRequests, ConnectionFailed, ConfigurationError, PoolTimeout. With a `statement` the waiter is a
  /// StatementWaiter, and the statement may travel with others if it has to wait.
  Attempt acquire(Lease& lease, Waiter& waiter, TimePoint time, TimePoint deadline,
                  const SourceLocation& where, const pool::Statement* statement = nullptr);
  /// Takes a connection that is free at once into `lease`, and never waits. False: there is none. `time` is
  /// now. Throws PoolClosed.
  [[nodiscard]] bool try_acquire(Lease& lease, TimePoint time, const Holder& holder);
  /// Exchanges a dead connection, on which nothing was sent, for another, with the lease's place in the
  /// queue. Otherwise as `acquire`. For a statement only if it did not wait; else Runs::requeue.
  Attempt swap(Lease& lease, Waiter& waiter, TimePoint deadline, const pool::Statement* statement = nullptr);
  /// After `settled`: takes the granted connection. `time` is now. Throws as `acquire` if there is none.
  void collect(Lease& lease, Waiter& waiter, TimePoint time);
  /// Settles the waiter if its time is up. (The background does so, too, a little later.) Throws PoolTimeout
  /// if the waiter is not settled and the engine does not know it, which is a bug.
  void expire(Waiter& waiter);
  /// Leaves the queue. Returns true, with `lease` filled, if a connection had been granted already.
  bool give_up(Lease& lease, Waiter& waiter);
  /// Leaves the queue only if nothing has been sent. Returns false, and changes nothing, if the statement was
  /// sent or an outcome is on its way to the waiter. Returns true otherwise, with `lease` filled if a
  /// connection had been granted.
  bool give_up_unsent(Lease& lease, Waiter& waiter);

  // Using it.

  /// Says who gives the lease back, and nobody else does; `unknown_holder`: anybody may. At first that is who
  /// took it.
  void set_holder(const Lease& lease, pool::HolderId holder) noexcept;
  /// What leases() and messages call the lease, which are its first 30 bytes; empty: nothing. The name stays
  /// when a dead connection is exchanged. Throws as require_usable. For the lease's caller.
  void set_name(const Lease& lease, std::string_view name);
  [[nodiscard]] static std::string name_of(const Lease& lease);
  /// Throws UsageError if the lease was given back, or is another process's.
  static void require_usable(const Lease& lease);
  /// Enters the lease for one operation; `time` is now. False: the look before the first byte of the lease
  /// (left out if the connection has just answered) found the connection dead; call `swap`. Throws UsageError
  /// (given back, forked child) or PoolClosed (cut off by `close`). A second caller inside aborts a debug
  /// build and gets UsageError otherwise.
  [[nodiscard]] bool enter(Lease& lease, TimePoint time);
  /// Enters the lease to ask its connection something without a statement. Throws as `enter`.
  void enter_for_inspection(const Lease& lease);
  /// After the operation. False: `close` has cut the lease off meanwhile; `lease` is empty, and the
  /// background has its connection.
  bool leave(Lease& lease) noexcept;
  /// Counts the time of an operation that has ended inside the lease, or was given up.
  void note_operation(const Lease& lease, Duration took) noexcept {
    if (is_loan(lease)) return;
    lease.slot->operation_times.add(took);
    if (lease.slot->operation_times.full()) [[unlikely]]
      Locked(shared_)->keep_operation_times(*lease.slot);
  }
  /// Whether a call has found the connection dead, or it was cut off; false while a call is under way.
  [[nodiscard]] bool lost(Lease lease) noexcept;
  /// After an operation that failed with nothing sent: whether the connection died before the first byte of
  /// the lease, so that `swap` and another try are safe.
  [[nodiscard]] static bool died_untouched(const Lease& lease, bool fresh, bool nothing_sent) noexcept;
  /// For a call without a thread: from now until `unwatch_deadline`, `listener` is told when `deadline` has
  /// passed and when `close` cuts the lease off. Inside the lease.
  void watch_deadline(const Lease& lease, DeadlineListener& listener, TimePoint deadline);
  /// Once this has returned, the listener is not called any more.
  void unwatch_deadline(const Lease& lease) noexcept;
  /// The socket of the lease's connection, registered with the reactor behind `executor`. Inside the lease.
  [[nodiscard]] boost::asio::posix::stream_descriptor& descriptor(
      const Lease& lease, const boost::asio::any_io_executor& executor, int fd);
  /// Takes the socket out of its reactor, for a caller that waits for it in another way.
  void take_back_descriptor(Slot& slot) noexcept { engine::take_back_descriptor(shared_, slot); }

  // Its end.

  /// Ends the lease, whatever state its connection is in. Never throws, never blocks.
  void release(Lease& lease) noexcept { give_back(lease, true); }
  /// Ends the lease and closes its connection.
  void discard(Lease& lease) noexcept { give_back(lease, false); }
  /// Ends the lease and takes its connection out of the pool. Throws UsageError (given back, forked child, a
  /// call under way, a statement that has not ended), ConnectionFailed if it is dead, or PoolClosed; the
  /// lease stays then, but for PoolClosed.
  [[nodiscard]] std::unique_ptr<pq::Connection> take_out(Lease& lease);

  // What to throw.

  /// For two calls at a time on one lease: aborts a debug build, throws UsageError otherwise.
  [[noreturn, gnu::cold]] static void reject_second_call();
  /// For a lease that `close` has cut off: throws PoolClosed.
  [[noreturn, gnu::cold]] void reject_cut_off(std::string_view sql) const;
  /// For a call whose deadline had passed before it began. `kind`: pool_timeout or query_timeout.
  [[noreturn, gnu::cold]] void reject_late(ErrorKind kind, Duration by) const;
  /// For an operation that has not ended by its deadline, or was cut off (`cut`) by `close` or by the end of
  /// the time for `configure`.
  [[nodiscard, gnu::cold]] ErrorInfo interrupted_error(const LeaseCall& call, bool cut, Duration waited);
  /// For a wait that has ended without a connection.
  [[noreturn, gnu::cold]] void refuse(Locked state, pool::WaitError error, Duration waited,
                                      std::uint32_t waiting = 0, const Requester& who = {});

  // For the runs.

  /// Fills `lease` with what `waiter` was granted. False: it was granted nothing.
  bool collect_granted(Lease& lease, Waiter& waiter, TimePoint time);

  // For the runs, inside the lease.

  void end(Locked state, Lease& lease, pool::Disposition disposition, TimePoint time,
           std::uint32_t never_sent = 0) noexcept;
  [[nodiscard]] pool::Disposition verdict_on(const Lease& lease) const noexcept;
  /// The lease was cut off while its caller was inside: has the connection closed, by the background if it
  /// still runs.
  void close_cut_off(Lease& lease) noexcept;

 private:
  Attempt conclude(Locked state, const pool::Acquired& acquired, Lease& lease, Waiter& waiter, TimePoint time,
                   TimePoint deadline, const Holder& holder);
  [[nodiscard]] bool found_dead(Lease& lease, TimePoint time);
  void give_back(Lease& lease, bool keep) noexcept;
  [[noreturn, gnu::cold]] void reject_cut(const Lease& lease) const;
  static bool dequeue(State& state, Lease& lease, Waiter& waiter);
  static void watch_deadline(State& state, Slot& slot, DeadlineListener& listener, TimePoint deadline);

  const Setup& setup_;
  SharedState& shared_;
  Background& background_;
};

/// Tells the calls without a thread whose time is up, and returns when that of the next one is.
[[nodiscard]] TimePoint stop_late_calls(State& state, TimePoint time) noexcept;

}  // namespace copg::engine
