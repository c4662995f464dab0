// What a pool does beside its callers: it opens, resets, checks and closes connections, and ticks the core.
//
// It carries out what the core has decided, in order, over a port. Members that are not for any thread run in
// what the port calls. It keeps the engine alive as long as the port has something to call.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/background_port.hpp"
#include "engine/background_task.hpp"
#include "engine/hang_ups.hpp"
#include "engine/lease.hpp"
#include "engine/listening/listening.hpp"
#include "engine/listening/listening_driver.hpp"
#include "engine/state.hpp"
#include "engine/user_call.hpp"
#include "engine/watching.hpp"
#include "pq/connect_settings.hpp"
#include "pq/workers.hpp"

namespace copg::engine {

class PoolEngine;

/// After the time that `close` gives to leases: how long it may take until the last caller and the thread
/// have noticed.
inline constexpr Duration close_grace = std::chrono::seconds(1);

class Background {
 public:
  /// Throws std::system_error if no thread can be started.
  using MakePort = std::function<std::unique_ptr<BackgroundPort>()>;

  Background(const Setup& setup, SharedState& shared, Listening& listening, MakePort make_port);
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  // For any thread.

  /// Begins, for this engine. Throws ConnectionFailed if the threads can't be started.
  void start(std::weak_ptr<PoolEngine> engine);
  /// In a forked child: begins anew. Throws as `start`; the next call tries again.
  void start_over(State& state);
  /// In a forked child: leaves alone what only the parent's thread could end.
  void abandon_inherited(State& state);
  /// Carries out soon what the core has decided.
  void post_work(State& state);
  [[nodiscard]] BackgroundPort* port(State& /*held*/) const noexcept { return port_.get(); }
  [[nodiscard]] const MakePort& make_port() const noexcept { return make_port_; }
  /// Takes over the connection of a caller that was inside when its lease was cut off.
  void take_over(Lease& lease) noexcept;
  /// For a close that a hook calls on the background: since nothing else can carry it out, it is done here,
  /// and leases are cut off at once. False: the caller is not on the background.
  [[nodiscard]] bool close_here() noexcept;
  /// The place where it runs goes away: lets go of the port and all tasks, although others may hold the
  /// engine longer (a caller with a lease, a `configure` that does not return).
  void detach() noexcept;
  /// Ends its own thread, if it has one, and waits until `deadline` for what that does now.
  void end_thread(TimePoint deadline) noexcept;

 private:
  static constexpr const char* too_slow_to_configure = "configure did not return within connect_timeout";
  static constexpr const char* too_slow_on_return = "on_return did not return within connect_timeout";
  using Ended = void (Background::*)(pool::ConnectionId, BackgroundTask::End);

  // background.cpp
  void work();
  void carry_out(const pool::Action& action);
  void tick();
  void arm();
  void listen();
  [[nodiscard]] Slot& slot_of(pool::ConnectionId connection);
  void run(pool::ConnectionId connection, std::unique_ptr<pq::Operation> operation, Duration timeout,
           Ended ended);
  void run_beside(pool::ConnectionId connection, std::unique_ptr<pq::Operation> operation, Duration timeout,
                  Ended ended);
  [[nodiscard]] std::shared_ptr<UnreturnedCalls> unreturned_calls();

  // opening.cpp
  void open(pool::ConnectionId connection);
  void ask_credentials(pool::ConnectionId connection);
  void credentials_ended(pool::ConnectionId connection, BackgroundTask::End end);
  void connect(pool::ConnectionId connection, pq::ConnectSettings settings);
  void connect_ended(pool::ConnectionId connection, BackgroundTask::End end);
  void configure(pool::ConnectionId connection, std::unique_ptr<pq::Connection> made, Ended ended);
  void lend(pool::ConnectionId connection, std::unique_ptr<pq::Connection> lent, detail::Hook hook,
            Duration timeout, Ended ended);
  void configured_new(pool::ConnectionId connection, BackgroundTask::End end);
  void opened(pool::ConnectionId connection, std::unique_ptr<pq::Connection> made);
  void open_failed(pool::ConnectionId connection, ErrorInfo error, pool::ConnectFailure failure);

  // proving.cpp
  void reset(pool::ConnectionId connection);
  void wipe(pool::ConnectionId connection);
  void tell_returned(pool::ConnectionId connection);
  void returned_told(pool::ConnectionId connection, BackgroundTask::End end);
  [[nodiscard]] std::unique_ptr<pq::Connection> take_to_lend(Slot& slot) noexcept;
  [[nodiscard]] bool returned_by(pool::ConnectionId connection, BackgroundTask::End end,
                                 const char* too_slow);
  void check(pool::ConnectionId connection);
  void check_ended(pool::ConnectionId connection, pool::Disposition disposition);
  void checked(pool::ConnectionId connection, BackgroundTask::End end);
  void wiped(pool::ConnectionId connection, BackgroundTask::End end);
  void configured_again(pool::ConnectionId connection, BackgroundTask::End end);
  void reset_ended(pool::ConnectionId connection, pool::Disposition disposition);

  // watching.cpp
  void watch(pool::ConnectionId connection, int socket);
  void hung_up();
  void unwatch(Slot& slot) noexcept;
  void end_watch() noexcept;

  // closing.cpp
  void close_connection(const pool::Action& action);
  void insist();
  void cancelled_beside(pool::ConnectionId connection, BackgroundTask::End end);
  void say_goodbye(const pool::Action& closing);
  void goodbye_said(pool::ConnectionId connection, BackgroundTask::End end);
  [[nodiscard]] bool tells_of_close(const Slot& slot, CloseReason reason) const;
  void tell_of_close(const pool::Action& closing);
  void close_told(pool::ConnectionId connection, BackgroundTask::End end);
  void drop_connection(const pool::Action& closing);
  void drop_at_once(const pool::Action& closing);
  void drop_what_was_left();

  const Setup& setup_;
  SharedState& shared_;
  const MakePort make_port_;
  const pq::ConnectSettings settings_;
  const Duration connect_timeout_;
  std::weak_ptr<PoolEngine> engine_;
  std::uint64_t connections_ = 0;           // that were begun
  std::optional<Credentials> credentials_;  // that were given last
  TimePoint credentials_expire_{};
  bool room_asked_ = false;
  bool pooler_told_ = false;
  std::shared_ptr<UnreturnedCalls> unreturned_;  // of the user's functions, in this process
  Listening& listening_;
  ListeningDriver listener_;
  std::unique_ptr<pq::Workers::Hold> workers_;
  HangUps hang_ups_;
  std::unique_ptr<HangUpWatch> watch_;  // as long as there are connections; changed with the mutex held
  // Changed with the mutex held. Shared with calls on a thread whose end was not waited for.
  std::shared_ptr<BackgroundPort> port_;
};

/// For the end of the engine: cancels what connections still run, if the pool's event loop went away before
/// the background could.
void cancel_what_still_runs(const std::vector<std::unique_ptr<Slot>>& slots);

}  // namespace copg::engine
