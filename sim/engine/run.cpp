#include "sim/engine/run.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace copg::sim {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t most_calls = 16;

// What forked children have of their parents: they never touch it, and it is never destroyed.
std::vector<std::unique_ptr<Call>>& parents_calls = *new std::vector<std::unique_ptr<Call>>;
std::vector<std::shared_ptr<Holder>>& parents_holders = *new std::vector<std::shared_ptr<Holder>>;

}  // namespace

thread_local EngineRun* EngineRun::here_ = nullptr;

EngineRun::EngineRun(std::uint64_t seed, std::optional<engine::Mend> removed) : world_(World::here()) {
  here_ = this;
  world_.begin();
  world_.removed = removed;
  world_.meanwhile = &EngineRun::meanwhile;
  world_.decide_by(seed);
  (void)world_.new_token();  // 0 is nobody's
  PoolOptions options;
  options.max_size = static_cast<int>(1 + world_.choose(4));
  options.min_size = static_cast<int>(world_.choose(static_cast<std::uint32_t>(options.max_size) + 1));
  options.share = !world_.once_in(3);
  options.connect_timeout = seconds(2);
  options.max_waiting = world_.once_in(4) ? 4 : 1000;
  if (world_.once_in(4)) options.max_lifetime = milliseconds(500);
  forks_ = world_.once_in(64);
  max_size_ = static_cast<std::uint32_t>(options.max_size);
  Config config;
  config.database = "simulated";
  engine_ = engine::PoolEngine::create(
      engine::Setup{
          .config = config, .options = options, .call_configure = nullptr, .own_thread = true, .seed = seed},
      [this] {
        auto background = std::make_unique<SimulatedBackground>();
        background_ = background.get();
        return background;
      });
  for (auto& loop : loops_) loop = std::make_unique<Loop>(*engine_);
  engine_->open();
}

EngineRun::~EngineRun() {
  world_.meanwhile = nullptr;
  for (const auto& call : calls_) {
    if (!call->has_ended() && !call->is_gone()) call->let_go();
  }
  calls_.clear();
  holders_.clear();
  here_ = nullptr;
}

void EngineRun::apply(EngineStep step) {
  world_.decide_by(step.seed);
  switch (step.input) {
    case EngineInput::start: start(); break;
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
      if (calls_.size() < most_calls) add<PoolWaitCall>(timeout(), milestone).begin_at(world_.now);
      break;
    }
    case EngineInput::close: close(); break;
    case EngineInput::fork: fork(); break;
  }
  collect_ended();
  digest(static_cast<std::uint64_t>(step.input));
  digest(static_cast<std::uint64_t>(world_.now.time_since_epoch().count()));
  digest(calls_.size());
}

// --- inputs

Duration EngineRun::timeout() {
  constexpr std::array<Duration, 5> each = {milliseconds(0), milliseconds(5), milliseconds(100), seconds(1),
                                            seconds(30)};
  return each[world_.choose(each.size())];
}

Deed EngineRun::deed() {
  constexpr std::array<Deed, 8> each = {Deed::reads,  Deed::reads, Deed::reads,  Deed::reads,
                                        Deed::writes, Deed::waits, Deed::begins, Deed::litters};
  return each[world_.choose(each.size())];
}

template <class Fits>
Call* EngineRun::choose_call(Fits fits) {
  std::array<Call*, 2 * most_calls> fitting{};
  std::uint32_t count = 0;
  for (const auto& call : calls_) {
    const bool can = !call->has_ended() && !call->is_gone() && !call->in_step() && call->loop().in_step == 0;
    if (can && fits(*call) && count < fitting.size()) fitting[count++] = call.get();
  }
  return count == 0 ? nullptr : fitting[world_.choose(count)];
}

void EngineRun::step_background() {
  if (background_ != nullptr && !background_->inside()) background_->step(world_.choose(1024));
}

void EngineRun::go_on() {
  if (Call* call = choose_call([](const Call& one) { return one.is_woken(); })) call->go_on();
}

void EngineRun::report_ready() {
  const auto is_ready = [&](const Call& one) {
    return one.ready_at() <= world_.now || one.has_late_report();
  };
  if (Call* call = choose_call(is_ready)) call->descriptor_ready();
}

void EngineRun::start() {
  if (calls_.size() >= most_calls) return;
  const Duration limit = timeout();
  const std::uint32_t kind = world_.choose(8);
  Call* call = nullptr;
  if (kind < 5) {
    const Deed what = deed();
    call = &add<StatementCall>(limit, what, world_.new_token());
  } else if (kind < 6) {
    const Deed what = deed();
    call = &add<JobCall>(limit, what, world_.new_token());
  } else {
    call = &add<TakeCall>(limit, std::make_shared<Holder>(*engine_));
  }
  call->due = engine::after(world_.now, limit);
  call->begin_at(world_.now);
}

void EngineRun::use_lease() {
  if (holders_.empty() || calls_.size() >= most_calls) return;
  const auto& holder = holders_[world_.choose(static_cast<std::uint32_t>(holders_.size()))];
  if (holder->user != nullptr) return;
  const Duration limit = timeout();
  const Deed what = world_.once_in(6) ? Deed::ends : deed();
  Call& call = add<JobCall>(limit, holder, what, world_.new_token());
  call.due = engine::after(world_.now, limit);
  call.begin_at(world_.now);
}

void EngineRun::release() {
  if (holders_.empty()) return;
  const auto at = holders_.begin() + world_.choose(static_cast<std::uint32_t>(holders_.size()));
  if ((*at)->user != nullptr) return;
  world_.once_in(8) ? engine_->leases().discard((*at)->lease) : engine_->leases().release((*at)->lease);
  holders_.erase(at);
}

void EngineRun::give_up(bool unsent) {
  // From any thread, also while the call is in a step.
  if (calls_.empty()) return;
  Call& call = *calls_[world_.choose(static_cast<std::uint32_t>(calls_.size()))];
  if (call.has_ended() || call.is_gone()) return;
  if (unsent) {
    if (!call.was_cancelled) call.asked_for_no_effect = true;
    call.cancel_unsent();
  } else {
    call.was_cancelled = true;
    call.cancel();
  }
}

void EngineRun::drop() {
  if (Call* call = choose_call([](const Call&) { return true; })) call->let_go();
}

void EngineRun::lose_loop() {
  auto& lost = loops_[world_.choose(2)];
  if (lost->in_step > 0) return;
  for (const auto& call : calls_) {
    if (&call->loop() == lost.get() && !call->has_ended() && !call->is_gone()) call->lose_loop();
  }
}

void EngineRun::wait() {
  const TimePoint next = next_event();
  if (next == pool::never) {
    world_.now += milliseconds(1);
  } else if (next > world_.now) {
    world_.now = world_.once_in(4) ? world_.now + (next - world_.now) / 2 : next;
  } else if (world_.once_in(8)) {  // somebody is late
    world_.now += microseconds(world_.choose(20000));
  }
}

void EngineRun::end_session() {
  const auto& sessions = world_.sessions();
  if (!sessions.empty()) world_.kill(*sessions[world_.choose(static_cast<std::uint32_t>(sessions.size()))]);
}

/// The parent's calls and leases stay where they are, and nobody goes on with them.
void EngineRun::fork() {
  if (!forks_ || loops_[0]->in_step + loops_[1]->in_step > 0 || in_meanwhile_) return;
  ++world_.process;
  std::move(calls_.begin(), calls_.end(), std::back_inserter(parents_calls));
  calls_.clear();
  for (auto& holder : holders_) {
    if (holder->user == nullptr) engine_->leases().release(holder->lease);  // the child destroys its copy
    parents_holders.push_back(std::move(holder));
  }
  holders_.clear();
  background_ = nullptr;
  (void)engine_->stats();
}

void EngineRun::close() {
  closing_ = true;
  engine_->start_close(world_.once_in(2) ? Duration::zero() : Duration(milliseconds(5)));
}

// --- what another thread may do while a call is in a step

void EngineRun::meanwhile() {
  if (here_ != nullptr) here_->do_meanwhile();
}

void EngineRun::do_meanwhile() {
  if (in_meanwhile_ || recovering_ || !world_.once_in(6)) return;
  in_meanwhile_ = true;
  for (std::uint32_t deeds = 1 + world_.choose(8); deeds > 0; --deeds) do_one_meanwhile();
  in_meanwhile_ = false;
}

void EngineRun::do_one_meanwhile() {
  switch (world_.choose(8)) {
    case 0: give_up(false); break;
    case 1: give_up(true); break;
    case 2: end_session(); break;
    case 3: wait(); break;
    case 4: step_background(); break;
    case 5: go_on(); break;
    case 6: report_ready(); break;
    case 7:
      if (world_.once_in(4)) close();
      break;
    default: break;
  }
}

}  // namespace copg::sim
