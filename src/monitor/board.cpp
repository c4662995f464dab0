#include "monitor/board.hpp"

#include <copg/prometheus.hpp>

#include <errno.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "monitor/json.hpp"
#include "os/names.hpp"

namespace copg::monitor {

namespace {

constexpr int document_version = 1;

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace

Board::Board(const MonitorOptions& options) : options_(options) {}

void Board::add(const PoolView& view) {
  const std::lock_guard lock(mutex_);
  const auto same = [&](const auto& pool) { return pool->view() == view; };
  if (closed_ || view.expired() || std::ranges::any_of(pools_, same)) return;
  pools_.push_back(std::make_unique<WatchedPool>(view, ++added_, options_));
}

void Board::look() {
  const std::lock_guard lock(mutex_);
  drop_expired();
  for (const auto& pool : pools_) pool->look();
}

void Board::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  pools_.clear();
}

void Board::drop_expired() {
  std::erase_if(pools_, [](const auto& pool) { return pool->view().expired(); });
}

std::string Board::document(bool with_history) {
  const std::lock_guard lock(mutex_);
  drop_expired();
  Json json;
  json.object([&] {
    json.member("version", document_version);
    json.key("process").object([&] {
      json.member("pid", getpid()).member("host", host_name());
      json.member("program", options_.program.empty() ? os::program_name() : options_.program.c_str());
      json.member("started", started_);
    });
    json.member("time", std::chrono::system_clock::now());
    json.member("texts", options_.show_texts);
    json.key("pools").array([&] {
      for (const auto& pool : pools_) pool->write(json, with_history);
    });
  });
  return std::move(json).take();
}

std::string Board::metrics() {
  std::vector<PoolMetrics> metrics;
  const std::lock_guard lock(mutex_);
  drop_expired();
  for (const auto& pool : pools_) {
    if (auto read = pool->metrics()) metrics.push_back(std::move(*read));
  }
  return prometheus_text(std::move(metrics));
}

Health Board::health() {
  const std::lock_guard lock(mutex_);
  drop_expired();
  Health all;
  for (const auto& pool : pools_) {
    const Health one = pool->health();
    if (one.ok) continue;
    all.ok = false;
    all.reason += fmt::format("{}: {}\n", pool->view().name(), one.reason);
  }
  return all;
}

}  // namespace copg::monitor
