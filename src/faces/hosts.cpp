#include "faces/hosts.hpp"

#include <boost/asio/execution_context.hpp>
#include <boost/asio/system_executor.hpp>

#include <algorithm>
#include <iterator>
#include <mutex>
#include <utility>

#include "async/calls.hpp"
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

std::shared_ptr<async::Loop> Hosts::loop() {
  const std::uint32_t process = engine::ForkGuard::generation();
  {
    const std::lock_guard lock(mutex_);
    if (loop_ && process_ == process) return loop_;
  }
  asio::any_io_executor executor = given_ ? given_ : router_->executor();
  if (!executor) executor = asio::system_executor();  // a closed pool's calls complete, too
  auto made = async::Loop::make(nullptr, std::move(executor));
  auto& context = asio::query(made->executor(), asio::execution::context);
  asio::use_service<RouterService>(context).add(router_);
  Loops inherited;
  const std::lock_guard lock(mutex_);
  if (loop_ && process_ == process) return loop_;  // another thread's
  loop_.swap(made);
  loops_.swap(inherited);
  process_ = process;
  return loop_;
}

std::shared_ptr<async::Loop> Hosts::loop_of(const std::shared_ptr<engine::PoolEngine>& pool) {
  const std::shared_ptr<async::Loop> waiting = loop();
  {
    const std::lock_guard lock(mutex_);
    const auto known = loops_.find(pool.get());
    if (known != loops_.end()) return known->second;
  }
  auto made = async::Loop::make(pool, waiting->executor());
  Loops left;  // those of hosts that have left, which are not leased any more
  const std::vector<routing::HostView> hosts = router_->hosts();
  const std::lock_guard lock(mutex_);
  for (auto entry = loops_.begin(); entry != loops_.end();) {
    const auto next = std::next(entry);
    if (std::ranges::none_of(hosts, [&](const auto& host) { return host.pool.get() == entry->first; }))
      left.insert(loops_.extract(entry));
    entry = next;
  }
  return loops_.try_emplace(pool.get(), std::move(made)).first->second;
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
