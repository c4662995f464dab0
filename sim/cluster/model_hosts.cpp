// The model: what the hosts are, and when they are probed.
#include <algorithm>

#include "sim/cluster/model.hpp"

namespace copg::sim {

using cluster::Duration;
using cluster::EpochEnd;
using cluster::HostId;
using cluster::Observation;
using cluster::Report;
using cluster::TimePoint;
using cluster::Verdict;

void ClusterModel::begin(TimePoint now) {
  now_ = std::max(now_, now);
  if (suspended_ && now_ >= suspended_until_) suspended_ = false;
}

void ClusterModel::set_hosts(std::uint64_t keys) {
  std::erase_if(hosts_, [&](const Known& host) {
    if ((keys >> host.key & 1) != 0) return false;
    left_[left_count_++] = {host.key, host.id};
    return true;
  });
  for (cluster::HostKey key = 0; key < 64; ++key) {
    if ((keys >> key & 1) == 0 || find(key) != nullptr) continue;
    Known host;
    host.key = key;
    host.id = core_.find(key).value_or(HostId{});
    for (const Known& other : hosts_)
      require(other.id != host.id, "C10 one outcome", "two hosts have one id");
    for (const Lease& lease : leases_)
      require(lease.host != host.id, "C10 one outcome", "a new host has the id of one that has left");
    hosts_.push_back(host);
  }
}

void ClusterModel::probed(Known& host, const Observation& seen) {
  if (host.answered) {
    EpochEnd end = EpochEnd::none;
    if (seen.instance != host.seen.instance) end = EpochEnd::restarted;
    if (host.seen.primary && !seen.primary) end = EpochEnd::demoted;
    if (seen.system != host.seen.system) end = EpochEnd::foreign;
    host.due_end = end;
  }
  const Duration took = std::max<Duration>(now_ - host.asked_at, Duration(1));
  host.latency = host.latency == Duration{} ? took : host.latency + (took - host.latency) / 8;
  host.seen = seen;
  host.sent = host.asked_at;
  host.answered = host.up = true;
  host.failures = 0;
  host.asking = false;
  host.doubted = host.outrun;
  host.urgent = host.urgent || host.outrun;
  host.outrun = false;
}

void ClusterModel::probe_failed(Known& host) {
  host.up = host.asking = host.outrun = false;
  ++host.failures;
  host.failed_at = now_;
}

void ClusterModel::doubt(Known& host) {
  host.doubted = true;
  host.outrun = host.asking;
  if (host.failures == 0) host.urgent = true;
}

void ClusterModel::tick() {
  for (Known& host : hosts_) {
    if (host.asking && now_ >= host.asked_at + options_.probe_timeout) probe_failed(host);
  }
}

void ClusterModel::suspend(TimePoint until) {
  if (closed_ || until <= now_) return;
  suspended_ = true;
  suspended_until_ = until;
  suspended_timeline_ = newest_;
}

void ClusterModel::close() {
  closed_ = true;
  suspended_ = false;
  for (Known& host : hosts_) host.asking = false;
}

/// The system that was asked for, or that of the first primary while a host belongs to it, or of any host.
void ClusterModel::learn_system() {
  if (options_.system != 0) return;
  const std::uint64_t before = system_;
  const auto lowest = [&](auto counts) {
    const Known* found = nullptr;
    for (const Known& host : hosts_) {
      if (counts(host) && (found == nullptr || host.id.slot < found->id.slot)) found = &host;
    }
    return found;
  };
  const bool belongs = std::any_of(hosts_.begin(), hosts_.end(), [&](const Known& host) {
    return host.answered && host.seen.system == system_;
  });
  if (!belongs) {
    system_ = 0;
    certain_ = false;
  }
  if (!certain_) {
    if (const Known* host = lowest([](const Known& it) { return it.up && it.seen.primary; })) {
      system_ = host->seen.system;
      certain_ = true;
    } else if (system_ == 0) {
      const Known* any = lowest([](const Known& it) { return it.answered; });
      if (any != nullptr) system_ = any->seen.system;
    }
  }
  if (system_ == before) return;
  newest_ = 0;
  written_ = 0;
}

void ClusterModel::expect(Report report) {
  constexpr Report opposite[] = {Report::primary_lost, Report::primary_found, Report::settled,
                                 Report::disputed};
  reports_[static_cast<std::size_t>(opposite[static_cast<std::size_t>(report)])] = false;
  reports_[static_cast<std::size_t>(report)] = true;
}

void ClusterModel::judge_hosts() {
  learn_system();
  for (const Known& host : hosts_) {
    if (!host.answered || host.seen.system != system_ || host.seen.timeline <= newest_) continue;
    newest_ = host.seen.timeline;
    written_ = 0;
  }
  std::size_t claims = 0;
  std::size_t others = 0;
  const Known* claimant = nullptr;
  bool twins = false;
  for (const Known& host : hosts_) {
    if (!host.answered || !host.seen.primary) continue;
    const bool ours = host.seen.system == system_;
    const bool newest = ours && host.seen.timeline == newest_;
    if (newest) written_ = std::max(written_, host.seen.position);
    if (!host.up) continue;
    if (!ours) ++others;
    if (!newest) continue;
    ++claims;
    if (claimant != nullptr && claimant->seen.instance != host.seen.instance) twins = true;
    claimant = &host;
  }
  const bool disputed = twins || (claims > 0 && others > 0 && options_.system == 0);
  if (disputed != disputed_) expect(disputed ? Report::disputed : Report::settled);
  disputed_ = disputed;
  for (Known& host : hosts_) {
    Verdict verdict = Verdict::unknown;
    if (host.answered) {
      const bool old = host.seen.timeline < newest_ || (host.up && disputed_);
      verdict = host.seen.system != system_ ? Verdict::foreign
                : !host.seen.primary        ? Verdict::replica
                : old                       ? Verdict::fenced
                                            : Verdict::primary;
    }
    if (verdict != host.verdict && verdict == Verdict::fenced)
      host.due_end = std::max(host.due_end, EpochEnd::fenced);
    if (verdict != host.verdict && verdict == Verdict::foreign)
      host.due_end = std::max(host.due_end, EpochEnd::foreign);
    host.verdict = verdict;
  }
  const HostId before = primary_;
  HostId first{};
  bool stays = false;
  for (const Known& host : hosts_) {
    if (!host.up || host.verdict != Verdict::primary) continue;
    stays = stays || host.id == before;
    if (first.generation == 0 || host.id.slot < first.slot) first = host.id;
  }
  if (!stays) primary_ = first;
  if (primary_.generation == 0) {
    if (before.generation != 0) expect(Report::primary_lost);
  } else if (primary_ != last_primary_ || before.generation == 0) {
    last_primary_ = primary_;
    expect(Report::primary_found);
  }
}

void ClusterModel::settle() {
  if (closed_) return;
  judge_hosts();
  if (suspended_ && primary_.generation != 0 && newest_ > suspended_timeline_) suspended_ = false;
  if (served_ && !serves()) {
    for (Known& host : hosts_) host.urgent = true;
  }
  served_ = serves();
}

// Probes.

Duration ClusterModel::backoff(const Known& host, bool searching) const {
  const Duration longest = searching ? options_.longest_search_backoff : options_.longest_backoff;
  Duration delay = options_.first_backoff;
  for (std::uint32_t i = 1; i < host.failures && i < 11 && delay < longest; ++i) delay *= 2;
  return std::min(delay, longest);
}

TimePoint ClusterModel::earliest_probe(const Known& host) const {
  if (!host.asked) return now_;
  const TimePoint least = host.asked_at + (host.failures > 0 ? options_.first_backoff : options_.probe_gap);
  if (host.urgent) return least;
  const bool searching = !serves();
  if (host.failures > 0) return std::max(least, host.failed_at + backoff(host, searching) / 2);
  if (starving() && host.verdict == Verdict::replica) return least;
  return host.asked_at + (searching || starving() ? options_.search_period : options_.probe_period);
}

TimePoint ClusterModel::latest_probe(const Known& host) const {
  if (host.asking) return host.asked_at + options_.probe_timeout;
  if (host.failures == 0 || host.urgent) return earliest_probe(host);
  return std::max(host.failed_at + backoff(host, !serves()), host.asked_at + options_.first_backoff);
}

void ClusterModel::judge_probe(Known& host, std::uint32_t number) {
  require(!closed_, "C12 no storm", "a probe after the close");
  require(!host.asking, "C12 no storm", "host {} is probed twice at a time", host.key);
  require(!host.asked || number != host.probe, "C12 no storm", "two probes have one number");
  require(now_ >= earliest_probe(host), "C12 no storm", "host {} is probed too soon", host.key);
  host.asked = host.asking = true;
  host.asked_at = now_;
  host.probe = number;
  host.urgent = host.outrun = false;
}

}  // namespace copg::sim
