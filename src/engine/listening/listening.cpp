#include "engine/listening/listening.hpp"

#include <copg/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/background.hpp"
#include "engine/diagnosis.hpp"
#include "engine/pool_engine.hpp"
#include "engine/random_seed.hpp"

namespace copg::engine {

namespace {

constexpr std::size_t longest_channel = 63;  // NAMEDATALEN - 1

[[noreturn]] void reject_listener(std::string message) {
  raise({.kind = ErrorKind::usage, .message = std::move(message)});
}

std::string listed(const ListeningCore::Channels& channels) {
  std::string list;
  for (const std::string& channel : channels) {
    list += list.empty() ? "'" : ", '";
    list += channel + "'";
  }
  return list;
}

}  // namespace

void check_channel(std::string_view channel) {
  if (channel.empty()) reject_listener("a channel has a name that is not empty");
  if (channel.find('\0') != std::string_view::npos)
    reject_listener("the name of a channel holds a NUL, which PostgreSQL has no name with");
  if (channel.size() > longest_channel) {
    reject_listener(fmt::format("the channel '{}...' has a name of {} bytes: PostgreSQL takes {} at most",
                                channel.substr(0, 16), channel.size(), longest_channel));
  }
}

// --- the room

Listening::Listening(const Setup& setup, SharedState& shared, Background& background)
    : setup_(setup), shared_(shared), background_(background) {}

ListeningCore Listening::new_core() const {
  return ListeningCore(setup_.seed ? *setup_.seed : random_seed());
}

/// A forked child begins anew: the listeners of its parent are not its own.
Listening::Held::Held(Listening& room) : room_(room) {
  room.mutex_.lock();
  if (room.process_ == ForkGuard::generation()) [[likely]]
    return;
  room.process_ = ForkGuard::generation();
  const bool ended = room.core_.ended();
  room.core_ = room.new_core();
  room.waiters_.clear();
  if (ended) room.core_.end();
}

Listening::Held::~Held() {
  room_.settle_touched(wakes_);
  const auto gaps = room_.core_.take_gaps();
  const Events& events = room_.setup_.events;
  room_.mutex_.unlock();
  wakes_.wake_all();
  for (const auto& gap : gaps)
    events.tell(event::Gap{events.at(), gap.reconnected, {gap.channels.begin(), gap.channels.end()}});
}

bool Listening::over(const ListenWaiter& waiter) const {
  const ListeningCore::Id id = waiter.listener_;
  if (core_.ended() || !core_.knows(id)) return true;
  if (waiter.goal_ == ListenGoal::arrival) return core_.has_arrival(id);
  return core_.ready(id) || core_.refusal(id) != nullptr;
}

void Listening::settle_touched(Wakes& wakes) {
  if (waiters_.empty()) {
    static_cast<void>(core_.take_touched());
    return;
  }
  for (const ListeningCore::Id id : core_.take_touched()) {
    auto [it, end] = waiters_.equal_range(id);
    while (it != end) {
      ListenWaiter* const waiter = it->second;
      if (!over(*waiter)) {
        ++it;
        continue;
      }
      it = waiters_.erase(it);
      waiter->settled(wakes);
    }
  }
}

void Listening::erase(const ListenWaiter& waiter) noexcept {
  const auto [begin, end] = waiters_.equal_range(waiter.listener_);
  const auto found = std::find_if(begin, end, [&](const auto& it) { return it.second == &waiter; });
  if (found != end) waiters_.erase(found);
}

std::shared_ptr<OpenListener> Listening::open(std::shared_ptr<PoolEngine> engine,
                                              std::vector<std::string> channels, std::size_t capacity) {
  if (channels.empty()) reject_listener("a listener listens to one channel at least");
  for (const std::string& channel : channels) check_channel(channel);
  if (capacity < 1 || capacity > longest_queue)
    reject_listener(fmt::format("the queue of a listener holds 1 to {} notifications", longest_queue));
  {
    Locked state = lock_here(shared_);
    if (!state->opened || state->core->closed())
      engine->leases().refuse(std::move(state), pool::WaitError::closed, Duration::zero());
  }
  used_.store(true, std::memory_order_release);
  ListeningCore::Id id = 0;
  {
    const Held held(*this);
    id = core_.open(std::move(channels), capacity);
  }
  auto listener = std::make_shared<OpenListener>(std::move(engine), *this, id);
  post();
  return listener;
}

void Listening::add_to(PoolStats& stats) {
  if (!used()) return;
  const Held held(*this);
  stats.listening = core_.connected() ? 1 : 0;
  stats.listeners = static_cast<std::uint32_t>(core_.listeners());
  stats.listening_lost = core_.lost();
  stats.notifications_num = core_.received();
  stats.notifications_dropped = core_.dropped();
}

void Listening::renew() noexcept {
  if (!used()) return;
  {
    const Held held(*this);
    core_.renew();
  }
  post();
}

void Listening::end() noexcept {
  if (!used()) return;
  {
    const Held held(*this);
    core_.end();
  }
  post();
}

/// Has the background look what is to be done.
void Listening::post() {
  const Locked state(shared_);
  background_.post_work(*state);
}

TimePoint Listening::next_deadline() {
  if (!used()) return pool::never;
  const Held held(*this);
  TimePoint next = core_.next_deadline();
  for (const auto& [id, waiter] : waiters_) next = std::min(next, waiter->deadline_);
  return next;
}

void Listening::tick(TimePoint time) {
  if (!used()) return;
  Held held(*this);
  for (auto it = waiters_.begin(); it != waiters_.end();) {
    ListenWaiter* const waiter = it->second;
    if (waiter->deadline_ > time) {
      ++it;
      continue;
    }
    it = waiters_.erase(it);
    waiter->settled(held.wakes_);
  }
}

// --- a listener

void OpenListener::require_usable() const {
  if (process_ != ForkGuard::generation())
    reject_listener("this listener belongs to the parent process: listen again after fork");
  if (closed()) reject_listener("this listener was closed");
}

std::vector<std::string> OpenListener::add(std::vector<std::string> channels) {
  for (const std::string& channel : channels) check_channel(channel);
  require_usable();
  {
    const Listening::Held held(room_);
    if (!room_.core_.knows(id_)) return {};  // closed, just now
    std::erase_if(channels,
                  [this](const std::string& channel) { return room_.core_.channels(id_).contains(channel); });
    for (const std::string& channel : channels) room_.core_.add(id_, channel);
  }
  room_.post();
  return channels;
}

void OpenListener::remove(const std::vector<std::string>& channels) {
  require_usable();
  {
    const Listening::Held held(room_);
    if (!room_.core_.knows(id_)) return;
    for (const std::string& channel : channels) room_.core_.remove(id_, channel);
  }
  room_.post();
}

void OpenListener::take_back(const std::vector<std::string>& channels) noexcept {
  if (!closed() && process_ == ForkGuard::generation()) remove(channels);
}

std::vector<std::string> OpenListener::channels() {
  require_usable();
  const Listening::Held held(room_);
  if (!room_.core_.knows(id_)) return {};
  const ListeningCore::Channels& channels = room_.core_.channels(id_);
  return {channels.begin(), channels.end()};
}

void OpenListener::close() noexcept {
  if (closed_.exchange(true, std::memory_order_acq_rel)) return;
  if (process_ != ForkGuard::generation()) return;
  {
    const Listening::Held held(room_);
    room_.core_.close(id_);
  }
  room_.post();
}

bool OpenListener::wait_for(ListenWaiter& waiter, ListenGoal goal, TimePoint deadline) {
  require_usable();
  {
    const Listening::Held held(room_);
    waiter.listener_ = id_;
    waiter.goal_ = goal;
    waiter.deadline_ = deadline;
    if (room_.over(waiter)) return true;
    const auto [begin, end] = room_.waiters_.equal_range(id_);
    const bool taken = goal == ListenGoal::arrival && std::any_of(begin, end, [](const auto& it) {
                         return it.second->goal_ == ListenGoal::arrival;
                       });
    if (taken) reject_listener("another call waits for this listener: each of them needs its own");
    room_.waiters_.emplace(id_, &waiter);
  }
  if (deadline != pool::never) {
    const Locked state(room_.shared_);
    state->wake_by(deadline);
  }
  return false;
}

void OpenListener::give_up(ListenWaiter& waiter) noexcept {
  const Listening::Held held(room_);
  room_.erase(waiter);
}

void OpenListener::collect_ready(Duration waited) {
  std::string channels;
  std::optional<ErrorInfo> error;
  bool ended = false;
  bool refused = false;
  {
    const Listening::Held held(room_);
    ListeningCore& core = room_.core_;
    ended = core.ended();
    if (!ended) {
      if (!core.knows(id_)) return;
      if (core.ready(id_)) return;
      channels = listed(core.channels(id_));
      refused = core.refusal(id_) != nullptr;
      if (refused) {
        error = *core.refusal(id_);
      } else if (core.last_error() != nullptr) {
        error = *core.last_error();
      }
    }
  }
  if (ended) engine_->leases().refuse(lock_here(room_.shared_), pool::WaitError::closed, waited);
  const std::string what = fmt::format("pool '{}' does not listen to {}", engine_->name(), channels);
  if (refused) {
    error->message = what + ": " + error->message;
    raise(std::move(*error));
  }
  const double waited_s = std::chrono::duration<double>(waited).count();
  ErrorInfo late{.kind = ErrorKind::pool_timeout,
                 .message = fmt::format("{} after {:.1f} s; last connect error: {}", what, waited_s,
                                        error ? error->message : "none")};
  if (error) late.cause = error->message;
  raise(std::move(late));
}

std::optional<Arrival> OpenListener::take() {
  {
    const Listening::Held held(room_);
    if (!room_.core_.ended()) {
      if (!room_.core_.knows(id_)) return std::nullopt;
      return room_.core_.take(id_);
    }
  }
  engine_->leases().refuse(lock_here(room_.shared_), pool::WaitError::closed, Duration::zero());
}

}  // namespace copg::engine
