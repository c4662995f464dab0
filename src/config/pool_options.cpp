// The bounds of the options.
#include <copg/error.hpp>
#include <copg/pool_options.hpp>

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <string_view>

namespace copg {
namespace {

void require(bool holds, std::string_view option, std::int64_t value, std::string_view rule) {
  if (!holds) throw ConfigurationError(fmt::format("{} = {}: it must be {}", option, value, rule));
}

/// What a bound on a time excludes besides NaN.
enum class Bound { at_least_zero, above_zero, above_zero_and_finite };

void require(std::string_view option, Seconds value, Bound bound) {
  const double seconds = value.count();
  // Written so that NaN fails.
  const bool holds = bound == Bound::at_least_zero ? seconds >= 0 : seconds > 0;
  if (holds && (bound != Bound::above_zero_and_finite || std::isfinite(seconds))) return;
  const std::string_view rule = bound == Bound::at_least_zero ? "at least 0 s"
                                : bound == Bound::above_zero  ? "above 0 s"
                                                              : "above 0 s and finite";
  throw ConfigurationError(fmt::format("{} = {} s: it must be {}", option, seconds, rule));
}

}  // namespace

void PoolOptions::validate() const {
  require(max_size >= 1, "max_size", max_size, "at least 1");
  require(min_size >= 0, "min_size", min_size, "at least 0");
  require(min_size <= max_size, "min_size", min_size, fmt::format("at most max_size, which is {}", max_size));
  require(min_idle >= 0, "min_idle", min_idle, "at least 0");
  require(min_idle <= max_size, "min_idle", min_idle, fmt::format("at most max_size, which is {}", max_size));
  require(num_workers >= 1, "num_workers", num_workers, "at least 1");
  require(max_waiting >= 0, "max_waiting", max_waiting, "at least 0 (0: no bound)");
  require(max_result_bytes >= 0, "max_result_bytes", max_result_bytes, "at least 0 (0: no bound)");
  require("max_idle", max_idle, Bound::at_least_zero);
  require("max_lifetime", max_lifetime, Bound::above_zero);
  require("timeout", timeout, Bound::at_least_zero);
  require("reconnect_timeout", reconnect_timeout, Bound::at_least_zero);
  require("connect_timeout", connect_timeout, Bound::above_zero_and_finite);
  require("credentials_ttl", credentials_ttl, Bound::at_least_zero);
  if (outage_patience) require("outage_patience", *outage_patience, Bound::at_least_zero);
  if (leak_after) require("leak_after", *leak_after, Bound::above_zero);
  if (held_idle_after) require("held_idle_after", *held_idle_after, Bound::above_zero);
  if (slow_acquire) require("slow_acquire", *slow_acquire, Bound::at_least_zero);
  if (slow_statement) require("slow_statement", *slow_statement, Bound::at_least_zero);
}

}  // namespace copg
