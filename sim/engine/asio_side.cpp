#include "sim/engine/asio_side.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <iterator>
#include <string>

#include "async/calls.hpp"
#include "sim/engine/callers.hpp"
#include "sim/engine/thread_caller.hpp"

namespace copg::sim {

namespace {

constexpr std::size_t most_asio_calls = 12;

Seconds seconds_of(Duration time) { return std::chrono::duration_cast<Seconds>(time); }

}  // namespace

/// Asio may move it, and destroys it without calling it only if the event loop goes away.
template <class Take>
class AsioSide::Handler {
 public:
  Handler(AsioSide& side, std::shared_ptr<UnderWay> call, Take take)
      : side_(side), call_(std::move(call)), take_(std::move(take)) {}
  Handler(Handler&& other) noexcept = default;
  Handler& operator=(Handler&&) = delete;
  ~Handler() {
    if (call_) side_.lose(call_);
  }

  template <class... Results>
  void operator()(std::exception_ptr error, Results... results) {
    const std::shared_ptr<UnderWay> call = std::exchange(call_, nullptr);
    if (!error) side_.judge_.answered(call->known, take_(std::move(results)...));
    side_.end(call, error);
  }

 private:
  AsioSide& side_;
  std::shared_ptr<UnderWay> call_;
  Take take_;
};

AsioSide::AsioSide(std::shared_ptr<engine::PoolEngine> engine, Judge& judge)
    : engine_(std::move(engine)), judge_(judge) {
  for (auto& place : places_) place = make_place();
}

std::shared_ptr<AsioSide::Place> AsioSide::make_place() {
  auto place = std::make_shared<Place>();
  place->loop = async::Loop::make(engine_, place->context.executor());
  return place;
}

const std::shared_ptr<AsioSide::Place>& AsioSide::choose_place() { return places_[world_.choose(2)]; }

std::shared_ptr<AsioSide::UnderWay> AsioSide::begin(const std::shared_ptr<Place>& place, std::uint32_t token,
                                                    Duration limit) {
  auto call = std::make_shared<UnderWay>();
  call->known = {.token = token, .due = engine::after(world_.now, limit)};
  call->place = place;
  calls_.push_back(call);
  return call;
}

void AsioSide::end(const std::shared_ptr<UnderWay>& call, const std::exception_ptr& error) {
  if (call->gone) world_.breaks("end", "a call has ended whose event loop has gone away");
  for (const auto& held : held_) {
    if (held->call == call) held->call = nullptr;
  }
  if (std::erase(calls_, call) == 0) world_.breaks("end", "a call has ended twice");
  judge_.ended(call->known);
  if (!error) return;
  try {
    std::rethrow_exception(error);
  } catch (const Error& failed) {
    judge_.failed(call->known, failed);
  } catch (const boost::system::system_error&) {
    const Judge::Case& known = call->known;
    if (!known.was_cancelled && !known.asked_for_no_effect)
      world_.breaks("end", "a call was cancelled, and nobody has asked for it");
    if (!known.was_cancelled && known.token != 0 && world_.times_executed(known.token) > 0)
      world_.breaks("effect", "a call was cancelled that asked for no effect, and its statement was sent");
  }
}

void AsioSide::lose(const std::shared_ptr<UnderWay>& call) {
  std::erase(calls_, call);
  if (!call->gone) world_.breaks("end", "a call was destroyed, and its caller was told nothing");
}

template <class Take>
auto AsioSide::handler(const std::shared_ptr<UnderWay>& call, Take take) {
  return boost::asio::bind_cancellation_slot(call->signal.slot(),
                                             Handler<Take>(*this, call, std::move(take)));
}

// --- what callers do

/// On the event loop, or on another thread.
void AsioSide::start() {
  if (calls_.size() >= most_asio_calls) return;
  const auto place = choose_place();
  const bool statement = world_.choose(4) < 3;
  auto body = [this, place, statement] { statement ? execute(place) : connect(place); };
  if (world_.once_in(2)) return place->context.post(body);
  ++place->starting;
  world_.start_thread([place, body] {
    body();
    --place->starting;
  });
}

void AsioSide::execute(const std::shared_ptr<Place>& place) {
  const Duration limit = choose_timeout(world_);
  const std::uint32_t token = world_.new_token();
  auto request = request_of(choose_deed(world_), token);
  const engine::KnownText text = engine::known_text(request->sql());
  auto done =
      handler(begin(place, token, limit), [token](const Result& result) { return is_answer(result, token); });
  async::start<async::ExecuteCall>(detail::Handler<Result>(std::move(done)), place->loop, limit,
                                   std::move(request), text);
}

void AsioSide::connect(const std::shared_ptr<Place>& place) {
  const Duration limit = choose_timeout(world_);
  auto done = handler(begin(place, 0, limit), [this, place](AsyncConnection connection) {
    held_.push_back(std::make_shared<Held>(Held{place, std::move(connection), nullptr}));
    return true;
  });
  async::start<async::ConnectionCall>(detail::Handler<AsyncConnection>(std::move(done)), place->loop, limit,
                                      SourceLocation::current(), Seconds(30), pool::never);
}

void AsioSide::use() {
  if (held_.empty() || calls_.size() >= most_asio_calls) return;
  const auto held = held_[world_.choose(static_cast<std::uint32_t>(held_.size()))];
  held->place->context.post([this, held] {
    if (std::ranges::find(held_, held) != held_.end() && !held->call) use(held);
  });
}

void AsioSide::use(const std::shared_ptr<Held>& held) {
  const Duration limit = choose_timeout(world_);
  held->connection.timeout(seconds_of(limit));
  const std::uint32_t what = world_.choose(8);
  const std::uint32_t token = what < 6 ? world_.new_token() : 0;
  held->call = begin(held->place, token, limit);
  if (what < 6) {
    const Deed deed = world_.once_in(6) ? Deed::ends : choose_deed(world_);
    held->connection.execute(
        Sql(text_of(deed)), params(std::to_string(token)),
        handler(held->call, [held, token](const Result& result) { return is_answer(result, token); }));
  } else {
    auto done = handler(held->call, [held] { return true; });
    what < 7 ? held->connection.commit(std::move(done)) : held->connection.rollback(std::move(done));
  }
}

void AsioSide::release() {
  if (held_.empty()) return;
  const auto at = held_.begin() + world_.choose(static_cast<std::uint32_t>(held_.size()));
  const auto held = *at;
  held_.erase(at);
  const bool closes = world_.once_in(8);
  held->place->context.post([held, closes] {
    if (held->call) held->call->known.was_cancelled = true;
    closes ? held->connection.close() : (void)AsyncConnection(std::move(held->connection));
  });
}

void AsioSide::cancel(bool total) {
  if (calls_.empty()) return;
  const auto call = calls_[world_.choose(static_cast<std::uint32_t>(calls_.size()))];
  if (call->gone) return;
  call->place->context.post([this, call, total] {
    if (std::ranges::find(calls_, call) == calls_.end()) return;
    if (total) {
      call->known.asked_for_no_effect = call->known.asked_for_no_effect || !call->known.was_cancelled;
    } else {
      call->known.was_cancelled = true;
    }
    call->signal.emit(total ? boost::asio::cancellation_type::total
                            : boost::asio::cancellation_type::terminal);
  });
}

void AsioSide::lose_loop() {
  std::shared_ptr<Place>& place = places_[world_.choose(2)];
  if (place->context.thread().busy() || place->starting > 0) return;
  const auto lost = place;
  place = make_place();
  for (const auto& call : calls_) {
    if (call->place == lost) call->gone = true;
  }
  std::vector<std::shared_ptr<Held>> its;
  std::erase_if(held_, [&](const auto& held) {
    if (held->place == lost) its.push_back(held);
    return held->place == lost;
  });
  lost_.push_back(lost);
  const bool late = world_.once_in(2);  // its connections are given back when it has gone
  lost->context.thread().run([lost, its = std::move(its), late]() mutable {
    if (!late) its.clear();
    lost->context.go_away();
    its.clear();
    lost->loop.reset();
  });
}

void AsioSide::fork() {
  struct Left {
    std::vector<std::shared_ptr<Place>> places;
    std::vector<std::shared_ptr<UnderWay>> calls;
    std::vector<std::shared_ptr<Held>> held;
  };
  static auto& parents = *new Left;  // never destroyed
  std::ranges::move(lost_, std::back_inserter(parents.places));
  std::ranges::move(calls_, std::back_inserter(parents.calls));
  std::ranges::move(held_, std::back_inserter(parents.held));
  lost_.clear();
  calls_.clear();
  held_.clear();
  for (auto& place : places_) {
    if (world_.once_in(2)) place->context.notify_fork(boost::asio::execution_context::fork_child);
    parents.places.push_back(std::move(place));
    place = engine_ ? make_place() : nullptr;
  }
}

// --- who goes on

bool AsioSide::step(std::uint32_t choice) {
  check_work();
  const std::size_t all = places_.size() + lost_.size();
  const std::size_t at = choice % all;
  EventContext& context = at < places_.size() ? places_[at]->context : lost_[at - places_.size()]->context;
  return context.step(choice / static_cast<std::uint32_t>(all));
}

bool AsioSide::let_everything_go_on() {
  check_work();
  bool went_on = false;
  for (const auto& place : places_) went_on = place->context.step(world_.choose(1024)) || went_on;
  for (const auto& place : lost_) went_on = place->context.step(0) || went_on;
  std::erase_if(held_, [](const auto& held) {
    if (held->call) return false;
    held->place->context.post([held] { (void)AsyncConnection(std::move(held->connection)); });
    return true;
  });
  return went_on;
}

TimePoint AsioSide::next() const noexcept {
  TimePoint when = pool::never;
  for (const auto& place : places_) when = std::min(when, place->context.next());
  for (const auto& place : lost_) when = std::min(when, place->context.next());
  return when;
}

bool AsioSide::idle() const noexcept { return calls_.empty() && held_.empty() && next() == pool::never; }

void AsioSide::check_work() const {
  for (const auto& place : places_) {
    const bool waits = std::ranges::any_of(calls_, [&](const auto& call) { return call->place == place; });
    if (place->starting > 0) continue;
    const bool has_run_out = place->context.has_run_out();
    if (waits && has_run_out)
      world_.breaks("work", "an event loop has nothing to do, and a call of its own waits");
    if (idle() && !has_run_out) world_.breaks("work", "an event loop has nothing to do, and never ends");
  }
}

void AsioSide::let_go() {
  for (auto& place : places_) {
    place->context.go_away();
    place->loop.reset();
  }
  engine_.reset();
}

}  // namespace copg::sim
