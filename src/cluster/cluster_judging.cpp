// What the hosts are, by what they last answered: the system that is meant, the newest timeline, who is
// fenced, who is the primary, and whose connections must end.
#include <algorithm>

#include "cluster/cluster.hpp"

namespace copg::cluster {

bool Cluster::set_hosts(TimePoint now, std::span<const HostKey> keys) {
  pool::invariant(!has_action(), "all actions are taken before the hosts change");
  begin(now);
  const std::span<const HostKey> wanted = keys.first(std::min<std::size_t>(keys.size(), most_hosts));
  for (std::uint32_t slot = 0; slot < hosts_.size(); ++slot) {
    const Host& host = hosts_[slot];
    if (host.listed && std::find(wanted.begin(), wanted.end(), host.key) == wanted.end()) leave(slot);
  }
  for (const HostKey key : wanted) {
    if (!find(key)) add(key);
  }
  if (!closed_) {
    judge();
    settle();
  }
  return keys.size() <= most_hosts;
}

void Cluster::add(HostKey key) {
  std::uint32_t slot = 0;
  while (slot < hosts_.size() && (hosts_[slot].listed || hosts_[slot].end != EpochEnd::none)) ++slot;
  if (slot == hosts_.size()) hosts_.emplace_back();
  const std::uint32_t generation = hosts_[slot].generation + 1;
  hosts_[slot] = Host{};
  hosts_[slot].listed = true;
  hosts_[slot].key = key;
  hosts_[slot].generation = generation;
}

/// Its place is free as soon as the action has been polled.
void Cluster::leave(std::uint32_t slot) {
  Host& host = hosts_[slot];
  host.listed = false;
  host.probing = false;
  end_epoch(host, EpochEnd::left);
}

void Cluster::end_epoch(Host& host, EpochEnd end) {
  if (host.end == EpochEnd::none && !host.probe_pending) ++pending_hosts_;
  host.end = std::max(host.end, end);
}

/// The system that is meant: the one that was asked for; else that of the first primary, for as long as a
/// host belongs to it; before there was a primary, that of any host.
void Cluster::learn_system() {
  if (options_.system != 0) return;
  const auto belongs = [&](const Host& host) {
    return host.listed && host.answered && host.seen.system == system_;
  };
  std::uint64_t system = system_;
  if (system != 0 && std::none_of(hosts_.begin(), hosts_.end(), belongs)) {
    system = 0;
    certain_ = false;
  }
  for (const Host& host : hosts_) {
    if (certain_) break;
    if (!host.listed || !host.up || !host.seen.primary) continue;
    system = host.seen.system;
    certain_ = true;
  }
  for (const Host& host : hosts_) {
    if (system == 0 && host.listed && host.answered) system = host.seen.system;
  }
  if (system == system_) return;
  system_ = system;
  newest_ = 0;
  written_ = 0;
}

/// Two that answer claim to be the primary of the newest timeline and are not one server with two addresses;
/// or there is a primary of each of two systems, and nobody said which is meant.
void Cluster::judge_dispute() {
  const Host* claimant = nullptr;
  bool twice = false;
  bool foreign = false;
  for (const Host& host : hosts_) {
    if (!host.listed || !host.up || !host.seen.primary) continue;
    if (host.seen.system != system_) {
      foreign = true;
    } else if (host.seen.timeline == newest_) {
      twice = twice || (claimant != nullptr && claimant->seen.instance != host.seen.instance);
      claimant = &host;
    }
  }
  const bool disputed = twice || (claimant != nullptr && foreign && options_.system == 0);
  if (disputed != disputed_) note(disputed ? Report::disputed : Report::settled);
  disputed_ = disputed;
}

Verdict Cluster::verdict_on(const Host& host) const {
  if (!host.answered) return Verdict::unknown;
  if (host.seen.system != system_) return Verdict::foreign;
  if (!host.seen.primary) return Verdict::replica;
  return host.seen.timeline < newest_ || (disputed_ && host.up) ? Verdict::fenced : Verdict::primary;
}

/// The primary stays while it is one: of two addresses of one server neither is better.
void Cluster::elect() {
  const auto stands = [&](std::uint32_t slot) {
    return slot < hosts_.size() && hosts_[slot].listed && hosts_[slot].up &&
           hosts_[slot].verdict == Verdict::primary;
  };
  const bool was = primary_ != none;
  if (!stands(primary_)) {
    primary_ = none;
    for (std::uint32_t slot = 0; slot < hosts_.size() && primary_ == none; ++slot) {
      if (stands(slot)) primary_ = slot;
    }
  }
  if (primary_ == none) {
    if (was) note(Report::primary_lost);
  } else if (id(primary_) != reported_primary_ || !was) {
    reported_primary_ = id(primary_);
    note(Report::primary_found);
  }
}

void Cluster::judge() {
  learn_system();
  for (const Host& host : hosts_) {
    if (!host.listed || !host.answered || host.seen.system != system_) continue;
    if (host.seen.timeline > newest_) {
      newest_ = host.seen.timeline;
      written_ = 0;
    }
    if (host.seen.primary && host.seen.timeline == newest_) written_ = std::max(written_, host.seen.position);
  }
  judge_dispute();
  for (Host& host : hosts_) {
    if (!host.listed) continue;
    const Verdict verdict = verdict_on(host);
    if (verdict != host.verdict && verdict == Verdict::fenced) end_epoch(host, EpochEnd::fenced);
    if (verdict != host.verdict && verdict == Verdict::foreign) end_epoch(host, EpochEnd::foreign);
    host.verdict = verdict;
  }
  elect();
}

void Cluster::on_probed(TimePoint now, HostId host, std::uint32_t probe, const Observation& observation) {
  begin(now);
  if (!awaits(host, probe)) return catch_up();
  Host& it = hosts_[host.slot];
  const Observation before = it.seen;
  const bool answered = it.answered;
  it.answer(now_, observation);
  if (answered) {
    if (before.system != observation.system) {
      end_epoch(it, EpochEnd::foreign);
    } else if (before.primary && !observation.primary) {
      end_epoch(it, EpochEnd::demoted);
    } else if (before.instance != observation.instance) {
      end_epoch(it, EpochEnd::restarted);
    }
  }
  judge();
  settle();
}

void Cluster::on_probe_failed(TimePoint now, HostId host, std::uint32_t probe) {
  begin(now);
  if (!awaits(host, probe)) return catch_up();
  hosts_[host.slot].fail(now_, options_, random_);
  judge();
  settle();
}

}  // namespace copg::cluster
