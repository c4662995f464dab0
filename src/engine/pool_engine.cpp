#include "engine/pool_engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/asio_background.hpp"
#include "engine/blocking_waiter.hpp"
#include "engine/closing_handle.hpp"
#include "engine/diagnosis.hpp"
#include "engine/raise.hpp"

namespace copg::engine {

namespace asio = boost::asio;

std::shared_ptr<PoolEngine> PoolEngine::create(const Config& config, PoolOptions options,
                                               detail::Configure* call_configure,
                                               asio::any_io_executor executor) {
  const bool own_thread = !executor;
  return create({.config = config,
                 .options = std::move(options),
                 .call_configure = call_configure,
                 .own_thread = own_thread},
                [executor = std::move(executor)] { return std::make_unique<AsioBackground>(executor); });
}

std::shared_ptr<PoolEngine> PoolEngine::create(Setup setup, Background::MakePort make_port) {
  setup.options.validate();
  std::shared_ptr<PoolEngine> engine(new PoolEngine(std::move(setup), std::move(make_port)));
  engine->background_.start(engine);
  return engine;
}

PoolEngine::PoolEngine(Setup setup, Background::MakePort make_port)
    : setup_(std::move(setup)), background_(setup_, shared_, listening_, std::move(make_port)) {}

PoolEngine::~PoolEngine() {
  const std::vector<std::unique_ptr<Slot>> slots = std::move(Locked(shared_)->slots);
  if (!Locked(shared_)->inherited()) cancel_what_still_runs(slots);
}

void PoolEngine::open() {
  Locked state = lock_here(shared_);
  if (state->core->closed()) leases_.refuse(std::move(state), pool::WaitError::closed, Duration::zero());
  if (std::exchange(state->opened, true)) return;
  state->core->tick(now());
  state->dispatch();
}

void PoolEngine::count_retry() noexcept { lock_here(shared_)->core->count_retry(); }

PoolStats PoolEngine::stats() {
  PoolStats stats = lock_here(shared_)->core->stats();
  listening_.add_to(stats);
  return stats;
}

PoolCondition PoolEngine::condition() {
  PoolCondition condition;
  std::optional<ErrorInfo> error;
  {
    const Locked state = lock_here(shared_);
    condition.opened = state->opened;
    condition.suspended = state->core->suspended();
    condition.closed = state->core->closed();
    const pool::Outage& outage = state->core->outage();
    if (outage.failures > 0) {
      condition.outage = std::max(now() - outage.since, Duration(1));
      error = state->connect_error;
    }
  }
  if (error) condition.connect_error = cannot_connect(setup_, *error);
  return condition;
}

std::string PoolEngine::to_string(std::string_view face) {
  const PoolStats now = stats();
  return fmt::format("{}('{}', size={}/{})", face, name(), now.pool_size, now.pool_max);
}

// --- the pool as a whole

void PoolEngine::resize(int min_size, int max_size) {
  PoolOptions wanted = options();
  wanted.min_size = min_size;
  wanted.max_size = max_size;
  wanted.validate();
  const Locked state = lock_here(shared_);
  state->make_slots(static_cast<std::uint32_t>(max_size));
  state->waiting_before_tick = state->core->waiting();
  state->core->resize(now(), static_cast<std::uint32_t>(min_size), static_cast<std::uint32_t>(max_size));
  state->dispatch();
}

void PoolEngine::drain() {
  {
    const Locked state = lock_here(shared_);
    state->core->drain(now());
    state->dispatch();
  }
  listening_.renew();
}

void PoolEngine::suspend() { lock_here(shared_)->core->suspend(); }

void PoolEngine::resume() {
  const Locked state = lock_here(shared_);
  state->core->resume(now());
  state->dispatch();
}

void PoolEngine::set_turns_away(bool turns_away) {
  const Locked state = lock_here(shared_);
  state->turns_away = turns_away;
  if (turns_away) state->turn_away_waiters();
}

void PoolEngine::turn_away_waiters() { lock_here(shared_)->turn_away_waiters(); }

void PoolEngine::start_check() {
  Locked state = lock_here(shared_);
  if (state->core->closed()) leases_.refuse(std::move(state), pool::WaitError::closed, Duration::zero());
  state->core->check_all(now());
  state->dispatch();
}

void PoolEngine::start_close(Duration timeout) noexcept {
  const TimePoint time = now();
  listening_.end();
  const Locked state(shared_);
  if (state->inherited()) background_.abandon_inherited(*state);
  state->core->close(time);
  state->cut_at = std::min(state->cut_at, after(time, timeout));
  state->close_by = std::min(state->close_by, after(state->cut_at, close_grace * 9 / 10));
  state->wake_by(state->cut_at);
  state->dispatch();
}

void PoolEngine::close(Duration timeout) noexcept {
  const TimePoint deadline = after(after(now(), timeout), close_grace);
  start_close(timeout);
  if (!close_in_background()) {
    BlockingWaiter<PoolWaiter> waiter;
    if (!wait_for(waiter, Milestone::finished, deadline) && !waiter.sleep_until(deadline)) give_up(waiter);
  }
  finish_close(deadline);
}

void PoolEngine::end() noexcept {
  constexpr Duration patience = std::chrono::seconds(5);
  // Where the background runs on the user's event loop, this thread may be the one to run it: it must not
  // wait.
  if (setup_.own_thread) {
    close(patience);
  } else {
    start_close(patience);
  }
}

std::shared_ptr<PoolEngine> closing_handle(std::shared_ptr<PoolEngine> engine) {
  PoolEngine* const pool = engine.get();
  // It lets go of the engine then, and not when the last view that refers to the handle goes.
  return {pool, [engine = std::move(engine)](PoolEngine*) mutable { std::exchange(engine, {})->end(); }};
}

// --- waiting for it

bool PoolEngine::wait_for(PoolWaiter& pool_waiter, Milestone milestone, TimePoint deadline) {
  const TimePoint time = now();
  const Locked state = lock_here(shared_);
  if (state->has_got(milestone)) return true;
  state->add(pool_waiter, milestone, time, deadline);
  return false;
}

void PoolEngine::collect(PoolWaiter& pool_waiter) {
  Locked state = lock_here(shared_);
  if (pool_waiter.reached_) return;
  const Duration waited = now() - pool_waiter.since_;
  if (pool_waiter.milestone_ != Milestone::checked)
    leases_.refuse(std::move(state), pool_waiter.error_, waited);
  const Snapshot snapshot = snapshot_of(*state);
  state.unlock();
  ErrorInfo error = no_connection(setup_, snapshot, pool::WaitError::timeout, waited, 0);
  error.message = "pool '" + name() + "' could not check its idle connections in time; " + error.message;
  raise(std::move(error));
}

void PoolEngine::expire(PoolWaiter& pool_waiter) {
  const Locked state = lock_here(shared_);
  const TimePoint time = now();
  state->dispatch();
  if (!pool_waiter.settled_ &&
      std::ranges::find(state->pool_waiters, &pool_waiter) == state->pool_waiters.end())
    raise(lost_waiter_error(setup_, state->core->stats(), time - pool_waiter.since_));
}

void PoolEngine::give_up(PoolWaiter& pool_waiter) noexcept { Locked(shared_)->remove(pool_waiter); }

// --- with Asio

asio::any_io_executor PoolEngine::executor() {
  const Locked state = lock_here(shared_);
  const auto* const port = dynamic_cast<const AsioBackground*>(background_.port(*state));
  return port != nullptr ? port->executor() : asio::any_io_executor();
}

void PoolEngine::take_back_descriptors(const asio::execution_context& context) noexcept {
  const Locked state(shared_);
  for (const auto& slot : state->slots) {
    if (slot->descriptor.belongs_to(context)) slot->descriptor.give_up();
  }
}

void PoolEngine::detach(const asio::execution_context& context) noexcept {
  {
    const Locked state(shared_);
    const auto* const port = dynamic_cast<const AsioBackground*>(background_.port(*state));
    if (port == nullptr || !port->is_guest_of(context)) return;
  }
  background_.detach();
}

}  // namespace copg::engine
