// When whom to probe, and what follows from an input.
#include <algorithm>

#include "cluster/cluster.hpp"

namespace copg::cluster {

void Cluster::note(Report report) {
  // What is over before it was told needs no telling.
  constexpr std::size_t opposite[] = {1, 0, 3, 2};
  reports_[opposite[static_cast<std::size_t>(report)]] = false;
  reports_[static_cast<std::size_t>(report)] = true;
  report_pending_ = true;
}

TimePoint Cluster::next_deadline() const { return std::min(next_probe_, waiters_.next_time()); }

/// Each command and input begins here: the time, and whose time is over.
void Cluster::begin(TimePoint now) {
  now_ = std::max(now_, now);
  if (waiters_.next_time() <= now_) look_again_ = waiters_.expire(now_) || look_again_;
  if (suspended_ && now_ >= suspended_until_) {
    suspended_ = false;
    look_again_ = true;
  }
}

/// What follows once something has changed.
void Cluster::settle() {
  look_again_ = false;
  if (suspended_ && primary_ != none && newest_ > suspended_timeline_) suspended_ = false;
  const bool serves = serves_primary();
  if (served_ && !serves) probe_all();
  served_ = serves;
  serve_waiters();
  start_probes();
  plan();
}

/// Whoever may have become the primary says so now. A host that is down is spared only its backoff.
void Cluster::probe_all() {
  for (Host& host : hosts_) host.urgent = true;
}

/// When a host's next probe begins, or must have been answered.
TimePoint Cluster::due(const Host& host) const {
  if (closed_ || !host.listed) return never;
  if (host.probing) return host.probed_at + options_.probe_timeout;
  if (!host.tried) return now_;
  const bool searching = !serves_primary();
  const TimePoint earliest = host.probed_at + (host.down() ? options_.first_backoff : options_.probe_gap);
  if (host.urgent) return earliest;
  if (host.down())
    return std::max(earliest, searching ? std::min(host.retry_at, host.search_at) : host.retry_at);
  if (starving() && host.verdict == Verdict::replica) return earliest;
  return host.probed_at + (searching || starving() ? options_.search_period : options_.probe_period);
}

void Cluster::start_probes() {
  for (Host& host : hosts_) {
    if (host.probing || due(host) > now_) continue;
    if (host.end == EpochEnd::none && !host.probe_pending) ++pending_hosts_;
    ++host.probe;
    host.probed_at = now_;
    host.tried = host.probing = host.probe_pending = true;
    host.urgent = host.outrun = false;
  }
}

/// Whether it is the probe that is under way.
bool Cluster::awaits(HostId host, std::uint32_t probe) const {
  return !closed_ && live(host) && hosts_[host.slot].probing && !hosts_[host.slot].probe_pending &&
         hosts_[host.slot].probe == probe;
}

/// Takes back the action of a probe, if nobody has taken it.
void Cluster::forget_probe(Host& host) {
  if (host.probe_pending && host.end == EpochEnd::none) --pending_hosts_;
  host.probe_pending = false;
}

void Cluster::plan() {
  next_probe_ = suspended_ ? suspended_until_ : never;
  for (const Host& host : hosts_) next_probe_ = std::min(next_probe_, due(host));
}

void Cluster::on_doubt(TimePoint now, HostId host) {
  begin(now);
  if (closed_ || !live(host)) return catch_up();
  Host& it = hosts_[host.slot];
  it.doubted = true;
  it.urgent = it.urgent || !it.down();
  it.outrun = it.probing;
  settle();
}

void Cluster::tick(TimePoint now) {
  begin(now);
  if (closed_) return;
  bool failed = false;
  for (Host& host : hosts_) {
    if (!host.probing || due(host) > now_) continue;
    forget_probe(host);
    host.fail(now_, options_, random_);
    failed = true;
  }
  if (failed) judge();
  settle();
}

}  // namespace copg::cluster
