// Where pool decisions meet sockets and time: the front of the rooms that share a pool's state.
//
// `Leases` has the wait for a connection, its use and its end; `Runs` the statements that travel together;
// `Listening` has the listeners; `Background` opens, resets, checks and closes. The core decides who gets a
// connection and how many there are, and counts them. The shells (sync/, async/, python/native) wait, each in
// its own way; all may share one engine and one queue. Nothing here blocks, except `close`, and `end` if the
// engine has a thread of its own. Thread-safe.
#pragma once

#include <copg/config.hpp>
#include <copg/detail/configure.hpp>
#include <copg/pool_metrics.hpp>
#include <copg/pool_options.hpp>
#include <copg/pool_stats.hpp>
#include <copg/pool_view.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <string>
#include <string_view>

#include "engine/background.hpp"
#include "engine/holdings.hpp"
#include "engine/leases.hpp"
#include "engine/listening/listening.hpp"
#include "engine/pool_waiter.hpp"
#include "engine/runs.hpp"
#include "engine/setup.hpp"
#include "engine/state.hpp"
#include "pq/describe_first.hpp"
#include "pq/joinable_texts.hpp"

namespace copg::engine {

class PoolEngine : public std::enable_shared_from_this<PoolEngine> {
 public:
  /// Validates both arguments, or throws ConfigurationError. The background runs on `executor`, or, if that
  /// is empty, on a thread of the engine's own. Connects only after `open`. `call_configure`:
  /// detail::call_configure, which lies above this layer.
  static std::shared_ptr<PoolEngine> create(const Config& config, PoolOptions options,
                                            detail::Configure* call_configure,
                                            boost::asio::any_io_executor executor = {});
  /// Runs the background over the port that `make_port` makes, once here and once in each forked child.
  static std::shared_ptr<PoolEngine> create(Setup setup, Background::MakePort make_port);
  ~PoolEngine();
  PoolEngine(const PoolEngine&) = delete;
  PoolEngine& operator=(const PoolEngine&) = delete;
  /// Opens the first connections, in the background. Throws PoolClosed. Idempotent.
  void open();

  [[nodiscard]] Leases& leases() noexcept { return leases_; }
  [[nodiscard]] Runs& runs() noexcept { return runs_; }
  [[nodiscard]] Listening& listening() noexcept { return listening_; }

  [[nodiscard]] const PoolOptions& options() const noexcept { return setup_.options; }
  [[nodiscard]] const Events& events() const noexcept { return setup_.events; }
  /// The time that a call may take: the option.
  [[nodiscard]] Duration timeout() const noexcept { return setup_.timeout; }
  [[nodiscard]] const std::string& name() const noexcept { return setup_.name; }
  [[nodiscard]] const Config& config() const noexcept { return setup_.config; }
  [[nodiscard]] pq::FittingTexts& fitting_texts() noexcept { return fitting_texts_; }
  /// nullptr: rows are never joined.
  [[nodiscard]] pq::JoinableTexts* joinable_texts() noexcept {
    return setup_.options.join_rows ? &joinable_texts_ : nullptr;
  }
  [[nodiscard]] PoolStats stats();
  /// Who has the connections, and who waits for one.
  [[nodiscard]] Holdings holdings() noexcept { return Holdings(shared_); }
  [[nodiscard]] PoolMetrics metrics();
  [[nodiscard]] PoolCondition condition();
  /// A transaction will be run again.
  void count_retry() noexcept;
  /// Face('name', size=5/10).
  [[nodiscard]] std::string to_string(std::string_view face);

  /// Takes the leased connection out of the pool, and gives it an engine of its own, which knows no limit of
  /// its age or number and closes it when `own`, its lease there, ends. Throws as Leases::take_out, and
  /// ConnectionFailed if the process can't start another thread.
  [[nodiscard]] std::shared_ptr<PoolEngine> detach(Lease& lease, Lease& own);

  // The pool as a whole.

  void resize(int min_size, int max_size);
  void drain();
  void suspend();
  void resume();
  /// For a pool of several among which a caller may choose. While it turns away, requests that would wait,
  /// and those that wait already and of which nothing was sent, end with TurnedAway. Leases go on.
  void set_turns_away(bool turns_away);
  /// The same once, for those that wait now.
  void turn_away_waiters();
  /// Tests every idle connection, until Milestone::checked. Throws PoolClosed.
  void start_check();
  /// Fails waiters, gives leases `timeout`, and then cuts them off, until Milestone::finished. Idempotent.
  void start_close(Duration timeout) noexcept;
  /// Starts to close, blocks until the end, or until `timeout` and a second have passed, and ends the
  /// engine's own thread. Idempotent.
  void close(Duration timeout) noexcept;
  /// After start_close, for a hook that runs on the background: since nothing else can carry out the close,
  /// leases are cut off at once. False: the caller is not on the background, and waits for the end.
  bool close_in_background() noexcept { return background_.close_here(); }
  /// After the wait for the end: ends the engine's own thread, and waits until `deadline` for what that does
  /// now. Idempotent.
  void finish_close(TimePoint deadline) noexcept { background_.end_thread(deadline); }
  /// For the end of the last pool object: closes with 5 s for leases, and blocks only if the engine has a
  /// thread of its own.
  void end() noexcept;

  // Waiting for the pool as a whole: wait_for → (settled) → collect, or give_up.

  /// True: the pool has reached the milestone. False: `pool_waiter` is settled when the pool reaches it,
  /// can't reach it any more, or `deadline` has passed.
  [[nodiscard]] bool wait_for(PoolWaiter& pool_waiter, Milestone milestone, TimePoint deadline);
  /// After `settled`: throws PoolTimeout, PoolClosed or ConfigurationError if the milestone was not reached.
  void collect(PoolWaiter& pool_waiter);
  /// Settles the waiter if its time is up. Throws PoolTimeout if the engine does not know it, which is a bug.
  void expire(PoolWaiter& pool_waiter);
  void give_up(PoolWaiter& pool_waiter) noexcept;

  // With Asio.

  /// Whether that is a thread of the engine's own.
  [[nodiscard]] bool has_own_thread() const noexcept { return setup_.own_thread; }
  /// What the background runs on, without its strand; empty if it has ended, or does not run on Asio.
  [[nodiscard]] boost::asio::any_io_executor executor();
  /// Takes all sockets out of the reactors of this context, which is about to go away.
  void take_back_descriptors(const boost::asio::execution_context& context) noexcept;
  /// The context goes away: if the background runs on it, detaches the background (Background::detach).
  void detach(const boost::asio::execution_context& context) noexcept;

 private:
  PoolEngine(Setup setup, Background::MakePort make_port);
  Lease adopt(std::unique_ptr<pq::Connection> connection, const Holder& holder);

  const Setup setup_;
  SharedState shared_{setup_, background_};
  Listening listening_{setup_, shared_, background_};
  Background background_;
  Leases leases_{setup_, shared_, background_};
  Runs runs_{shared_, leases_};
  pq::FittingTexts fitting_texts_;
  pq::JoinableTexts joinable_texts_;
};

}  // namespace copg::engine
