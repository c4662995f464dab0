// Where pool decisions meet sockets and time: the front of the rooms that share a pool's state.
//
// `Leases` has the waiting for a connection, its use and its end; `Runs` the statements that travel together;
// `Background` opens, resets, checks and closes. Who gets a connection, and how many there are, is the core's
// to decide and to count. The shells (sync/, async/, python/native) wait, each in its own way; all of them
// may share one engine and stand in one queue. Nothing here blocks, except `close`, and `end` where the
// engine has a thread of its own. Thread-safe.
#pragma once

#include <copg/config.hpp>
#include <copg/detail/configure.hpp>
#include <copg/pool_options.hpp>
#include <copg/pool_stats.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <string>
#include <string_view>

#include "engine/background.hpp"
#include "engine/leases.hpp"
#include "engine/pool_waiter.hpp"
#include "engine/runs.hpp"
#include "engine/setup.hpp"
#include "engine/state.hpp"
#include "pq/describe_first.hpp"

namespace copg::engine {

class PoolEngine : public std::enable_shared_from_this<PoolEngine> {
 public:
  /// Validates both; throws ConfigurationError. The background runs on `executor`, or, if that is empty, on a
  /// thread of the engine's own. Connects only after `open`. `call_configure`: detail::call_configure, which
  /// lies above this layer.
  static std::shared_ptr<PoolEngine> create(const Config& config, PoolOptions options,
                                            detail::Configure* call_configure,
                                            boost::asio::any_io_executor executor = {});
  /// With a background of another kind: over the port that `make_port` makes, once here and once in each
  /// forked child.
  static std::shared_ptr<PoolEngine> create(Setup setup, Background::MakePort make_port);
  ~PoolEngine();
  PoolEngine(const PoolEngine&) = delete;
  PoolEngine& operator=(const PoolEngine&) = delete;
  /// Lets it open its first connections, in the background. Throws PoolClosed. Idempotent.
  void open();

  [[nodiscard]] Leases& leases() noexcept { return leases_; }
  [[nodiscard]] Runs& runs() noexcept { return runs_; }

  [[nodiscard]] const PoolOptions& options() const noexcept { return setup_.options; }
  /// What a call may take, as the options say it.
  [[nodiscard]] Duration timeout() const noexcept { return setup_.timeout; }
  [[nodiscard]] const std::string& name() const noexcept { return setup_.name; }
  [[nodiscard]] const Config& config() const noexcept { return setup_.config; }
  [[nodiscard]] pq::FittingTexts& fitting_texts() noexcept { return fitting_texts_; }
  [[nodiscard]] PoolStats stats();
  /// Face('name', size=5/10).
  [[nodiscard]] std::string to_string(std::string_view face);

  // The pool as a whole.

  void resize(int min_size, int max_size);
  void drain();
  void suspend();
  void resume();
  /// Tests every idle connection; `wait_for`, Milestone::checked tells the end. Throws PoolClosed.
  void start_check();
  /// Fails waiters, gives leases `timeout`, then cuts them off; `wait_for`, Milestone::finished tells the
  /// end. Idempotent.
  void start_close(Duration timeout) noexcept;
  /// The same, and blocks until the end, or until `timeout` and a second have passed; ends the engine's own
  /// thread. Idempotent.
  void close(Duration timeout) noexcept;
  /// After start_close, for a hook that runs on the background: nobody else can carry it out, so that leases
  /// are cut off at once. False: it was not called there, and the end is to be waited for.
  bool close_in_background() noexcept { return background_.close_here(); }
  /// After start_close, and the waiting for its end: ends the engine's own thread, waiting for what it does
  /// now until `deadline`. Idempotent.
  void finish_close(TimePoint deadline) noexcept { background_.end_thread(deadline); }
  /// What the last face does: closes the pool with 5 s of patience, blocking only where the engine has its
  /// own thread.
  void end() noexcept;

  // Waiting for the pool as a whole: wait_for → (settled) → collect, or give_up.

  /// True: the pool has got that far already. False: `pool_waiter` is told when it has, or can't any more, or
  /// `deadline` has passed.
  [[nodiscard]] bool wait_for(PoolWaiter& pool_waiter, Milestone milestone, TimePoint deadline);
  /// After `settled`: throws PoolTimeout, PoolClosed or ConfigurationError if the pool did not get that far.
  void collect(PoolWaiter& pool_waiter);
  /// As for a waiter.
  void expire(PoolWaiter& pool_waiter);
  void give_up(PoolWaiter& pool_waiter) noexcept;

  // With Asio.

  /// What the background runs on, without its strand; empty if it has ended, or does not run on Asio.
  [[nodiscard]] boost::asio::any_io_executor executor();
  /// All sockets that are with a reactor of this context, which is about to go away, are with none any more.
  void take_back_descriptors(const boost::asio::execution_context& context) noexcept;
  /// The context goes away. If the background runs on it, nothing of the background is left for those who
  /// hold the engine longer.
  void detach(const boost::asio::execution_context& context) noexcept;

 private:
  PoolEngine(Setup setup, Background::MakePort make_port);

  const Setup setup_;
  SharedState shared_{setup_, background_};
  Background background_;
  Leases leases_{setup_, shared_, background_};
  Runs runs_{setup_, shared_, leases_};
  pq::FittingTexts fitting_texts_;
};

}  // namespace copg::engine
