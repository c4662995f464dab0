#include "sim/engine/simulation.hpp"

#include <copg/detail/request.hpp>
#include <copg/error.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <istream>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "engine/pool_engine.hpp"
#include "sim/engine/background.hpp"
#include "sim/engine/call.hpp"

namespace copg::sim {
namespace {

using engine::Lease;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::array<const char*, engine_inputs> names = {
    "start",  "background",    "go_on", "ready",     "wait",  "use_lease", "release",
    "cancel", "cancel_unsent", "drop",  "lose_loop", "kill",  "outage",    "resize",
    "drain",  "suspend",       "check", "watch",     "close", "fork"};
/// How often each comes.
constexpr std::array<std::uint32_t, engine_inputs> weights = {120, 300, 220, 220, 160, 60, 50, 30, 15, 12,
                                                              2,   12,  4,   6,   4,   4,  4,  6,  1,  4};
constexpr std::size_t most_calls = 16;

std::string text_of(Deed deed) {
  switch (deed) {
    case Deed::reads: return "SELECT $1";
    case Deed::writes: return "INSERT INTO t VALUES ($1)";
    case Deed::waits: return "SELECT pg_sleep($1)";
    case Deed::begins: return "BEGIN -- $1";
    case Deed::ends: return "COMMIT -- $1";
    case Deed::litters: return "SET a.b = 'c' -- $1";
  }
  return {};
}

std::unique_ptr<detail::Request> request_of(Deed deed, std::uint32_t token) {
  return detail::make_request(Sql(text_of(deed)), std::to_string(token));
}

/// One statement on a lease of its own.
class StatementCall final : public engine::StatementKind<Call> {
 public:
  StatementCall(Home home, Duration timeout, Deed deed, std::uint32_t number)
      : StatementKind(home, timeout), request_(request_of(deed, number)) {
    token = number;
  }
  ~StatementCall() override { clean_up(); }
  [[nodiscard]] bool right() {
    const Result& result = std::get<0>(results());
    return result.size() == 1 && result[0][0].text() == std::to_string(token);
  }

 private:
  Progress begin(TimePoint time, TimePoint until) override {
    const Progress progress = begin_with(request_->sql(), *request_, time, until, request_->where());
    World::here().meanwhile();  // before it has come to rest
    return progress;
  }
  std::unique_ptr<detail::Request> lend() override { return std::move(request_); }
  void take_back(std::unique_ptr<detail::Request> request) noexcept override {
    request_ = std::move(request);
  }

  std::unique_ptr<detail::Request> request_;
};

/// A lease in the hands of a caller.
struct Holder {
  explicit Holder(engine::PoolEngine& on) : engine(on) {}
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;
  ~Holder() { engine.leases().release(lease); }

  [[nodiscard]] engine::TransactionStack transactions() const { return {.autocommit = true, .depth = 0}; }
  void call_begins(Call& call) {
    if (user != nullptr) throw UsageError("two calls on one lease");
    user = &call;
  }
  void call_ends(Call& call) noexcept {
    if (user == &call) user = nullptr;
  }

  engine::PoolEngine& engine;
  Lease lease;
  Call* user = nullptr;
  bool lost = false;  // with the parent process
};

/// What a job refers to.
struct Kept {
  std::unique_ptr<detail::Request> request;
  [[nodiscard]] engine::ExecuteJob job() const { return {request->sql(), *request}; }
};

class JobCall final : public engine::JobKind<Call, Holder, Kept> {
 public:
  JobCall(Home home, Duration timeout, Deed deed, std::uint32_t number)
      : JobKind(home, timeout, SourceLocation::current(), Kept{request_of(deed, number)}) {
    token = number;
  }
  JobCall(Home home, Duration timeout, std::shared_ptr<Holder> holder, Deed deed, std::uint32_t number)
      : JobKind(home, timeout, std::move(holder), Kept{request_of(deed, number)}) {
    token = number;
  }
  ~JobCall() override { clean_up(); }
  [[nodiscard]] bool right() {
    const Result& result = std::get<0>(results());
    return result.size() == 1 && result[0][0].text() == std::to_string(token);
  }
};

class TakeCall final : public engine::LeaseKind<Call> {
 public:
  TakeCall(Home home, Duration timeout, std::shared_ptr<Holder> holder)
      : LeaseKind(home, timeout, SourceLocation::current()), holder_(std::move(holder)) {}
  ~TakeCall() override { clean_up(); }
  [[nodiscard]] const std::shared_ptr<Holder>& holder() const noexcept { return holder_; }

 private:
  Lease& lease() noexcept override { return lease_; }
  void take_result() override { holder_->lease = std::exchange(lease_, {}); }
  void give_back() noexcept override { engine().leases().release(lease_); }

  const std::shared_ptr<Holder> holder_;
  Lease lease_;
};

class WatchCall final : public engine::WatchKind<Call> {
 public:
  WatchCall(Home home, Duration timeout, engine::Until until) : WatchKind(home, timeout, until) {}
  ~WatchCall() override { clean_up(); }
};

EngineStep next_step(std::uint64_t& random) {
  random = random * 6364136223846793005ULL + 1442695040888963407ULL;  // Knuth's, 2.106
  const auto high = static_cast<std::uint32_t>(random >> 32);
  std::uint32_t total = 0;
  for (const std::uint32_t weight : weights) total += weight;
  auto at = static_cast<std::uint32_t>((static_cast<std::uint64_t>(high) * total) >> 32);
  std::size_t input = 0;
  while (at >= weights[input]) at -= weights[input++];
  return {static_cast<EngineInput>(input), static_cast<std::uint32_t>(random)};
}

// What forked children have of their parents: they never touch it, and it is never destroyed.
std::vector<std::unique_ptr<Call>>& parents_calls = *new std::vector<std::unique_ptr<Call>>;
std::vector<std::shared_ptr<Holder>>& parents_holders = *new std::vector<std::shared_ptr<Holder>>;

class EngineRun {
 public:
  EngineRun(std::uint64_t seed, std::optional<engine::Mend> removed);
  EngineRun(const EngineRun&) = delete;
  EngineRun& operator=(const EngineRun&) = delete;
  ~EngineRun();

  void apply(EngineStep step);
  /// The server is well again, everybody is served, and the pool is closed.
  void finish();
  [[nodiscard]] bool broken() const noexcept { return world_.broken().has_value(); }
  [[nodiscard]] std::uint64_t digest() const noexcept { return digest_; }

 private:
  static void meanwhile();
  void do_meanwhile();
  void do_one_meanwhile();

  void start();
  void use_lease();
  void release();
  void give_up(bool unsent);
  void drop();
  void lose_loop();
  void wait();
  void end_session();
  void fork();
  void close();

  template <class Made, class... Args>
  Made& add(Args&&... args);
  [[nodiscard]] Duration timeout();
  [[nodiscard]] Deed deed();
  template <class Fits>
  [[nodiscard]] Call* choose_call(Fits fits);
  [[nodiscard]] Loop& loop() { return *loops_[world_.choose(2)]; }
  [[nodiscard]] TimePoint next_event() const noexcept;
  void collect_ended();
  void judge(Call& call);
  void judge_error(const Call& call);
  void run_until_nothing_happens();
  void check_rest();
  void digest(std::uint64_t value) noexcept { digest_ = (digest_ ^ value) * 0x100000001B3; }  // FNV-1a

  static thread_local EngineRun* here_;

  World& world_;
  SimulatedBackground* background_ = nullptr;
  std::shared_ptr<engine::PoolEngine> engine_;
  std::array<std::unique_ptr<Loop>, 2> loops_;
  std::vector<std::unique_ptr<Call>> calls_;
  std::vector<std::unique_ptr<Call>> ended_;
  std::vector<std::shared_ptr<Holder>> holders_;
  std::uint64_t digest_ = 0xCBF29CE484222325;
  std::uint32_t last_token_ = 0;
  std::uint32_t max_size_ = 0;
  std::uint32_t most_sizes_ = 0;  // it may have this many connections, since it had that bound once
  bool forks_ = false;
  bool in_meanwhile_ = false;
  bool closing_ = false;
  bool recovering_ = false;
  TimePoint recovery_began_{};
};

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
  max_size_ = most_sizes_ = static_cast<std::uint32_t>(options.max_size);
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
    case EngineInput::background:
      if (background_ != nullptr) background_->step(world_.choose(1024));
      break;
    case EngineInput::go_on:
      if (Call* call = choose_call([](const Call& one) { return one.is_woken(); })) call->go_on();
      break;
    case EngineInput::ready:
      if (Call* call = choose_call(
              [&](const Call& one) { return one.ready_at() <= world_.now || one.has_late_report(); }))
        call->descriptor_ready();
      break;
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
      most_sizes_ = std::max(most_sizes_, max_size_);
      engine_->resize(static_cast<int>(world_.choose(max_size_ + 1)), static_cast<int>(max_size_));
      break;
    case EngineInput::drain: engine_->drain(); break;
    case EngineInput::suspend: world_.once_in(2) ? engine_->suspend() : engine_->resume(); break;
    case EngineInput::check:
      if (!closing_) engine_->start_check();
      break;
    case EngineInput::watch: {
      const auto until = world_.once_in(2) ? engine::Until::full : engine::Until::checked;
      if (calls_.size() < most_calls) add<WatchCall>(timeout(), until).begin_at(world_.now);
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

template <class Made, class... Args>
Made& EngineRun::add(Args&&... args) {
  auto call = std::make_unique<Made>(Call::Home{loop()}, std::forward<Args>(args)...);
  Made& made = *call;
  calls_.push_back(std::move(call));
  return made;
}

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
    case 4:
      if (background_ != nullptr && !background_->inside()) background_->step(world_.choose(1024));
      break;
    case 5:
      if (Call* call = choose_call([](const Call& one) { return one.is_woken(); })) call->go_on();
      break;
    case 6:
      if (Call* call = choose_call([&](const Call& one) { return one.ready_at() <= world_.now; }))
        call->descriptor_ready();
      break;
    case 7:
      if (world_.once_in(4)) close();
      break;
    default: break;
  }
}

// --- what must hold

TimePoint EngineRun::next_event() const noexcept {
  TimePoint when = background_ == nullptr ? pool::never : background_->next();
  for (const auto& call : calls_) {
    if (call->has_ended() || call->is_gone()) continue;
    when = std::min(when, call->is_woken() ? world_.now : call->ready_at());
  }
  return when;
}

void EngineRun::collect_ended() {
  if (in_meanwhile_) return;
  std::erase_if(calls_, [&](std::unique_ptr<Call>& call) {
    if (!call->has_ended() && !call->is_gone()) return false;
    if (call->has_ended()) judge(*call);
    // Without its mend the engine may still know it: that is to break a rule, not the process.
    if (world_.removed && call->has_ended()) ended_.push_back(std::move(call));
    return true;
  });
}

void EngineRun::judge(Call& call) {
  digest(call.token);
  if (recovering_ && world_.now > engine::after(std::max(call.due, recovery_began_), seconds(1)))
    world_.breaks("deadline", "a call has ended more than a second after its deadline");
  if (call.error()) return judge_error(call);
  if (auto* take = dynamic_cast<TakeCall*>(&call)) return holders_.push_back(take->holder());
  auto* statement = dynamic_cast<StatementCall*>(&call);
  auto* job = dynamic_cast<JobCall*>(&call);
  if (statement == nullptr && job == nullptr) return;
  if (statement != nullptr ? !statement->right() : !job->right())
    world_.breaks("answer", "a call was given the answer of another");
  if (world_.times_executed(call.token) != 1)
    world_.breaks("once", "a call was given an answer, and its statement was not executed");
}

void EngineRun::judge_error(const Call& call) {
  const bool executed = world_.times_executed(call.token) > 0;
  try {
    std::rethrow_exception(call.error());
  } catch (const Error& error) {
    digest(static_cast<std::uint64_t>(error.kind()));
    const bool before = error.kind() == ErrorKind::pool_timeout ||
                        error.kind() == ErrorKind::too_many_requests ||
                        error.kind() == ErrorKind::configuration;
    if (before && executed)
      world_.breaks("effect", std::string("a statement was executed, and its call says: ") + error.what());
    const bool cancelled = error.kind() == ErrorKind::usage && !call.was_cancelled;
    if (cancelled && call.asked_for_no_effect && executed)
      world_.breaks(
          "effect",
          std::string("the statement of a call that asked for no effect was sent, and the call says: ") +
              error.what());
  }
}

void EngineRun::run_until_nothing_happens() {
  constexpr int most_steps = 20000;
  int steps = 0;
  for (; steps < most_steps && !broken(); ++steps) {
    if (background_ != nullptr && background_->step(world_.choose(1024))) continue;
    bool went_on = false;
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      Call& call = *calls_[i];
      if (call.has_ended() || call.is_gone()) continue;
      if (call.is_woken()) {
        call.go_on();
      } else if (call.ready_at() <= world_.now) {
        call.descriptor_ready();
      } else {
        continue;
      }
      went_on = true;
    }
    collect_ended();
    std::erase_if(holders_, [&](const auto& holder) {
      if (holder->user != nullptr) return false;
      engine_->leases().release(holder->lease);
      return true;
    });
    if (went_on) continue;
    if (calls_.empty() && holders_.empty()) return;
    const TimePoint next = next_event();
    if (next == pool::never) break;
    world_.now = std::max(world_.now, next);
  }
  if (calls_.empty()) return;
  const PoolStats stats = engine_->stats();
  const Call& call = *calls_.front();
  world_.breaks("stuck",
                "the call with token " + std::to_string(call.token) + " waits, and nothing will happen: " +
                    std::to_string(stats.leased) + " leased, " + std::to_string(stats.requests_waiting) +
                    " waiting, " + std::to_string(stats.connecting) + " connecting, " +
                    std::to_string(stats.pool_size) + " connections, steps " + std::to_string(steps));
}

void EngineRun::finish() {
  if (broken()) return;
  world_.decide_by(0);
  recovering_ = true;
  recovery_began_ = world_.now;
  world_.serves = true;
  if (!closing_) engine_->resume();
  run_until_nothing_happens();
  if (broken()) return;
  const PoolStats stats = engine_->stats();
  if (stats.leased > 0) world_.breaks("conserved", "a connection is leased, and nobody has it");
  if (stats.pool_max != max_size_)
    world_.breaks("bounds", "the pool has other bounds than it was given last");
  if (stats.requests_waiting > 0) world_.breaks("conserved", "a request waits, and nobody has made it");
  close();
  Call& end = add<WatchCall>(Duration(seconds(10)), engine::Until::finished);
  end.begin_at(world_.now);
  collect_ended();
  run_until_nothing_happens();
  check_rest();
}

void EngineRun::check_rest() {
  if (broken()) return;
  for (int steps = 0; steps < 1000 && background_ != nullptr && background_->step(0); ++steps) {
  }
  const PoolStats stats = engine_->stats();
  if (stats.pool_size > 0 || stats.connecting > 0)
    world_.breaks("closed", "the pool is closed, and has a connection left");
  for (const auto& session : world_.sessions()) {
    if (session->process == world_.process)
      world_.breaks("closed", "the pool is closed, and a session of it is still there");
  }
  engine_->finish_close(world_.now);
  background_ = nullptr;
}

}  // namespace

EngineTrace engine_trace(std::uint64_t seed, std::uint64_t until) {
  constexpr std::uint64_t most_inputs = 2000;
  EngineTrace trace{.seed = seed, .steps = {}};
  std::uint64_t random = seed * 0x9E3779B97F4A7C15ULL + 1;
  const std::uint64_t inputs = std::min(until, 50 + (random >> 32) % most_inputs);
  trace.steps.reserve(inputs);
  while (trace.steps.size() < inputs) trace.steps.push_back(next_step(random));
  return trace;
}

EngineResult run_engine(const EngineTrace& trace, std::optional<engine::Mend> removed) {
  EngineResult result;
  EngineRun run(trace.seed, removed);
  for (const EngineStep& step : trace.steps) {
    if (run.broken()) break;
    run.apply(step);
    ++result.inputs;
  }
  run.finish();
  result.digest = run.digest();
  result.broken = World::here().broken();
  return result;
}

EngineTrace shrink_engine(EngineTrace trace, const std::function<bool(const EngineTrace&)>& fails) {
  for (std::size_t size = std::max<std::size_t>(trace.steps.size() / 2, 1); size > 0;) {
    bool shorter = false;
    for (std::size_t at = 0; at < trace.steps.size();) {
      EngineTrace without = trace;
      const auto begin = without.steps.begin() + static_cast<std::ptrdiff_t>(at);
      without.steps.erase(begin,
                          begin + static_cast<std::ptrdiff_t>(std::min(size, trace.steps.size() - at)));
      if (fails(without)) {
        trace = std::move(without);
        shorter = true;
      } else {
        at += size;
      }
    }
    if (!shorter) size /= 2;
  }
  return trace;
}

std::string to_text(const EngineTrace& trace) {
  std::string text = "seed " + std::to_string(trace.seed) + '\n';
  for (const EngineStep& step : trace.steps)
    text += std::string(names[static_cast<std::size_t>(step.input)]) + ' ' + std::to_string(step.seed) + '\n';
  return text;
}

EngineTrace read_engine_trace(std::istream& in) {
  EngineTrace trace;
  std::string name;
  std::uint64_t number = 0;
  while (in >> name >> number) {
    if (name == "seed") {
      trace.seed = number;
      continue;
    }
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) throw std::runtime_error("not an input of the engine: " + name);
    trace.steps.push_back(
        {static_cast<EngineInput>(found - names.begin()), static_cast<std::uint32_t>(number)});
  }
  if (!in.eof()) throw std::runtime_error("not a trace of the engine");
  return trace;
}

}  // namespace copg::sim
