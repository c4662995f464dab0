// The model: requests, grants, and what must hold when all is quiet.
#include "sim/cluster/model.hpp"

#include <algorithm>
#include <bit>

namespace copg::sim {

using cluster::HostId;
using cluster::IfUnfit;
using cluster::Request;
using cluster::Role;
using cluster::TimePoint;
using cluster::Verdict;
using cluster::WaitError;

ClusterModel::ClusterModel(const cluster::ClusterOptions& options, const cluster::Cluster& core)
    : options_(options), core_(core), system_(options.system) {
  hosts_.reserve(64);
  waiting_.reserve(256);
  leases_.reserve(1024);
}

void ClusterModel::violate(std::string invariant, std::string text) {
  if (!violation_) violation_ = Violation{std::move(invariant), std::move(text)};
}

ClusterModel::Known* ClusterModel::find(cluster::HostKey key) {
  for (Known& host : hosts_) {
    if (host.key == key) return &host;
  }
  return nullptr;
}

bool ClusterModel::serves() const {
  if (suspended_ || primary_.generation == 0) return false;
  return std::any_of(hosts_.begin(), hosts_.end(),
                     [&](const Known& host) { return host.id == primary_ && host.up && !host.doubted; });
}

bool ClusterModel::starving() const {
  return !full() && std::any_of(waiting_.begin(), waiting_.end(),
                                [](const Waiting& it) { return it.request.role != Role::primary; });
}

// What a request may have.

bool ClusterModel::foreign(const cluster::Token& token) const {
  return token.timeline > 0 && system_ != 0 && token.system != system_;
}
bool ClusterModel::fits_primary(const Request& request) const {
  return serves() && request.token.timeline <= newest_;
}
bool ClusterModel::has_replayed(const Known& host, const cluster::Token& token) const {
  return token.timeline == 0 ||
         (host.seen.timeline >= token.timeline && host.seen.position >= token.position);
}
bool ClusterModel::is_fresh(const Known& host, const Request& request) const {
  const auto known = [](cluster::Duration time) { return time != cluster::forever; };
  if (known(request.max_lag) &&
      (!known(host.seen.lag) || host.seen.lag + (now_ - host.sent) > request.max_lag))
    return false;
  if (request.max_lag_bytes == UINT64_MAX) return true;
  return written_ > 0 &&
         (host.seen.position > written_ || written_ - host.seen.position <= request.max_lag_bytes);
}
bool ClusterModel::is_right(const Known& host) const {
  return host.up && !host.doubted && !host.seen.primary && host.seen.system == system_ &&
         host.seen.timeline == newest_;
}
bool ClusterModel::fits_replica(const Known& host, const Request& request) const {
  return is_right(host) && has_replayed(host, request.token) && is_fresh(host, request);
}
bool ClusterModel::any_replica(const Request& request) const {
  return std::any_of(hosts_.begin(), hosts_.end(),
                     [&](const Known& host) { return fits_replica(host, request); });
}
/// Whether a request need not wait: it can be served, or fail.
bool ClusterModel::served(const Request& request) const {
  if (foreign(request.token)) return true;
  if (request.role == Role::primary) return fits_primary(request);
  if (any_replica(request)) return true;
  if (request.role == Role::any) return fits_primary(request);
  if (request.if_unfit == IfUnfit::wait || request.patience > now_) return false;
  return request.if_unfit == IfUnfit::fail || fits_primary(request);
}

void ClusterModel::judge_balance(const Request& request, const Known& host) {
  const auto distance = [](const Known& it) {
    return std::bit_width(static_cast<std::uint64_t>(it.latency.count()));
  };
  for (const Known& other : hosts_) {
    if (request.role == Role::any) {
      if (!(other.id == primary_ ? fits_primary(request) : fits_replica(other, request))) continue;
      require(distance(host) <= distance(other), "C5 balance", "host {} is nearer than {}", other.key,
              host.key);
      require(distance(host) < distance(other) || host.leases <= other.leases, "C5 balance",
              "host {} has fewer leases than {}", other.key, host.key);
    } else if (fits_replica(other, request)) {
      require(host.leases <= other.leases, "C5 balance", "host {} has fewer leases than {}", other.key,
              host.key);
      require(host.leases < other.leases || host.latency <= other.latency, "C5 balance",
              "host {} is nearer than {}", other.key, host.key);
    }
  }
}

void ClusterModel::judge_grant(const Request& request, HostId id) {
  require(!closed_, "C10 one outcome", "a grant after the close");
  require(!full(), "C9 limit", "a grant beyond {} leases", options_.max_leases);
  const auto found =
      std::find_if(hosts_.begin(), hosts_.end(), [&](const Known& host) { return host.id == id; });
  if (found == hosts_.end()) return violate("C4 right host", "a host that is not listed was granted");
  const Known& host = *found;
  require(!foreign(request.token), "C2 own writes", "the token is of another system");
  if (host.seen.primary) {
    require(host.id == primary_ && serves(), "C1 one primary", "host {} is not the primary that is served",
            host.key);
    require(request.token.timeline <= newest_, "C2 own writes", "the primary is older than the token");
    if (request.role == Role::any) judge_balance(request, host);
    if (request.role != Role::replica) return;
    require(request.if_unfit == IfUnfit::primary && request.patience <= now_ && !any_replica(request),
            "C4 right host", "host {} is no replica, and a replica was asked for", host.key);
    return;
  }
  require(request.role != Role::primary, "C1 one primary", "host {} is a replica", host.key);
  require(is_right(host), "C4 right host", "host {} is no replica to read from", host.key);
  require(has_replayed(host, request.token), "C2 own writes", "host {} has replayed up to {}, not {}",
          host.key, host.seen.position, request.token.position);
  require(is_fresh(host, request), "C3 fresh", "the data of host {} are too old", host.key);
  judge_balance(request, host);
}

void ClusterModel::grant(const Request& request, HostId id, std::uint64_t ticket) {
  judge_grant(request, id);
  for (Known& host : hosts_) {
    if (host.id != id) continue;
    ++host.leases;
    leases_.push_back({id, host.key, ticket, request});
    ++grants_;
  }
}

void ClusterModel::judge_error(const Request& request, WaitError error) {
  switch (error) {
    case WaitError::none: return violate("C10 one outcome", "a failure without a reason");
    case WaitError::timeout:
      return require(request.deadline <= now_, "C6 deadlines", "a timeout before the deadline");
    case WaitError::no_replica:
      return require(request.role == Role::replica && request.if_unfit == IfUnfit::fail &&
                         request.patience <= now_ && !any_replica(request),
                     "C8 progress", "a failure for want of a replica, and there is one");
    case WaitError::foreign_token:
      return require(foreign(request.token), "C2 own writes", "the token is not foreign");
    case WaitError::closed: return require(closed_, "C10 one outcome", "it is not closed");
  }
}

void ClusterModel::on_queued(const Request& request, const cluster::Acquired& answer) {
  require(!closed_ && request.deadline > now_, "C6 deadlines", "queued after its deadline");
  const auto place = std::find_if(waiting_.begin(), waiting_.end(),
                                  [&](const Waiting& it) { return it.ticket > answer.ticket; });
  waiting_.insert(place, {answer.waiter, answer.ticket, request});
}

void ClusterModel::on_answer(const Request& request, const cluster::Acquired& answer) {
  if (answer.kind == cluster::Acquired::Kind::granted) grant(request, answer.host, answer.ticket);
  if (answer.kind == cluster::Acquired::Kind::rejected) {
    judge_error(request, answer.error);
    require(answer.error != WaitError::timeout || full() || !served(request), "C8 progress",
            "rejected, and it could be served");
  }
}

void ClusterModel::end_lease(std::size_t index) {
  for (Known& host : hosts_) {
    if (host.id == leases_[index].host) --host.leases;
  }
  leases_[index] = leases_.back();
  leases_.pop_back();
}

void ClusterModel::on_action(const cluster::Action& action) {
  switch (action.kind) {
    case cluster::ActionKind::grant:
    case cluster::ActionKind::fail: {
      const auto it = std::find_if(waiting_.begin(), waiting_.end(),
                                   [&](const Waiting& other) { return other.id == action.waiter; });
      if (it == waiting_.end()) return violate("C10 one outcome", "an outcome for one that does not wait");
      const Waiting waiter = *it;
      const auto position = waiting_.erase(it);
      if (action.kind == cluster::ActionKind::fail) return judge_error(waiter.request, action.error);
      require(waiter.request.deadline > now_, "C6 deadlines", "a grant after the deadline");
      require(waiter.ticket == action.ticket, "C7 order", "another ticket than the waiter's");
      for (auto older = waiting_.begin(); older != position; ++older)
        require(older->request.deadline <= now_ || !served(older->request), "C7 order",
                "an older waiter could be served");
      return grant(waiter.request, action.host, action.ticket);
    }
    case cluster::ActionKind::probe: {
      Known* host = find(action.key);
      if (host == nullptr || host->id != action.host)
        return violate("C12 no storm", "a host is probed that is not listed");
      return judge_probe(*host, action.probe);
    }
    case cluster::ActionKind::end_epoch: {
      if (Known* host = find(action.key); host != nullptr && host->id == action.host) {
        require(action.end == host->due_end, "C13 epochs", "the epoch of host {} ends for reason {}, not {}",
                host->key, static_cast<int>(action.end), static_cast<int>(host->due_end));
        host->due_end = cluster::EpochEnd::none;
        return;
      }
      for (std::size_t i = 0; i < left_count_; ++i) {
        if (left_[i].second != action.host || action.end != cluster::EpochEnd::left) continue;
        left_[i] = left_[--left_count_];
        return;
      }
      return violate("C13 epochs", "the epoch of an unknown host ends");
    }
    case cluster::ActionKind::report: {
      auto& due = reports_[static_cast<std::size_t>(action.report)];
      require(due, "C14 told", "report {} was not due", static_cast<int>(action.report));
      due = false;
      return;
    }
  }
}

void ClusterModel::judge_recount() {
  const auto primary = core_.primary().value_or(HostId{});
  require(primary == primary_, "C14 told", "the primary is in slot {}, not {}", primary_.slot, primary.slot);
  require(core_.serves_primary() == serves() && core_.suspended() == suspended_, "C14 told",
          "whether the primary is served");
  require(core_.system() == system_ && core_.newest_timeline() == newest_, "C14 told",
          "the newest timeline is {}, not {}", newest_, core_.newest_timeline());
  require(core_.disputed() == disputed_, "C14 told", "the dispute");
  require(core_.waiting() == waiting_.size(), "C10 one outcome", "{} wait, not {}", waiting_.size(),
          core_.waiting());
  require(core_.leases() == leases_.size(), "C10 one outcome", "{} leases, not {}", leases_.size(),
          core_.leases());
  for (const Known& host : hosts_) {
    const cluster::Host* other = core_.host(host.id);
    require(other != nullptr && other->leases == host.leases && other->verdict == host.verdict &&
                other->trusted() == (host.up && !host.doubted),
            "C14 told", "host {} is not what it should be", host.key);
  }
}

void ClusterModel::judge_quiet(TimePoint next_deadline) {
  for (const Waiting& it : waiting_) {
    require(it.request.deadline > now_, "C6 deadlines", "one waits beyond its deadline");
    require(next_deadline <= it.request.deadline, "C6 deadlines", "the next tick is after a deadline");
    const bool patient = it.request.role == Role::replica && it.request.if_unfit != IfUnfit::wait;
    if (patient && it.request.patience > now_)
      require(next_deadline <= it.request.patience, "C6 deadlines", "the next tick is after a patience");
    require(full() || !served(it.request), "C8 progress", "one waits that could be served");
  }
  for (Known& host : hosts_) {
    require(host.due_end == cluster::EpochEnd::none, "C13 epochs",
            "the epoch of host {} should have ended ({})", host.key, static_cast<int>(host.due_end));
    host.due_end = cluster::EpochEnd::none;
    if (!closed_)
      require(next_deadline <= std::max(latest_probe(host), now_), "C11 found out",
              "the next tick is after the next probe of host {}", host.key);
  }
  require(left_count_ == 0, "C13 epochs", "a host has left, and its epoch has not ended");
  if (suspended_)
    require(next_deadline <= suspended_until_, "C6 deadlines", "the next tick is after the suspension");
  for (std::size_t i = 0; i < reports_.size(); ++i) require(!reports_[i], "C14 told", "report {} was due", i);
  judge_recount();
}

}  // namespace copg::sim
