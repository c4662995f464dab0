// What a pool has measured, put into the theory of queues, and its answer in words.
#include <copg/size_advice.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>

#include "engine/queueing.hpp"

namespace copg {
namespace {

constexpr std::uint64_t least_requests = 1000;
constexpr double saturated_from = 0.95;  // of the requests wait
constexpr double large_by = 0.5;         // so much of the connections would do, or less

double seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

/// Of the waits that were not over at once.
std::chrono::nanoseconds median_of_waits(const Histogram& waits) {
  const std::uint64_t at_once = waits.bucket(0).count;
  const auto all = static_cast<double>(waits.count());
  if (waits.count() == at_once) return {};
  return waits.quantile(1 - (all - static_cast<double>(at_once)) / all / 2);
}

std::string percent(double part) {
  const double value = 100 * part;
  return fmt::format("{:.{}f} %", value, value >= 9.95 || value == 0 ? 0 : value >= 0.095 ? 1 : 2);
}

std::string what_waited(const SizeAdvice& advice) {
  return fmt::format("{} of the requests waited, {:.3g} ms at the median", percent(advice.waited),
                     seconds(advice.median_wait) * 1000);
}

std::string text_of(const SizeAdvice& advice, std::uint32_t now, std::uint64_t requests, double target) {
  switch (advice.verdict) {
    case SizeVerdict::unknown:
      return fmt::format("{} requests are too few to judge max_size {}: it takes {}", requests, now,
                         least_requests);
    case SizeVerdict::fits:
      return fmt::format(
          "max_size {} fits: {} of the requests waited, and {:.1f} connections were in use on average", now,
          percent(advice.waited), advice.busy);
    case SizeVerdict::too_small:
      return fmt::format("max_size {} is too small: {}; {} would bring it under {}", now, what_waited(advice),
                         advice.max_size, percent(target));
    case SizeVerdict::saturated:
      return fmt::format(
          "max_size {} is too small: {}, and all connections were in use nearly all the time; {:.1f} "
          "requests were under way or waiting on average, so that {} would let nearly all of them through, "
          "if the "
          "server can answer as many at a time: copg tune measures that",
          now, what_waited(advice), advice.under_way, advice.max_size);
    case SizeVerdict::too_large:
      return fmt::format(
          "max_size {} is more than is needed: {} of the requests waited, and {:.1f} connections were in use "
          "on average; {} would keep the waits under {}",
          now, percent(advice.waited), advice.busy, advice.max_size, percent(target));
  }
  return {};
}

/// Some of the requests wait for a connect, and not for a connection to come back: at most one for each.
double part_that_waited(const PoolStats& stats) {
  const std::uint64_t by_size =
      stats.requests_queued - std::min(stats.requests_queued, stats.connections_num);
  return std::min(1.0, static_cast<double>(by_size) / static_cast<double>(stats.requests_num));
}

void judge(SizeAdvice& advice, std::uint32_t now, double target) {
  advice.max_size = now;
  if (advice.waited >= saturated_from || advice.busy >= now) {
    advice.verdict = SizeVerdict::saturated;
    advice.max_size = std::max(now + 1, static_cast<std::uint32_t>(std::ceil(advice.under_way)));
    advice.waited_then = 0;
    return;
  }
  engine::Demand demand{advice.busy, 1};
  if (advice.waited > 0) demand = engine::demand_that_waits(advice.busy, now, advice.waited);
  advice.burstiness = demand.burstiness;
  const std::uint32_t needed = demand.servers_for(target);
  if (advice.waited > target) {
    advice.verdict = SizeVerdict::too_small;
    advice.max_size = std::max(now + 1, needed);
  } else if (needed <= large_by * now) {
    advice.verdict = SizeVerdict::too_large;
    advice.max_size = needed;
  } else {
    advice.verdict = SizeVerdict::fits;
  }
  advice.waited_then = demand.waiting(advice.max_size);
}

}  // namespace

std::string_view to_string(SizeVerdict verdict) noexcept {
  switch (verdict) {
    case SizeVerdict::unknown: return "unknown";
    case SizeVerdict::fits: return "fits";
    case SizeVerdict::too_small: return "too_small";
    case SizeVerdict::saturated: return "saturated";
    case SizeVerdict::too_large: return "too_large";
  }
  return "unknown";
}

SizeAdvice advise(const PoolMetrics& metrics, double target) {
  if (!(target > 0 && target < 1))
    raise({.kind = ErrorKind::configuration,
           .message = fmt::format(
               "the part of the requests that may wait must be above 0 and below 1, not {}", target)});
  const PoolStats& stats = metrics.stats;
  const double period = seconds(metrics.period);
  SizeAdvice advice;
  advice.max_size = stats.pool_max;
  if (stats.requests_num >= least_requests && period > 0 && stats.usage.count() > 0) {
    advice.busy = seconds(stats.usage) / period;
    advice.under_way = advice.busy + seconds(stats.requests_wait) / period;
    advice.waited = part_that_waited(stats);
    advice.median_wait = median_of_waits(metrics.waits);
    judge(advice, stats.pool_max, target);
  }
  advice.text = text_of(advice, stats.pool_max, stats.requests_num, target);
  return advice;
}

}  // namespace copg
