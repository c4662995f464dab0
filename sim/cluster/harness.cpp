#include "sim/cluster/harness.hpp"

#include <algorithm>
#include <array>
#include <new>

#include "sim/allocations.hpp"

namespace copg::sim {

using cluster::Acquired;
using cluster::ActionKind;
using cluster::HostId;
using cluster::Request;

namespace {

constexpr std::uint32_t most_waiters = 24;

cluster::ClusterOptions spoil(cluster::ClusterOptions options, ClusterSabotage sabotage) {
  if (sabotage == ClusterSabotage::no_limit) options.max_leases = 0;
  if (sabotage == ClusterSabotage::eager_probes) options.probe_period = options.search_period;
  return options;
}
Request spoil(Request request, ClusterSabotage sabotage) {
  if (sabotage == ClusterSabotage::forget_tokens) request.token = {};
  if (sabotage == ClusterSabotage::forget_lags) request.max_lag = cluster::forever;
  return request;
}
cluster::Observation spoil(cluster::Observation seen, ClusterSabotage sabotage) {
  if (sabotage == ClusterSabotage::flat_timelines) seen.timeline = 1;
  if (sabotage == ClusterSabotage::one_instance) seen.instance = 1;
  if (sabotage == ClusterSabotage::one_system) seen.system = 7;
  return seen;
}
/// As it was before it was listed anew.
HostId stale(HostId id) { return {id.slot, id.generation - 1}; }

}  // namespace

ClusterHarness::ClusterHarness(const cluster::ClusterOptions& options, ClusterSabotage sabotage)
    : core_(spoil(options, sabotage), cluster::TimePoint{}), model_(options, core_), sabotage_(sabotage) {
  actions_.reserve(1024);
  core_.reserve_waiters(most_waiters);
}

bool ClusterHarness::apply(const ClusterInput& input) {
  actions_.clear();
  new_leases_ = 0;
  model_.begin(input.now);
  const std::uint32_t before = model_.grants();
  call(input);
  new_leases_ = model_.grants() - before;
  model_.judge_quiet(next_deadline_);
  return !model_.violation();
}

void ClusterHarness::call(const ClusterInput& input) {
  using Kind = ClusterInputKind;
  const auto now = input.now;
  switch (input.kind) {
    case Kind::set_hosts: return set_hosts(input);
    case Kind::acquire:
    case Kind::reacquire: return acquire(input);
    case Kind::cancel: return cancel(input);
    case Kind::release: return release(input);
    case Kind::on_probed:
    case Kind::on_probe_failed: return probed(input);
    case Kind::on_doubt: return doubt(input);
    case Kind::suspend:
      core_.suspend(now, input.until);
      model_.suspend(input.until);
      break;
    case Kind::resume:
      core_.resume(now);
      model_.resume();
      break;
    case Kind::close:
      core_.close(now);
      model_.close();
      break;
    case Kind::tick:
      core_.tick(now);
      if (!model_.closed()) model_.tick();
      break;
  }
  model_.settle();
  take_actions();
  if (input.kind == Kind::tick && core_.next_deadline() <= now && core_.next_deadline() <= model_.now())
    model_.violate("C11 found out", "a tick is due right after a tick");
}

void ClusterHarness::set_hosts(const ClusterInput& input) {
  std::array<cluster::HostKey, 64> keys{};
  std::size_t count = 0;
  for (cluster::HostKey key = 0; key < 64; ++key) {
    if ((input.keys >> key & 1) != 0) keys[count++] = key;
  }
  core_.set_hosts(input.now, {keys.data(), count});
  model_.set_hosts(input.keys);
  model_.settle();
  take_actions();
}

void ClusterHarness::acquire(const ClusterInput& input) {
  if (core_.free_waiters() == 0) return;
  const Request request = spoil(input.request, sabotage_);
  const std::uint64_t before = allocations();
  Acquired answer;
  if (input.kind == ClusterInputKind::acquire) {
    answer = core_.acquire(input.now, request);
  } else {
    if (model_.leases().empty()) return;
    const std::size_t index = input.pick % model_.leases().size();
    const ClusterModel::Lease lease = model_.leases()[index];
    answer = core_.reacquire(input.now, lease.host, request, lease.ticket);
    if (answer.ticket != lease.ticket && answer.kind != Acquired::Kind::rejected)
      model_.violate("C7 order", "one that came back has lost its place");
    model_.end_lease(index);
  }
  if (allocations() != before) model_.violate("no allocation", "an acquire allocated");
  mix(static_cast<std::uint64_t>(answer.kind) * 64 + answer.host.slot + answer.waiter.slot * 1024);
  if (answer.kind == Acquired::Kind::queued) model_.on_queued(input.request, answer);
  model_.settle();
  take_actions();
  model_.on_answer(input.request, answer);
}

void ClusterHarness::cancel(const ClusterInput& input) {
  if (model_.waiting().empty()) return;
  const std::size_t index = input.pick % model_.waiting().size();
  cluster::WaiterId waiter = model_.waiting()[index].id;
  const bool late = model_.waiting()[index].request.deadline <= model_.now();
  if (input.stale) --waiter.generation;
  const bool cancelled = sabotage_ == ClusterSabotage::deaf_cancels || core_.cancel(input.now, waiter);
  if (cancelled != (!late && !input.stale) && sabotage_ == ClusterSabotage::none)
    model_.violate("C10 one outcome", "a cancel had the wrong answer");
  if (cancelled) model_.on_cancelled(index);
  model_.settle();
  take_actions();
}

void ClusterHarness::release(const ClusterInput& input) {
  if (model_.leases().empty()) return;
  const std::size_t index = input.pick % model_.leases().size();
  const std::uint64_t before = allocations();
  if (sabotage_ == ClusterSabotage::allocate) ::operator delete(::operator new(1));
  if (sabotage_ != ClusterSabotage::lost_leases) core_.release(input.now, model_.leases()[index].host);
  if (allocations() != before) model_.violate("no allocation", "a release allocated");
  model_.end_lease(index);
  model_.settle();
  take_actions();
}

void ClusterHarness::probed(const ClusterInput& input) {
  ClusterModel::Known* host = model_.find(input.key);
  if (host == nullptr) return;
  const bool old_id = input.stale && host->id.generation > 1;
  const HostId id = old_id ? stale(host->id) : host->id;
  const std::uint32_t number = input.stale && !old_id ? host->probe - 1 : host->probe;
  const bool counts = !input.stale && host->asking && !model_.closed();
  const std::uint64_t before = allocations();
  if (input.kind == ClusterInputKind::on_probed) {
    core_.on_probed(input.now, id, number, spoil(input.seen, sabotage_));
    if (counts) model_.probed(*host, input.seen);
  } else {
    core_.on_probe_failed(input.now, id, number);
    if (counts) model_.probe_failed(*host);
  }
  model_.settle();
  take_actions();
  if (allocations() != before) model_.violate("no allocation", "an answer allocated");
}

void ClusterHarness::doubt(const ClusterInput& input) {
  ClusterModel::Known* host = model_.find(input.key);
  if (host == nullptr) return;
  if (sabotage_ != ClusterSabotage::deaf_doubts)
    core_.on_doubt(input.now, input.stale ? stale(host->id) : host->id);
  if (!input.stale && !model_.closed()) model_.doubt(*host);
  model_.settle();
  take_actions();
}

void ClusterHarness::take_actions() {
  while (const auto action = core_.poll_action()) {
    if (actions_.size() == actions_.capacity()) {
      model_.violate("C12 no storm", "the actions never end");
      break;
    }
    actions_.push_back(*action);
  }
  next_deadline_ = core_.next_deadline();
  if (sabotage_ != ClusterSabotage::none) spoil_actions();
  for (const cluster::Action& action : actions_) {
    mix((static_cast<std::uint64_t>(action.kind) << 56) ^ (action.key << 48) ^
        (std::uint64_t{action.waiter.slot} << 32) ^ action.probe);
    mix((static_cast<std::uint64_t>(action.error) << 16) ^ (static_cast<std::uint64_t>(action.end) << 8) ^
        static_cast<std::uint64_t>(action.report));
    model_.on_action(action);
  }
  mix(static_cast<std::uint64_t>(next_deadline_.time_since_epoch().count()));
}

void ClusterHarness::spoil_actions() {
  const auto drop = [&](auto unwanted) { std::erase_if(actions_, unwanted); };
  if (sabotage_ == ClusterSabotage::drop_grants)
    drop([](const auto& it) { return it.kind == ActionKind::grant; });
  if (sabotage_ == ClusterSabotage::mute_ends)
    drop([](const auto& it) { return it.kind == ActionKind::end_epoch; });
  if (sabotage_ == ClusterSabotage::skip_timeouts)
    drop([](const auto& it) { return it.error == cluster::WaitError::timeout; });
  if (sabotage_ == ClusterSabotage::oversleep && next_deadline_ < cluster::never - std::chrono::seconds(1))
    next_deadline_ += std::chrono::seconds(1);
  const auto kind_at = [&](std::size_t i, ActionKind kind) {
    return i < actions_.size() && actions_[i].kind == kind;
  };
  if (sabotage_ == ClusterSabotage::double_probes && kind_at(0, ActionKind::probe))
    actions_.push_back(actions_.front());
  for (std::size_t i = 0; sabotage_ == ClusterSabotage::swap_grants && i < actions_.size(); ++i) {
    if (kind_at(i, ActionKind::grant) && kind_at(i + 1, ActionKind::grant)) {
      std::swap(actions_[i], actions_[i + 1]);
      break;
    }
  }
}

}  // namespace copg::sim
