#include "engine/background.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <system_error>
#include <utility>
#include <vector>

#include "engine/held_idle.hpp"
#include "engine/mends.hpp"
#include "engine/pool_engine.hpp"
#include "engine/raise.hpp"

namespace copg::engine {

namespace {

struct Threads {
  std::unique_ptr<BackgroundPort> port;
  std::unique_ptr<pq::Workers::Hold> workers;
};

/// The threads without which the pool could neither connect nor close.
Threads make_threads(const Setup& setup, const Background::MakePort& make_port) {
  try {
    return {.port = make_port(), .workers = std::make_unique<pq::Workers::Hold>()};
  } catch (const std::system_error& error) {  // Asio's, too, where no descriptor is left
    raise({.kind = ErrorKind::connection_failed,
           .message = fmt::format("pool '{}' could not start its threads: {}; there is a limit for the user "
                                  "(ulimit -u) and one for the control group (pids.max)",
                                  setup.name, error.code().message()),
           .connection_survives = false});
  }
}

void report_leaks(const Setup& setup, SharedState& shared, TimePoint time) {
  const PoolOptions& options = setup.options;
  if (!options.leak_after) return;
  const Duration limit = duration_of(*options.leak_after);
  std::vector<event::Leaked> leaks;
  {
    const Locked state(shared);
    for (auto& slot : state->slots) {
      const TimePoint since = slot->tenancy().since;
      bool& reported = slot->guarded(*state).leak_reported;
      if (since == TimePoint{} || reported || time - since < limit) continue;
      reported = true;
      leaks.push_back({setup.events.at(*slot), time - since, slot->tenancy().text()});
    }
  }
  for (const event::Leaked& leak : leaks) {
    if (setup.events.wants(Hook::leaked)) {
      setup.events.tell(leak);
    } else {  // leak_after asks for a report, and there is nobody else to give it to
      fmt::print(stderr, "copg: pool '{}': a connection has been leased for {:.1f} s, taken at {}\n",
                 setup.name, std::chrono::duration<double>(leak.age).count(), leak.holder);
    }
  }
}

}  // namespace

Background::Background(const Setup& setup, SharedState& shared, Listening& listening, MakePort make_port)
    : setup_(setup),
      shared_(shared),
      make_port_(std::move(make_port)),
      settings_{.keywords = setup.config.keywords(),
                .prepare = setup.options.prepare,
                .max_result_bytes = static_cast<std::size_t>(setup.options.max_result_bytes),
                .identify = setup.options.resolve_commits != ResolveCommits::never},
      connect_timeout_(duration_of(setup.options.connect_timeout)),
      unreturned_(std::make_shared<UnreturnedCalls>()),
      listening_(listening),
      listener_(setup, listening,
                {.keywords = settings_.keywords,
                 .prepare = PrepareMode::off,
                 .identify = false,
                 .memory = settings_.memory},
                {.ask_credentials =
                     [this] { return std::make_unique<CredentialsCall>(setup_.options, unreturned_calls()); },
                 .again = [this]() -> std::function<void()> {
                   return [this, engine = engine_.lock()] { listen(); };
                 }}) {}

// --- its place

void Background::start(std::weak_ptr<PoolEngine> engine) {
  engine_ = std::move(engine);
  Threads threads = make_threads(setup_, make_port_);
  port_ = std::move(threads.port);
  workers_ = std::move(threads.workers);
}

/// What may fail, for want of a thread, comes first.
void Background::start_over(State& state) {
  const bool was_closed = state.core->closed();
  Threads threads;
  if (!was_closed) threads = make_threads(setup_, make_port_);
  abandon_inherited(state);
  if (was_closed) {
    state.core->close(now());
    return;
  }
  port_ = std::move(threads.port);
  workers_ = std::move(threads.workers);
  if (!state.opened) return;
  state.core->tick(now());
  state.dispatch();
}

void Background::abandon_inherited(State& state) {
  state.abandon_inherited();
  unreturned_ = std::make_shared<UnreturnedCalls>();
  listener_.abandon();
  room_asked_ = false;
  new std::shared_ptr<BackgroundPort>(std::move(port_));  // never destroyed
  (void)watch_.release();
  hang_ups_.leave();
  workers_.reset();
  state.make_core();
}

bool Background::close_here() noexcept {
  {
    const Locked state(shared_);
    if (!port_ || !port_->inside()) return false;
    state->close_by = now();
    state->core->cut(state->close_by);
    state->dispatch();
  }
  work();
  return true;
}

void Background::detach() noexcept {
  const std::unique_ptr<BackgroundTask> hearing = listener_.take_task();
  std::vector<std::unique_ptr<BackgroundTask>> tasks;
  std::unique_ptr<HangUpWatch> watch;
  std::shared_ptr<BackgroundPort> port;
  Locked state(shared_);
  for (const auto& slot : state->slots) tasks.push_back(std::move(slot->work.task));
  watch = std::move(watch_);
  port = std::move(port_);
  state.unlock();    // before the rest goes
  listening_.end();  // nobody would ever be told of anything
}

void Background::end_thread(TimePoint deadline) noexcept {
  if (!setup_.own_thread) return;
  std::shared_ptr<BackgroundPort> port;
  {
    const Locked state(shared_);
    port = std::move(port_);
    state->dispatch();  // tells those who wait for the end
  }
  if (!port) return;
  BackgroundPort::Task then;
  if (stands(Mend::background_late)) then = [this, engine = engine_.lock()] { drop_what_was_left(); };
  const bool stopped = port->stop(deadline, std::move(then));
  if (stopped) drop_what_was_left();  // whose waits are the port's
  port.reset();
  workers_.reset();
}

// --- its work

void Background::post_work(State& state) {
  if (state.work_posted || !port_) return;
  state.work_posted = true;
  port_->post([this, engine = engine_.lock()] { work(); });
}

/// Carries out what has been decided, one by one and in order, also when a hook calls back into the pool.
void Background::work() {
  bool outage = false;
  for (;;) {
    pool::Action action;
    {
      const Locked state(shared_);
      state->work_posted = false;
      outage = std::exchange(state->outage, false) || outage;
      if (state->actions.empty()) break;
      action = state->actions.front();
      state->actions.pop_front();
    }
    carry_out(action);
  }
  listen();
  if (outage && setup_.options.reconnect_failed) setup_.options.reconnect_failed();
}

/// The vector of slots may grow at any time; a slot stays where it is.
Slot& Background::slot_of(pool::ConnectionId connection) { return Locked(shared_)->slot_of(connection); }

void Background::carry_out(const pool::Action& action) {
  switch (action.kind) {
    case pool::ActionKind::open: open(action.connection); break;
    case pool::ActionKind::close: close_connection(action); break;
    case pool::ActionKind::reset: reset(action.connection); break;
    case pool::ActionKind::check: check(action.connection); break;
    case pool::ActionKind::grant:
    case pool::ActionKind::fail:
    case pool::ActionKind::report_outage: break;  // not for the background
  }
}

/// Goes on with what the listeners want, and sets the alarm.
void Background::listen() {
  if (listening_.used()) {
    std::shared_ptr<BackgroundPort> port;
    {
      const Locked state(shared_);
      port = port_;
    }
    if (!port) return;
    listener_.drive(*port);
    const Locked state(shared_);
    if (std::exchange(state->listening, listener_.active()) && !state->listening)
      state->dispatch();  // the pool may be finished now
  }
  arm();
}

/// Runs an operation on the connection of the slot.
void Background::run(pool::ConnectionId connection, std::unique_ptr<pq::Operation> operation,
                     Duration timeout, Ended ended) {
  take_back_descriptor(shared_, slot_of(connection));
  run_beside(connection, std::move(operation), timeout, ended);
}

/// Runs an operation that leaves the connection of the slot alone, or whose socket no reactor has any more.
void Background::run_beside(pool::ConnectionId connection, std::unique_ptr<pq::Operation> operation,
                            Duration timeout, Ended ended) {
  std::shared_ptr<BackgroundPort> port;
  Slot* slot = nullptr;
  {
    const Locked state(shared_);
    port = port_;
    slot = &state->slot_of(connection);
  }
  if (!port) return;  // it ends: what was left to it is dropped
  auto& task = slot->work.task;
  task = std::make_unique<BackgroundTask>(
      std::move(operation), [this, engine = engine_.lock(), connection, ended](BackgroundTask::End end) {
        (this->*ended)(connection, end);
      });
  task->start(*port, timeout);
}

std::shared_ptr<UnreturnedCalls> Background::unreturned_calls() {
  unreturned_->limit = static_cast<int>(Locked(shared_)->core->callback_limit());
  return unreturned_;
}

void Background::tick() {
  const TimePoint time = now();
  bool insists = false;
  {
    const Locked state(shared_);
    state->armed = pool::never;
    state->tick_core(time);
    if (time >= state->cut_at) {
      state->cut_at = pool::never;
      state->core->cut(time);
    }
    if (stands(Mend::lost_and_late)) state->dispatch();  // whom the core has failed must not be told twice
    if (time >= state->deadlines_due) state->deadlines_due = stop_late_calls(*state, time);
    state->dispatch();
    insists = time >= state->insist_at;
  }
  if (insists) insist();
  report_leaks(setup_, shared_, time);
  report_held_idle(setup_, shared_, time);
  listening_.tick(time);
  listen();
}

/// Sets the alarm to whatever falls due next; puts it away when the pool is no more, since a pending one
/// would keep the user's event loop running, and lets go of the workers.
void Background::arm() {
  TimePoint when = pool::never;
  std::unique_ptr<pq::Workers::Hold> workers;  // let go of without the mutex
  std::shared_ptr<BackgroundPort> port;
  const TimePoint listening_deadline = listening_.next_deadline();
  {
    const Locked state(shared_);
    port = port_;
    if (!port) return;
    when = std::min({listening_deadline, state->core->next_deadline(), state->cut_at, state->insist_at,
                     state->deadlines_due});
    for (const PoolWaiter* pool_waiter : state->pool_waiters) when = std::min(when, pool_waiter->deadline_);
    if (!state->core->closed()) {
      const TimePoint time = now();
      when = std::min({when, next_look(setup_.options.leak_after, time),
                       next_look(setup_.options.held_idle_after, time)});
    }
    if (state->core->finished() && !state->listening && state->pool_waiters.empty()) {
      when = pool::never;
      workers = std::move(workers_);
    }
    state->armed = when;
  }
  port->call_at(when, [this, engine = engine_.lock()] { tick(); });
}

}  // namespace copg::engine
