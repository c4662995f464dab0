// The hosts that there are: their names' addresses, and their pools.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "routing/leaving_pool.hpp"
#include "routing/router.hpp"
#include "routing/steering.hpp"

namespace copg::routing {

/// Doubts a host of which its pool has lost a connection, or can't make one.
class Steering::DoubtingObserver final : public Observer {
 public:
  DoubtingObserver(std::weak_ptr<Router> router, cluster::HostKey key)
      : router_(std::move(router)), key_(key) {}

  [[nodiscard]] bool wants(Hook hook) const noexcept override {
    return hook == Hook::closed || hook == Hook::open_failed;
  }
  void closed(const event::Closed& event) noexcept override {
    if (event.reason == CloseReason::broken || event.reason == CloseReason::demoted) doubt();
  }
  void open_failed(const event::OpenFailed& /*event*/) noexcept override { doubt(); }

 private:
  void doubt() const noexcept {
    if (const auto router = router_.lock()) router->doubt(key_);
  }

  const std::weak_ptr<Router> router_;
  const cluster::HostKey key_;
};

void Steering::resolve() {
  const auto there = port();
  if (!there || resolving_) return;
  asked_at_ = engine::now();
  names_due_ = engine::after(asked_at_, setup_.names_period);
  resolving_ = std::make_unique<engine::BackgroundTask>(
      std::make_unique<pq::ResolveOperation>(host_lists(setup_.config)),
      [this, router = router_.lock()](engine::BackgroundTask::End end) { resolved(end); });
  resolving_->start(*there, engine::duration_of(setup_.options.connect_timeout));
}

void Steering::resolved(engine::BackgroundTask::End end) {
  const std::unique_ptr<engine::BackgroundTask> task = std::move(resolving_);
  auto error = task->take_error(end, "the name server did not answer within connect_timeout");
  if (error) {
    names_due_ = std::min(names_due_, engine::after(asked_at_, setup_.names_gap));
    const LockedRouting state(shared_);
    state->names_error = std::move(error->message);
    return post_work(*state);
  }
  try {
    list(static_cast<pq::ResolveOperation&>(task->operation()).take_hosts());
  } catch (const Error& failure) {  // a pool can't be made, for want of a thread
    names_due_ = std::min(names_due_, engine::after(asked_at_, setup_.names_gap));
    const LockedRouting state(shared_);
    state->names_error = failure.what();
    post_work(*state);
  }
}

/// The hosts there are from now on.
void Steering::list(std::vector<pq::Host> hosts) {
  // A name server that does not know a name for a moment takes no host out of use.
  for (const pq::Host& before : listed_) {
    const bool named =
        std::ranges::any_of(hosts, [&](const pq::Host& host) { return host.name == before.name; });
    if (!named) hosts.push_back(before);
  }
  work();  // what has left before is let go of, so that it may come back
  std::vector<std::pair<cluster::HostKey, std::shared_ptr<const HostPool>>> fresh;
  std::vector<cluster::HostKey> keys;
  for (const pq::Host& host : hosts) {
    const cluster::HostKey key = key_of(host);
    if (std::ranges::find(keys, key) != keys.end() || keys.size() == cluster::Cluster::most_hosts) continue;
    keys.push_back(key);
    if (probes_.contains(key)) continue;
    fresh.emplace_back(key, make_pool(key, host));
  }
  for (const auto& [key, host] : fresh) probes_[key] = std::make_unique<HostProbe>(setup_, host->address);
  listed_ = std::move(hosts);
  {
    const LockedRouting state(shared_);
    if (!port_ || state->cluster->closed()) return;
    state->names_error.reset();
    for (auto& [key, pool] : fresh) state->hosts[key].pool = pool;
    state->dispatch();
    state->cluster->set_hosts(engine::now(), keys);
    state->dispatch();
  }
  for (auto& [key, pool] : fresh) pool->pool->open();
  work();
}

cluster::HostKey Steering::key_of(const pq::Host& host) {
  const auto known = std::ranges::find_if(keys_, [&](const auto& entry) { return entry.first == host; });
  if (known != keys_.end()) return known->second;
  keys_.emplace_back(host, keys_.size() + 1);
  return keys_.back().second;
}

std::shared_ptr<const HostPool> Steering::make_pool(cluster::HostKey key, const pq::Host& host) const {
  PoolOptions options = setup_.options;
  options.name = fmt::format("{} at {}", setup_.name, to_string(host));
  options.observer.add(std::make_shared<DoubtingObserver>(router_, key));
  return std::make_shared<const HostPool>(
      HostPool{key, host,
               engine::PoolEngine::create(config_of(setup_.config, host), std::move(options),
                                          setup_.call_configure, setup_.executor)});
}

/// A host has left: its leases live on until they are given back, and then its pool is closed.
void Steering::let_go(cluster::HostKey key) {
  std::shared_ptr<engine::PoolEngine> pool = pool_of(key);
  probes_.erase(key);
  {
    const LockedRouting state(shared_);
    state->hosts.erase(key);
  }
  const auto there = port();
  if (!pool || !there) return;
  pool->set_turns_away(true);
  pool->start_close(pool::forever);
  leaving_.push_back(std::make_unique<LeavingPool>(std::move(pool)));
  const auto place = std::prev(leaving_.end());
  (*place)->then(there, [this, place, router = router_.lock()] { leaving_.erase(place); });
}

}  // namespace copg::routing
