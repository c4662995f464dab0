#include "sim/engine/run.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "sync/call.hpp"

namespace copg::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t most_threads = 8;

/// What nobody goes on with, and what is never destroyed, since it was left in the middle: a forked child has
/// its parent's, and where a rule was broken everything stays as it was.
struct LeftBehind {
  std::vector<std::unique_ptr<Call>> calls;
  std::vector<std::shared_ptr<Holder>> holders;
  std::vector<std::unique_ptr<ThreadCaller>> threads;
  std::vector<std::unique_ptr<Thread>> beside;
  std::vector<std::unique_ptr<Loop>> loops;
  std::vector<std::shared_ptr<BackgroundThread>> backgrounds;
  std::vector<std::shared_ptr<engine::PoolEngine>> engines;
  std::vector<std::shared_ptr<OpenEar>> ears;
};
LeftBehind& left_behind = *new LeftBehind;

template <class Things>
void leave_behind(Things& from, Things& to) {
  std::move(from.begin(), from.end(), std::back_inserter(to));
  from.clear();
}

}  // namespace

EngineRun::EngineRun(std::uint64_t seed, EngineParts parts, std::optional<engine::Mend> removed)
    : world_(World::here()), parts_(parts) {
  world_.begin();
  world_.removed = removed;
  world_.decide_by(seed);
  world_.start_thread = [this](std::function<void()> body) {
    beside_.push_back(std::make_unique<Thread>());
    beside_.back()->give(std::move(body));
  };
  (void)world_.new_token();  // 0 is nobody's
  PoolOptions options;
  options.max_size = static_cast<int>(1 + world_.choose(4));
  options.min_size = static_cast<int>(world_.choose(static_cast<std::uint32_t>(options.max_size) + 1));
  options.share = !world_.once_in(3);
  options.connect_timeout = seconds(2);
  options.max_waiting = world_.once_in(4) ? 4 : 1000;
  if (world_.once_in(4)) options.max_lifetime = milliseconds(500);
  options.resolve_commits = seed % 2 == 0 ? ResolveCommits::always : ResolveCommits::never;
  forks_ = world_.once_in(64);
  sync::set_interrupt_check(world_.once_in(4) ? throw_if_interrupted : nullptr);
  max_size_ = static_cast<std::uint32_t>(options.max_size);
  if (parts_.has(EnginePart::observers)) {
    observer_ = std::make_shared<CheckingObserver>();
    options.observer = observer_;
    if (world_.once_in(2)) options.slow_acquire = milliseconds(10);
    if (world_.once_in(2)) options.slow_statement = milliseconds(10);
  }
  if (parts_.has(EnginePart::hooks)) user_.give(options);
  if (parts_.has(EnginePart::listeners) && world_.once_in(4))
    world_.pooler = world_.once_in(2) ? Pooler::sessions : Pooler::transactions;
  Config config;
  config.database = "simulated";
  engine_ = engine::PoolEngine::create(engine::Setup{.config = config,
                                                     .options = options,
                                                     .call_configure = detail::call_configure,
                                                     .own_thread = true,
                                                     .seed = seed},
                                       [this] {
                                         auto& background =
                                             background_ ? others_.emplace_back() : background_;
                                         background = std::make_shared<BackgroundThread>();
                                         return std::make_unique<SimulatedBackground>(background);
                                       });
  if (observer_) observer_->watch(*engine_);
  pool_.emplace(sync::EngineAccess::pool_on(engine_));
  make_loops();
  if (parts_.has(EnginePart::asio)) asio_ = std::make_unique<AsioSide>(engine_, judge_);
  engine_->open();
  world_.interrupts_one_in = 1U << (2 + world_.choose(4));
  world_.tells_of_hang_ups = !world_.once_in(8);
}

EngineRun::~EngineRun() {
  world_.interrupts_one_in = 0;
  if (broken() || any_busy()) {
    left_behind.engines.push_back(engine_);
    left_behind.backgrounds.push_back(background_);
    leave_behind(others_, left_behind.backgrounds);
    user_.leave_behind();
    if (asio_) (void)asio_.release();  // never destroyed
    leave_behind(calls_, left_behind.calls);
    leave_behind(ended_, left_behind.calls);
    leave_behind(holders_, left_behind.holders);
    leave_behind(ears_, left_behind.ears);
    leave_behind(threads_, left_behind.threads);
    leave_behind(beside_, left_behind.beside);
    for (auto& loop : loops_) left_behind.loops.push_back(std::move(loop));
  }
  world_.start_thread = nullptr;
}

void EngineRun::make_loops() {
  for (auto& loop : loops_) loop = std::make_unique<Loop>(*engine_);
}

void EngineRun::apply(EngineStep step) {
  world_.decide_by(step.seed);
  switch (step.input) {
    case EngineInput::start: start(); break;
    case EngineInput::thread: start_thread(); break;
    case EngineInput::run: run_thread(); break;
    case EngineInput::interrupt: interrupt(); break;
    case EngineInput::background: step_background(); break;
    case EngineInput::go_on: go_on(); break;
    case EngineInput::ready: report_ready(); break;
    case EngineInput::wait: wait(); break;
    case EngineInput::use_lease: use_lease(); break;
    case EngineInput::release: release(); break;
    case EngineInput::cancel: give_up(false); break;
    case EngineInput::cancel_unsent: give_up(true); break;
    case EngineInput::drop: drop(); break;
    case EngineInput::lose_loop: lose_loop(); break;
    case EngineInput::kill: end_session(); break;
    case EngineInput::outage:
      world_.serves = !world_.serves;
      if (!world_.serves && world_.once_in(2)) world_.kill_all();
      if (world_.asks_for_password) ++world_.password;
      break;
    case EngineInput::resize:
      max_size_ = 1 + world_.choose(4);
      engine_->resize(static_cast<int>(world_.choose(max_size_ + 1)), static_cast<int>(max_size_));
      break;
    case EngineInput::drain: engine_->drain(); break;
    case EngineInput::suspend: world_.once_in(2) ? engine_->suspend() : engine_->resume(); break;
    case EngineInput::check:
      if (!closing_) engine_->start_check();
      break;
    case EngineInput::watch: {
      const auto milestone = world_.once_in(2) ? engine::Milestone::full : engine::Milestone::checked;
      if (calls_.size() >= most_calls) break;
      Call& call = add<PoolWaitCall>(choose_timeout(world_), milestone);
      run_beside([this, &call] { call.begin_at(world_.now); });
      break;
    }
    case EngineInput::close: close(); break;
    case EngineInput::fork: fork(); break;
    case EngineInput::listen: listen(); break;
    case EngineInput::notify: world_.notify(all_channels[world_.choose(all_channels.size())]); break;
  }
  collect_ended();
  judge_.digest(static_cast<std::uint64_t>(step.input));
  judge_.digest(static_cast<std::uint64_t>(world_.now.time_since_epoch().count()));
  judge_.digest(calls_.size());
}

// --- who goes on

void EngineRun::run_on_its_loop(Call& call, void (Call::*step)()) {
  call.loop().thread.run([&call, step] { (call.*step)(); });
}

template <class Fits>
Call* EngineRun::choose_call(Fits fits) {
  std::array<Call*, 2 * most_calls> fitting{};
  std::uint32_t count = 0;
  for (const auto& call : calls_) {
    const bool can = !call->has_ended() && !call->is_gone() && !call->loop().thread.busy();
    if (can && fits(*call) && count < fitting.size()) fitting[count++] = call.get();
  }
  return count == 0 ? nullptr : fitting[world_.choose(count)];
}

bool EngineRun::any_busy() const {
  bool busy = false;
  for_each_thread([&](const Thread&) { busy = true; });
  return busy;
}

void EngineRun::step_background() {
  const std::uint32_t choice = world_.choose(1024);
  std::erase_if(others_, [](const auto& other) { return other->is_over(); });
  if (!others_.empty() && world_.once_in(2)) {
    others_[world_.choose(static_cast<std::uint32_t>(others_.size()))]->step(choice);
  } else if (background_) {
    background_->step(choice);
  }
}

void EngineRun::run_thread() {
  std::array<Thread*, 2 * (most_calls + most_threads)> able{};
  std::uint32_t count = 0;
  for_each_thread([&](Thread& thread) {
    if (thread.can_go_on() && count < able.size()) able[count++] = &thread;
  });
  if (count > 0) able[world_.choose(count)]->go_on();
}

void EngineRun::go_on() {
  if (on_asio()) return (void)asio_->step(world_.choose(1024));
  if (Call* call = choose_call([](const Call& one) { return one.is_woken(); }))
    run_on_its_loop(*call, &Call::go_on);
}

void EngineRun::report_ready() {
  if (on_asio()) return (void)asio_->step(world_.choose(1024));
  const auto is_ready = [&](const Call& one) {
    return one.ready_at() <= world_.now || one.has_late_report();
  };
  if (Call* call = choose_call(is_ready)) run_on_its_loop(*call, &Call::descriptor_ready);
}

// --- inputs

void EngineRun::start() {
  if (on_asio()) return asio_->start();
  if (calls_.size() >= most_calls) return;
  const Duration limit = choose_timeout(world_);
  const std::uint32_t kind = world_.choose(8);
  Call* call = nullptr;
  if (kind < 5) {
    const Deed what = choose_deed(world_);
    call = &add<StatementCall>(limit, what, world_.new_token());
  } else if (kind < 6) {
    const Deed what = choose_deed(world_);
    call = &add<JobCall>(limit, what, world_.new_token());
  } else {
    call = &add<TakeCall>(limit, std::make_shared<Holder>(*engine_));
  }
  call->due = engine::after(world_.now, limit);
  run_beside([this, call] { call->begin_at(world_.now); });
}

void EngineRun::start_thread() {
  if (threads_.size() >= most_threads) return;
  threads_.push_back(std::make_unique<ThreadCaller>(*pool_, *engine_, judge_, user_, parts_, closing_));
  threads_.back()->begin();
}

void EngineRun::interrupt() {
  if (threads_.empty()) return;
  Thread& thread = threads_[world_.choose(static_cast<std::uint32_t>(threads_.size()))]->thread();
  if (world_.once_in(2)) thread.interrupted = true;
  thread.send_signal();
}

void EngineRun::use_lease() {
  if (on_asio()) return asio_->use();
  if (holders_.empty() || calls_.size() >= most_calls) return;
  const auto& holder = holders_[world_.choose(static_cast<std::uint32_t>(holders_.size()))];
  if (holder->user != nullptr) return;
  const Duration limit = choose_timeout(world_);
  const Deed what = world_.once_in(6) ? Deed::ends : choose_deed(world_);
  Call& call = add<JobCall>(limit, holder, what, world_.new_token());
  call.due = engine::after(world_.now, limit);
  run_beside([this, &call] { call.begin_at(world_.now); });
}

void EngineRun::release() {
  if (on_asio()) return asio_->release();
  if (holders_.empty()) return;
  const auto at = holders_.begin() + world_.choose(static_cast<std::uint32_t>(holders_.size()));
  if ((*at)->user != nullptr) return;
  run_beside([this, holder = std::move(*at), keeps = !world_.once_in(8)] {
    keeps ? engine_->leases().release(holder->lease) : engine_->leases().discard(holder->lease);
  });
  holders_.erase(at);
}

void EngineRun::give_up(bool unsent) {
  if (on_asio()) return asio_->cancel(unsent);
  // From any thread, also while the call is in a step.
  if (calls_.empty()) return;
  Call& call = *calls_[world_.choose(static_cast<std::uint32_t>(calls_.size()))];
  if (call.has_ended() || call.is_gone()) return;
  if (unsent) {
    if (!call.was_cancelled) call.asked_for_no_effect = true;
    run_beside([&call] { call.give_up_unsent(); });
  } else {
    call.was_cancelled = true;
    run_beside([&call] { call.give_up(); });
  }
}

void EngineRun::drop() {
  if (Call* call = choose_call([](const Call& one) { return !one.in_use(); }))
    run_on_its_loop(*call, &Call::let_go);
}

void EngineRun::lose_loop() {
  if (on_asio()) return asio_->lose_loop();
  Loop& lost = *loops_[world_.choose(2)];
  if (lost.thread.busy()) return;
  std::vector<Call*> its;
  for (const auto& call : calls_) {
    if (&call->loop() != &lost || call->has_ended() || call->is_gone()) continue;
    if (call->in_use()) return;
    its.push_back(call.get());
  }
  lost.thread.run([its = std::move(its)] {
    for (Call* const call : its) call->lose_loop();
  });
}

void EngineRun::wait() {
  const TimePoint next = next_event();
  if (next == pool::never) {
    world_.now += milliseconds(1);
  } else if (next > world_.now) {
    world_.check_sleepers();
    world_.now = world_.once_in(4) ? world_.now + (next - world_.now) / 2 : next;
  } else if (world_.once_in(8)) {  // somebody is late
    world_.now +=
        world_.once_in(16) ? microseconds(world_.choose(4000000)) : microseconds(world_.choose(20000));
  }
}

void EngineRun::end_session() {
  const auto& sessions = world_.sessions();
  if (!sessions.empty()) world_.kill(*sessions[world_.choose(static_cast<std::uint32_t>(sessions.size()))]);
}

/// The parent's calls, leases and threads stay where they are, and nobody goes on with them; but for one
/// thread, which may be the one that has forked.
void EngineRun::fork() {
  if (!forks_) return;
  ++world_.process;
  world_.sleepers.clear();
  const auto survivor = std::ranges::find_if(threads_, &ThreadCaller::in_own_code);
  std::unique_ptr<ThreadCaller> forking;
  if (survivor != threads_.end() && world_.once_in(2)) forking = std::move(*survivor);
  std::erase(threads_, nullptr);
  leave_behind(threads_, left_behind.threads);
  if (forking) threads_.push_back(std::move(forking));
  leave_behind(beside_, left_behind.beside);
  leave_behind(calls_, left_behind.calls);
  for (auto& loop : loops_) left_behind.loops.push_back(std::move(loop));
  make_loops();
  for (auto& holder : holders_) {
    if (holder->user == nullptr) engine_->leases().release(holder->lease);  // the child destroys its copy
  }
  leave_behind(holders_, left_behind.holders);
  leave_behind(ears_, left_behind.ears);
  left_behind.backgrounds.push_back(std::move(background_));
  background_ = nullptr;
  leave_behind(others_, left_behind.backgrounds);
  user_.leave_behind();
  if (observer_) observer_->forget();
  if (asio_) asio_->fork();
  (void)engine_->stats();
}

void EngineRun::close() {
  closing_ = true;
  engine_->start_close(world_.once_in(2) ? Duration::zero() : Duration(milliseconds(5)));
}

}  // namespace copg::sim
