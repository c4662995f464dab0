// Who has a connection: the waiting for one, its use by one caller, and its end.
#pragma once

#include <copg/error.hpp>
#include <copg/source_location.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <cstdint>
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
  /// TooManyRequests, ConnectionFailed, ConfigurationError, PoolTimeout.
  /// `statement`: the waiter is a StatementWaiter, whose statement may travel with others if it has to wait.
  Attempt acquire(Lease& lease, Waiter& waiter, TimePoint time, TimePoint deadline,
                  const SourceLocation& where, const pool::Statement* statement = nullptr);
  /// Gives up a dead connection that nothing was sent on, for another; keeps the place in the queue. As
  /// `acquire`; for a statement only if it did not wait.
  Attempt swap(Lease& lease, Waiter& waiter, TimePoint deadline, const pool::Statement* statement = nullptr);
  /// After `settled`: takes the connection that was granted. `time` is now. Throws as above if there is none.
  void collect(Lease& lease, Waiter& waiter, TimePoint time);
  /// The waiter's time may be up: settles it if so. (The background does it too, a little later.) Throws
  /// PoolTimeout if it is not settled and nobody will ever do that, which is a bug.
  void expire(Waiter& waiter);
  /// Leaves the queue. True with `lease` filled, if a connection had been granted already.
  bool give_up(Lease& lease, Waiter& waiter);
  /// Leaves the queue only if nothing has been sent. False, and nothing has changed, if the statement was
  /// sent, or an outcome is on its way to the waiter. True otherwise, with `lease` filled if a connection had
  /// been granted.
  bool give_up_unsent(Lease& lease, Waiter& waiter);

  // Using it.

  /// Throws UsageError if the handle is dead or another process's.
  static void require_usable(const Lease& lease);
  /// Enters the lease for one operation; `time` is now. False: it was found dead by the one look before its
  /// first bytes (taken unless the connection answered just before); call `swap`. Throws UsageError (dead
  /// handle, forked child) or PoolClosed (cut off by close). Two threads in one lease: aborts in debug
  /// builds, UsageError otherwise.
  [[nodiscard]] bool enter(Lease& lease, TimePoint time);
  /// Enters the lease to ask its connection something that costs no statement. Throws likewise.
  void enter_for_inspection(const Lease& lease);
  /// After the operation. False: `close` has cut the lease off meanwhile; `lease` is empty, its connection
  /// left to the background.
  bool leave(Lease& lease) noexcept;
  /// The connection is dead, as a call has found out, or was cut off; false while a call is under way.
  [[nodiscard]] bool lost(Lease lease) noexcept;
  /// After an operation that failed with nothing sent: true if that was because the lease's connection died
  /// before its first byte, so that `swap` and another try are safe.
  [[nodiscard]] static bool died_untouched(const Lease& lease, bool fresh, bool nothing_sent) noexcept;
  /// For a call without a thread: from now until `unwatch_deadline`, `listener` is told when `deadline` has
  /// passed and when `close` cuts the lease off. Inside the lease.
  void watch_deadline(const Lease& lease, DeadlineListener& listener, TimePoint deadline);
  /// The listener is not told anything any more once this has returned.
  void unwatch_deadline(const Lease& lease) noexcept;
  /// The socket of the lease's connection, held by the reactor behind `executor`. Inside the lease.
  [[nodiscard]] boost::asio::posix::stream_descriptor& descriptor(
      const Lease& lease, const boost::asio::any_io_executor& executor, int fd);
  /// The socket is not with any reactor any more: for a caller that waits for it otherwise.
  void take_back_descriptor(Slot& slot) noexcept { engine::take_back_descriptor(shared_, slot); }

  // Its end.

  /// Ends the lease, whatever state its connection is in. Never throws, never blocks.
  void release(Lease& lease) noexcept { give_back(lease, true); }
  /// Ends the lease and closes its connection.
  void discard(Lease& lease) noexcept { give_back(lease, false); }

  // What to throw.

  /// Two calls at a time on one lease: aborts a debug build, and throws UsageError in others.
  [[noreturn, gnu::cold]] static void reject_second_call();
  /// `close` has cut off a lease: throws PoolClosed.
  [[noreturn, gnu::cold]] void reject_cut_off(std::string_view sql) const;
  /// An operation on a connection did not end: by its deadline, or because `close`, or the end of the time
  /// for `configure`, has cut it off.
  [[nodiscard, gnu::cold]] ErrorInfo interrupted_error(const LeaseCall& call, bool cut, Duration waited);
  /// A wait has ended without a connection.
  [[noreturn, gnu::cold]] void refuse(Locked state, pool::WaitError error, Duration waited,
                                      std::uint32_t waiting = 0);

  // For the runs.

  [[nodiscard]] static Lease take(State& state, pool::ConnectionId connection, const Waiter& waiter,
                                  TimePoint time, TimePoint deadline, const Holder& holder);
  /// From inside the lease, as is what follows.
  void end(Locked state, Lease& lease, pool::Disposition disposition, TimePoint time,
           std::uint32_t never_sent = 0) noexcept;
  [[nodiscard]] pool::Disposition verdict_on(const Lease& lease) const noexcept;
  /// The pool was closed while the caller was inside: the background closes the connection, unless there is
  /// none any more.
  void close_cut_off(Lease& lease) noexcept;

 private:
  Attempt conclude(Locked state, const pool::Acquired& acquired, Lease& lease, Waiter& waiter, TimePoint time,
                   TimePoint deadline, const Holder& holder);
  void give_back(Lease& lease, bool keep) noexcept;
  [[noreturn, gnu::cold]] void reject_cut(const Lease& lease) const;
  static bool dequeue(State& state, Lease& lease, Waiter& waiter);
  static void watch_deadline(State& state, Slot& slot, DeadlineListener& listener, TimePoint deadline);

  const Setup& setup_;
  SharedState& shared_;
  Background& background_;
};

/// Tells the calls without a thread whose time is up; returns when the next one's will be.
[[nodiscard]] TimePoint stop_late_calls(State& state, TimePoint time) noexcept;

}  // namespace copg::engine
