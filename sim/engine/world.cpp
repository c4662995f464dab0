#include "sim/engine/world.hpp"

#include <algorithm>
#include <utility>

#include "sim/engine/thread.hpp"

namespace copg::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

World& World::here() {
  thread_local World world;
  return world;
}

void World::begin() { *this = World(); }

void World::maybe_pause() {
  if (Thread::here() != nullptr && once_in(interrupts_one_in)) Thread::pause();
}

// splitmix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", 2014.
std::uint32_t World::choose(std::uint32_t below) noexcept {
  std::uint64_t mixed = random_ += 0x9E3779B97F4A7C15;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
  return static_cast<std::uint32_t>(((mixed ^ (mixed >> 31)) >> 32) * below >> 32);
}

void World::wake(const void* word) noexcept {
  for (Sleeper* const sleeper : sleepers) {
    if (sleeper->word != word || sleeper->woken) continue;
    sleeper->woken = true;
    return;
  }
}

void World::check_sleepers() {
  for (const Sleeper* const sleeper : sleepers) {
    if (!sleeper->woken && *sleeper->word != sleeper->value)
      breaks("lost wake", "a thread sleeps, and what it waits for has come");
  }
}

void World::breaks(std::string rule, std::string text) {
  if (!broken_) broken_ = Broken{std::move(rule), std::move(text)};
}

World::Attempt World::start_connect() {
  Attempt attempt{.fd = new_fd(), .due = now + milliseconds(1 + choose(20)), .fails = !serves};
  if (attempt.fails && once_in(4)) attempt.due = pool::never;
  if (serves && once_in(16)) attempt.fails = true;
  if (serves && once_in(32)) attempt.due = pool::never;
  set_readable(attempt.fd, attempt.due);
  return attempt;
}

std::shared_ptr<Session> World::open_session(int fd) {
  auto session = std::make_shared<Session>();
  session->fd = fd;
  session->process = process;
  sessions_.push_back(session);
  refresh(*session);
  return session;
}

void World::close_session(Session& session) noexcept {
  forget_fd(session.fd);
  std::erase_if(sessions_, [&](const auto& one) { return one.get() == &session; });
}

bool World::send(Session& session, std::uint32_t token, Deed deed, const void* user) {
  if (session.process != process) breaks("fork", "a child has sent something on its parent's connection");
  if (seen_gone(session)) return false;
  if (!session.running.empty() && session.user != user)
    breaks("one user", "two callers have sent statements on one connection at a time");
  session.user = user;
  if (session.gone) return true;  // into the void
  if (configures && !session.configured && deed != Deed::configures)
    breaks("configured", "a statement was sent on a session that is not configured");
  TimePoint due = session.running.empty() ? now : session.running.back().due;
  due += deed == Deed::waits ? Duration(seconds(1 + choose(3))) : Duration(microseconds(20 + choose(2000)));
  if (executed_[token]++ > 0) breaks("once", "a statement was executed twice");
  session.running.push_back({.token = token, .deed = deed, .due = due});
  refresh(session);
  return true;
}

void World::lend(Session& session) {
  const bool to_function = Thread::here() != nullptr && Thread::here()->is_background();
  if (session.in_transaction || (session.littered && !to_function))
    breaks("clean", "a lease has begun on a session that another has left dirty");
  if (to_function) return;
  if (configures && !session.configured)
    breaks("configured", "a lease has begun on a session that is not configured");
  if (hears_of_returns && std::exchange(session.leased, true))
    breaks("hooks", "a lease has begun, and on_return was not called after the one before");
}

std::optional<Session::Statement> World::take_answer(Session& session) {
  if (session.running.empty() || session.running.front().due > now) return std::nullopt;
  if (session.gone && session.running.front().due > session.gone_at) return std::nullopt;
  const Session::Statement answered = session.running.front();
  session.running.pop_front();
  ++session.taken;
  if (!answered.cancelled) {
    if (answered.deed == Deed::begins) session.in_transaction = true;
    if (answered.deed == Deed::ends) session.in_transaction = false;
    if (answered.deed == Deed::litters) session.littered = true;
    if (answered.deed == Deed::configures) session.configured = true;
  }
  refresh(session);
  return answered;
}

void World::notify(const std::string& channel) {
  const std::uint32_t number = ++notified_[channel];
  for (const auto& session : sessions_) {
    if (session->gone || !session->channels.contains(channel)) continue;
    TimePoint due = now + microseconds(20 + choose(2000));
    if (!session->sent.empty()) due = std::max(due, session->sent.back().due);
    session->sent.push_back({channel, number, due});
    refresh(*session);
  }
}

std::uint32_t World::last_sent(std::string_view channel) const noexcept {
  const auto found = notified_.find(channel);
  return found == notified_.end() ? 0 : found->second;
}

std::optional<Session::Sent> World::take_notification(Session& session) {
  if (session.sent.empty()) return std::nullopt;
  const TimePoint due = session.sent.front().due;
  if (due > now || (session.gone && due > session.gone_at)) return std::nullopt;
  Session::Sent taken = std::move(session.sent.front());
  session.sent.pop_front();
  refresh(session);
  return taken;
}

Session* World::session_of(int fd) const noexcept {
  const auto found = std::ranges::find(sessions_, fd, [](const auto& session) { return session->fd; });
  return found == sessions_.end() ? nullptr : found->get();
}

std::uint64_t World::arrived(int fd) const noexcept {
  const Session* const session = session_of(fd);
  if (session == nullptr) return 0;
  const auto answers =
      std::ranges::count_if(session->running, [&](const auto& one) { return one.due <= now; });
  return session->taken + static_cast<std::uint64_t>(answers) + (seen_gone(*session) ? 1 : 0);
}

std::uint64_t World::taken(int fd) const noexcept {
  const Session* const session = session_of(fd);
  return session == nullptr ? 0 : session->taken;
}

void World::cancel(Session& session) noexcept {
  for (Session::Statement& statement : session.running) {
    if (statement.due <= now) continue;
    statement.cancelled = true;
    statement.due = now + microseconds(200);
    break;  // the one that runs
  }
  for (std::size_t i = 1; i < session.running.size(); ++i)
    session.running[i].due = std::max(session.running[i].due, session.running[i - 1].due);
  refresh(session);
}

void World::wipe(Session& session) noexcept {
  session.in_transaction = session.littered = false;
  session.taken = arrived(session.fd) + 1;  // with the answer to the wiping itself
  session.running.clear();
  refresh(session);
}

TimePoint World::readable_at(int fd) const noexcept {
  const auto found = readable_.find(fd);
  return found == readable_.end() ? pool::never : found->second;
}

void World::refresh(Session& session) noexcept {
  TimePoint when = session.gone ? session.gone_at : pool::never;
  if (!session.running.empty()) when = std::min(when, session.running.front().due);
  if (!session.sent.empty()) when = std::min(when, session.sent.front().due);
  readable_[session.fd] = when;
}

void World::kill(Session& session) noexcept {
  if (session.gone) return;
  session.gone = true;
  session.gone_at = once_in(3) ? now + milliseconds(choose(50)) : now;
  session.gone_with_others = session.fd % 2 == 0;
  if (session.watched_by >= 0)
    set_readable(session.watched_by, std::min(readable_at(session.watched_by), session.gone_at));
  refresh(session);
}

void World::kill_all() noexcept {
  for (const auto& session : sessions_) kill(*session);
}

}  // namespace copg::sim
