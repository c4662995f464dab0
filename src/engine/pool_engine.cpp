#include "engine/pool_engine.hpp"

#include <boost/asio/strand.hpp>

#include <algorithm>
#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <utility>

namespace copg::engine {

namespace asio = boost::asio;

namespace {

/// An answer this young proves as much as a look at the socket, which costs a system call.
constexpr Duration trusted_for = std::chrono::microseconds(100);

pool::ConnectionId id_of(const Lease& lease) { return {lease.index, lease.generation}; }

/// Debug builds don't let a program go on that uses a lease from two threads, or gives it back inside a call.
void reject_second_user() noexcept {
#ifndef NDEBUG
  std::fputs("copg: two threads use one leased connection at the same time; each needs its own\n", stderr);
  std::abort();
#endif
}

ErrorInfo usage_error(std::string message) {
  return {.kind = ErrorKind::usage, .message = std::move(message)};
}

}  // namespace

std::shared_ptr<PoolEngine> PoolEngine::create(const Config& config, PoolOptions options) {
  options.validate();
  std::shared_ptr<PoolEngine> engine(new PoolEngine(config, std::move(options)));
  const Lock lock(engine->mutex_);
  engine->open_for_business();
  return engine;
}

PoolEngine::PoolEngine(const Config& config, PoolOptions options)
    : config_(config),
      options_(std::move(options)),
      name_(options_.name.empty() ? config.database : options_.name),
      process_(ForkGuard::generation()) {
  settings_.keywords = config.keywords();
  settings_.prepare = options_.prepare != PrepareMode::off;
  make_core();
}

PoolEngine::~PoolEngine() = default;

void PoolEngine::make_core() {
  std::random_device entropy;
  core_ = std::make_unique<pool::PoolCore>(
      pool::CoreOptions{.min_size = static_cast<std::uint32_t>(options_.min_size),
                        .max_size = static_cast<std::uint32_t>(options_.max_size),
                        .min_idle = static_cast<std::uint32_t>(options_.min_idle),
                        .num_workers = static_cast<std::uint32_t>(options_.num_workers),
                        .max_waiting = static_cast<std::uint32_t>(options_.max_waiting),
                        .max_idle = duration_of(options_.max_idle),
                        .max_lifetime = duration_of(options_.max_lifetime),
                        .reconnect_timeout = duration_of(options_.reconnect_timeout),
                        .seed = (std::uint64_t{entropy()} << 32) | entropy()},
      now());
  while (slots_.size() < static_cast<std::size_t>(options_.max_size))
    slots_.push_back(std::make_unique<Slot>());
}

/// Gives the pool its thread and lets it open its first connections.
void PoolEngine::open_for_business() {
  background_ = std::make_unique<BackgroundThread>();
  executor_ = background_->executor();
  timer_ = std::make_unique<asio::steady_timer>(executor_);
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

/// In a forked child: a pool as new.
void PoolEngine::start_over_in_child() {
  const bool was_closed = core_->closed();
  abandon_inherited();
  make_core();
  if (was_closed) {
    core_->close(now());
  } else {
    open_for_business();
  }
}

/// In a forked child: the parent's connections, thread and waiters are not ours. What can be let go of
/// without a word to the server is let go of; what only the parent's thread could have ended (its Asio
/// context, half-made connects) is left where it is.
void PoolEngine::abandon_inherited() {
  process_ = ForkGuard::generation();
  for (auto& slot : slots_) {
    if (slot->connection) slot->connection->abandon();
    slot->answer_wait.close();
    (void)slot.release();  // leases of the parent still point to it
  }
  slots_.clear();
  waiters_.clear();
  actions_.clear();
  work_posted_ = false;
  outage_ = false;
  armed_ = pool::never;
  watchers_ = 0;
  (void)changed_.release();  // the parent's threads wait on it, and destroying it would wait for them
  changed_ = std::make_unique<std::condition_variable>();
  (void)timer_.release();
  (void)background_.release();
}

PoolStats PoolEngine::stats() {
  const Lock lock = lock_here();
  return core_->stats();
}

// --- getting a connection

/// The core's table of waiters and ours grow together, before anybody is queued: nothing can fail after that.
void PoolEngine::make_room_for_waiter() {
  constexpr std::size_t first = 16;
  if (core_->free_waiters() > 0) return;
  const std::size_t more = std::max(first, waiters_.size());
  waiters_.resize(waiters_.size() + more);
  core_->reserve_waiters(static_cast<std::uint32_t>(more));
}

PoolEngine::Attempt PoolEngine::acquire(Lease& lease, Waiter& waiter, TimePoint time, TimePoint deadline,
                                        const SourceLocation& where) {
  Lock lock = lock_here();
  make_room_for_waiter();
  const pool::Acquired acquired = core_->acquire(time, deadline);
  return conclude(std::move(lock), acquired, lease, waiter, time, deadline,
                  {where, std::this_thread::get_id()});
}

PoolEngine::Attempt PoolEngine::swap(Lease& lease, Waiter& waiter, TimePoint deadline) {
  const TimePoint time = now();
  Lock lock = lock_here();
  make_room_for_waiter();
  const Holder holder = lease.slot->holder;
  lease.slot->leased_since = {};
  const pool::ConnectionId dead = id_of(std::exchange(lease, {}));
  return conclude(std::move(lock), core_->reacquire(time, dead, deadline), lease, waiter, time, deadline,
                  holder);
}

PoolEngine::Attempt PoolEngine::conclude(Lock lock, const pool::Acquired& acquired, Lease& lease,
                                         Waiter& waiter, TimePoint time, TimePoint deadline,
                                         const Holder& holder) {
  switch (acquired.kind) {
    case pool::Acquired::Kind::granted: lease = take(acquired.connection, time, holder); break;
    case pool::Acquired::Kind::queued: queue(waiter, acquired.waiter, time, deadline, holder); break;
    case pool::Acquired::Kind::rejected: break;
  }
  dispatch();
  if (acquired.kind == pool::Acquired::Kind::queued) return Attempt::queued;
  if (acquired.kind == pool::Acquired::Kind::rejected)
    refuse(std::move(lock), acquired.error, Duration::zero());
  lock.unlock();
  if (options_.observer) options_.observer->acquired(Duration::zero());
  return Attempt::granted;
}

void PoolEngine::queue(Waiter& waiter, pool::WaiterId id, TimePoint time, TimePoint deadline,
                       const Holder& holder) {
  waiter.id_ = id;
  waiter.holder_ = holder;
  waiter.since_ = time;
  waiter.deadline_ = deadline;
  waiter.error_ = pool::WaitError::none;
  waiter.settled_ = false;
  waiters_[id.slot] = &waiter;
}

Lease PoolEngine::take(pool::ConnectionId connection, TimePoint time, const Holder& holder) {
  Slot& slot = *slots_[connection.slot];
  slot.holder = holder;
  slot.leased_since = time;
  slot.leak_reported = false;
  return {.slot = &slot, .index = connection.slot, .generation = connection.generation, .process = process_};
}

void PoolEngine::refuse(Lock lock, pool::WaitError error, Duration waited) {
  ErrorInfo info = why(error, waited);
  lock.unlock();
  if (options_.observer) options_.observer->acquire_failed(info.kind, waited);
  raise(std::move(info));
}

void PoolEngine::collect(Lease& lease, Waiter& waiter) {
  const TimePoint time = now();
  Lock lock = lock_here();
  assert(waiter.settled_);
  if (waiter.error_ != pool::WaitError::none) refuse(std::move(lock), waiter.error_, time - waiter.since_);
  lease = take(core_->accept(waiter.id_).value(), time, waiter.holder_);
  lock.unlock();
  if (options_.observer) options_.observer->acquired(time - waiter.since_);
}

void PoolEngine::expire(Waiter& waiter) {
  const Lock lock = lock_here();
  if (waiter.settled_) return;
  core_->tick(now());
  dispatch();
}

bool PoolEngine::give_up(Lease& lease, Waiter& waiter) {
  const Lock lock = lock_here();
  const TimePoint time = now();
  const pool::Cancelled cancelled = core_->cancel(time, waiter.id_);
  dispatch();
  if (cancelled.kind != pool::Cancelled::Kind::granted) return false;
  lease = take(cancelled.connection, time, waiter.holder_);
  return true;
}

// --- using it

void PoolEngine::require_usable(const Lease& lease) const {
  if (!lease) raise(usage_error("this connection was given back already: take another from the pool"));
  if (lease.process != ForkGuard::generation()) {
    raise(
        usage_error("this connection belongs to the parent process: take another from the pool after fork"));
  }
}

void PoolEngine::enter_to_look(const Lease& lease) {
  require_usable(lease);
  switch (lease.slot->use.enter()) {
    case UseGuard::Entry::entered: break;
    case UseGuard::Entry::cut: raise(cut_off({}));
    case UseGuard::Entry::busy:
      reject_second_user();
      raise(usage_error("two threads use one leased connection at the same time; each needs its own"));
  }
}

bool PoolEngine::enter(Lease& lease, TimePoint time) {
  enter_to_look(lease);
  if (!lease.fresh) return true;
  pq::Connection& connection = *lease.slot->connection;
  connection.lease_begins();
  // Last words of the server that came along with that answer were read at the end of the last lease.
  const bool just_answered = time - lease.slot->answered_at < trusted_for;
  if (just_answered || connection.looks_alive()) return true;
  lease.slot->connection->mark_dead();
  if (!leave(lease)) raise(cut_off({}));
  return false;
}

bool PoolEngine::leave(Lease& lease) noexcept {
  if (lease.slot->use.leave()) return true;
  close_cut_off(lease);
  return false;
}

/// The pool was closed while the caller was inside: the connection is the caller's to close.
void PoolEngine::close_cut_off(Lease& lease) noexcept {
  lease.slot->close_connection();
  {
    const Lock lock(mutex_);
    lease.slot->leased_since = {};
    core_->on_closed(now(), id_of(lease));
    dispatch();
  }
  lease = {};
  if (options_.observer) options_.observer->closed(CloseReason::pool_closed, {});
}

bool PoolEngine::died_untouched(const Lease& lease, bool fresh, bool nothing_sent) const noexcept {
  return fresh && nothing_sent && !lease.slot->connection->alive();
}

void PoolEngine::release(Lease& lease) noexcept { give_back(lease, true); }

void PoolEngine::discard(Lease& lease) noexcept { give_back(lease, false); }

void PoolEngine::give_back(Lease& lease, bool keep) noexcept {
  if (!lease) return;
  Slot& slot = *lease.slot;
  if (lease.process != ForkGuard::generation()) {
    lease = {};  // the parent's
    return;
  }
  switch (slot.use.enter()) {
    case UseGuard::Entry::entered: break;
    case UseGuard::Entry::cut: lease = {}; return;
    case UseGuard::Entry::busy: reject_second_user(); return;  // the call that is inside goes on with it
  }
  const bool untouched = lease.fresh && slot.connection->protocol_idle();
  pool::Disposition disposition = untouched ? pool::Disposition::clean : judge(*slot.connection);
  if (!keep && disposition != pool::Disposition::broken && disposition != pool::Disposition::demoted) {
    disposition = pool::Disposition::discard;
  }
  const TimePoint time = now();
  Duration usage{};
  {
    const Lock lock(mutex_);
    usage = time - slot.leased_since;
    if (slot.use.leave()) {
      slot.leased_since = {};
      if (!lease.fresh && disposition == pool::Disposition::clean) slot.answered_at = time;
      core_->release(time, id_of(lease), disposition);
      dispatch();
      lease = {};
    }
  }
  if (lease) close_cut_off(lease);
  if (options_.observer) options_.observer->released(usage);
}

/// What the state of its connection says about the end of a lease.
pool::Disposition PoolEngine::judge(pq::Connection& connection) const noexcept {
  if (!connection.alive() || connection.said_farewell()) return pool::Disposition::broken;
  if (connection.demoted()) return pool::Disposition::demoted;
  if (connection.session().beyond_wiping()) return pool::Disposition::discard;
  switch (options_.reset) {
    case ResetMode::tracked: break;
    case ResetMode::full: return pool::Disposition::needs_reset;
    case ResetMode::rollback:
      if (connection.protocol_idle() && !connection.in_transaction()) return pool::Disposition::clean;
      break;
  }
  return connection.clean() ? pool::Disposition::clean : pool::Disposition::needs_reset;
}

// --- the pool as a whole

void PoolEngine::resize(int min_size, int max_size) {
  PoolOptions wanted = options_;
  wanted.min_size = min_size;
  wanted.max_size = max_size;
  wanted.validate();
  const Lock lock = lock_here();
  while (slots_.size() < static_cast<std::size_t>(max_size)) slots_.push_back(std::make_unique<Slot>());
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

void PoolEngine::check(Duration timeout) {
  Lock lock = lock_here();
  if (core_->closed()) refuse(std::move(lock), pool::WaitError::closed, Duration::zero());
  core_->check_all(now());
  dispatch();
  if (!await(lock, after(now(), timeout), [this] { return core_->checks_pending() == 0; })) {
    ErrorInfo error = why(pool::WaitError::timeout, timeout);
    error.message = "pool '" + name_ + "' could not check its idle connections in time; " + error.message;
    lock.unlock();
    raise(std::move(error));
  }
}

void PoolEngine::wait(Duration timeout) {
  Lock lock = lock_here();
  const auto full = [this] {
    const PoolStats stats = core_->stats();
    return core_->closed() || stats.pool_size >= stats.pool_min;
  };
  const bool in_time = await(lock, after(now(), timeout), full);
  if (core_->closed()) refuse(std::move(lock), pool::WaitError::closed, Duration::zero());
  if (!in_time) refuse(std::move(lock), pool::WaitError::timeout, timeout);
}

/// Waits for a condition on the core, which any input may change.
bool PoolEngine::await(Lock& lock, TimePoint deadline, const std::function<bool()>& condition) {
  ++watchers_;
  const bool met = changed_->wait_until(lock, deadline, condition);
  --watchers_;
  return met;
}

void PoolEngine::close(Duration timeout) noexcept {
  constexpr Duration grace = std::chrono::seconds(1);  // for cut-off callers to notice
  Lock lock(mutex_);
  if (inherited()) {
    abandon_inherited();
    make_core();
  }
  core_->close(now());
  dispatch();
  if (!background_) return;
  const auto finished = [this] { return core_->finished(); };
  if (background_->is_this_thread()) {
    // Called from a hook: nobody else can carry out the closing. Leases out are cut off at once.
    core_->cut(now());
    dispatch();
    lock.unlock();
    work();
    lock.lock();
  } else if (!await(lock, after(now(), timeout), finished)) {
    core_->cut(now());
    dispatch();
    await(lock, after(now(), grace), finished);
  }
  const std::unique_ptr<BackgroundThread> background = std::move(background_);
  lock.unlock();
  if (!background) return;  // another thread closes, too
  background->stop();
  timer_.reset();
}

// --- between the core and the world

/// Hands out what the core has decided. With the mutex held, after every call of the core that may have
/// decided.
void PoolEngine::hand_out() {
  while (const auto action = core_->poll_action()) {
    switch (action->kind) {
      case pool::ActionKind::grant:
      case pool::ActionKind::fail: settle(*action); break;
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
  if (core_->next_deadline() < armed_) {
    armed_ = core_->next_deadline();
    post_work();
  }
  if (watchers_ > 0) changed_->notify_all();
}

void PoolEngine::settle(const pool::Action& action) {
  Waiter& waiter = *std::exchange(waiters_[action.waiter.slot], nullptr);
  waiter.error_ = action.error;
  waiter.settled_ = true;
  waiter.settled();
}

}  // namespace copg::engine
