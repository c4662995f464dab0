// The public object, which does nothing in a forked child: the server there is a copy without its thread.
#include <copg/monitor.hpp>

#include "monitor/server.hpp"

namespace copg {

namespace {

/// Where the server was left behind by a fork it is not destroyed either: its reactor is shared with the
/// parent, whose registrations would go.
void end(monitor::Server* server) noexcept {
  if (server->left_behind()) return;
  server->stop();
  delete server;
}

}  // namespace

Monitor::Monitor(const MonitorOptions& options) : server_(new monitor::Server(options), end) {}

Monitor::~Monitor() = default;

void Monitor::add(const PoolView& pool) {
  if (!server_->left_behind()) server_->board().add(pool);
}

std::uint16_t Monitor::port() const noexcept { return server_->port(); }

const std::string& Monitor::url() const noexcept { return server_->url(); }

const std::string& Monitor::socket_path() const noexcept { return server_->socket_path(); }

void Monitor::close() noexcept {
  if (!server_->left_behind()) server_->stop();
}

}  // namespace copg
