#include "monitor/watched_pool.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string_view>
#include <utility>

namespace copg::monitor {

using std::chrono::nanoseconds;

namespace {

/// "app.py:41 in load"; empty: it is not known.
std::string shown(const SourceLocation& where) {
  if (where.line() == 0) return {};
  const std::string_view function = where.function_name();
  return function.empty() ? fmt::format("{}:{}", where.file_name(), where.line())
                          : fmt::format("{}:{} in {}", where.file_name(), where.line(), function);
}

std::string_view transaction_of(LeaseStatus status) noexcept {
  switch (status) {
    case LeaseStatus::idle: return "none";
    case LeaseStatus::in_transaction: return "open";
    case LeaseStatus::failed: return "failed";
    case LeaseStatus::active:
    case LeaseStatus::lost: break;
  }
  return "unknown";
}

std::string_view state_of(const PoolCondition& condition) noexcept {
  if (condition.closed) return "closed";
  if (!condition.opened) return "not open";
  return condition.suspended ? "suspended" : "open";
}

/// Nothing where there is no text, or none is to be shown.
std::optional<std::string_view> text_or_none(std::string_view text, bool shown) {
  return shown && !text.empty() ? std::optional(text) : std::nullopt;
}

void write(Json& json, const Histogram& times) {
  json.object([&] {
    json.member("count", times.count()).member("mean", times.mean());
    json.member("p50", times.quantile(0.5)).member("p95", times.quantile(0.95));
    json.member("p99", times.quantile(0.99)).member("max", times.longest());
    // For a picture: one bar for each doubling of the time, [its end, how many], without the empty ones.
    json.key("buckets").array([&] {
      std::uint64_t count = 0;
      for (std::size_t i = 0; i < Histogram::size; ++i) {
        const Histogram::Bucket bucket = times.bucket(i);
        count += bucket.count;
        const bool last = i + 1 == Histogram::size;
        if (!last && !std::has_single_bit(static_cast<std::uint64_t>(bucket.end.count()))) continue;
        if (count > 0)
          json.array([&] {
            json.value(last ? nanoseconds(times.longest()) : bucket.end);
            json.value(count);
          });
        count = 0;
      }
    });
  });
}

void write_totals(Json& json, const PoolStats& stats) {
  json.key("totals").object([&] {
    json.member("requests_num", stats.requests_num).member("requests_queued", stats.requests_queued);
    json.member("requests_wait", stats.requests_wait).member("requests_errors", stats.requests_errors);
    json.member("requests_cancelled", stats.requests_cancelled).member("usage", stats.usage);
    json.member("returns_bad", stats.returns_bad).member("resets_num", stats.resets_num);
    json.member("connections_num", stats.connections_num).member("connections_time", stats.connections_time);
    json.member("connections_errors", stats.connections_errors);
    json.member("connections_lost", stats.connections_lost);
    json.member("connections_detached", stats.connections_detached);
    json.member("statements_shared", stats.statements_shared).member("runs_num", stats.runs_num);
    json.member("runs_largest", stats.runs_largest).member("statements_isolated", stats.statements_isolated);
    json.member("notifications_num", stats.notifications_num);
    json.member("notifications_dropped", stats.notifications_dropped);
    json.member("listening_lost", stats.listening_lost).member("retries_num", stats.retries_num);
    json.member("leases_held_idle", stats.leases_held_idle);
  });
}

void write_gauges(Json& json, const PoolStats& stats, const std::vector<WaiterInfo>& waiters) {
  json.member("min_size", stats.pool_min).member("max_size", stats.pool_max);
  json.key("connections").object([&] {
    json.member("idle", stats.pool_available).member("leased", stats.leased);
    json.member("connecting", stats.connecting).member("resetting", stats.resetting);
    json.member("checking", stats.checking).member("closing", stats.closing);
  });
  const auto statements = static_cast<std::uint64_t>(
      std::ranges::count_if(waiters, [](const WaiterInfo& waiter) { return !waiter.statement.empty(); }));
  json.key("waiters").object(
      [&] { json.member("connection", waiters.size() - statements).member("statement", statements); });
  json.member("listening", stats.listening).member("listeners", stats.listeners);
}

}  // namespace

WatchedPool::WatchedPool(PoolView view, std::uint64_t number, const MonitorOptions& options)
    : view_(std::move(view)),
      number_(number),
      options_(options),
      recorder_(std::make_shared<Recorder>(view_, options.show_texts)) {
  samples_.push_back(sample_of(view_.metrics()));
  view_.add_observer(recorder_);
}

WatchedPool::~WatchedPool() {
  try {
    view_.remove_observer(*recorder_);
  } catch (...) {  // out of memory: the recorder stays for as long as the pool
  }
}

WatchedPool::Sample WatchedPool::sample_of(const PoolMetrics& metrics) {
  return {std::chrono::steady_clock::now(),
          metrics.stats,
          metrics.waits,
          metrics.uses,
          metrics.operations,
          metrics.connects};
}

double WatchedPool::requests_per_second(const Sample& from, const Sample& to) {
  const double seconds = std::chrono::duration<double>(to.time - from.time).count();
  const std::uint64_t requests = to.waits.count() - from.waits.count();
  return seconds > 0 ? static_cast<double>(requests) / seconds : 0;
}

std::optional<PoolMetrics> WatchedPool::metrics() const {
  PoolMetrics metrics = view_.metrics();
  return view_.expired() ? std::nullopt : std::optional(std::move(metrics));
}

void WatchedPool::look() {
  if (++looks_ % samples_of_a_minute == 0) recorder_->next_minute();
  const std::optional<PoolMetrics> metrics = this->metrics();
  if (!metrics) return;
  Sample now = sample_of(*metrics);
  const Sample& before = samples_.back();
  points_.push_back({std::chrono::system_clock::now(), requests_per_second(before, now),
                     now.waits.since(before.waits).quantile(0.95),
                     now.operations.since(before.operations).quantile(0.95), now.stats});
  if (points_.size() > kept_points) points_.pop_front();
  samples_.push_back(std::move(now));
  if (samples_.size() > samples_of_a_minute) samples_.pop_front();
}

Health WatchedPool::health() const {
  const PoolCondition condition = view_.condition();
  const std::optional<PoolMetrics> metrics = this->metrics();
  if (!metrics) return {};
  const PoolStats& stats = metrics->stats;
  const auto waiters = stats.requests_waiting == 0 ? std::vector<WaiterInfo>() : view_.waiters();
  return judge(condition, stats, waiters, std::chrono::duration_cast<nanoseconds>(options_.unhealthy_wait));
}

void WatchedPool::write(Json& json, bool with_history) {
  const PoolCondition condition = view_.condition();
  const std::optional<PoolMetrics> read = metrics();
  if (!read) return;
  const PoolMetrics& metrics = *read;
  const std::vector<WaiterInfo> waiters =
      metrics.stats.requests_waiting == 0 ? std::vector<WaiterInfo>() : view_.waiters();
  const Health health = judge(condition, metrics.stats, waiters,
                              std::chrono::duration_cast<nanoseconds>(options_.unhealthy_wait));
  json.object([&] {
    json.member("number", number_).member("name", view_.name()).member("state", state_of(condition));
    json.key("health").object([&] { json.member("ok", health.ok).member("reason", health.reason); });
    write_gauges(json, metrics.stats, waiters);
    write_totals(json, metrics.stats);
    write_minute(json, sample_of(metrics));
    write_points(json, with_history);
    write_leases(json);
    write_waiting(json, waiters);
    write_events(json);
    write_advice(json, metrics);
  });
}

void WatchedPool::write_minute(Json& json, const Sample& now) const {
  const Sample& then = samples_.front();
  const Histogram waits = now.waits.since(then.waits);
  const std::uint64_t requests = waits.count();
  json.key("minute").object([&] {
    json.member("seconds", nanoseconds(now.time - then.time));
    json.member("requests_per_second", requests_per_second(then, now));
    const std::uint64_t queued = now.stats.requests_queued - then.stats.requests_queued;
    json.member("waited", requests == 0
                              ? 0.0
                              : std::min(1.0, static_cast<double>(queued) / static_cast<double>(requests)));
    json.key("wait");
    monitor::write(json, waits);
    json.key("use");
    monitor::write(json, now.uses.since(then.uses));
    json.key("operation");
    monitor::write(json, now.operations.since(then.operations));
    json.key("connect");
    monitor::write(json, now.connects.since(then.connects));
  });
}

void WatchedPool::write_points(Json& json, bool all) const {
  json.key("history").array([&] {
    const std::size_t first = all || points_.empty() ? 0 : points_.size() - 1;
    for (std::size_t i = first; i < points_.size(); ++i) {
      const Point& point = points_[i];
      json.object([&] {
        json.member("time", point.time).member("requests_per_second", point.requests_per_second);
        json.member("wait_p95", point.wait_p95).member("operation_p95", point.operation_p95);
        json.member("leased", point.stats.leased).member("open", point.stats.pool_size);
        json.member("waiting", point.stats.requests_waiting);
      });
    }
  });
}

void WatchedPool::write_leases(Json& json) const {
  const std::vector<LeaseInfo> leases = view_.leases();
  json.member("leases_total", leases.size());
  json.key("leases").array([&] {
    for (std::size_t i = 0; i < std::min(leases.size(), shown_places); ++i) {
      const LeaseInfo& lease = leases[i];
      const bool idle = !lease.running;
      json.object([&] {
        json.member("connection", lease.connection).member("backend_pid", lease.backend_pid);
        json.member("name", lease.name).member("place", shown(lease.where)).member("holder", lease.holder);
        json.member("age", lease.age).member("idle", idle ? std::optional(lease.idle) : std::nullopt);
        json.member("running", lease.running);
        json.member("held_idle", idle && lease.idle >= options_.held_idle_after);
        json.member("status", to_string(lease.status)).member("transaction", transaction_of(lease.status));
        json.member("travelling", lease.travelling);
        json.member("statement", text_or_none(lease.statement, options_.show_texts));
      });
    }
  });
}

void WatchedPool::write_waiting(Json& json, const std::vector<WaiterInfo>& waiters) const {
  json.member("waiting_total", waiters.size());
  json.key("waiting").array([&] {
    for (std::size_t i = 0; i < std::min(waiters.size(), shown_places); ++i) {
      const WaiterInfo& waiter = waiters[i];
      json.object([&] {
        json.member("kind", waiter.statement.empty() ? "connection" : "statement");
        json.member("age", waiter.waited).member("remaining", waiter.remaining);
        json.member("place", shown(waiter.where)).member("holder", waiter.holder);
        json.member("statement", text_or_none(waiter.statement, options_.show_texts));
      });
    }
  });
}

void WatchedPool::write_events(Json& json) const {
  json.key("slowest").array([&] {
    for (const SlowText& slow : recorder_->slowest())
      json.object([&] {
        json.member("time", slow.time).member("seconds", slow.took);
        json.member("statement", slow.text).member("connection", slow.connection);
      });
  });
  json.key("errors").array([&] {
    for (const SeenError& error : recorder_->errors())
      json.object([&] {
        json.member("time", error.time).member("kind", error.kind).member("sqlstate", error.sqlstate);
        json.member("message", error.message);
      });
  });
  json.key("closes").array([&] {
    for (const SeenClose& close : recorder_->closes())
      json.object([&] {
        json.member("time", close.time).member("connection", close.connection);
        json.member("reason", to_string(close.reason)).member("last_words", close.last_words);
      });
  });
}

/// It takes some milliseconds, so that it is asked for now and then.
void WatchedPool::write_advice(Json& json, const PoolMetrics& metrics) {
  constexpr std::chrono::seconds advice_serves{10};
  const SteadyTime now = std::chrono::steady_clock::now();
  if (!advice_ || now - advised_ >= advice_serves) {
    advice_ = advise(metrics);
    advised_ = now;
  }
  json.key("advice");
  if (advice_->verdict == SizeVerdict::unknown) return json.null();
  json.object([&] {
    json.member("verdict", to_string(advice_->verdict)).member("max_size", advice_->max_size);
    json.member("text", advice_->text);
  });
}

}  // namespace copg::monitor
