#include "sim/cluster/workload.hpp"

#include <algorithm>

namespace copg::sim {

using cluster::Duration;
using cluster::HostKey;
using cluster::IfUnfit;
using cluster::Request;
using cluster::Role;
using cluster::TimePoint;
using Kind = ClusterInputKind;
using namespace std::chrono_literals;

ClusterWorkload::ClusterWorkload(std::uint64_t seed) : dice_(seed), world_(dice_) {
  options_.seed = seed;
  if (dice_.permille(300)) options_.max_leases = dice_.between(1U, 8U);
  if (dice_.permille(200)) options_.system = ClusterWorld::system;
  if (dice_.permille(300)) options_.probe_timeout = dice_.between(100ms, 2s);
  if (dice_.permille(200)) options_.probe_gap = 1ms;
  if (dice_.permille(200)) options_.probe_period = dice_.between(50ms, 5s);
  length_ = dice_.between(100U, 3000U);
  choose_rates();
  probes_.reserve(64);
}

void ClusterWorkload::choose_rates() {
  const Duration gaps[] = {200us, 1ms, 5ms, 50ms};
  arrival_gap_ = gaps[dice_.below(4)];
  hold_ = dice_.between(100us, 20ms);
  world_gap_ = dice_.between(2ms, 400ms);
  lookup_gap_ = dice_.between(50ms, 5s);
  patience_ = dice_.permille(500) ? dice_.between(1ms, 100ms) : dice_.between(100ms, 5s);
  reads_ = dice_.between(100U, 900U);
  tokens_ = dice_.between(0U, 700U);
  noise_ = dice_.permille(500) ? 0 : dice_.between(1U, 60U);
}

ClusterInput ClusterWorkload::at(Kind kind) const {
  ClusterInput input;
  input.kind = kind;
  input.now = now_;
  return input;
}

Request ClusterWorkload::request() {
  Request request;
  request.deadline = now_ + dice_.between(Duration{}, patience_);
  if (!dice_.permille(reads_)) {
    if (dice_.permille(50)) request.token = world_.some_token();
    return request;
  }
  request.role = dice_.permille(200) ? Role::any : Role::replica;
  request.if_unfit = static_cast<IfUnfit>(dice_.below(3));
  if (dice_.permille(500)) request.patience = now_ + dice_.between(Duration{}, patience_);
  if (dice_.permille(400)) request.max_lag = dice_.between(Duration{}, dice_.permille(500) ? 3s : 100ms);
  if (dice_.permille(200)) request.max_lag_bytes = dice_.below(200);
  if (dice_.permille(tokens_)) request.token = world_.some_token();
  return request;
}

ClusterInput ClusterWorkload::arrive() {
  ClusterInput input = at(Kind::acquire);
  input.request = request();
  next_arrival_ = now_ + dice_.between(Duration{}, 2 * arrival_gap_);
  if (dice_.permille(20)) next_arrival_ = now_ + 50 * arrival_gap_;
  if (dice_.permille(100)) next_arrival_ = now_;  // a burst
  return input;
}

ClusterInput ClusterWorkload::give_back(const ClusterHarness& harness) {
  const auto& leases = harness.model().leases();
  ClusterInput input = at(Kind::release);
  input.pick = dice_.below(1024);
  const auto& lease = leases[input.pick % leases.size()];
  if (lease.request.role == Role::primary && dice_.permille(500)) world_.write(lease.key);
  next_release_ = now_ + dice_.between(Duration{}, 2 * hold_);
  if (leases.size() > 20) next_release_ = now_;
  if (!dice_.permille(100)) return input;
  input.kind = Kind::reacquire;  // nothing could be sent
  input.request = lease.request;
  return input;
}

ClusterInput ClusterWorkload::answer(const ClusterHarness& harness) {
  const auto it = std::min_element(probes_.begin(), probes_.end(),
                                   [](const Probe& a, const Probe& b) { return a.due < b.due; });
  Probe probe = *it;
  *it = probes_.back();
  probes_.pop_back();
  if (!probe.early) probe.found = world_.probe(probe.key, now_);
  ClusterInput input = at(probe.found.answers ? Kind::on_probed : Kind::on_probe_failed);
  input.key = probe.key;
  input.seen = probe.found.seen;
  const auto& hosts = harness.model().hosts();
  const auto host =
      std::find_if(hosts.begin(), hosts.end(), [&](const auto& other) { return other.key == probe.key; });
  // One that comes after its time, or of a host that has been listed anew.
  input.stale = host == hosts.end() || host->probe != probe.number || !host->asking;
  if (!probe.found.answers && !probe.found.refuses) input.stale = true;  // nothing comes of it
  return input;
}

/// What a program does of its own, and what goes wrong between it and the cluster.
ClusterInput ClusterWorkload::disturb(const ClusterHarness& harness) {
  const auto& hosts = harness.model().hosts();
  ClusterInput input = at(Kind::tick);
  input.pick = dice_.below(1024);
  if (!hosts.empty()) input.key = hosts[input.pick % hosts.size()].key;
  switch (dice_.below(12)) {
    case 0: input.kind = Kind::cancel; break;
    case 1:
      input.kind = Kind::cancel;
      input.stale = true;
      break;
    case 2:
    case 3: input.kind = Kind::on_doubt; break;
    case 4:
      input.kind = Kind::on_doubt;
      input.stale = true;
      break;
    case 5:
      input.kind = Kind::on_probed;
      input.stale = true;
      input.seen = world_.probe(input.key, now_).seen;
      input.seen.primary = dice_.permille(500);
      break;
    case 6:
      input.kind = Kind::on_probe_failed;
      input.stale = dice_.permille(500);
      break;
    case 7:
      input.kind = Kind::suspend;
      input.until = now_ + dice_.between(Duration{}, 2s);
      break;
    case 8: input.kind = Kind::resume; break;
    case 9:
      now_ += dice_.between(Duration{}, 100ms);
      input.now = now_;
      break;  // a tick that is late
    default: break;
  }
  return input;
}

ClusterInput ClusterWorkload::next(const ClusterHarness& harness) {
  if (!recovering_ && dice_.permille(noise_)) return disturb(harness);
  for (;;) {
    TimePoint time = harness.next_deadline();
    Source source = Source::tick;
    const auto consider = [&](TimePoint when, Source from) {
      if (when >= time) return;
      time = when;
      source = from;
    };
    for (const Probe& probe : probes_) consider(probe.due, Source::probe);
    consider(next_arrival_, Source::arrival);
    if (!harness.model().leases().empty()) consider(next_release_, Source::release);
    consider(next_world_, Source::world);
    consider(next_lookup_, Source::lookup);
    consider(next_doubt_, Source::doubt);
    now_ = std::max(now_, time);
    switch (source) {
      case Source::tick: return at(Kind::tick);
      case Source::probe: return answer(harness);
      case Source::arrival: return arrive();
      case Source::release: return give_back(harness);
      case Source::world:
        recovering_ ? world_.go_on(now_) : world_.happen(now_);
        next_world_ = now_ + (recovering_ ? Duration(5ms) : dice_.between(Duration{}, 2 * world_gap_));
        continue;
      case Source::lookup: {
        next_lookup_ = recovering_ ? cluster::never : now_ + dice_.between(lookup_gap_ / 2, lookup_gap_);
        ClusterInput input = at(Kind::set_hosts);
        input.keys = world_.keys();
        return input;
      }
      case Source::doubt: {
        next_doubt_ = cluster::never;
        ClusterInput input = at(Kind::on_doubt);
        input.key = doubted_;
        return input;
      }
    }
  }
}

void ClusterWorkload::send(const cluster::Action& action) {
  Probe probe{.key = action.key, .number = action.probe};
  probe.found = world_.probe(action.key, now_);
  probe.early = dice_.permille(500);
  const Duration latency = world_.latency(action.key);
  probe.due = now_ + dice_.between(latency / 2, latency * 2);
  if (!recovering_ && dice_.permille(10)) return;  // it is lost
  if (!probe.found.answers && !probe.found.refuses && probe.early) return;
  probes_.push_back(probe);
}

void ClusterWorkload::observe(const ClusterHarness& harness) {
  for (const cluster::Action& action : harness.actions()) {
    if (action.kind == cluster::ActionKind::probe) send(action);
  }
  const auto& leases = harness.model().leases();
  for (std::size_t i = leases.size() - std::min(leases.size(), harness.new_leases()); i < leases.size();
       ++i) {
    if (world_.probe(leases[i].key, now_).answers || next_doubt_ != cluster::never) continue;
    doubted_ = leases[i].key;
    next_doubt_ = now_ + dice_.between(Duration{}, 100ms);
  }
}

void ClusterWorkload::begin_recovery() {
  recovering_ = true;
  world_.heal(now_);
  next_lookup_ = now_;
  next_doubt_ = cluster::never;
}

/// A probe that is lost, the period after which the old primary is asked, the backoff of the new one, and the
/// way there and back.
Duration ClusterWorkload::recovery_time() const {
  return 2 * options_.probe_timeout + options_.probe_period + options_.longest_search_backoff +
         options_.first_backoff + 600ms;
}

}  // namespace copg::sim
