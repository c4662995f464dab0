// The commands, and who serves a request.
#include "cluster/cluster.hpp"

#include <algorithm>
#include <bit>

namespace copg::cluster {

using pool::invariant;

Cluster::Cluster(const ClusterOptions& options, TimePoint now)
    : now_(now), system_(options.system), options_(options), waiters_(now), random_(options.seed) {
  invariant(options.probe_gap > Duration{} && options.probe_timeout > Duration{} &&
                options.probe_gap <= options.search_period && options.search_period <= options.probe_period &&
                options.first_backoff >= options.probe_gap &&
                options.first_backoff <= options.longest_search_backoff &&
                options.longest_search_backoff <= options.longest_backoff,
            "the times of a cluster's options are in order");
}

bool Cluster::live(HostId host) const {
  return host.slot < hosts_.size() && hosts_[host.slot].listed &&
         hosts_[host.slot].generation == host.generation;
}

const Host* Cluster::host(HostId host) const { return live(host) ? &hosts_[host.slot] : nullptr; }

std::optional<HostId> Cluster::find(HostKey key) const {
  for (std::uint32_t slot = 0; slot < hosts_.size(); ++slot) {
    if (hosts_[slot].listed && hosts_[slot].key == key) return id(slot);
  }
  return std::nullopt;
}

std::optional<HostId> Cluster::primary() const {
  return primary_ == none ? std::nullopt : std::optional(id(primary_));
}

bool Cluster::serves_primary() const { return primary_ != none && hosts_[primary_].trusted() && !suspended_; }

// Who serves.

bool Cluster::primary_fits(const Token& token) const {
  return serves_primary() && newest_ >= token.timeline;  // a newer one has another primary, not found yet
}

bool Cluster::replica_fits(const Host& host, const Request& request) const {
  if (!host.listed || !host.trusted() || host.verdict != Verdict::replica) return false;
  const Observation& seen = host.seen;
  // One that follows an older timeline may follow a fenced primary.
  if (seen.timeline != newest_) return false;
  const Token& token = request.token;
  if (token.timeline > 0 && (seen.timeline < token.timeline || seen.position < token.position)) return false;
  if (request.max_lag != forever &&
      (seen.lag > request.max_lag || now_ - host.seen_at > request.max_lag - seen.lag)) {
    return false;
  }
  if (request.max_lag_bytes == UINT64_MAX) return true;
  return written_ > 0 && (seen.position >= written_ || written_ - seen.position <= request.max_lag_bytes);
}

/// The least leased, and of these the one that answers fastest.
std::uint32_t Cluster::best_replica(const Request& request) const {
  std::uint32_t best = none;
  for (std::uint32_t slot = 0; slot < hosts_.size(); ++slot) {
    const Host& host = hosts_[slot];
    if (!replica_fits(host, request)) continue;
    if (best == none || host.leases < hosts_[best].leases ||
        (host.leases == hosts_[best].leases && host.latency < hosts_[best].latency)) {
      best = slot;
    }
  }
  return best;
}

/// Of the primary and the replicas the one that answers fastest, where a factor of less than two makes no
/// difference and the least leased goes first.
std::uint32_t Cluster::nearest(const Request& request) const {
  std::uint32_t best = none;
  int best_class = 0;
  for (std::uint32_t slot = 0; slot < hosts_.size(); ++slot) {
    const Host& host = hosts_[slot];
    if (!(slot == primary_ ? primary_fits(request.token) : replica_fits(host, request))) continue;
    const int its_class = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(host.latency.count())));
    if (best == none || its_class < best_class ||
        (its_class == best_class && host.leases < hosts_[best].leases)) {
      best = slot;
      best_class = its_class;
    }
  }
  return best;
}

Cluster::Choice Cluster::choose(const Request& request) const {
  if (request.token.timeline > 0 && system_ != 0 && request.token.system != system_)
    return {.error = WaitError::foreign_token};
  switch (request.role) {
    case Role::primary: return {.slot = primary_fits(request.token) ? primary_ : none};
    case Role::any: return {.slot = nearest(request)};
    case Role::replica: break;
  }
  const std::uint32_t replica = best_replica(request);
  if (replica != none || request.if_unfit == IfUnfit::wait || now_ < request.patience)
    return {.slot = replica};
  if (request.if_unfit == IfUnfit::fail) return {.error = WaitError::no_replica};
  return {.slot = primary_fits(request.token) ? primary_ : none};
}

void Cluster::lease(std::uint32_t slot) {
  ++hosts_[slot].leases;
  ++leases_;
}

void Cluster::end_lease(HostId host) {
  invariant(leases_ > 0, "a lease that ends has begun");
  --leases_;
  if (!live(host)) return;  // the count of a host that has left is that of all
  invariant(hosts_[host.slot].leases > 0, "a lease that ends has begun on its host");
  --hosts_[host.slot].leases;
}

/// Nobody of equal kind waits if the request can be served: who can be served does not wait.
Acquired Cluster::serve_or_queue(const Request& request, std::uint64_t ticket) {
  using Kind = Acquired::Kind;
  if (closed_) return {.kind = Kind::rejected, .error = WaitError::closed};
  if (!full()) {
    const Choice choice = choose(request);
    if (choice.error != WaitError::none) return {.kind = Kind::rejected, .error = choice.error};
    if (choice.slot != none) {
      lease(choice.slot);
      return {.kind = Kind::granted, .host = id(choice.slot), .ticket = ticket};
    }
  }
  if (request.deadline <= now_) return {.kind = Kind::rejected, .error = WaitError::timeout};
  const bool was_starving = starving();
  const WaiterId waiter = waiters_.push(now_, request, ticket);
  if (starving() != was_starving) settle();
  return {.kind = Kind::queued, .waiter = waiter, .ticket = ticket};
}

/// In the order of their tickets, whoever can be served.
void Cluster::serve_waiters() {
  std::uint32_t for_primary = waiters_.first(true);
  std::uint32_t for_others = waiters_.first(false);
  while (for_primary != Waiters::none || for_others != Waiters::none) {
    if (full()) return;
    const bool primary_first =
        for_others == Waiters::none ||
        (for_primary != Waiters::none && waiters_.ticket(for_primary) < waiters_.ticket(for_others));
    std::uint32_t& cursor = primary_first ? for_primary : for_others;
    const std::uint32_t slot = cursor;
    cursor = waiters_.next(slot);
    const Choice choice = choose(waiters_.request(slot));
    if (choice.error != WaitError::none) {
      waiters_.fail(slot, choice.error);
    } else if (choice.slot != none) {
      lease(choice.slot);
      waiters_.grant(slot, id(choice.slot), hosts_[choice.slot].key);
    }
  }
}

// The commands.

Acquired Cluster::acquire(TimePoint now, const Request& request) {
  begin(now);
  catch_up();
  return serve_or_queue(request, next_ticket_++);
}

Acquired Cluster::reacquire(TimePoint now, HostId host, const Request& request, std::uint64_t ticket) {
  begin(now);
  const bool others_first = full() || look_again_;
  end_lease(host);
  // Whoever is older goes first, where the lease that has ended was what they waited for.
  if (others_first && !closed_) {
    WaiterId waiter;
    if (request.deadline > now_) waiter = waiters_.push(now_, request, ticket);
    settle();
    if (waiter.generation > 0) return {.kind = Acquired::Kind::queued, .waiter = waiter, .ticket = ticket};
  }
  return serve_or_queue(request, ticket);
}

bool Cluster::cancel(TimePoint now, WaiterId waiter) {
  begin(now);
  const bool waits = waiters_.waits(waiter);
  if (waits) waiters_.cancel(waiter);
  catch_up();
  return waits;
}

void Cluster::release(TimePoint now, HostId host) {
  begin(now);
  look_again_ = look_again_ || full();
  end_lease(host);
  if (!closed_) catch_up();
}

void Cluster::suspend(TimePoint now, TimePoint until) {
  begin(now);
  if (closed_ || until <= now_) return catch_up();
  suspended_ = true;
  suspended_until_ = until;
  suspended_timeline_ = newest_;
  settle();
}

void Cluster::resume(TimePoint now) {
  begin(now);
  suspended_ = false;
  if (!closed_) settle();
}

void Cluster::close(TimePoint now) {
  begin(now);
  closed_ = true;
  suspended_ = look_again_ = false;
  for (const bool for_primary : {true, false}) {
    while (waiters_.first(for_primary) != Waiters::none)
      waiters_.fail(waiters_.first(for_primary), WaitError::closed);
  }
  for (Host& host : hosts_) {
    forget_probe(host);
    host.probing = false;
  }
  plan();
}

// The outputs.

std::optional<Action> Cluster::poll_action() {
  for (std::uint32_t slot = 0; pending_hosts_ > 0; ++slot) {
    invariant(slot < hosts_.size(), "a host has the action that is pending");
    Host& host = hosts_[slot];
    if (host.end == EpochEnd::none && !host.probe_pending) continue;
    Action action{.host = id(slot), .key = host.key};
    if (host.end != EpochEnd::none) {
      action.kind = ActionKind::end_epoch;
      action.end = host.end;
      host.end = EpochEnd::none;
    } else {
      action.kind = ActionKind::probe;
      action.probe = host.probe;
      host.probe_pending = false;
    }
    if (host.end == EpochEnd::none && !host.probe_pending) --pending_hosts_;
    return action;
  }
  for (std::size_t i = 0; report_pending_ && i < std::size(reports_); ++i) {
    if (!reports_[i]) continue;
    reports_[i] = false;
    Action action;
    action.kind = ActionKind::report;
    action.report = static_cast<Report>(i);
    if (action.report == Report::primary_found) {
      action.host = reported_primary_;
      action.key = hosts_[reported_primary_.slot].key;
    }
    return action;
  }
  report_pending_ = false;
  if (waiters_.has_outcome()) return waiters_.pop_outcome();
  return std::nullopt;
}

}  // namespace copg::cluster
