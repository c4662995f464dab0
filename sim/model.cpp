// The model's account of connections and waiters: what each input and answer makes of them.
#include "sim/model.hpp"

namespace copg::sim {

using pool::ConnectionId;
using pool::Disposition;
using pool::Duration;
using pool::TimePoint;
using pool::WaiterId;
using pool::WaitError;

Model::Model(const pool::CoreOptions& options, const pool::PoolCore& core)
    : options_(options),
      core_(core),
      lead_(std::min<Duration>(std::chrono::seconds(10), options.max_lifetime / 20)) {
  connections_.resize(options.max_size);
  idle_.reserve(64);
  queue_.reserve(64);
  granted_.reserve(64);
}

void Model::violate(std::string invariant, std::string text) {
  if (!violation_) violation_ = Violation{std::move(invariant), std::move(text)};
}

void Model::begin(const Input& input, bool in_batch) {
  const bool timeless = input.kind == InputKind::accept || input.kind == InputKind::suspend ||
                        input.kind == InputKind::set_holder ||
                        (input.kind >= InputKind::send_next && input.kind != InputKind::tick);
  if (!timeless) now_ = std::max(now_, input.now);
  in_batch_ = in_batch;
  ticked_ = input.kind == InputKind::tick || input.kind == InputKind::resize;
  subject_ = ~0U;
  served_ = in_batch;
  if (!in_batch) opens_ = reports_ = 0;
}

void Model::on_acquired(const Input& input, const pool::Acquired& answer) {
  std::uint64_t ticket = 0;
  bool waited = false;
  const bool again = input.kind == InputKind::reacquire || input.kind == InputKind::reacquire_statement;
  const bool returning = again && is(input.connection(), State::leased);
  const bool is_statement =
      input.kind == InputKind::acquire_statement || input.kind == InputKind::reacquire_statement;
  if (returning) {
    ticket = connections_[input.slot].ticket;
    waited = connections_[input.slot].waited;
    end_run(input.slot, 0);
    take_back(input.slot, Disposition::broken);
    totals_.usage += now_ - connections_[input.slot].since;
    ++totals_.returns_bad;
    connections_[input.slot].since = now_;
  } else {
    ticket = next_ticket_++;
    ++totals_.requests_num;
  }
  if (answer.kind != pool::Acquired::Kind::granted) pass_over_idle();
  switch (answer.kind) {
    case pool::Acquired::Kind::granted:
      require(!closed_ && !suspended_, "I9 nothing left",
              "a connection was granted while closed or suspended");
      require(in_batch_ || queue_.empty() || ticket < queue_.front().ticket, "I10 order",
              "a newcomer was granted a connection before the waiter {}.{}",
              queue_.empty() ? 0 : queue_.front().id.slot, queue_.empty() ? 0 : queue_.front().id.generation);
      give(answer.connection, ticket, is_statement ? pool::unknown_holder : input.holder);
      connections_[answer.connection.slot].waited = waited;
      connections_[answer.connection.slot].slow =
          is_statement && sharing() && core_.slow_texts().slow(input.statement.key);
      return;
    case pool::Acquired::Kind::queued: {
      require(!closed_ && input.deadline > now_, "I4 one outcome",
              "queued although closed or past its deadline");
      require(in_batch_ || !out_of_patience(), "I8 recovery",
              "queued although patience with the outage is over");
      require(returning || options_.max_waiting == 0 || in_batch_ || queue_.size() < options_.max_waiting,
              "I12 bounded", "queued above max_waiting = {}", options_.max_waiting);
      require(answer.waiter.generation != 0, "I13 identity", "a waiter of generation 0");
      if (!waited) ++totals_.requests_queued;
      insert({answer.waiter, ticket, input.deadline, now_, is_statement, input.statement, input.holder});
      break;
    }
    case pool::Acquired::Kind::rejected:
      ++totals_.requests_errors;
      if (!in_batch_) judge_rejection(answer.error, input.deadline, returning);
      break;
  }
}

/// Nothing but the lease: a try that gets none leaves no trace.
void Model::on_tried(const Input& input, const std::optional<ConnectionId>& answer) {
  if (!answer) return pass_over_idle();
  require(!closed_ && !suspended_, "I9 nothing left", "a connection was granted while closed or suspended");
  require(in_batch_ || queue_.empty(), "I10 order", "a try was granted a connection before those that wait");
  ++totals_.requests_num;
  give(*answer, next_ticket_++, input.holder);
  connections_[answer->slot].waited = connections_[answer->slot].slow = false;
}

/// A request got no idle connection: they must be too old.
void Model::pass_over_idle() {
  if (closed_ || suspended_ || in_batch_) return;
  while (!idle_.empty() && connections_[idle_.back()].epoch == epoch_) {
    Connection& connection = connections_[idle_.back()];
    require(expired_perhaps(connection), "I3 progress", "not granted although connection {} is idle",
            idle_.back());
    connection.verdict = CloseReason::lifetime;
    enter(idle_.back(), State::condemned);
  }
}

void Model::insert(Waiter waiter) {
  waiter.entered_as = ++leases_and_waits_;
  const auto after =
      std::find_if(queue_.begin(), queue_.end(), [&](const Waiter& it) { return it.ticket > waiter.ticket; });
  queue_.insert(after, waiter);
}

void Model::judge_rejection(WaitError error, TimePoint deadline, bool returning) {
  switch (error) {
    case WaitError::closed: return require(closed_, "I4 one outcome", "rejected as closed while open");
    case WaitError::timeout:
      return require(deadline <= now_, "I4 one outcome", "rejected by a timeout before its deadline");
    case WaitError::too_many_waiting:
      return require(!returning && options_.max_waiting > 0 && queue_.size() >= options_.max_waiting,
                     "I12 bounded", "rejected as too many with {} waiting of {}", queue_.size(),
                     options_.max_waiting);
    case WaitError::connect_failed:
      return require(
          out_of_patience() || (outage_.failures > 0 && outage_.last == pool::ConnectFailure::configuration &&
                                now_ < outage_.asked_latest),
          "I4 one outcome", "rejected by a failed connect without one that stands");
    case WaitError::deadlock:
    case WaitError::lost:
    case WaitError::turned_away:
    case WaitError::none: return violate("I4 one outcome", "rejected without an error");
  }
}

void Model::on_accepted(const Input& input, const std::optional<ConnectionId>& answer) {
  const auto it = std::find_if(granted_.begin(), granted_.end(),
                               [&](const Grant& g) { return g.waiter == input.waiter(); });
  if (it == granted_.end()) {
    if (answer && position_of(input.waiter()) < queue_.size() && in_batch_) {
      grant(input.waiter(), *answer);
      granted_.pop_back();
      return;
    }
    return require(!answer, "I13 identity", "a stale waiter {}.{} was given a connection", input.slot,
                   input.generation);
  }
  require(answer == it->connection, "I4 one outcome", "waiter {}.{} did not get what it was granted",
          input.slot, input.generation);
  granted_.erase(it);
}

void Model::on_cancelled(const Input& input, const pool::Cancelled& answer) {
  using Kind = pool::Cancelled::Kind;
  const auto it = std::find_if(granted_.begin(), granted_.end(),
                               [&](const Grant& g) { return g.waiter == input.waiter(); });
  if (const auto place = place_of(input.waiter()))
    return it != granted_.end() ? cancel_driver(*place, answer) : cancel_member(*place, answer);
  if (it != granted_.end()) {
    require(answer.kind == Kind::granted && answer.connection == it->connection, "I2 ownership",
            "waiter {}.{} was cancelled, and its grant is nobody's", input.slot, input.generation);
    granted_.erase(it);
    return;
  }
  const std::size_t position = position_of(input.waiter());
  if (position == queue_.size()) {
    return require(answer.kind == Kind::unknown, "I13 identity", "a stale waiter {}.{} was cancelled",
                   input.slot, input.generation);
  }
  switch (answer.kind) {
    case Kind::cancelled:
      dequeue(position);
      ++totals_.requests_cancelled;
      return;
    case Kind::sent: return violate("I4 one outcome", "a waiting one had been sent");
    case Kind::granted:
      require(in_batch_, "I4 one outcome", "a waiting one had been granted a connection without a word");
      grant(input.waiter(), answer.connection);
      granted_.pop_back();
      return;
    case Kind::unknown:  // failed, and not told yet: its fail action follows
      return require(in_batch_, "I4 one outcome", "waiter {}.{} is not known", input.slot, input.generation);
  }
}

void Model::on_released(const Input& input, bool answer) {
  const bool leased = is(input.connection(), State::leased);
  require(answer == leased, "I13 identity", "release of {}.{} said {}", input.slot, input.generation, answer);
  if (!leased) return;
  totals_.usage += now_ - connections_[input.slot].since;
  if (input.disposition != Disposition::clean && input.disposition != Disposition::needs_reset)
    ++totals_.returns_bad;
  end_run(input.slot, input.never_sent);
  take_back(input.slot, input.disposition);
}

void Model::on_detached(const Input& input, bool answer) {
  const bool leased = is(input.connection(), State::leased);
  require(answer == leased, "I13 identity", "detach of {}.{} said {}", input.slot, input.generation, answer);
  if (!leased) return;
  totals_.usage += now_ - connections_[input.slot].since;
  ++totals_.connections_detached;
  end_run(input.slot, 0);
  enter(input.slot, State::none);
}

void Model::on_input(const Input& input) {
  switch (input.kind) {
    case InputKind::set_holder:
      if (!is(input.connection(), State::leased)) return;
      connections_[input.slot].holder = input.holder;
      connections_[input.slot].leased_as = ++leases_and_waits_;
      break;
    case InputKind::resize:
      options_.min_size = input.min_size;
      options_.max_size = input.max_size;
      if (connections_.size() < input.max_size) connections_.resize(input.max_size);
      break;
    case InputKind::check_all:
      for (const std::uint32_t slot : idle_) connections_[slot].marked = true;
      outage_.steps = 0;
      outage_.retry_earliest = outage_.retry_latest = outage_.asked_earliest = outage_.asked_latest = {};
      break;
    case InputKind::drain:
      drained_epoch_ = epoch_;
      end_epoch();
      break;
    case InputKind::suspend: suspended_ = true; break;
    case InputKind::resume: suspended_ = false; break;
    case InputKind::awaited: awaited_ = true; break;
    case InputKind::unawaited: awaited_ = false; break;
    case InputKind::close:
      if (!closed_) suspended_ = false;
      closed_ = true;
      break;
    case InputKind::cut:
      for (std::uint32_t slot = 0; slot < connections_.size(); ++slot) {
        if (connections_[slot].state != State::leased) continue;
        end_run(slot, 0);
        connections_[slot].verdict = CloseReason::pool_closed;
        enter(slot, State::condemned);
      }
      break;
    case InputKind::on_connected:
      if (!is(input.connection(), State::connecting)) return;
      totals_.connections_time += now_ - connections_[input.slot].since;
      outage_.failures = outage_.steps = 0;
      draw_lifetime(connections_[input.slot]);
      subject_ = input.slot;
      make_idle(input.slot, now_);
      break;
    case InputKind::on_connect_failed:
      if (is(input.connection(), State::connecting)) connect_failed(input.slot, input.failure);
      break;
    case InputKind::on_reset_done:
      if (!is(input.connection(), State::resetting)) return;
      ++totals_.resets_num;
      take_back(input.slot, input.disposition);
      break;
    case InputKind::on_check_done:
      if (is(input.connection(), State::checking)) take_back(input.slot, input.disposition);
      break;
    case InputKind::on_closed:
      if (is(input.connection(), State::dying)) enter(input.slot, State::none);
      break;
    case InputKind::on_hung_up: {
      const ConnectionId id = input.connection();
      const bool open =
          is(id, State::idle) || is(id, State::leased) || is(id, State::resetting) || is(id, State::checking);
      if (open) connections_[id.slot].hung_up = true;
      break;
    }
    case InputKind::tick:
    case InputKind::send_next:
    case InputKind::hand_on:
    case InputKind::on_answered:
    case InputKind::on_alone_answered:
    case InputKind::acquire:
    case InputKind::reacquire:
    case InputKind::acquire_statement:
    case InputKind::reacquire_statement:
    case InputKind::try_acquire:
    case InputKind::accept:
    case InputKind::cancel:
    case InputKind::detach:
    case InputKind::release: break;
  }
}

void Model::take_back(std::uint32_t slot, Disposition disposition) {
  Connection& connection = connections_[slot];
  subject_ = slot;
  if (connection.hung_up && disposition <= Disposition::needs_reset) disposition = Disposition::lost;
  if (options_.work_on_returns && connection.state == State::leased && disposition == Disposition::clean)
    disposition = Disposition::needs_reset;
  switch (disposition) {
    case Disposition::clean:
      make_idle(slot, connection.state == State::checking ? connection.idle_since : now_);
      return;
    case Disposition::needs_reset: enter(slot, State::soiled); return;
    case Disposition::discard: connection.verdict = CloseReason::discarded; break;
    case Disposition::broken:
      connection.verdict = CloseReason::broken;
      ++totals_.connections_lost;
      break;
    case Disposition::demoted: connection.verdict = CloseReason::demoted; break;
    case Disposition::lost:
      connection.verdict = CloseReason::broken;
      ++totals_.connections_lost;
      break;
  }
  const bool tells = disposition == Disposition::broken || disposition == Disposition::demoted;
  if (tells && connection.epoch == epoch_) end_epoch();
  const TimePoint since = connection.since;
  enter(slot, State::condemned);
  connection.since = since;  // the caller reckons the lease with it
}

void Model::connect_failed(std::uint32_t slot, pool::ConnectFailure failure) {
  using pool::ConnectFailure;
  constexpr Duration longest = std::chrono::seconds(5);
  constexpr Duration first = std::chrono::milliseconds(10);
  constexpr Duration least_overloaded = std::chrono::milliseconds(250);
  constexpr Duration least_report = std::chrono::milliseconds(100);
  enter(slot, State::none);
  ++totals_.connections_errors;
  if (outage_.failures == 0) {
    outage_.since = now_;
    outage_.next_report = now_ + std::max(options_.reconnect_timeout, least_report);
  }
  Duration ceiling = first;
  for (std::uint32_t n = 0; n < outage_.steps && ceiling < longest; ++n) ceiling *= 2;
  ceiling = std::min(ceiling, longest);
  ++outage_.failures;
  ++outage_.steps;
  outage_.last = failure;
  Duration asked = std::chrono::milliseconds(150);
  Duration earliest{};
  switch (failure) {
    case ConnectFailure::transient: break;
    case ConnectFailure::refused_near: asked = std::chrono::milliseconds(50); break;
    case ConnectFailure::overloaded:
      ceiling = std::max(ceiling, least_overloaded);
      asked = std::chrono::seconds(1);
      earliest = ceiling / 2;
      break;
    case ConnectFailure::configuration:
      asked = longest;
      earliest = ceiling / 2;
      break;
  }
  asked = std::min(asked, ceiling);
  outage_.retry_earliest = now_ + earliest;
  outage_.retry_latest = now_ + ceiling;
  outage_.asked_earliest = now_ + std::min(earliest, asked / 2);
  outage_.asked_latest = now_ + asked;
}

}  // namespace copg::sim
