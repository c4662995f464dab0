// Histograms against the exact answers.
#include <gtest/gtest.h>

#include <copg/histogram.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace copg {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::nanoseconds;
using namespace std::chrono_literals;

constexpr nanoseconds coarse_from = 8'796'093'022'208ns;  // 2^43, 2.4 h

/// Of random lengths, as many in each decade from 1 ns to 2.4 h.
std::vector<nanoseconds> made_durations(std::uint64_t seed, std::size_t count) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> exponent(0,
                                                  std::log10(static_cast<double>(coarse_from.count()) - 1));
  std::vector<nanoseconds> made(count);
  for (auto& it : made) it = nanoseconds(static_cast<std::int64_t>(std::pow(10.0, exponent(random))));
  return made;
}

Histogram histogram_of(const std::vector<nanoseconds>& durations) {
  Histogram histogram;
  for (const auto it : durations) histogram.record(it);
  return histogram;
}

nanoseconds exact_quantile(std::vector<nanoseconds> durations, double q) {
  std::ranges::sort(durations);
  const auto rank = static_cast<std::size_t>(std::ceil(q * static_cast<double>(durations.size())));
  return durations[std::max<std::size_t>(rank, 1) - 1];
}

/// What the class promises.
void expect_right(nanoseconds said, nanoseconds exact, const char* what) {
  const auto error = std::abs(static_cast<double>((said - exact).count()));
  const double bound = exact < 1us ? 64 : 0.032 * static_cast<double>(exact.count());
  EXPECT_LE(error, bound) << what << ": " << said.count() << " for " << exact.count();
}

TEST(Histogram, quantiles_are_as_near_to_the_exact_ones_as_promised) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto durations = made_durations(seed, 997);
    const Histogram histogram = histogram_of(durations);
    for (const double q : {0.0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0})
      expect_right(histogram.quantile(q), exact_quantile(durations, q), "a quantile");
    expect_right(histogram.longest(), *std::ranges::max_element(durations), "the longest");
  }
}

TEST(Histogram, each_single_duration_is_told_as_precisely_as_promised) {
  for (std::int64_t ns = 0; ns < coarse_from.count(); ns += 1 + ns / 997) {
    Histogram one;
    one.record(nanoseconds(ns));
    expect_right(one.quantile(0.5), nanoseconds(ns), "a single one");
  }
}

TEST(Histogram, count_sum_and_mean_are_exact) {
  const auto durations = made_durations(7, 5000);
  const Histogram histogram = histogram_of(durations);
  nanoseconds sum{};
  for (const auto it : durations) sum += it;
  EXPECT_EQ(histogram.count(), 5000U);
  EXPECT_EQ(histogram.sum(), sum);
  EXPECT_EQ(histogram.mean(), sum / 5000);
}

TEST(Histogram, an_empty_one_says_zero) {
  const Histogram none;
  EXPECT_EQ(none.count(), 0U);
  EXPECT_EQ(none.mean(), 0ns);
  EXPECT_EQ(none.quantile(0.99), 0ns);
  EXPECT_EQ(none.longest(), 0ns);
}

TEST(Histogram, zero_and_negative_durations_count_as_zero) {
  Histogram histogram;
  histogram.record_zero();
  histogram.record(0ns);
  histogram.record(-5s);
  EXPECT_EQ(histogram.count(), 3U);
  EXPECT_EQ(histogram.sum(), 0ns);
  EXPECT_EQ(histogram.longest(), 0ns);
}

TEST(Histogram, what_is_longer_than_its_range_is_in_the_last_bucket_and_exact_in_the_sum) {
  Histogram histogram;
  histogram.record(hours(24 * 365));
  histogram.record(nanoseconds::max() - hours(24 * 366));
  const auto last = histogram.bucket(Histogram::size - 1);
  EXPECT_EQ(last.count, 2U);
  EXPECT_EQ(last.end, nanoseconds::max());
  EXPECT_EQ(histogram.sum(), nanoseconds::max() - hours(24));
  expect_right(histogram.longest(), coarse_from, "the longest that it knows");
  EXPECT_EQ(histogram.shorter_than(coarse_from), 0U);
  EXPECT_EQ(histogram.shorter_than(nanoseconds::max()), 2U);
}

TEST(Histogram, two_that_are_added_are_that_of_both) {
  auto durations = made_durations(1, 400);
  const auto others = made_durations(2, 600);
  Histogram both = histogram_of(durations);
  both += histogram_of(others);
  durations.insert(durations.end(), others.begin(), others.end());
  EXPECT_EQ(both, histogram_of(durations));
}

TEST(Histogram, the_difference_to_an_earlier_one_is_that_of_what_came_since) {
  const auto before = made_durations(3, 300);
  const auto after = made_durations(4, 500);
  const Histogram earlier = histogram_of(before);
  Histogram later = earlier;
  for (const auto it : after) later.record(it);
  EXPECT_EQ(later.since(earlier), histogram_of(after));
  EXPECT_EQ(later.since(later), Histogram());
}

TEST(Histogram, buckets_follow_each_other_and_none_holds_what_is_not_shorter_than_its_end) {
  const auto durations = made_durations(5, 2000);
  const Histogram histogram = histogram_of(durations);
  nanoseconds begin{};
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < Histogram::size; ++i) {
    const auto [bucket_end, count] = histogram.bucket(i);
    const nanoseconds end = bucket_end;  // a lambda can't capture a structured binding in Clang 14
    ASSERT_LT(begin, end);
    const auto inside = std::ranges::count_if(durations, [&](auto it) { return it >= begin && it < end; });
    ASSERT_EQ(count, static_cast<std::uint64_t>(inside)) << "bucket " << i;
    seen += count;
    ASSERT_EQ(histogram.shorter_than(end), seen);
    begin = end;
  }
  EXPECT_EQ(seen, histogram.count());
}

TEST(Histogram, what_is_shorter_than_a_limit_is_never_overstated) {
  const auto durations = made_durations(6, 3000);
  const Histogram histogram = histogram_of(durations);
  for (const nanoseconds limit : {1us, 1000us, 25000us, 1000000us, 60000000us}) {
    const auto under = [&](nanoseconds end) {
      return static_cast<std::uint64_t>(std::ranges::count_if(durations, [&](auto it) { return it < end; }));
    };
    EXPECT_LE(histogram.shorter_than(limit), under(limit));
    EXPECT_GE(histogram.shorter_than(limit), under(limit * 15 / 16));  // a bucket's width below
  }
}

}  // namespace
}  // namespace copg
