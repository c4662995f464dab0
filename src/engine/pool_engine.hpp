// Where pool decisions meet sockets and time: one mutex, one PoolCore, the connections, and one executor on
// which connections are opened, reset, checked and closed.
//
// It carries out what the core says and reports back; who gets a connection, and how many there are, is the
// core's to decide and to count. The shells (sync/, async/, python/native) wait, each in its own way; all of
// them may share one engine and stand in one queue. Nothing here blocks, except `close`, and `end` where the
// engine has a thread of its own. Thread-safe.
#pragma once

#include <copg/config.hpp>
#include <copg/detail/configure.hpp>
#include <copg/detail/lease.hpp>
#include <copg/pool_options.hpp>
#include <copg/pool_stats.hpp>
#include <copg/source_location.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/background_thread.hpp"
#include "engine/brief_mutex.hpp"
#include "engine/clock.hpp"
#include "engine/driver.hpp"
#include "engine/fork_guard.hpp"
#include "engine/slot.hpp"
#include "engine/user_call.hpp"
#include "engine/waiter.hpp"
#include "engine/watcher.hpp"
#include "pool/pool_core.hpp"
#include "pq/connect_settings.hpp"
#include "pq/describe_first.hpp"
#include "pq/operation.hpp"
#include "pq/workers.hpp"

namespace copg::engine {

using detail::Lease;
class LeaseCall;

[[nodiscard]] inline pool::ConnectionId id_of(const Lease& lease) { return {lease.index, lease.generation}; }
/// It is a loan to `configure`, of which the core knows nothing: see configure_call.hpp.
[[nodiscard]] inline bool is_loan(const Lease& lease) { return lease.generation == 0; }

/// How long after a close, and the patience for leases, may pass until the last caller and the thread have
/// noticed.
inline constexpr Duration close_grace = std::chrono::seconds(1);

class PoolEngine : public std::enable_shared_from_this<PoolEngine> {
 public:
  /// Validates both; throws ConfigurationError. The background runs on `executor`, or, if that is empty, on a
  /// thread of the engine's own. Connects only after `open`. `call_configure`: detail::call_configure, which
  /// lies above this layer.
  static std::shared_ptr<PoolEngine> create(const Config& config, PoolOptions options,
                                            detail::Configure* call_configure,
                                            boost::asio::any_io_executor executor = {});
  ~PoolEngine();
  PoolEngine(const PoolEngine&) = delete;
  PoolEngine& operator=(const PoolEngine&) = delete;
  /// Lets it open its first connections, in the background. Throws PoolClosed. Idempotent.
  void open();

  [[nodiscard]] const PoolOptions& options() const noexcept { return options_; }
  /// What a call may take, as the options say it.
  [[nodiscard]] Duration timeout() const noexcept { return timeout_; }
  [[nodiscard]] pq::FittingTexts& fitting_texts() noexcept { return fitting_texts_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const Config& config() const noexcept { return config_; }
  [[nodiscard]] PoolStats stats();
  /// Face('name', size=5/10).
  [[nodiscard]] std::string to_string(std::string_view face);
  /// What the background runs on, without its strand.
  [[nodiscard]] boost::asio::any_io_executor executor();

  // Getting a connection. A wait is: acquire or swap → queued → (settled) → collect, or give_up.

  enum class Attempt : std::uint8_t { granted, queued };
  /// Takes a connection into `lease`, or queues `waiter` until `deadline`. `time` is now. Throws PoolClosed,
  /// TooManyRequests, ConnectionFailed, ConfigurationError, PoolTimeout.
  /// `statement`: the waiter is a StatementWaiter, whose statement may travel with others if it has to wait.
  Attempt acquire(Lease& lease, Waiter& waiter, TimePoint time, TimePoint deadline,
                  const SourceLocation& where, const pool::Statement* statement = nullptr);
  /// After `settled`: takes the connection that was granted. `time` is now. Throws as above if there is none.
  void collect(Lease& lease, Waiter& waiter, TimePoint time);
  /// The waiter's time may be up: settles it if so. (The background does it too, a little later.) Throws
  /// PoolTimeout if it is not settled and nobody will ever do that, which is a bug.
  void expire(Waiter& waiter);
  /// Leaves the queue. True with `lease` filled, if a connection had been granted already.
  bool give_up(Lease& lease, Waiter& waiter);
  /// The same for who must not have had an effect. False, and nothing has changed, if it is too late for
  /// that: a statement that was sent, or an outcome that is on its way to the waiter. True: it has left, with
  /// `lease` filled if a connection had been granted.
  bool give_up_unsent(Lease& lease, Waiter& waiter);

  // Using it.

  /// Enters the lease for one operation; `time` is now. False: it was found dead by the one look before its
  /// first bytes (taken unless the connection answered just before); call `swap`. Throws UsageError (dead
  /// handle, forked child) or PoolClosed (cut off by close). Two threads in one lease: aborts in debug
  /// builds, UsageError otherwise.
  [[nodiscard]] bool enter(Lease& lease, TimePoint time);
  /// Enters the lease to ask its connection something that costs no statement. Throws likewise.
  void enter_to_look(const Lease& lease);
  /// The connection is dead, as a call has found out, or was cut off; false while a call is under way.
  [[nodiscard]] bool lost(Lease lease) noexcept;
  /// Aborts a debug build, and throws UsageError in others: two calls at a time on one lease.
  [[noreturn, gnu::cold]] void reject_second_call() const;
  /// Throws UsageError if the handle is dead or another process's.
  void require_usable(const Lease& lease) const;
  /// After the operation. False: `close` has cut the lease off meanwhile; `lease` is empty, its connection
  /// left to the background.
  bool leave(Lease& lease) noexcept;
  /// After an operation that failed with nothing sent: true if that was because the lease's connection died
  /// before its first byte, so that `swap` and another try are safe.
  [[nodiscard]] bool died_untouched(const Lease& lease, bool fresh, bool nothing_sent) const noexcept;
  /// For a shell without a thread: from now until `drive_no_more`, `driver` is told when `deadline` has
  /// passed and when `close` cuts the lease off. Inside the lease.
  void drive(const Lease& lease, Driver& driver, TimePoint deadline);
  /// The driver is not told anything any more once this has returned.
  void drive_no_more(const Lease& lease) noexcept;
  /// The socket of the lease's connection, held by the reactor behind `executor`. Inside the lease.
  [[nodiscard]] boost::asio::posix::stream_descriptor& descriptor(
      const Lease& lease, const boost::asio::any_io_executor& executor, int fd);
  /// The socket is not with any reactor any more: for whoever waits for it otherwise.
  void take_back_descriptor(Slot& slot) noexcept;
  /// The same for all sockets that are with a reactor of this context, which is about to go away.
  void take_back_descriptors(const boost::asio::execution_context& context) noexcept;
  /// The context goes away. If the background runs on it, nothing of the background is left for whoever holds
  /// the engine longer: a caller with a lease, a `configure` that does not return.
  void leave(const boost::asio::execution_context& context) noexcept;
  /// Gives up a dead connection that nothing was sent on, for another; keeps the place in the queue. As
  /// `acquire`; for a statement only if it did not wait.
  Attempt swap(Lease& lease, Waiter& waiter, TimePoint deadline, const pool::Statement* statement = nullptr);
  /// Ends the lease, whatever state its connection is in. Never throws, never blocks.
  void release(Lease& lease) noexcept;
  /// Ends the lease and closes its connection.
  void discard(Lease& lease) noexcept;

  // One statement on a lease of its own, which may travel with those of other callers if it has to wait.

  /// As `swap`, for a statement that waited, and for all that were to travel with it: back to their places in
  /// the queue.
  void requeue(Lease& lease, StatementWaiter& waiter) noexcept;
  /// After `settled`. False: it has been answered by another caller's work. True: `lease` is filled; its
  /// caller enters it and drives what `drive_run` gives. Throws as `collect`.
  bool collect_statement(Lease& lease, StatementWaiter& waiter, TimePoint time);
  /// The statements that travel on the lease, the caller's among them; nullptr: it is alone. Inside the
  /// lease, and outside if it throws PoolClosed: `close` has cut it off.
  Run* drive_run(Lease& lease);
  /// For Run: the answer to a statement, `took` after it was sent or after the answer before it.
  void answer(pool::WaiterId id, Duration took, PipelineAnswer answered) noexcept;
  /// A statement that was alone has ended at `time`, `took` after it was sent: ends the lease. Inside it.
  void end_statement(Lease& lease, const StatementWaiter& waiter, const pool::Statement& statement,
                     bool waited, TimePoint time, Duration took) noexcept;
  /// The driver of a run leaves before its end: another that waits for an answer goes on, and `lease` is
  /// empty; or nobody does, the run is dropped, and the lease still the caller's to give back.
  void drive_no_longer(Lease& lease, StatementWaiter& driver) noexcept;
  /// The run is over: ends the lease. What was never sent is in the queue again, maybe the driver's own.
  void end_run(Lease& lease, StatementWaiter& driver) noexcept;
  /// The caller of a statement that was granted a connection has no use for an answer any more.
  void forget(const Lease& lease, StatementWaiter& waiter) noexcept;

  // The pool as a whole.

  void resize(int min_size, int max_size);
  void drain();
  void suspend();
  void resume();
  /// Tests every idle connection; `watch` for Until::checked tells the end. Throws PoolClosed.
  void start_check();
  /// Fails waiters, gives leases `timeout`, then cuts them off; `watch` for Until::finished tells the end.
  /// Idempotent.
  void start_close(Duration timeout) noexcept;
  /// The same, and blocks until the end, or until `timeout` and a second have passed; ends the engine's own
  /// thread. Idempotent.
  void close(Duration timeout) noexcept;
  /// After start_close, for a hook that runs on the background: nobody else can carry it out, so that leases
  /// are cut off at once. False: it was not called there, and the end is to be waited for.
  bool close_in_background() noexcept;
  /// After start_close, and the waiting for its end: ends the engine's own thread, waiting for what it does
  /// now until `deadline`. Idempotent.
  void finish_close(TimePoint deadline) noexcept { move_out(deadline); }
  /// What the last face does: closes the pool with 5 s of patience, blocking only where the engine has its
  /// own thread.
  void end() noexcept;

  // Waiting for the pool as a whole: watch → (settled) → collect, or give_up.

  /// True: the pool has got that far already. False: `watcher` is told when it has, or can't any more, or
  /// `deadline` has passed.
  [[nodiscard]] bool watch(Watcher& watcher, Until until, TimePoint deadline);
  /// After `settled`: throws PoolTimeout, PoolClosed or ConfigurationError if the pool did not get that far.
  void collect(Watcher& watcher);
  /// As for a waiter.
  void expire(Watcher& watcher);
  void give_up(Watcher& watcher) noexcept;

  /// When `close` has cut off a lease: throws PoolClosed.
  [[noreturn, gnu::cold]] void reject_cut_off(std::string_view sql) const;
  /// What to throw when an operation on a connection did not end: by its
  /// deadline, or because `close`, or the end of the time for `configure`, has cut it off.
  [[nodiscard, gnu::cold]] ErrorInfo undone(const LeaseCall& call, bool cut, Duration waited);

 private:
  PoolEngine(const Config& config, PoolOptions options, detail::Configure* call_configure,
             boost::asio::any_io_executor executor);

  using Lock = std::unique_lock<BriefMutex>;

  // pool_engine.cpp
  void make_core();
  void make_slots(int max_size);
  struct Threads {
    std::unique_ptr<BackgroundThread> background;  // none where an executor was given
    std::unique_ptr<pq::Workers::Hold> workers;
  };
  [[nodiscard]] Threads start_threads() const;
  void move_in(Threads threads);
  void move_out(TimePoint deadline) noexcept;
  [[nodiscard]] bool inherited() const noexcept { return process_ != ForkGuard::generation(); }
  Lock lock_here();
  void start_over_in_child();
  void abandon_inherited();
  void dispatch() {
    if (core_->has_action() || core_->next_deadline() < armed_ || !watchers_.empty() || core_->closed())
      hand_out();
  }
  void hand_out();
  void settle(pool::WaiterId id, pool::WaitError error) noexcept;
  void tick_core(TimePoint time);
  void wake_by(TimePoint time);

  // waiting.cpp
  void make_room_for_waiter();
  Attempt conclude(Lock lock, const pool::Acquired& acquired, Lease& lease, Waiter& waiter, TimePoint time,
                   TimePoint deadline, const Holder& holder);
  void queue(Waiter& waiter, pool::WaiterId id, TimePoint time, TimePoint deadline, const Holder& holder);
  [[nodiscard]] Lease take(pool::ConnectionId connection, const Waiter& waiter, TimePoint time,
                           TimePoint deadline, const Holder& holder);
  void drive(Slot& slot, Driver& driver, TimePoint deadline);
  bool leave_queue(Lease& lease, Waiter& waiter);
  [[noreturn]] void refuse(Lock lock, pool::WaitError error, Duration waited, std::uint32_t waiting = 0);
  [[nodiscard]] bool has_place(const Waiter& waiter) const noexcept;
  [[nodiscard]] bool has_got(Until until) const;
  [[nodiscard]] pool::WaitError obstacle(Until until) const;
  void tell_who_waits(TimePoint time) noexcept;
  void settle_watchers(TimePoint time) noexcept;

  // leasing.cpp
  void give_back(Lease& lease, bool keep) noexcept;
  void end_lease(Lock lock, Lease& lease, pool::Disposition disposition, TimePoint time,
                 std::uint32_t never_sent = 0) noexcept;
  [[nodiscard]] pool::Disposition verdict_on(const Lease& lease) const noexcept;
  void close_cut_off(Lease& lease) noexcept;
  [[noreturn, gnu::cold]] void reject_cut(const Lease& lease) const;
  [[nodiscard]] ErrorInfo cut_off(std::string_view sql) const;
  [[nodiscard]] static ErrorInfo taken_back();
  [[nodiscard]] pool::Disposition judge(pq::Connection& connection) const noexcept;
  [[nodiscard]] TimePoint stop_late_drivers(TimePoint time) noexcept;

  // sharing.cpp
  void answer(pool::WaiterId id, StatementWaiter& waiter, Duration took, PipelineAnswer answered) noexcept;
  void forget_here(StatementWaiter& waiter) noexcept;
  std::unique_ptr<Run> take_statements(Slot& slot) noexcept;
  void took_too_long(const Lease& lease, const StatementWaiter& waiter) noexcept;
  [[nodiscard]] TimePoint expire_passengers(Slot& slot, TimePoint time) noexcept;

  // diagnosis.cpp: what to tell a caller who gets nothing. With the mutex held.
  [[nodiscard]] ErrorInfo why(pool::WaitError error, Duration waited, std::uint32_t waiting);
  [[nodiscard]] std::string cannot_connect(const ErrorInfo& error) const;
  [[nodiscard]] ErrorInfo forgotten(Duration waited);
  [[nodiscard]] ErrorInfo unanswered(std::string_view sql, const Slot& slot, Duration waited,
                                     Duration at_server, const char* phase) const;
  [[nodiscard]] std::string oldest_lease(TimePoint time) const;
  [[nodiscard]] std::string last_connect_error(TimePoint time) const;

  // background.cpp: on the executor only.
  void post_work();
  void work();
  void carry_out(const pool::Action& action);
  [[nodiscard]] Slot& slot_of(pool::ConnectionId connection);
  void open(pool::ConnectionId connection);
  void credentials_ended(pool::ConnectionId connection, OperationRun::End end);
  void connect(pool::ConnectionId connection, pq::ConnectSettings settings);
  void connect_ended(pool::ConnectionId connection, OperationRun::End end);
  void run(pool::ConnectionId connection, std::unique_ptr<pq::Operation> operation, Duration timeout,
           void (PoolEngine::*ended)(pool::ConnectionId, OperationRun::End));
  void start_run(Slot& slot, pool::ConnectionId connection, std::unique_ptr<pq::Operation> operation,
                 Duration timeout, void (PoolEngine::*ended)(pool::ConnectionId, OperationRun::End));
  void configure(pool::ConnectionId connection, std::unique_ptr<pq::Connection> made,
                 void (PoolEngine::*ended)(pool::ConnectionId, OperationRun::End));
  void configured_new(pool::ConnectionId connection, OperationRun::End end);
  void configured_again(pool::ConnectionId connection, OperationRun::End end);
  void opened(pool::ConnectionId connection, std::unique_ptr<pq::Connection> made);
  [[nodiscard]] std::string last_words(Slot& slot, CloseReason reason) const;
  void open_failed(pool::ConnectionId connection, ErrorInfo error, pool::ConnectFailure failure);
  void proof_ended(pool::ConnectionId connection, OperationRun::End end);
  void reset_ended(pool::ConnectionId connection, pool::Disposition disposition);
  void tick();
  void arm();
  void report_leaks(TimePoint time);

  // closing.cpp: on the executor, but for the last three.
  void close_connection(const pool::Action& action);
  void insist() noexcept;
  void cancel_beside_its_caller(const pool::Action& closing);
  void cancelled_beside(pool::ConnectionId connection, OperationRun::End end);
  void say_goodbye(const pool::Action& closing);
  void goodbye_said(pool::ConnectionId connection, OperationRun::End end);
  void drop_connection(const pool::Action& closing);
  [[nodiscard]] Duration time_for_goodbye();
  void leave_to_background(Lease& lease) noexcept;
  void drop_what_was_left() noexcept;
  void cancel_what_still_runs() noexcept;

  const Config config_;
  const PoolOptions options_;
  const std::string name_;
  const boost::asio::any_io_executor given_;  // empty: the background has a thread of its own
  pq::ConnectSettings settings_;
  detail::Configure* const call_configure_;
  std::shared_ptr<UnreturnedCalls> unreturned_;  // of the user's functions; of this process

  const Duration timeout_ = duration_of(options_.timeout);
  BriefMutex mutex_;
  // Guarded by mutex_, except that the background alone touches the runs in the slots. What every call looks
  // at comes first: the fewer cache lines, the better.
  std::uint32_t process_;
  bool opened_ = false;
  bool work_posted_ = false;
  bool outage_ = false;
  std::uint32_t waiting_before_tick_ = 0;
  std::unique_ptr<pool::PoolCore> core_;
  std::vector<std::unique_ptr<Slot>> slots_;
  TimePoint armed_ = pool::never;
  std::vector<Waiter*> waiters_;      // by the slot of their id
  std::deque<pool::Action> actions_;  // for the background
  ForkGuard fork_guard_{mutex_};
  std::optional<ErrorInfo> connect_error_;
  TimePoint connect_error_at_{};
  std::vector<Watcher*> watchers_;
  TimePoint cut_at_ = pool::never;     // once closed: when leases are cut off
  TimePoint close_by_ = pool::never;   // once closed: when the last goodbye is to be said
  TimePoint insist_at_ = pool::never;  // when to look for callers that are still inside what was cut off
  // Of the calls that shells without a thread drive, the first may end then; no later.
  TimePoint drivers_due_ = pool::never;

  using Strand = boost::asio::strand<boost::asio::any_io_executor>;
  std::unique_ptr<BackgroundThread> thread_;
  std::unique_ptr<pq::Workers::Hold> workers_;
  std::unique_ptr<Strand> strand_;
  std::unique_ptr<boost::asio::steady_timer> timer_;

  pq::FittingTexts fitting_texts_;
};

}  // namespace copg::engine
