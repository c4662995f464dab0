#include "faces/hosts.hpp"

#include <boost/asio/execution_context.hpp>
#include <boost/asio/system_executor.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

#include "async/calls.hpp"
#include "engine/fork_guard.hpp"
#include "routing/held_host.hpp"

namespace copg::faces {

namespace asio = boost::asio;

namespace {

/// The routers on a context of Asio, which tells them when it goes away.
class RouterService final : public asio::execution_context::service {
 public:
  using key_type = RouterService;
  static inline asio::execution_context::id id;

  explicit RouterService(asio::execution_context& context) : service(context) {}

  void add(const std::shared_ptr<routing::Router>& router) {
    const std::lock_guard lock(mutex_);
    std::erase_if(known_, [](const auto& one) { return one.expired(); });
    known_.emplace_back(router);
  }

 private:
  void shutdown() override {
    std::vector<std::weak_ptr<routing::Router>> known;
    {
      const std::lock_guard lock(mutex_);
      known.swap(known_);
    }
    for (const auto& one : known) {
      if (const auto router = one.lock()) router->detach(context());
    }
  }

  std::mutex mutex_;
  std::vector<std::weak_ptr<routing::Router>> known_;
};

}  // namespace

Hosts::Hosts(std::shared_ptr<routing::Router> router, asio::any_io_executor executor)
    : router_(std::move(router)), given_(std::move(executor)) {}

/// With the mutex held.
void Hosts::make_loop() {
  const std::uint32_t process = engine::ForkGuard::generation();
  if (loop_ && process_ == process) return;
  asio::any_io_executor executor = given_ ? given_ : router_->executor();
  if (!executor) executor = asio::system_executor();  // a closed pool's calls complete, too
  loops_.clear();
  loop_ = async::Loop::make(nullptr, std::move(executor));
  auto& context = asio::query(loop_->executor(), asio::execution::context);
  asio::use_service<RouterService>(context).add(router_);
  process_ = process;
}

std::shared_ptr<async::Loop> Hosts::loop() {
  const std::lock_guard lock(mutex_);
  make_loop();
  return loop_;
}

std::shared_ptr<async::Loop> Hosts::loop_of(const std::shared_ptr<engine::PoolEngine>& pool) {
  const std::lock_guard lock(mutex_);
  make_loop();
  const auto known = loops_.find(pool.get());
  if (known != loops_.end()) return known->second;
  // Hosts that have left are not leased any more.
  const std::vector<routing::HostView> hosts = router_->hosts();
  std::erase_if(loops_, [&](const auto& entry) {
    return std::ranges::none_of(hosts, [&](const auto& host) { return host.pool.get() == entry.first; });
  });
  return loops_[pool.get()] = async::Loop::make(pool, loop_->executor());
}

std::optional<AsyncConnection> Hosts::try_connection(const SourceLocation& where) {
  const auto host = std::make_shared<routing::HeldHost>(router_, routing::HostLease());
  if (!router_->try_acquire(**host, engine::now(), cluster::Request())) return std::nullopt;
  auto leased = async::ConnectionCall::attempt(loop_of((**host).host->pool), where);
  if (leased) async::ConnectionCall::keep_host(*leased, host);
  return leased;
}

std::vector<std::shared_ptr<engine::PoolEngine>> Hosts::start_check() {
  std::vector<std::shared_ptr<engine::PoolEngine>> pools;
  for (const routing::HostView& host : router_->hosts()) {
    if (!host.up) continue;
    host.pool->start_check();
    pools.push_back(host.pool);
  }
  return pools;
}

}  // namespace copg::faces
