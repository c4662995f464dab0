// A router for tests: statements on hosts of a role, by threads that wait.
#pragma once

#include <copg/connection.hpp>
#include <copg/params.hpp>
#include <copg/result.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "routing/router.hpp"
#include "support/eventually.hpp"
#include "support/replicas.hpp"
#include "sync/routed.hpp"

namespace copg::test {

/// The hosts as clients reach them: through their gates.
inline Config config_for(Replicas& servers, const std::vector<std::size_t>& order) {
  std::string hosts;
  std::string ports;
  for (const std::size_t index : order) {
    hosts += (hosts.empty() ? "" : ",") + std::string("127.0.0.1");
    ports += (ports.empty() ? "" : ",") + std::to_string(servers.gate(index).port());
  }
  return {.host = hosts, .port = 0, .options = {{"port", ports}, {"sslmode", "disable"}}};
}

class Database {
 public:
  Database(Replicas& servers, const std::vector<std::size_t>& order, PoolOptions options = {})
      : Database(config_for(servers, order), std::move(options)) {}
  Database(Config config, PoolOptions options, boost::asio::any_io_executor executor = {})
      : router_(routing::closing_handle(
            routing::Router::create({.config = std::move(config),
                                     .options = std::move(options),
                                     .call_configure = copg::detail::call_configure,
                                     .executor = std::move(executor),
                                     .report =
                                         [this](cluster::Report report, const pq::Host*) {
                                           const std::lock_guard lock(mutex_);
                                           reports_.push_back(report);
                                         },
                                     .names_period = std::chrono::milliseconds(200),
                                     .names_gap = std::chrono::milliseconds(50)}))) {
    router_->open();
  }
  [[nodiscard]] routing::Router& router() { return *router_; }

  Result execute(const std::string& text, cluster::Request request = {},
                 std::chrono::milliseconds timeout = patience) {
    const Sql sql(text);
    return sync::on_host(*router_, sync::CallClock(engine::TimeLimit(timeout)), request,
                         [&](const routing::HostLease& host, const sync::CallClock& clock) {
                           return sync::execute(host.pool(), clock, sql, Params(),
                                                engine::known_text(sql.text()));
                         });
  }
  std::string value(const std::string& text, cluster::Request request = {},
                    std::chrono::milliseconds timeout = patience) {
    return std::string(execute(text, request, timeout)[0][0].text());
  }
  [[nodiscard]] bool reported(cluster::Report report) {
    const std::lock_guard lock(mutex_);
    return std::ranges::find(reports_, report) != reports_.end();
  }
  /// What is known of the host on that port.
  [[nodiscard]] routing::HostView view(std::size_t port) {
    for (routing::HostView& host : router_->hosts()) {
      if (host.address.port == std::to_string(port)) return host;
    }
    return {};
  }

 private:
  std::mutex mutex_;
  std::vector<cluster::Report> reports_;
  std::shared_ptr<routing::Router> router_;
};

inline const std::string which = "SELECT current_setting('port')";
inline constexpr cluster::Request from_replica{.role = cluster::Role::replica};

inline std::string port_of(Replicas& servers, std::size_t index) {
  return std::to_string(servers.server(index).port());
}

}  // namespace copg::test
