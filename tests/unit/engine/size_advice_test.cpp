// What is advised about a pool's size, against queues that are simulated: the truth is found by trying.
#include <gtest/gtest.h>

#include <copg/size_advice.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "engine/queueing.hpp"

namespace copg {
namespace {

using namespace std::chrono_literals;

constexpr double target = 0.01;

TEST(Queueing, knows_erlangs_c) {
  EXPECT_NEAR(engine::erlang_c(1, 0.5), 0.5, 1e-9);
  EXPECT_NEAR(engine::erlang_c(2, 1), 1.0 / 3, 1e-9);
  EXPECT_NEAR(engine::erlang_c(10, 8), 0.4092, 1e-4);
  EXPECT_NEAR(engine::erlang_c(100, 80), 0.0196, 1e-4);
  EXPECT_EQ(engine::erlang_c(3, 3), 1);
  EXPECT_GE(engine::erlang_c(10'000, 1), 0);
}

TEST(Queueing, goes_on_between_whole_numbers) {
  double before = 1;
  for (double servers = 1.05; servers < 8; servers += 0.05) {
    const double waiting = engine::erlang_c(servers, 1);
    EXPECT_LT(waiting, before) << servers;
    EXPECT_GT(waiting, before * 0.85) << servers;
    before = waiting;
  }
}

TEST(Queueing, finds_the_demand_that_waits_so_and_the_servers_that_it_needs) {
  for (const double burstiness : {0.5, 1.0, 3.0, 12.0}) {
    for (const double load : {0.3, 4.0, 17.5}) {
      const engine::Demand demand{load, burstiness};
      const double servers = std::ceil(load * 1.2);
      const engine::Demand found = engine::demand_that_waits(load, servers, demand.waiting(servers));
      EXPECT_NEAR(found.burstiness, burstiness, burstiness * 0.01) << load;
      const std::uint32_t enough = demand.servers_for(target);
      EXPECT_LE(demand.waiting(enough), target);
      EXPECT_GT(demand.waiting(enough - 1), target);
    }
  }
}

using Random = std::mt19937_64;
/// A time, in seconds.
using Next = std::function<double(Random&)>;

double chance(Random& random, double mean) { return std::exponential_distribution(1 / mean)(random); }

/// What a pool of `size` connections measures, to which requests come that queue in their order.
PoolMetrics simulate(int size, Next interval, const Next& use, int requests) {
  Random random(4711);
  std::priority_queue<double, std::vector<double>, std::greater<>> free_at;
  for (int i = 0; i < size; ++i) free_at.push(0);
  PoolMetrics metrics;
  const auto time = [](double s) { return std::chrono::nanoseconds(std::llround(s * 1e9)); };
  double now = 0;
  for (int i = 0; i < requests; ++i) {
    now += interval(random);
    const double begin = std::max(now, free_at.top());
    free_at.pop();
    const double used = use(random);
    free_at.push(begin + used);
    ++metrics.stats.requests_num;
    if (begin > now) ++metrics.stats.requests_queued;
    metrics.stats.requests_wait += time(begin - now);
    metrics.stats.usage += time(used);
    metrics.waits.record(time(begin - now));
  }
  metrics.stats.pool_max = static_cast<std::uint32_t>(size);
  metrics.period = time(now);
  return metrics;
}

double waited(const PoolMetrics& metrics) {
  return static_cast<double>(metrics.stats.requests_queued) / static_cast<double>(metrics.stats.requests_num);
}

/// A load for which a request comes each second, on average.
struct Load {
  const char* name;
  std::function<Next()> intervals;
  std::function<Next(double mean)> uses;
};

Next by_chance(double mean) {
  return [mean](Random& random) { return chance(random, mean); };
}
Next always(double mean) {
  return [mean](Random&) { return mean; };
}
/// One of 20 takes 17 times as long as the others.
Next now_and_then_long(double mean) {
  return [mean](Random& random) {
    return chance(random, std::bernoulli_distribution(0.95)(random) ? 0.55 * mean : 9.55 * mean);
  };
}
/// So many at once.
Next together(int size) {
  return [size, left = 0](Random& random) mutable {
    if (left-- > 0) return 0.0;
    left = size - 1;
    return chance(random, size);
  };
}
/// For 200 requests four times as often as for the next 200.
Next in_waves() {
  return [left = 0, fast = false](Random& random) mutable {
    if (left-- == 0) {
      left = 199;
      fast = !fast;
    }
    return chance(random, fast ? 0.4 : 1.6);
  };
}

/// The smallest size at which no more than the target waits.
int size_by_trying(const Load& load, double busy, int requests) {
  int size = static_cast<int>(busy);
  while (waited(simulate(++size, load.intervals(), load.uses(busy), requests)) > target) {
  }
  return size;
}

/// The error of the advice, over pools that are too small by different parts: the smallest and the largest
/// ratio of the advised size to that found by trying.
struct Spread {
  double least = 1e9;
  double most = 0;
};
Spread advised_by_tried(const Load& load, double busy) {
  constexpr int requests = 60'000;
  const double truth = size_by_trying(load, busy, requests);
  Spread spread;
  for (const double full : {0.95, 0.85, 0.7}) {
    const int size = static_cast<int>(std::ceil(busy / full));
    const SizeAdvice advice = advise(simulate(size, load.intervals(), load.uses(busy), requests), target);
    if (advice.verdict == SizeVerdict::saturated) continue;
    EXPECT_EQ(advice.verdict, SizeVerdict::too_small) << load.name << ' ' << busy << ' ' << advice.text;
    spread.least = std::min(spread.least, advice.max_size / truth);
    spread.most = std::max(spread.most, advice.max_size / truth);
  }
  std::printf("%-28s %5.1f busy: %3.0f needed, advised %.2f to %.2f of that\n", load.name, busy, truth,
              spread.least, spread.most);
  return spread;
}

TEST(SizeAdvice, is_right_to_a_connection_or_two_where_requests_come_by_chance) {
  for (const Load& load :
       {Load{"by chance, uses by chance", [] { return by_chance(1); }, by_chance},
        Load{"by chance, equal uses", [] { return by_chance(1); }, always},
        Load{"by chance, some long uses", [] { return by_chance(1); }, now_and_then_long}}) {
    for (const double busy : {0.5, 2.0, 5.0, 8.0, 20.0}) {
      const Spread spread = advised_by_tried(load, busy);
      EXPECT_GE(spread.least, 0.9);
      EXPECT_LE(spread.most, 1.15);
    }
  }
}

TEST(SizeAdvice, is_hardly_too_small_and_may_be_too_large_where_they_come_in_bursts) {
  for (const Load& load : {Load{"4 at once, uses by chance", [] { return together(4); }, by_chance},
                           Load{"10 at once, equal uses", [] { return together(10); }, always},
                           Load{"in waves, uses by chance", in_waves, by_chance}}) {
    for (const double busy : {2.0, 5.0, 8.0, 20.0}) {
      const Spread spread = advised_by_tried(load, busy);
      EXPECT_GE(spread.least, 0.85);
      EXPECT_LE(spread.most, 1.6);
    }
  }
}

/// An hour in which 100 requests come a second.
PoolMetrics an_hour(std::uint32_t size, double busy, std::uint64_t queued) {
  PoolMetrics metrics;
  metrics.period = 1h;
  metrics.stats.pool_max = size;
  metrics.stats.requests_num = 360'000;
  metrics.stats.requests_queued = queued;
  metrics.stats.usage = std::chrono::nanoseconds(std::llround(busy * 3600e9));
  for (std::uint64_t i = 0; i < metrics.stats.requests_num; ++i) metrics.waits.record(i < queued ? 4ms : 0ms);
  metrics.stats.requests_wait = 4ms * queued;
  return metrics;
}

TEST(SizeAdvice, names_the_figures) {
  const SizeAdvice advice = advise(an_hour(10, 7.4, 111'600));
  EXPECT_EQ(advice.verdict, SizeVerdict::too_small);
  EXPECT_EQ(advice.text, "max_size 10 is too small: 31 % of the requests waited, 4 ms at the median; " +
                             std::to_string(advice.max_size) + " would bring it under 1.0 %");
  EXPECT_GE(advice.max_size, 14U);
  EXPECT_LE(advice.max_size, 16U);
  EXPECT_LE(advice.waited_then, 0.01);
  EXPECT_NEAR(advice.busy, 7.4, 0.01);
  EXPECT_NEAR(static_cast<double>(advice.median_wait.count()), 4e6, 0.032 * 4e6);
}

TEST(SizeAdvice, leaves_a_pool_alone_that_fits) {
  const SizeAdvice advice = advise(an_hour(16, 7.4, 1000));
  EXPECT_EQ(advice.verdict, SizeVerdict::fits);
  EXPECT_EQ(advice.max_size, 16U);
}

TEST(SizeAdvice, tells_a_pool_that_is_larger_than_needed) {
  const SizeAdvice advice = advise(an_hour(60, 2.0, 0));
  EXPECT_EQ(advice.verdict, SizeVerdict::too_large);
  EXPECT_EQ(advice.max_size, 7U);
  EXPECT_EQ(advice.burstiness, 1);
}

TEST(SizeAdvice, does_not_pretend_to_know_what_a_saturated_pool_needs) {
  const SizeAdvice advice = advise(an_hour(4, 4.0, 355'000));
  EXPECT_EQ(advice.verdict, SizeVerdict::saturated);
  EXPECT_NE(advice.text.find("copg tune"), std::string::npos);
  EXPECT_GE(advice.max_size, 5U);
}

TEST(SizeAdvice, takes_waits_for_connects_for_what_they_are) {
  PoolMetrics metrics = an_hour(16, 7.4, 5000);
  EXPECT_EQ(advise(metrics).verdict, SizeVerdict::too_small);
  metrics.stats.connections_num = 4900;
  EXPECT_EQ(advise(metrics).verdict, SizeVerdict::fits);
}

TEST(SizeAdvice, does_not_judge_a_few_requests) {
  EXPECT_EQ(advise(PoolMetrics{}).verdict, SizeVerdict::unknown);
  PoolMetrics metrics = an_hour(10, 7.4, 111'600);
  metrics.stats.requests_num = 999;
  EXPECT_EQ(advise(metrics).verdict, SizeVerdict::unknown);
}

TEST(SizeAdvice, refuses_a_target_that_is_no_part) {
  for (const double wrong : {0.0, 1.0, -1.0, std::nan("")})
    EXPECT_THROW((void)advise(PoolMetrics{}, wrong), ConfigurationError) << wrong;
}

}  // namespace
}  // namespace copg
