// The rules of the quiet state: what must hold after every input, when all actions have been taken.
//
// Rules that time decides (age, grace, backoff) are suspended while the core asks for a tick that is overdue.
#include "sim/model.hpp"

namespace copg::sim {

using pool::Duration;
using pool::TimePoint;

namespace {
constexpr Duration grace = std::chrono::milliseconds(100);

std::uint32_t minus(std::uint32_t a, std::uint32_t b) { return a > b ? a - b : 0; }

template <class Number>
std::uint32_t narrow(Number number) {
  return static_cast<std::uint32_t>(number);
}
}  // namespace

std::uint32_t Model::Census::established() const {
  return (*this)[State::idle] + (*this)[State::leased] + (*this)[State::resetting] + (*this)[State::checking];
}
std::uint32_t Model::Census::live() const {
  return established() + (*this)[State::connecting] + (*this)[State::dying];
}

Model::Census Model::recount() const {
  Census census;
  for (const Connection& connection : connections_) {
    ++census.count[static_cast<std::size_t>(connection.state)];
    switch (connection.state) {
      case State::idle: census.marked += connection.marked ? 1U : 0U; break;
      case State::resetting:
      case State::checking:
        if (now_ < connection.since + grace) {
          ++census.coming_back;
          if (!queue_.empty() && !suspended_) census.due = std::min(census.due, connection.since + grace);
        }
        break;
      case State::leased: break;
      case State::none:
      case State::connecting:
      case State::dying:
      case State::soiled:
      case State::condemned: continue;
    }
    if (now_ >= connection.ages_latest) ++census.aging_surely;
    if (now_ >= connection.ages_earliest) ++census.aging_perhaps;
    if (connection.state == State::idle) census.due = std::min(census.due, connection.expires_latest);
  }
  const std::uint32_t able = census.established();
  if (able <= options_.min_size) {  // connections that age must be replaced
    for (const Connection& connection : connections_) {
      if (connection.state != State::idle && connection.state != State::leased) continue;
      if (now_ < connection.ages_earliest) census.due = std::min(census.due, connection.ages_latest);
    }
  }
  return census;
}

void Model::judge_quiet(TimePoint next_deadline, const PoolStats& stats) {
  const Census census = recount();
  judge_ownership(census);
  judge_capacity(census);
  judge_progress(census, next_deadline);
  judge_growth(census, next_deadline);
  judge_limits(census, next_deadline);
  judge_deadlines(census, next_deadline);
  judge_runs(next_deadline);
  judge_stats(census, stats);
}

void Model::judge_ownership(const Census& census) {
  require(census[State::soiled] == 0, "I6 clean lease", "a connection that needs a reset is not reset");
  require(census[State::condemned] == 0, "I2 ownership", "a connection that must be closed is not closed");
  require(census[State::idle] == idle_.size(), "I2 ownership", "the model lost count");
}

void Model::judge_capacity(const Census& census) {
  const std::uint32_t open = census.live() - census[State::dying];
  require(open <= options_.max_size || (census[State::idle] == 0 && census[State::connecting] == 0),
          "I1 capacity", "{} open of {}, and {} are idle, {} connecting", open, options_.max_size,
          census[State::idle], census[State::connecting]);
  require(opens_ == 0 || census.live() <= options_.max_size, "I1 capacity", "opened one more: {} of {}",
          census.live(), options_.max_size);
  const auto dead = narrow(std::ranges::count_if(
      connections_, [](const auto& it) { return it.state == State::checking && it.hung_up; }));
  require(census[State::checking] - dead <= std::max(options_.num_workers, 1U), "I12 bounded",
          "{} checks at a time", census[State::checking] - dead);
  if (!closed_) return;
  require(queue_.empty(), "I9 nothing left", "{} wait after close", queue_.size());
  require(open == census[State::leased], "I9 nothing left", "{} open after close, {} leased", open,
          census[State::leased]);
}

void Model::judge_progress(const Census& census, TimePoint next_deadline) {
  if (closed_) return;
  require(suspended_ || queue_.empty() || idle_.empty(), "I3 progress", "{} wait while {} are idle",
          queue_.size(), idle_.size());
  require(!deadlocked(), "I3 progress", "every connection is leased to a caller that waits for another");
  require(census.marked == 0 || census[State::checking] >= options_.num_workers, "I3 progress",
          "{} marked for a check, and only {} are checked", census.marked, census[State::checking]);
  for (const std::uint32_t slot : idle_) {
    require(!connections_[slot].hung_up, "I8 recovery", "connection {} is idle, and its server has hung up",
            slot);
    require(connections_[slot].epoch == epoch_, "I8 recovery", "connection {} of an ended epoch is idle",
            slot);
    require(!ticked_ || !expired_surely(connections_[slot]), "I11 limits hold",
            "connection {} is idle after its max_lifetime", slot);
  }
  require(next_deadline <= std::max(census.due, now_), "I5 deadlines",
          "the next tick at {} ns is later than the age or grace due at {} ns",
          next_deadline.time_since_epoch().count(), census.due.time_since_epoch().count());
}

/// How many connects must be in flight, and how many may be.
void Model::judge_growth(const Census& census, TimePoint next_deadline) {
  if (closed_) return;
  const std::uint32_t waiting = suspended_ ? 0 : narrow(queue_.size());
  const std::uint32_t by_demand =
      minus(waiting, census.coming_back) + minus(options_.min_idle, census[State::idle]);
  const auto wanted = [&](std::uint32_t aging) {
    const std::uint32_t to_recover = out_of_patience() ? 1 : 0;
    return std::max({by_demand, minus(options_.min_size, census.established() - aging), to_recover});
  };
  const std::uint32_t limit = connect_limit();
  const std::uint32_t connecting = census[State::connecting];
  if (opens_ > 0) {
    require(connecting <= std::min(limit, wanted(census.aging_perhaps)), "I12 bounded",
            "{} connects in flight, {} wanted, {} at a time", connecting, wanted(census.aging_perhaps),
            limit);
    // Who waited for it may have left in the same call, unless that was a tick.
    const bool unasked = ticked_ && !in_batch_ && !asked(census);
    require(outage_.failures == 0 || now_ >= (unasked ? outage_.retry_earliest : outage_.asked_earliest),
            "I12 bounded", "a connect before its backoff was over");
  }
  const bool tick_due = next_deadline <= now_ && !ticked_;
  if (tick_due || connecting >= wanted(census.aging_surely) || census.live() >= options_.max_size) return;
  if (connecting < limit) return judge_retry(census, next_deadline);
  require(limit == options_.num_workers || next_deadline <= next_hang(), "I8 recovery",
          "nothing is due when a connect in flight hangs");
}

/// A connect that is wanted and not in flight: only the backoff explains that, and it ends in time.
void Model::judge_retry(const Census& census, TimePoint next_deadline) {
  const bool waited_for = asked(census);
  const TimePoint latest = waited_for ? outage_.asked_latest : outage_.retry_latest;
  require(outage_.failures > 0 && now_ < latest, waited_for ? "I8 recovery" : "I3 progress",
          "{} connects in flight, {} live of {}, {} wait, and no backoff", census[State::connecting],
          census.live(), options_.max_size, queue_.size());
  require(next_deadline <= latest, "I8 recovery", "nothing is due when the backoff ends");
}

bool Model::asked(const Census& census) const {
  const bool full = outage_.failures > 0 && outage_.last == pool::ConnectFailure::overloaded;
  if (full && census.established() > 0) return false;
  return awaited_ || (!suspended_ && queue_.size() > census.coming_back);
}

/// Connects that may be in flight: during an outage one, and another for each that hangs.
std::uint32_t Model::connect_limit() const {
  if (outage_.failures == 0) return options_.num_workers;
  if (outage_.last == pool::ConnectFailure::overloaded) return 1;
  const auto hanging = std::count_if(connections_.begin(), connections_.end(), [this](const auto& it) {
    return it.state == State::connecting && now_ - it.since >= options_.hang_after;
  });
  return std::min(options_.num_workers, 1 + narrow(hanging));
}

TimePoint Model::next_hang() const {
  TimePoint next = pool::never;
  if (outage_.failures == 0 || outage_.last == pool::ConnectFailure::overloaded) return next;
  for (const Connection& connection : connections_) {
    if (connection.state != State::connecting || now_ - connection.since >= options_.hang_after) continue;
    next = std::min(next, connection.since + options_.hang_after);
  }
  return next;
}

void Model::judge_limits(const Census& census, TimePoint next_deadline) {
  if (closed_ || idle_.empty()) return;
  const Connection& coldest = connections_[idle_.front()];
  const bool trimmable = idle_.size() > options_.min_idle && census.established() > options_.min_size &&
                         options_.max_idle < pool::never - coldest.since;
  if (!trimmable) return;
  const TimePoint due = coldest.since + options_.max_idle;
  require(!ticked_ || now_ < due, "I11 limits hold", "connection {} is idle for longer than max_idle",
          idle_.front());
  require(next_deadline <= std::max(due, now_), "I11 limits hold",
          "no tick is due when connection {} has been idle for max_idle", idle_.front());
}

void Model::judge_deadlines(const Census& census, TimePoint next_deadline) {
  TimePoint earliest = pool::never;
  for (const Waiter& waiter : queue_) earliest = std::min(earliest, waiter.deadline);
  require(next_deadline <= earliest, "I5 deadlines", "the next tick is later than the deadline of a waiter");
  if (ticked_) {
    require(earliest > now_, "I5 deadlines", "a waiter is in the queue after its deadline");
    require(next_deadline > now_, "I5 deadlines", "the tick left something that is due");
  }
  judge_outage(census, next_deadline);
}

void Model::judge_outage(const Census& census, TimePoint next_deadline) {
  if (closed_ || outage_.failures == 0) return;
  if (!queue_.empty() && census.established() == 0) {
    const bool tick_due = next_deadline <= now_ && !ticked_;
    require(tick_due || now_ < patience_ends(), "I8 recovery",
            "{} wait although patience with the outage is over", queue_.size());
    require(next_deadline <= patience_ends(), "I8 recovery",
            "no tick is due when patience with the outage ends");
  }
  const bool wanted = census[State::connecting] > 0 || (!suspended_ && queue_.size() > census.coming_back);
  if (ticked_ && now_ >= outage_.next_report) {
    require(!wanted || reports_ > 0, "I8 recovery", "an outage lasts for reconnect_timeout without a report");
    outage_.next_report =
        now_ + std::max<Duration>(options_.reconnect_timeout, std::chrono::milliseconds(100));
  }
  require(!wanted || next_deadline <= std::max(outage_.next_report, now_), "I8 recovery",
          "no tick is due when an outage has lasted for reconnect_timeout");
}

void Model::judge_stats(const Census& census, const PoolStats& stats) {
  PoolStats expected = totals_;
  expected.pool_min = options_.min_size;
  expected.pool_max = options_.max_size;
  expected.pool_size = census.established();
  expected.pool_available = census[State::idle];
  expected.leased = census[State::leased];
  expected.connecting = census[State::connecting];
  expected.resetting = census[State::resetting];
  expected.checking = census[State::checking];
  expected.closing = census[State::dying];
  expected.requests_waiting = narrow(queue_.size());
  if (in_batch_) {  // a run may have been granted and cancelled in between
    expected.statements_shared = totals_.statements_shared = stats.statements_shared;
    expected.statements_isolated = totals_.statements_isolated = stats.statements_isolated;
    expected.runs_num = totals_.runs_num = stats.runs_num;
    expected.runs_largest = totals_.runs_largest = stats.runs_largest;
  }
  if (!(stats == expected)) [[unlikely]] {
    std::string differences;
    const auto compare = [&](const char* name, auto said, auto counted) {
      if (said != counted) differences += fmt::format("{} {} counted {}; ", name, said, counted);
    };
    compare("pool_size", stats.pool_size, expected.pool_size);
    compare("pool_available", stats.pool_available, expected.pool_available);
    compare("leased", stats.leased, expected.leased);
    compare("connecting", stats.connecting, expected.connecting);
    compare("resetting", stats.resetting, expected.resetting);
    compare("checking", stats.checking, expected.checking);
    compare("closing", stats.closing, expected.closing);
    compare("requests_waiting", stats.requests_waiting, expected.requests_waiting);
    compare("requests_num", stats.requests_num, expected.requests_num);
    compare("requests_queued", stats.requests_queued, expected.requests_queued);
    compare("requests_wait", stats.requests_wait.count(), expected.requests_wait.count());
    compare("requests_errors", stats.requests_errors, expected.requests_errors);
    compare("requests_cancelled", stats.requests_cancelled, expected.requests_cancelled);
    compare("usage", stats.usage.count(), expected.usage.count());
    compare("returns_bad", stats.returns_bad, expected.returns_bad);
    compare("resets_num", stats.resets_num, expected.resets_num);
    compare("connections_num", stats.connections_num, expected.connections_num);
    compare("connections_time", stats.connections_time.count(), expected.connections_time.count());
    compare("connections_errors", stats.connections_errors, expected.connections_errors);
    compare("connections_lost", stats.connections_lost, expected.connections_lost);
    compare("statements_shared", stats.statements_shared, expected.statements_shared);
    compare("statements_isolated", stats.statements_isolated, expected.statements_isolated);
    compare("runs_num", stats.runs_num, expected.runs_num);
    compare("runs_largest", stats.runs_largest, expected.runs_largest);
    violate("stats are a recount", differences);
  }
  require(core_.closed() == closed_ && core_.suspended() == suspended_, "stats are a recount",
          "closed or suspended differs");
  require(core_.finished() == (closed_ && census.live() == 0), "I9 nothing left", "finished with {} live",
          census.live());
  require(core_.checks_pending() == census.marked + census[State::checking], "stats are a recount",
          "checks_pending {}, counted {}", core_.checks_pending(), census.marked + census[State::checking]);
  if (subject_ < connections_.size() && connections_[subject_].state != State::none) {
    const Connection& connection = connections_[subject_];
    require(core_.state_since({subject_, connection.generation}) == connection.since, "stats are a recount",
            "state_since of connection {} differs", subject_);
  }
}

}  // namespace copg::sim
