// Where pool decisions meet sockets and time: one mutex, one PoolCore, the connections, and one executor on
// which connections are opened, reset, checked and closed.
//
// It carries out what the core says and reports back; it decides nothing and counts nothing. The shells
// (sync/, async/) wait, each in its own way; both kinds may share one engine and stand in one queue. Nothing
// here blocks, except `close` and the members that say so. Thread-safe.
#pragma once

#include <copg/config.hpp>
#include <copg/detail/lease.hpp>
#include <copg/pool_options.hpp>
#include <copg/pool_stats.hpp>
#include <copg/source_location.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/background_thread.hpp"
#include "engine/clock.hpp"
#include "engine/fork_guard.hpp"
#include "engine/slot.hpp"
#include "engine/waiter.hpp"
#include "pool/pool_core.hpp"
#include "pq/connect_settings.hpp"
#include "pq/operation.hpp"

namespace copg::engine {

using detail::Lease;

class PoolEngine : public std::enable_shared_from_this<PoolEngine> {
 public:
  /// With a background thread of its own. Validates both; throws ConfigurationError. Opens its first
  /// connections in the background.
  static std::shared_ptr<PoolEngine> create(const Config& config, PoolOptions options);
  ~PoolEngine();
  PoolEngine(const PoolEngine&) = delete;
  PoolEngine& operator=(const PoolEngine&) = delete;

  [[nodiscard]] const PoolOptions& options() const noexcept { return options_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const Config& config() const noexcept { return config_; }
  [[nodiscard]] PoolStats stats();

  // Getting a connection. A wait is: acquire or swap → queued → (settled) → collect, or give_up.

  enum class Attempt : std::uint8_t { granted, queued };
  /// Takes a connection into `lease`, or queues `waiter` until `deadline`. `time` is now. Throws PoolClosed,
  /// TooManyRequests, ConnectionFailed, ConfigurationError, PoolTimeout.
  Attempt acquire(Lease& lease, Waiter& waiter, TimePoint time, TimePoint deadline,
                  const SourceLocation& where);
  /// After `settled`: takes the connection that was granted. Throws as above if there is none.
  void collect(Lease& lease, Waiter& waiter);
  /// The waiter's time may be up: settles it if so. (The background does it too, a little later.)
  void expire(Waiter& waiter);
  /// Leaves the queue. True with `lease` filled, if a connection had been granted already.
  bool give_up(Lease& lease, Waiter& waiter);

  // Using it.

  /// Enters the lease for one operation; `time` is now. False: it was found dead by the one look before its
  /// first bytes (taken unless the connection answered just before); call `swap`. Throws UsageError (dead
  /// handle, forked child) or PoolClosed (cut off by close). Two threads in one lease: aborts in debug
  /// builds, UsageError otherwise.
  [[nodiscard]] bool enter(Lease& lease, TimePoint time);
  /// Enters the lease to ask its connection something that costs no exchange. Throws likewise.
  void enter_to_look(const Lease& lease);
  /// Throws UsageError if the handle is dead or another process's.
  void require_usable(const Lease& lease) const;
  /// After the operation. False: `close` has cut the lease off meanwhile; `lease` is empty, its connection
  /// closed.
  bool leave(Lease& lease) noexcept;
  /// After an operation that failed with nothing sent: true if that was because the lease's connection died
  /// before its first byte, so that `swap` and another try are safe.
  [[nodiscard]] bool died_untouched(const Lease& lease, bool fresh, bool nothing_sent) const noexcept;
  /// Gives up a dead connection that nothing was sent on, for another; keeps the place in the queue. As
  /// `acquire`.
  Attempt swap(Lease& lease, Waiter& waiter, TimePoint deadline);
  /// Ends the lease, whatever state its connection is in. Never throws, never blocks.
  void release(Lease& lease) noexcept;
  /// Ends the lease and closes its connection.
  void discard(Lease& lease) noexcept;

  // The pool as a whole.

  void resize(int min_size, int max_size);
  void drain();
  void suspend();
  void resume();
  /// Tests every idle connection. Blocks until that is done or `timeout` has passed (PoolTimeout).
  void check(Duration timeout);
  /// Blocks until min_size connections are open; throws PoolTimeout, PoolClosed.
  void wait(Duration timeout);
  /// Fails waiters, gives leases `timeout`, then cuts them off. Blocks no longer than that and a second.
  /// Idempotent.
  void close(Duration timeout) noexcept;

  /// What to throw when `close` has cut off a lease.
  [[nodiscard]] ErrorInfo cut_off(std::string_view sql) const;
  /// What to throw when an operation on a connection did not end: by its deadline, or because `close` has cut
  /// it off.
  [[nodiscard]] ErrorInfo undone(const pq::Operation& operation, bool cut, std::string_view sql,
                                 Duration waited) const;

 private:
  PoolEngine(const Config& config, PoolOptions options);

  using Lock = std::unique_lock<std::mutex>;

  // pool_engine.cpp
  void open_for_business();
  void make_core();
  [[nodiscard]] bool inherited() const noexcept { return process_ != ForkGuard::generation(); }
  Lock lock_here();
  void make_room_for_waiter();
  void start_over_in_child();
  void abandon_inherited();
  void dispatch() {
    if (core_->has_action() || core_->next_deadline() < armed_ || watchers_ > 0) hand_out();
  }
  void hand_out();
  void settle(const pool::Action& action);
  Attempt conclude(Lock lock, const pool::Acquired& acquired, Lease& lease, Waiter& waiter, TimePoint time,
                   TimePoint deadline, const Holder& holder);
  void queue(Waiter& waiter, pool::WaiterId id, TimePoint time, TimePoint deadline, const Holder& holder);
  [[nodiscard]] Lease take(pool::ConnectionId connection, TimePoint time, const Holder& holder);
  [[noreturn]] void refuse(Lock lock, pool::WaitError error, Duration waited);
  void give_back(Lease& lease, bool keep) noexcept;
  void close_cut_off(Lease& lease) noexcept;
  bool await(Lock& lock, TimePoint deadline, const std::function<bool()>& condition);
  [[nodiscard]] pool::Disposition judge(pq::Connection& connection) const noexcept;
  [[nodiscard]] std::shared_ptr<Observer> observer() const { return options_.observer; }

  // diagnosis.cpp: what to tell a caller who gets nothing. With the mutex held.
  [[nodiscard]] ErrorInfo why(pool::WaitError error, Duration waited);
  [[nodiscard]] std::string oldest_lease(TimePoint time) const;
  [[nodiscard]] std::string last_connect_error(TimePoint time) const;

  // background.cpp: on the executor only.
  void post_work();
  void work();
  void carry_out(const pool::Action& action);
  [[nodiscard]] Slot& slot_of(pool::ConnectionId connection);
  void open(pool::ConnectionId connection);
  void connect_ended(pool::ConnectionId connection, OperationRun::End end);
  void run(pool::ConnectionId connection, std::unique_ptr<pq::Operation> operation, Duration timeout,
           void (PoolEngine::*ended)(pool::ConnectionId, OperationRun::End));
  void proof_ended(pool::ConnectionId connection, OperationRun::End end);
  void close_connection(const pool::Action& action);
  void tick();
  void arm();
  void report_leaks(TimePoint time);

  const Config config_;
  const PoolOptions options_;
  const std::string name_;
  pq::ConnectSettings settings_;

  std::mutex mutex_;
  ForkGuard fork_guard_{mutex_};
  // Guarded by mutex_, except that the background alone touches the runs in the slots.
  std::uint32_t process_;
  std::unique_ptr<pool::PoolCore> core_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<Waiter*> waiters_;      // by the slot of their id
  std::deque<pool::Action> actions_;  // for the background
  bool work_posted_ = false;
  bool outage_ = false;
  TimePoint armed_ = pool::never;
  std::optional<ErrorInfo> connect_error_;
  TimePoint connect_error_at_{};
  std::unique_ptr<std::condition_variable> changed_ = std::make_unique<std::condition_variable>();
  int watchers_ = 0;  // threads in `await`

  std::unique_ptr<BackgroundThread> background_;
  boost::asio::any_io_executor executor_;
  std::unique_ptr<boost::asio::steady_timer> timer_;
};

}  // namespace copg::engine
