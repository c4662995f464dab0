// PoolOptions::validate: each bound, and what it says.
#include <copg/error.hpp>
#include <copg/pool_options.hpp>

#include <cmath>
#include <limits>

#include "support/refusal.hpp"

namespace copg {
namespace {

using namespace std::chrono_literals;
using test::contains;

/// Empty if the options are valid.
std::string objection(const PoolOptions& options) {
  try {
    options.validate();
    return {};
  } catch (const ConfigurationError& error) {
    return error.what();
  }
}

TEST(PoolOptions, the_defaults_are_the_documented_ones_and_valid) {
  const PoolOptions options;
  EXPECT_EQ(objection(options), "");
  EXPECT_EQ(options.min_size, 2);
  EXPECT_EQ(options.max_size, 10);
  EXPECT_EQ(options.max_idle, 300s);
  EXPECT_EQ(options.max_lifetime, 1h);
  EXPECT_EQ(options.timeout, 30s);
  EXPECT_EQ(options.num_workers, 3);
  EXPECT_EQ(options.reconnect_timeout, 300s);
  EXPECT_EQ(options.connect_timeout, 10s);
}

TEST(PoolOptions, take_times_in_any_unit) {
  const PoolOptions options{
      .min_size = 5, .max_size = 20, .max_idle = 300s, .max_lifetime = 1h, .timeout = 0.5s};
  EXPECT_EQ(options.timeout, 500ms);
  EXPECT_EQ(objection(options), "");
}

TEST(PoolOptions, an_objection_names_the_option_the_value_and_the_bound) {
  EXPECT_EQ(objection({.min_size = 11}), "min_size = 11: it must be at most max_size, which is 10");
  EXPECT_EQ(objection({.timeout = -1s}), "timeout = -1 s: it must be at least 0 s");
}

TEST(PoolOptions, each_option_has_its_bound) {
  EXPECT_TRUE(contains(objection({.min_size = -1}), "min_size = -1"));
  EXPECT_TRUE(contains(objection({.min_size = 0, .max_size = 0}), "max_size = 0"));
  EXPECT_TRUE(contains(objection({.max_idle = -1ms}), "max_idle"));
  EXPECT_TRUE(contains(objection({.max_lifetime = 0s}), "max_lifetime"));
  EXPECT_TRUE(contains(objection({.num_workers = 0}), "num_workers"));
  EXPECT_TRUE(contains(objection({.reconnect_timeout = -1s}), "reconnect_timeout"));
  EXPECT_TRUE(contains(objection({.max_waiting = -1}), "max_waiting"));
  EXPECT_TRUE(contains(objection({.connect_timeout = 0s}), "connect_timeout"));
  EXPECT_TRUE(contains(objection({.min_idle = 11}), "min_idle"));
  EXPECT_TRUE(contains(objection({.min_idle = -1}), "min_idle"));
  EXPECT_TRUE(contains(objection({.outage_patience = -1s}), "outage_patience"));
  EXPECT_TRUE(contains(objection({.credentials_ttl = -1s}), "credentials_ttl"));
  EXPECT_TRUE(contains(objection({.leak_after = 0s}), "leak_after"));
  EXPECT_TRUE(contains(objection({.held_idle_after = 0s}), "held_idle_after"));
  EXPECT_EQ(objection({.min_size = 0, .max_idle = 0s, .timeout = 0s, .reconnect_timeout = 0s}), "");
}

TEST(PoolOptions, nan_is_no_time_and_never_is_one) {
  const Seconds nan(std::numeric_limits<double>::quiet_NaN());
  const Seconds never(std::numeric_limits<double>::infinity());
  EXPECT_NE(objection({.max_idle = nan}), "");
  EXPECT_NE(objection({.max_lifetime = nan}), "");
  EXPECT_NE(objection({.timeout = nan}), "");
  EXPECT_NE(objection({.reconnect_timeout = nan}), "");
  EXPECT_NE(objection({.connect_timeout = nan}), "");
  EXPECT_NE(objection({.leak_after = nan}), "");
  EXPECT_EQ(objection({.max_idle = never, .max_lifetime = never, .timeout = never}), "");
  EXPECT_NE(objection({.connect_timeout = never}), "");
}

}  // namespace
}  // namespace copg
