#include "engine/pool_engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <system_error>
#include <utility>

#include "engine/face.hpp"
#include "engine/parked.hpp"
#include "engine/raise.hpp"

namespace copg::engine {

namespace asio = boost::asio;

std::shared_ptr<PoolEngine> PoolEngine::create(const Config& config, PoolOptions options,
                                               detail::Configure* call_configure,
                                               asio::any_io_executor executor) {
  options.validate();
  std::shared_ptr<PoolEngine> engine(
      new PoolEngine(config, std::move(options), call_configure, std::move(executor)));
  engine->move_in(engine->start_threads());
  return engine;
}

PoolEngine::PoolEngine(const Config& config, PoolOptions options, detail::Configure* call_configure,
                       asio::any_io_executor executor)
    : config_(config),
      options_(std::move(options)),
      name_(options_.name.empty() ? config.database : options_.name),
      given_(std::move(executor)),
      call_configure_(call_configure),
      unreturned_(std::make_shared<UnreturnedCalls>()),
      process_(ForkGuard::generation()) {
  settings_.keywords = config.keywords();
  settings_.prepare = options_.prepare != PrepareMode::off;
  make_core();
}

PoolEngine::~PoolEngine() {
  if (!inherited()) cancel_what_still_runs();
}

void PoolEngine::make_core() {
  constexpr std::uint32_t share_limit = 16;
  std::random_device entropy;
  // A forked child keeps the bounds that the pool had last.
  const auto min_size = core_ ? core_->stats().pool_min : static_cast<std::uint32_t>(options_.min_size);
  const auto max_size = core_ ? core_->stats().pool_max : static_cast<std::uint32_t>(options_.max_size);
  core_ = std::make_unique<pool::PoolCore>(
      pool::CoreOptions{
          .min_size = min_size,
          .max_size = max_size,
          .min_idle = static_cast<std::uint32_t>(options_.min_idle),
          .num_workers = static_cast<std::uint32_t>(options_.num_workers),
          .max_waiting = static_cast<std::uint32_t>(options_.max_waiting),
          .share_limit = options_.share ? share_limit : 1,
          .max_idle = duration_of(options_.max_idle),
          .max_lifetime = duration_of(options_.max_lifetime),
          .reconnect_timeout = duration_of(options_.reconnect_timeout),
          .hang_after = std::max(duration_of(options_.connect_timeout) / options_.num_workers, Duration(1)),
          .seed = (std::uint64_t{entropy()} << 32) | entropy()},
      now());
  make_slots(static_cast<int>(max_size));
}

/// As many as there may be connections. They stay when the pool is made smaller.
void PoolEngine::make_slots(int max_size) {
  while (slots_.size() < static_cast<std::size_t>(max_size)) slots_.push_back(std::make_unique<Slot>());
  unreturned_->limit = static_cast<int>(slots_.size());
}

/// The threads without which the pool could neither connect nor close. Throws ConnectionFailed.
PoolEngine::Threads PoolEngine::start_threads() const {
  try {
    return {.background = given_ ? nullptr : std::make_unique<BackgroundThread>(),
            .workers = std::make_unique<pq::Workers::Hold>()};
  } catch (const std::system_error& error) {  // Asio's, too, where no descriptor is left
    raise({.kind = ErrorKind::connection_failed,
           .message = fmt::format("pool '{}' could not start its threads: {}; there is a limit for the user "
                                  "(ulimit -u) and one for the control group (pids.max)",
                                  name_, error.code().message()),
           .connection_survives = false});
  }
}

/// Gives the background a place to run: the given executor, or a thread.
void PoolEngine::move_in(Threads threads) {
  strand_ = std::make_unique<Strand>(threads.background ? threads.background->executor() : given_);
  timer_ = std::make_unique<asio::steady_timer>(*strand_);
  thread_ = std::move(threads.background);
  workers_ = std::move(threads.workers);
}

void PoolEngine::open() {
  Lock lock = lock_here();
  if (core_->closed()) refuse(std::move(lock), pool::WaitError::closed, Duration::zero());
  if (std::exchange(opened_, true)) return;
  core_->tick(now());
  dispatch();
}

/// The engine's mutex, in a process where the engine is at home.
PoolEngine::Lock PoolEngine::lock_here() {
  Lock lock(mutex_);
  if (inherited()) [[unlikely]]
    start_over_in_child();
  return lock;
}

/// In a forked child: a pool as new. What may fail, for want of a thread, comes first: the next call tries
/// again.
void PoolEngine::start_over_in_child() {
  const bool was_closed = core_->closed();
  Threads threads;
  if (!was_closed) threads = start_threads();
  abandon_inherited();
  make_core();
  if (was_closed) {
    core_->close(now());
    return;
  }
  move_in(std::move(threads));
  if (!opened_) return;
  core_->tick(now());
  dispatch();
}

/// In a forked child: the parent's connections, thread and waiters are not ours. What can be let go of
/// without a word to the server is let go of; what only the parent's thread could have ended (its Asio
/// context, half-made connects) is left where it is.
void PoolEngine::abandon_inherited() {
  process_ = ForkGuard::generation();
  for (auto& slot : slots_) {
    if (slot->connection) slot->connection->abandon();
    slot->answer_wait.close();
    slot->descriptor.abandon();
    (void)slot.release();  // leases of the parent still point to it
  }
  slots_.clear();
  waiters_.clear();
  watchers_.clear();
  actions_.clear();
  work_posted_ = false;
  outage_ = false;
  armed_ = cut_at_ = close_by_ = insist_at_ = drivers_due_ = pool::never;
  unreturned_ = std::make_shared<UnreturnedCalls>();
  (void)timer_.release();
  (void)strand_.release();
  (void)thread_.release();
  workers_.reset();
}

asio::any_io_executor PoolEngine::executor() {
  const Lock lock = lock_here();
  if (given_) return given_;
  return thread_ ? thread_->executor() : asio::any_io_executor();
}

PoolStats PoolEngine::stats() {
  const Lock lock = lock_here();
  return core_->stats();
}

// --- the pool as a whole

void PoolEngine::resize(int min_size, int max_size) {
  PoolOptions wanted = options_;
  wanted.min_size = min_size;
  wanted.max_size = max_size;
  wanted.validate();
  const Lock lock = lock_here();
  make_slots(max_size);
  waiting_before_tick_ = core_->waiting();
  core_->resize(now(), static_cast<std::uint32_t>(min_size), static_cast<std::uint32_t>(max_size));
  dispatch();
}

void PoolEngine::drain() {
  const Lock lock = lock_here();
  core_->drain(now());
  dispatch();
}

void PoolEngine::suspend() {
  const Lock lock = lock_here();
  core_->suspend();
}

void PoolEngine::resume() {
  const Lock lock = lock_here();
  core_->resume(now());
  dispatch();
}

void PoolEngine::start_check() {
  Lock lock = lock_here();
  if (core_->closed()) refuse(std::move(lock), pool::WaitError::closed, Duration::zero());
  core_->check_all(now());
  dispatch();
}

void PoolEngine::start_close(Duration timeout) noexcept {
  const TimePoint time = now();
  const Lock lock(mutex_);
  if (inherited()) {
    abandon_inherited();
    make_core();
  }
  core_->close(time);
  cut_at_ = std::min(cut_at_, after(time, timeout));
  close_by_ = std::min(close_by_, after(cut_at_, close_grace * 9 / 10));
  wake_by(cut_at_);
  dispatch();
}

void PoolEngine::close(Duration timeout) noexcept {
  const TimePoint deadline = after(after(now(), timeout), close_grace);
  start_close(timeout);
  if (!close_in_background()) {
    Parked<Watcher> parked;
    if (!watch(parked, Until::finished, deadline) && !parked.sleep_until(deadline)) give_up(parked);
  }
  move_out(deadline);
}

void PoolEngine::end() noexcept {
  constexpr Duration patience = std::chrono::seconds(5);
  // Where the background runs on the user's event loop, this thread may be the one to run it: it must not
  // wait.
  if (given_) {
    start_close(patience);
  } else {
    close(patience);
  }
}

std::shared_ptr<PoolEngine> face_of(std::shared_ptr<PoolEngine> engine) {
  PoolEngine* const pool = engine.get();
  return {pool, [engine = std::move(engine)](PoolEngine*) { engine->end(); }};
}

bool PoolEngine::close_in_background() noexcept {
  {
    const Lock lock(mutex_);
    if (!strand_ || !strand_->running_in_this_thread()) return false;
    close_by_ = now();
    core_->cut(close_by_);
    dispatch();
  }
  work();
  return true;
}

void PoolEngine::leave(const asio::execution_context& context) noexcept {
  std::vector<std::shared_ptr<OperationRun>> runs;
  std::vector<std::unique_ptr<pq::Operation>> operations;
  std::unique_ptr<asio::steady_timer> timer;
  std::unique_ptr<Strand> strand;
  const Lock lock(mutex_);
  if (!given_ || &asio::query(given_, asio::execution::context) != &context) return;
  for (const auto& slot : slots_) {
    runs.push_back(std::move(slot->run));
    operations.push_back(std::move(slot->operation));
  }
  timer = std::move(timer_);
  strand = std::move(strand_);
}  // the lock is given up before the rest goes

/// The end of the engine's own thread.
void PoolEngine::move_out(TimePoint deadline) noexcept {
  std::unique_ptr<BackgroundThread> thread;
  {
    const Lock lock(mutex_);
    if (!thread_) return;
    thread = std::move(thread_);
    strand_.reset();
  }
  // A thread that is stuck in a hook of the user's goes on to use the timer when it is let go of.
  const bool stopped = thread->stop(deadline);
  if (!stopped) (void)timer_.release();
  timer_.reset();
  if (stopped) drop_what_was_left();
  workers_.reset();
}

// --- between the core and the world

/// Hands out what the core has decided. With the mutex held, after every call of the core that may have
/// decided.
void PoolEngine::hand_out() {
  if (!watchers_.empty()) settle_watchers(now());
  while (const auto action = core_->poll_action()) {
    switch (action->kind) {
      case pool::ActionKind::grant:
      case pool::ActionKind::fail: settle(action->waiter, action->error); break;
      case pool::ActionKind::report_outage:
        outage_ = true;
        post_work();
        break;
      case pool::ActionKind::open:
      case pool::ActionKind::close:
      case pool::ActionKind::reset:
      case pool::ActionKind::check:
        actions_.push_back(*action);
        post_work();
        break;
    }
  }
  wake_by(core_->next_deadline());
  if (core_->finished()) post_work();  // to put the timer away
}

/// Lets `tick` be called at that time, or before. With the mutex held.
void PoolEngine::wake_by(TimePoint time) {
  if (time >= armed_) return;
  armed_ = time;
  post_work();
}

void PoolEngine::settle(pool::WaiterId id, pool::WaitError error) noexcept {
  Waiter& waiter = *std::exchange(waiters_[id.slot], nullptr);
  waiter.error_ = error;
  waiter.waiting_ = error == pool::WaitError::timeout ? waiting_before_tick_ : 0;
  waiter.settle();
}

/// What ends by its deadline is told how many had waited until then.
void PoolEngine::tick_core(TimePoint time) {
  waiting_before_tick_ = core_->waiting();
  core_->tick(time);
}

}  // namespace copg::engine
